"""Estimates from what is known beside the channel: outages, a check channel, other flows, a standard profile.

Profile and flat give a shape alone: what they fill stands only once it was scaled to a register.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.estimates.estimate import Gaps, grid_rows, slot_ranges
from ingest.estimates.methods_days import day_class
from ingest.vee.kernels import NEIGHBOUR
from ingest.vee.matrix import Ints
from ingest.vee.slot_kernels import LARGEST
from model.codes import Method

SHAPES_ONLY = (Method.PROFILE, Method.FLAT)
_MEAN_UNKNOWN = 1_000  # weight of a mean slot on a channel without a value; only ratios between weights count


def fill_outages(gaps: Gaps) -> None:
    """E15: zero in slots that lie wholly in a known outage. Source: the Texas TDSP rules; AEMO reason 43."""
    if gaps.beside.outages.height:
        rows = gaps.pending
        inside = slot_ranges(gaps.grid, gaps.beside.outages)[rows]
        gaps.fill(rows, inside, np.zeros(inside.shape, np.int64), Method.ZERO)


def fill_checks(gaps: Gaps) -> None:
    """E08: the value of the check channel. Source: IESO, which puts the alternate meter first."""
    _fill_given(gaps, gaps.beside.checks, Method.CHECK_CHANNEL)


def fill_calculated(gaps: Gaps) -> None:
    """E09: the value that follows from other flows. Source: WA Metering Code, appendix 3, method 12."""
    _fill_given(gaps, gaps.beside.flows, Method.CALCULATED)


def fill_profile(gaps: Gaps) -> None:
    """E05: the rule set's load profile, in proportion to the channel's mean; only where a register gives the total."""
    rows = _pending_in_spans(gaps)
    if not gaps.rules.load_profile or not rows.size:
        return
    weights = np.array(gaps.rules.load_profile, np.int64)
    assert weights.shape == (3, 24) and (weights >= 0).all(), "a load profile is 3 x 24 weights, none below zero"
    place = pl.when(day_class(gaps.rules) == 1).then(0).when(day_class(gaps.rules) == 6).then(1).otherwise(2)
    kind_of_day = gaps.grid.keys.select(place).to_series().to_numpy()
    clocks = gaps.kinds.clock_of_slot[gaps.grid.keys["kind"].to_numpy()[rows]][:, : gaps.values.shape[1]]
    hours = np.maximum(clocks, 0) * gaps.interval_minutes // 60
    total = max(int(weights.sum()), 1)
    # A mean slot is below 2^31 and a weight at most the total, so the product stays below 2^62.
    assert total < 2**24, "weights of a load profile are small numbers"
    hourly = weights[kind_of_day[rows][:, None], hours]
    shape = _channel_means(gaps)[rows][:, None] * hourly * weights.size // total
    gaps.fill(rows, np.ones(shape.shape, np.bool_), np.minimum(shape, LARGEST), Method.PROFILE)


def fill_flat(gaps: Gaps) -> None:
    """E07: the channel's mean in every slot; only where a register gives the total."""
    rows = _pending_in_spans(gaps)
    if rows.size:
        shape = np.repeat(_channel_means(gaps)[rows][:, None], gaps.values.shape[1], axis=1)
        gaps.fill(rows, np.ones(shape.shape, np.bool_), shape, Method.FLAT)


def _fill_given(gaps: Gaps, given: pl.DataFrame, method: Method) -> None:
    placed = grid_rows(gaps.grid, given).filter(pl.col("value").is_between(0, int(LARGEST)))
    if placed.is_empty():
        return
    row, slot, value = (placed[name].to_numpy() for name in ("row", "slot", "value"))
    rows = np.unique(row).astype(np.int64)
    place = (np.searchsorted(rows, row), slot)
    is_given = np.zeros((len(rows), gaps.values.shape[1]), np.bool_)
    values = np.zeros(is_given.shape, np.int64)
    is_given[place] = True
    values[place] = value
    gaps.fill(rows, is_given, values, method)


def _pending_in_spans(gaps: Gaps) -> Ints:
    """Return the rows between two register readings that have a pending slot."""
    if not gaps.rules.scale_to_register or gaps.beside.spans.is_empty():
        return np.zeros(0, np.int64)
    return np.intersect1d(gaps.pending, span_rows(gaps)["row"].to_numpy())


def span_rows(gaps: Gaps) -> pl.DataFrame:
    """Return the rows of the grid that lie in a register span: row, channel_no, day, from_date, to_date, and more."""
    days = gaps.grid.keys.select("channel_no", "day").with_row_index("row")
    spans = gaps.beside.spans.sort("channel_no", "from_date")
    found = days.sort("day").join_asof(
        spans.sort("from_date"), left_on="day", right_on="from_date", by="channel_no", strategy="backward",
        check_sortedness=False,
    )  # fmt: skip
    return found.filter((pl.col("day") < pl.col("to_date")).fill_null(value=False)).sort("row")


def _channel_means(gaps: Gaps) -> Ints:
    """Return, for each row, the mean of its channel's trusted slots, at least 1."""
    trusted = gaps.states == NEIGHBOUR
    sums = np.where(trusted, gaps.grid.values, 0).sum(axis=1, dtype=np.int64)
    rows = gaps.grid.keys.select("channel_no").with_columns(
        total=pl.Series(sums), count=pl.Series(trusted.sum(axis=1), dtype=pl.Int64)
    )
    total, count = (pl.col(name).sum().over("channel_no") for name in ("total", "count"))
    mean = pl.when(count > 0).then(total // count.clip(lower_bound=1)).otherwise(_MEAN_UNKNOWN).clip(lower_bound=1)
    means: Ints = rows.select(mean.cast(pl.Int64)).to_series().to_numpy()
    return means
