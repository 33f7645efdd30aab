"""Charges of the first level: on quantities (flat, tiered, maxima), by day, and by cycle."""

from __future__ import annotations

import numpy as np
import polars as pl

from model.codes import ParkReason
from model.tariff import ANY, RateBook
from rating.amounts import rounded, with_exact_amount, within_bounds
from rating.calendar import Calendar
from rating.determinants import worst_split
from rating.kernels import apportion
from rating.parking import park
from rating.pieces import PIECE_KEYS, cut_pieces, price_pieces
from rating.rounding import QUANTITY_MAX

_GROUP = ["due_no", "segment_no", "component_id", "piece_start"]


def price_charges(
    due: pl.DataFrame, calendar: Calendar, determinants: pl.DataFrame, components: pl.DataFrame, book: RateBook
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the lines of all charges of level 1 (rating.amounts.CORE_SCHEMA), and the parks."""
    pieces, piece_slices = cut_pieces(calendar, components, book)
    prices = price_pieces(pieces, piece_slices, calendar, components, book)
    parts = pl.concat(
        [
            _quantity_parts(due, calendar, determinants, components, book, piece_slices),
            _day_parts(due, pieces, components),
        ],
        how="diagonal",
    )
    priced, unpriced = _with_prices(parts, prices, pieces, components)
    small, large = _bounded(priced)
    tiered = _tiered(small)
    fitting, too_large = within_bounds(tiered)
    lines, too_large_amounts = rounded(with_exact_amount(fitting), components)
    return _without_empty(lines, components), [unpriced, large, too_large, too_large_amounts]


def _quantity_parts(
    due: pl.DataFrame, calendar: Calendar, determinants: pl.DataFrame, components: pl.DataFrame, book: RateBook,
    piece_slices: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """Return the quantity of each charge, piece and (for charges by period) time-of-use period."""
    charges = components.filter(pl.col("kind") == "quantity").join(
        book.quantities.select("version_id", "quantity_id", "unit", "unit_size"),
        on=["version_id", "quantity_id"], how="inner", validate="m:1",
    )  # fmt: skip
    charges = charges.select("version_id", "component_id", "quantity_id", "by_tou", "unit", "unit_size")
    placed = (
        determinants.join(due.select("due_no", "cal_no"), on="due_no", how="inner", validate="m:1")
        .join(calendar.segments.select("cal_no", "segment_no", "version_id"), on=["cal_no", "segment_no"], how="left",
              validate="m:1")
        .join(charges, on=["version_id", "quantity_id"], how="inner", validate="m:m")
        .join(piece_slices, on=["cal_no", "segment_no", "slice_no", "component_id"], how="left", validate="m:1")
        .with_columns(pl.when("by_tou").then("tou").otherwise(pl.lit(ANY)).alias("tou"))
    )  # fmt: skip
    is_max = pl.col("agg").first() == "max"
    return placed.group_by("cal_no", *_GROUP, "version_id", "tou", "unit", "unit_size").agg(
        pl.col("quantity_id").first().alias("determinant"),
        pl.when(is_max).then(pl.col("quantity").max()).otherwise(pl.col("quantity").sum()).alias("quantity"),
        pl.col("is_estimated").any(),
        pl.col("reads_seq").max(),
        worst_split(),
    )


def _day_parts(due: pl.DataFrame, pieces: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Return the days of charges by day, and one cycle for charges by cycle (shared by `_with_prices`)."""
    kinds = components.filter(pl.col("kind").is_in(["daily", "cycle"])).select("version_id", "component_id", "kind")
    daily = pl.col("kind") == "daily"
    return (
        pieces.join(kinds, on=["version_id", "component_id"], how="inner", validate="m:1")
        .join(due.select("due_no", "cal_no"), on="cal_no", how="inner", validate="m:m")
        .select(
            "cal_no", *_GROUP, "version_id",
            pl.lit(ANY).alias("tou"),
            pl.when(daily).then(pl.lit("day")).otherwise(pl.lit("cycle")).alias("unit"),
            pl.lit(1, pl.Int64).alias("unit_size"),
            pl.when(daily).then(pl.lit("days")).otherwise(pl.lit("cycle")).alias("determinant"),
            pl.when(daily).then("piece_days").otherwise(pl.lit(1)).cast(pl.Int64).alias("quantity"),
            pl.lit(False).alias("is_estimated"),
            pl.lit(0, pl.Int64).alias("reads_seq"),
            pl.lit("none").alias("split_method"),
        )
    )  # fmt: skip


def _with_prices(
    parts: pl.DataFrame, prices: pl.DataFrame, pieces: pl.DataFrame, components: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return parts x tiers with dates and shares, and parks `no_price` for parts without a price."""
    rules = components.select("version_id", "component_id", "kind", "tier_method", "is_peak", "by_tou")
    joined = (
        parts.join(pieces.drop("version_id"), on=PIECE_KEYS, how="left", validate="m:1")
        .join(rules, on=["version_id", "component_id"], how="left", validate="m:1")
        .join(prices, on=[*PIECE_KEYS, "tou"], how="left", validate="m:m")
    )
    unpriced = joined.filter(pl.col("price_e9").is_null())
    detail = pl.format(
        "charge {} of version {} has no price for season `{}`, period `{}` from {}", "component_id", "version_id",
        "season", "tou", "piece_start",
    )  # fmt: skip
    is_shared = (pl.col("is_peak") | (pl.col("kind") == "cycle")) & (pl.col("piece_days") != pl.col("cycle_days"))
    priced = joined.filter(pl.col("price_e9").is_not_null()).with_columns(
        pl.when(is_shared).then("piece_days").alias("share_days"),
        pl.when(is_shared).then("cycle_days").alias("cycle_days"),
        pl.col("piece_start").alias("period_start_date"),
        pl.col("piece_end").alias("period_end_date"),
    )
    return priced, park(unpriced, ParkReason.NO_PRICE, detail)


def _bounded(priced: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pieces whose total quantity is rated, and parks for the others."""
    total = pl.col("quantity").cast(pl.Int128).abs().sum().over(_GROUP)
    large = priced.filter(total > QUANTITY_MAX)
    detail = pl.format("charge {}: quantity {} is beyond what is rated", "component_id", "quantity")
    return priced.filter(total <= QUANTITY_MAX), park(large, ParkReason.AMOUNT_TOO_LARGE, detail)


def tier_quantity(total: pl.Expr, lower: pl.Expr, upper: pl.Expr) -> pl.Expr:
    """Return the part of `total` above `lower` and up to `upper`, which is included; null `upper` is the rest."""
    return (pl.min_horizontal(total, upper) - lower).clip(lower_bound=0)


def _tiered(priced: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the quantity of their tier; `tier` is 0 where the price has none."""
    untiered = priced.filter(pl.col("tier_method") == "none").with_columns(pl.lit(0, pl.Int32).alias("tier"))
    shared = (pl.col("tier_method") == "pro_rata") & pl.col("by_tou")
    graduated = priced.filter((pl.col("tier_method") != "none") & ~shared).with_columns(
        tier_quantity(pl.col("quantity"), pl.col("lower"), pl.col("upper")).alias("quantity")
    )
    return pl.concat([untiered, graduated, _apportioned(priced.filter(shared))], how="vertical")


def _apportioned(priced: pl.DataFrame) -> pl.DataFrame:
    """Return pro rata tiers: the total of a piece fills the tiers, and each tier is shared over periods by use."""
    if priced.is_empty():
        return priced
    cells = priced.sort(*_GROUP, "tier", "tou")
    uses = cells.unique(subset=[*_GROUP, "tou"], keep="first").sort(*_GROUP, "tou")
    totals = uses.group_by(_GROUP).agg(pl.col("quantity").sum().alias("total"))
    tiers = (
        cells.unique(subset=[*_GROUP, "tier"], keep="first")
        .join(totals, on=_GROUP, how="left", validate="m:1")
        .with_columns(tier_quantity(pl.col("total"), pl.col("lower"), pl.col("upper")).alias("tier_total"))
        .sort(*_GROUP, "tier")
    )
    quantities = apportion(uses["quantity"].to_numpy(), _starts(uses), tiers["tier_total"].to_numpy(), _starts(tiers))
    return cells.with_columns(pl.Series("quantity", quantities, dtype=pl.Int64))


def _starts(frame: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return where each group of a sorted frame begins, and the length of the frame."""
    counts = frame.group_by(_GROUP, maintain_order=True).len()["len"].cast(pl.Int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), counts.cum_sum().to_numpy()])


def _without_empty(lines: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Drop lines of no quantity and no amount; a charge on a measured quantity keeps its first line of each piece.

    What is not measured at all (no export channel, a period that does not occur) has no line.
    """
    piece = ["due_no", "component_id", "period_start_date"]
    is_empty = (pl.col("quantity") == 0) & (pl.col("amount_minor") == 0)
    kinds = components.select("version_id", "component_id", "kind")
    return (
        lines.join(kinds, on=["version_id", "component_id"], how="left", validate="m:1")
        .sort(*piece, "season", "tou", "tier")
        .with_columns(
            is_empty.alias("is_empty"),
            (is_empty.all().over(piece) & (pl.int_range(pl.len()).over(piece) == 0)).alias("is_kept"),
            (pl.col("split_method") != "none").any().over(piece).alias("is_measured"),
        )
        .filter(~pl.col("is_empty") | (pl.col("is_kept") & pl.col("is_measured") & (pl.col("kind") == "quantity")))
        .drop("kind", "is_empty", "is_kept", "is_measured")
    )
