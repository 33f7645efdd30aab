"""Kernels over the slots of wide days, read where their columns lie: what days come to, and their rows as a matrix.

Values are int32 in the channel's smallest unit, with `MISSING` where a slot is empty. Each kernel has a wrapper
that checks what the kernel trusts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.vee.matrix import MISSING, Bytes, Ints, Values
from model.columns import BITS, LyingColumns, Numbers, column_at, lying_columns, matrix_columns, parts_as_they_lie
from model.compiled import compiled
from model.reads import slot_columns

LARGEST = np.int32(2**31 - 1)  # the lowest value of a day without values
_EMPTY = np.int32(MISSING)
_EIGHT = np.uint8(255)  # of eight values none is null
_PART_ROWS = 65_536  # rows: a chunk of a file
_GATHERED = 512  # days whose slots stay in the processor's second cache while they are put together
_BLOCK = 2_048  # rows whose running values stay in the processor's first cache


@dataclass(frozen=True)
class Screened:
    """What the rules need of each channel-day, one entry a row."""

    present: npt.NDArray[np.int32]  # slots with a value
    total: Ints  # their sum, smallest unit
    lowest: Values  # lowest value; the largest int32 when there is none
    highest: Values  # highest value; MISSING when there is none
    third: Values  # third highest value; MISSING when there are fewer


@compiled
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


@compiled
def column_kernel(places: Ints, kind: Numbers, height: int, slot: int, start: int, out_values: Values) -> None:
    """Fill the values of a slot from row `start` on, `MISSING` where it is null; columns as for `screen_kernel`."""
    out_values[:] = column_at(places[0, slot], kind, height)[start : start + len(out_values)]
    if places[1, slot] != 0:
        bits = column_at(places[1, slot], BITS, (places[2, slot] + height + 7) // 8)
        empty_nulls_kernel(bits, places[2, slot] + start, out_values)


@compiled
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
    check_matrix(values, slots_real)
    return screened_columns(matrix_columns(np.asfortranarray(values)), slots_real)


def screen_wide(days: pl.DataFrame, interval_minutes: int, slots_real: Ints) -> Screened:
    """Return what `screen_days` says of wide days, whose slots stay where they are: those without nulls uncopied."""
    parts = columns_of_days(days, interval_minutes)
    found = [screened_columns(columns, slots_real[first : first + columns.rows]) for first, columns in parts]
    return Screened(*(np.concatenate(column) for column in zip(*(vars(one).values() for one in found), strict=True)))


def columns_of_days(days: pl.DataFrame, interval_minutes: int) -> Iterator[tuple[int, LyingColumns]]:
    """Yield the first row of each part of wide days, and its slots; at least one part, if without rows."""
    slots = days.select(slot_columns(interval_minutes))
    if slots.is_empty():
        yield 0, matrix_columns(np.empty((0, slots.width), np.int32, order="F"))
    for first, part in parts_as_they_lie(slots, _PART_ROWS):
        if part.height:
            yield first, lying_columns(part)


def screened_columns(columns: LyingColumns, slots_real: Ints) -> Screened:
    """Return what `screen_days` says of days whose slots are columns."""
    check_columns(columns, slots_real)
    rows = len(slots_real)
    counts = np.zeros(rows, np.int32)
    sums = np.zeros(rows, np.int64)
    lows = np.full(rows, LARGEST, np.int32)
    tops = np.full((3, rows), MISSING, np.int32)
    screen_kernel(columns.places, columns.kind, slots_real, counts, sums, lows, tops)
    return Screened(counts, sums, lows, tops[0], tops[2])


@compiled
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


def gathered_rows(columns: LyingColumns, rows: Ints) -> Values:
    """Return some rows of columns, int32 [row, slot], columns contiguous; `MISSING` stands for null."""
    values = np.full((len(rows), len(columns.addresses)), MISSING, np.int32)
    assert len(rows) == 0 or 0 <= rows.min() <= rows.max() < columns.rows, "a row is not there"
    gather_kernel(columns.places, columns.kind, columns.rows, rows, np.arange(len(rows)), values)
    return np.asfortranarray(values)


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


def check_columns(columns: LyingColumns, slots_real: Ints) -> None:
    """Check that columns are slots of days of so many real slots."""
    assert columns.kind.dtype == np.int32, f"values are int32, not {columns.kind.dtype}"
    assert slots_real.shape == (columns.rows,) and slots_real.dtype == np.int64, "one int64 count of slots a row"
    width = len(columns.addresses)
    assert slots_real.size == 0 or 0 <= slots_real.min() <= slots_real.max() <= width, "slots of a day"


def check_matrix(values: Values, slots_real: Ints) -> None:
    """Check that a matrix holds slots of days of so many real slots."""
    assert values.ndim == 2 and values.dtype == np.int32, f"values are int32 by row and slot, not {values.dtype}"
    assert slots_real.shape == (len(values),) and slots_real.dtype == np.int64, "one int64 count of slots a row"
    assert slots_real.size == 0 or 0 <= slots_real.min() <= slots_real.max() <= values.shape[1], "slots of a day"
