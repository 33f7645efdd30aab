"""Kernels of VEE that carry state from slot to slot: gaps filled by lines, by what stands beside them, by like days.

Values are int32 in the channel's smallest unit, with `MISSING` where a slot is empty. Each kernel has a wrapper
that checks what the kernel trusts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.vee.matrix import Bytes, Ints, Values
from ingest.vee.slot_kernels import check_matrix
from model.codes import Method
from model.compiled import compiled

PENDING = 255  # method of a slot that is still to be estimated

NEIGHBOUR = 0  # state of a slot: measured, may be the end of a line or a reference
KEPT = 1  # there, and kept, but itself an estimate or suspect
GAP = 2  # to be estimated

GAP_SLOTS_MAX = 1_000  # (gap + 1) * 2 * 2^31 stays far below 2^63
REFERENCES_MAX = 16

_LINEAR = int(Method.LINEAR)
_LIKE_DAY = int(Method.LIKE_DAY)
_HOLD = int(Method.HOLD)


@compiled
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


@compiled
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


@compiled
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


@compiled
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


def _check_gaps(
    values: Values,
    states: Bytes,
    slots_real: Ints,
    continues: npt.NDArray[np.bool_],
    slots_max: int,
    out_values: Values,
    out_methods: Bytes,
) -> None:
    check_matrix(values, slots_real)
    assert states.shape == out_values.shape == out_methods.shape == values.shape, "matrices of one shape"
    assert states.dtype == out_methods.dtype == np.uint8, "states and methods are bytes"
    assert out_values.dtype == np.int32, "estimates are int32"
    assert continues.shape == slots_real.shape and continues.dtype == np.bool_, "one continuation a row"
    assert 0 <= slots_max <= GAP_SLOTS_MAX, f"a line over {slots_max} slots is above {GAP_SLOTS_MAX}"
    assert not ((values < 0) & (states == NEIGHBOUR)).any(), "a neighbour is negative"
