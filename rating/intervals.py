"""Use and powers of interval channels, straight from wide days.

A day is a row and a slot is a column, so a time-of-use period is a set of columns: its energy is their sum along the
row, its maximum the largest of them. Few masks are distinct, so columns are added up as far as none of them parts
them; no row per interval is ever made, and none per day but where powers or prices of slots are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import polars as pl

from model.codes import Quality
from model.columns import lying_columns, parts_as_they_lie
from rating.bands import bands_of
from rating.calendar import Mask
from rating.costs import COST_SCHEMA, SlotPrices, costs_by_slice
from rating.kernels import Int32s, Int64s
from rating.peaks import Peaks
from rating.placed_days import PlacedDays, place_days
from rating.powers import POWER_SCHEMA, SLICE_KEYS, Powers, Reading, kept_powers, powers_by_slice
from rating.slot_kernels import ESTIMATED, READ, DayRows, Slots, Sums, add_days, unmark_nulls_kernel

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
    see `rating.costs.COST_SCHEMA`. `is_complete`: every day on which a channel is to be read may be billed.
    `is_summed`: a slice, measure and period has one row of use.
    """

    use: pl.DataFrame
    powers: pl.DataFrame
    costs: pl.DataFrame
    find_good: Callable[[], pl.DataFrame]
    is_complete: bool = False
    is_summed: bool = True

    @property
    def good(self) -> pl.DataFrame:
        """Return the days of each channel that may be billed (GOOD_SCHEMA): mostly nobody asks."""
        return self.find_good()


@cache
def no_use() -> IntervalUse:
    """Return the use of no channel at all."""
    return IntervalUse(
        pl.DataFrame(schema=USE_SCHEMA),
        pl.DataFrame(schema=POWER_SCHEMA),
        pl.DataFrame(schema=COST_SCHEMA),
        partial(pl.DataFrame, schema=GOOD_SCHEMA),
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
    peaks = Peaks.of(asked, reading)
    sums = _room(placed, len(tous), peaks)
    windows = bands_of(masks, tous)
    for rows, slots in _parts(days, reading):
        begin = np.searchsorted(placed.lines[:, 1], rows.first, "right")
        end = np.searchsorted(placed.lines[:, 0], rows.first + len(rows.day), "left")
        here = slice(int(begin), int(end))
        owners, kept = placed.owners._replace(lines=placed.lines[here]), sums._replace(counted=sums.counted[here])
        add_days(slots, windows, rows, owners, kept)
    by_day = replace(placed, channels=peaks.channels_by_day(placed.channels, asked))
    powers, costs = _by_mask(days, by_day, sums.masks, masks, reading, peaks.powers_by_day(asked), prices)
    return IntervalUse(
        _use_of(placed.groups, sums.groups, tous),
        pl.concat([kept_powers(powers, asked), peaks.as_powers(sums, placed, tous, asked)]),
        costs,
        partial(_good, days, placed, sums.masks),
        is_complete=bool((sums.counted == placed.days_asked()).all()),
    )


def _room(placed: PlacedDays, periods: int, peaks: Peaks) -> Sums:
    """Return room for what days come to."""
    groups = placed.groups.height
    return Sums(
        np.zeros((groups, 2 + 2 * periods), dtype=np.int64),
        np.full(placed.pair_count, -1, dtype=np.int32),
        np.zeros(len(placed.lines), dtype=np.int64),
        peaks.room("max", groups, periods),
        peaks.room("min", groups, periods),
    )


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


def _parts(days: pl.DataFrame, reading: Reading) -> Iterator[tuple[DayRows, Slots]]:
    """Yield days as they lie: which of them count, and their slots.

    A day does not count when its worst quality is missing, or a slot of it is null. Slots of such a day are added up
    with the others, whatever its nulls hold, and then left out; only in whole days a null is no value.
    """
    told = days.select("day", pl.col("n").cast(pl.Int16), "worst", pl.col("seq").cast(pl.Int64))
    for first, some in parts_as_they_lie(days.select(reading.names), _ROWS_AT_ONCE):
        day, count, worst, load = told[first : first + some.height]
        is_missing, is_estimated = worst == Quality.MISSING, worst >= Quality.SUBSTITUTED
        mark = np.where(is_missing, 0, np.where(is_estimated, ESTIMATED, READ)).astype(np.uint8)
        lying = lying_columns(some)
        has_nulls = bool(lying.places[1].any())
        if has_nulls and not reading.is_whole:
            unmark_nulls_kernel(lying.places, count.to_numpy(), mark)
        rows = DayRows(first, day.to_physical().to_numpy(), count.to_numpy(), mark, load.to_numpy())
        yield rows, Slots(lying.places, lying.kind, has_nulls and reading.is_whole)


def _good(days: pl.DataFrame, placed: PlacedDays, masks: Int32s) -> pl.DataFrame:
    """Return the days that count of each channel (GOOD_SCHEMA)."""
    channel, row = placed.pairs(masks)
    day = days["day"][row]
    places = (day.to_physical() - placed.owners.first_day).to_numpy()
    return placed.channels.select("due_no", "channel_no")[channel].with_columns(
        pl.Series("segment_no", placed.segments[placed.lines[channel, 2], places]), day.alias("day")
    )


def _by_mask(
    days: pl.DataFrame, placed: PlacedDays, found: Int32s, masks: list[Mask], reading: Reading,
    asked: dict[bool, Powers], prices: SlotPrices,
) -> tuple[pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """Return powers and costs of the channels of which they are asked day by day.

    `asked`: the powers of channels that are shared and of those that are not.
    """
    owners = placed.channels
    priced = owners.join(prices.wanted, on=["cal_no", "measure_no"], how="semi")["channel_no"].unique()
    is_asked = owners.select(pl.col("needs_power") | pl.col("channel_no").is_in(priced.implode())).to_series()
    powers, costs = [pl.DataFrame(schema=POWER_SCHEMA)], [pl.DataFrame(schema=COST_SCHEMA)]
    if not is_asked.any():
        return powers[0], costs[0]
    channel, row = placed.pairs(found)
    some = np.flatnonzero(is_asked.to_numpy()[channel])
    mask_no, channel, row = found[found >= 0][some], channel[some], row[some]
    day = days["day"][row]
    places = (day.to_physical() - placed.owners.first_day).to_numpy()
    cells = placed.owners.calendar[placed.lines[channel, 2], places, 0]
    keyed = owners[channel].with_columns(
        pl.Series("row", row), day.alias("day"), pl.Series("mask_no", mask_no),
        pl.Series("group", placed.lines[channel, 3] + cells),
    )  # fmt: skip
    keyed = keyed.with_columns(placed.groups.select("segment_no", "slice_no")[keyed["group"]])
    for (mask,), of_mask in keyed.partition_by("mask_no", as_dict=True, maintain_order=True).items():
        costs.append(costs_by_slice(of_mask, days, masks[mask], reading, prices))
        for is_shared, wanted in asked.items():
            some_rows = of_mask.filter(pl.col("needs_power") & (pl.col("is_shared") == is_shared))
            powers.append(powers_by_slice(some_rows, days, masks[mask], reading, wanted))
    return pl.concat(powers), pl.concat(costs)


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
