"""Estimation of gaps: a straight line over short ones, the mean of like days over the rest.

What cannot be estimated stays empty. Values that were measured never change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.vee.kernels import (
    GAP,
    KEPT,
    NEIGHBOUR,
    PENDING,
    fill_like_days,
    fill_linear,
    reference_rows,
)
from ingest.vee.matrix import MISSING, Bytes, DayKinds, Ints, Values, quality_matrix, real_slots, value_matrix
from ingest.vee.rules import RuleSet
from model.codes import Method, Quality

# A neighbour or a reference is measured, edited or finally substituted, or read by the customer.
_TRUSTED = np.isin(
    np.arange(256),
    [Quality.ACTUAL, Quality.EDITED, Quality.SUBSTITUTED, Quality.FINAL_SUBSTITUTED, Quality.CUSTOMER],
)
_HOLIDAY_CLASS = 9


class Fault(IntEnum):
    """Why a slot is to be estimated."""

    NONE = 0
    MISSING = 1
    NEGATIVE = 2
    SPIKE = 3


@dataclass(frozen=True)
class DayGrid:
    """Days of the channels that need work, by channel and day, with a row for each expected day."""

    keys: pl.DataFrame  # channel_no, day, n, worst, flags, raw_code, seq, updated_at, kind, is_expected, refuse_above
    values: Values  # [row, slot], as landed
    qualities: Bytes  # [row, slot]
    faults: Bytes  # [row, slot], Fault; zero beyond the day's real slots
    slots_real: Ints  # [row]


@dataclass(frozen=True)
class Estimated:
    """The grid after estimation: `MISSING` where a fault could not be estimated, Method of each estimate."""

    values: Values
    methods: Bytes


def build_grid(keys: pl.DataFrame, interval_minutes: int) -> DayGrid:
    """Return the grid of `keys` (with slot columns), faults marked: missing, negative, spike, in that order."""
    values = np.ascontiguousarray(value_matrix(keys, interval_minutes))
    slots_real = real_slots(keys["n"])
    qualities = quality_matrix(keys["worst"], keys["flags"], values.shape[1])
    refuse_above = keys["refuse_above"].fill_null(np.iinfo(np.int64).max).to_numpy()
    faults = np.zeros(values.shape, np.uint8)
    faults[values > refuse_above[:, None]] = Fault.SPIKE
    faults[values < 0] = Fault.NEGATIVE
    faults[(values == MISSING) | (qualities == Quality.MISSING)] = Fault.MISSING
    faults[np.arange(values.shape[1])[None, :] >= slots_real[:, None]] = Fault.NONE
    return DayGrid(keys, values, qualities, faults, slots_real)


def estimate_gaps(grid: DayGrid, kinds: DayKinds, interval_minutes: int, rules: RuleSet) -> Estimated:
    """Estimate the faulty slots of the expected days.

    E01 up to `rules.linear_minutes_max` between two trusted neighbours, also across midnight; E02 for the rest.
    Sources: California's VEE rules, section 4.1, and the like-day rules of meter data systems.
    """
    expected = grid.keys["is_expected"].to_numpy()
    methods = np.zeros(grid.faults.shape, np.uint8)
    methods[(grid.faults != Fault.NONE) & expected[:, None]] = PENDING
    values = np.where(methods == PENDING, np.int32(MISSING), grid.values)
    states = np.where(_TRUSTED[grid.qualities], np.uint8(NEIGHBOUR), np.uint8(KEPT))
    states[grid.faults != Fault.NONE] = GAP
    slots_max = rules.linear_minutes_max // interval_minutes
    beyond = np.arange(states.shape[1])[None, :] >= grid.slots_real[:, None]
    states[beyond] = KEPT
    continues = _continues(grid.keys)
    fill_linear(
        grid.values, states, grid.slots_real, continues, slots_max=slots_max, out_values=values, out_methods=methods
    )
    usable = (grid.slots_real > 0) & ((states == NEIGHBOUR) | beyond).all(axis=1)
    _fill_from_like_days(grid, kinds, rules, usable, values=values, methods=methods)
    methods[methods == PENDING] = Method.NONE
    return Estimated(values, methods)


def _fill_from_like_days(
    grid: DayGrid,
    kinds: DayKinds,
    rules: RuleSet,
    usable: npt.NDArray[np.bool_],
    *,
    values: Values,
    methods: Bytes,
) -> None:
    targets = np.flatnonzero((methods == PENDING).any(axis=1))
    columns = grid.keys.select(
        channel=pl.col("channel_no").cast(pl.Int64),
        day=pl.col("day").cast(pl.Int32).cast(pl.Int64),
        day_class=_day_class(rules),
    )
    references = reference_rows(
        columns["channel"].to_numpy(),
        columns["day"].to_numpy(),
        columns["day_class"].to_numpy(),
        usable,
        targets,
        within=rules.like_days_within,
        wanted=rules.like_days,
    )
    clocks = (kinds.clock_of_slot, kinds.slot_of_clock)
    day_kind = grid.keys["kind"].to_numpy()
    fill_like_days(grid.values, day_kind, clocks, targets, references, out_values=values, out_methods=methods)


def _continues(keys: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return, for each row, whether it is the day after the row before it, of the same channel."""
    is_next = (pl.col("channel_no").diff() == 0) & (pl.col("day").diff() == pl.duration(days=1))
    continues: npt.NDArray[np.bool_] = keys.select(is_next.fill_null(value=False)).to_series().to_numpy()
    return continues


def _day_class(rules: RuleSet) -> pl.Expr:
    """Return the class within which days are alike: Monday to Friday 1, Saturday 6, Sunday 7, holidays their own."""
    weekday = pl.col("day").dt.weekday()
    like = pl.when(weekday <= 5).then(1).otherwise(weekday)
    holidays = pl.lit(pl.Series(list(rules.holidays), dtype=pl.Date)).implode()
    return pl.when(pl.col("day").is_in(holidays)).then(_HOLIDAY_CLASS).otherwise(like).cast(pl.UInt8)
