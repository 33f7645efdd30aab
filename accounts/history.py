"""Quantities of earlier periods: those from before Billmill, checked and put into smallest units, and those found."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.reading import DETAIL, LINE, REASON
from model.rating import History
from model.schema import arranged, grain
from model.units import PRINTED_UNITS

# A quantity by formula has a unit of its own, or none: it carries 9 decimals.
FREE_UNIT_SIZE = 10**9
# What one value may be, in smallest units; far below 2^63 when a formula adds up years of them.
QUANTITY_MAX = 10**15


def unfit_quantities(rows: pl.DataFrame) -> pl.DataFrame:
    """Return line, reason and detail of rows whose value is no whole number of smallest units, or is too large."""
    sized = rows.with_columns(unit_size=_unit_size())
    shown = [pl.col("quantity"), pl.col("unit").fill_null("")]
    part = sized.filter(_exact() % 10**9 != 0).select(
        LINE,
        pl.lit("too_precise").alias(REASON),
        pl.format("expected a whole number of smallest units, found {} {}", *shown).alias(DETAIL),
    )
    large = sized.filter(_exact().abs() > QUANTITY_MAX * 10**9).select(
        LINE,
        pl.lit("value_too_large").alias(REASON),
        pl.format("expected at most 10^15 smallest units, found {} {}", *shown).alias(DETAIL),
    )
    return pl.concat([part, large])


def history_before(due: pl.DataFrame, imported: pl.DataFrame, found: pl.DataFrame) -> DataFrame[History]:
    """Return the quantities of the service points that are due, of periods that began before their cycle.

    `imported` are model.accounts.EarlierQuantities, `found` model.rating.History. What a run found wins over what was
    imported for the same period.
    """
    earlier = imported.with_columns(unit_size=_unit_size()).with_columns(
        quantity=(_exact() // 10**9).cast(pl.Int64), is_estimated=pl.lit(False), source=pl.lit("import")
    )
    mine = due.group_by("service_point_id").agg(pl.col("cycle_start_date").min())
    both = pl.concat([found, arranged(History, earlier)]).unique(grain(History), keep="first", maintain_order=True)
    before = both.join(mine, on="service_point_id", how="inner", validate="m:1").filter(
        pl.col("period_start_date") < pl.col("cycle_start_date")
    )
    return arranged(History, before.sort(grain(History)))


def _unit_size() -> pl.Expr:
    sizes = {unit: size for unit, (_, size) in PRINTED_UNITS.items()}
    return pl.col("unit").fill_null("").replace_strict(sizes, default=FREE_UNIT_SIZE, return_dtype=pl.Int64)


def _exact() -> pl.Expr:
    """Return smallest units x 10^9: a decimal of 9 places is a whole number of 10^-9 underneath."""
    return pl.col("quantity").to_physical().cast(pl.Int128) * pl.col("unit_size").cast(pl.Int128)
