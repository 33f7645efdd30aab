"""What a change does to many accounts, summed up: how many rise, by how much, where, and who most."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl

# Upper edges of the classes of change in percent of the old bill; unchanged bills have a class of their own.
EDGES = (-20, -10, -5, -2, 0, 2, 5, 10, 20)
UNCHANGED = "unchanged"
NOT_BILLED = "nothing before"
_SUMS = [
    pl.len().alias("accounts"),
    (pl.col("change_minor") > 0).sum().alias("up"),
    (pl.col("change_minor") < 0).sum().alias("down"),
    (pl.col("change_minor") == 0).sum().alias("unchanged"),
    pl.col("old_minor").sum(),
    pl.col("new_minor").sum(),
    pl.col("change_minor").sum(),
]


def summed_up(accounts: pl.DataFrame, charges: pl.DataFrame, parked: pl.DataFrame, rises: int) -> dict[str, Any]:
    """Return totals, deciles, histogram, sums by branch and class, the largest rises, and what would be parked.

    Frames are those of `cycles.quotes.impact.Impact`. Accounts count that can be billed on both sides.
    """
    change = (pl.col("new_minor") - pl.col("old_minor")).alias("change_minor")
    both = accounts.with_columns(change).drop_nulls("change_minor")
    return {
        "totals": both.select(_SUMS).row(0, named=True),
        "deciles": deciles(both["change_minor"]),
        "histogram": histogram(both),
        "by_branch": both.group_by("branch_id").agg(_SUMS).sort("branch_id"),
        "by_revenue_class": both.group_by("revenue_class").agg(_SUMS).sort("revenue_class"),
        "largest_rises": _largest(both, charges, rises),
        "parked": _parked(parked),
    }


def deciles(changes: pl.Series) -> list[dict[str, int]]:
    """Return the change that so many percent of the accounts do not exceed (nearest rank); none without accounts."""
    ordered, count = changes.sort(), len(changes)
    if not count:
        return []
    places = [(percent, max(-(-percent * count // 100), 1) - 1) for percent in range(0, 101, 10)]
    return [{"percent": percent, "change_minor": int(ordered[place])} for percent, place in places]


def histogram(both: pl.DataFrame) -> list[dict[str, Any]]:
    """Return how many accounts change by how many percent of what they owed, in classes of `EDGES`."""
    # In integers: change / old beside edge / 100, for bills below zero by their size. A fall belongs to the class that
    # ends at it, a rise to the one that begins there.
    share, whole = pl.col("change_minor").cast(pl.Int128) * 100, pl.col("old_minor").cast(pl.Int128).abs()
    passed = [share >= whole * edge if edge > 0 else share > whole * edge for edge in EDGES]
    place = pl.sum_horizontal(step.cast(pl.Int32) for step in passed)
    names = _class_names()
    named = (
        pl.when(pl.col("change_minor") == 0).then(pl.lit(UNCHANGED))
        .when(pl.col("old_minor") == 0).then(pl.lit(NOT_BILLED))
        .otherwise(place.replace_strict(dict(enumerate(names)), return_dtype=pl.String))
    )  # fmt: skip
    counts = dict(both.select(named.alias("class")).group_by("class").len().iter_rows())
    middle = EDGES.index(0) + 1
    order = [*names[:middle], UNCHANGED, *names[middle:], NOT_BILLED]
    return [{"change": name, "accounts": counts.get(name, 0)} for name in order if name != NOT_BILLED or name in counts]


def _class_names() -> list[str]:
    inner = [_class_name(low, high) for low, high in pairwise(EDGES)]
    return [f"{EDGES[0]} % or less", *inner, f"{EDGES[-1]:+} % or more"]


def _class_name(low: int, high: int) -> str:
    return f"{low:+d} to {high:+d} %".replace("+0", "0")


def _largest(both: pl.DataFrame, charges: pl.DataFrame, rises: int) -> list[dict[str, Any]]:
    highest = both.filter(pl.col("change_minor") > 0).sort(
        "change_minor", "account_id", descending=[True, False]
    ).head(rises)  # fmt: skip
    return [
        row | {"charges": charges.filter(pl.col("account_id") == row["account_id"]).drop("account_id")}
        for row in highest.iter_rows(named=True)
    ]


def _parked(parked: pl.DataFrame) -> list[dict[str, Any]]:
    """Return how many accounts cannot be billed, by side and reason, and the first sentence of each."""
    grouped = (
        parked.sort("side", "reason", "account_id")
        .group_by("side", "reason", maintain_order=True)
        .agg(pl.col("account_id").n_unique().alias("accounts"), pl.col("detail").first().alias("first"))
    )
    return list(grouped.iter_rows(named=True))
