"""Compiling charges: a row for each, and its prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from model.codes import Commodity
from model.money import CURRENCY_EXPONENT
from model.tariff import ANY
from tariffs.bases import Bases, charge_levels
from tariffs.cells import NORMAL_SHARE, Rounding, ShareRule
from tariffs.check_charges import priced_by, printed_size, schedule_of, texts_of
from tariffs.check_examples import ROUNDING
from tariffs.names import scale_formula, times_formula
from tariffs.natures import formula_nature, quantity_nature
from tariffs.prices import PriceCell, price_e9, read_prices
from tariffs.sheet import Charge, TariffFile, Version

# Ledger accounts credited unless a charge names its own. Source: FERC Uniform System of Accounts, 18 CFR 101 (440
# residential sales, 241 tax collections payable) and 18 CFR 201 (480 residential sales of gas). 460 for water and
# 462 for heat are Billmill's own choice in the range of water revenue.
REVENUE_ACCOUNT = {Commodity.ELECTRICITY: "440", Commodity.GAS: "480", Commodity.WATER: "460", Commodity.HEAT: "462"}
TAX_ACCOUNT = "241"

Row = dict[str, Any]
_NONE = ShareRule("none", 10**4)
_CYCLE = ShareRule("cycle", 10**4)
_DAY = ShareRule("day", 10**4)


def component_rows(file: TariffFile, version: Version, needs: Bases) -> list[Row]:
    """Return a row for each charge, and one that rounds their sum when the tariff says so."""
    levels = charge_levels(version.charges, needs, _found_by_part(file, version))
    rows = [
        _component_row(file, name, charge) | {"position": position, "level": levels[name]}
        for position, (name, charge) in enumerate(version.charges.items(), start=1)
    ]
    if file.rounding.total is not None:
        top = 1 + max(levels.values())
        rows.append(_rounding_row(file, file.rounding.total) | {"position": len(rows) + 1, "level": top})
    return rows


def _found_by_part(file: TariffFile, version: Version) -> list[str]:
    """Return the amounts by formula whose parts add up (`0.10 * dwelling_units * days`): each part has its own."""
    natures = {
        name: formula_nature(file, charge.amount)
        for name, charge in version.charges.items()
        if charge.amount is not None
    }
    return [name for name, nature in natures.items() if nature.is_linear and nature.is_extensive]


def _component_row(file: TariffFile, name: str, charge: Charge) -> Row:
    quantity_id = charge.of[0] if charge.kind == "quantity" and charge.of is not None else None
    quantity = file.quantities[quantity_id] if quantity_id is not None else None
    unit_size = printed_size(quantity) if quantity is not None else 1
    rounding = charge.rounding or file.rounding.line
    of_power = _is_power(file, quantity_id)
    price_share = _price_share(charge, file, of_power=of_power)
    tiers_share = _tiers_share(charge, file, of_power=of_power)
    tier_round = charge.round_tiers
    return {
        "component_id": name,
        "kind": charge.kind,
        "quantity_id": quantity_id,
        "by_season": "season" in charge.by,
        "by_tou": "tou" in charge.by,
        "has_factor": charge.factor_id is not None,
        "tier_method": _tier_method(charge),
        "tiers_share": tiers_share.rule,
        "tiers_whole_e4": tiers_share.whole_e4,
        "price_share": price_share.rule,
        "price_whole_e4": price_share.whole_e4,
        "tolerance_min": charge.tolerance[0] if charge.tolerance is not None else None,
        "tolerance_max": charge.tolerance[1] if charge.tolerance is not None else None,
        "tiers_round_mode": tier_round.mode.value if tier_round is not None else None,
        "tiers_round_step": int(tier_round.step * unit_size) if tier_round is not None else None,
        "package_size": int(charge.package * unit_size) if charge.package is not None else None,
        "package_free": int((charge.free or 0) * unit_size) if charge.package is not None else None,
        "is_peak": _is_power(file, quantity_id),
        "schedule": schedule_of(charge, file),
        "lookup": charge.lookup,
        "when_id": charge.when,
        "amount_id": _amount_formula(charge),
        "scale_id": scale_formula(charge),
        "times_id": times_formula(charge),
        "is_gross": charge.gross_up,
        "is_included": charge.included,
        "is_exact": charge.exact,
        "is_kept": charge.print_if_zero,
        "is_rounded_once": file.rounding.of == "charge" if charge.round_once is None else charge.round_once,
        "party": charge.party,
        "round_mode": rounding.mode.value,
        "round_step_minor": _step_minor(rounding, file.currency),
        "category": "memo" if charge.memo or charge.included else "tax" if charge.tax is not None else "charge",
        "tax_code": charge.tax,
        "line_text": charge.text or name.replace("_", " ").capitalize(),
        "clause": charge.clause,
        "gl_account": charge.gl_account or (TAX_ACCOUNT if charge.tax is not None else REVENUE_ACCOUNT[file.commodity]),
    }


def _rounding_row(file: TariffFile, rule: Rounding) -> Row:
    row = _component_row(file, ROUNDING, Charge(amount="0", text="Rounding"))
    step = {"round_mode": rule.mode.value, "round_step_minor": _step_minor(rule, file.currency)}
    return row | step | {"kind": "rounding", "amount_id": None}


def _tier_method(charge: Charge) -> str:
    if charge.curve == "package":
        return "package"
    if charge.tiers is None:
        return "none"
    return "volume" if charge.curve == "volume" else charge.tier_method or "graduated"


def _is_power(file: TariffFile, quantity_id: str | None) -> bool:
    """Return whether a quantity does not grow with time, so that each part of a bill has the whole of it."""
    return quantity_id is not None and not quantity_nature(file, quantity_id).is_extensive


def _price_share(charge: Charge, file: TariffFile, *, of_power: bool) -> ShareRule:
    """Return how a price is shared: prices of a cycle, a month, a year, of a maximum, and floors."""
    if charge.prorate is not None:
        return _stated(charge.prorate, file)
    if charge.per == "day":
        return _DAY if charge.kind in {"minimum", "maximum"} else _NONE
    if charge.per == "month":
        return ShareRule("months", 10**4)
    if charge.per == "year":
        return ShareRule("days", 365 * 10**4)
    return _CYCLE if charge.per == "cycle" or of_power else _NONE


def _tiers_share(charge: Charge, file: TariffFile, *, of_power: bool) -> ShareRule:
    """Return how thresholds are shared: those per cycle by days, those per day count each day; of a power, not at all.

    Thresholds times a power or a count (hours of use, dwellings) are for a cycle; times days, for these.
    """
    if charge.prorate_tiers is not None:
        return _stated(charge.prorate_tiers, file)
    per, scale = charge.tiers_per or (), scale_formula(charge)
    if of_power or "none" in per:
        return _NONE
    if "day" in per:
        return _DAY
    is_timed = scale is not None and formula_nature(file, scale).is_extensive
    return _CYCLE if per and not is_timed else _NONE


def _stated(rule: ShareRule, file: TariffFile) -> ShareRule:
    if rule != NORMAL_SHARE:
        return rule
    assert file.normal_days is not None, f"tariff {file.tariff} was not checked"
    return ShareRule("days", file.normal_days * 10**4)


def _amount_formula(charge: Charge) -> str | None:
    stated = (charge.amount, charge.percent, charge.at_least, charge.at_most)
    return next((value for value in stated if isinstance(value, str)), None)


def _step_minor(rounding: Rounding, currency: str) -> int:
    return int(rounding.step.scaleb(CURRENCY_EXPONENT[currency]))


def price_rows(file: TariffFile, version: Version) -> list[Row]:
    """Return the prices of all charges that have any."""
    rows: list[Row] = []
    for name, charge in version.charges.items():
        rows += [{"component_id": name, **vars(cell)} for cell in _price_cells(file, charge)]
    return rows


def _price_cells(file: TariffFile, charge: Charge) -> list[PriceCell]:
    if charge.kind == "amount":
        return []
    if charge.kind in {"percent", "minimum", "maximum"}:
        number = next(value for value in (charge.percent, charge.at_least, charge.at_most) if value is not None)
        value = _exact_e9(number) if isinstance(number, Decimal) else None
        return [PriceCell(ANY, ANY, 1, 0, None, value, None, price_id=None if value is not None else str(number))]
    unit_size = printed_size(file.quantities[charge.of[0]]) if charge.of is not None else 1
    table = read_prices(charge, (), unit_size, priced_by(charge, file), texts_of(charge, file))
    assert not table.problems, f"tariff {file.tariff} was not checked: {table.problems}"
    return table.cells


def _exact_e9(number: Decimal) -> int:
    value = price_e9(number)
    assert value is not None, f"{number} was not checked"
    return value
