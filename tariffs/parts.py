"""Parts of year and week: several schedules laid over each other.

A tariff may price energy by one set of hours and demand by another, or its fixed charge by other seasons. Rating cuts
year and week once, into the smallest parts that lie in one period of every schedule. With a single schedule the parts
are its periods, under their own names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tariffs.sheet import TariffFile
from tariffs.windows import MINUTES_PER_DAY, MonthDay, Spell, day_classes_used, periods_of_week, seasons_by_day

_JOIN = "+"


@dataclass(frozen=True)
class Parts:
    """The smallest parts of a tariff.

    `season_of`: part of the year of each day. `seasons`: its name on each schedule, by part. `spells`: the parts of
    the week by part of the year and day class, with one name each. `periods`: the name on each schedule, by part.
    """

    season_of: dict[MonthDay, str]
    seasons: dict[str, tuple[str, ...]]
    spells: dict[tuple[str, int], list[Spell]]
    periods: dict[tuple[str, str], tuple[str, ...]]


def lay_over(file: TariffFile) -> Parts:
    """Return the parts of a tariff whose windows are right."""
    views = [file.on_schedule(name) for name in file.schedule_names]
    by_day = [seasons_by_day(view) for view in views]
    season_of: dict[MonthDay, str] = {}
    seasons: dict[str, tuple[str, ...]] = {}
    for day in by_day[0]:
        names = tuple(held[day][0] for held in by_day)
        seasons[season_of.setdefault(day, _joined(names))] = names
    classes = sorted({day_class for view in views for day_class in day_classes_used(view)})
    spells: dict[tuple[str, int], list[Spell]] = {}
    periods: dict[tuple[str, str], tuple[str, ...]] = {}
    for part, names in seasons.items():
        for day_class in classes:
            held = [periods_of_week(view, season)[day_class] for view, season in zip(views, names, strict=True)]
            spells[part, day_class] = []
            for start, end in pairwise(_edges(held)):
                found = tuple(_name_at(day, start) for day in held)
                spells[part, day_class].append(Spell(start, end, (_joined(found),)))
                periods[part, _joined(found)] = found
    return Parts(season_of, seasons, spells, periods)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else _JOIN.join(names)


def _edges(days: Sequence[Sequence[Spell]]) -> list[int]:
    return sorted({0, MINUTES_PER_DAY}.union(*({spell.from_minute for spell in day} for day in days)))


def _name_at(day: Sequence[Spell], minute: int) -> str:
    return next(spell.names[0] for spell in day if spell.from_minute <= minute < spell.to_minute)
