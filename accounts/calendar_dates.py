"""Dates of a cycle that cannot stand beside each other."""

from __future__ import annotations

import polars as pl

from accounts.reading import DETAIL, LINE, REASON

# (first, after, whether both may be on one day): what must come first in the life of a cycle.
_ORDERED: tuple[tuple[str, str, bool], ...] = (
    ("window_open_date", "window_close_date", False),
    ("read_from_date", "read_to_date", False),
    ("window_open_date", "estimate_date", True),
    ("estimate_date", "window_close_date", False),
    ("window_open_date", "bill_date", True),
    ("bill_date", "window_close_date", False),
    # A bill of the window's last night must not be due before it is issued.
    ("window_close_date", "due_date", True),
)


def unfit_dates(rows: pl.DataFrame) -> pl.DataFrame:
    """Return line, reason and detail of cycles whose dates are out of order; empty ones are in order with all."""
    found = []
    for first, after, may_meet in _ORDERED:
        bad = pl.col(after) < pl.col(first) if may_meet else pl.col(after) <= pl.col(first)
        word = pl.lit("is before" if may_meet else "is not after")
        detail = pl.format("{} {} {} {} {}", pl.lit(after), after, word, pl.lit(first), first)
        found.append(rows.filter(bad).select(LINE, pl.lit("dates_reversed").alias(REASON), detail.alias(DETAIL)))
    return pl.concat(found)


def without_overlaps(rows: pl.DataFrame, bad: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    """Add to `bad` the cycles whose days another one of the group has: they would be due in both.

    A row that is set aside does not count: what was recorded of its cycle goes on, and can meet others in turn.
    """
    while True:
        left = rows.join(bad.select(LINE), on=LINE, how="anti")
        standing = recorded.join(left, on="cycle_id", how="anti")
        more = overlapping_cycles(left, standing, among=False)
        if more.is_empty():
            more = overlapping_cycles(left, standing)
        if more.is_empty():
            return bad
        bad = pl.concat([bad, more])


def overlapping_cycles(rows: pl.DataFrame, recorded: pl.DataFrame, *, among: bool = True) -> pl.DataFrame:
    """Return line, reason and detail of cycles that share days with a recorded one of the group, or with an earlier.

    Without `among` those that share days with recorded ones alone. Cycles of different branches may; one without branch
    is every branch's.
    """
    columns = ["cycle_id", "bill_group", "branch_id", "period_start_date", "period_end_date"]
    others = pl.concat([
        recorded.select(*columns, pl.lit(value=True).alias("is_recorded")),
        rows.select(*columns, pl.lit(value=False).alias("is_recorded")),
    ])  # fmt: skip
    pairs = rows.join(others, on="bill_group", how="inner", suffix="_other", validate="m:m").filter(
        pl.col("cycle_id") != pl.col("cycle_id_other"),
        pl.col("period_start_date") < pl.col("period_end_date_other"),
        pl.col("period_start_date_other") < pl.col("period_end_date"),
        (pl.col("branch_id") == pl.col("branch_id_other")).fill_null(value=True),
    )
    begins, other_begins = pl.col("period_start_date"), pl.col("period_start_date_other")
    is_same = (begins == other_begins) & (pl.col("cycle_id") > pl.col("cycle_id_other"))
    is_later = pl.col("is_recorded") | (pl.lit(among) & ((begins > other_begins) | is_same))
    return (
        pairs.filter(is_later)
        .sort(LINE, "period_start_date_other", "cycle_id_other")
        .unique(LINE, keep="first", maintain_order=True)
        .select(
            LINE,
            pl.lit("periods_overlap").alias(REASON),
            pl.format(
                "cycle `{}` of group `{}` has days from {} to {} already", "cycle_id_other", "bill_group",
                "period_start_date_other", "period_end_date_other",
            ).alias(DETAIL),
        )
    )  # fmt: skip
