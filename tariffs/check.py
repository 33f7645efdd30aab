"""Checks of a tariff file: what its keys must mean together. A gap is refused here, not when a bill is computed."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise

from model.errors import ConfigError
from model.money import CURRENCY_EXPONENT
from model.tariff import ANY
from model.units import PRINTED_UNITS, SMALLEST_UNIT
from model.zones import zone
from tariffs.bases import circle_problems, resolve_bases
from tariffs.check_examples import example_problems
from tariffs.check_windows import window_problems
from tariffs.prices import price_e9, read_prices
from tariffs.problems import KeyPath, Problem, show_names, suggestion
from tariffs.sheet import NAME, Charge, Quantity, Rounding, TariffFile
from tariffs.windows import occurring_periods, season_names, tou_names, windows_of_kind

# Keys that each kind of charge may have, beside those that all may have.
_KEYS = {
    "quantity": {"of", "by", "price", "tiers", "tiers_per", "tier_method"},
    "daily": {"per", "by", "price"},
    "cycle": {"per", "by", "price"},
    "percent": {"percent", "of", "tax"},
    "minimum": {"at_least", "per", "of"},
}
_COMMON_KEYS = {"tags", "text", "clause", "gl_account", "rounding"}
_MAX_STEP_MINOR = 10**6


def find_problems(file: TariffFile) -> list[Problem]:
    """Return every problem of a tariff whose keys and types are right; an empty list when it can be used."""
    problems = [*_name_problems(file), *_header_problems(file)]
    problems += _quantity_problems(file)
    in_windows = window_problems(file)
    problems += in_windows + _version_problems(file)
    for index, version in enumerate(file.versions):
        path: KeyPath = ("versions", index)
        bases, in_bases = resolve_bases(version, path)
        problems += in_bases + circle_problems(version, bases, path)
        for name, charge in version.charges.items():
            problems += _charge_problems(charge, (*path, "charges", name), file, are_windows_right=not in_windows)
    return problems or example_problems(file)  # an example is read against a tariff that is right


def factors_used(file: TariffFile) -> list[str]:
    """Return the dated factors that any version of the tariff uses as a price, in alphabetical order."""
    charges = [charge for version in file.versions for charge in version.charges.values()]
    return sorted({charge.factor_id for charge in charges if charge.factor_id is not None})


def factor_warnings(file: TariffFile, known: Collection[str]) -> list[str]:
    """Return a warning for each factor of the tariff that is not among the `known` series.

    It is no error: the series may come later. Whoever is billed for a day without a value is parked.
    """
    return [
        f"tariff `{file.tariff}`: factor `{factor}` has no values yet; add them before the first bill"
        for factor in factors_used(file)
        if factor not in known
    ]


def printed_size(quantity: Quantity) -> int:
    """Return the smallest units in the printed unit of a quantity that passed its checks."""
    return PRINTED_UNITS[quantity.unit][1]


def priced_by(charge: Charge, file: TariffFile) -> dict[str, list[str]]:
    """Return the seasons that a charge is priced by and the periods that occur in each; '' stands for all."""
    seasons = season_names(file) if "season" in charge.by else [ANY]
    if "tou" not in charge.by:
        return {season: [ANY] for season in seasons}
    if "season" in charge.by:
        return {season: occurring_periods(file, season) for season in seasons}
    return {ANY: tou_names(file)}


def _name_problems(file: TariffFile) -> list[Problem]:
    """Names become part of line ids, so they are plain."""
    paths: list[KeyPath] = [("windows", name) for name in file.windows]
    paths += [("quantities", name) for name in file.quantities]
    tags: list[tuple[KeyPath, str]] = []
    for index, version in enumerate(file.versions):
        for name, charge in version.charges.items():
            paths.append(("versions", index, "charges", name))
            tags += [(("versions", index, "charges", name, "tags"), tag) for tag in charge.tags]
    named = [(path, str(path[-1])) for path in paths] + tags
    text = "expected a name of small letters, digits and `_`, found"
    return [Problem(path, f"{text} `{name}`") for path, name in named if not re.match(NAME, name)]


def _header_problems(file: TariffFile) -> list[Problem]:
    found = []
    if file.currency not in CURRENCY_EXPONENT:
        text = f"expected a currency code of ISO 4217 such as AUD, found `{file.currency}`"
        # The first two letters of a code are its country's.
        alike = [code for code in CURRENCY_EXPONENT if code[:2] == file.currency[:2].upper()]
        found.append(Problem(("currency",), text, f"did you mean {' or '.join(alike)}?" if alike else None))
    try:
        zone(file.timezone)
    except ConfigError as error:
        found.append(Problem(("timezone",), f"expected the name of a zone, found `{file.timezone}`", error.hint))
    return found + _rounding_problems(file.rounding.line, ("rounding", "line"), file)


def _rounding_problems(rounding: Rounding, path: KeyPath, file: TariffFile) -> list[Problem]:
    if file.currency not in CURRENCY_EXPONENT:
        return []
    step = rounding.step.scaleb(CURRENCY_EXPONENT[file.currency])
    if step == step.to_integral_value() and step <= _MAX_STEP_MINOR:
        return []
    text = (
        f"expected a step of whole minor units of {file.currency}, at most {_MAX_STEP_MINOR}, found `{rounding.step}`"
    )
    return [Problem(path, text)]


def _quantity_problems(file: TariffFile) -> list[Problem]:
    found: list[Problem] = []
    periods = list(windows_of_kind("tou", file.windows))
    for name, quantity in file.quantities.items():
        path: KeyPath = ("quantities", name)
        smallest = SMALLEST_UNIT[quantity.measure]
        if quantity.agg == "max" and smallest != "Wh":
            text = f"expected a maximum of energy in Wh, found `{quantity.measure}` in {smallest}"
            found.append(Problem((*path, "agg"), text))
            continue
        units = [unit for unit, of in PRINTED_UNITS.items() if of[0] == ("W" if quantity.agg == "max" else smallest)]
        if quantity.unit not in units:
            what = "maximum" if quantity.agg == "max" else "sum"
            expected = f"a unit for the {what} of {quantity.measure} ({show_names(units)})"
            text = f"expected {expected}, found `{quantity.unit}`"
            found.append(Problem((*path, "unit"), text, suggestion(quantity.unit, units)))
        if quantity.window is not None and quantity.window not in periods:
            text = f"expected a time-of-use period ({show_names(periods)}), found `{quantity.window}`"
            found.append(Problem((*path, "window"), text, suggestion(quantity.window, periods)))
    return found


def _version_problems(file: TariffFile) -> list[Problem]:
    """Return gaps, overlaps and missing sources; versions stand in the order of their dates."""
    found: list[Problem] = []
    for index, version in enumerate(file.versions):
        path: KeyPath = ("versions", index)
        if version.source is None or not version.source.strip():
            hint = "name the price sheet, order or decision that the prices were taken from"
            found.append(Problem((*path, "source"), "expected a source, found none", hint))
        if version.valid_to is not None and version.valid_to <= version.valid_from:
            text = f"expected a day after {version.valid_from}, found `{version.valid_to}`"
            found.append(Problem((*path, "valid_to"), text, "valid_to is the day after the last"))
    for index, (earlier, later) in enumerate(pairwise(file.versions), start=1):
        path = ("versions", index, "valid_from")
        if later.valid_from <= earlier.valid_from:
            text = f"expected a day after {earlier.valid_from}, found `{later.valid_from}`"
            found.append(Problem(path, text, "write versions in the order of their dates"))
        elif earlier.valid_to is not None and earlier.valid_to != later.valid_from:
            what = "gap" if earlier.valid_to < later.valid_from else "overlap"
            text = f"expected {earlier.valid_to}, where the version before ends, found `{later.valid_from}`: {what}"
            found.append(Problem(path, text, "leave out valid_to: a version holds until the next"))
    return found


def _charge_problems(charge: Charge, path: KeyPath, file: TariffFile, *, are_windows_right: bool) -> list[Problem]:
    kind = charge.kind
    if kind is None:
        text = "expected `of`, `per`, `percent` or `at_least`, which say what is priced, found none of them"
        return [Problem(path, text)]
    found = [] if charge.rounding is None else _rounding_problems(charge.rounding, (*path, "rounding"), file)
    if extra := sorted(charge.model_fields_set - _KEYS[kind] - _COMMON_KEYS):
        what = {"daily": "per", "cycle": "per", "minimum": "at_least", "quantity": "of"}.get(kind, kind)
        hint = "a tax is a percentage of charges" if "tax" in extra else None
        return found + [Problem((*path, key), f"expected no `{key}` beside `{what}`, found one", hint) for key in extra]
    if kind in {"percent", "minimum"}:
        return found + _counted_problems(charge, path)
    return found + _priced_problems(charge, path, file, are_windows_right=are_windows_right)


def _counted_problems(charge: Charge, path: KeyPath) -> list[Problem]:
    """Return the problems of a percentage or a minimum, apart from its base."""
    found = []
    if charge.of is None:
        found.append(Problem((*path, "of"), "expected the charges or tags that are counted, found none"))
    if charge.at_least is not None and charge.per is None:
        found.append(Problem((*path, "per"), "expected `day` or `cycle`, found none", "say what the minimum is for"))
    key, number = ("percent", charge.percent) if charge.percent is not None else ("at_least", charge.at_least)
    if number is not None and price_e9(number) is None:
        text = f"expected a number below 10^9 with at most 9 decimals, found `{number}`"
        found.append(Problem((*path, key), text))
    if charge.at_least is not None and charge.at_least < 0:
        found.append(Problem((*path, "at_least"), f"expected 0 or more, found `{charge.at_least}`"))
    return found


def _priced_problems(charge: Charge, path: KeyPath, file: TariffFile, *, are_windows_right: bool) -> list[Problem]:
    """Return the problems of a charge with prices of its own."""
    quantity, found = _priced_quantity(charge, path, file)
    found += _by_problems(charge, quantity, path, file)
    if charge.tiers is not None and charge.price is not None:
        found.append(Problem((*path, "price"), "expected `price` or `tiers`, found both"))
    if charge.tiers is None and charge.price is None:
        expected = "`price` or `tiers`" if charge.kind == "quantity" else "`price`"
        found.append(Problem(path, f"expected {expected}, found none"))
    found += _tier_problems(charge, quantity, path)
    if found or not are_windows_right:
        return found
    unit_size = PRINTED_UNITS[quantity.unit][1] if quantity is not None and quantity.unit in PRINTED_UNITS else 1
    return found + read_prices(charge, path, unit_size, priced_by(charge, file)).problems


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


def _by_problems(charge: Charge, quantity: Quantity | None, path: KeyPath, file: TariffFile) -> list[Problem]:
    found = []
    here = (*path, "by")
    allowed = ["season", "tou"] if charge.kind == "quantity" else ["season"]
    for name in charge.by:
        if name not in allowed or charge.by.count(name) > 1:
            words = " and ".join(f"`{item}`" for item in allowed)
            text = f"expected {words}, each once at most, found `{name}`"
            found.append(Problem(here, text))
    if "season" in charge.by and season_names(file) == [ANY]:
        found.append(Problem(here, "expected seasons in [windows], found none"))
    if "tou" in charge.by and tou_names(file) == [ANY]:
        found.append(Problem(here, "expected time-of-use periods in [windows], found none"))
    if "tou" in charge.by and quantity is not None and quantity.window is not None:
        text = f"expected no `tou`, because the quantity is that of `{quantity.window}` alone, found it"
        found.append(Problem(here, text))
    return found


def _tier_problems(charge: Charge, quantity: Quantity | None, path: KeyPath) -> list[Problem]:
    """Return what is missing or too much of `tiers_per` and `tier_method`; neither is guessed."""
    if charge.tiers is None:
        keys = [key for key in ("tiers_per", "tier_method") if getattr(charge, key) is not None]
        return [Problem((*path, key), f"expected `tiers` beside `{key}`, found none") for key in keys]
    found = []
    is_peak = quantity is not None and quantity.agg == "max"
    if is_peak and charge.tiers_per is not None:
        text = "expected no `tiers_per` for a maximum, whose tiers are never scaled by days, found one"
        found.append(Problem((*path, "tiers_per"), text))
    if not is_peak and charge.tiers_per is None:
        text = "expected `day` or `cycle`, found none"
        found.append(Problem((*path, "tiers_per"), text, "say what the thresholds are for"))
    if "tou" in charge.by and charge.tier_method is None:
        hint = "`graduated`: each period has its own tiers; `pro_rata`: tiers of the total, shared over the periods"
        found.append(Problem((*path, "tier_method"), "expected `graduated` or `pro_rata`, found none", hint))
    if charge.tier_method == "pro_rata" and "tou" not in charge.by:
        text = "expected `graduated`, because the charge is not by time of use, found `pro_rata`"
        found.append(Problem((*path, "tier_method"), text))
    if charge.tier_method == "pro_rata" and is_peak:
        text = "expected `graduated`, because a maximum cannot be shared, found `pro_rata`"
        found.append(Problem((*path, "tier_method"), text))
    return found or _pro_rata_problems(charge, path)


def _pro_rata_problems(charge: Charge, path: KeyPath) -> list[Problem]:
    """Tiers of a total need the same edges in every period of a season."""
    if charge.tier_method != "pro_rata" or not isinstance(charge.tiers, dict):
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
