"""Compiling a tariff file into the rate book: narrow tables of integers that rating joins and multiplies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandera.polars as pa
import polars as pl

from model.codes import TrueUp
from model.ids import content_hash
from model.money import CURRENCY_EXPONENT
from model.schema import arranged, empty, grain, polars_schema
from model.tariff import RATE_BOOK_TABLES, Factors, RateBook
from tariffs.bases import needs_of, resolve_bases
from tariffs.compile_charges import component_rows, price_rows
from tariffs.compile_values import attribute_rows, bank_rows, formula_tables, quantity_rows
from tariffs.compile_windows import LaidWindows, as_json
from tariffs.sheet import TariffFile, Version
from tariffs.windows import uses_holidays

Row = dict[str, Any]


@dataclass
class _Rows:
    """Rows of the rate book's tables for one version, without `version_id`."""

    versions: list[Row]
    quantities: list[Row]
    formulas: list[Row]
    operands: list[Row]
    attributes: list[Row]
    banks: list[Row]
    components: list[Row]
    prices: list[Row]
    bases: list[Row]
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
    compiled too, for what each says by itself. Windows are laid out once for each distinct set, and the tables are
    checked once for all.
    """
    version_ids: dict[str, list[str]] = {field.name: [] for field in fields(_Rows)}
    tables: dict[str, list[Row]] = {field.name: [] for field in fields(_Rows)}
    laid = LaidWindows()
    for file in files:
        assert are_alone or not file.is_open, f"tariff {file.tariff} has no riders attached, or is one"
        for index, version in enumerate(file.versions):
            of_version = file.of_version(version)
            rows = _version_rows(of_version, file, index)
            version_id = _version_id(file, version, rows, laid.texts(of_version))
            laid.add(version_id, of_version)
            for name, added in vars(rows).items():
                tables[name] += added
                version_ids[name] += [version_id] * len(added)
    frames = {name: _frame(name, version_ids[name], rows) for name, rows in tables.items()}
    return _book(frames | laid.frames())


def _frame(name: str, version_ids: Sequence[str], rows: Sequence[Row]) -> pl.DataFrame:
    """Return the rows of a table in the order of its key. Columns are built one by one: rows of dicts take longer."""
    table: type[pa.DataFrameModel] = RATE_BOOK_TABLES[name]
    schema = polars_schema(table)
    columns = {key: [row[key] for row in rows] for key in schema if key != "version_id"}
    return pl.DataFrame({"version_id": version_ids} | columns, schema=schema).sort(grain(table))


def with_factors(book: RateBook, factors: pl.DataFrame) -> RateBook:
    """Return the rate book with these dated factors."""
    return replace(book, factors=arranged(Factors, factors.sort(grain(Factors))))


def _book(frames: dict[str, pl.DataFrame]) -> RateBook:
    """Return a rate book of tables whose rows stand in the order of their keys; those that are absent are empty."""
    tables: dict[str, Any] = {
        name: arranged(table, frames[name]) if name in frames else empty(table)
        for name, table in RATE_BOOK_TABLES.items()
    }
    return RateBook(**tables)


def _version_id(file: TariffFile, version: Version, rows: _Rows, windows: Mapping[str, str]) -> str:
    """Return the content id. The day on which a version ends is left out: a later version sets it.

    `windows`: the tables of windows as JSON, by name.
    """
    said: dict[str, list[Row]] = dict(vars(rows))
    said["versions"] = [{key: value for key, value in row.items() if key != "valid_to"} for row in rows.versions]
    if file.is_open:  # what its charges count is not all there yet
        said |= {"rider": [{"is_rider": file.rider, "riders": file.riders}]}
        said |= {"counted": [{name: charge.of} for name, charge in version.charges.items()]}
    if file.true_up is not TrueUp.REBILL:  # what holds when a file says nothing leaves the id as it was
        said |= {"true_up": [{"true_up": file.true_up.value}]}
    texts = {name: as_json(part) for name, part in said.items()} | dict(windows)
    digest = content_hash("{" + ", ".join(f'"{name}": {texts[name]}' for name in sorted(texts)) + "}")
    return f"{file.tariff}@{version.valid_from}#{digest[:8]}"


def _version_rows(file: TariffFile, whole: TariffFile, index: int) -> _Rows:
    """Return the rows of a version; `file` is the tariff as that version has it."""
    version = whole.versions[index]
    bases, problems = resolve_bases(version, ("versions", index), is_open=file.is_open)
    assert not problems, f"tariff {file.tariff} was not checked: {problems}"
    later = whole.versions[index + 1].valid_from if index + 1 < len(whole.versions) else None
    needs = needs_of(file, version, bases)
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
        components=component_rows(file, version, needs),
        prices=prices,
        bases=[{"component_id": name, "base_component_id": base} for name, of in bases.items() for base in of],
        holidays=[{"day": day} for day in file.holiday_dates] if uses_holidays(file) else [],
    )
