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


def register_use(
    usage: pl.DataFrame, channels: pl.DataFrame, slices: pl.DataFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the use of register channels by slice (USE_SCHEMA, tou ''), and the parks.

    `usage`: model.reads.RegisterUsage. `channels`: due_no, cal_no, channel_no, channel_id, measure_no of the register
    channels that are needed. `slices`: cal_no, segment_no, slice_no, start_date, end_date of every slice that needs
    them, with measure_no.
    """
    asked = channels.join(slices, on=["cal_no", "measure_no"], how="inner", validate="m:m")
    if asked.is_empty():
        return pl.DataFrame(schema=USE_SCHEMA), [no_parks()]
    parts = _parts(usage, asked)
    parks = [_rejected(parts), *_uncovered(usage, parts, asked)]
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
        )
        .group_by(*SLICE_KEYS, "measure_no")
        .agg(
            pl.col("quantity").sum(),
            pl.col("is_estimated").any(),
            pl.col("reads_seq").max(),
            pl.col("is_whole").all(),
        )
    )
    method = pl.when("is_whole").then(pl.lit("register")).otherwise(pl.lit("days"))
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
        pl.when(whole).then(wide("quantity")).otherwise(shared).cast(pl.Int64).alias("quantity"),
        (end - begin).cast(pl.Int64).alias("covered"),
    )


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
