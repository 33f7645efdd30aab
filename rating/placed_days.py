"""Where days of channels lie: the rows of each channel, and the slice and mask of each day of its calendar.

All is numbered, so that `rating.slot_kernels.days_kernel` can go from row to row; frames are made of the numbers again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rating.kernels import Int32s, Int64s
from rating.slot_kernels import Owners

# Of `rating.powers.SLICE_KEYS` a group has all, and its measure.
_GROUP = ["due_no", "cal_no", "measure_no"]
_CELL = ["cal_no", "segment_no", "slice_no"]


@dataclass(frozen=True)
class PlacedDays:
    """Days and channels by number.

    `channels`: as given, in order of channel, those with a calendar. `groups`: due_no, cal_no, measure_no,
    segment_no, slice_no. `owners`: what the kernel needs of each channel, and of each day of its calendar. `segments`:
    by calendar and day the segment.
    """

    channels: pl.DataFrame
    groups: pl.DataFrame
    owners: Owners
    segments: Int32s

    @property
    def lines(self) -> Int64s:
        """Return what the kernel needs of each channel."""
        return self.owners.lines

    @property
    def pair_count(self) -> int:
        """Return how many pairs of a channel and a row there are."""
        return int((self.lines[:, 1] - self.lines[:, 0]).sum())

    def days_asked(self) -> Int64s:
        """Return of each channel on how many days of its calendar it is to be read."""
        running = np.cumsum(np.pad(self.owners.calendar[:, :, 1] >= 0, ((0, 0), (1, 0))), axis=1)
        cal, begin, end = self.lines[:, 2], self.lines[:, 4], self.lines[:, 5]
        asked: Int64s = running[cal, np.maximum(begin, end)] - running[cal, begin]
        return asked

    def pairs(self, masks: Int32s) -> tuple[Int64s, Int64s]:
        """Return channel and row of the pairs that have a mask."""
        lengths = self.lines[:, 1] - self.lines[:, 0]
        pairs = np.flatnonzero(masks >= 0)
        channel = np.repeat(np.arange(len(lengths)), lengths)[pairs]
        row = pairs - self.lines[channel, 6] + self.lines[channel, 0]
        return channel, row


def place_days(numbers: pl.Series, channels: pl.DataFrame, masked_days: pl.DataFrame) -> PlacedDays:
    """Return where the days of channels lie. `numbers`: the channel of each row, ascending; others: `interval_use`."""
    cells = masked_days.select(_CELL).unique().sort(_CELL)
    cals = cells["cal_no"].unique().sort()
    mine = channels.filter(pl.col("cal_no").is_in(cals.implode())).sort("channel_no", "due_no", "measure_no")
    of_cal = cells.group_by("cal_no").agg(pl.len().alias("cells")).sort("cal_no")
    measured = (
        mine.select(_GROUP)
        .unique()
        .join(of_cal, on="cal_no", how="left", validate="m:1")
        .sort("due_no", "measure_no")
        .with_columns((pl.col("cells").cum_sum() - pl.col("cells")).cast(pl.Int64).alias("group"))
    )
    groups = measured.join(cells, on="cal_no", how="inner", validate="m:m").sort(
        "due_no", "measure_no", "segment_no", "slice_no"
    )
    firsts = mine.join(measured, on=_GROUP, how="left", validate="m:1", maintain_order="left")["group"].to_numpy()
    days = masked_days["day"].to_physical()
    first_day = int(days.min())  # type: ignore[arg-type]  # there is a day
    length = int(days.max()) - first_day + 1  # type: ignore[arg-type]
    calendar, segments = _calendar(masked_days, cells, cals, first_day, length)
    lines = _lines(numbers, mine, cals, firsts, (first_day, length))
    return PlacedDays(mine, groups.drop("cells", "group"), Owners(lines, calendar, first_day), segments)


def _lines(
    numbers: pl.Series, channels: pl.DataFrame, cals: pl.Series, firsts: Int64s, days: tuple[int, int]
) -> Int64s:
    first_day, length = days
    of_row, wanted = numbers.to_numpy(), channels["channel_no"].to_numpy()
    low, high = np.searchsorted(of_row, wanted, "left"), np.searchsorted(of_row, wanted, "right")
    counts = high - low
    begin = (channels["from_date"].to_physical() - first_day).fill_null(0).clip(0, length)
    end = (channels["to_date"].to_physical() - first_day).fill_null(length).clip(0, length)
    columns = [
        low, high, np.searchsorted(cals.to_numpy(), channels["cal_no"].to_numpy()), firsts,
        begin.to_numpy(), end.to_numpy(), np.cumsum(counts) - counts,
        channels.select(pl.col("needs_power") & ~pl.col("is_shared")).to_series().to_numpy(),
    ]  # fmt: skip
    return np.column_stack([column.astype(np.int64) for column in columns])


def _calendar(
    masked_days: pl.DataFrame, cells: pl.DataFrame, cals: pl.Series, first_day: int, length: int
) -> tuple[Int32s, Int32s]:
    """Return group and mask by calendar and day, and the segment; a mask of -1 where a calendar has no such day."""
    within = cells.with_columns(pl.int_range(pl.len()).over("cal_no").alias("cell"))
    known = masked_days.join(within, on=_CELL, how="left", validate="m:1")
    place = (
        np.searchsorted(cals.to_numpy(), known["cal_no"].to_numpy()),
        (known["day"].to_physical() - first_day).to_numpy(),
    )
    calendar: npt.NDArray[np.int32] = np.full((len(cals), length, 2), -1, dtype=np.int32)
    calendar[(*place, 0)] = known["cell"].to_numpy()
    calendar[(*place, 1)] = known["mask_no"].to_numpy()
    segments: npt.NDArray[np.int32] = np.zeros((len(cals), length), dtype=np.int32)
    segments[place] = known["segment_no"].to_numpy()
    return calendar, segments
