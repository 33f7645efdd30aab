"""Long CSV: a line per interval, with the local time of its start and its offset from UTC.

Columns: meter_point, channel, unit, start (2026-10-04T01:45:00+10:00), value, quality, and updated_at if wanted.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.channels import resolve_channels, with_day_slots
from ingest.formats.csv_table import header_names, read_columns, split_by_reason, update_time
from ingest.formats.dates import parsed_once, usable_instant
from ingest.formats.parsed import ParsedFile, Source
from ingest.formats.quality import CSV_QUALITY
from ingest.formats.slots import days_of_slots, with_values
from model.accounts import ChannelNumbers
from model.zones import day_start_utc

FORMAT = "long"
REQUIRED = ("meter_point", "channel", "unit", "start", "value", "quality")


def parse_long(source: Source, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    """Return the days of a long CSV; the interval length is that of the channel.

    Rejects lines as bad_time, off_grid (no interval starts then), duplicate_slot, bad_number, too_precise,
    value_too_large, bad_quality, and channels as `resolve_channels` says.
    """
    rows, wrong = read_columns(source, [*REQUIRED, "updated_at"])
    named = rows.rename({"channel": "suffix", "quality": "code"}).with_columns(
        pl.lit(None, dtype=pl.Int32).alias("file_minutes")
    )
    resolved = resolve_channels(source, named, channels)
    timed, bad_times = _with_times(source, resolved.rows, "updated_at" in header_names(source))
    slots, off_grid = with_slots(source, timed)
    valued, bad_values = with_values(source, slots, CSV_QUALITY)
    return days_of_slots(source, FORMAT, valued, [wrong, resolved.rejects, bad_times, off_grid, bad_values])


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


def with_slots(source: Source, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add day, n and slot: the place of the instant in the civil day of the service point's zone."""
    zones = rows.partition_by("tz_name", as_dict=True, maintain_order=True)
    local = [
        part.with_columns(pl.col("start_utc").dt.convert_time_zone(str(tz_name)).dt.date().alias("day"))
        for (tz_name,), part in zones.items()
    ]
    dated = pl.concat(local) if local else rows.with_columns(pl.lit(None, dtype=pl.Date).alias("day"))
    keys = dated.select("tz_name", "day").unique()
    starts = [day_start_utc(*key) for key in keys.iter_rows()]  # a few zones times the days of the file
    known = keys.with_columns(pl.Series("day_start_utc", starts, dtype=pl.Datetime("us", "UTC")))
    placed = with_day_slots(dated).join(known, on=["tz_name", "day"], how="left", validate="m:1", maintain_order="left")
    since = (pl.col("start_utc") - pl.col("day_start_utc")).dt.total_seconds()
    length = pl.col("interval_minutes").cast(pl.Int64) * 60
    placed = placed.with_columns(
        (since // length).cast(pl.Int64).alias("slot"),
        (since % length != 0).alias("is_off_grid"),
        pl.lit(0, dtype=pl.Int64).alias("copy"),
    )
    detail = pl.format("expected a start on a full interval of {} minutes, found `{}`", "interval_minutes", "start")
    return split_by_reason(source, placed, pl.when("is_off_grid").then(pl.lit("off_grid")), detail)
