"""Compiling what formulas work on: quantities, attributes, banks, and the formulas themselves."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from model.formula import Name, Number, Operand
from model.tariff import ANY
from model.units import PRINTED_UNITS, measure_counted
from tariffs.bases import Bases, charge_levels
from tariffs.check_charges import FREE_UNIT_SIZE, printed_size
from tariffs.formula import parse_formula
from tariffs.names import formula_places, needed_quantities, operand_kind, quantity_levels
from tariffs.natures import quantity_nature
from tariffs.prices import price_e9
from tariffs.sheet import Quantity, TariffFile, Version

Row = dict[str, Any]


def quantity_rows(file: TariffFile, version: Version) -> list[Row]:
    """Return the quantities that the version prices or needs: another one may lack its channel without harm."""
    levels = quantity_levels(file)
    needed = needed_quantities(file, version)
    rows = [
        _quantity_row(file, name, quantity) | {"level": levels[name]}
        for name, quantity in file.quantities.items()
        if name in needed
    ]
    return rows + [_bank_quantity(name, file) for name in file.banks]


def _quantity_row(file: TariffFile, name: str, quantity: Quantity) -> Row:
    rule = quantity.round
    is_history = quantity.kind == "history"
    return {
        "quantity_id": name,
        "kind": quantity.kind,
        "measure": measure_counted(quantity.measure, quantity.unit).value if quantity.measure is not None else None,
        "agg": (quantity.agg if quantity.kind == "measured" else None) or "sum",
        "n": quantity.n or 1,
        "distinct_days": quantity.distinct_days is not False,
        "interval_minutes": quantity.interval or 0,
        "is_rolling": quantity.rolling,
        "less_measure": quantity.less.value if quantity.less is not None else None,
        "netting": quantity.netting or "none",
        "is_less_optional": quantity.less_optional,
        "over_quantity": _smallest(quantity.over, quantity),
        "up_to_quantity": _smallest(quantity.up_to, quantity),
        "split_factor": file.factors[quantity.split].series if quantity.split is not None else None,
        "split_by": file.factors[quantity.split].by if quantity.split is not None else None,
        "series_id": quantity.series,
        "price_floor_e9": _optional_e9(quantity.floor),
        "price_cap_e9": _optional_e9(quantity.cap),
        "price_factor_e9": _e9(quantity.times, 1),
        "price_adder_e9": _e9(quantity.plus, 0),
        "tou": quantity.window or ANY,
        "schedule": quantity.schedule,
        "is_optional": quantity.optional,
        "unit": quantity.unit,
        "unit_size": PRINTED_UNITS[quantity.unit][1] if quantity.kind == "measured" else FREE_UNIT_SIZE,
        "formula_id": quantity.formula,
        "is_by_part": quantity.kind == "measured"
        or (quantity.kind == "formula" and quantity_nature(file, name).is_linear),
        "round_mode": rule.mode.value if rule is not None else None,
        "round_step": int(rule.step * printed_size(quantity)) if rule is not None else None,
        "history_of": quantity.history,
        "history_agg": quantity.agg if is_history else None,
        "history_months": "".join(f",{month}" for month in quantity.months) + "," if quantity.months else None,
        "history_back": quantity.back,
        "known_from": quantity.known_from,
        "if_missing_e12": e12(quantity.if_missing),
    }


def _bank_quantity(name: str, file: TariffFile) -> Row:
    bank = file.banks[name]
    carried = Quantity(unit=bank.unit, history=name, agg="last")
    return _quantity_row(file, name, carried) | {
        "kind": "bank", "is_by_part": False, "history_of": None, "history_agg": None, "level": 0,
        "if_missing_e12": e12(bank.opening),
    }  # fmt: skip


def _smallest(number: Decimal | None, quantity: Quantity) -> int | None:
    return None if number is None else int(number * PRINTED_UNITS[quantity.unit][1])


def _e9(number: Decimal | None, default: int) -> int:
    value = price_e9(Decimal(default) if number is None else number)
    assert value is not None, f"{number} was not checked"
    return value


def _optional_e9(number: Decimal | None) -> int | None:
    return None if number is None else _e9(number, 0)


def e12(number: Decimal | None) -> Decimal | None:
    """Return a number x 10^12 as the rate book keeps it."""
    return None if number is None else Decimal(Number(number).value_e12)


def formula_tables(file: TariffFile, version: Version, edges: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """Return the formulas in use, each once, and their operands. `edges`: thresholds that are kept as formulas."""
    needed = needed_quantities(file, version)
    places = [
        place.text
        for place in formula_places(file, version, ())
        if place.path[-1] != "formula" or place.path[-2] in needed
    ]
    texts = {text: parse_formula(text) for text in [*places, *edges]}
    formulas = [{"formula_id": text, "shape": formula.shape} for text, formula in texts.items()]
    operands = [
        {"formula_id": text, "place": place} | _operand_row(file, version, operand)
        for text, formula in texts.items()
        for place, operand in enumerate(formula.operands)
    ]
    return formulas, operands


def _operand_row(file: TariffFile, version: Version, operand: Operand) -> Row:
    row: Row = {"kind": "number", "name": "", "number_e12": None, "text": None, "is_negated": False, "by": None}
    if isinstance(operand, Number):
        return row | {"number_e12": Decimal(operand.value_e12)}
    if not isinstance(operand, Name):
        return row | {"kind": "text", "name": operand.name, "text": operand.text, "is_negated": not operand.is_equal}
    kind = operand_kind(file, version, operand.name)
    if kind == "factor":
        factor = file.factors[operand.name]
        return row | {"kind": kind, "name": factor.series, "by": factor.by}
    return row | {"kind": kind, "name": operand.name}


def attribute_rows(file: TariffFile, operands: list[Row], version: Version) -> list[Row]:
    """Return the attributes that formulas, factors or lookups of the version use."""
    used = {row["name"] for row in operands if row["kind"] in {"attribute", "text"}}
    used |= {row["by"] for row in operands if row["by"] is not None}
    splits = [file.factors[quantity.split].by for quantity in file.quantities.values() if quantity.split is not None]
    used |= {by for by in splits if by is not None}
    used |= {charge.lookup for charge in version.charges.values() if charge.lookup is not None}
    return [
        {
            "name": name,
            "is_text": attribute.values is not None,
            "default_e12": e12(attribute.default) if isinstance(attribute.default, Decimal) else None,
            "default_text": attribute.default if isinstance(attribute.default, str) else None,
        }
        for name, attribute in file.attributes.items()
        if name in used
    ]


def bank_rows(file: TariffFile, version: Version, needs: Bases) -> list[Row]:
    """Return the banks; each stands above the charges that its formula names."""
    levels = charge_levels(version.charges, needs)
    return [
        {
            "bank_id": name,
            "formula_id": bank.closing,
            "level": 1 + max((levels[charge] for charge in _charges_in(bank.closing, version)), default=0),
        }
        for name, bank in file.banks.items()
    ]


def _charges_in(text: str, version: Version) -> list[str]:
    return [name for name in parse_formula(text).names if name in version.charges]
