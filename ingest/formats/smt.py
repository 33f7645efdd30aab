"""Smart Meter Texas CSV: a line per 15 minutes, consumption and surplus generation, a revision date on each.

On the day the clock goes back the repeated hour is labelled wrongly: its first line starts at 02:00 and ends at 01:15.
So a line is placed by its END label and by how often that label has come before, never by its START. In spring the hour
that does not exist has four empty lines: they are no intervals.
"""

from __future__ import annotations

from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.channels import resolve_channels, with_day_slots
from ingest.formats.csv_table import read_columns, split_by_reason
from ingest.formats.dates import usable_day
from ingest.formats.parsed import ParsedFile, Source
from ingest.formats.quality import SMT_QUALITY
from ingest.formats.slots import days_of_slots, with_values
from model.accounts import ChannelNumbers
from model.zones import slot_clock_minutes

FORMAT = "smt"
REQUIRED = (
    "esiid",
    "usage_date",
    "revision_date",
    "usage_start_time",
    "usage_end_time",
    "usage_kwh",
    "estimated_actual",
    "consumption_surplusgeneration",
)
_DAY = ["channel_no", "day"]
_LABELS = pl.Schema(
    {
        "tz_name": pl.String(),
        "day": pl.Date(),
        "interval_minutes": pl.Int32(),
        "slot": pl.List(pl.Int64()),
        "end_minute": pl.List(pl.Int32()),
    }
)


def parse_smt(source: Source, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    """Return the days of a Smart Meter Texas file; channels have the suffixes `consumption` and `surplus`.

    Rejects lines as bad_date, no_such_slot, duplicate_slot, bad_number, too_precise, value_too_large, bad_quality.
    """
    rows, wrong = read_columns(source, REQUIRED)
    kind = pl.col("consumption_surplusgeneration").str.to_lowercase()
    named = rows.select(
        "line",
        pl.col("esiid").str.strip_chars("'").alias("meter_point"),  # spreadsheets mark text with an apostrophe
        pl.when(kind.str.starts_with("surplus")).then(pl.lit("surplus")).otherwise(kind).alias("suffix"),
        pl.lit("kWh").alias("unit"),
        pl.lit(None, dtype=pl.Int32).alias("file_minutes"),
        usable_day(pl.col("usage_date").str.to_date("%m/%d/%Y", strict=False)).alias("day"),
        pl.col("revision_date").str.to_datetime("%m/%d/%Y %H:%M:%S", time_unit="us", strict=False).alias("updated_at"),
        (pl.col("revision_date") != "").alias("has_update"),
        _end_minute().alias("end_minute"),
        pl.col("usage_kwh").alias("value"),
        pl.col("estimated_actual").alias("code"),
    )
    is_bad = pl.any_horizontal(
        pl.col("day").is_null(), pl.col("end_minute").is_null(), pl.col("has_update") & pl.col("updated_at").is_null()
    )
    detail = pl.lit("expected dates as MM/DD/YYYY, times as hh:mm and a revision date as MM/DD/YYYY hh:mm:ss")
    dated, bad_dates = split_by_reason(source, named, pl.when(is_bad).then(pl.lit("bad_date")), detail)
    resolved = resolve_channels(source, dated, channels)
    slots, homeless = _with_slots(source, with_day_slots(resolved.rows))
    valued, bad_values = with_values(source, slots, SMT_QUALITY)
    return days_of_slots(source, FORMAT, valued, [wrong, bad_dates, resolved.rejects, homeless, bad_values])


def _end_minute() -> pl.Expr:
    """Return the minute of the day that the END label shows; midnight is the end of the day."""
    parts = pl.col("usage_end_time").str.extract_groups(r"^(\d{1,2}):(\d\d)(:00)?$")
    minute = parts.struct.field("1").cast(pl.Int32, strict=False) * 60 + parts.struct.field("2").cast(
        pl.Int32, strict=False
    )
    return pl.when(minute == 0).then(24 * 60).otherwise(minute)


def _with_slots(source: Source, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add `slot` and `copy`; a line without value whose label does not exist that day is no interval."""
    counted = _with_copies(rows.sort("line")).with_columns(
        pl.int_range(pl.len()).over([*_DAY, "copy", "end_minute"], order_by="line").alias("repeat")
    )
    placed = counted.join(
        _slot_labels(rows),
        on=["tz_name", "day", "interval_minutes", "end_minute", "repeat"],
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    real = placed.filter(pl.col("slot").is_not_null() | (pl.col("value") != ""))
    reason = pl.when(pl.col("slot").is_null()).then(pl.lit("no_such_slot"))
    clock = pl.format("{}:{}", pl.col("end_minute") // 60, (pl.col("end_minute") % 60).cast(pl.String).str.zfill(2))
    detail = pl.format("expected {} intervals on {}, found another one ending {}", "n", "day", clock)
    return split_by_reason(source, real, reason, detail)


def _with_copies(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `copy`: 0, unless a day has more values than slots; then its revisions are versions of their own."""
    has_value = pl.col("value") != ""
    has_versions = has_value.sum().over(_DAY) > pl.col("n")
    revision = pl.col("updated_at").rank("dense").over(_DAY).fill_null(0).cast(pl.Int64)
    return rows.with_columns(pl.when(has_versions).then(revision).otherwise(0).cast(pl.Int64).alias("copy"))


def _slot_labels(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the END label of each slot of the days in the file, and how often it came before on that day."""
    keys = rows.select("tz_name", "day", "interval_minutes").unique().sort("tz_name", "day", "interval_minutes")
    labels = [_labels_of(*key) for key in keys.iter_rows()]  # a few zones times the days of the file
    table = pl.DataFrame(labels, schema=_LABELS, orient="row").explode("slot", "end_minute")
    repeat = pl.int_range(pl.len()).over(["tz_name", "day", "interval_minutes", "end_minute"], order_by="slot")
    return table.with_columns(repeat.alias("repeat"))


def _labels_of(tz_name: str, day: date, minutes: int) -> tuple[str, date, int, list[int], list[int]]:
    clocks = slot_clock_minutes(tz_name, day, minutes)
    return tz_name, day, minutes, list(range(len(clocks))), [clock + minutes for clock in clocks]
