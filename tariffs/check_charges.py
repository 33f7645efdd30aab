"""Checks of charges: the keys of each kind, what they price, their tiers, and how they are shared."""

from __future__ import annotations

from decimal import Decimal

from model.money import CURRENCY_EXPONENT
from model.tariff import ANY
from model.units import PRINTED_UNITS
from tariffs.cells import NORMAL_SHARE, Rounding
from tariffs.prices import price_e9, read_prices
from tariffs.problems import KeyPath, Problem, show_names, suggestion
from tariffs.sheet import Charge, Quantity, TariffFile
from tariffs.windows import occurring_periods, season_names, tou_names

FREE_UNIT_SIZE = 10**9  # what is not measured carries 9 decimals of its printed unit
_MAX_STEP_MINOR = 10**6
# Keys that each kind of charge may have, beside those that all may have.
_KEYS = {
    "quantity": {
        "of", "by", "schedule", "lookup", "price", "tiers", "tiers_per", "tier_method", "curve", "package", "free",
        "round_tiers", "prorate_tiers", "prorate", "tolerance",
    },
    "daily": {"per", "by", "schedule", "lookup", "price", "times"},
    "cycle": {"per", "by", "schedule", "lookup", "price", "times", "prorate", "tolerance"},
    "amount": {"amount", "tax"},
    "percent": {"percent", "of", "tax", "gross_up", "included", "exact"},
    "minimum": {"at_least", "per", "of", "prorate", "tolerance", "exact"},
    "maximum": {"at_most", "per", "of", "prorate", "tolerance", "exact"},
}  # fmt: skip
_COMMON_KEYS = {"tags", "text", "clause", "gl_account", "rounding", "when", "memo", "print_if_zero", "party",
                "round_once"}  # fmt: skip
# Methods whose tiers are those of the total over all periods.
OF_TOTAL = ("pro_rata", "chronological")
_KIND_KEY = {
    "daily": "per", "cycle": "per", "minimum": "at_least", "maximum": "at_most", "quantity": "of",
}  # fmt: skip


def printed_size(quantity: Quantity) -> int:
    """Return the smallest units in the printed unit of a quantity that passed its checks; a cost is in 10^-9."""
    is_counted = quantity.kind == "measured" and quantity.agg != "cost"
    return PRINTED_UNITS[quantity.unit][1] if is_counted else FREE_UNIT_SIZE


def schedule_of(charge: Charge, file: TariffFile) -> str:
    """Return the schedule that a charge is priced by: its own, or that of its quantity."""
    if charge.schedule is not None:
        return charge.schedule
    named = charge.of[0] if charge.of is not None and charge.kind == "quantity" else None
    return file.quantities[named].schedule if named in file.quantities else ANY


def texts_of(charge: Charge, file: TariffFile) -> tuple[str, ...]:
    """Return the texts of the attribute that chooses the prices of a charge; the empty one when none does."""
    attribute = file.attributes.get(charge.lookup) if charge.lookup is not None else None
    return (attribute.values or ()) if attribute is not None else (ANY,)


def priced_by(charge: Charge, file: TariffFile) -> dict[str, list[str]]:
    """Return the seasons that a charge is priced by and the periods that occur in each; '' stands for all."""
    file = file.on_schedule(schedule_of(charge, file))
    seasons = season_names(file) if "season" in charge.by else [ANY]
    if "tou" not in charge.by:
        return {season: [ANY] for season in seasons}
    if "season" in charge.by:
        return {season: occurring_periods(file, season) for season in seasons}
    return {ANY: tou_names(file)}


def rounding_problems(rounding: Rounding, path: KeyPath, file: TariffFile) -> list[Problem]:
    """Return the problem of a rounding of money whose step is no whole number of minor units."""
    if file.currency not in CURRENCY_EXPONENT:
        return []
    step = rounding.step.scaleb(CURRENCY_EXPONENT[file.currency])
    if step == step.to_integral_value() and step <= _MAX_STEP_MINOR:
        return []
    text = (
        f"expected a step of whole minor units of {file.currency}, at most {_MAX_STEP_MINOR}, found `{rounding.step}`"
    )
    return [Problem(path, text)]


def charge_problems(charge: Charge, path: KeyPath, file: TariffFile, *, are_windows_right: bool) -> list[Problem]:
    """Return the problems of a charge, apart from its base and its formulas."""
    kind = charge.kind
    if kind is None:
        text = "expected `of`, `per`, `amount`, `percent`, `at_least` or `at_most`, which say what is priced"
        return [Problem(path, f"{text}, found none of them")]
    found = [] if charge.rounding is None else rounding_problems(charge.rounding, (*path, "rounding"), file)
    if extra := sorted(charge.model_fields_set - _KEYS[kind] - _COMMON_KEYS):
        what = _KIND_KEY.get(kind, kind)
        hint = "a tax is a percentage of charges, or an amount" if "tax" in extra else None
        return found + [Problem((*path, key), f"expected no `{key}` beside `{what}`, found one", hint) for key in extra]
    found += _share_problems(charge, path, file)
    if charge.memo and charge.tax is not None:
        found.append(Problem((*path, "memo"), "expected no `memo` beside `tax`, found one"))
    if kind in {"percent", "minimum", "maximum"}:
        return found + _counted_problems(charge, path)
    if kind == "amount":
        return found
    return found + _priced_problems(charge, path, file, are_windows_right=are_windows_right)


def _share_problems(charge: Charge, path: KeyPath, file: TariffFile) -> list[Problem]:
    found = []
    for key in ("prorate", "prorate_tiers"):
        if getattr(charge, key) == NORMAL_SHARE and file.normal_days is None:
            hint = "write normal_days = 30 at the top of the file"
            found.append(Problem((*path, key), "expected `normal_days`, found none", hint))
    return found


def _counted_problems(charge: Charge, path: KeyPath) -> list[Problem]:
    """Return the problems of a percentage, a minimum or a maximum, apart from its base."""
    found = []
    if charge.of is None:
        found.append(Problem((*path, "of"), "expected the charges or tags that are counted, found none"))
    key = {"percent": "percent", "minimum": "at_least", "maximum": "at_most"}[charge.kind or ""]
    if key != "percent" and charge.per is None:
        text = "say what the minimum is for" if key == "at_least" else "say what the maximum is for"
        found.append(Problem((*path, "per"), "expected `day` or `cycle`, found none", text))
    number = getattr(charge, key)
    if isinstance(number, Decimal) and price_e9(number) is None:
        text = f"expected a number below 10^9 with at most 9 decimals, found `{number}`"
        found.append(Problem((*path, key), text))
    if key != "percent" and isinstance(number, Decimal) and number < 0:
        found.append(Problem((*path, key), f"expected 0 or more, found `{number}`"))
    if charge.gross_up and isinstance(number, Decimal) and number >= 100:
        text = f"expected less than 100 of a percentage inside its own base, found `{number}`"
        found.append(Problem((*path, "percent"), text))
    if charge.gross_up and charge.included:
        found.append(Problem((*path, "included"), "expected `gross_up` or `included`, found both"))
    return found


def _priced_problems(charge: Charge, path: KeyPath, file: TariffFile, *, are_windows_right: bool) -> list[Problem]:
    """Return the problems of a charge with prices of its own."""
    quantity, found = _priced_quantity(charge, path, file)
    found += _schedule_problems(charge, quantity, path, file)
    if found:
        return found
    found += _by_problems(charge, quantity, path, file)
    if charge.tiers is not None and charge.price is not None:
        found.append(Problem((*path, "price"), "expected `price` or `tiers`, found both"))
    if charge.tiers is None and charge.price is None:
        expected = "`price` or `tiers`" if charge.kind == "quantity" else "`price`"
        found.append(Problem(path, f"expected {expected}, found none"))
    found += _lookup_problems(charge, path, file) + _package_problems(charge, path)
    found += _tier_problems(charge, quantity, path)
    if found or not are_windows_right:
        return found
    unit_size = printed_size(quantity) if quantity is not None and _has_unit(quantity) else 1
    table = read_prices(charge, path, unit_size, priced_by(charge, file), texts_of(charge, file))
    if charge.tier_method in OF_TOTAL and any(cell.fixed_e9 for cell in table.cells):
        text = f"expected tiers without `fixed` beside `{charge.tier_method}`, found one"
        return [*found, Problem((*path, "tiers"), text, "an amount belongs to a charge of its own, with `when`")]
    return found + table.problems


def _has_unit(quantity: Quantity) -> bool:
    return quantity.kind != "measured" or quantity.unit in PRINTED_UNITS


def _priced_quantity(charge: Charge, path: KeyPath, file: TariffFile) -> tuple[Quantity | None, list[Problem]]:
    if charge.of is None:
        return None, []
    known = list(file.quantities)
    if len(charge.of) != 1:
        text = f"expected one quantity, found {len(charge.of)}"
        return None, [Problem((*path, "of"), text, "a charge prices one quantity; write a charge for each")]
    if charge.of[0] not in known:
        text = f"expected a quantity ({show_names(known)}), found `{charge.of[0]}`"
        return None, [Problem((*path, "of"), text, suggestion(charge.of[0], known))]
    return file.quantities[charge.of[0]], []


def _schedule_problems(charge: Charge, quantity: Quantity | None, path: KeyPath, file: TariffFile) -> list[Problem]:
    if charge.schedule is None:
        return []
    known = list(file.schedules)
    if charge.schedule not in known:
        text = f"expected a schedule ({show_names(known)}), found `{charge.schedule}`"
        return [Problem((*path, "schedule"), text, suggestion(charge.schedule, known))]
    if "tou" in charge.by and quantity is not None and quantity.schedule != charge.schedule:
        text = f"expected the schedule of the quantity (`{quantity.schedule}`), found `{charge.schedule}`"
        return [Problem((*path, "schedule"), text, "write the schedule at the quantity")]
    return []


def _lookup_problems(charge: Charge, path: KeyPath, file: TariffFile) -> list[Problem]:
    if charge.lookup is None:
        return []
    texts = [name for name, attribute in file.attributes.items() if attribute.values is not None]
    if charge.lookup in texts:
        return []
    text = f"expected a text attribute ({show_names(texts)}), found `{charge.lookup}`"
    return [Problem((*path, "lookup"), text, suggestion(charge.lookup, texts))]


def _package_problems(charge: Charge, path: KeyPath) -> list[Problem]:
    if charge.curve != "package":
        keys = [key for key in ("package", "free") if getattr(charge, key) is not None]
        return [Problem((*path, key), 'expected `curve = "package"` beside it, found none') for key in keys]
    found = []
    if charge.package is None or charge.package <= 0:
        text = f"expected the size of a package, above 0, found {'none' if charge.package is None else charge.package}"
        found.append(Problem((*path, "package"), text))
    if charge.tiers is not None or charge.by:
        found.append(Problem((*path, "curve"), "expected one `price` for each package, found `tiers` or `by`"))
    return found


def _by_problems(charge: Charge, quantity: Quantity | None, path: KeyPath, file: TariffFile) -> list[Problem]:
    found = []
    here = (*path, "by")
    is_measured = charge.kind == "quantity" and (quantity is None or quantity.kind == "measured")
    allowed = ["season", "tou"] if is_measured else ["season"]
    for name in charge.by:
        if name not in allowed or charge.by.count(name) > 1:
            words = " and ".join(f"`{item}`" for item in allowed)
            text = f"expected {words}, each once at most, found `{name}`"
            found.append(Problem(here, text))
    seen = file.on_schedule(schedule_of(charge, file))
    if "season" in charge.by and season_names(seen) == [ANY]:
        found.append(Problem(here, "expected seasons in [windows], found none"))
    if "tou" in charge.by and tou_names(seen) == [ANY]:
        found.append(Problem(here, "expected time-of-use periods in [windows], found none"))
    if "tou" in charge.by and quantity is not None and quantity.window is not None:
        text = f"expected no `tou`, because the quantity is that of `{quantity.window}` alone, found it"
        found.append(Problem(here, text))
    return found


def is_peak(quantity: Quantity | None) -> bool:
    """Return whether a quantity is a highest power: never shared by days."""
    return quantity is not None and quantity.kind == "measured" and quantity.agg not in {"sum", "cost"}


def _tier_problems(charge: Charge, quantity: Quantity | None, path: KeyPath) -> list[Problem]:
    """Return what is missing or too much of `tiers_per` and `tier_method`; neither is guessed."""
    if charge.tiers is None:
        keys = [key for key in ("tiers_per", "tier_method", "round_tiers", "prorate_tiers") if _is_set(charge, key)]
        return [Problem((*path, key), f"expected `tiers` beside `{key}`, found none") for key in keys]
    found = []
    of_peak = is_peak(quantity)
    if of_peak and charge.tiers_per is not None and set(charge.tiers_per) & {"cycle", "day"}:
        text = "expected no `tiers_per` for a maximum, whose tiers are never scaled by days, found one"
        found.append(Problem((*path, "tiers_per"), text))
    if not of_peak and charge.tiers_per is None:
        text = "expected `day` or `cycle`, found none"
        found.append(Problem((*path, "tiers_per"), text, "say what the thresholds are for"))
    if "tou" in charge.by and charge.tier_method is None:
        hint = (
            "`graduated`: each period has its own tiers; `pro_rata`: tiers of the total, shared over the periods; "
            "`chronological`: tiers of the total, filled as time goes on"
        )
        found.append(Problem((*path, "tier_method"), "expected `graduated` or `pro_rata`, found none", hint))
    if charge.tier_method in OF_TOTAL:
        found += _of_total_problems(charge, charge.tier_method, quantity, path)
    if charge.tier_method == "pro_rata" and _has_fixed(charge.tiers):
        text = "expected no `fixed` in tiers that are shared over periods, found one"
        found.append(Problem((*path, "tiers"), text, "write what is owed once as a charge of its own"))
    return found or _edge_problems(charge, path)


def _has_fixed(tree: object) -> bool:
    """Return whether any tier in a table of tiers owes something once it is entered."""
    if isinstance(tree, dict):
        return "fixed" in tree or any(_has_fixed(part) for part in tree.values())
    return isinstance(tree, list) and any(_has_fixed(part) for part in tree)


def _is_set(charge: Charge, key: str) -> bool:
    return getattr(charge, key) is not None


def _of_total_problems(charge: Charge, method: str, quantity: Quantity | None, path: KeyPath) -> list[Problem]:
    """Return the problems of tiers of the total: what is shared over periods, or filled in time, has to be use."""
    here = (*path, "tier_method")
    if "tou" not in charge.by:
        text = f"expected `graduated`, because the charge is not by time of use, found `{method}`"
        return [Problem(here, text)]
    if is_peak(quantity):
        return [Problem(here, f"expected `graduated`, because a maximum cannot be shared, found `{method}`")]
    found = []
    if charge.curve == "volume":
        found.append(Problem((*path, "curve"), f"expected no `volume` beside `{method}`, found it"))
    if quantity is not None and quantity.less is not None and quantity.netting in (None, "none"):
        text = f"expected `graduated`, because a difference of sums may be negative, found `{method}`"
        found.append(Problem(here, text, "or give the quantity `netting`, which keeps it from falling below zero"))
    if method == "chronological" and quantity is not None and (quantity.agg != "sum" or quantity.round is not None):
        text = "expected a sum without `round`, because each interval fills the tiers, found another quantity"
        found.append(Problem(here, text))
    return found


def _edge_problems(charge: Charge, path: KeyPath) -> list[Problem]:
    """Tiers of a total need the same edges in every period of a season."""
    if charge.tier_method not in OF_TOTAL or not isinstance(charge.tiers, dict) or charge.lookup is not None:
        return []
    groups = charge.tiers.items() if "season" in charge.by else [("", charge.tiers)]
    found = []
    for season, periods in groups:
        if not isinstance(periods, dict) or not all(isinstance(tiers, list) for tiers in periods.values()):
            continue  # reading the prices says what is wrong
        edges = {name: [tier.get("to") for tier in tiers if isinstance(tier, dict)] for name, tiers in periods.items()}
        first = next(iter(edges), "")
        found += [
            Problem(
                (*path, "tiers", season, name) if season else (*path, "tiers", name),
                f"expected the edges of `{first}`, because the tiers are of the total, found others",
            )
            for name in edges
            if edges[name] != edges[first]
        ]
    return found
