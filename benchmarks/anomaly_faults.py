"""Faults put into drawn reads, and ordinary life that is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.vee.matrix import MISSING

DAYS = 31

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Life:
    """Reads as arrays: a row a channel-day, days counted from the first of the period."""

    numbers: Ints  # channels, in order
    branches: NDArray[np.object_]
    is_water: NDArray[np.bool_]
    is_home: NDArray[np.bool_]
    row_channel: Ints
    row_day: Ints
    values: NDArray[np.int32]
    slots: Ints

    def rows(self, number: int, from_day: int = 0, to_day: int = DAYS) -> slice:
        """Return the rows of a channel on days [from_day, to_day); rows are in order of channel and day."""
        first, after = np.searchsorted(self.row_channel, [number, number + 1])
        days = self.row_day[first:after]
        return slice(first + int(np.searchsorted(days, from_day)), first + int(np.searchsorted(days, to_day)))

    def scale(self, rows: slice, factor: float) -> None:
        """Multiply what was used, in whole units."""
        there = self.values[rows]
        scaled = np.rint(np.where(there == MISSING, 0, there) * factor).astype(np.int32)
        self.values[rows] = np.where(there == MISSING, MISSING, scaled)


Fault = Callable[[np.random.Generator, Life, int, int], None]


def _negative(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    day = int(generator.integers(0, DAYS))
    rows = life.rows(number, day, day + 1)
    life.values[rows, generator.integers(0, 90)] = -int(generator.integers(1, 500))


def _spike(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """A transmission error: fifteen to sixty times the highest value of the month in one slot."""
    top = int(life.values[life.rows(number)].max())
    day = int(generator.integers(0, DAYS))
    # At least 2 kWh, for a channel at rest.
    life.values[life.rows(number, day, day + 1), generator.integers(0, 90)] = max(
        int(top * generator.uniform(15, 60)), 2_000
    )


def _over_capacity(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """One to four slots at 1.2 to 3 times what the connection can carry."""
    day, first = int(generator.integers(0, DAYS)), int(generator.integers(0, 85))
    length = int(generator.integers(1, 5))
    energy = int(capacity // 4 * generator.uniform(1.2, 3.0))
    life.values[life.rows(number, day, day + 1), first : first + length] = energy


def _stuck(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """The same value for eight hours to two days."""
    day, hours = int(generator.integers(0, DAYS - 2)), int(generator.integers(8, 49))
    first, length = int(generator.integers(0, 40)), hours * 4
    start = life.rows(number, day, day + 1).start
    held = max(int(np.median(life.values[start][: life.slots[start]])), 1)
    row, slot = start, first
    for _ in range(length):
        if slot >= life.slots[row]:
            row, slot = row + 1, 0
        life.values[row, slot] = held
        slot += 1


def _stopped(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """Nothing from a day on, to the end."""
    life.scale(life.rows(number, int(generator.integers(2, DAYS - 4))), 0.0)


def _theft(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """From a day on a share goes past the meter: it counts 20 to 55 percent."""
    life.scale(life.rows(number, int(generator.integers(3, DAYS - 9))), generator.uniform(0.20, 0.55))


def _multiplier(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """A wrong factor: two and a half to five times as much all month."""
    life.scale(life.rows(number), generator.uniform(2.5, 5.0))


def _clock(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """The meter's clock is wrong by six to twelve hours from a day on."""
    rows = life.rows(number, int(generator.integers(0, DAYS - 9)))
    shift = int(generator.integers(24, 49))
    for row in range(rows.start, rows.stop):
        count = life.slots[row]
        life.values[row, :count] = np.roll(life.values[row, :count], shift)


def _leak(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """Water that runs all the time from a day on: 4 to 25 litres a quarter hour."""
    rows = life.rows(number, int(generator.integers(2, DAYS - 4)))
    there = life.values[rows]
    life.values[rows] = np.where(there == MISSING, MISSING, there + int(generator.integers(4, 26)))


def _vacant(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """People who live where nobody has an agreement: their reads are as they are."""


def _empty(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """No fault: a place without an agreement where only a clock and a router run, up to 35 W."""
    rows = life.rows(number)
    there = life.values[rows]
    standing = generator.integers(0, 9, there.shape).astype(np.int32)
    life.values[rows] = np.where(there == MISSING, MISSING, standing)


def _away(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """No fault: nobody at home for five to fourteen days; what always runs stays, and a light at times."""
    length = int(generator.integers(5, 15))
    first = int(generator.integers(0, DAYS - 5))
    rows = life.rows(number, first, min(first + length, DAYS))
    there = life.values[rows]
    # What runs before five in the morning: roofs take off the day what they want.
    always = int(np.percentile(there[:, :20], 20))
    drawn = np.minimum(there, always + generator.integers(0, always // 4 + 2, there.shape)).astype(np.int32)
    life.values[rows] = np.where(there == MISSING, MISSING, drawn)


def _car(generator: np.random.Generator, life: Life, number: int, capacity: int) -> None:
    """No fault: a car that charges from midnight every other night from a day on."""
    for day in range(int(generator.integers(0, 20)), DAYS, 2):
        rows = life.rows(number, day, day + 1)
        life.values[rows, : int(generator.integers(8, 18))] += 1_800


# Kind, what does it, how many of a thousand channels, whether of water; homes only below.
FAULTS: dict[str, tuple[Fault, int, bool]] = {
    "negative": (_negative, 10, False),
    "spike": (_spike, 10, False),
    "over_capacity": (_over_capacity, 10, False),
    "stuck": (_stuck, 12, False),
    "stopped": (_stopped, 12, False),
    "theft": (_theft, 14, False),
    "multiplier": (_multiplier, 10, False),
    "clock": (_clock, 12, False),
    "vacant": (_vacant, 10, False),
    "leak": (_leak, 40, True),
}
SWAPPED_PAIRS = 8  # of a thousand channels
LIFE: dict[str, tuple[Fault, int, bool]] = {
    "empty": (_empty, 15, False),
    "away": (_away, 40, False),
    "car": (_car, 10, False),
}
FAULTS_AND_SWAPS = (*FAULTS, "swapped", "drip")


def inject(generator: np.random.Generator, life: Life, capacity: Ints, drips: set[int]) -> dict[str, set[int]]:
    """Put faults and ordinary life into the reads, in place; return the channels of each kind, none twice.

    `drips` are water channels that always leaked; they get no other fault.
    """
    kinds: dict[str, set[int]] = {"drip": drips}
    free = life.numbers.copy()
    generator.shuffle(free)
    left = [int(number) for number in free]
    place_of = {int(number): place for place, number in enumerate(life.numbers)}
    kinds["swapped"] = _swap(generator, life, left, place_of)
    for kind, (fault, share, of_water) in (FAULTS | LIFE).items():
        some = [number for number in left if life.is_water[place_of[number]] == of_water]
        some = [number for number in some if number not in drips]
        if kind in ("vacant", *LIFE):
            some = [number for number in some if life.is_home[place_of[number]]]
        every = int((life.is_water == of_water).sum())
        chosen = some[: max(every * share // 1_000, 1)]
        for number in chosen:
            fault(generator, life, number, int(capacity[place_of[number]]))
        kinds[kind] = set(chosen)
        left = [number for number in left if number not in kinds[kind]]
    return kinds


def _swap(generator: np.random.Generator, life: Life, left: list[int], place_of: dict[int, int]) -> set[int]:
    """Exchange the reads of pairs of one branch from a day on, and take them off those left."""
    power = [number for number in left if not life.is_water[place_of[number]]]
    wanted = len(power) * SWAPPED_PAIRS // 1_000
    swapped: set[int] = set()
    for first in power:
        if len(swapped) >= 2 * wanted:
            break
        same = [
            other for other in power
            if other != first and other not in swapped
            and life.branches[place_of[other]] == life.branches[place_of[first]]
        ]  # fmt: skip
        if first in swapped or not same:
            continue
        second = same[int(generator.integers(0, len(same)))]
        day = int(generator.integers(0, DAYS - 9))
        one, other_rows = life.rows(first, day), life.rows(second, day)
        kept = life.values[one].copy()
        life.values[one] = life.values[other_rows]
        life.values[other_rows] = kept
        swapped |= {first, second}
    left[:] = [number for number in left if number not in swapped]
    return swapped
