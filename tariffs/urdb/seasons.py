"""Schedules of 12 months x 24 hours as an analyst writes them: seasons of months, periods of clock hours.

Months whose working days and weekends are alike form a season, named after its months. Where each month has one
period, seasons alone say it; otherwise the periods are time-of-use periods p0, p1, ..., numbered as in the record.
The record knows no holidays: they are billed as the day of the week they fall on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from model.tariff import ANY
from tariffs.urdb.record import HOURS, MONTHS, Schedule

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
EVERY_DAY = "mon-sun"
_WEEKDAYS, _WEEKENDS = "mon-fri", "sat-sun"


@dataclass(frozen=True)
class Span:
    """Whole clock hours [start, end) on kinds of days, in some seasons; none named means all."""

    days: str
    start: int
    end: int
    seasons: tuple[str, ...]


@dataclass(frozen=True)
class Partition:
    """How a schedule cuts the year and the week.

    `months`: those of each season, none when all months are alike. `spans`: those of each time-of-use period, none
    when each month has one. `cells`: the record's period for each season and time-of-use period, as prices name them.
    """

    months: dict[str, tuple[int, ...]]
    spans: dict[str, tuple[Span, ...]]
    cells: dict[tuple[str, str], int]

    @property
    def has_windows(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.months or self.spans)

    @property
    def by(self) -> tuple[str, ...]:
        """What prices are by."""
        return tuple(name for name, there in (("season", self.months), ("tou", self.spans)) if there)

    def is_like(self, other: Partition) -> bool:
        """Whether both cut year and week alike, so that one may use the windows of the other."""
        return self.months == other.months and _shapes(self.spans) == _shapes(other.spans)

    def under_names_of(self, other: Partition) -> Partition:
        """Return this partition with the period names of one that is alike."""
        names = {spans: name for name, spans in other.spans.items()}
        renamed = {name: names[spans] for name, spans in self.spans.items()}
        cells = {(season, renamed.get(tou, tou)): period for (season, tou), period in self.cells.items()}
        return Partition(self.months, other.spans, cells)

    def within(self, other: Partition) -> Partition | None:
        """Return this partition by the seasons of a finer one; None when it has periods, or is not coarser."""
        if self.spans or not other.months:
            return None
        cells = {}
        for season, months in other.months.items():
            held = {name for name, mine in self.months.items() if set(months) & set(mine)}
            if len(held) != 1:
                return None
            cells[season, ANY] = self.cells[held.pop(), ANY]
        return Partition(other.months, {}, cells)


def _shapes(spans: dict[str, tuple[Span, ...]]) -> set[tuple[Span, ...]]:
    return set(spans.values())


def partition_schedules(weekday: Schedule, weekend: Schedule) -> Partition:
    """Return the partition of the schedules for working days and weekends."""
    patterns: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for month in range(MONTHS):
        patterns.setdefault((weekday[month], weekend[month]), []).append(month + 1)
    seasons = {pattern: season_name(months) for pattern, months in patterns.items()} if len(patterns) > 1 else {}
    months = {seasons[pattern]: tuple(held) for pattern, held in patterns.items()} if seasons else {}
    if all(len({*workday, *restday}) == 1 for workday, restday in patterns):
        cells = {(seasons.get(pattern, ANY), ANY): pattern[0][0] for pattern in patterns}
        return Partition(months, {}, cells)
    cells = {
        (seasons.get(pattern, ANY), _period_name(period)): period
        for pattern in patterns
        for period in sorted({*pattern[0], *pattern[1]})
    }
    spans = {_period_name(period): _spans_of(period, patterns, seasons) for period in sorted({*cells.values()})}
    return Partition(months, spans, cells)


def partition_months(months: Sequence[int]) -> Partition:
    """Return the partition of periods by month."""
    rows = tuple((period,) * HOURS for period in months)
    return partition_schedules(rows, rows)


def season_name(months: Sequence[int]) -> str:
    """Return a name for months: runs of them by their first and last, over the new year where they run so.

    >>> season_name([1, 2, 3, 4, 5, 10, 11, 12])
    'oct_may'
    """
    held = sorted(months)
    runs = [[month for _, month in run] for _, run in groupby(enumerate(held), lambda item: item[1] - item[0])]
    if len(runs) > 1 and runs[0][0] == 1 and runs[-1][-1] == MONTHS:
        runs = [runs[-1] + runs[0], *runs[1:-1]]
    names = [[_MONTH_NAMES[month - 1] for month in run] for run in runs]
    return "_".join(run[0] if len(run) == 1 else f"{run[0]}_{run[-1]}" for run in names)


def _period_name(period: int) -> str:
    return f"p{period}"


def _spans_of(
    period: int,
    patterns: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]],
    seasons: dict[tuple[tuple[int, ...], tuple[int, ...]], str],
) -> tuple[Span, ...]:
    """Return the spans of a period; hours that are the same on all days, or in all seasons, stand once."""
    held: dict[tuple[str, int, int], list[str]] = {}
    for pattern in patterns:
        workday, restday = (set(_runs(hours, period)) for hours in pattern)
        for days, runs in (
            (EVERY_DAY, workday & restday), (_WEEKDAYS, workday - restday), (_WEEKENDS, restday - workday)
        ):  # fmt: skip
            for start, end in sorted(runs):
                held.setdefault((days, start, end), []).append(seasons.get(pattern, ANY))
    return tuple(
        Span(days, start, end, () if len(named) == len(patterns) else tuple(named))
        for (days, start, end), named in held.items()
    )


def _runs(hours: Sequence[int], period: int) -> list[tuple[int, int]]:
    """Return the runs of hours [start, end) of a period within a day."""
    runs = []
    for held, run in groupby(range(HOURS), lambda hour: hours[hour]):
        if held == period:
            inside = list(run)
            runs.append((inside[0], inside[-1] + 1))
    return runs
