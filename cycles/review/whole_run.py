"""What a bill is compared with beyond itself and its past: the classes of the run, and its largest bills.

Each part of a run leaves a few narrow rows, which add up to those of the whole run however it was cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from cycles.review.bill_past import per_day

CLASS = ["revenue_class", "commodity", "unit"]
_LEDGER = ["branch_id", "currency"]


@dataclass(frozen=True)
class WholeRun:
    """What the bills of a part are compared with over all parts."""

    classes: pl.DataFrame
    """A row for each class of supplies: `CLASS`, usual (median use a day, of an even count the lower), peers."""
    largest: pl.DataFrame
    """The largest bills of each branch and currency: bill_id, place (from 1)."""


def counted_use(use: pl.DataFrame) -> pl.DataFrame:
    """Return how many supplies of a class take how much a day: `CLASS`, use_day, supplies.

    From counts the median is found exactly, and there are fewer of them than there are supplies.
    """
    sized = use.filter(pl.col("unit") != "").select(*CLASS, use_day=per_day("quantity"))
    return sized.group_by(*CLASS, "use_day").agg(supplies=pl.len().cast(pl.Int64))


def largest_bills(bills: pl.DataFrame, top: int) -> pl.DataFrame:
    """Return the largest bills of each branch and currency: `_LEDGER`, bill_id, total_minor, place (from 1)."""
    total = pl.col("total_minor")
    positive = bills.select(*_LEDGER, "bill_id", "total_minor").filter(total > 0)
    # Few are left to be put in order: those of at least the lowest amount that is among the largest.
    lowest = positive.group_by(_LEDGER).agg(total.top_k(top).min().alias("lowest"))
    large = positive.join(lowest, on=_LEDGER, how="inner", validate="m:1").filter(total >= pl.col("lowest"))
    ordered = large.drop("lowest").sort(
        *_LEDGER, "total_minor", "bill_id", descending=[False, False, True, False]
    )  # fmt: skip
    placed = ordered.with_columns(place=pl.int_range(1, pl.len() + 1).over(_LEDGER))
    return placed.filter(pl.col("place") <= top)


def whole_run(counted: Iterable[pl.DataFrame], largest: Iterable[pl.DataFrame], top: int) -> WholeRun:
    """Return what the parts of a run come to (`counted_use`, `largest_bills`)."""
    return WholeRun(_medians(pl.concat(counted)), largest_bills(pl.concat(largest), top).select("bill_id", "place"))


def _medians(counted: pl.DataFrame) -> pl.DataFrame:
    supplies = pl.col("supplies")
    added = counted.group_by(*CLASS, "use_day").agg(supplies.sum()).sort(*CLASS, "use_day")
    placed = added.with_columns(peers=supplies.sum().over(CLASS), up_to=supplies.cum_sum().over(CLASS))
    return (
        placed.filter(pl.col("up_to") > (pl.col("peers") - 1) // 2)
        .unique(CLASS, keep="first", maintain_order=True)
        .select(*CLASS, "peers", usual="use_day")
    )
