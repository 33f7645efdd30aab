"""What is true in a drawn world: who is supplied where, what was used, what it costs. Plain Python, no Billmill.

Nine branches, three points each: E is read by interval, W (water) and G (gas) are registers. Two years from March 2027:
both clock changes twice, and 29 February 2028. Energy is in Wh, volumes in litres.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

FIRST, END = date(2027, 3, 1), date(2029, 3, 1)
BRANCHES = tuple(range(1, 10))
BOOKS = {
    "EU": ("Europe/Berlin", "EUR", Decimal(19)),
    "AU": ("Australia/Sydney", "AUD", Decimal(10)),
    "CH": ("Europe/Zurich", "CHF", Decimal("8.1")),
}
COMMODITY = {"E": "electricity", "W": "water", "G": "gas"}
DAILY = {"E": 9_600, "W": 400, "G": 2_500}
"""Wh or litres that a point uses on an average day."""
REGISTER_START = {"W": 99_700_000, "G": 4_000_000}
DIALS = 5  # the water meters roll over in the first year


def book_of(branch: int) -> str:
    """Return the price book of a branch."""
    return "CH" if branch == 9 else "AU" if branch >= 7 else "EU"


def days_between(first: date, after: date) -> list[date]:
    """Return the days of [first, after)."""
    return [first + timedelta(days=number) for number in range((after - first).days)]


@cache
def slots_of(zone: str, day: date, minutes: int) -> tuple[tuple[str, str], ...]:
    """Return the intervals of a civil day: start with its offset, and the period of the day: peak or off_peak."""
    tz = ZoneInfo(zone)
    at, after = (
        datetime(some.year, some.month, some.day, tzinfo=tz).astimezone(UTC) for some in (day, day + timedelta(days=1))
    )
    found = []
    while at < after:
        local = at.astimezone(tz)
        found.append((local.isoformat(), "peak" if local.weekday() < 5 and 7 <= local.hour < 21 else "off_peak"))
        at += timedelta(minutes=minutes)
    return tuple(found)


@dataclass
class Price:
    """What a tariff asks from a day on, in major units: a kWh or m3 by time of use, a day, a day of the levy."""

    valid_from: date
    of_use: dict[str, Decimal]
    supply: Decimal
    levy: Decimal


@dataclass
class Meter:
    """A meter that hangs in [installed, removed); `start` is what its register showed when it was put up."""

    meter_id: str
    installed: date
    start: int
    removed: date | None = None


@dataclass
class Agreement:
    """Who pays for a point in [start, end), by which kind of tariff: flat, tou, water or gas."""

    agreement_id: str
    account_id: str
    point_id: str
    kind: str
    start: date
    end: date = END
    social: list[tuple[date, bool]] = field(default_factory=list)
    """From when on the levy is waived, or asked again."""

    def is_social(self, day: date) -> bool:
        """Return whether the levy is waived on a day."""
        told = [value for from_date, value in sorted(self.social) if from_date <= day]
        return bool(told and told[-1])


@dataclass
class Point:
    """A place of supply and what was used there: by day, of an interval point each interval of the day."""

    point_id: str
    branch: int
    letter: str
    minutes: int
    use: dict[date, list[int]]
    meters: list[Meter]
    never_read: set[date] = field(default_factory=set)
    """Days of intervals, or days of reading, that nobody will ever know."""

    @property
    def book(self) -> str:
        """Price book of the branch."""
        return book_of(self.branch)

    @property
    def zone(self) -> str:
        """Zone of its civil days."""
        return BOOKS[self.book][0]

    def used(self, first: date, after: date) -> int:
        """Return what was used in [first, after)."""
        return sum(sum(self.use[day]) for day in days_between(first, after))

    def meter_on(self, day: date) -> Meter:
        """Return the meter that hangs on a day."""
        return next(m for m in self.meters if m.installed <= day and (m.removed is None or day < m.removed))

    def shows(self, meter: Meter, day: date) -> int:
        """Return what a register shows at the start of a day, in litres: it rolls over."""
        return (meter.start + self.used(max(meter.installed, FIRST), day)) % 10 ** (DIALS + 3)


@dataclass
class Truth:
    """All that is true. Acts of the world change it as they tell Billmill."""

    seed: int
    draw: random.Random
    cycles: list[tuple[str, date, date]]
    points: dict[str, Point]
    agreements: dict[str, Agreement]
    prices: dict[str, list[Price]]
    postings: list[tuple[str, int]] = field(default_factory=list)
    """What was posted beyond bills: account, minor units that it owes more."""
    log: list[str] = field(default_factory=list)
    """What happened, for whoever has to explain a failure."""

    def current(self, point_id: str) -> Agreement:
        """Return the last agreement of a point."""
        return max((a for a in self.agreements.values() if a.point_id == point_id), key=lambda a: (a.start, a.end))


def draw_truth(seed: int) -> Truth:
    """Draw a world; the seed says all."""
    draw = random.Random(seed)
    cycles = _cycles(draw.choice([4, 6]))
    truth = Truth(seed, draw, cycles, {}, {}, _prices(draw, cycles))
    for branch in BRANCHES:
        for letter, commodity in COMMODITY.items():
            minutes = {1: 15, 2: 30}.get(branch, 60) if letter == "E" else 0
            point = _point(draw, branch, letter, minutes)
            truth.points[point.point_id] = point
            account = f"A{branch}-{2 if letter == 'G' else 1}"
            kind = draw.choice(["flat", "tou"]) if letter == "E" else commodity
            name = f"S{point.point_id}"
            truth.agreements[name] = Agreement(name, account, point.point_id, kind, FIRST)
    return truth


def _cycles(months: int) -> list[tuple[str, date, date]]:
    starts = [date(2027 + (2 + n) // 12, (2 + n) % 12 + 1, 1) for n in range(0, 25, months)]
    return [(f"{s:%Y-%m}", s, e) for s, e in pairwise(starts)]


def _point(draw: random.Random, branch: int, letter: str, minutes: int) -> Point:
    point = Point(f"P{branch}{letter}", branch, letter, minutes, {}, [])
    level = DAILY[letter] * draw.randint(70, 130) // 100
    for day in days_between(FIRST, END):
        of_day = level * draw.randint(85, 115) // 100
        if minutes:
            slots = slots_of(point.zone, day, minutes)
            share = of_day * minutes // 1440
            point.use[day] = [share * (3 if period == "peak" else 2) // 2 for _, period in slots]
        else:
            point.use[day] = [of_day]
    point.meters.append(Meter(f"M{point.point_id}", date(2026, 1, 1), REGISTER_START.get(letter, 0)))
    return point


def _prices(draw: random.Random, cycles: list[tuple[str, date, date]]) -> dict[str, list[Price]]:
    found = {}
    for book in BOOKS:
        for kind in ("flat", "tou", "water", "gas"):
            # Electricity may change its price inside a cycle; registers are not read on such a day.
            change = cycles[len(cycles) // 2][1] + timedelta(
                days=draw.choice([0, 15]) if kind in {"flat", "tou"} else 0
            )
            found[f"{kind}-{book}"] = [_price(draw, kind, date(2020, 1, 1)), _price(draw, kind, change)]
    return found


def _price(draw: random.Random, kind: str, valid_from: date) -> Price:
    of_use = {
        tou: Decimal(draw.randint(900, 4900)) / 10_000 for tou in (("peak", "off_peak") if kind == "tou" else ("",))
    }
    return Price(valid_from, of_use, Decimal(draw.randint(200, 1900)) / 1000, Decimal(draw.randint(10, 99)) / 1000)
