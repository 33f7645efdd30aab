"""Columns of a frame where they lie: kernels get their addresses, so that no slot is copied.

A hundred columns are a hundred buffers of Arrow. A kernel that took them as arrays would be compiled for each number of
them; it takes one array of addresses instead, and `column_at` in the kernel makes each an array again.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

Numbers = npt.NDArray[np.int32] | npt.NDArray[np.int64]

_C_TYPES: dict[np.dtype[Any], Any] = {np.dtype(np.int32): ctypes.c_int32, np.dtype(np.int64): ctypes.c_int64}


@dataclass(frozen=True)
class LyingColumns:
    """Columns of equal length and type. `addresses` hold as long as this does, for it keeps the arrays."""

    arrays: list[Numbers]
    addresses: npt.NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Return the length of each column."""
        return len(self.arrays[0])

    @property
    def kind(self) -> Numbers:
        """Return an array without values that tells a kernel the columns' type."""
        return self.arrays[0][:0]


def lying_columns(frame: pl.DataFrame, empty: int) -> LyingColumns:
    """Return the columns of a frame that has some; a column with nulls is copied, with `empty` in their place.

    Raises:
        AssertionError: the columns are not all int32 or all int64.
    """
    arrays = [(column.fill_null(empty) if column.null_count() else column).to_numpy() for column in frame]
    kinds = {array.dtype for array in arrays}
    assert len(kinds) == 1 and kinds <= set(_C_TYPES), f"columns are of one type, int32 or int64, not {kinds}"
    assert all(array.flags.c_contiguous for array in arrays), "the values of a column lie side by side"
    return LyingColumns(arrays, np.array([array.ctypes.data for array in arrays], dtype=np.int64))


def parts_as_they_lie(frame: pl.DataFrame, rows_max: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the first row of each part and the part: no part reaches over a chunk, nor is above `rows_max`."""
    first = 0
    for length in frame.to_series(0).chunk_lengths() if frame.width else []:
        for start in range(first, first + length, rows_max):
            yield start, frame[start : min(start + rows_max, first + length)]
        first += length


def column_at(address: int, kind: Numbers, rows: int) -> Numbers:
    """Return `rows` values of the type of `kind` that lie at an address; in kernels too."""
    pointer = ctypes.cast(int(address), ctypes.POINTER(_C_TYPES[kind.dtype]))
    return np.ctypeslib.as_array(pointer, (rows,))


@intrinsic
def _pointer(_: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@overload(column_at)
def _compiled_column_at(address: Any, kind: Any, rows: Any) -> Any:
    def compiled(address: Any, kind: Any, rows: Any) -> Any:
        return numba.carray(_pointer(address), (rows,), kind.dtype)  # type: ignore[attr-defined, call-arg]

    return compiled
