"""Rows of one bill or agreement stand together: what is asked of each of them once is asked of the first."""

from __future__ import annotations

import polars as pl


def first_of_each(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Return these columns of the rows that differ in one of them from the row above.

    Where equal rows stand together, each comes once; elsewhere more than once, so count nothing by it.
    """
    chosen = rows.select(names)
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in names)
    return chosen.filter(differs | (pl.int_range(pl.len()) == 0))
