"""The class of each line that differs, from the variants that bring the legacy amount."""

from __future__ import annotations

import polars as pl

from cycles.legacy.causes import FOLLOW, Found
from cycles.legacy.match import CELL
from cycles.legacy.variants import FITTED, Variant
from model.parallel import Cause

CLASS_SCHEMA = {
    "unit_no": pl.Int64(), "line": pl.String(), "cause": pl.String(), "variants": pl.String(), "also": pl.String(),
}  # fmt: skip


def classified(cells: pl.DataFrame, found: Found, upper: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Return the class of each line that differs (CLASS_SCHEMA). `upper`: cells of charges over other charges.

    In this order: one variant brings the whole unit; a side has no such line; a charge over others follows from
    them; a variant brings the line alone. What is left is unexplained.
    """
    apart = cells.filter(pl.col("ours_minor").fill_null(0) != pl.col("legacy_minor").fill_null(0))
    known = [name for name in found.variants if name not in FOLLOW]
    order = _order(found, known)
    whole = _chosen(found.of_units.join(order, on="variant", how="inner", validate="m:1"), ["unit_no"])
    by_unit = apart.join(whole, on="unit_no", how="inner", validate="m:1")
    rest = apart.join(whole, on="unit_no", how="anti")
    missing = _missing(rest)
    rest = rest.join(missing, on=CELL, how="anti")
    following = (
        found.of_cells.filter(pl.col("variant").is_in(FOLLOW)).join(upper, on=CELL, how="semi").select(CELL).unique()
    )
    charges = rest.join(following, on=CELL, how="anti")
    # A number fitted to amounts proves something only where a whole unit follows from it.
    known_rules = order.filter(pl.col("rank") < FITTED)
    single = _chosen(found.of_cells.join(known_rules, on="variant", how="inner", validate="m:1"), CELL)
    by_line = charges.join(single, on=CELL, how="inner", validate="1:1")
    left = _unexplained(charges.join(single, on=CELL, how="anti"))
    names = list(CLASS_SCHEMA)
    told = pl.concat([by_unit.select(names), missing.select(names), by_line.select(names), left.select(names)])
    follow = _following(rest.join(following, on=CELL, how="semi"), told, units)
    return pl.concat([told, follow.select(names)]).sort(CELL)


def with_pairs(told: pl.DataFrame, pairs: Found) -> pl.DataFrame:
    """Return classes with those lines `several` that two causes bring together, with their whole unit."""
    order = _order(pairs, list(pairs.variants))
    chosen = _chosen(pairs.of_units.join(order, on="variant", how="inner", validate="m:1"), ["unit_no"])
    is_left = pl.col("cause") == Cause.UNEXPLAINED.value
    solved = told.filter(is_left).select(CELL).join(chosen, on="unit_no", how="inner", validate="m:1")
    return pl.concat([told.join(solved, on=CELL, how="anti"), solved.select(list(CLASS_SCHEMA))]).sort(CELL)


def _order(found: Found, names: list[str]) -> pl.DataFrame:
    """Return the variants with `place`: first what is stated, then what explains most units, then in their order.

    A legacy system has habits: of two variants that bring a unit's amounts the one that brings more units is its own.
    """
    counts = dict(found.of_units.group_by("variant").len().iter_rows())
    variants: list[Variant] = [found.variants[name] for name in names]
    ranked = sorted(enumerate(variants), key=lambda item: (item[1].rank, -counts.get(item[1].name, 0), item[0]))
    return pl.DataFrame(
        {
            "variant": [variant.name for _, variant in ranked],
            "cause": [variant.cause.value for _, variant in ranked],
            "rank": [variant.rank for _, variant in ranked],
            "place": list(range(len(ranked))),
        },
        schema={"variant": pl.String, "cause": pl.String, "rank": pl.Int64, "place": pl.Int64},
    )


def _chosen(brought: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Return the variant of the lowest place for each key, and the other classes that bring the same: `also`."""
    ordered = brought.sort(*key, "place")
    grouped = ordered.group_by(key, maintain_order=True).agg(
        pl.col("cause").first(), pl.col("variant").first().alias("variants"),
        pl.col("cause").unique().sort().alias("classes"),
    )  # fmt: skip
    others = pl.col("classes").list.set_difference(pl.concat_list("cause")).list.sort().list.join(",")
    return grouped.with_columns(others.alias("also")).drop("classes")


def _missing(cells: pl.DataFrame) -> pl.DataFrame:
    cause = (
        pl.when(pl.col("ours_minor").is_null()).then(pl.lit(Cause.MISSING_HERE.value))
        .when(pl.col("legacy_minor").is_null()).then(pl.lit(Cause.MISSING_THERE.value))
    )  # fmt: skip
    return _told(cells.with_columns(cause.alias("cause")).drop_nulls("cause"))


def _unexplained(cells: pl.DataFrame) -> pl.DataFrame:
    return _told(cells.with_columns(pl.lit(Cause.UNEXPLAINED.value).alias("cause")))


def _told(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(pl.lit("").alias("variants"), pl.lit("").alias("also"))


def _following(cells: pl.DataFrame, told: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Return charges over others with the class of what they follow from: the one of their unit, or several.

    A line of the whole bill follows from the lines of all units of its account.
    """
    members = _members(cells.select("unit_no").unique(), units).join(
        told, left_on="member_no", right_on="unit_no", how="inner", validate="m:m"
    )
    is_open = pl.col("cause") == Cause.UNEXPLAINED.value
    causes = members.group_by("unit_no").agg(
        pl.col("cause").unique().sort().alias("causes"), pl.col("variants").unique().sort().str.join(","),
        # What follows from a line that nobody explains is no more explained than that line.
        is_open.any().alias("is_open"),
    )  # fmt: skip
    cause = (
        pl.when(pl.col("is_open").fill_null(True)).then(pl.lit(Cause.UNEXPLAINED.value))
        .when(pl.col("causes").list.len() == 1).then(pl.col("causes").list.first())
        .otherwise(pl.lit(Cause.SEVERAL.value))
    )  # fmt: skip
    joined = cells.join(causes, on="unit_no", how="left", validate="m:1")
    return joined.with_columns(
        cause.alias("cause"), pl.col("variants").fill_null("").str.strip_chars(","), pl.lit("").alias("also")
    )


def _members(wanted: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Return the units that each unit follows from: itself, or all of the account for a unit of the whole bill."""
    own = wanted.join(units, on="unit_no", how="inner", validate="1:1")
    others = units.select("account_id", pl.col("unit_no").alias("member_no"))
    of_bill = own.filter(pl.col("service_point_id") == "").join(others, on="account_id", how="inner", validate="m:m")
    alone = own.filter(pl.col("service_point_id") != "").with_columns(pl.col("unit_no").alias("member_no"))
    return pl.concat([of_bill.select("unit_no", "member_no"), alone.select("unit_no", "member_no")])
