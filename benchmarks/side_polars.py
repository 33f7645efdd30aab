"""The month of `benchmarks.side_by_side` in plain Polars, as an analyst writes it: on wide days and on long rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from benchmarks.determinants_data import wide_files
from benchmarks.side_tariff import PERIODS, demand_price, edge_wh, masks, supply_cents, tier_price
from demo.lake import INTERVAL_MINUTES
from model.reads import slot_columns

Work = Callable[[], pl.DataFrame]
SLOTS = slot_columns(INTERVAL_MINUTES)


def wide_determinants(folder: Path) -> Work:
    """Sums over columns for each kind of day and period, and the highest of the columns of the peak."""
    found, _ = _wide(folder)
    return lambda: _as_items(found.collect(engine="streaming"))


def wide_lines(folder: Path) -> Work:
    """As `wide_determinants`, then tiers, demand, the daily charge and the tax."""
    found, days = _wide(folder)
    return lambda: _as_items(_lines(found, days).collect(engine="streaming"))


def long_determinants(folder: Path) -> Work:
    """One row per interval joined with the calendar."""
    found, _ = _long(folder)
    return lambda: _as_items(_pivoted(found.collect(engine="streaming").lazy()).collect())


def long_lines(folder: Path) -> Work:
    """As `long_determinants`, then tiers, demand, the daily charge and the tax."""
    found, days = _long(folder)
    return lambda: _as_items(_lines(_pivoted(found.collect(engine="streaming").lazy()), days).collect())


def _wide(folder: Path) -> tuple[pl.LazyFrame, int]:
    calendar = pl.read_parquet(folder / "calendar.parquet")
    kind_of, kinds = masks(calendar)
    zones = pl.scan_parquet(folder / "channels.parquet").select("channel_no", "zone_no")
    rows = (
        pl.scan_parquet(wide_files(folder))
        .select("channel_no", "day", *SLOTS)
        .join(zones, on="channel_no", how="inner", validate="m:1")
        .join(kind_of.lazy(), on=["zone_no", "day"], how="inner", validate="m:1")
    )
    of_day = rows.select(
        "channel_no",
        *(_by_kind(kinds, period, pl.sum_horizontal).cast(pl.Int64).alias(period) for period in PERIODS),
        _by_kind(kinds, "peak", pl.max_horizontal).cast(pl.Int64).alias("w_max"),
    )
    found = of_day.group_by("channel_no").agg(pl.col(PERIODS).sum(), pl.col("w_max").max() * 4)
    return found, calendar["day"].n_unique()


def _long(folder: Path) -> tuple[pl.LazyFrame, int]:
    calendar = pl.read_parquet(folder / "calendar.parquet")
    found = (
        pl.scan_parquet(folder / "long" / "*.parquet")
        .join(calendar.drop("day", "slot").lazy(), on=["zone_no", "start_utc"], how="inner", validate="m:1")
        .group_by("channel_no", "tou")
        .agg(pl.col("wh").cast(pl.Int64).sum(), pl.col("wh").max().cast(pl.Int64).alias("highest"))
    )
    return found, calendar["day"].n_unique()


def _pivoted(found: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per channel of rows by channel and period."""
    of_period = {period: pl.col("tou") == period for period in PERIODS}
    return found.group_by("channel_no").agg(
        *(pl.col("wh").filter(is_it).sum().alias(period) for period, is_it in of_period.items()),
        pl.col("highest").filter(of_period["peak"]).max().fill_null(0).alias("w_max") * 4,
    )


def _lines(found: pl.LazyFrame, days: int) -> pl.LazyFrame:
    """Return all lines in cents: every amount is rounded once, half a cent up; nothing is below zero."""
    amounts = []
    for period in PERIODS:
        used, edge = pl.col(period), edge_wh(period, days)
        tiers = (pl.min_horizontal(used, edge), (used - edge).clip(lower_bound=0))
        for number, wh in enumerate(tiers, 1):
            cents = (wh * tier_price(period, number) + 50_000) // 100_000
            amounts.append(cents.alias(f"energy.{period}.{number}"))
    amounts.append(((pl.col("w_max") * demand_price() + 500) // 1_000).alias("demand"))
    amounts.append(pl.lit(supply_cents(days), dtype=pl.Int64).alias("supply"))
    charged = found.select("channel_no", *amounts)
    return charged.with_columns(gst=(pl.sum_horizontal(pl.exclude("channel_no")) + 5) // 10)


def _as_items(found: pl.DataFrame) -> pl.DataFrame:
    return found.unpivot(index="channel_no", variable_name="item", value_name="amount")


def _by_kind(kinds: list[list[str]], period: str, of_slots: Callable[..., pl.Expr]) -> pl.Expr:
    """Return the expression that asks the slots of a period, for each kind of day that has it."""
    asked = pl.lit(0)
    for number, periods in enumerate(kinds):
        slots = [SLOTS[slot] for slot, name in enumerate(periods) if name == period]
        if slots:
            asked = pl.when(pl.col("mask_no") == number).then(of_slots(slots)).otherwise(asked)
    return asked
