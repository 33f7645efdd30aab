"""Bands: runs of slots that no mask of a length parts, so that a slot is looked at once, where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.calendar import Mask
from rating.kernels import Int32s, Int64s


@dataclass(frozen=True)
class Bands:
    """Slots by band.

    `slots`: all, those of a band together; `starts`: where each band begins among them, and their number. `periods`: of
    each mask the period in which each band lies (-1: masks of another length).

    Working days, weekends and holidays of a few tariffs cut the day at a few clock times, so each slot counts once for
    its band, and only some values per day are then given to periods.
    """

    slots: list[int]
    starts: Int64s
    periods: Int32s

    @classmethod
    def of(cls, masks: list[Mask], length: int, tous: list[str]) -> Bands:
        """Return the bands of the masks of a length."""
        mine = [mask for mask in masks if mask.n == length]
        by_slot = [{slot: tou for tou, slots in mask.slots.items() for slot in slots} for mask in mine]
        bands: dict[tuple[str, ...], list[int]] = {}
        for slot in range(length):
            bands.setdefault(tuple(periods[slot] for periods in by_slot), []).append(slot)
        periods = np.full((len(masks), len(bands)), -1, dtype=np.int32)
        numbers = {tou: place for place, tou in enumerate(tous)}
        for place, mask in enumerate(mine):
            periods[mask.mask_no] = [numbers[of_band[place]] for of_band in bands]
        starts = np.cumsum([0, *(len(slots) for slots in bands.values())], dtype=np.int64)
        return cls([slot for slots in bands.values() for slot in slots], starts, periods)


@dataclass(frozen=True)
class BandedDays:
    """Some rows of days of one length.

    `first_row`: the place of the first among all; `slots`: their columns, in the order of the bands; `rows`: of all
    rows, see `rating.kernels.sum_days`.
    """

    first_row: int
    slots: pl.DataFrame
    rows: Int64s
    bands: Bands
