"""Rows that follow each other with one key: what depends on the key alone is found once a run, not once a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Runs:
    """Runs of rows whose keys are equal, null being equal to null."""

    first: pl.Series
    """The first row of each run, in order."""
    run: pl.Series
    """The run of each row."""

    def spread(self, of_runs: pl.Series) -> pl.Series:
        """Return for each row what was found of its run."""
        return of_runs.gather(self.run)


def runs_of(rows: pl.DataFrame, key: Sequence[str]) -> Runs:
    """Return the runs of rows that have equal `key`."""
    is_new = rows.select(
        pl.any_horizontal(*(pl.col(name).ne_missing(pl.col(name).shift()) for name in key))
        | (pl.int_range(pl.len()) == 0)
    ).to_series()
    return Runs(is_new.arg_true(), is_new.cast(pl.UInt32).cum_sum() - 1)
