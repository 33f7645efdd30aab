"""What bills took and cost by agreement."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.post import summed_minor
from model.review import BillUse
from model.schema import arranged
from model.units import POWER_UNIT, PRINTED_UNITS
from rating.segments import number_of

# Printed units of amounts of something; powers are no use.
USE_UNITS = {name: smallest for name, (smallest, _) in PRINTED_UNITS.items() if smallest not in POWER_UNIT.values()}
_NAMES = ["account_id", "branch_id", "service_point_id", "commodity", "tariff_id", "currency"]
_ADDED_UP = [
    "component_id", "kind", "category", "quantity", "unit", "period_start_date", "period_end_date", "is_estimated",
    "amount_minor",
]  # fmt: skip


def use_of(lines: pl.LazyFrame, bills: pl.LazyFrame) -> DataFrame[BillUse]:
    """Return what bills took, from their lines and headers (model.rating.BillLines, model.bills.Bills).

    The use of an agreement is the largest quantity that one of its charges prices, over its tiers and periods of use:
    several charges may price the same energy, and adding them up would count it twice.
    """
    keys = ["bill_id", "agreement_id"]
    chosen = lines.select(*keys, "line_no", *_NAMES, *_ADDED_UP).collect()
    # Lines lie in the order of their bills, and are sorted only where they do not.
    rises = (pl.col("line_no") > pl.col("line_no").shift(1)) | (pl.col("bill_id") != pl.col("bill_id").shift(1))
    ordered = chosen if chosen.select(rises.all()).item() else chosen.sort("line_no")
    runs = ordered.select(number_of(*keys).alias("run"))["run"]
    heads = ordered.filter((runs != runs.shift(1)).fill_null(True))
    # An agreement's lines do not all stand together: one-off charges and taxes come after those of the tariffs.
    names = heads.unique(keys, keep="first", maintain_order=True).with_row_index("use_no")
    use_nos = heads.select(keys).join(
        names.select(*keys, "use_no"), on=keys, how="left", validate="m:1", maintain_order="left"
    )["use_no"]  # fmt: skip
    numbered = ordered.select(_ADDED_UP).with_columns(use_no=use_nos.gather(runs))
    rows = numbered.group_by("use_no").agg(
        pl.col("period_start_date").min(), pl.col("period_end_date").max(), pl.col("is_estimated").any(),
        summed_minor("amount_minor"),
    )  # fmt: skip
    classes = bills.select("bill_id", "revenue_class").collect()
    joined = (
        names.select("use_no", *keys, *_NAMES)
        .join(rows, on="use_no", how="left", validate="1:1")
        .join(_largest_use(numbered), on="use_no", how="left", validate="1:1")
        .join(classes, on="bill_id", how="inner", validate="m:1")
    )
    filled = joined.with_columns(pl.col("quantity").fill_null(0), pl.col("unit").fill_null(""))
    return arranged(BillUse, filled.sort(keys))


def _largest_use(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the largest quantity that a charge prices (use_no, quantity, unit); of equal ones the first by name."""
    is_use = (pl.col("kind") == "quantity") & (pl.col("category") == "charge") & pl.col("unit").is_in(list(USE_UNITS))
    priced = (
        lines.filter(is_use)
        .with_columns(pl.col("unit").replace_strict(USE_UNITS, return_dtype=pl.String))
        .group_by("use_no", "component_id", "unit").agg(pl.col("quantity").sum())
    )  # fmt: skip
    largest = priced.filter(pl.col("quantity") == pl.col("quantity").max().over("use_no"))
    return largest.sort("use_no", "component_id", "unit").unique("use_no", keep="first", maintain_order=True).drop(
        "component_id"
    )  # fmt: skip
