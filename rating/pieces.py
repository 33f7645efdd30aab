"""Pieces: what one price of a charge covers of a segment; and its prices with their tier edges.

A piece is the slices of a segment that share the season (for a charge by season) and the values of the charge's
dated factors. Like all dates, pieces are worked out once for each calendar.
"""

from __future__ import annotations

import polars as pl

from model.tariff import ANY, RateBook
from rating.calendar import Calendar
from rating.rounding import QUANTITY_MAX, divide_half_up, int128, rounded_to_step, wide
from rating.uses import component_factors

PIECE_KEYS = ["cal_no", "segment_no", "component_id", "piece_start"]
_E4 = 10**4


def cut_pieces(calendar: Calendar, components: pl.DataFrame, book: RateBook) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pieces of the charges of level 1, and which slices are in each.

    Pieces: `piece_no` (the place of the row, which stands for PIECE_KEYS), PIECE_KEYS, version_id, season (of the
    price), piece_end, piece_days, cycle_days, and the shares of prices and thresholds (`_shares`). Slices: PIECE_KEYS,
    slice_no and season_part.
    """
    factors = component_factors(book)
    priced = (
        components.filter(pl.col("level") == 1)
        .select("version_id", "component_id", "by_season", "schedule")
        .join(factors.select("version_id", "component_id").unique().with_columns(pl.lit(True).alias("has_factor")),
              on=["version_id", "component_id"], how="left", validate="1:1")
    )  # fmt: skip
    sliced = calendar.slices.join(priced, on="version_id", how="inner", validate="m:m").join(
        _factor_keys(calendar, factors), on=["cal_no", "segment_no", "slice_no", "component_id"], how="left",
        validate="1:1",
    )  # fmt: skip
    sliced = (
        sliced.join(_season_names(book), on=["version_id", "schedule", "season"], how="left", validate="m:1")
        .with_columns(
            pl.col("season").alias("season_part"),
            pl.when("by_season").then("season_name").otherwise(pl.lit(ANY)).alias("season"),
            pl.when("has_factor").then(pl.col("factor_key").fill_null("")).otherwise(pl.lit("")).alias("factor_key"),
        )
        .with_columns(
            pl.col("start_date")
            .min()
            .over("cal_no", "segment_no", "component_id", "season", "factor_key")
            .alias("piece_start")
        )
    )
    pieces = (
        sliced.group_by(*PIECE_KEYS, "version_id", "season")
        .agg(pl.col("end_date").max().alias("piece_end"), pl.col("days").sum().alias("piece_days"))
        .join(calendar.segments.select("cal_no", "segment_no", "cycle_days"), on=["cal_no", "segment_no"], how="left",
              validate="m:1")
    )  # fmt: skip
    piece_slices = sliced.select(*PIECE_KEYS, "slice_no", "season_part")
    shared = _with_shares(pieces, piece_slices, calendar, components).sort(PIECE_KEYS)
    return shared.with_row_index("piece_no"), piece_slices


def _season_names(book: RateBook) -> pl.DataFrame:
    """Return what each schedule calls a part of the year: version_id, schedule, season (the part), season_name."""
    return book.period_names.select(
        "version_id", "schedule", pl.col("season_part").alias("season"), pl.col("season").alias("season_name")
    ).unique()


def _factor_keys(calendar: Calendar, factors: pl.DataFrame) -> pl.DataFrame:
    """Return for each slice and component the values of the component's factors, as one text."""
    return (
        _factors_of_slices(calendar, factors)
        .sort("cal_no", "segment_no", "slice_no", "component_id", "factor_id")
        .group_by("cal_no", "segment_no", "slice_no", "component_id", maintain_order=True)
        .agg(pl.format("{}={}", "factor_id", "value_e9").alias("factor_key"))
        .with_columns(pl.col("factor_key").list.join(";"))
    )


def _factors_of_slices(calendar: Calendar, factors: pl.DataFrame) -> pl.DataFrame:
    slices = calendar.slices.select("cal_no", "segment_no", "slice_no", "version_id")
    return slices.join(factors.drop("by").unique(), on="version_id", how="inner", validate="m:m").join(
        calendar.factors, on=["cal_no", "segment_no", "slice_no", "factor_id"], how="inner", validate="m:1"
    )


def _with_shares(
    pieces: pl.DataFrame, piece_slices: pl.DataFrame, calendar: Calendar, components: pl.DataFrame
) -> pl.DataFrame:
    """Add the shares of price (price_part of price_whole; null: the whole) and thresholds (tiers_part, tiers_whole)."""
    rules = components.select(
        "version_id", "component_id", "price_share", "price_whole_e4", "tiers_share", "tiers_whole_e4",
        "tolerance_min", "tolerance_max",
    )  # fmt: skip
    ruled = pieces.join(rules, on=["version_id", "component_id"], how="left", validate="m:1")
    by_month = ruled.filter((pl.col("price_share") == "months") | (pl.col("tiers_share") == "months"))
    months = months_e4(piece_slices.join(by_month.select(PIECE_KEYS), on=PIECE_KEYS, how="semi"), calendar, PIECE_KEYS)
    return (
        ruled.join(months, on=PIECE_KEYS, how="left", validate="1:1")
        .with_columns(*share_columns("price"), *share_columns("tiers"))
        .drop(*rules.columns[2:], "months_e4")
    )


def months_e4(slices: pl.DataFrame, calendar: Calendar, keys: list[str]) -> pl.DataFrame:
    """Return the calendar months in groups of slices x 10^4 (keys, months_e4).

    Each month counts by the share of its days, rounded half up to 4 decimals: 6 days of June and 24 of July are
    0.2000 + 0.7742 (BSES Rajdhani prorates so).
    """
    days = slices.join(
        calendar.days.select("cal_no", "segment_no", "slice_no", "day"), on=["cal_no", "segment_no", "slice_no"],
        how="inner", validate="m:m",
    )  # fmt: skip
    months = days.group_by(*keys, pl.col("day").dt.month_start().alias("month_start")).agg(
        pl.len().cast(pl.Int64).alias("used"), pl.col("day").first().dt.days_in_month().cast(pl.Int64).alias("length")
    )
    fraction = (pl.col("used") * 2 * _E4 + pl.col("length")) // (pl.col("length") * 2)
    return months.group_by(keys).agg(fraction.sum().alias("months_e4"))


def share_columns(name: str) -> list[pl.Expr]:
    """Return part and whole of a share as Int64, reduced; both null for a whole.

    Needs piece_days, cycle_days, months_e4, tolerance_min, tolerance_max and the rule: `name`_share, `name`_whole_e4.

    A cycle within the tolerance is shared by its own days, so that the whole of it is not shared at all.
    """
    rule, whole_e4 = pl.col(f"{name}_share"), pl.col(f"{name}_whole_e4")
    days, cycle_days = pl.col("piece_days").cast(pl.Int64), pl.col("cycle_days").cast(pl.Int64)
    tolerated = pl.col("cycle_days").is_between(pl.col("tolerance_min"), pl.col("tolerance_max")).fill_null(False)
    by_cycle = (rule == "cycle") | (tolerated & rule.is_in(["days", "months"]))
    even = whole_e4 % _E4 == 0
    part = (
        pl.when(by_cycle | (rule == "day"))
        .then(days)
        .when(rule == "days")
        .then(pl.when(even).then(days).otherwise(days * _E4))
        .when(rule == "months")
        .then("months_e4")
    )
    whole = (
        pl.when(by_cycle)
        .then(cycle_days)
        .when(rule == "day")
        .then(pl.lit(1, pl.Int64))
        .when(rule == "days")
        .then(pl.when(even).then(whole_e4 // _E4).otherwise(whole_e4))
        .when(rule == "months")
        .then(whole_e4)
    )
    is_whole = part.is_null() | (part == whole)
    return [
        pl.when(~is_whole).then(part).alias(f"{name}_part"),
        pl.when(~is_whole).then(whole).alias(f"{name}_whole"),
    ]


def price_pieces(
    pieces: pl.DataFrame, piece_slices: pl.DataFrame, calendar: Calendar, components: pl.DataFrame, book: RateBook
) -> pl.DataFrame:
    """Return the prices of each piece: piece_no, key, tou, tier, price_e9, fixed_e9, factor_id, price_id, edge_id,
    edge (as the tariff states it), lower, upper (null: no end).

    Edges are in smallest units, scaled to the piece by its share, half up to the smallest unit or as the charge
    rounds its thresholds. Those that depend on the agreement (`scale_id`, `edge_id`) are scaled later.
    """
    factors = component_factors(book)
    values = (
        piece_slices.join(
            _factors_of_slices(calendar, factors), on=["cal_no", "segment_no", "slice_no", "component_id"],
            how="inner", validate="1:m",
        )
        .group_by(*PIECE_KEYS, "factor_id")
        .agg(pl.col("value_e9").first())
    )  # fmt: skip
    rounding = components.select("version_id", "component_id", "tiers_round_mode", "tiers_round_step")
    return (
        pieces.join(rounding, on=["version_id", "component_id"], how="left", validate="m:1")
        .join(book.prices, on=["version_id", "component_id", "season"], how="inner", validate="m:m")
        .join(values, on=[*PIECE_KEYS, "factor_id"], how="left", validate="m:1")
        .with_columns(
            pl.coalesce("price_e9", "value_e9").alias("price_e9"),
            _scaled_edge("from_quantity").alias("lower"),
            _scaled_edge("to_quantity").alias("upper"),
        )
        .select("piece_no", "key", "tou", "tier", "price_e9", "fixed_e9", "factor_id", "price_id", "edge_id",
                pl.col("to_quantity").alias("edge"), "lower", "upper")
    )  # fmt: skip


def _scaled_edge(edge: str) -> pl.Expr:
    """Return a tier edge in smallest units scaled to its piece; edges beyond every quantity are cut there."""
    part, whole = wide("tiers_part").fill_null(int128(1)), wide("tiers_whole").fill_null(int128(1))
    rounded = _rounded_edge(wide(edge) * part, whole)
    return pl.when(pl.col(edge).is_not_null()).then(rounded)


def edge_of_value(edge: str, is_far: str) -> pl.Expr:
    """Return a tier edge in smallest units, from its value x 10^12 in printed units, scaled to its piece.

    Null stays null, unless `is_far`. The float tells only what lies far beyond every quantity, and is cut there.
    """
    part, whole = wide("tiers_part").fill_null(int128(1)), wide("tiers_whole").fill_null(int128(1))
    size = pl.col(edge).cast(pl.Float64) * pl.col("unit_size") * pl.col("tiers_part").fill_null(1)
    far = pl.col(is_far) | (size > 1e37)
    numerator = pl.when(far).then(int128(0)).otherwise(wide(edge) * wide("unit_size") * part)
    rounded = _rounded_edge(numerator, whole * int128(10**12))
    cut = pl.when(far).then(pl.lit(2 * QUANTITY_MAX, pl.Int64)).otherwise(rounded)
    return pl.when(pl.col(edge).is_not_null() | pl.col(is_far)).then(cut)


def _rounded_edge(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Return an edge as Int64, rounded once: half up to the smallest unit, or as the charge rounds its thresholds.

    No quantity reaches 2 x QUANTITY_MAX, so edges are cut there.
    """
    step = wide("tiers_round_step") * denominator
    stepped = rounded_to_step(numerator, step, pl.col("tiers_round_mode")) // denominator
    plain = divide_half_up(numerator, denominator)
    edge = pl.when(pl.col("tiers_round_mode").is_null()).then(plain).otherwise(stepped)
    return pl.min_horizontal(edge, int128(2 * QUANTITY_MAX)).cast(pl.Int64)
