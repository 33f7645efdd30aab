"""Quantities that bills rest on, counted once however many charges price them."""

from __future__ import annotations

import polars as pl

from model.codes import Measure

_ONCE = ["agreement_id", "segment_no", "slice_no", "measure", "tou"]


def billed_quantities(
    determinants: pl.DataFrame, segments: pl.DataFrame, quantities: pl.DataFrame, due: pl.DataFrame
) -> pl.DataFrame:
    """Return what was billed by branch, commodity and measure, in smallest units of the measure.

    Several quantities of a version can measure the same energy (the whole, and its peak part); each time-of-use
    period of a slice is counted once. Powers are left out, for they do not add up; so are costs, and what is made of
    two measures (a difference, apparent energy), which is no energy of its own. Columns: branch_id, commodity,
    measure, quantity, estimated (the part in slices that rest on an estimate).

    `determinants`, `segments`: model.rating; `quantities`: model.tariff.Quantities; `due`: model.rating.DueAgreements.
    """
    plain = quantities.filter(pl.col("less_measure").is_null() & (pl.col("measure") != Measure.APPARENT_ENERGY))
    measured = (
        determinants.filter(pl.col("agg") == "sum")
        .join(
            segments.select("agreement_id", "segment_no", "version_id", "start_date"),
            how="inner", on=["agreement_id", "segment_no"], validate="m:1",
        )
        .join(
            plain.select("version_id", "quantity_id", "measure"),
            how="inner", on=["version_id", "quantity_id"], validate="m:1",
        )
        .sort(*_ONCE, "quantity_id")
        .unique(_ONCE, keep="first", maintain_order=True)
    )  # fmt: skip
    places = due.select("agreement_id", "branch_id", "commodity").unique()
    value = pl.col("quantity").cast(pl.Int128)
    return (
        measured.join(places, how="inner", on="agreement_id", validate="m:1")
        .group_by("branch_id", "commodity", "measure")
        .agg(
            value.sum().cast(pl.Int64).alias("quantity"),
            value.filter(pl.col("is_estimated")).sum().cast(pl.Int64).alias("estimated"),
        )
        .sort("branch_id", "commodity", "measure")
    )
