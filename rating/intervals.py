"""Use and powers of interval channels, straight from wide days.

A day is a row and a slot is a column, so a time-of-use period is a set of columns: its energy is their sum along the
row, its maximum the largest of them. Few masks are distinct, so columns are added up as far as none of them parts
them; no row per interval is ever made, and none per day but where powers or prices of slots are asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from model.codes import Quality
from rating.calendar import Mask
from rating.costs import COST_SCHEMA, SlotPrices, costs_by_slice
from rating.kernels import Int32s, Int64s, add_slots, sum_days_kernel
from rating.placed_days import PlacedDays, place_days
from rating.powers import POWER_SCHEMA, SLICE_KEYS, Powers, Reading, powers_by_slice

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
# The energy of so many days by band stays in the cache while it is given to slices.
_ROWS_AT_ONCE = 32_768
GOOD_SCHEMA = {"due_no": pl.Int64(), "channel_no": pl.Int32(), "segment_no": pl.Int32(), "day": pl.Date()}


@dataclass(frozen=True)
class IntervalUse:
    """What the wide days of one interval length say.

    `use`: energy by slice, measure and period (USE_SCHEMA). `powers`: see `rating.powers.POWER_SCHEMA`. `costs`:
    see `rating.costs.COST_SCHEMA`. `good`: the days of each channel that may be billed (GOOD_SCHEMA). `is_complete`:
    it is known that every day may be, though `good` does not list them.
    """

    use: pl.DataFrame
    powers: pl.DataFrame
    costs: pl.DataFrame
    good: pl.DataFrame
    is_complete: bool = False


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
    parts = [no_use()]
    for length in sorted({mask.n for mask in masks} & set(days["n"].unique().to_list())):
        # When the clock changes all other days are left out; else it is dearer to copy the days than to pass by some.
        is_rare = (days["n"] == length).sum() * 4 < days.height
        of_length = days.filter(pl.col("n") == length) if is_rare else days
        here = placed if of_length is days else place_days(of_length["channel_no"], channels, masked_days)
        rows = _rows(of_length, here.first_day, length, reading)
        found = _added_up(of_length.select(reading.names[:length]), rows, here, _Bands.of(masks, length, tous), sums)
        parts.append(_by_mask(of_length, here, rows, found, masks, reading, asked, prices))
    powers, costs, good = (pl.concat([getattr(part, name) for part in parts]) for name in ("powers", "costs", "good"))
    return IntervalUse(_use_of(placed.groups, sums, tous), powers, costs, good)


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


@dataclass(frozen=True)
class _Bands:
    """Runs of slots that no mask of a length parts: their slots, and of each mask the period in which each lies.

    Working days, weekends and holidays of a few tariffs cut the day at a few clock times, so each slot is added once,
    where it lies, and only some sums per day are then given to periods.
    """

    slots: list[list[int]]
    periods: Int32s

    @classmethod
    def of(cls, masks: list[Mask], length: int, tous: list[str]) -> _Bands:
        """Return the bands of the masks of a length; masks of other lengths have period -1."""
        mine = [mask for mask in masks if mask.n == length]
        by_slot = [{slot: tou for tou, slots in mask.slots.items() for slot in slots} for mask in mine]
        bands: dict[tuple[str, ...], list[int]] = {}
        for slot in range(length):
            bands.setdefault(tuple(periods[slot] for periods in by_slot), []).append(slot)
        periods = np.full((len(masks), len(bands)), -1, dtype=np.int32)
        numbers = {tou: place for place, tou in enumerate(tous)}
        for place, mask in enumerate(mine):
            periods[mask.mask_no] = [numbers[of_band[place]] for of_band in bands]
        return cls(list(bands.values()), periods)


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


def _added_up(slots: pl.DataFrame, rows: Int64s, placed: PlacedDays, bands: _Bands, sums: Int64s) -> Int32s:
    """Add the days of a length to `sums`; return the mask of each channel's row, -1 where it does not count."""
    found = np.full(placed.pair_count, -1, dtype=np.int32)
    for first in range(0, slots.height, _ROWS_AT_ONCE):
        some = slots[first : first + _ROWS_AT_ONCE]
        energy = np.zeros((len(bands.slots), some.height), dtype=np.int64)
        for place, numbers in enumerate(bands.slots):
            for slot in (some.to_series(number) for number in numbers):
                add_slots((slot.fill_null(0) if slot.null_count() else slot).to_numpy(), energy[place])
        begin = np.searchsorted(placed.lines[:, 1], first, "right")
        end = np.searchsorted(placed.lines[:, 0], first + some.height, "left")
        sum_days_kernel(first, rows, placed.lines[begin:end], placed.calendar, bands.periods, energy, sums, found)
    return found


def _by_mask(
    days: pl.DataFrame, placed: PlacedDays, rows: Int64s, found: Int32s, masks: list[Mask], reading: Reading,
    asked: Powers, prices: SlotPrices,
) -> IntervalUse:  # fmt: skip
    """Return the days that count, and powers and costs of the channels of which they are asked."""
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
        powers.append(powers_by_slice(of_mask.filter("needs_power"), days, masks[mask_no], reading, asked))
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
