"""Helpers for readers of flows: text to records, and records as plain tuples that can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal

import polars as pl

from ingest.formats.parsed import Source
from ingest.formats.records import FileRecords, IntervalRecords, ReadingRecords, Series
from ingest.formats.text import read_source
from model.reads import Rejects
from model.schema import checked

Reader = Callable[[Source], FileRecords]


def source_of(text: str | bytes, name: str = "file") -> Source:
    """Return a file as numbered lines."""
    data = text if isinstance(text, bytes) else text.encode()
    return read_source(name, hashlib.sha256(data).hexdigest(), data)


def read_soundly(reader: Reader, text: str | bytes) -> FileRecords:
    """Return what the reader says, after a check that its tables hold what they promise."""
    records = reader(source_of(text))
    for table, frame in (
        (Series, records.series),
        (IntervalRecords, records.intervals),
        (ReadingRecords, records.readings),
        (Rejects, records.rejects),
    ):
        checked(table, frame)  # type: ignore[type-var]
    known = records.series["series_no"].to_list()
    assert known == list(range(len(known)))
    assert set(records.intervals["series_no"]) | set(records.readings["series_no"]) == set(known)
    return records


def reasons(records: FileRecords) -> list[tuple[int, str]]:
    """Return (line, reason) of the rejects."""
    return records.rejects.select("line", "reason").rows()


def intervals(records: FileRecords) -> list[tuple[object, ...]]:
    """Return (meter point, suffix, unit, start, minutes, value, code, quality) of each interval, sorted."""
    named = records.intervals.join(records.series, on="series_no", how="left", validate="m:1")
    start = pl.col("start_utc").dt.replace_time_zone(None).fill_null(pl.col("start_local"))
    rows = named.select(
        "meter_point",
        "suffix",
        "unit",
        start,
        pl.col("minutes").fill_null(pl.col("file_minutes")),
        "value",
        "code",
        "quality",
    )
    return sorted(rows.rows(), key=str)


def readings(records: FileRecords) -> list[tuple[object, ...]]:
    """Return (meter point, suffix, meter, read at, value, kind, code, quality, from, quantity), sorted."""
    named = records.readings.join(records.series, on="series_no", how="left", validate="m:1")
    rows = named.select(
        "meter_point",
        "suffix",
        "meter_id",
        "read_at",
        "value",
        "kind",
        "code",
        "quality",
        "from_at",
        "from_value",
        "quantity",
    )
    return sorted(rows.rows(), key=str)


def total(values: pl.Series) -> Decimal:
    """Return the exact sum of decimal texts."""
    return sum((Decimal(value) for value in values if value), Decimal())
