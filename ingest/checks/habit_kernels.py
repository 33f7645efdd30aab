"""Kernels of habits: medians, means and sums of the past days of each channel.

Rows are channel-days in any order; `rows` (int64) has those that count in order of channel and day, and `starts`
(int64) where in it each channel begins, and its length behind the last; a channel may have none. `ingest.checks.habits`
makes these arrays of frames whose columns it has checked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.vee.matrix import Ints
from model.compiled import compiled

ALL, WORKING, FREE = 0, 1, 2  # kinds of day

Flags = npt.NDArray[np.bool_]


@compiled
def habit_kernel(
    starts: Ints, rows: Ints, is_free: Flags, totals: Ints, groups: tuple[Ints, ...], out_habits: Ints
) -> None:
    """Fill, by kind of day: days, median total, median departure from it, and the mean of each part of the day.

    is_free: bool [row], on a weekend or a holiday; totals: int64 [row]; groups: 8 of int64 [row]; out_habits: int64
    [kind, 3 + 8, channel], zeros before. Means and halves of medians are cut down to whole units.
    """
    longest = np.diff(starts).max() if len(starts) > 1 else 0
    values = np.empty(longest, np.int64)
    sums = np.empty(len(groups), np.int64)
    for channel in range(len(starts) - 1):
        for kind in range(3):
            count = 0
            sums[:] = 0
            for place in range(starts[channel], starts[channel + 1]):
                row = rows[place]
                if kind == 0 or is_free[row] == (kind == 2):
                    values[count] = totals[row]
                    count += 1
                    for group in range(len(groups)):
                        sums[group] += groups[group][row]
            if count == 0:
                continue
            some = values[:count]
            some.sort()
            middle = (some[(count - 1) // 2] + some[count // 2]) // 2
            for place in range(count):
                some[place] = abs(some[place] - middle)
            some.sort()
            out_habits[kind, 0, channel] = count
            out_habits[kind, 1, channel] = middle
            out_habits[kind, 2, channel] = (some[(count - 1) // 2] + some[count // 2]) // 2
            for group in range(len(groups)):
                out_habits[kind, 3 + group, channel] = sums[group] // count


@compiled
def night_kernel(starts: Ints, rows: Ints, nights: Ints, no_night: int, out_nights: Ints) -> None:
    """Fill what the night flow of nine days of ten does not exceed; nights of `no_night` do not count.

    nights: int64 [row]; out_nights: int64 [channel], `no_night` before.
    """
    longest = np.diff(starts).max() if len(starts) > 1 else 0
    values = np.empty(longest, np.int64)
    for channel in range(len(starts) - 1):
        count = 0
        for place in range(starts[channel], starts[channel + 1]):
            row = rows[place]
            if nights[row] != no_night:
                values[count] = nights[row]
                count += 1
        if count > 0:
            some = values[:count]
            some.sort()
            out_nights[channel] = some[(count - 1) * 9 // 10]


@compiled
def half_kernel(starts: Ints, rows: Ints, days: Ints, groups: tuple[Ints, ...], out_halves: Ints) -> None:
    """Fill the sums of each part of the day before the median day of the past, and from it on.

    days: int64 [row]; groups: 8 of int64 [row]; out_halves: int64 [2, 8, channel], zeros
    before.
    """
    for channel in range(len(starts) - 1):
        first, count = starts[channel], starts[channel + 1] - starts[channel]
        if count == 0:
            continue
        middle_twice = days[rows[first + (count - 1) // 2]] + days[rows[first + count // 2]]
        for place in range(first, first + count):
            row = rows[place]
            half = 1 if 2 * days[row] >= middle_twice else 0
            for group in range(len(groups)):
                out_halves[half, group, channel] += groups[group][row]
