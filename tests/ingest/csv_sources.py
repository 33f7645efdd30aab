"""Text as the source of a reader, and what its records hold."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from types import ModuleType

import polars as pl

from ingest.formats.parsed import Source
from ingest.formats.records import FileRecords, Opening
from ingest.formats.tables.csv_table import header_names
from ingest.formats.text import read_source


def source_of(text: str | bytes, name: str = "file.csv") -> Source:
    """Return text, or the bytes of a file, as a source."""
    data = text if isinstance(text, bytes) else text.encode()
    return read_source(name, hashlib.sha256(data).hexdigest(), data)


def opening_of(source: Source) -> Opening:
    """Return the opening by which a format is told."""
    first = source.lines["text"][0]
    return Opening(first, tuple(header_names(source)), source.data[:512])


def read_with(module: ModuleType, text: str | bytes) -> FileRecords:
    """Read text with a format's reader, which must know it."""
    source = source_of(text)
    assert module.matches(opening_of(source)), "the format does not know its file"
    records: FileRecords = module.read(source)
    return records


def reasons(records: FileRecords) -> list[tuple[int, str]]:
    """Return line and reason of each reject."""
    return list(records.rejects.select("line", "reason").iter_rows())


def named_series(records: FileRecords) -> list[tuple[str, str, str]]:
    """Return meter point, suffix and unit of each series, in order."""
    return list(records.series.select("meter_point", "suffix", "unit").iter_rows())


def days_of(records: FileRecords, series_no: int = 0) -> dict[date, list[str]]:
    """Return the values of each day of a series, as written."""
    found: dict[date, list[str]] = {}
    for block in records.days:
        values = block.values.to_list()
        for row, (number, day) in enumerate(block.rows.select("series_no", "day").iter_rows()):
            if number == series_no:
                found[day] = values[row * block.count : (row + 1) * block.count]
    return found


def starts_of(records: FileRecords, series_no: int = 0) -> list[tuple[datetime, str]]:
    """Return start (UTC where stated, else local) and value of each interval of a series, in order of the file."""
    start = pl.coalesce(pl.col("start_utc").dt.replace_time_zone(None), "start_local")
    mine = records.intervals.filter(pl.col("series_no") == series_no)
    return list(mine.select(start, "value").iter_rows())


def total_of(records: FileRecords, series_no: int = 0) -> Decimal:
    """Return the exact sum of the values of a series."""
    days = [value for values in days_of(records, series_no).values() for value in values]
    every = [*days, *(value for _, value in starts_of(records, series_no))]
    return sum((Decimal(value) for value in every if value), Decimal(0))
