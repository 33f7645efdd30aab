"""Use of register channels: two readings, or a share by days between two readings.

The use up to a date is interpolated between the readings around it, by days, rounded down to the smallest unit.
Parts that follow each other are differences of that one curve, so they add up to what the register counted.
"""

from __future__ import annotations

import polars as pl

from model.codes import ParkReason, Quality
from rating.intervals import USE_SCHEMA
from rating.parking import no_parks, park
from rating.powers import SLICE_KEYS
from rating.rounding import wide
from rating.weights import DayWeights


def register_use(
    usage: pl.DataFrame, channels: pl.DataFrame, slices: pl.DataFrame, weights: DayWeights
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the use of register channels by slice (USE_SCHEMA, tou ''), and the parks.

    `usage`: model.reads.RegisterUsage. `channels`: due_no, cal_no, channel_no, channel_id, measure_no of the register
    channels that are needed. `slices`: cal_no, segment_no, slice_no, start_date, end_date of every slice that needs
    them, with measure_no. `weights`: of days, for measures that are not shared equally between days.
    """
    asked = channels.join(slices, on=["cal_no", "measure_no"], how="inner", validate="m:m")
    if asked.is_empty():
        return pl.DataFrame(schema=USE_SCHEMA), [no_parks()]
    parts, unweighted = _weighted(_parts(usage, asked), weights)
    parks = [_rejected(parts), unweighted, *_uncovered(usage, parts, asked)]
    by_slice = (
        parts.group_by(*SLICE_KEYS, "measure_no", "channel_no")
        .agg(
            pl.col("quantity").sum(),
            (pl.col("quality") >= Quality.SUBSTITUTED).any().alias("is_estimated"),
            pl.col("seq").max().alias("reads_seq"),
            (
                (pl.col("from_date").min() == pl.col("start_date").first())
                & (pl.col("to_date").max() == pl.col("end_date").first())
            ).alias("is_whole"),
            pl.col("is_weighted").any(),
        )
        .group_by(*SLICE_KEYS, "measure_no")
        .agg(
            pl.col("quantity").sum(),
            pl.col("is_estimated").any(),
            pl.col("reads_seq").max(),
            pl.col("is_whole").all(),
            pl.col("is_weighted").any(),
        )
    )
    shared = pl.when("is_weighted").then(pl.lit("weights")).otherwise(pl.lit("days"))
    method = pl.when("is_whole").then(pl.lit("register")).otherwise(shared)
    use = by_slice.with_columns(pl.lit("").alias("tou"), method.alias("split_method")).select(list(USE_SCHEMA))
    return use, parks


def _parts(usage: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the part of each row of usage that falls in each slice, with `covered` days.

    Two readings of one day leave a row of no length: its use belongs to the slice that holds the day.
    """
    first, last = asked["start_date"].min(), asked["end_date"].max()
    near = usage.filter((pl.col("to_date") >= first) & (pl.col("from_date") <= last))
    instant = (
        (pl.col("from_date") == pl.col("to_date"))
        & (pl.col("from_date") >= pl.col("start_date"))
        & (pl.col("from_date") < pl.col("end_date"))
    )
    overlaps = (pl.col("from_date") < pl.col("end_date")) & (pl.col("to_date") > pl.col("start_date"))
    touching = near.join(asked, on="channel_no", how="inner", validate="m:m").filter(overlaps | instant)
    length = _days_from("from_date", pl.col("to_date"))
    begin = _days_from("from_date", pl.max_horizontal("start_date", "from_date"))
    end = _days_from("from_date", pl.min_horizontal("end_date", "to_date"))
    shared = wide("quantity") * end // length - wide("quantity") * begin // length
    whole = pl.col("from_date") == pl.col("to_date")
    return touching.with_columns(
        pl.col("quantity").alias("used"),
        pl.when(whole).then(wide("quantity")).otherwise(shared).cast(pl.Int64).alias("quantity"),
        (end - begin).cast(pl.Int64).alias("covered"),
    )


def _weighted(parts: pl.DataFrame, weights: DayWeights) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return parts of readings shared by the weights of their days, and parks for days without a weight.

    What has no weights, or none above zero between its readings, stays shared by days.
    """
    placed = parts.join(weights.series, on=["cal_no", "measure_no"], how="left", validate="m:1")
    cut = (pl.col("from_date") < pl.col("start_date")) | (pl.col("to_date") > pl.col("end_date"))
    asked = pl.col("series_id").is_not_null() & cut & (pl.col("from_date") < pl.col("to_date"))
    plain = placed.filter(~asked).drop("series_id").with_columns(pl.lit(False).alias("is_weighted"))
    summed = placed.filter(asked).with_columns(
        pl.max_horizontal("start_date", "from_date").alias("begin_date"),
        pl.min_horizontal("end_date", "to_date").alias("stop_date"),
    )
    for name in ("from", "begin", "stop", "to"):
        sums = weights.sums.select(
            "series_id", pl.col("day").alias(f"{name}_date"), pl.col("run_no").alias(f"{name}_run"),
            pl.col("before").alias(f"{name}_sum"),
        )  # fmt: skip
        # A day that ends one run can begin none: the day after a run is there only when the next day has no value.
        summed = summed.join(sums, on=["series_id", f"{name}_date"], how="left", validate="m:1")
    is_known = (pl.col("from_run") == pl.col("to_run")).fill_null(value=False)
    detail = pl.format("factor {} has no value on a day from {} to {}", "series_id", "from_date", "to_date")
    missing = park(summed.filter(~is_known), ParkReason.NO_FACTOR, detail)
    whole = pl.col("to_sum") - pl.col("from_sum")
    quantity = wide("used")
    shared = quantity * (pl.col("stop_sum") - pl.col("from_sum")) // whole
    before = quantity * (pl.col("begin_sum") - pl.col("from_sum")) // whole
    has_weight = is_known & (whole > 0).fill_null(value=False)
    found = summed.with_columns(
        pl.when(has_weight).then((shared - before).cast(pl.Int64)).otherwise("quantity").alias("quantity"),
        has_weight.alias("is_weighted"),
    )
    return pl.concat([plain, found.select(plain.columns)]), missing


def _days_from(start: str, end: pl.Expr) -> pl.Expr:
    return (end - pl.col(start)).dt.total_days().cast(pl.Int128)


def _rejected(parts: pl.DataFrame) -> pl.DataFrame:
    detail = pl.format(
        "channel {}: the use of meter {} from {} to {} was rejected (see findings)",
        "channel_id", "meter_id", "from_date", "to_date",
    )  # fmt: skip
    return park(parts.filter("is_rejected"), ParkReason.READ_REJECTED, detail)


def _uncovered(usage: pl.DataFrame, parts: pl.DataFrame, asked: pl.DataFrame) -> list[pl.DataFrame]:
    """Return parks for slices that readings do not cover from first to last day."""
    keys = [*SLICE_KEYS, "channel_no"]
    first_reads = usage.group_by("channel_no").agg(pl.col("from_date").min().alias("first_read_date"))
    short = (
        asked.join(parts.group_by(keys).agg(pl.col("covered").sum()), on=keys, how="left", validate="1:1")
        .with_columns((pl.col("end_date") - pl.col("start_date")).dt.total_days().alias("length"))
        .filter(pl.col("covered").fill_null(0) != pl.col("length"))
        .join(first_reads, on="channel_no", how="left", validate="m:1")
    )
    late = pl.col("first_read_date").is_null() | (pl.col("first_read_date") > pl.col("start_date"))
    start = pl.format("channel {}: expected a reading on or before {}, found none", "channel_id", "start_date")
    end = pl.format("channel {}: expected readings that reach {}, found none that does", "channel_id", "end_date")
    return [
        park(short.filter(late), ParkReason.START_READ_MISSING, start),
        park(short.filter(~late), ParkReason.END_READ_MISSING, end),
    ]
