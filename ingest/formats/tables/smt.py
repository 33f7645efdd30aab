"""Smart Meter Texas CSV: a line per 15 minutes, consumption and surplus generation, a revision date on each.

On the day the clock goes back the repeated hour is labelled wrongly: its first line starts at 02:00 and ends at 01:15.
So a line goes by its END label, and by how often that label has come before, never by its START. In spring the hour
that does not exist has four empty lines: they are no intervals, and landing leaves them out.
"""

from __future__ import annotations

import polars as pl

from ingest.formats.dates import usable_day
from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.quality import SMT_QUALITY, quality_of
from ingest.formats.records import FileRecords, IntervalRecords, Opening, Series
from ingest.formats.series import series_of
from ingest.formats.tables.csv_table import no_data, read_columns
from model.schema import arranged

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
_MINUTES = 15


def matches(opening: Opening) -> bool:
    """Return whether the header has the columns of this layout."""
    return set(opening.header).issuperset(REQUIRED)


def read(source: Source) -> FileRecords:
    """Return the intervals of a Smart Meter Texas file; channels have the suffixes `consumption` and `surplus`.

    Rejects lines as wrong_field_count and bad_date.
    """
    if source.lines.height == 1:
        return no_data(source, FORMAT)
    rows, wrong = read_columns(source, REQUIRED)
    kind = pl.col("consumption_surplusgeneration").str.to_lowercase()
    named = rows.select(
        "line",
        pl.col("esiid").str.strip_chars("'").alias("meter_point"),  # spreadsheets mark text with an apostrophe
        pl.when(kind.str.starts_with("surplus")).then(pl.lit("surplus")).otherwise(kind).alias("suffix"),
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
    series, placed = series_of(dated, ["meter_point", "suffix"])
    told = series.with_columns(
        pl.lit("kWh").alias("unit"),
        pl.lit(0, dtype=pl.Int8).alias("power"),
        pl.lit(_MINUTES, dtype=pl.Int32).alias("file_minutes"),
    )
    start = pl.col("day").cast(pl.Datetime("us")) + pl.duration(minutes=pl.col("end_minute") - _MINUTES)
    intervals = placed.with_columns(
        start.alias("start_local"), quality_of(pl.col("code").str.to_lowercase(), SMT_QUALITY).alias("quality")
    )
    return FileRecords(
        source.name,
        source.sha256,
        FORMAT,
        arranged(Series, told),
        gather_rejects([wrong, bad_dates]),
        intervals=arranged(IntervalRecords, intervals),
    )


def _end_minute() -> pl.Expr:
    """Return the minute of the day that the END label shows; midnight is the end of the day."""
    parts = pl.col("usage_end_time").str.extract_groups(r"^(\d{1,2}):(\d\d)(:00)?$")
    hour, minute = (parts.struct.field(name).cast(pl.Int32, strict=False) for name in ("1", "2"))
    end = pl.when((hour < 24) & (minute < 60)).then(hour * 60 + minute)
    return pl.when(end == 0).then(24 * 60).otherwise(end)
