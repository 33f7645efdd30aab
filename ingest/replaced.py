"""What changed between two states of the reads: sums before and after of each channel-day, use of each register."""

from __future__ import annotations

import polars as pl

from model.codes import Quality
from model.reads import slot_columns

_DAY_KEY = ["channel_no", "day"]
_IS_ESTIMATED = pl.col("worst") >= int(Quality.SUBSTITUTED)


def changed_days(before: pl.DataFrame, after: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Return the channel-days whose slots differ: channel_no, day, before, after, delta, was_estimated.

    Both hold one wide row per channel and day. Sums are in smallest units, empty slots count as zero, and a day that
    one of them does not have is zero there. `was_estimated`: a slot of the day before was substituted or worse.
    """
    slots = slot_columns(interval_minutes)
    same = before.join(after, how="semi", on=[*_DAY_KEY, *slots], nulls_equal=True).select(_DAY_KEY)
    total = pl.sum_horizontal(pl.col(slots).cast(pl.Int64))
    old = before.select(*_DAY_KEY, total.alias("before"), _IS_ESTIMATED.alias("was_estimated"))
    new = after.select(*_DAY_KEY, total.alias("after"))
    both = old.join(new, how="full", on=_DAY_KEY, validate="1:1", coalesce=True)
    changed = both.join(same, how="anti", on=_DAY_KEY).with_columns(
        pl.col("before", "after").fill_null(0), pl.col("was_estimated").fill_null(value=False)
    )
    return changed.with_columns(delta=pl.col("after") - pl.col("before")).select(
        *_DAY_KEY, "before", "after", "delta", "was_estimated"
    ).sort(_DAY_KEY)  # fmt: skip


def use_in_spans(usage: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Return the use of registers in spans, shared by days as bills share it: channel_no, span_no, use, is_estimated.

    `spans`: span_no, channel_no, start_date, end_date. Refused readings count as nothing.
    """
    placed = usage.filter(~pl.col("is_rejected")).join(spans, how="inner", on="channel_no", validate="m:m")
    inside = placed.filter(
        (pl.col("from_date") < pl.col("end_date")) & (pl.col("to_date") > pl.col("start_date"))
    ).with_columns(
        length=(pl.col("to_date") - pl.col("from_date")).dt.total_days().cast(pl.Int128),
        begin=(pl.max_horizontal("start_date", "from_date") - pl.col("from_date")).dt.total_days().cast(pl.Int128),
        end=(pl.min_horizontal("end_date", "to_date") - pl.col("from_date")).dt.total_days().cast(pl.Int128),
        wide=pl.col("quantity").cast(pl.Int128),
    )
    share = pl.col("wide") * pl.col("end") // pl.col("length") - pl.col("wide") * pl.col("begin") // pl.col("length")
    return inside.group_by("channel_no", "span_no").agg(
        use=share.sum().cast(pl.Int64), is_estimated=(pl.col("quality") >= int(Quality.SUBSTITUTED)).any()
    )
