"""Estimates from the values beside a gap: a straight line between both ends, one end held."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.estimates.estimate import Gaps
from ingest.vee.kernels import fill_linear, hold_values


def fill_by_line(gaps: Gaps) -> None:
    """E01: fill gaps up to `linear_minutes_max` between two trusted neighbours, also across midnight.

    Source: California's VEE rules, section 4.1: two hours, and no end in an outage or itself an estimate.
    """
    fill_linear(
        gaps.grid.values,
        gaps.states,
        gaps.grid.slots_real,
        _continues(gaps.grid.keys),
        slots_max=gaps.rules.linear_minutes_max // gaps.interval_minutes,
        out_values=gaps.values,
        out_methods=gaps.methods,
    )


def hold_neighbour(gaps: Gaps) -> None:
    """E01 with one end: gaps as short, of which one neighbour only is trusted, get its value (a flat load).

    Source: Oracle's interval VEE, which takes a flat load where the line has one end.
    """
    hold_values(
        gaps.grid.values,
        gaps.states,
        gaps.grid.slots_real,
        _continues(gaps.grid.keys),
        slots_max=gaps.rules.linear_minutes_max // gaps.interval_minutes,
        out_values=gaps.values,
        out_methods=gaps.methods,
    )


def _continues(keys: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return, for each row, whether it is the day after the row before it, of the same channel."""
    is_next = (pl.col("channel_no").diff() == 0) & (pl.col("day").diff() == pl.duration(days=1))
    continues: npt.NDArray[np.bool_] = keys.select(is_next.fill_null(value=False)).to_series().to_numpy()
    return continues
