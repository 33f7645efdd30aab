"""Charges over other charges: percentages, floors, caps, amounts by formula, and the rounding of the sum.

Each is computed once for an agreement and bill, over all its segments, and rounded once, level by level. Where a
number, a rounding, a ledger account or what is charged above it changes between tariff versions, it is computed once
for each (see `rating.groups`).
"""

from __future__ import annotations

import polars as pl

from model.codes import ParkReason
from rating.amounts import CORE_SCHEMA, rounded
from rating.bases import GROUP, counted_lines, group_values, grouped
from rating.groups import idle_keys
from rating.parking import apart, park
from rating.rounding import cut_of, divide_toward_zero, int128, minor_e15, rounded_to_step, wide
from rating.values import Known

_HUNDRED_E9 = 100 * 10**9
# |base in minor units x percent x 10^9|: an amount of 10^10 major units. As 10^-15 it stays below 2^127.
_BASE_PRODUCT_MAX = 10**23


def price_over_bases(
    known: Known, lines: pl.DataFrame, components: pl.DataFrame, idle: pl.DataFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return `lines` and those of all charges above level 1 (CORE_SCHEMA), and the parks.

    One pass for each level over all agreements. A line over a base bears the last version in which it stands. `idle`:
    due_no, version_id, component_id of those whose condition is not met.
    """
    parks: list[pl.DataFrame] = []
    above = components.filter(pl.col("level") > 1)
    unmet = idle_keys(idle, components, known.book)
    for level in sorted(above["level"].unique().to_list()):
        at_level = above.filter(pl.col("level") == level)
        standing, groups = grouped(known, at_level, idle, unmet)
        counted = counted_lines(known, standing, groups, lines, components)
        valued, undefined = group_values(known, standing, counted, lines, components)
        fitting, too_large = _within_bounds(_with_inside(valued, standing))
        kinds = set(at_level["kind"].to_list())
        priced = [_percentages(fitting)]
        priced += [_limits(fitting)] if kinds & {"minimum", "maximum"} else []
        priced += [_by_formula(fitting)] if "amount" in kinds else []
        amounts, too_large_amounts = rounded(_as_lines(pl.concat(priced, how="diagonal_relaxed")), components)
        added = pl.concat([amounts, _roundings(fitting)], how="vertical") if "rounding" in kinds else amounts
        lines = pl.concat([lines, _without_empty(added, components)], how="vertical")
        parks += [*undefined, too_large, too_large_amounts]
    return lines.rechunk(), parks


def _with_inside(groups: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """Add `inside_e9`: of a percentage inside its own base, the sum of all of its level that count the same charges.

    Groups differ where any of these do, so the sum where a group stands last is that of all of it.
    """
    if not groups["is_gross"].any():
        return groups.with_columns(int128(0).alias("inside_e9"))
    place = ["due_no", "version_id", "base_key"]
    inside = (
        standing.filter("is_gross")
        .join(groups.select(*GROUP, "price_e9"), on=GROUP, how="inner", validate="m:1")
        .group_by(place)
        .agg(wide("price_e9").sum().alias("inside_e9"))
    )
    share = pl.when("is_gross").then("inside_e9").otherwise(int128(0))
    return groups.join(inside, on=place, how="left", validate="m:1").with_columns(share.alias("inside_e9"))


def _within_bounds(groups: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the groups whose products cannot wrap, and parks for the others."""
    is_percent = pl.col("kind") == "percent"
    fits = ~is_percent | ((wide("quantity") * wide("price_e9")).abs() <= int128(_BASE_PRODUCT_MAX))
    small, large = apart(groups, fits)
    detail = pl.format(
        "charge {}: {} percent of {} is beyond what a line may hold", "component_id", "price_e9", "quantity"
    )
    has_whole = ~is_percent | (_whole_e9() > 0)
    kept, too_inside = apart(small, has_whole)
    inside = pl.format(
        "charge {}: percentages inside their own base reach 100, or one that is contained is -100 or less",
        "component_id",
    )
    return kept, pl.concat(
        [
            park(large, ParkReason.AMOUNT_TOO_LARGE, detail),
            park(too_inside, ParkReason.FORMULA_UNDEFINED, inside),
        ]
    )


def _percentages(groups: pl.DataFrame) -> pl.DataFrame:
    """Return percentages with exact amounts; the division comes last, toward zero.

    Of a base B: B x r; inside its own base: B x r / (1 - R), R being the sum of all percentages inside it; contained
    in the base already: B x r / (1 + r).
    """
    percent = groups.filter(pl.col("kind") == "percent")
    base = pl.when("is_exact").then("base_e15").otherwise(wide("quantity") * minor_e15())
    numerator, denominator = base * wide("price_e9"), _whole_e9()
    return percent.with_columns(
        divide_toward_zero(numerator, denominator).alias("amount_e15"),
        cut_of(numerator, denominator).alias("amount_cut"),
        pl.lit("%").alias("unit"),
        pl.lit(None, pl.Int64).alias("share_part"),
        pl.lit(None, pl.Int64).alias("share_whole"),
    )


def _whole_e9() -> pl.Expr:
    """Return what a percentage is a part of: 100, less those inside its base, or more by what is contained."""
    contained = pl.when("is_included").then(wide("price_e9")).otherwise(int128(0))
    return int128(_HUNDRED_E9) - pl.col("inside_e9") + contained


def _limits(groups: pl.DataFrame) -> pl.DataFrame:
    """Return floors that the base does not reach, and caps that it exceeds: the limit less the base."""
    is_floor = pl.col("kind") == "minimum"
    part, whole = wide("share_part").fill_null(int128(1)), wide("share_whole").fill_null(int128(1))
    limit = wide("price_e9") * int128(10**6) * part
    base = pl.when("is_exact").then("base_e15").otherwise(wide("quantity") * minor_e15()) * whole
    applies = pl.when(is_floor).then(limit > base).otherwise(limit < base)
    by_day = pl.col("price_share") == "day"
    return (
        groups.filter(pl.col("kind").is_in(["minimum", "maximum"]))
        .filter(applies)
        .with_columns(
            divide_toward_zero(limit - base, whole).alias("amount_e15"),
            cut_of(limit - base, whole).alias("amount_cut"),
            pl.when(by_day).then(pl.lit("day")).otherwise(pl.lit("cycle")).alias("unit"),
            pl.when(~by_day).then("share_part").alias("share_part"),
            pl.when(~by_day).then("share_whole").alias("share_whole"),
        )
    )


def _by_formula(groups: pl.DataFrame) -> pl.DataFrame:
    """Return amounts by formula."""
    return groups.filter(pl.col("kind") == "amount").with_columns(
        (pl.col("value") * 1000).alias("amount_e15"),
        pl.lit(0, pl.Int8).alias("amount_cut"),
        pl.lit("amount").alias("unit"),
        pl.lit(1, pl.Int64).alias("quantity"),
        pl.lit(0, pl.Int64).alias("price_e9"),
        pl.lit(None, pl.Int64).alias("share_part"),
        pl.lit(None, pl.Int64).alias("share_whole"),
    )


def _roundings(groups: pl.DataFrame) -> pl.DataFrame:
    """Return what rounds the sum of an agreement's other charges to its step."""
    rows = groups.filter(pl.col("kind") == "rounding")
    step = wide("round_step_minor")
    change = rounded_to_step(wide("quantity"), step, pl.col("round_mode")) - wide("quantity")
    lines = _as_lines(
        rows.with_columns(
            change.cast(pl.Int64).alias("amount_minor"),
            (change * minor_e15()).alias("amount_e15"),
            pl.lit(0, pl.Int8).alias("amount_cut"),
            pl.lit("total").alias("determinant"),
            pl.lit("amount").alias("unit"),
            pl.lit(0, pl.Int64).alias("price_e9"),
            pl.lit(None, pl.Int64).alias("share_part"),
            pl.lit(None, pl.Int64).alias("share_whole"),
        )
    )
    return lines.select(pl.col(name).cast(dtype) for name, dtype in CORE_SCHEMA.items())


def _as_lines(priced: pl.DataFrame) -> pl.DataFrame:
    lines = priced.with_columns(
        pl.lit("").alias("season"),
        pl.lit("").alias("tou"),
        pl.lit(0, pl.Int32).alias("tier"),
        pl.lit(1, pl.Int64).alias("unit_size"),
        pl.lit(0, pl.Int64).alias("fixed_e9"),
        pl.lit(None, pl.String).alias("factor_id"),
        pl.lit("none").alias("split_method"),
    )
    kept = [name for name in CORE_SCHEMA if name != "amount_minor" or name in lines.columns]
    return lines.select(*kept, "amount_cut")


def _without_empty(lines: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Drop lines of no amount over no base, unless their charge is printed when it is zero."""
    # Few lines come to nothing: only of these it is asked what they are.
    some, hollow = apart(lines, pl.col("amount_minor") != 0)
    if hollow.is_empty():
        return lines
    rules = components.select("version_id", "component_id", "kind", "is_kept")
    nothing = (pl.col("quantity") == 0) | pl.col("kind").is_in(["amount", "rounding"])
    kept = hollow.join(rules, on=["version_id", "component_id"], how="left", validate="m:1").filter(
        ~nothing | pl.col("is_kept")
    )
    return pl.concat([some, kept.select(some.columns)])
