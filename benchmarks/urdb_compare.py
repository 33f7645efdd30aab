"""Rated lines beside expected amounts: component by component, month by month."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from benchmarks.urdb_data import Rate
from model.rating import BillLines

TOLERANCE = 1e-6
PAIR = ["rate", "profile"]
_CELL = [*PAIR, "month", "component", "period", "tier"]
_AMOUNTS = {
    "rate": pl.String(), "profile": pl.String(), "month": pl.Int8(), "component": pl.String(), "period": pl.Int16(),
    "tier": pl.Int16(), "found": pl.Float64(),
}  # fmt: skip
# Components of the file of expected amounts that single charges make up; others only count in the total.
_OF_CHARGE = {"energy": "energy_total", "fuel": "energy_total", "export_credit": "export"}


def no_amounts() -> pl.DataFrame:
    """Return the amounts of no tariff."""
    return pl.DataFrame(schema=_AMOUNTS)


def amounts(lines: DataFrame[BillLines], periods: pl.DataFrame) -> pl.DataFrame:
    """Return exact amounts by component: energy also by the record's period and tier (from 0), and the totals.

    `periods`: rate, component_id, season, tou, period.
    """
    named = lines.select(
        pl.col("tariff_id").alias("rate"),
        pl.col("agreement_id").str.split("|").list.last().alias("profile"),
        pl.col("period_start_date").dt.month().alias("month"),
        "component_id", "season", "tou", "tier", "amount_exact",
    ).join(periods, on=["rate", "component_id", "season", "tou"], how="left", validate="m:1")  # fmt: skip
    cells = named.filter(pl.col("component_id") == "energy").select(
        *PAIR, "month", pl.lit("energy").alias("component"), pl.col("period").cast(pl.Int16),
        (pl.col("tier") - 1).clip(lower_bound=0).cast(pl.Int16).alias("tier"), "amount_exact",
    )  # fmt: skip
    component = pl.col("component_id").replace(_OF_CHARGE).str.replace("^minimum.*$", "minimum")
    nothing = pl.lit(None, pl.Int16)
    parts = named.select(
        *PAIR, "month", component.alias("component"), nothing.alias("period"), nothing.alias("tier"), "amount_exact"
    )
    total = parts.with_columns(pl.lit("total").alias("component"))
    return (
        pl.concat([cells, parts, total])
        .group_by(_CELL)
        .agg(pl.col("amount_exact").sum().cast(pl.Float64).alias("found"))
        .select(pl.col(name).cast(dtype) for name, dtype in _AMOUNTS.items())
    )


@dataclass(frozen=True)
class Comparison:
    """What was found beside what was expected.

    `pairs`: rate, profile, uncontested, is_rated, worst (largest difference in dollars). `worst`: the cells that
    are further apart than the tolerance, largest first.
    """

    pairs: pl.DataFrame
    worst: pl.DataFrame

    def counts(self, *, uncontested: bool) -> tuple[int, int]:
        """Return how many tariff-profiles are within the tolerance, and how many there are."""
        mine = self.pairs.filter(pl.col("uncontested") == uncontested)
        return mine.filter(_is_within()).height, mine.height

    def by_tag(self, rates: list[Rate]) -> pl.DataFrame:
        """Return for each tag that only contested tariffs have: tariff-profiles, refused, within, and apart."""
        tags = pl.DataFrame(
            [(rate.name, tag) for rate in rates for tag in rate.features],
            schema={"rate": pl.String(), "tag": pl.String()}, orient="row",
        )  # fmt: skip
        tagged = tags.join(self.pairs, on="rate", how="inner", validate="m:m")
        contested = tagged.filter(~pl.col("uncontested").any().over("tag"))
        return (
            contested.group_by("tag")
            .agg(
                pl.len().alias("tariff_profiles"),
                (~pl.col("is_rated")).sum().alias("not_rated"),
                _is_within().sum().alias("within"),
                (pl.col("is_rated") & ~_is_within()).sum().alias("apart"),
                pl.col("worst").filter("is_rated").max().alias("largest_usd"),
            )
            .sort("tariff_profiles", "tag", descending=[True, False])
        )


def _is_within() -> pl.Expr:
    return pl.col("is_rated") & (pl.col("worst") <= TOLERANCE)


def compare(expected: pl.DataFrame, found: pl.DataFrame) -> Comparison:
    """Return the comparison; a cell that one side does not have is 0 there.

    Only components that are expected of a tariff-profile are compared: contested ones have no lines by period.
    """
    wanted = expected.select(*PAIR, "component").unique()
    cells = (
        expected.select(
            *PAIR, pl.col("month").cast(pl.Int8), "component", pl.col("period").cast(pl.Int16),
            pl.col("tier").cast(pl.Int16), pl.col("amount").alias("expected"),
        )
        .join(
            found.with_columns(pl.col("month").cast(pl.Int8)).join(wanted, on=[*PAIR, "component"], how="semi"),
            on=_CELL, how="full", coalesce=True, nulls_equal=True, validate="1:1",
        )
        .with_columns(pl.col("expected", "found").fill_null(0.0))
        .with_columns((pl.col("found") - pl.col("expected")).alias("apart"))
    )  # fmt: skip
    rated = found.select(*PAIR, pl.lit(True).alias("is_rated")).unique()
    pairs = (
        expected.select(*PAIR, "uncontested")
        .unique()
        .join(rated, on=PAIR, how="left", validate="1:1")
        .join(cells.group_by(PAIR).agg(pl.col("apart").abs().max().alias("worst")), on=PAIR, how="left", validate="1:1")
        .with_columns(pl.col("is_rated").fill_null(False))
        .sort(PAIR)
    )
    worst = cells.join(pairs.select(*PAIR, "uncontested", "is_rated"), on=PAIR, how="left", validate="m:1").filter(
        pl.col("is_rated"), pl.col("apart").abs() > TOLERANCE
    )
    return Comparison(pairs, worst.sort(pl.col("apart").abs(), *_CELL, descending=[True] + [False] * len(_CELL)))
