"""Compiling a tariff file into the rate book: narrow tables of integers that rating joins and multiplies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl

from model.codes import Commodity
from model.ids import content_hash
from model.money import CURRENCY_EXPONENT
from model.schema import arranged, empty, grain, polars_schema
from model.tariff import ANY, RATE_BOOK_TABLES, Factors, RateBook
from tariffs.bases import Bases, charge_levels, resolve_bases
from tariffs.check import priced_by, printed_size
from tariffs.prices import PriceCell, price_e9, read_prices
from tariffs.sheet import Charge, Rounding, TariffFile, Version
from tariffs.windows import day_classes_used, periods_of_day, season_names, seasons_by_day, uses_holidays

# Ledger accounts credited unless a charge names its own. Source: FERC Uniform System of Accounts, 18 CFR 101 (440
# residential sales, 241 tax collections payable) and 18 CFR 201 (480 residential sales of gas). 460 for water and
# 462 for heat are Billmill's own choice in the range of water revenue.
REVENUE_ACCOUNT = {Commodity.ELECTRICITY: "440", Commodity.GAS: "480", Commodity.WATER: "460", Commodity.HEAT: "462"}
TAX_ACCOUNT = "241"

Row = dict[str, Any]


@dataclass
class _Rows:
    """Rows of the rate book's tables for one version; the columns `version_id` are filled last."""

    versions: list[Row]
    quantities: list[Row]
    components: list[Row]
    prices: list[Row]
    bases: list[Row]
    season_days: list[Row]
    tou_windows: list[Row]
    holidays: list[Row]


def compile_tariff(file: TariffFile) -> RateBook:
    """Return the rate book of one tariff: all its versions, without factors.

    A version's id is its tariff, its first day and a hash of what it says. Comments, spacing, and the day on which it
    ends do not count, so adding a version to the file keeps the ids of those before it.
    """
    return compile_tariffs([file])


def compile_tariffs(files: Sequence[TariffFile]) -> RateBook:
    """Return one rate book of several tariffs, in the order of its keys; without tariffs it is empty.

    The tables are checked once for all: that takes most of the time (75 of 80 ms for a single tariff).
    """
    tables: dict[str, list[Row]] = {field.name: [] for field in fields(_Rows)}
    for file in files:
        for index, version in enumerate(file.versions):
            rows = _version_rows(file, index, version)
            version_id = _version_id(file, version, rows)
            for name, added in vars(rows).items():
                tables[name] += [{"version_id": version_id, **row} for row in added]
    return _book({name: pl.DataFrame(rows, schema=_schema(name)) for name, rows in tables.items()})


def with_factors(book: RateBook, factors: pl.DataFrame) -> RateBook:
    """Return the rate book with these dated factors."""
    return replace(book, factors=arranged(Factors, factors.sort(grain(Factors))))


def _book(frames: dict[str, pl.DataFrame]) -> RateBook:
    """Return a rate book whose rows stand in the order of their keys, whatever their order before."""
    tables: dict[str, Any] = {
        name: arranged(table, frames[name].sort(grain(table))) if name in frames else empty(table)
        for name, table in RATE_BOOK_TABLES.items()
    }
    return RateBook(**tables)


def _schema(name: str) -> dict[str, pl.DataType]:
    table: type[pa.DataFrameModel] = RATE_BOOK_TABLES[name]
    return polars_schema(table)


def _version_id(file: TariffFile, version: Version, rows: _Rows) -> str:
    """Return the content id. The day on which a version ends is left out: a later version sets it."""
    said = {name: [{key: row[key] for key in sorted(row)} for row in part] for name, part in vars(rows).items()}
    said["versions"] = [{key: value for key, value in row.items() if key != "valid_to"} for row in said["versions"]]
    digest = content_hash(json.dumps(said, sort_keys=True, default=str))
    return f"{file.tariff}@{version.valid_from}#{digest[:8]}"


def _version_rows(file: TariffFile, index: int, version: Version) -> _Rows:
    bases, problems = resolve_bases(version, ("versions", index))
    assert not problems, f"tariff {file.tariff} was not checked: {problems}"
    later = file.versions[index + 1].valid_from if index + 1 < len(file.versions) else None
    season_of = seasons_by_day(file)
    header: Row = {
        "tariff_id": file.tariff,
        "title": file.title,
        "commodity": file.commodity.value,
        "currency": file.currency,
        "currency_exponent": CURRENCY_EXPONENT[file.currency],
        "tz_name": file.timezone,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to or later,
        "source": version.source,
    }
    return _Rows(
        versions=[header],
        quantities=_quantity_rows(file, version),
        components=_component_rows(file, version, bases),
        prices=_price_rows(file, version),
        bases=[{"component_id": name, "base_component_id": base} for name, of in bases.items() for base in of],
        season_days=[{"month": day[0], "day_of_month": day[1], "season": names[0]} for day, names in season_of.items()],
        tou_windows=_tou_rows(file),
        holidays=[{"day": day} for day in file.holiday_dates] if uses_holidays(file) else [],
    )


def _quantity_rows(file: TariffFile, version: Version) -> list[Row]:
    """Only quantities that the version prices: another one may lack its channel without harm."""
    charges = version.charges.values()
    priced = {charge.of[0] for charge in charges if charge.kind == "quantity" and charge.of is not None}
    return [
        {
            "quantity_id": name,
            "measure": quantity.measure.value,
            "agg": quantity.agg,
            "tou": quantity.window or ANY,
            "is_optional": quantity.optional,
            "unit": quantity.unit,
            "unit_size": printed_size(quantity),
        }
        for name, quantity in file.quantities.items()
        if name in priced
    ]


def _component_rows(file: TariffFile, version: Version, bases: Bases) -> list[Row]:
    levels = charge_levels(version.charges, bases)
    return [
        _component_row(file, name, charge) | {"position": position, "level": levels[name]}
        for position, (name, charge) in enumerate(version.charges.items(), start=1)
    ]


def _component_row(file: TariffFile, name: str, charge: Charge) -> Row:
    rounding = charge.rounding or file.rounding.line
    account = TAX_ACCOUNT if charge.tax is not None else REVENUE_ACCOUNT[file.commodity]
    is_quantity = charge.kind == "quantity"
    quantity_id = charge.of[0] if is_quantity and charge.of is not None else None
    return {
        "component_id": name,
        "kind": charge.kind,
        "quantity_id": quantity_id,
        "by_season": "season" in charge.by,
        "by_tou": "tou" in charge.by,
        "has_factor": charge.factor_id is not None,
        "tier_method": (charge.tier_method or "graduated") if charge.tiers is not None else "none",
        "tiers_per": charge.tiers_per or charge.per or "cycle",
        "is_peak": quantity_id is not None and file.quantities[quantity_id].agg == "max",
        "round_mode": rounding.mode.value,
        "round_step_minor": _step_minor(rounding, file.currency),
        "category": "tax" if charge.tax is not None else "charge",
        "tax_code": charge.tax,
        "line_text": charge.text or name.replace("_", " ").capitalize(),
        "clause": charge.clause,
        "gl_account": charge.gl_account or account,
    }


def _step_minor(rounding: Rounding, currency: str) -> int:
    return int(rounding.step.scaleb(CURRENCY_EXPONENT[currency]))


def _price_rows(file: TariffFile, version: Version) -> list[Row]:
    rows: list[Row] = []
    for name, charge in version.charges.items():
        rows += [{"component_id": name, **vars(cell)} for cell in _price_cells(file, charge)]
    return rows


def _price_cells(file: TariffFile, charge: Charge) -> list[PriceCell]:
    number = charge.percent if charge.percent is not None else charge.at_least
    if number is not None:
        return [PriceCell(ANY, ANY, 1, 0, None, _exact_e9(number), None)]
    unit_size = printed_size(file.quantities[charge.of[0]]) if charge.of is not None else 1
    table = read_prices(charge, (), unit_size, priced_by(charge, file))
    assert not table.problems, f"tariff {file.tariff} was not checked: {table.problems}"
    return table.cells


def _exact_e9(number: Decimal) -> int:
    value = price_e9(number)
    assert value is not None, f"{number} was not checked"
    return value


def _tou_rows(file: TariffFile) -> list[Row]:
    return [
        {
            "season": season,
            "day_class": day_class,
            "from_minute": spell.from_minute,
            "to_minute": spell.to_minute,
            "tou": spell.names[0],
        }
        for season in season_names(file)
        for day_class in day_classes_used(file)
        for spell in periods_of_day(file, season, day_class)
    ]
