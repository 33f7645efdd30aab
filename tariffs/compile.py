"""Compiling a tariff file into the rate book: narrow tables of integers that rating joins and multiplies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandera.polars as pa
import polars as pl

from model.ids import content_hash
from model.money import CURRENCY_EXPONENT
from model.schema import arranged, empty, grain, polars_schema
from model.tariff import ANY, RATE_BOOK_TABLES, Factors, RateBook
from tariffs.bases import needs_of, resolve_bases
from tariffs.compile_charges import component_rows, price_rows
from tariffs.compile_values import attribute_rows, bank_rows, formula_tables, quantity_rows
from tariffs.parts import Parts, lay_over
from tariffs.sheet import TariffFile, Version
from tariffs.windows import event_names, uses_holidays

Row = dict[str, Any]


@dataclass
class _Rows:
    """Rows of the rate book's tables for one version; the columns `version_id` are filled last."""

    versions: list[Row]
    quantities: list[Row]
    formulas: list[Row]
    operands: list[Row]
    attributes: list[Row]
    banks: list[Row]
    period_names: list[Row]
    components: list[Row]
    prices: list[Row]
    bases: list[Row]
    season_days: list[Row]
    tou_windows: list[Row]
    event_windows: list[Row]
    holidays: list[Row]


def compile_tariff(file: TariffFile, *, is_alone: bool = False) -> RateBook:
    """Return the rate book of one tariff: all its versions, without factors.

    A version's id is its tariff, its first day and a hash of what it says. Comments, spacing, and the day on which it
    ends do not count, so adding a version to the file keeps the ids of those before it.
    """
    return compile_tariffs([file], are_alone=is_alone)


def compile_tariffs(files: Sequence[TariffFile], *, are_alone: bool = False) -> RateBook:
    """Return one rate book of several tariffs, in the order of its keys; without tariffs it is empty.

    What is billed has its riders attached (`tariffs.riders`). `are_alone`: riders, and tariffs without theirs, are
    compiled too, for what each says by itself.

    The tables are checked once for all: that takes most of the time (75 of 80 ms for a single tariff).
    """
    tables: dict[str, list[Row]] = {field.name: [] for field in fields(_Rows)}
    for file in files:
        assert are_alone or not file.is_open, f"tariff {file.tariff} has no riders attached, or is one"
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
    if file.is_open:  # what its charges count is not all there yet
        said |= {"rider": [{"is_rider": file.rider, "riders": file.riders}]}
        said |= {"counted": [{name: charge.of} for name, charge in version.charges.items()]}
    digest = content_hash(json.dumps(said, sort_keys=True, default=str))
    return f"{file.tariff}@{version.valid_from}#{digest[:8]}"


def _version_rows(whole: TariffFile, index: int, version: Version) -> _Rows:
    file = whole.of_version(version)
    bases, problems = resolve_bases(version, ("versions", index), is_open=file.is_open)
    assert not problems, f"tariff {file.tariff} was not checked: {problems}"
    later = file.versions[index + 1].valid_from if index + 1 < len(file.versions) else None
    needs = needs_of(file, version, bases)
    parts = lay_over(file)
    prices = price_rows(file, version)
    formulas, operands = formula_tables(file, version, [row["edge_id"] for row in prices if row["edge_id"] is not None])
    header: Row = {
        "tariff_id": file.tariff,
        "title": file.title,
        "commodity": file.commodity.value,
        "currency": file.currency,
        "currency_exponent": CURRENCY_EXPONENT[file.currency],
        "tz_name": file.timezone,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to or later,
        "normal_days": file.normal_days,
        "source": version.source,
    }
    return _Rows(
        versions=[header],
        quantities=quantity_rows(file, version),
        formulas=formulas,
        operands=operands,
        attributes=attribute_rows(file, operands, version),
        banks=bank_rows(file, version, needs),
        period_names=_period_name_rows(file, parts),
        components=component_rows(file, version, needs),
        prices=prices,
        bases=[{"component_id": name, "base_component_id": base} for name, of in bases.items() for base in of],
        season_days=[{"month": day[0], "day_of_month": day[1], "season": part} for day, part in
                     parts.season_of.items()],
        tou_windows=_tou_rows(parts),
        event_windows=[
            {"tou": name, "event_series": series, "position": place}
            for place, (name, series) in enumerate(event_names(file).items(), start=1)
        ],
        holidays=[{"day": day} for day in file.holiday_dates] if uses_holidays(file) else [],
    )  # fmt: skip


def _period_name_rows(file: TariffFile, parts: Parts) -> list[Row]:
    return [
        {
            "schedule": schedule,
            "season_part": season_part,
            "tou_part": tou_part,
            "season": parts.seasons[season_part][place],
            "tou": periods[place],
        }
        for (season_part, tou_part), periods in parts.periods.items()
        for place, schedule in enumerate(file.schedule_names)
    ] + [
        {"schedule": ANY, "season_part": part, "tou_part": name, "season": seasons[0], "tou": name}
        for part, seasons in parts.seasons.items()
        for name in event_names(file)
    ]


def _tou_rows(parts: Parts) -> list[Row]:
    return [
        {
            "season": season_part,
            "day_class": day_class,
            "from_minute": spell.from_minute,
            "to_minute": spell.to_minute,
            "tou": spell.names[0],
        }
        for (season_part, day_class), spells in parts.spells.items()
        for spell in spells
    ]
