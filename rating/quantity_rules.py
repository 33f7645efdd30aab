"""What the columns of a quantity may say together, so that it is measured as its tariff means it."""

from __future__ import annotations

import polars as pl

from model.codes import Measure
from model.tariff import RateBook
from rating.rounding import PRICE_E9_MAX

# A factor of a price series: with series values below 10^18 a price x 10^18 stays below 10^31.
FACTOR_E9_MAX = 10**12
DEMAND_MINUTES_MAX = 24 * 60
ROLLING_MINUTES_MAX = 12 * 60

Refusal = tuple[pl.DataFrame, str, str]


def refused_quantities(book: RateBook) -> list[Refusal]:
    """Return what a rate book must not hold: rows with `version_id` and `thing`, what was expected, and a hint."""
    named = pl.format("quantity `{}` ({})", "quantity_id", "agg").alias("thing")
    quantities = book.quantities.with_columns(named)
    rules = [*_combinations(), *_lengths(), *_costs()]
    found = [(quantities.filter(breach), expected, hint) for breach, expected, hint in rules]
    by_day = quantities.filter(pl.col("netting") == "day").join(_with_periods(book), on="version_id", how="semi")
    found.append((by_day, "expected a version without periods, found netting by day", "net by hour or by interval"))
    return [*found, _large_series(book)]


def _combinations() -> list[tuple[pl.Expr, str, str]]:
    agg, netting = pl.col("agg"), pl.col("netting")
    less = pl.col("less_measure").is_not_null()
    is_apparent = pl.col("measure") == Measure.APPARENT_ENERGY
    is_part = pl.col("over_quantity").is_not_null() | pl.col("up_to_quantity").is_not_null()
    return [
        (is_apparent & less, "expected nothing subtracted from apparent energy", "leave less_measure out"),
        (
            (pl.col("measure") == pl.col("less_measure")).fill_null(False),
            "expected two different measures",
            "subtract another measure",
        ),
        (
            (netting != "none") & ~less & ~(is_part & (netting == "hour")),
            "expected a measure that is subtracted",
            "name less_measure",
        ),
        (
            is_part & ~agg.is_in(["sum", "cost"]),
            "expected a sum or a cost of a part of each slot",
            "leave over_quantity and up_to_quantity out",
        ),
        (
            (pl.col("up_to_quantity") <= pl.col("over_quantity")).fill_null(False),
            "expected a part of each slot that ends above where it begins",
            "swap over_quantity and up_to_quantity",
        ),
        (
            netting.is_in(["hour", "day"]) & ~agg.is_in(["sum", "cost"]),
            "expected a power netted by interval",
            "use netting = interval, and interval_minutes",
        ),
        ((netting == "day") & (agg == "cost"), "expected a cost netted by interval or hour", "use netting = hour"),
    ]


def _lengths() -> list[tuple[pl.Expr, str, str]]:
    minutes, rolling = pl.col("interval_minutes"), pl.col("is_rolling")
    of_blocks = pl.col("agg").is_in(["max", "min", "nth", "mean_of_n"])
    return [
        ((minutes > 0) & ~of_blocks, "expected no demand interval", "leave interval_minutes out"),
        (minutes > DEMAND_MINUTES_MAX, "expected a demand interval of at most a day", "use a shorter one"),
        (
            rolling & ~minutes.is_between(1, ROLLING_MINUTES_MAX),
            "expected a rolling demand interval of at most 12 hours",
            "name interval_minutes",
        ),
    ]


def _costs() -> list[tuple[pl.Expr, str, str]]:
    is_cost = pl.col("agg") == "cost"
    bounds = [pl.col(name).abs() > PRICE_E9_MAX for name in ("price_floor_e9", "price_cap_e9", "price_adder_e9")]
    return [
        (is_cost != pl.col("series_id").is_not_null(), "expected a price series for a cost, and only there",
         "name series_id"),
        (
            (pl.col("price_floor_e9") > pl.col("price_cap_e9")).fill_null(False),
            "expected a floor that is not above the cap",
            "swap them",
        ),
        (pl.any_horizontal(bounds).fill_null(False), "expected prices of at most 9 digits before the point",
         "print the price per a smaller unit"),
        (pl.col("price_factor_e9").abs() > FACTOR_E9_MAX, "expected a factor of at most 1000",
         "use a series in another unit"),
    ]  # fmt: skip


def _with_periods(book: RateBook) -> pl.DataFrame:
    named = [frame.filter(pl.col("tou") != "").select("version_id") for frame in (book.tou_windows, book.event_windows)]
    return pl.concat(named).unique()


def _large_series(book: RateBook) -> Refusal:
    highest = pl.max_horizontal(pl.col("values_e9").list.max(), -pl.col("values_e9").list.min())
    large = book.series_days.filter(highest > PRICE_E9_MAX).select(
        pl.lit("(all)").alias("version_id"), pl.format("price series `{}` on {}", "series_id", "day").alias("thing")
    )
    return large, "expected prices of at most 9 digits before the point", "give the series per a smaller unit"
