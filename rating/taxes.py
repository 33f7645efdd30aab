"""Percentages and minimums: charges on the rounded amounts of other charges, level by level.

Each is computed once for an agreement and bill, over all its segments, and rounded once. Where a number, a rounding,
a ledger account or what is charged above it changes between tariff versions, it is computed once for each
(`group_key` of `rating.ratebook.ready_components`).
"""

from __future__ import annotations

import polars as pl

from rating.amounts import CORE_SCHEMA, rounded, within_bounds
from rating.calendar import Calendar
from rating.rounding import divide_toward_zero, int128, is_cut, wide

_GROUP = ["bill_id", "agreement_id", "component_id", "group_key"]


def price_over_bases(
    due: pl.DataFrame, calendar: Calendar, lines: pl.DataFrame, components: pl.DataFrame, bases: pl.DataFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return `lines` and those of percentages and minimums (CORE_SCHEMA), and the parks.

    One pass for each level over all agreements. A line over a base bears the last version in which it stands.
    """
    parks: list[pl.DataFrame] = []
    over_base = components.filter(pl.col("kind").is_in(["percent", "minimum"]))
    for level in sorted(over_base["level"].unique().to_list()):
        at_level = over_base.filter(pl.col("level") == level)
        found = _with_bases(_standing(due, calendar, at_level), due, lines, components, bases)
        fitting, too_large = within_bounds(found)
        amounts, too_large_amounts = rounded(_amounts(fitting), components)
        is_empty = (pl.col("quantity") == 0) & (pl.col("amount_minor") == 0)
        lines = pl.concat([lines, amounts.filter(~is_empty)], how="vertical")
        parks += [too_large, too_large_amounts]
    return lines, parks


def _standing(due: pl.DataFrame, calendar: Calendar, at_level: pl.DataFrame) -> pl.DataFrame:
    """Return where the components of a level stand: a row for each agreement, segment and component."""
    return (
        due.select("due_no", "cal_no", "bill_id", "agreement_id")
        .join(calendar.segments, on="cal_no", how="inner", validate="m:m")
        .join(at_level, on="version_id", how="inner", validate="m:m")
        .sort(*_GROUP, "start_date")
    )


def _with_bases(
    standing: pl.DataFrame, due: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame, bases: pl.DataFrame
) -> pl.DataFrame:
    """Return one row for each group: its dates, its number, and the sum of its base in minor units.

    An agreement has a version in several segments only when it is due for several periods, so a line belongs to a
    group by agreement and version.
    """
    groups = standing.group_by(_GROUP, maintain_order=True).agg(
        pl.col("due_no", "version_id", "kind", "tiers_per", "cycle_days", "currency_exponent").last(),
        pl.col("single_price_e9").last().alias("price_e9"),
        pl.col("start_date").min().alias("period_start_date"),
        pl.col("end_date").max().alias("period_end_date"),
        pl.col("days").sum().alias("floor_days"),
    )
    members = (
        standing.select(*_GROUP, "version_id")
        .unique()
        .join(bases, on=["version_id", "component_id"], how="inner", validate="m:m")
    )
    counted = (
        lines.select("due_no", "version_id", pl.col("component_id").alias("base_component_id"), "amount_minor",
                     "is_estimated", "reads_seq")
        .join(due.select("due_no", "bill_id", "agreement_id"), on="due_no", how="left", validate="m:1")
        .join(members, on=["bill_id", "agreement_id", "version_id", "base_component_id"], how="inner", validate="m:m")
        .group_by(_GROUP)
        .agg(pl.col("amount_minor").sum().alias("quantity"), pl.col("is_estimated").any(), pl.col("reads_seq").max())
    )  # fmt: skip
    return (
        groups.join(counted, on=_GROUP, how="left", validate="1:1")
        .join(_base_names(standing, components, bases), on=_GROUP, how="left", validate="1:1")
        .with_columns(
            pl.col("quantity").fill_null(0),
            pl.col("floor_days").alias("share_days"),
            pl.col("is_estimated").fill_null(False),
            pl.col("reads_seq").fill_null(0),
            pl.col("determinant").fill_null(""),
        )
    )


def _base_names(standing: pl.DataFrame, components: pl.DataFrame, bases: pl.DataFrame) -> pl.DataFrame:
    """Return the names of the components that each group counts, in the order of the bill.

    They follow from the versions of a group, so they are listed once for each of the few sets of versions.
    """
    versions = (
        standing.group_by(_GROUP, maintain_order=True)
        .agg(pl.col("version_id").unique().sort().alias("versions"))
        .with_columns(pl.col("versions").list.join("|").alias("version_set"))
    )
    kinds = versions.select("component_id", "version_set", "versions").unique(["component_id", "version_set"])
    places = components.select("version_id", pl.col("component_id").alias("base_component_id"), "position")
    names = (
        kinds.explode("versions")
        .rename({"versions": "version_id"})
        .join(bases, on=["version_id", "component_id"], how="inner", validate="m:m")
        .join(places, on=["version_id", "base_component_id"], how="left", validate="m:1")
        .group_by("component_id", "version_set", "base_component_id")
        .agg(pl.col("position").min())
        .sort("component_id", "version_set", "position", "base_component_id")
        .group_by("component_id", "version_set", maintain_order=True)
        .agg(pl.col("base_component_id").str.join(",").alias("determinant"))
    )
    named = versions.join(names, on=["component_id", "version_set"], how="left", validate="m:1")
    return named.select(*_GROUP, "determinant")


def _amounts(groups: pl.DataFrame) -> pl.DataFrame:
    """Return the groups as lines with exact amounts; a minimum that its base reaches has none.

    percent: base x percent / 100, exact. minimum: price x days, or price x days / days of the cycle, less the base;
    the division comes last, toward zero.
    """
    percent = groups.filter(pl.col("kind") == "percent").with_columns(
        (wide("quantity") * wide("price_e9") * _power_of_ten(4)).alias("amount_e15"),
        pl.lit(False).alias("amount_is_cut"),
        pl.lit("%").alias("unit"),
        pl.lit(None, pl.Int32).alias("share_days"),
    )
    per_cycle = pl.col("tiers_per") == "cycle"
    divisor = pl.when(per_cycle).then(wide("cycle_days")).otherwise(int128(1))
    floor = wide("price_e9") * int128(10**6) * wide("floor_days")
    base = wide("quantity") * _power_of_ten(15) * divisor
    minimum = (
        groups.filter(pl.col("kind") == "minimum")
        .filter(floor > base)
        .with_columns(
            divide_toward_zero(floor - base, divisor).alias("amount_e15"),
            is_cut(floor - base, divisor).alias("amount_is_cut"),
            pl.when(per_cycle).then(pl.lit("cycle")).otherwise(pl.lit("day")).alias("unit"),
            pl.when(per_cycle & (pl.col("floor_days") != pl.col("cycle_days"))).then("floor_days").alias("share_days"),
        )
    )
    lines = pl.concat([percent, minimum], how="vertical_relaxed").with_columns(
        pl.lit("").alias("season"),
        pl.lit("").alias("tou"),
        pl.lit(0, pl.Int32).alias("tier"),
        pl.lit(1, pl.Int64).alias("unit_size"),
        pl.lit(None, pl.String).alias("factor_id"),
        pl.when(pl.col("share_days").is_not_null()).then("cycle_days").alias("cycle_days"),
        pl.lit("none").alias("split_method"),
    )
    return lines.select(*(name for name in CORE_SCHEMA if name != "amount_minor"), "amount_is_cut")


def _power_of_ten(whole: int) -> pl.Expr:
    """Return 10^(whole - currency_exponent) as Int128."""
    powers = {exponent: 10 ** (whole - exponent) for exponent in range(5)}
    return pl.col("currency_exponent").replace_strict(powers, return_dtype=pl.Int64).cast(pl.Int128)
