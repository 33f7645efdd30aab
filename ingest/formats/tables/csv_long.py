"""Long CSV: a line per interval, with the local time of its start and its offset from UTC.

Columns: meter_point, channel, unit, start (2026-10-04T01:45:00+10:00), value, quality, and updated_at if wanted.
"""

from __future__ import annotations

import polars as pl

from ingest.formats.dates import parsed_once, usable_instant
from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.quality import CSV_QUALITY, quality_of
from ingest.formats.records import FileRecords, IntervalRecords, Opening, Series
from ingest.formats.series import series_of
from ingest.formats.tables.csv_table import header_names, no_data, read_columns, update_time
from model.schema import arranged

FORMAT = "long"
REQUIRED = ("meter_point", "channel", "unit", "start", "value", "quality")


def matches(opening: Opening) -> bool:
    """Return whether the header has the columns of this layout."""
    return set(opening.header).issuperset(REQUIRED)


def read(source: Source) -> FileRecords:
    """Return the intervals of a long CSV. Rejects lines as wrong_field_count and bad_time."""
    if source.lines.height == 1:
        return no_data(source, FORMAT)
    rows, wrong = read_columns(source, [*REQUIRED, "updated_at"])
    timed, bad_times = _with_times(source, rows, "updated_at" in header_names(source))
    named = timed.rename({"channel": "suffix", "quality": "code"})
    series, placed = series_of(named, ["meter_point", "suffix", "unit"])
    intervals = placed.with_columns(quality_of(pl.col("code").str.to_lowercase(), CSV_QUALITY).alias("quality"))
    return FileRecords(
        source.name,
        source.sha256,
        FORMAT,
        arranged(Series, series.with_columns(pl.lit(0, dtype=pl.Int8).alias("power"))),
        gather_rejects([wrong, bad_times]),
        intervals=arranged(IntervalRecords, intervals),
    )


def _with_times(source: Source, rows: pl.DataFrame, has_update: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    timed = rows.with_columns(
        parsed_once(rows["start"], instants).alias("start_utc"),
        (pl.col("updated_at") != "" if has_update else pl.lit(False)).alias("has_update"),
        parsed_once(rows["updated_at"], _update_times).alias("updated_at") if has_update else update_time(False),
    )
    is_bad = pl.col("start_utc").is_null() | (pl.col("has_update") & pl.col("updated_at").is_null())
    detail = pl.format(
        "expected a start with its offset such as 2026-10-04T01:45:00+10:00 (updated_at: 2026-10-05T06:00:00), "
        "found `{}`",
        "start",
    )
    return split_by_reason(source, timed, pl.when(is_bad).then(pl.lit("bad_time")), detail)


def instants(start: pl.Series) -> pl.Series:
    """Return the instants that ISO local times with offset name; null where the text is none."""
    found = start.str.to_datetime("%Y-%m-%dT%H:%M:%S%z", time_unit="us", strict=False)
    if found.null_count():
        # Other spellings of the same: Z for UTC, a blank for the T, no seconds.
        plain = start.str.replace(r"Z$", "+00:00").str.replace(" ", "T", literal=True)
        plain = plain.str.replace(r"T(\d\d:\d\d)([+-])", "T${1}:00${2}")
        found = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%z", time_unit="us", strict=False)
    frame = pl.DataFrame({"start_utc": found})
    return frame.select(usable_instant(pl.col("start_utc"))).to_series()


def _update_times(text: pl.Series) -> pl.Series:
    return pl.DataFrame({"updated_at": text}).select(update_time(True)).to_series()
