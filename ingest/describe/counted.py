"""Records of a file counted by series: readings, exact sums, span, qualities, codes."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ingest.formats.numbers import has_lost_places, scaled
from ingest.formats.parsed import Source, split_by_reason
from ingest.formats.records import FileRecords
from model.codes import Quality

PLACES = 15  # decimals that are read of a value
MISSING = int(Quality.MISSING)
_VALUE_MAX = 10**18  # a value beyond is no reading; below it the sums of a file fit 128 bits
_SUMS = (pl.len().cast(pl.Int64).alias("readings"), pl.col("number").sum().alias("total"))


@dataclass(frozen=True)
class Counted:
    """Counts by series. `sums`: series_no, readings, total (Int128, in 10^-15), first, last, is_utc, minutes.

    `qualities`: series_no, quality (null when the code is not known), count; `codes`: series_no, code, count.
    """

    sums: pl.DataFrame
    qualities: pl.DataFrame
    codes: pl.DataFrame
    rejects: pl.DataFrame


def count_intervals(source: Source, records: FileRecords) -> Counted:
    """Count intervals that are stated one by one; without a stated length the shortest step between two counts."""
    rows, rejects = with_numbers(source, records.intervals.with_columns(pl.col("value").alias("found")))
    start = pl.coalesce(pl.col("start_utc").dt.replace_time_zone(None), "start_local")
    timed = rows.with_columns(start.alias("start"), pl.col("start_utc").is_not_null().alias("is_utc"))
    step = pl.col("start").unique().sort().diff().dt.total_minutes().min().cast(pl.Int32).alias("step")
    lengths = (
        timed.group_by("series_no")
        .agg(step)
        .join(records.series.select("series_no", "file_minutes"), on="series_no", how="left", validate="1:1")
    )
    sized = timed.join(lengths, on="series_no", how="left", validate="m:1").with_columns(
        pl.coalesce("minutes", "file_minutes", "step").alias("length")
    )
    sums = sized.group_by("series_no").agg(
        *_SUMS,
        pl.col("start").min().alias("first"),
        (pl.col("start") + pl.duration(minutes=pl.col("length").fill_null(0))).max().alias("last"),
        pl.col("is_utc").all(),
        pl.when(pl.col("length").n_unique() == 1).then(pl.col("length").first()).alias("minutes"),
    )
    return Counted(sums, *_by_code(rows), rejects)


def count_readings(source: Source, records: FileRecords) -> Counted:
    """Count register readings: the quantities that the file states, the readings themselves where it states none."""
    quantity = pl.col("quantity").fill_null("")
    found = pl.when(quantity != "").then(quantity).otherwise("value")
    rows, rejects = with_numbers(source, records.readings.with_columns(found.alias("found")))
    sums = rows.group_by("series_no").agg(
        *_SUMS,
        pl.min_horizontal("from_at", "read_at").min().alias("first"),
        pl.col("read_at").max().alias("last"),
        pl.lit(False).alias("is_utc"),
        pl.lit(0, dtype=pl.Int32).alias("minutes"),
    )
    return Counted(sums, *_by_code(rows), rejects)


def with_numbers(source: Source, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add `number` (Int128, in 10^-15, null when empty) of the text `found`; what is none is rejected."""
    text = rows["found"].str.strip_chars(' \t"')
    judged = rows.with_columns(
        text.alias("found"),
        scaled(text, PLACES).cast(pl.Int128).alias("number"),
        has_lost_places(text, PLACES).alias("is_lost"),
    )
    reason = (
        pl.when(pl.col("found") == "")
        .then(None)
        .when(pl.col("number").is_null())
        .then(pl.lit("bad_number"))
        .when("is_lost")
        .then(pl.lit("too_precise"))
        .when((pl.col("number") // 10**PLACES).is_between(-_VALUE_MAX, _VALUE_MAX).not_())
        .then(pl.lit("value_too_large"))
    )
    detail = pl.format("expected a decimal number, found `{}`", pl.col("found").str.head(40))
    good, rejects = split_by_reason(source, judged, reason, detail)
    return good.drop("is_lost"), rejects


def _by_code(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    level = pl.when(pl.col("found") == "").then(pl.lit(MISSING)).otherwise("quality").cast(pl.UInt8)
    count = pl.len().cast(pl.Int64).alias("count")
    qualities = rows.group_by("series_no", level.alias("quality")).agg(count)
    return qualities, rows.group_by("series_no", "code").agg(count)
