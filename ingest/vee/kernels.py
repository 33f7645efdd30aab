"""Kernels of VEE: what carries state from slot to slot, or compares many columns of one row.

Values are int32 in the channel's smallest unit, with `MISSING` where a slot is empty. Each kernel has a wrapper
that checks what the kernel trusts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from ingest.vee.matrix import MISSING, Bytes, Ints, Values
from model.codes import Method
from model.columns import BITS, LyingColumns, Numbers, column_at, lying_columns, matrix_columns, parts_as_they_lie
from model.reads import slot_columns

LARGEST = np.int32(2**31 - 1)  # the lowest value of a day without values
PENDING = 255  # method of a slot that is still to be estimated

NEIGHBOUR = 0  # state of a slot: measured, may be the end of a line or a reference
KEPT = 1  # there, and kept, but itself an estimate or suspect
GAP = 2  # to be estimated

GAP_SLOTS_MAX = 1_000  # (gap + 1) * 2 * 2^31 stays far below 2^63
REFERENCES_MAX = 16

_EMPTY = np.int32(MISSING)
_EIGHT = np.uint8(255)  # of eight values none is null
_LINEAR = int(Method.LINEAR)
_LIKE_DAY = int(Method.LIKE_DAY)
_HOLD = int(Method.HOLD)
_PART_ROWS = 65_536  # rows: a chunk of a file
_GATHERED = 512  # days whose slots stay in the processor's second cache while they are put together
_BLOCK = 2_048  # rows whose running values stay in the processor's first cache

Kernel = TypeVar("Kernel", bound=Callable[..., None])


def _compiled(function: Kernel) -> Kernel:
    return cast(Kernel, njit(cache=True, nogil=True)(function))


@dataclass(frozen=True)
class Screened:
    """What the rules need of each channel-day, one entry a row."""

    present: npt.NDArray[np.int32]  # slots with a value
    total: Ints  # their sum, smallest unit
    lowest: Values  # lowest value; the largest int32 when there is none
    highest: Values  # highest value; MISSING when there is none
    third: Values  # third highest value; MISSING when there are fewer


@_compiled
def empty_nulls_kernel(bits: Bytes, first_bit: int, out_values: Values) -> None:
    """Put `MISSING` in place of nulls: values whose bit is 0, the first one's being `first_bit` of `bits` (uint8)."""
    row = 0
    while row < len(out_values):
        bit = first_bit + row
        byte = bits[bit >> 3]
        if byte == _EIGHT and bit & 7 == 0:
            row += 8  # mostly none of eight is null
            continue
        if not (byte >> (bit & 7)) & 1:
            out_values[row] = _EMPTY
        row += 1


@_compiled
def screen_kernel(
    places: Ints,
    kind: Numbers,
    slots_real: Ints,
    out_counts: Values,
    out_sums: Ints,
    out_lows: Values,
    out_tops: Values,
) -> None:
    """Fill counts, sums, lowest and the three highest values of each row in one pass over the columns.

    places: int64 [3, slot], as `model.columns.LyingColumns` has them, of columns of int32, as `kind` is; slots_real:
    int64 [row]; out_counts: int32 [row]; out_sums: int64 [row]; out_lows: int32 [row]; out_tops: int32 [3, row].
    Rows in any order.
    """
    rows, slots = len(slots_real), places.shape[1]
    column = np.empty(_BLOCK, np.int32)
    for start in range(0, rows, _BLOCK):
        end = min(start + _BLOCK, rows)
        real = slots_real[start:end]
        shortest = real.min()
        counts, sums, lows = out_counts[start:end], out_sums[start:end], out_lows[start:end]
        first, second, third = out_tops[0, start:end], out_tops[1, start:end], out_tops[2, start:end]
        for slot in range(slots):
            there = column_at(places[0, slot], kind, rows)[start:end]
            # Short loops without a branch: the processor then takes several rows at a time.
            for row in range(end - start):
                column[row] = there[row] if slot < shortest or slot < real[row] else _EMPTY
            if places[1, slot] != 0:
                bits = column_at(places[1, slot], BITS, (places[2, slot] + rows + 7) // 8)
                empty_nulls_kernel(bits, places[2, slot] + start, column[: end - start])
            for row in range(end - start):
                value = column[row]
                below_first = min(first[row], value)
                first[row] = max(first[row], value)
                below_second = min(second[row], below_first)
                second[row] = max(second[row], below_first)
                third[row] = max(third[row], below_second)
            for row in range(end - start):
                value = column[row]
                lows[row] = min(lows[row], LARGEST if value == _EMPTY else value)
                counts[row] += np.int32(value != _EMPTY)
            for row in range(end - start):
                value = column[row]
                sums[row] += np.int64(0) if value == _EMPTY else np.int64(value)


def screen_days(values: Values, slots_real: Ints) -> Screened:
    """Return counts, sums and extremes of each channel-day. Values beyond a day's real slots are not looked at."""
    _check_matrix(values, slots_real)
    return _screened(matrix_columns(np.asfortranarray(values)), slots_real)


def screen_wide(days: pl.DataFrame, interval_minutes: int, slots_real: Ints) -> Screened:
    """Return what `screen_days` says of wide days, whose slots stay where they are: those without nulls uncopied."""
    slots = days.select(slot_columns(interval_minutes))
    found = [_screened(matrix_columns(np.empty((0, slots.width), np.int32)), slots_real[:0])]
    for first, part in parts_as_they_lie(slots, _PART_ROWS):
        found.append(_screened(lying_columns(part), slots_real[first : first + part.height]))
    return Screened(*(np.concatenate(column) for column in zip(*(vars(one).values() for one in found), strict=True)))


def _screened(columns: LyingColumns, slots_real: Ints) -> Screened:
    assert columns.kind.dtype == np.int32, f"values are int32, not {columns.kind.dtype}"
    assert slots_real.shape == (columns.rows,) and slots_real.dtype == np.int64, "one int64 count of slots a row"
    width = len(columns.addresses)
    assert slots_real.size == 0 or 0 <= slots_real.min() <= slots_real.max() <= width, "slots of a day"
    rows = len(slots_real)
    counts = np.zeros(rows, np.int32)
    sums = np.zeros(rows, np.int64)
    lows = np.full(rows, LARGEST, np.int32)
    tops = np.full((3, rows), MISSING, np.int32)
    screen_kernel(columns.places, columns.kind, slots_real, counts, sums, lows, tops)
    return Screened(counts, sums, lows, tops[0], tops[2])


@_compiled
def gather_kernel(places: Ints, kind: Numbers, height: int, rows: Ints, targets: Ints, out_values: Values) -> None:
    """Fill the slots of some days from the columns in which they lie; where a slot is null nothing is written.

    places: int64 [3, slot], as `screen_kernel` has them, of columns of `height` int32, as `kind` is; rows: int64, in
    the columns, targets: int64, in `out_values` (int32 [row, slot], rows contiguous), one for each of `rows`.
    """
    for start in range(0, len(rows), _GATHERED):
        end = min(start + _GATHERED, len(rows))
        for slot in range(places.shape[1]):
            values = column_at(places[0, slot], kind, height)
            if places[1, slot] == 0:
                for place in range(start, end):
                    out_values[targets[place], slot] = values[rows[place]]
                continue
            bits = column_at(places[1, slot], BITS, (places[2, slot] + height + 7) // 8)
            for place in range(start, end):
                bit = places[2, slot] + rows[place]
                if (bits[bit >> 3] >> (bit & 7)) & 1:
                    out_values[targets[place], slot] = values[rows[place]]


def gathered_days(parts: Sequence[pl.DataFrame], interval_minutes: int, rows: Ints) -> Values:
    """Return the slots of some rows of wide days, int32 [row, slot], rows contiguous; `MISSING` stands for null.

    `rows` counts those of all parts, one after the other; below zero is a day that did not land.
    """
    slots = slot_columns(interval_minutes)
    values = np.full((len(rows), len(slots)), MISSING, np.int32)
    before = 0
    for part in parts:
        for first, some in parts_as_they_lie(part.select(slots), _PART_ROWS):
            places = rows - (before + first)
            targets = np.flatnonzero((places >= 0) & (places < some.height))
            if len(targets):
                columns = lying_columns(some)
                assert columns.kind.dtype == np.int32, f"values are int32, not {columns.kind.dtype}"
                gather_kernel(columns.places, columns.kind, columns.rows, places[targets], targets, values)
        before += part.height
    assert len(rows) == 0 or rows.max() < before, "a row is not there"
    return values


@_compiled
def linear_kernel(
    values: Values,
    states: Bytes,
    slots_real: Ints,
    continues: npt.NDArray[np.bool_],
    slots_max: int,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    """Fill pending gaps of at most `slots_max` slots between two neighbours with a straight line, half up.

    values: int32 [row, slot]; states: uint8 [row, slot]; slots_real: int64 [row]; continues: bool [row], true
    when the row is the next day of the row before it; out_values: int32, out_methods: uint8 [row, slot].
    Rows by channel, then day. Only slots whose out_methods is PENDING are written.
    """
    length = 0
    first_row = 0
    first_slot = 0
    left = 0
    has_left = False
    for row in range(values.shape[0]):
        if not continues[row]:
            length = 0
            has_left = False
        for slot in range(slots_real[row]):
            state = states[row, slot]
            if state == GAP:
                if length == 0:
                    first_row = row
                    first_slot = slot
                length += 1
                continue
            if has_left and state == NEIGHBOUR and 0 < length <= slots_max:
                parts = length + 1
                rise = int(values[row, slot]) - left
                at_row = first_row
                at_slot = first_slot
                for step in range(1, parts):
                    while at_slot >= slots_real[at_row]:
                        at_row += 1
                        at_slot = 0
                    if out_methods[at_row, at_slot] == PENDING:
                        out_values[at_row, at_slot] = (2 * (left * parts + rise * step) + parts) // (2 * parts)
                        out_methods[at_row, at_slot] = _LINEAR
                    at_slot += 1
            length = 0
            left = int(values[row, slot])
            has_left = state == NEIGHBOUR


def fill_linear(
    values: Values,
    states: Bytes,
    slots_real: Ints,
    continues: npt.NDArray[np.bool_],
    *,
    slots_max: int,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    """Fill short pending gaps by a straight line, in place; neighbours must not be negative."""
    _check_gaps(values, states, slots_real, continues, slots_max, out_values, out_methods)
    linear_kernel(values, states, slots_real, continues, slots_max, out_values, out_methods)


@_compiled
def hold_kernel(
    values: Values,
    states: Bytes,
    slots_real: Ints,
    continues: npt.NDArray[np.bool_],
    slots_max: int,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    """Fill pending gaps of at most `slots_max` slots that have one neighbour, not two, with its value.

    Arrays and order as for `linear_kernel`. A gap ends at a slot that is no gap, and where the days do not continue.
    """
    rows = values.shape[0]
    length = 0
    first_row = 0
    first_slot = 0
    left = 0
    has_left = False
    for row in range(rows + 1):
        is_break = row == rows or not continues[row]
        slots = 0 if row == rows else slots_real[row]
        for slot in range(-1 if is_break else 0, slots):
            state = KEPT if slot < 0 else states[row, slot]
            if state == GAP:
                if length == 0:
                    first_row = row
                    first_slot = slot
                length += 1
                continue
            has_right = state == NEIGHBOUR
            if 0 < length <= slots_max and has_left != has_right:
                held = left if has_left else int(values[row, slot])
                at_row = first_row
                at_slot = first_slot
                for _ in range(length):
                    while at_slot >= slots_real[at_row]:
                        at_row += 1
                        at_slot = 0
                    if out_methods[at_row, at_slot] == PENDING:
                        out_values[at_row, at_slot] = held
                        out_methods[at_row, at_slot] = _HOLD
                    at_slot += 1
            length = 0
            has_left = has_right
            left = int(values[row, slot]) if has_right else 0


def hold_values(
    values: Values,
    states: Bytes,
    slots_real: Ints,
    continues: npt.NDArray[np.bool_],
    *,
    slots_max: int,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    """Fill short pending gaps that have one neighbour with its value, in place."""
    _check_gaps(values, states, slots_real, continues, slots_max, out_values, out_methods)
    hold_kernel(values, states, slots_real, continues, slots_max, out_values, out_methods)


@_compiled
def reference_kernel(
    channels: Ints,
    days: Ints,
    classes: Bytes,
    usable: npt.NDArray[np.bool_],
    targets: Ints,
    within: int,
    out_rows: Ints,
) -> None:
    """Find the reference days of each target: same class, earlier ones first, nearest first; else of any class.

    channels, days: int64 [row]; classes: uint8 [row]; usable: bool [row]; targets: int64, row numbers;
    out_rows: int64 [target, wanted], row numbers, -1 where there is none. Rows by channel, then day.
    """
    wanted = out_rows.shape[1]
    for place in range(targets.shape[0]):
        target = targets[place]
        found = 0
        for any_class in range(2):
            if found > 0:
                break
            for step in (-1, 1):
                row = target + step
                while (
                    found < wanted
                    and 0 <= row < channels.shape[0]
                    and channels[row] == channels[target]
                    and abs(days[row] - days[target]) <= within
                ):
                    if usable[row] and (any_class == 1 or classes[row] == classes[target]):
                        out_rows[place, found] = row
                        found += 1
                    row += step


def reference_rows(
    channels: Ints,
    days: Ints,
    classes: Bytes,
    usable: npt.NDArray[np.bool_],
    targets: Ints,
    *,
    within: int,
    wanted: int,
) -> Ints:
    """Return, for each target row, up to `wanted` rows to estimate it from; -1 fills the rest."""
    assert len(channels) == len(days) == len(classes) == len(usable), "one entry a row"
    assert 1 <= wanted <= REFERENCES_MAX, f"{wanted} reference days are not 1 to {REFERENCES_MAX}"
    keys = channels * 2**32 + days
    assert (keys[1:] > keys[:-1]).all(), "rows are not in order of channel and day"
    assert targets.size == 0 or (targets.min() >= 0 and targets.max() < len(channels)), "a target is no row"
    out_rows = np.full((len(targets), wanted), -1, np.int64)
    reference_kernel(channels, days, classes, usable, targets, within, out_rows)
    return out_rows


@_compiled
def like_day_kernel(
    values: Values,
    kinds: Ints,
    clock_of_slot: Ints,
    slot_of_clock: Ints,
    targets: Ints,
    references: Ints,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    """Fill pending slots of the targets with the mean, half up, of their references at the same clock time.

    values: int32 [row, slot]; kinds: int64 [row], kind of day; clock_of_slot: int64 [kind, slot] and slot_of_clock:
    int64 [kind, clock], -1 where there is none; targets: int64; references: int64 [target, wanted], -1 for none;
    out_values: int32, out_methods: uint8 [row, slot]. Rows in any order.
    """
    for place in range(targets.shape[0]):
        row = targets[place]
        for slot in range(values.shape[1]):
            if out_methods[row, slot] != PENDING:
                continue
            clock = clock_of_slot[kinds[row], slot]
            total = 0
            count = 0
            for reference in references[place]:
                if reference < 0 or clock < 0:
                    continue
                there = slot_of_clock[kinds[reference], clock]
                if there >= 0:
                    total += int(values[reference, there])
                    count += 1
            if count > 0:
                out_values[row, slot] = (2 * total + count) // (2 * count)
                out_methods[row, slot] = _LIKE_DAY


def fill_like_days(
    values: Values,
    kinds: Ints,
    clocks: tuple[Ints, Ints],
    targets: Ints,
    references: Ints,
    *,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    """Fill pending slots from reference days, in place. `clocks` are clock of slot and slot of clock, by kind."""
    clock_of_slot, slot_of_clock = clocks
    assert out_values.shape == out_methods.shape == values.shape, "matrices of one shape"
    assert values.dtype == out_values.dtype == np.int32 and out_methods.dtype == np.uint8, "int32 and bytes"
    assert kinds.size == 0 or 0 <= kinds.min() <= kinds.max() < len(clock_of_slot) == len(slot_of_clock), "kinds"
    assert clock_of_slot.shape[1] >= values.shape[1], "a clock for each slot"
    assert references.shape[0] == len(targets) and references.shape[1] <= REFERENCES_MAX, "references by target"
    assert references.size == 0 or references.max() < len(values), "a reference is no row"
    like_day_kernel(values, kinds, clock_of_slot, slot_of_clock, targets, references, out_values, out_methods)


def _check_matrix(values: Values, slots_real: Ints) -> None:
    assert values.ndim == 2 and values.dtype == np.int32, f"values are int32 by row and slot, not {values.dtype}"
    assert slots_real.shape == (len(values),) and slots_real.dtype == np.int64, "one int64 count of slots a row"
    assert slots_real.size == 0 or 0 <= slots_real.min() <= slots_real.max() <= values.shape[1], "slots of a day"


def _check_gaps(
    values: Values,
    states: Bytes,
    slots_real: Ints,
    continues: npt.NDArray[np.bool_],
    slots_max: int,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    _check_matrix(values, slots_real)
    assert states.shape == out_values.shape == out_methods.shape == values.shape, "matrices of one shape"
    assert states.dtype == out_methods.dtype == np.uint8, "states and methods are bytes"
    assert out_values.dtype == np.int32, "estimates are int32"
    assert continues.shape == slots_real.shape and continues.dtype == np.bool_, "one continuation a row"
    assert 0 <= slots_max <= GAP_SLOTS_MAX, f"a line over {slots_max} slots is above {GAP_SLOTS_MAX}"
    assert not ((values < 0) & (states == NEIGHBOUR)).any(), "a neighbour is negative"
