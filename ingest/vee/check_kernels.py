"""Kernels of the checks: runs of one value, night flow, sums by group of the day, steps from slot to slot.

Values are int32 in the channel's smallest unit, with `MISSING` where a slot is empty. Each kernel has a wrapper
that checks what the kernel trusts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

from ingest.vee.matrix import MISSING, Ints, Values

GROUPS = 8
"""Parts of the day that its shape is told by: three hours each, by the clock on the wall."""
NIGHT_HOURS = (1, 5)
"""The clock's hours in which next to nothing flows where nothing leaks. Source: minimum night flow of water supply."""
NO_NIGHT = 2**31 - 1
"""Night flow of a day without values in these hours."""

_EMPTY = np.int32(MISSING)
_BLOCK = 2_048  # rows whose running values stay in the processor's first cache

Kernel = TypeVar("Kernel", bound=Callable[..., None])


def _compiled(function: Kernel) -> Kernel:
    return cast(Kernel, njit(cache=True)(function))


@dataclass(frozen=True)
class Features:
    """What the checks need of each channel-day beside sums and extremes, one entry a row."""

    same_slots: Values  # longest run of one value that is not zero
    same_first: Values  # its first slot
    night_low: Values  # lowest value from 1 to 5 o'clock; NO_NIGHT when there is none
    groups: Ints  # [group, row], sums by three hours of the clock


@_compiled
def feature_kernel(
    values: Values,
    slots_real: Ints,
    kinds: Ints,
    clock_of_slot: Ints,
    clocks: int,
    out_same: Values,
    out_night: Values,
    out_groups: Ints,
) -> None:
    """Fill runs of one value, night flow and sums by group of each row in one pass over the columns.

    values: int32 [row, slot], columns contiguous; slots_real, kinds: int64 [row]; clock_of_slot: int64 [kind, slot];
    clocks: slots of a day of 24 hours; out_same: int32 [2, row], longest run and its first slot; out_night: int32
    [row]; out_groups: int64 [8, row]. Rows in any order.
    """
    rows, slots = values.shape
    night_from = clocks * 1 // 24
    night_to = clocks * 5 // 24
    last = np.empty(_BLOCK, np.int32)
    run = np.empty(_BLOCK, np.int32)
    for start in range(0, rows, _BLOCK):
        end = min(start + _BLOCK, rows)
        last[:] = _EMPTY
        run[:] = 0
        for slot in range(slots):
            for row in range(start, end):
                value = values[row, slot] if slot < slots_real[row] else _EMPTY
                place = row - start
                is_use = abs(value) > 0 and value > _EMPTY
                if is_use and value == last[place]:
                    run[place] += 1
                else:
                    run[place] = 1 if is_use else 0
                last[place] = value
                if run[place] > out_same[0, row]:
                    out_same[0, row] = run[place]
                    out_same[1, row] = slot - run[place] + 1
                if value > _EMPTY:
                    clock = clock_of_slot[kinds[row], slot]
                    out_groups[clock * 8 // clocks, row] += np.int64(value)
                    if night_from <= clock < night_to and value < out_night[row]:
                        out_night[row] = value


def day_features(values: Values, slots_real: Ints, kinds: Ints, clock_of_slot: Ints, clocks: int) -> Features:
    """Return runs, night flow and group sums of each channel-day. Values beyond a day's real slots do not count."""
    _check_matrix(values, slots_real)
    rows = len(slots_real)
    assert kinds.shape == (rows,) and kinds.dtype == np.int64, "one int64 kind a row"
    assert rows == 0 or 0 <= kinds.min() <= kinds.max() < len(clock_of_slot), "kinds of day"
    assert clock_of_slot.shape[1] >= values.shape[1], "a clock for each slot"
    longest = np.array([(row >= 0).sum() for row in clock_of_slot], np.int64)
    assert rows == 0 or (slots_real <= longest[kinds]).all(), "a day has more slots than its clock shows"
    same = np.zeros((2, rows), np.int32)
    night = np.full(rows, NO_NIGHT, np.int32)
    groups = np.zeros((GROUPS, rows), np.int64)
    feature_kernel(np.asfortranarray(values), slots_real, kinds, clock_of_slot, clocks, same, night, groups)
    return Features(same[0], same[1], night, groups)


@_compiled
def step_kernel(
    values: Values, slots_real: Ints, percents: Ints, floors: Ints, out_steps: npt.NDArray[np.bool_]
) -> None:
    """Mark slots whose value is above that of the last slot with one by more than a share, and above a floor.

    values: int32 [row, slot]; slots_real, percents, floors: int64 [row], a negative percentage marks nothing;
    out_steps: bool [row, slot]. Rows in any order. Bound: 2^31 x 10^12 does not fit, so percents are at most 10^9.
    """
    for row in range(values.shape[0]):
        if percents[row] < 0:
            continue
        before = np.int64(-1)
        for slot in range(slots_real[row]):
            if values[row, slot] == _EMPTY:
                continue
            value = np.int64(values[row, slot])
            if before > 0 and value > floors[row] and (value - before) * 100 > before * percents[row]:
                out_steps[row, slot] = True
            before = value


STEP_PERCENT_MAX = 10**9


def steps(values: Values, slots_real: Ints, percents: Ints, floors: Ints) -> npt.NDArray[np.bool_]:
    """Return which slots step up (V13), bool [row, slot]; a percentage below zero asks for none."""
    _check_matrix(values, slots_real)
    assert percents.shape == floors.shape == slots_real.shape, "one limit a row"
    assert percents.dtype == floors.dtype == np.int64, "limits are int64"
    assert percents.size == 0 or percents.max() <= STEP_PERCENT_MAX, f"a step above {STEP_PERCENT_MAX} % is not one"
    out_steps = np.zeros(values.shape, np.bool_)
    step_kernel(values, slots_real, percents, floors, out_steps)
    return out_steps


def slot_runs(marked: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Return row, first and last slot of each run of marked slots, in order."""
    before = np.pad(marked[:, :-1], ((0, 0), (1, 0)))
    after = np.pad(marked[:, 1:], ((0, 0), (0, 1)))
    rows, first = np.nonzero(marked & ~before)
    _, last = np.nonzero(marked & ~after)
    return rows.astype(np.int64), first.astype(np.int64), last.astype(np.int64)


def _check_matrix(values: Values, slots_real: Ints) -> None:
    assert values.ndim == 2 and values.dtype == np.int32, f"values are int32 by row and slot, not {values.dtype}"
    assert slots_real.shape == (len(values),) and slots_real.dtype == np.int64, "one int64 count of slots a row"
    assert slots_real.size == 0 or 0 <= slots_real.min() <= slots_real.max() <= values.shape[1], "slots of a day"
