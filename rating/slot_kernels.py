"""Kernels over the slots of wide days: sums and extremes of runs of slots, read where the columns lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.columns import LyingColumns, Numbers, column_at
from model.compiled import compiled

if TYPE_CHECKING:
    from rating.kernels import Int32s, Int64s

# What stands for no value among int64; int32 has values only.
NOTHING = -(2**63 - 1)
# Values of so many rows stay in the processor's first cache while slot after slot is added to them.
_ROWS = 2_048


@compiled
def bands_kernel(addresses: Int64s, kind: Numbers, starts: Int64s, out_sums: Int64s, out_highest: Numbers) -> None:
    """Fill the sum and the highest of the slots of each band, row by row.

    `addresses`: int64, of columns of int32 or int64 like `kind`, one for each slot, those of a band together;
    `starts`: int64, the first slot of each band, at least one in each, and the number of slots. `out_sums`: int64
    [band, row], zero at first; `out_highest`: [band, row], of the type of `kind`. Rows in any order. A day has at most
    300 slots, so sums of int32 stay inside int64.

    Four slots at a time, for the sums would else be fetched and put back for each.
    """
    rows = out_sums.shape[1]
    for start in range(0, rows, _ROWS):
        end = min(start + _ROWS, rows)
        for band in range(len(out_sums)):
            sums, highest = out_sums[band, start:end], out_highest[band, start:end]
            slot, last = starts[band], starts[band + 1]
            highest[:] = column_at(addresses[slot], kind, rows)[start:end]
            while slot + 4 <= last:
                one = column_at(addresses[slot], kind, rows)[start:end]
                two = column_at(addresses[slot + 1], kind, rows)[start:end]
                three = column_at(addresses[slot + 2], kind, rows)[start:end]
                four = column_at(addresses[slot + 3], kind, rows)[start:end]
                for row in range(end - start):
                    highest[row] = max(highest[row], one[row], two[row], three[row], four[row])
                for row in range(end - start):
                    sums[row] += np.int64(one[row]) + np.int64(two[row]) + np.int64(three[row]) + np.int64(four[row])
                slot += 4
            for single in range(slot, last):
                values = column_at(addresses[single], kind, rows)[start:end]
                for row in range(end - start):
                    highest[row] = max(highest[row], values[row])
                for row in range(end - start):
                    sums[row] += np.int64(values[row])


def added_bands(columns: LyingColumns, starts: Int64s) -> tuple[Int64s, Numbers]:
    """Return the sum and the highest slot of each band by row, as `bands_kernel` finds them.

    Raises:
        AssertionError: bands are not as the kernel needs them.
    """
    _check_bands(columns, starts)
    sums = np.zeros((len(starts) - 1, columns.rows), dtype=np.int64)
    highest = np.empty(sums.shape, dtype=columns.kind.dtype)
    bands_kernel(columns.addresses, columns.kind, starts, sums, highest)
    return sums, highest


@compiled
def lowest_kernel(addresses: Int64s, kind: Numbers, starts: Int64s, out_lowest: Numbers) -> None:
    """Fill the lowest of the slots of each band, row by row; arrays as `bands_kernel` has them."""
    rows = out_lowest.shape[1]
    for start in range(0, rows, _ROWS):
        end = min(start + _ROWS, rows)
        for band in range(len(out_lowest)):
            lowest = out_lowest[band, start:end]
            lowest[:] = column_at(addresses[starts[band]], kind, rows)[start:end]
            for slot in range(starts[band] + 1, starts[band + 1]):
                values = column_at(addresses[slot], kind, rows)[start:end]
                for row in range(end - start):
                    lowest[row] = min(lowest[row], values[row])


def lowest_in_bands(columns: LyingColumns, starts: Int64s) -> Numbers:
    """Return the lowest slot of each band by row.

    Raises:
        AssertionError: bands are not as the kernel needs them.
    """
    _check_bands(columns, starts)
    lowest = np.empty((len(starts) - 1, columns.rows), dtype=columns.kind.dtype)
    lowest_kernel(columns.addresses, columns.kind, starts, lowest)
    return lowest


def _check_bands(columns: LyingColumns, starts: Int64s) -> None:
    assert starts.dtype == np.int64, f"the kernel takes int64, found {starts.dtype}"
    assert len(starts) and starts[0] == 0 and starts[-1] == len(columns.addresses), "each slot must have a band"
    assert (np.diff(starts) > 0).all(), "a band has no slot"


@compiled
def rows_kernel(addresses: Int64s, kind: Numbers, targets: Int64s, out_sums: Int64s) -> None:
    """Add each row of the columns to the row of `out_sums` that its target names; -1: to none.

    `addresses`: int64, of columns of int32 or int64 like `kind`; `targets`: int64 [row], each below the rows of
    `out_sums`: int64 [column, target]. Rows in any order.

    Four columns at a time: days of a channel go to the same sums, and each would else wait for the one before.
    """
    rows, columns = len(targets), len(addresses)
    for start in range(0, rows, _ROWS):
        end = min(start + _ROWS, rows)
        column = 0
        while column + 4 <= columns:
            one = column_at(addresses[column], kind, rows)
            two = column_at(addresses[column + 1], kind, rows)
            three = column_at(addresses[column + 2], kind, rows)
            four = column_at(addresses[column + 3], kind, rows)
            sums = out_sums[column : column + 4]
            for row in range(start, end):
                target = targets[row]
                if target >= 0:
                    sums[0, target] += np.int64(one[row])
                    sums[1, target] += np.int64(two[row])
                    sums[2, target] += np.int64(three[row])
                    sums[3, target] += np.int64(four[row])
            column += 4
        for single in range(column, columns):
            values = column_at(addresses[single], kind, rows)
            for row in range(start, end):
                if targets[row] >= 0:
                    out_sums[single, targets[row]] += np.int64(values[row])


def add_rows(columns: LyingColumns, targets: Int64s, sums: Int64s) -> None:
    """Add rows to `sums` [column, target] as `rows_kernel` does, after checking what it trusts.

    Raises:
        AssertionError: lengths, types or bounds are not as the kernel needs them.
    """
    assert targets.dtype == np.int64 and sums.dtype == np.int64, "the kernel takes int64"
    assert len(targets) == columns.rows, "each row has a target"
    assert len(sums) == len(columns.addresses), "each column has sums"
    assert targets.max(initial=-1) < sums.shape[1], "there are more targets than sums"
    rows_kernel(columns.addresses, columns.kind, targets, sums)


@compiled
def peak_days_kernel(
    first_row: int, days: Int64s, channels: Int64s, calendar: Int32s, periods: Int32s, highest: Numbers,
    sign: int, masks: Int32s, out_peaks: Int64s,
) -> None:  # fmt: skip
    """Keep of each slice and period the highest value and its day, of days of equal value the first.

    Arrays are those of `rating.kernels.sum_days_kernel`, which has filled `masks` before; `days` has the day of every
    row, `highest` [band, row] the highest slot of the rows from `first_row` on (int32, or int64 with NOTHING for none).
    `sign` is 1, or -1 where `highest` has the lowest: what is kept then is negated. Days in any order. `out_peaks`:
    int64 [group, period, value and day], value NOTHING at first.
    """
    last_row = first_row + highest.shape[1]
    for channel in range(len(channels)):
        low, high, cal, group, _, _, place = channels[channel]
        for row in range(max(low, first_row), min(high, last_row)):
            mask = masks[place + row - low]
            if mask < 0:
                continue
            day = days[row]
            peaks = out_peaks[group + calendar[cal, day, 0]]
            for band in range(len(highest)):
                value = sign * np.int64(highest[band, row - first_row])
                peak = peaks[periods[mask, band]]
                if value > peak[0] or (value == peak[0] and value > NOTHING and day < peak[1]):
                    peak[0] = value
                    peak[1] = day


def peak_days(
    first_row: int, days: Int64s, channels: Int64s, calendar: Int32s, periods: Int32s, highest: Numbers,
    sign: int, masks: Int32s, peaks: Int64s,
) -> None:  # fmt: skip
    """Keep peaks in `peaks` as `peak_days_kernel` does, after checking what it trusts.

    Raises:
        AssertionError: lengths, types or bounds are not as the kernel needs them.
    """
    for array in (days, channels, peaks):
        assert array.dtype == np.int64, f"the kernel takes int64, found {array.dtype}"
    for small in (calendar, periods, masks):
        assert small.dtype == np.int32, f"the kernel takes int32, found {small.dtype}"
    assert highest.dtype in (np.int32, np.int64) and sign in (1, -1), "values are int32 or int64, a sign 1 or -1"
    assert channels.shape[1] == 7 and peaks.shape[2:] == (2,), "a channel has seven figures, a peak two"
    assert first_row + highest.shape[1] <= len(days), "there are values of more rows than there are"
    assert periods.shape[1] == len(highest), "a mask must give a period to each band"
    assert periods.max(initial=-1) < peaks.shape[1], "there are more periods than peaks"
    assert masks.max(initial=-1) < len(periods), "there are more masks than have periods"
    if len(channels):
        last = channels[:, 6] + channels[:, 1] - channels[:, 0]
        assert last.max() <= len(masks), "there are more rows of channels than masks"
        of_channel = calendar[:, :, 0].max(axis=1, initial=0)[channels[:, 2]]
        assert (channels[:, 3] + of_channel).max() < len(peaks), "there are more slices than peaks"
    peak_days_kernel(first_row, days, channels, calendar, periods, highest, sign, masks, peaks)
