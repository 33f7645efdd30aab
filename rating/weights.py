"""Weights of days: how much of a register's use between two readings falls on each day, by degree days for example.

The use up to a date is interpolated along the sum of the weights, as it is along the days where there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import polars as pl

from model.tariff import RateBook
from rating.calendar import Calendar, resolved_series


@dataclass(frozen=True)
class DayWeights:
    """Weights of the measures that are shared by some.

    `series`: cal_no, measure_no, series_id. `sums`: series_id, day, before (the sum of the weights x 10^9 of all
    earlier days of its run), run_no: within a run no day lacks a value, and only there can two sums be compared.
    """

    series: pl.DataFrame
    sums: pl.DataFrame


def day_weights(calendar: Calendar, quantities: pl.DataFrame, book: RateBook) -> DayWeights:
    """Return the weights that the calendars' versions ask for.

    `quantities` has `measure_no`. A calendar shares a measure by one rule, that of its first version, so that the
    parts of a reading add up to it.
    """
    if quantities["split_factor"].null_count() == quantities.height:
        return _no_weights()
    asked = quantities.filter(pl.col("split_factor").is_not_null()).select(
        "version_id", "measure_no", pl.col("split_factor").alias("factor_id"), pl.col("split_by").alias("by")
    ).unique(["version_id", "measure_no"])  # fmt: skip
    first = calendar.segments.filter(pl.col("segment_no") == 1)
    named = resolved_series(first, asked.select("version_id", "factor_id", "by").unique())
    series = (
        first.select("cal_no", "version_id")
        .join(asked, on="version_id", how="inner", validate="m:m")
        .join(named, on=["cal_no", "version_id", "factor_id"], how="inner", validate="m:1")
        .select("cal_no", "measure_no", "series_id")
    )
    return DayWeights(series, _sums(book.factors, series["series_id"].unique()))


@cache
def _no_weights() -> DayWeights:
    series = {"cal_no": pl.Int64(), "measure_no": pl.Int32(), "series_id": pl.String()}
    sums = {"series_id": pl.String(), "day": pl.Date(), "run_no": pl.Int32(), "before": pl.Int128()}
    return DayWeights(pl.DataFrame(schema=series), pl.DataFrame(schema=sums))


def _sums(factors: pl.DataFrame, series: pl.Series) -> pl.DataFrame:
    """Return the running sums of the daily values, one row a day and one for the day after each run."""
    used = factors.filter(pl.col("factor_id").is_in(series.implode()) & pl.col("valid_to").is_not_null())
    days = (
        used.select(
            pl.col("factor_id").alias("series_id"),
            pl.date_ranges("valid_from", "valid_to", closed="left").alias("day"),
            pl.col("value_e9").clip(lower_bound=0).alias("weight"),
        )
        .explode("day")
        .sort("series_id", "day")
    )
    is_new = (pl.col("day") != pl.col("day").shift(1).over("series_id").dt.offset_by("1d")).fill_null(value=True)
    runs = days.with_columns(is_new.cast(pl.Int32).cum_sum().alias("run_no"))
    total = pl.col("weight").cast(pl.Int128).cum_sum().over("run_no")
    before = runs.select("series_id", "day", "run_no", (total - pl.col("weight").cast(pl.Int128)).alias("before"))
    ends = runs.select("series_id", pl.col("day").dt.offset_by("1d"), "run_no", total.alias("before"))
    last = ends.group_by("series_id", "run_no").agg(pl.col("day", "before").last())
    return pl.concat([before, last.select(before.columns)])
