"""Pieces: what one price of a charge covers of a segment; and its prices with their tier edges.

A piece is the slices of a segment that share the season (for a charge by season) and the values of the charge's
dated factors. Like all dates, pieces are worked out once for each calendar.
"""

from __future__ import annotations

import polars as pl

from model.tariff import ANY, RateBook
from rating.calendar import Calendar, used_factors
from rating.rounding import QUANTITY_MAX, divide_half_up, int128, wide

PIECE_KEYS = ["cal_no", "segment_no", "component_id", "piece_start"]


def cut_pieces(calendar: Calendar, components: pl.DataFrame, book: RateBook) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pieces of the charges on quantities and days, and which slices are in each.

    Pieces: PIECE_KEYS, version_id, season (of the price), piece_end, piece_days, cycle_days.
    Slices: PIECE_KEYS and slice_no.
    """
    priced = components.filter(pl.col("level") == 1).select("version_id", "component_id", "by_season", "has_factor")
    sliced = calendar.slices.join(priced, on="version_id", how="inner", validate="m:m").join(
        _factor_keys(calendar, book), on=["cal_no", "segment_no", "slice_no", "component_id"], how="left",
        validate="1:1",
    )  # fmt: skip
    sliced = sliced.with_columns(
        pl.when("by_season").then("season").otherwise(pl.lit(ANY)).alias("season"),
        pl.when("has_factor").then(pl.col("factor_key").fill_null("")).otherwise(pl.lit("")).alias("factor_key"),
    ).with_columns(
        pl.col("start_date")
        .min()
        .over("cal_no", "segment_no", "component_id", "season", "factor_key")
        .alias("piece_start")
    )
    pieces = (
        sliced.group_by(*PIECE_KEYS, "version_id", "season")
        .agg(pl.col("end_date").max().alias("piece_end"), pl.col("days").sum().alias("piece_days"))
        .join(calendar.segments.select("cal_no", "segment_no", "cycle_days"), on=["cal_no", "segment_no"], how="left",
              validate="m:1")
        .sort(PIECE_KEYS)
    )  # fmt: skip
    return pieces, sliced.select(*PIECE_KEYS, "slice_no")


def _factor_keys(calendar: Calendar, book: RateBook) -> pl.DataFrame:
    """Return for each slice and component the values of the component's factors, as one text."""
    return (
        _component_factors(calendar, book)
        .sort("cal_no", "segment_no", "slice_no", "component_id", "factor_id")
        .group_by("cal_no", "segment_no", "slice_no", "component_id", maintain_order=True)
        .agg(pl.format("{}={}", "factor_id", "value_e9").alias("factor_key"))
        .with_columns(pl.col("factor_key").list.join(";"))
    )


def _component_factors(calendar: Calendar, book: RateBook) -> pl.DataFrame:
    slices = calendar.slices.select("cal_no", "segment_no", "slice_no", "version_id")
    return slices.join(used_factors(book.prices), on="version_id", how="inner", validate="m:m").join(
        calendar.factors, on=["cal_no", "segment_no", "slice_no", "factor_id"], how="inner", validate="m:1"
    )


def price_pieces(
    pieces: pl.DataFrame, piece_slices: pl.DataFrame, calendar: Calendar, components: pl.DataFrame, book: RateBook
) -> pl.DataFrame:
    """Return the prices of each piece: PIECE_KEYS, tou, tier, price_e9, factor_id, lower, upper (null: no end).

    Edges are in smallest units, scaled to the piece: edges per day times its days; edges per cycle by days of the
    cycle, half up to the smallest unit, when the piece is not the whole cycle. Edges of a maximum are not scaled.
    """
    values = (
        piece_slices.join(
            _component_factors(calendar, book), on=["cal_no", "segment_no", "slice_no", "component_id"], how="inner",
            validate="1:m",
        )
        .group_by(*PIECE_KEYS, "factor_id")
        .agg(pl.col("value_e9").first())
    )  # fmt: skip
    scales = components.select("version_id", "component_id", "tiers_per", "is_peak")
    return (
        pieces.join(scales, on=["version_id", "component_id"], how="left", validate="m:1")
        .join(book.prices, on=["version_id", "component_id", "season"], how="inner", validate="m:m")
        .join(values, on=[*PIECE_KEYS, "factor_id"], how="left", validate="m:1")
        .with_columns(
            pl.coalesce("price_e9", "value_e9").alias("price_e9"),
            _scaled("from_quantity").alias("lower"),
            _scaled("to_quantity").alias("upper"),
        )
        .select(*PIECE_KEYS, "tou", "tier", "price_e9", "factor_id", "lower", "upper")
    )


def _scaled(edge: str) -> pl.Expr:
    """Return a tier edge scaled to its piece. No quantity reaches 2 x QUANTITY_MAX, so edges are cut there."""
    days, cycle_days = wide("piece_days"), wide("cycle_days")
    scaled = (
        pl.when("is_peak")
        .then(wide(edge))
        .when(pl.col("tiers_per") == "day")
        .then(wide(edge) * days)
        .when(days != cycle_days)
        .then(divide_half_up(wide(edge) * days, cycle_days))
        .otherwise(wide(edge))
    )
    return pl.when(pl.col(edge).is_not_null()).then(pl.min_horizontal(scaled, int128(2 * QUANTITY_MAX)).cast(pl.Int64))
