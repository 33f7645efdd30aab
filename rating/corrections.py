"""Use corrected for the error that a test of the meter found: what was measured counts as 100 / (100 + error).

Exact integers: the error has 4 decimals, so the factor is 10^6 / (10^6 + error x 10^4). Each interval, and the use
between two readings (or its part in the span), is rounded once, half up to the smallest unit.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import Quality
from model.reads import RegisterUsage, slot_columns
from model.schema import arranged
from rating.rounding import int128, wide

CORRECTIONS_SCHEMA = {
    "channel_no": pl.Int32(), "from_date": pl.Date(), "to_date": pl.Date(), "error_e4": pl.Int64(),
}  # fmt: skip


def corrected_days(days: pl.DataFrame, corrections: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Return wide days with each slot of a span corrected; such a day's quality is EDITED unless it is worse.

    `corrections`: CORRECTIONS_SCHEMA; the spans of a channel do not overlap. Missing slots stay missing.
    """
    if corrections.is_empty():
        return days
    mine = days.join(corrections, on="channel_no", how="semi")
    if mine.is_empty():
        return days
    spans = corrections.select("channel_no", "error_e4", pl.col("from_date").alias("span_start"),
                               pl.col("to_date").alias("span_end"))  # fmt: skip
    inside = (
        mine.join(spans, on="channel_no", how="inner", validate="m:m")
        .filter(pl.col("day") >= pl.col("span_start"), pl.col("day") < pl.col("span_end"))
        .with_columns(
            *(_corrected(name).cast(pl.Int32).alias(name) for name in slot_columns(interval_minutes)),
            pl.max_horizontal("worst", pl.lit(int(Quality.EDITED), pl.UInt8)).alias("worst"),
        )
        .select(days.columns)
    )
    others = days.join(inside, on=["channel_no", "day"], how="anti")
    return pl.concat([others, inside]).sort("channel_no", "day")


def corrected_usage(usage: DataFrame[RegisterUsage], corrections: pl.DataFrame) -> DataFrame[RegisterUsage]:
    """Return use between readings with the parts in a span corrected.

    A row that lies in a span in part is cut at its edges: the use up to a date is shared by days, rounded down, as
    it is where a segment cuts it (`rating.registers`). `corrections`: see `corrected_days`.
    """
    touched = usage.join(corrections, on="channel_no", how="semi").filter(pl.col("from_date") < pl.col("to_date"))
    if touched.is_empty():
        return usage
    spans = corrections.select("channel_no", "error_e4", pl.col("from_date").alias("span_start"),
                               pl.col("to_date").alias("span_end"))  # fmt: skip
    overlapping = touched.join(spans, on="channel_no", how="inner", validate="m:m").filter(
        pl.col("from_date") < pl.col("span_end"), pl.col("span_start") < pl.col("to_date")
    )
    parts = _parts(overlapping)
    whole = usage.join(overlapping, on=["channel_no", "from_date", "to_date"], how="anti")
    both = pl.concat([whole, arranged(RegisterUsage, parts)])
    return arranged(RegisterUsage, both.sort("channel_no", "from_date", "to_date"))


def _parts(overlapping: pl.DataFrame) -> pl.DataFrame:
    """Return each row of usage cut at the edges of the spans in it, the parts in a span corrected."""
    key = ["channel_no", "from_date", "to_date"]
    once = overlapping.unique(key, maintain_order=True).drop("error_e4", "span_start", "span_end")
    edges = pl.concat(
        [overlapping.select(*key, pl.col(name).alias("part_start")) for name in ("from_date", "span_start", "span_end")]
    )
    cut = (
        edges.filter(pl.col("part_start") >= pl.col("from_date"), pl.col("part_start") < pl.col("to_date"))
        .unique()
        .sort(*key, "part_start")
        .with_columns(pl.col("part_start").shift(-1).over(key).fill_null(pl.col("to_date")).alias("part_end"))
        .join(once, on=key, how="left", validate="m:1")
    )
    errors = overlapping.select(*key, "error_e4", "span_start", "span_end")
    in_span = (
        cut.select(*key, "part_start")
        .join(errors, on=key, how="inner", validate="m:m")
        .filter(pl.col("part_start") >= pl.col("span_start"), pl.col("part_start") < pl.col("span_end"))
        .select(*key, "part_start", "error_e4")
    )
    length, begin, end = (_days(name) for name in ("to_date", "part_start", "part_end"))
    share = wide("quantity") * end // length - wide("quantity") * begin // length
    placed = cut.join(in_span, on=[*key, "part_start"], how="left", validate="1:1").with_columns(
        share.alias("quantity")
    )
    is_corrected = pl.col("error_e4").is_not_null()
    return placed.with_columns(
        pl.when(is_corrected).then(_corrected("quantity")).otherwise(pl.col("quantity")).cast(pl.Int64),
        pl.when(is_corrected).then(pl.max_horizontal("quality", pl.lit(int(Quality.EDITED), pl.UInt8)))
        .otherwise("quality").alias("quality"),
        pl.col("part_start").alias("from_date"), pl.col("part_end").alias("to_date"),
    )  # fmt: skip


def _days(until: str) -> pl.Expr:
    return (pl.col(until) - pl.col("from_date")).dt.total_days().cast(pl.Int128)


def _corrected(column: str) -> pl.Expr:
    """Return a quantity of zero or more by the factor of its row, half up to the smallest unit."""
    scale = int128(10**6) + wide("error_e4")
    return (wide(column) * int128(2 * 10**6) + scale) // (scale * 2)
