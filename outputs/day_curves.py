"""A day of a channel around a finding: what came, what was used, the days beside it, like days. For charts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

Slots = tuple[int | None, ...]


@dataclass(frozen=True)
class DayCurve:
    """Values of one civil day. `clocks` holds the minute of the day that the clock shows at the start of each slot."""

    day: date
    clocks: tuple[int, ...]
    values: Slots

    @property
    def total(self) -> int | None:
        """Sum of the values; None when there is none."""
        known = [value for value in self.values if value is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class DayStory:
    """The day of a finding, slot by slot, in smallest units of `unit`, with what one compares it with."""

    interval_minutes: int
    unit: str
    day: date
    clocks: tuple[int, ...]
    found: Slots
    """As it came."""
    used: Slots
    """As it is used: read, estimated, edited or accepted."""
    first_slot: int
    last_slot: int
    before: DayCurve | None = None
    after: DayCurve | None = None
    like: tuple[DayCurve, ...] = ()

    @property
    def used_day(self) -> DayCurve:
        """The day as used."""
        return DayCurve(self.day, self.clocks, self.used)

    def is_replaced(self, slot: int) -> bool:
        """Return whether the value used is not the one that came."""
        return self.used[slot] is not None and self.used[slot] != self.found[slot]


def aligned(curve: DayCurve, clocks: Sequence[int]) -> Slots:
    """Return the values of a day at the clock times of another; None where its clock does not show the time.

    Where a day shows a time twice (the clock goes back) its first pass stands for it; a time that the other day shows
    twice takes the same value twice.
    """
    by_clock: dict[int, int | None] = {}
    for clock, value in zip(curve.clocks, curve.values, strict=True):
        by_clock.setdefault(clock, value)
    return tuple(by_clock.get(clock) for clock in clocks)


def like_mean(story: DayStory) -> Slots:
    """Return the mean of the like days at each clock time of the day, half up; None where none has a value."""
    curves = [aligned(curve, story.clocks) for curve in story.like]
    columns = zip(*curves, strict=True) if curves else ((),) * len(story.clocks)
    means: list[int | None] = []
    for column in columns:
        known = [value for value in column if value is not None]
        means.append((2 * sum(known) + len(known)) // (2 * len(known)) if known else None)
    return tuple(means)


def grouped(values: Slots, size: int) -> Slots:
    """Return sums of `size` slots each; None where one of them has no value."""
    parts = [values[start : start + size] for start in range(0, len(values), size)]
    return tuple(None if None in part else sum(value for value in part if value is not None) for part in parts)


def clock_text(minute: int) -> str:
    """Return a minute of the day as the clock shows it: 90 -> 01:30."""
    return f"{minute // 60:02}:{minute % 60:02}"


def slots_text(story: DayStory) -> str:
    """Return the time that the slots of the finding cover: 08:00 to 08:15, or `the whole day`."""
    if story.first_slot == 0 and story.last_slot >= len(story.clocks) - 1:
        return "the whole day"
    ends = story.clocks[story.last_slot] + story.interval_minutes
    return f"{clock_text(story.clocks[story.first_slot])} to {clock_text(ends)}"
