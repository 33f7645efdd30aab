"""Bands: runs of slots that no mask parts, so that a slot is looked at once, where it lies."""

from __future__ import annotations

import numpy as np

from rating.calendar import Mask
from rating.slot_kernels import Windows


def bands_of(masks: list[Mask], tous: list[str]) -> Windows:
    """Return the bands of masks of all lengths; slots that days of a length do not have are no part of theirs.

    Working days, weekends and holidays of a few tariffs cut the day at a few clock times, so each slot counts once for
    its band, and only some values per day are then given to periods.
    """
    numbers = {tou: place for place, tou in enumerate(tous)}
    by_slot = np.full((len(masks), max(mask.n for mask in masks)), -1, dtype=np.int32)
    for mask in masks:
        for tou, slots in mask.slots.items():
            by_slot[mask.mask_no, list(slots)] = numbers[tou]
    bands: dict[bytes, list[int]] = {}
    for slot, periods in enumerate(by_slot.T):
        bands.setdefault(periods.tobytes(), []).append(slot)
    firsts = [slots[0] for slots in bands.values()]
    starts = np.cumsum([0, *(len(slots) for slots in bands.values())], dtype=np.int64)
    lengths = np.zeros(len(masks), dtype=np.int64)
    lengths[[mask.mask_no for mask in masks]] = [mask.n for mask in masks]
    every = np.array([slot for slots in bands.values() for slot in slots], dtype=np.int64)
    return Windows(every, starts, np.ascontiguousarray(by_slot[:, firsts]), lengths)
