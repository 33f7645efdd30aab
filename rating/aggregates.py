"""Determinants of several slices or periods reduced to one value."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating.determinants import worst_split
from rating.powers import mean_power, ranked

AGGREGATE_COLUMNS = ["agg", "quantity", "peak_day", "is_estimated", "reads_seq", "split_method"]
_SUMMED = ["sum", "cost"]
_OF_MANY = ["nth", "mean_of_n"]


def aggregate(frame: pl.DataFrame, keys: list[str], carried: Sequence[str] = ()) -> pl.DataFrame:
    """Return one row for each group of `keys`, which must not hold rows of several quantities: `AGGREGATE_COLUMNS`.

    `frame` holds rows as `rating.determinants.find_determinants` returns them. Sums and costs add up; a maximum (a
    minimum) is the highest (lowest) and has its earliest day; nth and mean_of_n are taken anew from the highest of
    all rows; a mean is all energy by all time. Powers are rounded half up to the smallest unit. What was not
    measured (split_method none) counts only where nothing was. `carried` are columns that are one in each group.
    """
    told = [
        pl.col("agg").first(), pl.col("is_estimated").any(), pl.col("reads_seq").max(), worst_split(),
        *(pl.col(name).first() for name in carried),
    ]  # fmt: skip
    is_sum = pl.col("agg").is_in(_SUMMED)
    # Most bills have sums only, which need no look at each group.
    parts = [_added(frame.filter(is_sum), keys, told), _reduced(frame.filter(~is_sum), keys, told)]
    columns = [*keys, *carried, *AGGREGATE_COLUMNS]
    return pl.concat([part.select(columns) for part in parts])


def _added(frame: pl.DataFrame, keys: list[str], told: list[pl.Expr]) -> pl.DataFrame:
    """Return the sum of each group: of what was measured, or of all where nothing was."""
    was_measured = pl.col("split_method") != "none"
    measured = pl.when(was_measured).then("quantity").otherwise(0).sum()
    any_measured = was_measured.any()
    if _are_apart(frame, keys):
        return frame.with_columns(pl.lit(None, dtype=pl.Date).alias("peak_day"))
    sums = frame.group_by(keys).agg(
        pl.col("quantity").sum(), measured.alias("measured"), any_measured.alias("was_measured"), *told
    )
    return sums.with_columns(
        pl.when("was_measured").then("measured").otherwise("quantity").alias("quantity"),
        pl.lit(None, dtype=pl.Date).alias("peak_day"),
    )


def _reduced(frame: pl.DataFrame, keys: list[str], told: list[pl.Expr]) -> pl.DataFrame:
    """Return the power of each group."""
    if _are_apart(frame, keys):
        return _of_one(frame)
    was_measured = pl.col("split_method") != "none"
    measured = frame.filter(was_measured | ~was_measured.any().over(keys))
    values = measured.group_by(keys).agg(_value().alias("quantity"), _day().alias("peak_day"))
    values = pl.concat([values, _of_many(measured.filter(pl.col("agg").is_in(_OF_MANY)), keys)], how="diagonal")
    return (
        frame.group_by(keys)
        .agg(*told)
        .join(values.filter(pl.col("quantity").is_not_null()), on=keys, how="left", validate="1:1", nulls_equal=True)
    )


def _are_apart(frame: pl.DataFrame, keys: list[str]) -> bool:
    """Return whether each group has one row, as where a bill is one slice: then there is nothing to add or compare."""
    return bool(frame.select(pl.struct(keys).n_unique() == pl.len()).item())


def _of_one(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the power of groups of one row."""
    agg, value, minutes = pl.col("agg"), pl.col("quantity"), pl.col("minutes")
    mean = pl.when(minutes > 0).then(mean_power(value, minutes)).otherwise(0)
    has_day = agg.is_in(["max", "min", "nth"])
    return frame.with_columns(
        pl.when(agg == "mean").then(mean).otherwise(value).alias("quantity"),
        pl.when(has_day).then("peak_day").alias("peak_day"),
    )


def _value() -> pl.Expr:
    """Return the value of a group; null for those that `_of_many` reduces."""
    value, minutes = pl.col("quantity"), pl.col("minutes").sum()
    agg = pl.col("agg").first()
    return (
        pl.when(agg == "max")
        .then(value.max())
        .when(agg == "min")
        .then(value.min())
        .when(agg == "mean")
        .then(pl.when(minutes > 0).then(mean_power(value.sum(), minutes)).otherwise(0))
        .when(~agg.is_in(_OF_MANY))
        .then(value.sum())
    )


def _day() -> pl.Expr:
    value, day = pl.col("quantity"), pl.col("peak_day")
    agg = pl.col("agg").first()
    return (
        pl.when(agg == "max")
        .then(day.filter(value == value.max()).min())
        .when(agg == "min")
        .then(day.filter(value == value.min()).min())
    )


def _of_many(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return the n-th highest, or the mean of the n highest; fewer than n rows are taken as they are."""
    columns = [*keys, "agg", "n", "quantity", "peak_day"]
    each = rows.filter(~pl.col("distinct_days")).select(columns)
    daily = rows.filter("distinct_days").group_by(*keys, "agg", "n", "peak_day").agg(pl.col("quantity").max())
    highest = ranked(pl.concat([each, daily.select(columns)]), keys).filter(pl.col("rank") <= pl.col("n"))
    total, count = pl.col("quantity").sum(), pl.len().cast(pl.Int64)
    is_nth = pl.col("agg").first() == "nth"
    return highest.group_by(keys, maintain_order=True).agg(
        pl.when(is_nth).then(pl.col("quantity").last()).otherwise((total * 2 + count) // (count * 2)).alias("quantity"),
        pl.when(is_nth).then(pl.col("peak_day").last()).alias("peak_day"),
    )
