"""Use and powers of interval channels, straight from wide days.

A day is a row and a slot is a column, so a time-of-use period is a set of columns: its energy is their sum along the
row, its maximum the largest of them. Few masks are distinct, so columns are added up as far as none of them parts
them; no row per interval is ever made, and none per day but where powers or prices of slots are asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl

from model.codes import Quality
from model.columns import lying_columns, parts_as_they_lie
from rating.bands import BandedDays, Bands
from rating.calendar import Mask
from rating.costs import COST_SCHEMA, SlotPrices, costs_by_slice
from rating.kernels import Int32s, Int64s, sum_days
from rating.peaks import Peaks
from rating.placed_days import PlacedDays, place_days
from rating.powers import POWER_SCHEMA, SLICE_KEYS, Powers, Reading, kept_powers, powers_by_slice
from rating.slot_kernels import added_bands

USE_SCHEMA = {
    "due_no": pl.Int64(),
    "segment_no": pl.Int32(),
    "slice_no": pl.Int32(),
    "measure_no": pl.Int32(),
    "tou": pl.String(),
    "quantity": pl.Int64(),
    "is_estimated": pl.Boolean(),
    "reads_seq": pl.Int64(),
    "split_method": pl.String(),
}
# No more days than a chunk of a file has mostly; what is kept of them by band is given to slices at once.
_ROWS_AT_ONCE = 65_536
GOOD_SCHEMA = {"due_no": pl.Int64(), "channel_no": pl.Int32(), "segment_no": pl.Int32(), "day": pl.Date()}


@dataclass(frozen=True)
class IntervalUse:
    """What the wide days of one interval length say.

    `use`: energy by slice, measure and period (USE_SCHEMA). `powers`: see `rating.powers.POWER_SCHEMA`. `costs`:
    see `rating.costs.COST_SCHEMA`. `good`: the days of each channel that may be billed (GOOD_SCHEMA). `is_complete`:
    every day on which a channel is to be read may be, whether `good` lists them or not. `is_summed`: a slice, measure
    and period has one row of use.
    """

    use: pl.DataFrame
    powers: pl.DataFrame
    costs: pl.DataFrame
    good: pl.DataFrame
    is_complete: bool = False
    is_summed: bool = True


@cache
def no_use() -> IntervalUse:
    """Return the use of no channel at all."""
    return IntervalUse(
        pl.DataFrame(schema=USE_SCHEMA),
        pl.DataFrame(schema=POWER_SCHEMA),
        pl.DataFrame(schema=COST_SCHEMA),
        pl.DataFrame(schema=GOOD_SCHEMA),
    )


def interval_use(
    wide: pl.DataFrame, channels: pl.DataFrame, masked_days: pl.DataFrame, masks: list[Mask], reading: Reading,
    asked: Powers, prices: SlotPrices,
) -> IntervalUse:  # fmt: skip
    """Return use, powers and costs of `channels` in `wide`.

    `channels`: due_no, cal_no, channel_no, measure_no, needs_power, is_shared (the measure has several channels),
    from_date and to_date (days on which it is read; null where it has no such end).
    `masked_days`: see `rating.calendar.build_masks`. A day counts when it has as many slots as the clock gave it,
    its worst quality is not "missing", and none of those slots is null.
    """
    if wide.is_empty() or channels.is_empty() or masked_days.is_empty():
        return no_use()
    days = _in_order(wide)
    placed = place_days(days["channel_no"], channels, masked_days)
    tous = sorted({tou for mask in masks for tou in mask.slots})
    sums = np.zeros((placed.groups.height, 2 + 2 * len(tous)), dtype=np.int64)
    peaks = Peaks.of(asked, reading, placed.groups.height, len(tous))
    parts = [no_use()]
    counted = np.zeros(len(placed.lines), dtype=np.int64)
    for length in sorted({mask.n for mask in masks} & set(days["n"].unique().to_list())):
        # When the clock changes all other days are left out; else it is dearer to copy the days than to pass by some.
        is_rare = (days["n"] == length).sum() * 4 < days.height
        of_length = days.filter(pl.col("n") == length) if is_rare else days
        here = placed if of_length is days else place_days(of_length["channel_no"], channels, masked_days)
        rows = _rows(of_length, here.first_day, length, reading)
        bands = Bands.of(masks, length, tous)
        slots = of_length.select(reading.names[slot] for slot in bands.slots)
        found = _added_up(slots, rows, here, bands, sums, peaks)
        counted += here.days_counted(found)
        by_day = replace(here, channels=peaks.channels_by_day(here.channels, asked))
        parts.append(_by_mask(of_length, by_day, rows, found, masks, reading, peaks.powers_by_day(asked), prices))
    powers, costs, good = (pl.concat([getattr(part, name) for part in parts]) for name in ("powers", "costs", "good"))
    every_power = pl.concat([kept_powers(powers, asked), peaks.as_powers(placed, tous, asked)])
    is_complete = bool((counted == placed.days_asked()).all())
    return IntervalUse(_use_of(placed.groups, sums, tous), every_power, costs, good, is_complete)


def _in_order(wide: pl.DataFrame) -> pl.DataFrame:
    """Return the days by channel and day.

    Raises:
        AssertionError: a channel has two rows for a day.
    """
    # One integer per channel and day; 2^22 days reach past year 9999.
    identity = pl.col("channel_no").cast(pl.Int64) * 2**22 + pl.col("day").to_physical().cast(pl.Int64)
    rises = (identity.diff().slice(1) > 0).all()
    if wide.select(rises).item():
        return wide
    days = wide.sort("channel_no", "day")
    assert days.select(rises).item(), "days must hold one row per channel and day"
    return days


def _rows(days: pl.DataFrame, first_day: int, length: int, reading: Reading) -> Int64s:
    """Return of each row its day (-1 where it does not count), its load, and 1 where it rests on estimates."""
    rows = np.empty((3, days.height), dtype=np.int64)
    rows[0] = days["day"].to_physical().to_numpy() - first_day
    rows[0][((days["worst"] == Quality.MISSING) | (days["n"] != length)).to_numpy()] = -1
    for name in () if reading.is_whole else reading.names[:length]:
        if days[name].null_count():
            rows[0][days[name].is_null().arg_true().to_numpy()] = -1
    rows[1] = days["seq"].to_numpy()
    rows[2] = (days["worst"] >= Quality.SUBSTITUTED).to_numpy()
    return rows


def _added_up(
    slots: pl.DataFrame, rows: Int64s, placed: PlacedDays, bands: Bands, sums: Int64s, peaks: Peaks
) -> Int32s:
    """Add the days of a length to `sums` and `peaks`; return the mask of each channel's row, -1 where none counts."""
    found = np.full(placed.pair_count, -1, dtype=np.int32)
    for first, some in parts_as_they_lie(slots, _ROWS_AT_ONCE):
        energy, highest = added_bands(lying_columns(some, 0), bands.starts)
        begin = np.searchsorted(placed.lines[:, 1], first, "right")
        end = np.searchsorted(placed.lines[:, 0], first + some.height, "left")
        lines = slice(int(begin), int(end))
        sum_days(first, rows, placed.lines[lines], placed.calendar, bands.periods, energy, sums, found)
        peaks.keep(BandedDays(first, some, rows, bands), highest, placed, lines, found)
    return found


def _by_mask(
    days: pl.DataFrame, placed: PlacedDays, rows: Int64s, found: Int32s, masks: list[Mask], reading: Reading,
    asked: dict[bool, Powers], prices: SlotPrices,
) -> IntervalUse:  # fmt: skip
    """Return the days that count, and powers and costs of the channels of which they are asked.

    `asked`: the powers of channels that are shared and of those that are not.
    """
    channel, row, day = placed.pairs(found, rows)
    owners = placed.channels
    priced = owners.join(prices.wanted, on=["cal_no", "measure_no"], how="semi")["channel_no"].unique()
    is_asked = owners.select(pl.col("needs_power") | pl.col("channel_no").is_in(priced.implode())).to_series()
    cal = placed.lines[channel, 2]
    good = owners.select("due_no", "channel_no")[channel].with_columns(
        pl.Series("segment_no", placed.segments[cal, day]), days["day"][row].alias("day")
    )
    some = np.flatnonzero(is_asked.to_numpy()[channel])
    keyed = owners[channel[some]].with_columns(
        pl.Series("row", row[some]), days["day"][row[some]].alias("day"),
        pl.Series("mask_no", found[found >= 0][some]),
        pl.Series("group", placed.lines[channel[some], 3] + placed.calendar[cal[some], day[some], 0]),
    )  # fmt: skip
    keyed = keyed.with_columns(placed.groups.select("segment_no", "slice_no")[keyed["group"]])
    powers, costs = [pl.DataFrame(schema=POWER_SCHEMA)], [pl.DataFrame(schema=COST_SCHEMA)]
    for (mask_no,), of_mask in keyed.partition_by("mask_no", as_dict=True, maintain_order=True).items():
        costs.append(costs_by_slice(of_mask, days, masks[mask_no], reading, prices))
        for is_shared, wanted in asked.items():
            some_rows = of_mask.filter(pl.col("needs_power") & (pl.col("is_shared") == is_shared))
            powers.append(powers_by_slice(some_rows, days, masks[mask_no], reading, wanted))
    return IntervalUse(pl.DataFrame(schema=USE_SCHEMA), pl.concat(powers), pl.concat(costs), good)


def _use_of(groups: pl.DataFrame, sums: Int64s, tous: list[str]) -> pl.DataFrame:
    """Return the use of each group in the periods that occur in it; an estimate marks all of them."""
    group, period = np.nonzero(sums[:, 2 + len(tous) :])
    return groups[group].select(
        *SLICE_KEYS, "measure_no",
        pl.Series("tou", tous, dtype=pl.String)[period],
        pl.Series("quantity", sums[group, 2 + period]),
        pl.Series("is_estimated", sums[group, 1] > 0),
        pl.Series("reads_seq", sums[group, 0]),
        pl.lit("interval").alias("split_method"),
    )  # fmt: skip
