"""What stands between an agreement and its determinants: channels that are not there, days that are not whole.

Each function returns parks: the agreements that cannot be billed, with a stable reason and what was found.
"""

from __future__ import annotations

import polars as pl

from model.codes import ParkReason
from model.rating import RatingInput
from rating.calendar import Calendar
from rating.parking import no_parks, park


def without_channel(due: pl.DataFrame, channels: pl.DataFrame, calendar: Calendar, parts: pl.DataFrame) -> pl.DataFrame:
    """Return parks for quantities that are not optional and have no channel. `parts`: `sources.measured_parts`."""
    needed = (
        calendar.segments.select("cal_no", "version_id")
        .join(parts.filter(~pl.col("is_optional")), on="version_id", how="inner", validate="m:m")
        .join(due.select("due_no", "cal_no", "service_point_id"), on="cal_no", how="inner", validate="m:m")
        .join(channels, on=["due_no", "measure_no"], how="anti")
    )
    detail = pl.format(
        "quantity {} needs a channel of {}, service point {} has none", "quantity_id", "measure", "service_point_id"
    )
    return park(needed, ParkReason.NO_CHANNEL, detail)


_PURPOSES = {"max": "a maximum", "min": "a minimum", "mean": "a mean", "cost": "a price for each"}
_PURPOSES |= {"nth": "the highest", "mean_of_n": "the highest"}


def without_split(
    due: pl.DataFrame, channels: pl.DataFrame, calendar: Calendar, given: RatingInput, parts: pl.DataFrame
) -> pl.DataFrame:
    """Return parks for registers that cannot give what the tariff asks: a power, a cost, netting, use by period."""
    registers = channels.filter(pl.col("interval_minutes") == 0)
    if registers.is_empty():
        return no_parks()
    by_tou = given.book.components.filter(pl.col("by_tou")).select("version_id", "quantity_id").unique()
    split = parts.join(
        by_tou.with_columns(pl.lit(True).alias("by_tou")), on=["version_id", "quantity_id"], how="left", validate="m:1"
    )
    named = pl.concat(
        [given.book.tou_windows.select("version_id", "tou"), given.book.event_windows.select("version_id", "tou")]
    )
    periods = named.group_by("version_id").agg((pl.col("tou") != "").any().alias("has_periods"))
    needs_slots = (pl.col("agg") != "sum") | (pl.col("kind") == "slots")
    asked = (
        split.join(periods, on="version_id", how="left", validate="m:1")
        .filter(
            needs_slots
            | (pl.col("tou") != "")
            | (pl.col("by_tou").fill_null(False) & pl.col("has_periods").fill_null(False))
        )
        .select("version_id", "measure_no", "quantity_id", "agg", "kind", "is_part")
    )
    found = (
        registers.join(calendar.segments.select("cal_no", "version_id"), on="cal_no", how="inner", validate="m:m")
        .join(asked, on=["version_id", "measure_no"], how="inner", validate="m:m")
    )  # fmt: skip
    netting = pl.when("is_part").then(pl.lit("a part of each")).otherwise(pl.lit("netting"))
    of_sum = pl.when(pl.col("kind") == "slots").then(netting).otherwise(pl.lit("time-of-use periods"))
    purpose = pl.col("agg").replace_strict(_PURPOSES, default=of_sum, return_dtype=pl.String)
    detail = pl.format(
        "quantity {} needs intervals ({}), channel {} is a register without them", "quantity_id", purpose, "channel_id"
    )
    return park(found, ParkReason.NO_CHANNEL, detail)


def of_mixed_lengths(channels: pl.DataFrame, calendar: Calendar, parts: pl.DataFrame) -> pl.DataFrame:
    """Return parks for quantities that add or compare slots of channels whose intervals differ in length."""
    lengths = channels["interval_minutes"].unique()
    if (lengths > 0).sum() < 2:
        return no_parks()
    mixed = _read_together(channels.filter(pl.col("interval_minutes") > 0))
    found = (
        mixed.join(calendar.segments.select("cal_no", "version_id"), on="cal_no", how="inner", validate="m:m")
        .join(parts.filter("by_slot"), on=["version_id", "measure_no"], how="inner", validate="m:m")
        .group_by("due_no", "version_id", "quantity_id", "agg")
        .agg(pl.col("interval_minutes").unique().sort().cast(pl.String).str.join(" and "),
             pl.col("interval_minutes").n_unique().alias("count"))
        .filter(pl.col("count") > 1)
    )  # fmt: skip
    named = pl.when(pl.col("agg") == "max").then(pl.lit("maximum")).otherwise(pl.lit("quantity"))
    detail = pl.format(
        "{} {} needs channels of one interval length, found {} minutes", named, "quantity_id", "interval_minutes"
    )
    return park(found, ParkReason.NO_CHANNEL, detail)


def _read_together(channels: pl.DataFrame) -> pl.DataFrame:
    """Return the channels of agreements whose lengths differ on some day: due_no, cal_no, measure_no, interval_minutes.

    A meter with other intervals that follows another one adds nothing to its slots: each has days of its own.
    """
    several = channels.filter(pl.col("interval_minutes").n_unique().over("due_no") > 1)
    dated = several.select(
        "due_no", "cal_no", "measure_no", "channel_no", "interval_minutes",
        pl.col("from_date").fill_null(pl.date(1, 1, 1)), pl.col("to_date").fill_null(pl.date(9999, 12, 31)),
    )  # fmt: skip
    meets = (
        dated.join(dated, on="due_no", how="inner", suffix="_other", validate="m:m")
        .filter(
            pl.col("interval_minutes") != pl.col("interval_minutes_other"),
            pl.col("from_date") < pl.col("to_date_other"), pl.col("from_date_other") < pl.col("to_date"),
        )
    )  # fmt: skip
    return dated.join(meets, on=["due_no", "channel_no"], how="semi").drop("channel_no", "from_date", "to_date")


def of_long_intervals(channels: pl.DataFrame, calendar: Calendar, parts: pl.DataFrame) -> pl.DataFrame:
    """Return parks for demand intervals that are no multiple of the channel's own interval."""
    blocks = parts.filter(pl.col("block_minutes") > 0)
    if blocks.is_empty():
        return no_parks()
    found = (
        channels.filter(pl.col("interval_minutes") > 0)
        .join(calendar.segments.select("cal_no", "version_id"), on="cal_no", how="inner", validate="m:m")
        .join(blocks, on=["version_id", "measure_no"], how="inner", validate="m:m")
        .filter(pl.col("block_minutes") % pl.col("interval_minutes") != 0)
    )
    detail = pl.format(
        "quantity {} has a demand interval of {} minutes; expected intervals that divide it, channel {} has {} minutes",
        "quantity_id", "block_minutes", "channel_id", "interval_minutes",
    )  # fmt: skip
    return park(found, ParkReason.NO_CHANNEL, detail)


def incomplete(channels: pl.DataFrame, calendar: Calendar, measured: pl.DataFrame, good: pl.DataFrame) -> pl.DataFrame:
    """Return parks for channels without complete intervals on every day: first such day, and how many."""
    counts = good.group_by("due_no", "channel_no", "segment_no").agg(pl.len().alias("good_days"))
    segments = calendar.segments.select("cal_no", "segment_no", "start_date", "end_date", "days").join(
        measured, on=["cal_no", "segment_no"], how="inner", validate="1:m"
    )
    short = (
        channels.filter(pl.col("interval_minutes") > 0)
        .select("due_no", "cal_no", "channel_no", "measure_no", "from_date", "to_date")
        .join(segments, on=["cal_no", "measure_no"], how="inner", validate="m:m")
        .with_columns(_days_read())
        .filter(pl.col("days") > 0)
        .join(counts, on=["due_no", "channel_no", "segment_no"], how="left", validate="1:1")
        .filter(pl.col("good_days").fill_null(0) < pl.col("days"))
    )
    if short.is_empty():
        return no_parks()
    # Nearly all days are good, and those of few channels are asked for.
    known = good.filter(pl.col("channel_no").is_in(short["channel_no"].unique().implode()))
    missing = (
        short.with_columns(pl.date_ranges("start_date", "end_date", closed="left").alias("day"))
        .explode("day")
        .join(known, on=["due_no", "channel_no", "day"], how="anti")
        .group_by("due_no", "channel_no")
        .agg(pl.len().alias("day_count"), pl.col("day").min().alias("first_day"))
        .join(channels.select("due_no", "channel_no", "channel_id"), on=["due_no", "channel_no"], how="left")
    )
    detail = pl.format(
        "channel {}: intervals are missing on {} days, the first is {}", "channel_id", "day_count", "first_day"
    )
    return park(missing, ParkReason.INTERVALS_MISSING, detail)


def _days_read() -> list[pl.Expr]:
    """Return start_date, end_date and days of a segment cut to the days on which the channel is read."""
    start, end = pl.max_horizontal("start_date", "from_date"), pl.min_horizontal("end_date", "to_date")
    return [start.alias("start_date"), end.alias("end_date"), (end - start).dt.total_days().alias("days")]


def uncovered(channels: pl.DataFrame, calendar: Calendar, parts: pl.DataFrame) -> pl.DataFrame:
    """Return parks for days on which no channel of a measure is read that is not optional.

    Only where channels begin or end: a channel without dates covers every day.
    """
    if channels["from_date"].null_count() == channels["to_date"].null_count() == channels.height:
        return no_parks()
    of_measure = ["due_no", "cal_no", "measure_no"]
    is_dated = pl.col("from_date").is_not_null() | pl.col("to_date").is_not_null()
    dated = channels.filter(is_dated.all().over(of_measure) & (pl.col("interval_minutes") > 0).all().over(of_measure))
    required = parts.filter(~pl.col("is_optional")).select("version_id", "measure_no", "measure").unique()
    segments = (
        calendar.segments.select("cal_no", "segment_no", "version_id", "start_date", "end_date")
        .join(required, on="version_id", how="inner", validate="m:m")
        .join(dated.select(of_measure).unique(), on=["cal_no", "measure_no"], how="inner", validate="m:m")
    )
    needed = segments.with_columns(pl.date_ranges("start_date", "end_date", closed="left").alias("day")).explode("day")
    read = (
        segments.join(dated.drop("cal_no", "measure"), on=["due_no", "measure_no"], how="inner", validate="m:m")
        .with_columns(_days_read())
        .filter(pl.col("days") > 0)
        .with_columns(pl.date_ranges("start_date", "end_date", closed="left").alias("day"))
        .explode("day")
    )
    missing = (
        needed.join(read, on=["due_no", "measure_no", "day"], how="anti")
        .group_by("due_no", "measure")
        .agg(pl.len().alias("day_count"), pl.col("day").min().alias("first_day"))
    )
    detail = pl.format("no channel of {} is read on {} days, the first is {}", "measure", "day_count", "first_day")
    return park(missing, ParkReason.INTERVALS_MISSING, detail)
