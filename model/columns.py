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
Bits = npt.NDArray[np.uint8]

_TYPES: dict[pl.DataType, np.dtype[Any]] = {pl.Int32(): np.dtype(np.int32), pl.Int64(): np.dtype(np.int64)}
_C_TYPES: dict[np.dtype[Any], Any] = {
    np.dtype(np.int32): ctypes.c_int32,
    np.dtype(np.int64): ctypes.c_int64,
    np.dtype(np.uint8): ctypes.c_uint8,
}
BITS: Bits = np.empty(0, np.uint8)


@dataclass(frozen=True)
class LyingColumns:
    """Columns of equal length and type.

    `places`: int64 [3, column], where the values of each begin, where its bitmap does that has 0 for null (0: it has no
    nulls), and which bit of that is the first row's. `kind`: an array without values, of the columns' type. `owner`
    keeps them there: addresses hold as long as this does.
    """

    places: npt.NDArray[np.int64]
    rows: int
    kind: Numbers
    owner: object

    @property
    def addresses(self) -> npt.NDArray[np.int64]:
        """Return where the values of each begin."""
        begins: npt.NDArray[np.int64] = self.places[0]
        return begins


def lying_columns(frame: pl.DataFrame, empty: int | None = None) -> LyingColumns:
    """Return the columns of a frame that has some; with `empty`, those with nulls are copied and have it for null.

    Raises:
        AssertionError: the columns are not all int32 or all int64.
    """
    kinds = set(frame.dtypes)
    assert len(kinds) == 1 and kinds <= set(_TYPES), f"columns are of one type, int32 or int64, not {kinds}"
    if empty is not None and any(column.null_count() for column in frame):
        frame = frame.select(pl.all().fill_null(empty))
    kind = np.empty(0, _TYPES[kinds.pop()])
    table = frame.rechunk().to_arrow()
    arrays = [column.chunk(0) for column in table.columns] if frame.height else []
    places = np.zeros((3, frame.width), np.int64)
    for place, array in enumerate(arrays):
        bitmap, values = array.buffers()
        at_null = bitmap.address if array.null_count else 0
        places[:, place] = (values.address + kind.itemsize * array.offset, at_null, array.offset)
    return LyingColumns(places, frame.height, kind, table)


def matrix_columns(values: Numbers) -> LyingColumns:
    """Return the columns of a matrix of some, whose columns are contiguous.

    Raises:
        AssertionError: it is no such matrix.
    """
    assert values.ndim == 2 and values.dtype in _TYPES.values(), f"a matrix is of int32 or int64, not {values.dtype}"
    assert values.flags.f_contiguous, "the values of a column lie side by side"
    places = np.zeros((3, values.shape[1]), np.int64)
    places[0] = values.ctypes.data + values.strides[1] * np.arange(values.shape[1])
    return LyingColumns(places, len(values), np.empty(0, values.dtype), values)


def parts_as_they_lie(frame: pl.DataFrame, rows_max: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the first row of each part and the part: no part reaches over a chunk, nor is above `rows_max`."""
    first = 0
    for length in frame.to_series(0).chunk_lengths() if frame.width else []:
        for start in range(first, first + length, rows_max):
            yield start, frame[start : min(start + rows_max, first + length)]
        first += length


def column_at(address: int, kind: Any, rows: int) -> Any:
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
