"""Kernels over the grid of days to estimate: one look at each slot in place of a matrix for each question."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.vee.kernels import GAP, KEPT, NEIGHBOUR, PENDING
from ingest.vee.matrix import MISSING, Bytes, Ints, Values
from model.compiled import compiled

Bools = npt.NDArray[np.bool_]

_EMPTY = np.int32(MISSING)
_GAP, _KEPT, _NEIGHBOUR, _PENDING = np.uint8(GAP), np.uint8(KEPT), np.uint8(NEIGHBOUR), np.uint8(PENDING)
_GOOD = np.uint8(0)


@compiled
def open_kernel(
    days: tuple[Bools, Bools],
    slots_real: Ints,
    values: Values,
    marks: tuple[Bytes, Bytes],
    trusted: Bools,
    out_values: Values,
    out_methods: Bytes,
    out_states: Bytes,
) -> None:
    """Fill what is known of each slot before anything is estimated.

    days: bool [row] each: is expected, is refused; slots_real: int64 [row]; values: int32 [row, slot]; marks: uint8
    [row, slot] each: fault, quality; trusted: bool [quality]; out_values: int32, out_methods and out_states: uint8
    [row, slot]. A fault keeps its value on days that are not expected, and is pending on those that are and that
    nothing refuses. Rows in any order.
    """
    is_expected, is_refused = days
    faults, qualities = marks
    for row in range(values.shape[0]):
        is_open = is_expected[row] and not is_refused[row]
        for slot in range(values.shape[1]):
            is_faulty = faults[row, slot] != _GOOD
            out_values[row, slot] = _EMPTY if is_faulty and is_expected[row] else values[row, slot]
            out_methods[row, slot] = _PENDING if is_faulty and is_open else _GOOD
            state = _NEIGHBOUR if trusted[qualities[row, slot]] else _KEPT
            if is_faulty:
                state = _GAP
            out_states[row, slot] = _KEPT if slot >= slots_real[row] else state


def opened_slots(
    days: tuple[Bools, Bools], slots_real: Ints, values: Values, marks: tuple[Bytes, Bytes], trusted: Bools
) -> tuple[Values, Bytes, Bytes]:
    """Return values, methods and states of slots before anything is estimated; see `open_kernel`."""
    shape = values.shape
    assert values.dtype == np.int32 and all(mark.shape == shape and mark.dtype == np.uint8 for mark in marks), "slots"
    assert all(day.shape == slots_real.shape == shape[:1] and day.dtype == np.bool_ for day in days), "one a row"
    assert slots_real.dtype == np.int64 and trusted.shape == (256,) and trusted.dtype == np.bool_, "a mark a quality"
    found = np.empty(shape, np.int32), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    open_kernel(days, slots_real, values, marks, trusted, *found)
    return found
