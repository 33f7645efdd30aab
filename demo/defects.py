"""What goes wrong between the meter and the file: gaps, spikes, negative values, estimates, late corrections.

Rates are shares of channel-days; they are stated here so that tests and documentation can quote them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from demo.draws import Subject, stream
from demo.load import Energy
from demo.weather import SLOTS
from model.codes import Quality

SHORT_GAP_RATE = 0.006  # 1 to 7 slots: less than two hours
LONG_GAP_RATE = 0.002  # 10 to 60 slots
WHOLE_DAY_RATE = 0.0015  # no row at all
SPIKE_RATE = 0.0008  # one slot of 40 times the day's highest
SPIKE_FACTOR = 40
NEGATIVE_RATE = 0.0002
ESTIMATED_DAY_RATE = 0.005  # the whole day estimated (E) or substituted (S) by the provider
ESTIMATED_PART_RATE = 0.004  # 4 to 40 slots of the day
RESEND_SHARE = 0.5  # of long gaps, missing days and estimates are corrected by a later file
EXCHANGE_GAP_SLOTS = 3


@dataclass(frozen=True)
class Delivered:
    """Values as the files say them. `quality` is 8 where the slot is missing; `is_present` false: no row."""

    values: NDArray[np.int32]
    quality: NDArray[np.uint8]
    is_present: NDArray[np.bool_]
    is_resent: NDArray[np.bool_]


def _span(
    generator: np.random.Generator, rows: int, shortest: int, longest: int, slots: NDArray[np.int16]
) -> NDArray[np.bool_]:
    """Draw one run of slots for each of `rows` days, inside its real slots."""
    length = generator.integers(shortest, longest + 1, rows)
    first = (generator.random(rows) * (slots - length)).astype(np.int64)
    slot = np.arange(SLOTS)[None, :]
    return (slot >= first[:, None]) & (slot < (first + length)[:, None])


def _estimate(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what a provider's estimate looks like: hourly steps near the truth, whole units."""
    hours = values.reshape(*values.shape[:-1], SLOTS // 4, 4).sum(axis=-1, dtype=np.int64) * 21 // 80
    return np.repeat(hours, 4, axis=-1).astype(np.int32)


class _Day:
    """The channels of one day, while its defects are drawn. Each kind draws for all channels, then takes a few."""

    def __init__(self, generator: np.random.Generator, values: NDArray[np.int32], slots: NDArray[np.int16]) -> None:
        self.generator = generator
        self.values = values
        self.slots = slots
        self.quality = np.zeros(values.shape, dtype=np.uint8)
        self.is_present = np.ones(len(values), dtype=np.bool_)
        self.free = np.ones(len(values), dtype=np.bool_)

    def _take(self, rate: float) -> NDArray[np.intp]:
        """Return the channels of one kind of defect; a channel-day has one kind at most."""
        hit = (self.generator.random(len(self.values)) < rate) & self.free
        self.free &= ~hit
        return np.flatnonzero(hit)

    def miss(self, rate: float, shortest: int, longest: int) -> NDArray[np.intp]:
        rows = self._take(rate)
        span = _span(self.generator, len(rows), shortest, longest, self.slots[rows])
        self.values[rows] = np.where(span, 0, self.values[rows])
        self.quality[rows] = np.where(span, int(Quality.MISSING), self.quality[rows])
        return rows

    def miss_whole(self, rate: float) -> NDArray[np.intp]:
        rows = self._take(rate)
        self.is_present[rows] = False
        return rows

    def estimate(self, rate: float, shortest: int, longest: int) -> NDArray[np.intp]:
        rows = self._take(rate)
        span = _span(self.generator, len(rows), shortest, longest, self.slots[rows]) if longest else np.True_
        code = np.where(self.generator.random(len(rows)) < 0.6, int(Quality.ESTIMATED), int(Quality.SUBSTITUTED))
        real = np.arange(SLOTS)[None, :] < self.slots[rows][:, None]
        self.values[rows] = np.where(span & real, _estimate(self.values[rows]), self.values[rows])
        self.quality[rows] = np.where(span, code[:, None], self.quality[rows])
        return rows

    def spike(self, rate: float) -> NDArray[np.intp]:
        rows = self._take(rate)
        slot = (self.generator.random(len(rows)) * self.slots[rows]).astype(np.int64)
        self.values[rows, slot] = self.values[rows].max(axis=1, initial=0) * SPIKE_FACTOR
        return rows

    def negate(self, rate: float) -> NDArray[np.intp]:
        rows = self._take(rate)
        slot = (self.generator.random(len(rows)) * self.slots[rows]).astype(np.int64)
        self.values[rows, slot] = -self.values[rows, slot]
        return rows


def _day_defects(state: _Day) -> NDArray[np.bool_]:
    """Draw the defects of one day in a fixed order; return the channels that a later file corrects."""
    late = [state.miss(LONG_GAP_RATE, 10, 60), state.miss_whole(WHOLE_DAY_RATE)]
    late += [state.estimate(ESTIMATED_DAY_RATE, 0, 0), state.estimate(ESTIMATED_PART_RATE, 4, 40)]
    state.miss(SHORT_GAP_RATE, 1, 7)
    state.spike(SPIKE_RATE)
    state.negate(NEGATIVE_RATE)
    resent = np.zeros(len(state.values), dtype=np.bool_)
    chance = state.generator.random(len(state.values)) < RESEND_SHARE
    resent[np.concatenate(late)] = True
    return resent & chance


def deliver(seed: int, block: int, energy: Energy) -> Delivered:
    """Return what the files say of drawn energy: the same for a day, whatever other days are drawn.

    Points without reads and connections before their first day have no rows; an exchange costs three slots.
    """
    shape = energy.values.shape
    values, quality = energy.values.copy(), np.zeros(shape, dtype=np.uint8)
    present, resent = np.ones(shape[:2], dtype=np.bool_), np.zeros(shape[:2], dtype=np.bool_)
    for number, day in enumerate(energy.days):
        state = _Day(stream(seed, Subject.DEFECTS, block, day), values[:, number].copy(), energy.slots[:, number])
        resent[:, number] = _day_defects(state)
        values[:, number], quality[:, number], present[:, number] = state.values, state.quality, state.is_present
    event, event_day = energy.channels["event"].fill_null(""), energy.channels["event_date"].to_numpy()
    days = np.array(energy.days, dtype="datetime64[D]")[None, :]
    before = days < event_day[:, None].astype("datetime64[D]")
    silent = (event == "no_reads").to_numpy()[:, None] | ((event == "connection").to_numpy()[:, None] & before)
    present &= ~silent
    resent &= ~silent
    _exchange_gap(values, quality, (event == "meter_exchange").to_numpy()[:, None] & (days == event_day[:, None]))
    real = np.arange(SLOTS)[None, None, :] < energy.slots[:, :, None]
    quality[~real] = 0
    values[~real] = 0
    return Delivered(values=values, quality=quality, is_present=present, is_resent=resent)


def _exchange_gap(values: NDArray[np.int32], quality: NDArray[np.uint8], at: NDArray[np.bool_]) -> None:
    """Take out the three slots in which the old meter is off and the new one not yet on."""
    rows, days = np.nonzero(at)
    gap = slice(40, 40 + EXCHANGE_GAP_SLOTS)
    values[rows, days, gap] = 0
    quality[rows, days, gap] = int(Quality.MISSING)


def final_quantities(energy: Energy, delivered: Delivered) -> pl.DataFrame:
    """Return, by channel and day, what was drawn and what all files together say.

    Columns: channel_id, suffix, day, slots, drawn (true energy), delivered (after the correcting file; missing
    slots count zero), delivered_slots (0 when no row arrives), worst (canonical quality). Wh or varh.
    """
    channel_count, day_count = energy.slots.shape
    has_row = delivered.is_present | delivered.is_resent
    said = np.where(delivered.is_resent[:, :, None], energy.values, delivered.values).astype(np.int64)
    quality = np.where(delivered.is_resent[:, :, None], 0, delivered.quality)
    there = (quality != int(Quality.MISSING)) & (np.arange(SLOTS)[None, None, :] < energy.slots[:, :, None])
    days = pl.Series(energy.days, dtype=pl.Date)
    ids = energy.channels["channel_id"]
    return pl.DataFrame(
        {
            "channel_id": ids.gather(np.repeat(np.arange(channel_count, dtype=np.uint32), day_count)),
            "suffix": energy.channels["suffix"].gather(np.repeat(np.arange(channel_count, dtype=np.uint32), day_count)),
            "day": days.gather(np.tile(np.arange(day_count, dtype=np.uint32), channel_count)),
            "slots": energy.slots.ravel(),
            "drawn": energy.values.sum(axis=2, dtype=np.int64).ravel(),
            "delivered": np.where(has_row, (said * there).sum(axis=2), 0).ravel(),
            "delivered_slots": np.where(has_row, there.sum(axis=2), 0).astype(np.int16).ravel(),
            "worst": np.where(has_row, quality.max(axis=2), int(Quality.MISSING)).astype(np.uint8).ravel(),
        }
    )
