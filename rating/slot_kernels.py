"""Kernels over the slots of wide days, read where the columns lie: what days come to, by slice and period."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.columns import BITS, LyingColumns, Numbers, column_at
from model.compiled import compiled
from rating.kernels import Int32s, Int64s

# What stands for no value among int64; int32 has values only.
NOTHING = -(2**63 - 1)
# Marks of days that count.
READ, ESTIMATED = 1, 2
# Values of so many rows stay in the processor's first cache while slot after slot is added to them.
_ROWS = 2_048
_EIGHT = np.uint8(255)  # of eight values none is null


class Slots(NamedTuple):
    """The slot columns of some rows: see `model.columns.LyingColumns`.

    `has_gaps`: days are whole, and a null of one is no value.
    """

    places: Int64s
    kind: Numbers
    has_gaps: bool


class DayRows(NamedTuple):
    """Days of channels, those of a channel together: `first` is the place of the first among all rows.

    `day`: int32, days since 1970; `slot_count`: int16; `mark`: uint8, 0 for a day that does not count, else READ or
    ESTIMATED; `load`: int64.
    """

    first: int
    day: npt.NDArray[np.int32]
    slot_count: npt.NDArray[np.int16]
    mark: npt.NDArray[np.uint8]
    load: Int64s


class Windows(NamedTuple):
    """Bands: runs of slots that no mask parts. See `rating.bands.bands_of`.

    `slots`: int64, all, those of a band together; `starts`: int64, where each band begins among them, and their number.
    `periods`: int32, of each mask the period in which each band lies (-1: its days have no such slots). `lengths`:
    int64, of each mask how many slots its days have.
    """

    slots: Int64s
    starts: Int64s
    periods: Int32s
    lengths: Int64s


class Owners(NamedTuple):
    """Where the days of channels go: see `rating.placed_days.PlacedDays`.

    A line of `lines`: first row and row after the last, calendar, first group, first day and day after the last, the
    place of its first row in `Sums.masks`, and 1 where its peaks are kept. In order of rows. `calendar` tells of each
    day from `first_day` on which group after the first, and which mask (below 0: none).
    """

    lines: Int64s
    calendar: Int32s
    first_day: int


class Sums(NamedTuple):
    """What days come to; filled by `days_kernel`.

    A line of `groups`: the highest load, 1 for estimates, then energy by period, then 1 for each period that occurs.
    `masks`: of each channel's row the mask by which it was counted, -1 at first. `counted`: of each channel how many.
    `highest`, `lowest`: int64 [group, period, value and day], NOTHING at first; without groups where they are not asked
    for. Lowest values are kept negated.
    """

    groups: Int64s
    masks: Int32s
    counted: Int64s
    highest: Int64s
    lowest: Int64s


@compiled
def unmark_nulls_kernel(places: Int64s, count: npt.NDArray[np.int16], out_mark: npt.NDArray[np.uint8]) -> None:
    """Put 0 in `out_mark` of rows of which one of the first `count` columns is null; columns as `Slots` has them."""
    rows = len(count)
    for slot in range(places.shape[1]):
        if places[1, slot] == 0:
            continue
        first = places[2, slot]
        bits = column_at(places[1, slot], BITS, (first + rows + 7) // 8)
        row = 0
        while row < rows:
            bit = first + row
            byte = bits[bit >> 3]
            if byte == _EIGHT and bit & 7 == 0:
                row += 8  # mostly none of eight is null
                continue
            if not (byte >> (bit & 7)) & 1 and slot < count[row]:
                out_mark[row] = 0
            row += 1


@compiled
def bands_kernel(
    slots: Slots, windows: Windows, rows: int, start: int, out_sums: Int64s, out_highest: Numbers, out_lowest: Numbers
) -> None:
    """Fill sum, highest and lowest of the slots of each band, for as many rows from `start` on as fit.

    `rows`: those of the columns. `out_sums`: int64 [band, row]; `out_highest`, `out_lowest`: [band, row] of the type of
    the columns, the latter without bands where nobody asks. A day has at most 300 slots, so sums of int32 stay inside
    int64.

    Four slots at a time, for the sums would else be fetched and put back for each.
    """
    end = min(start + out_sums.shape[1], rows)
    count = end - start
    for band in range(len(windows.starts) - 1):
        sums, highest = out_sums[band, :count], out_highest[band, :count]
        first, last = windows.starts[band], windows.starts[band + 1]
        sums[:] = 0
        highest[:] = column_at(slots.places[0, windows.slots[first]], slots.kind, rows)[start:end]
        place = first
        while place + 4 <= last:
            one = column_at(slots.places[0, windows.slots[place]], slots.kind, rows)[start:end]
            two = column_at(slots.places[0, windows.slots[place + 1]], slots.kind, rows)[start:end]
            three = column_at(slots.places[0, windows.slots[place + 2]], slots.kind, rows)[start:end]
            four = column_at(slots.places[0, windows.slots[place + 3]], slots.kind, rows)[start:end]
            for row in range(count):
                highest[row] = max(highest[row], one[row], two[row], three[row], four[row])
            for row in range(count):
                sums[row] += np.int64(one[row]) + np.int64(two[row]) + np.int64(three[row]) + np.int64(four[row])
            place += 4
        for single in range(place, last):
            values = column_at(slots.places[0, windows.slots[single]], slots.kind, rows)[start:end]
            for row in range(count):
                highest[row] = max(highest[row], values[row])
            for row in range(count):
                sums[row] += np.int64(values[row])
        if len(out_lowest):
            lowest = out_lowest[band, :count]
            lowest[:] = column_at(slots.places[0, windows.slots[first]], slots.kind, rows)[start:end]
            for single in range(first + 1, last):
                values = column_at(slots.places[0, windows.slots[single]], slots.kind, rows)[start:end]
                for row in range(count):
                    lowest[row] = min(lowest[row], values[row])


@compiled
def single_row_kernel(
    slots: Slots, windows: Windows, rows: int, row: int, place: int, out_sums: Int64s, out_highest: Numbers,
    out_lowest: Numbers,
) -> None:  # fmt: skip
    """Fill `place` of the arrays of `bands_kernel` from one row; where a slot is null, a whole day has no value.

    A band without any value has NOTHING for its highest, and its negative for its lowest.
    """
    for band in range(len(windows.starts) - 1):
        total, highest, lowest = np.int64(0), np.int64(NOTHING), np.int64(-NOTHING)
        for slot in windows.slots[windows.starts[band] : windows.starts[band + 1]]:
            if slots.has_gaps and slots.places[1, slot] != 0:
                bit = slots.places[2, slot] + row
                bits = column_at(slots.places[1, slot], BITS, (bit >> 3) + 1)
                if not (bits[bit >> 3] >> (bit & 7)) & 1:
                    continue
            value = np.int64(column_at(slots.places[0, slot], slots.kind, rows)[row])
            total += value
            highest = max(highest, value)
            lowest = min(lowest, value)
        out_sums[band, place] = total
        out_highest[band, place] = highest
        if len(out_lowest):
            out_lowest[band, place] = lowest


@compiled
def keep_peak_kernel(day: np.int64, sign: int, one: int, cell: int, period: int, out_peaks: Int64s) -> None:
    """Keep the highest value (`one` by its `sign`) of a group and period and its day, of equal ones the first day."""
    value = sign * np.int64(one)
    kept = out_peaks[cell, period, 0]
    if value > kept or (value == kept and value > NOTHING and day < out_peaks[cell, period, 1]):
        out_peaks[cell, period, 0] = value
        out_peaks[cell, period, 1] = day


@compiled
def channel_kernel(
    windows: Windows, days: DayRows, owners: Owners, channel: int, start: int, end: int, sums: Int64s,
    highest: Numbers, lowest: Numbers, out: Sums,
) -> None:  # fmt: skip
    """Add the days of a channel among the rows from `start` to `end`, which the arrays of `bands_kernel` have."""
    low, high, cal, group, from_day, to_day, place, has_peaks = owners.lines[channel]
    # Each of these is looked up once: a look-up costs more than what is done with a day.
    calendar, periods, lengths = owners.calendar, windows.periods, windows.lengths
    groups, peaks, lows = out.groups, out.highest, out.lowest
    count, counted = (groups.shape[1] - 2) // 2, 0
    for row in range(max(low - days.first, start), min(high - days.first, end)):
        day = np.int64(days.day[row]) - owners.first_day
        if day < from_day or day >= to_day or days.mark[row] == 0:
            continue
        mask = calendar[cal, day, 1]
        if mask < 0 or days.slot_count[row] != lengths[mask]:
            continue
        out.masks[place + row + days.first - low] = mask
        counted += 1
        cell = group + calendar[cal, day, 0]
        groups[cell, 0] = max(groups[cell, 0], days.load[row])
        if days.mark[row] == ESTIMATED:
            groups[cell, 1] = 1
        for band in range(len(sums)):
            period = periods[mask, band]
            if period < 0:
                continue
            groups[cell, 2 + period] += sums[band, row - start]
            groups[cell, 2 + count + period] = 1
            if has_peaks and len(peaks):
                keep_peak_kernel(day, 1, highest[band, row - start], cell, period, peaks)
            if has_peaks and len(lows):
                keep_peak_kernel(day, -1, lowest[band, row - start], cell, period, lows)
    out.counted[channel] += counted


@compiled
def days_kernel(slots: Slots, windows: Windows, days: DayRows, owners: Owners, out: Sums) -> None:
    """Add days to the slices and periods in which they lie, and keep their peaks.

    Rows go through the processor's first cache block by block, all of them through the same bands.
    """
    rows, bands = len(days.day), len(windows.starts) - 1
    sums = np.empty((bands, _ROWS), np.int64)
    highest = np.empty((bands, _ROWS), slots.kind.dtype)
    lowest = np.empty((bands if len(out.lowest) else 0, _ROWS), slots.kind.dtype)
    line = 0
    for start in range(0, rows, _ROWS):
        end = min(start + _ROWS, rows)
        if slots.has_gaps:
            for row in range(start, end):
                single_row_kernel(slots, windows, rows, row, row - start, sums, highest, lowest)
        else:
            bands_kernel(slots, windows, rows, start, sums, highest, lowest)
        while line < len(owners.lines) and owners.lines[line, 1] <= days.first + start:
            line += 1
        channel = line
        while channel < len(owners.lines) and owners.lines[channel, 0] < days.first + end:
            channel_kernel(windows, days, owners, channel, start, end, sums, highest, lowest, out)
            channel += 1


def add_days(slots: Slots, windows: Windows, days: DayRows, owners: Owners, sums: Sums) -> None:
    """Add days to `sums` as `days_kernel` does, after checking what it trusts.

    Raises:
        AssertionError: lengths, types or bounds are not as the kernel needs them.
    """
    lines, calendar, periods = owners.lines, owners.calendar, windows.periods
    for array in (lines, days.load, windows.slots, windows.starts, windows.lengths, *sums):
        expected = np.int32 if array is sums.masks else np.int64
        assert array.dtype == expected, f"the kernel takes {expected.__name__}, found {array.dtype}"
    assert calendar.dtype == np.int32 and periods.dtype == np.int32, "calendars and periods are int32"
    assert not slots.has_gaps or slots.kind.dtype == np.int64, "int32 has values only"
    assert len(days.day) == len(days.slot_count) == len(days.mark) == len(days.load), "each row has four figures"
    assert lines.shape[1] == 8 and len(sums.counted) == len(lines), "a channel has eight figures, and a count"
    starts = windows.starts
    assert len(starts) and starts[0] == 0 and starts[-1] == len(windows.slots), "each slot must have a band"
    assert (np.diff(starts) > 0).all(), "a band has no slot"
    assert sorted(windows.slots) == list(range(len(windows.slots))), "a slot is in one band"
    assert len(windows.slots) <= slots.places.shape[1], "there are fewer columns than slots"
    assert periods.shape == (len(windows.lengths), len(starts) - 1), "a mask must give a period to each band"
    assert periods.max(initial=-1) < (sums.groups.shape[1] - 2) // 2, "there are more periods than sums"
    assert calendar[:, :, 1].max(initial=-1) < len(periods), "there are more masks than have periods"
    for peaks in (sums.highest, sums.lowest):
        assert not len(peaks) or peaks.shape == (len(sums.groups), (sums.groups.shape[1] - 2) // 2, 2), (
            "a peak has a value and a day in each group and period"
        )
    if len(lines):
        assert (np.diff(lines[:, :2], axis=0) >= 0).all(), "channels must be in order of their rows"
        assert lines[:, 5].max() <= calendar.shape[1] and lines[:, 4].min() >= 0, "days are beyond the calendar"
        last = lines[:, 6] + lines[:, 1] - lines[:, 0]
        assert last.max() <= len(sums.masks), "there are more rows of channels than masks"
        of_channel = calendar[:, :, 0].max(axis=1, initial=0)[lines[:, 2]]
        assert (lines[:, 3] + of_channel).max() < len(sums.groups), "there are more slices than groups"
    days_kernel(slots, windows, days, owners, sums)


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
