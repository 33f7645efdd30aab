"""Sharing an amount so that the parts add up to it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

# Two amounts of 63 bits are multiplied in 128, which holds the product whatever they are.
_WIDE = pl.Int128


def shared_minor(frame: pl.DataFrame, *, by: str, whole: str, weight: str, order: Sequence[str]) -> pl.DataFrame:
    """Share `whole` (minor units, the same on all rows of a group `by`) over its rows in proportion to `weight`.

    Each part is rounded down, and what is left goes one unit each to the largest remainders, ties in `order`; so the
    parts of a group sum to its whole. Weights may be of either sign; a whole below zero gives the same parts with
    the signs turned. Returns `frame` with `part_minor`, in the order of `by` and `order`.

    Raises:
        AssertionError: the weights of a group sum to zero: there is nothing to share by.
    """
    total = pl.col(weight).cast(_WIDE).sum().over(by)
    summed = frame.sort(by, *order).with_columns(_total=total)
    assert summed.filter(pl.col("_total") == 0).is_empty(), "the weights of a group sum to zero"
    turned = pl.when(pl.col("_total") < 0).then(-1).otherwise(1).cast(_WIDE)
    product = pl.col(whole).abs().cast(_WIDE) * pl.col(weight).cast(_WIDE) * turned
    divided = summed.with_columns(
        _part=product // (pl.col("_total") * turned), _rest=product % (pl.col("_total") * turned)
    )
    left = pl.col(whole).abs().cast(_WIDE) - pl.col("_part").sum().over(by)
    place = pl.col("_rest").rank("ordinal", descending=True).over(by).cast(_WIDE)
    sign = pl.when(pl.col(whole) < 0).then(-1).otherwise(1).cast(_WIDE)
    extra = pl.when(place <= left).then(1).otherwise(0).cast(_WIDE)
    parts = divided.with_columns(part_minor=(sign * (pl.col("_part") + extra)).cast(pl.Int64))
    return parts.drop("_total", "_part", "_rest")
