"""Use and powers of interval channels, straight from wide days.

A day is a row and a slot is a column, so a time-of-use period is a set of columns: its energy is their sum along the
row, its maximum the largest of them. Rows are grouped by the few distinct masks; no row per interval is ever made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
import polars as pl

from model.codes import Quality
from rating.calendar import Mask
from rating.costs import COST_SCHEMA, SlotPrices, costs_by_slice
from rating.kernels import add_slots
from rating.powers import POWER_SCHEMA, SLICE_KEYS, Powers, Reading, powers_by_slice, slots_by_period

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
    keys = wide.select("channel_no", "day", "n", "worst", "seq").with_row_index("row")
    # One integer per channel and day; 2^22 days reach past year 9999.
    identity = pl.col("channel_no").cast(pl.Int64) * 2**22 + pl.col("day").to_physical().cast(pl.Int64)
    assert keys.select(identity.n_unique()).item() == len(keys), "days must hold one row per channel and day"
    # The rows keep the order of the days, so that none has to be sorted and each mask reads them from top to bottom.
    keyed = (
        keys.join(channels, on="channel_no", how="inner", validate="m:m", maintain_order="left_right")
        .join(masked_days, on=["cal_no", "day"], how="inner", validate="m:1", maintain_order="left")
        .filter((pl.col("n") == pl.col("mask_n")) & (pl.col("worst") != Quality.MISSING))
        .filter(
            (pl.col("day") >= pl.col("from_date")).fill_null(True), (pl.col("day") < pl.col("to_date")).fill_null(True)
        )
    )
    uses, powers, costs, goods = [], [], [], []
    for _, of_length in keyed.partition_by("mask_n", as_dict=True, maintain_order=True).items():
        by_mask = of_length.partition_by("mask_no", as_dict=True, maintain_order=True)
        bands = _bands(wide, of_length.height, [masks[mask_no] for (mask_no,) in by_mask], reading)
        for (mask_no,), rows in by_mask.items():
            mask = masks[mask_no]
            sums = _sums(rows, bands, mask, reading)
            uses.append(_use_by_slice(sums, mask))
            costs.append(costs_by_slice(sums, wide, mask, reading, prices))
            goods.append(sums.select(list(GOOD_SCHEMA)))
            powers.append(powers_by_slice(rows.filter("needs_power"), wide, mask, reading, asked))
    if not uses:
        return no_use()
    return IntervalUse(_merged_use(pl.concat(uses)), pl.concat(powers), pl.concat(costs), pl.concat(goods))


@dataclass(frozen=True)
class _Bands:
    """Energy of all wide days by band: a column for each, whose slots no mask parts. `firsts`: their first slots."""

    energy: pl.DataFrame
    firsts: list[int]

    def of(self, slots: list[int]) -> list[pl.Expr]:
        """Return the bands that lie in these slots."""
        wanted = set(slots)
        return [pl.col(name) for name, first in zip(self.energy.columns, self.firsts, strict=True) if first in wanted]


def _bands(wide: pl.DataFrame, row_count: int, masks: list[Mask], reading: Reading) -> _Bands:
    """Return the days with their slots added up as far as all of `masks` (of one length) allow.

    Working days, weekends and holidays of a few tariffs cut the day at a few clock times, so each slot is added once,
    where it lies, and only some sums per day are then picked out by mask. Where that would not pay (many clock times,
    or few of the days) the bands are the slots themselves.
    """
    names = reading.names[: masks[0].n]
    by_slot = [{slot: tou for tou, slots in mask.slots.items() for slot in slots} for mask in masks]
    bands: dict[tuple[str, ...], list[int]] = {}
    for slot in range(len(names)):
        bands.setdefault(tuple(periods[slot] for periods in by_slot), []).append(slot)
    if len(bands) > len(names) // 4 or row_count < wide.height // 4:
        return _Bands(wide.select(names), list(range(len(names))))
    energy = [
        _band(wide.select(names[slot] for slot in slots)).alias(f"b{place}") for place, slots in enumerate(bands.values())
    ]
    return _Bands(pl.DataFrame(energy), [slots[0] for slots in bands.values()])


def _band(slots: pl.DataFrame) -> pl.Series:
    """Return the sum of some slots along the row, null where one of them is."""
    sums = np.zeros(slots.height, dtype=np.int64)
    for slot in slots:
        add_slots((slot.fill_null(0) if slot.null_count() else slot).to_numpy(), sums)
    gaps = [slot.is_null() for slot in slots if slot.null_count()]
    found = pl.Series(sums)
    if not gaps:
        return found
    is_null = reduce(or_, gaps)
    return found.set(is_null, None)


def _added(parts: list[pl.Expr]) -> pl.Expr:
    """Return the sum along the row, null where a part is. Int64 holds 300 slots of any Int32."""
    return pl.sum_horizontal([part.cast(pl.Int64) for part in parts], ignore_nulls=False)


def _sums(rows: pl.DataFrame, bands: _Bands, mask: Mask, reading: Reading) -> pl.DataFrame:
    """Return the rows without a null slot, with the energy of each period."""
    periods = slots_by_period(mask)
    sums = bands.energy[rows["row"]].select(_added(bands.of(slots)).alias(name) for name, _, slots in periods)
    summed = pl.concat([rows, sums], how="horizontal")
    names = [name for name, _, _ in periods]
    if reading.is_whole:
        return summed.with_columns(pl.col(names).fill_null(0))
    return summed.filter(pl.all_horizontal(pl.col(names).is_not_null()))


def _use_by_slice(sums: pl.DataFrame, mask: Mask) -> pl.DataFrame:
    periods = {name: tou for name, tou, _ in slots_by_period(mask)}
    by_slice = sums.group_by(*SLICE_KEYS, "measure_no").agg(
        *(pl.col(name).sum() for name in periods),
        (pl.col("worst") >= Quality.SUBSTITUTED).any().alias("is_estimated"),
        pl.col("seq").max().alias("reads_seq"),
    )
    return by_slice.unpivot(
        on=list(periods),
        index=[*SLICE_KEYS, "measure_no", "is_estimated", "reads_seq"],
        variable_name="tou",
        value_name="quantity",
    ).with_columns(pl.col("tou").replace_strict(periods, return_dtype=pl.String))


def _merged_use(uses: pl.DataFrame) -> pl.DataFrame:
    """Return the use of all masks: periods add up; an estimate marks every period of its slice."""
    of_slice = [*SLICE_KEYS, "measure_no"]
    return (
        uses.group_by(*of_slice, "tou")
        .agg(pl.col("quantity").sum(), pl.col("is_estimated").any(), pl.col("reads_seq").max())
        .with_columns(
            pl.col("is_estimated").any().over(of_slice),
            pl.col("reads_seq").max().over(of_slice),
            pl.lit("interval").alias("split_method"),
        )
        .select(list(USE_SCHEMA))
    )
