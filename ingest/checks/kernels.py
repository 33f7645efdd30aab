"""Kernels of the checks: runs of one value, night flow, sums by group of the day, steps from slot to slot.

Values are int32 in the channel's smallest unit, with `MISSING` where a slot is empty. Each kernel has a wrapper
that checks what the kernel trusts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.vee.matrix import MISSING, Ints, Values
from ingest.vee.slot_kernels import check_columns, column_kernel, gathered_rows
from model.columns import LyingColumns, Numbers, matrix_columns
from model.compiled import compiled

GROUPS = 8
"""Parts of the day that its shape is told by: three hours each, by the clock on the wall."""
NO_NIGHT = 2**31 - 1
"""Night flow of a day without values between 1 and 5 o'clock, when next to nothing flows where nothing leaks. Source:
minimum night flow of water supply."""

_EMPTY = np.int32(MISSING)
_BLOCK = 2_048  # rows whose running values stay in the processor's first cache


@dataclass(frozen=True)
class Features:
    """What the checks need of each channel-day beside sums and extremes, one entry a row."""

    same_slots: Values  # longest run of one value that is not zero
    same_first: Values  # its first slot
    night_low: Values  # lowest value from 1 to 5 o'clock; NO_NIGHT when there is none
    groups: Ints  # [group, row], sums by three hours of the clock


@compiled
def run_kernel(places: Ints, kind: Numbers, slots_real: Ints, out_same: Values) -> None:
    """Fill the longest run of one value that is not zero, and its first slot, in one pass over the columns.

    places: int64 [3, slot], as `model.columns.LyingColumns` has them, of columns of int32, as `kind` is; slots_real:
    int64 [row]; out_same: int32 [2, row]. Rows in any order.
    """
    rows, slots = len(slots_real), places.shape[1]
    column = np.empty(_BLOCK, np.int32)
    last = np.empty(_BLOCK, np.int32)
    run = np.empty(_BLOCK, np.int32)
    for start in range(0, rows, _BLOCK):
        end = min(start + _BLOCK, rows)
        real = slots_real[start:end]
        shortest = real.min()
        longest, first = out_same[0, start:end], out_same[1, start:end]
        last[:] = 0
        run[:] = 0
        for slot in range(slots):
            column_kernel(places, kind, rows, slot, start, column[: end - start])
            # Short loops without a branch: the processor then takes several rows at a time. An empty slot is a zero.
            for row in range(end - start):
                value = column[row] if slot < shortest or slot < real[row] else np.int32(0)
                column[row] = np.int32(0) if value == _EMPTY else value
            for row in range(end - start):
                same = np.int32(column[row] == last[row])
                run[row] = (run[row] * same + np.int32(1)) * np.int32(column[row] != 0)
                last[row] = column[row]
            for row in range(end - start):
                is_longer = run[row] > longest[row]
                first[row] = np.int32(slot) - run[row] + np.int32(1) if is_longer else first[row]
                longest[row] = run[row] if is_longer else longest[row]


@compiled
def part_kernel(
    places: Ints, kind: Numbers, slots_real: Ints, clock: Ints, clocks: int, out_night: Values, out_groups: Ints
) -> None:
    """Fill night flow and sums by part of the day of days whose slots show the same clock.

    places: int64 [3, slot], of columns of int32, as `kind` is; slots_real: int64 [row]; clock: int64 [slot], -1 beyond
    the day; clocks: slots of a day of 24 hours; out_night: int32 [row], out_groups: int64 [8, row], both as they are
    before the first value. Rows in any order.
    """
    rows, slots = len(slots_real), places.shape[1]
    column = np.empty(_BLOCK, np.int32)
    for start in range(0, rows, _BLOCK):
        end = min(start + _BLOCK, rows)
        real = slots_real[start:end]
        night = out_night[start:end]
        for slot in range(slots):
            if clock[slot] < 0:
                continue
            there = column[: end - start]
            column_kernel(places, kind, rows, slot, start, there)
            sums = out_groups[clock[slot] * 8 // clocks, start:end]
            for row in range(end - start):
                is_there = there[row] != _EMPTY and slot < real[row]
                sums[row] += np.int64(there[row]) if is_there else np.int64(0)
            if clocks <= clock[slot] * 24 < clocks * 5:
                for row in range(end - start):
                    is_there = there[row] != _EMPTY and slot < real[row]
                    night[row] = min(night[row], there[row]) if is_there else night[row]


def day_features(
    columns: LyingColumns, slots_real: Ints, kinds: Ints, clock_of_slot: Ints, clocks: int, *, with_runs: bool = True
) -> Features:
    """Return runs, night flow and group sums of each channel-day. Values beyond a day's real slots do not count.

    Most days show one clock: all rows are first counted by it, column by column, then the days of other kinds anew.
    """
    check_columns(columns, slots_real)
    rows = len(slots_real)
    assert kinds.shape == (rows,) and kinds.dtype == np.int64, "one int64 kind a row"
    assert rows == 0 or 0 <= kinds.min() <= kinds.max() < len(clock_of_slot), "kinds of day"
    assert clock_of_slot.shape[1] >= len(columns.addresses), "a clock for each slot"
    longest = np.array([(row >= 0).sum() for row in clock_of_slot], np.int64)
    assert rows == 0 or (slots_real <= longest[kinds]).all(), "a day has more slots than its clock shows"
    same = np.zeros((2, rows), np.int32)
    night = np.full(rows, NO_NIGHT, np.int32)
    groups = np.zeros((GROUPS, rows), np.int64)
    if rows:
        if with_runs:
            run_kernel(columns.places, columns.kind, slots_real, same)
        counts = np.bincount(kinds, minlength=len(clock_of_slot))
        usual = int(counts.argmax())
        part_kernel(columns.places, columns.kind, slots_real, clock_of_slot[usual], clocks, night, groups)
        for kind in np.flatnonzero(counts):
            if kind == usual:
                continue
            others = np.flatnonzero(kinds == kind)
            some, real = matrix_columns(gathered_rows(columns, others)), slots_real[others]
            of_kind = (np.full(len(others), NO_NIGHT, np.int32), np.zeros((GROUPS, len(others)), np.int64))
            part_kernel(some.places, some.kind, real, clock_of_slot[kind], clocks, *of_kind)
            night[others], groups[:, others] = of_kind
    return Features(same[0], same[1], night, groups)


@compiled
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
