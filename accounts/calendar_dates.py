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
