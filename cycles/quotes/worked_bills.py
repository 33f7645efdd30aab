"""Worked bills of tariff files, rated by the engine that bills customers: together, as far as they can be.

A call of the engine takes longer than the few bills of a tariff file. Bills share a call when they bring the same
values of dated factors, and when no other file states their tariff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from model.rating import DueAgreements, DueAttributes, Rated
from model.schema import arranged, polars_schema
from model.tariff import Factors
from rating.given import GivenQuantities
from rating.stages import rate_given
from tariffs.check_examples import seen_by, series_of, smallest_units
from tariffs.compile import compile_tariffs, with_factors
from tariffs.prices import price_e9
from tariffs.sheet import Example, TariffFile

Row = dict[str, Any]
WorkedBill = tuple[TariffFile, Example]
_Values = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class RatedBill:
    """The lines that rating found for a worked bill, or why it could not be billed."""

    lines: pl.DataFrame
    parked: str | None


def rate_worked_bills(bills: Sequence[WorkedBill]) -> list[RatedBill]:
    """Return what rating finds for worked bills of tariffs that passed their checks, in their order."""
    found: dict[int, RatedBill] = {}
    for values, places in _calls(bills).items():
        found |= zip(places, _rated_together([bills[place] for place in places], values[1]), strict=True)
    return [found[place] for place in range(len(bills))]


def _calls(bills: Sequence[WorkedBill]) -> dict[tuple[int, _Values], list[int]]:
    """Return which bills share a call: by the values of their factors, and the how-manieth file of its tariff."""
    files_of: dict[str, list[int]] = {}
    calls: dict[tuple[int, _Values], list[int]] = {}
    for place, (file, example) in enumerate(bills):
        same = files_of.setdefault(file.tariff, [])
        if id(file) not in same:
            same.append(id(file))
        calls.setdefault((same.index(id(file)), _factor_values(file, example)), []).append(place)
    return calls


def _rated_together(bills: Sequence[WorkedBill], values: _Values) -> list[RatedBill]:
    files = list({id(file): file for file, _ in bills}.values())
    named = [(f"example {number:06}", file, example) for number, (file, example) in enumerate(bills)]
    first = min(example.period[0] for _, example in bills)
    rated = rate_given(
        arranged(DueAgreements, _frame(DueAgreements, [_due_row(*bill) for bill in named])),
        with_factors(compile_tariffs(files), _factors(values, first)),
        arranged(GivenQuantities, _frame(GivenQuantities, [row for bill in named for row in _quantity_rows(*bill)])),
        arranged(DueAttributes, _frame(DueAttributes, [row for bill in named for row in _attribute_rows(*bill)])),
    )
    return _by_bill(rated, [name for name, _, _ in named])


def _by_bill(rated: Rated, names: Sequence[str]) -> list[RatedBill]:
    lines = {str(name): part for (name,), part in rated.lines.partition_by("agreement_id", as_dict=True).items()}
    parked = {
        name: f"{reason}: {detail}"
        for name, reason, detail in rated.parked.select("agreement_id", "reason", "detail").iter_rows()
    }
    return [RatedBill(lines.get(name, rated.lines.clear()), parked.get(name)) for name in names]


def _frame(table: Any, rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=polars_schema(table), orient="row")


def _due_row(name: str, file: TariffFile, example: Example) -> Row:
    (start, end), (cycle_start, cycle_end) = example.period, example.cycle_dates
    return {
        "bill_id": name, "account_id": name, "customer_id": name, "branch_id": "example",
        "revenue_class": "example", "payment_days": 0, "currency": file.currency, "agreement_id": name,
        "service_point_id": name, "premise_id": name, "commodity": file.commodity.value,
        "tz_name": file.timezone, "tariff_id": file.tariff, "start_date": start, "end_date": end,
        "cycle_id": "example", "cycle_start_date": cycle_start, "cycle_end_date": cycle_end, "partition": 0,
    }  # fmt: skip


def _quantity_rows(name: str, file: TariffFile, example: Example) -> list[Row]:
    seen = seen_by(file, example)
    usage = example.usage | {bank: {"": number} for bank, number in example.banks.items()}
    return [
        {"agreement_id": name, "quantity_id": quantity, "tou": period,
         "quantity": int(smallest_units(seen, quantity, number))}
        for quantity, numbers in usage.items()
        for period, number in numbers.items()
    ]  # fmt: skip


def _attribute_rows(name: str, _: TariffFile, example: Example) -> list[Row]:
    return [
        {"agreement_id": name, "start_date": example.period[0], "name": attribute,
         "number": value if isinstance(value, Decimal) else None, "text": str(value)}
        for attribute, value in example.attributes.items()
    ]  # fmt: skip


def _factor_values(file: TariffFile, example: Example) -> _Values:
    """Return the example's values of dated factors x 10^9, whatever text of the contract they are chosen by."""
    if not example.factors:
        return ()
    series, seen = series_of(file, example), seen_by(file, example)
    by = {factor.series: factor.by for factor in seen.factors.values() if factor.by is not None}
    values: dict[str, int] = {}
    for name, value in example.factors.items():
        texts = seen.attributes[by[series[name]]].values or () if series[name] in by else ()
        value_e9 = price_e9(value)
        assert value_e9 is not None, f"example {example.name} was not checked"
        values |= dict.fromkeys([f"{series[name]}.{text}" for text in texts] or [series[name]], value_e9)
    return tuple(sorted(values.items()))


def _factors(values: _Values, first: date) -> pl.DataFrame:
    """Return values that hold from the first day of all bills of a call: each for the whole of every bill."""
    rows = [
        {"factor_id": name, "valid_from": first, "valid_to": None, "value_e9": value, "source": "worked bills"}
        for name, value in values
    ]
    return _frame(Factors, rows)
