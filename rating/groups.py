"""Which charges over others are the same charge throughout a bill.

Such a charge is computed once for an agreement and bill, over all parts in which it is the same, else once for each.
What is charged above it counts: a tax that changes its rate on a day, or whose condition is met in a part of the bill
alone, must not tax a surcharge of the whole bill at one rate.
"""

from __future__ import annotations

import polars as pl

from model.tariff import RateBook
from rating.once import once_per_book

_KEYS = ["version_id", "component_id"]
_OWN = [
    "component_id", "kind", "single_price_e9", "price_share", "price_whole_e4", "tolerance_min", "tolerance_max",
    "round_mode", "round_step_minor", "category", "tax_code", "gl_account", "party", "amount_id", "when_id",
    "is_gross", "is_included", "is_exact",
]  # fmt: skip
# The sum of a bill is rounded once, by the last version that does so.
_ROUNDING = "rounding"


def with_group_keys(components: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Add `group_key`, and `base_key`, which names the charges of the base.

    `group_key` is equal for the same charge of several versions: same number, rounding and ledger account, the same
    percentages inside its base, and counted by the same charges above it. `components` has `single_price_e9`.
    """
    names = (
        book.bases.sort(*_KEYS, "base_component_id")
        .group_by(_KEYS, maintain_order=True)
        .agg(pl.col("base_component_id").str.join(",").alias("base_key"))
    )
    based = components.join(names, on=_KEYS, how="left", validate="1:1").with_columns(pl.col("base_key").fill_null(""))
    inside = _inside(based)
    own = [pl.col(name).cast(pl.String).fill_null("") for name in [*_OWN, "inside"]]
    based = based.join(inside, on=["version_id", "level", "base_key", "is_gross"], how="left", validate="m:1")
    based = based.with_columns(pl.concat_str(own, separator=";").alias("own_key"))
    counted = counted_charges(book)
    keys = pl.DataFrame(schema={"version_id": pl.String, "component_id": pl.String, "group_key": pl.String})
    for level in sorted(based["level"].unique().to_list(), reverse=True):
        at_level = based.filter(pl.col("level") == level).select(*_KEYS, "own_key")
        keys = pl.concat([keys, _keys_of_level(at_level, counted, keys)], how="vertical")
    # Keys are long; only whether they are equal matters, and a number in their place is joined faster.
    number = pl.col("group_key").rank("dense").cast(pl.String)
    is_rounding = pl.col("kind") == _ROUNDING
    return (
        based.join(keys, on=_KEYS, how="left", validate="1:1")
        .with_columns(pl.when(is_rounding).then(pl.lit(_ROUNDING)).otherwise(number).alias("group_key"))
        .drop("own_key", "inside")
    )


@once_per_book
def counted_charges(book: RateBook) -> pl.DataFrame:
    """Return what charges count, in their base or by name in a formula: version_id, component_id, base_component_id."""
    columns = [*_KEYS, "base_component_id"]
    named = (
        book.components.filter(pl.col("amount_id").is_not_null())
        .select(*_KEYS, pl.col("amount_id").alias("formula_id"))
        .join(book.operands.filter(pl.col("kind") == "charge"), on=["version_id", "formula_id"], how="inner",
              validate="m:m")
        .select(*_KEYS, pl.col("name").alias("base_component_id"))
    )  # fmt: skip
    return pl.concat([book.bases.select(columns), named]).unique()


def _inside(based: pl.DataFrame) -> pl.DataFrame:
    """Return the percentages inside each base: version_id, level, base_key, is_gross, inside."""
    number = pl.format(
        "{}={}{}", "component_id", pl.col("single_price_e9").cast(pl.String).fill_null(""),
        pl.col("amount_id").fill_null(""),
    )  # fmt: skip
    return (
        based.filter("is_gross")
        .sort(_KEYS)
        .group_by("version_id", "level", "base_key", "is_gross", maintain_order=True)
        .agg(number.str.join(",").alias("inside"))
    )


def _keys_of_level(at_level: pl.DataFrame, counted: pl.DataFrame, above: pl.DataFrame) -> pl.DataFrame:
    """Return the group keys of a level from those of the levels above it."""
    counted_by = (
        counted.join(above, on=_KEYS, how="inner", validate="m:1")
        .sort("version_id", "base_component_id", "group_key")
        .group_by("version_id", pl.col("base_component_id").alias("component_id"), maintain_order=True)
        .agg(pl.col("group_key").str.join(",").alias("counted_by"))
    )
    joined = at_level.join(counted_by, on=_KEYS, how="left", validate="1:1")
    key = pl.format("{}[{}]", "own_key", pl.col("counted_by").fill_null(""))
    return joined.select(*_KEYS, key.alias("group_key"))


def idle_keys(idle: pl.DataFrame, components: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return the conditional charges that matter to a charge and do not apply, as `idle_key` of each (due_no, _KEYS).

    Those matter that count it, directly or not, and the percentages that share a denominator with it or with these.
    `idle`: due_no, version_id, component_id.
    """
    above = components.filter(pl.col("level") > 1)
    unmet = idle.join(above, on=_KEYS, how="semi")
    if unmet.is_empty():
        return idle.clear().with_columns(pl.lit("").alias("idle_key"))
    concerned = above.join(unmet.select("version_id").unique(), on="version_id", how="semi")
    pairs = _mattering(concerned, counted_charges(book))
    return (
        pairs.join(unmet.rename({"component_id": "other"}), on=["version_id", "other"], how="inner", validate="m:m")
        .sort("due_no", *_KEYS, "other")
        .group_by("due_no", *_KEYS, maintain_order=True)
        .agg(pl.col("other").str.join(",").alias("idle_key"))
    )


def _mattering(above: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Return the charges that matter to each charge above level 1: version_id, component_id, other."""
    direct = counted.select(
        "version_id", pl.col("base_component_id").alias("other"), pl.col("component_id").alias("further")
    )
    reach = above.select(*_KEYS, pl.col("component_id").alias("other"))
    for _ in range(above["level"].n_unique()):
        further = reach.join(direct, on=["version_id", "other"], how="inner", validate="m:m")
        reach = pl.concat([reach, further.select(*_KEYS, pl.col("further").alias("other"))]).unique()
    of_base = ["version_id", "level", "base_key"]
    gross = above.filter("is_gross").select(*of_base, pl.col("component_id").alias("other"))
    beside = gross.join(gross.rename({"other": "peer"}), on=of_base, how="inner", validate="m:m")
    peers = reach.join(beside.drop("level", "base_key"), on=["version_id", "other"], how="inner", validate="m:m")
    return pl.concat([reach, peers.select(*_KEYS, pl.col("peer").alias("other"))]).unique()
