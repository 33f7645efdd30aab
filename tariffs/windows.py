"""Windows: seasons over the year, time-of-use periods over the day.

Seasons and periods are worked out as the sets of names that hold at each day and each clock time, so that the
checks can say where there is none or more than one, and the compiler can take the one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from types import MappingProxyType

from model.tariff import ANY
from tariffs.cells import ALL_DAYS, HOLIDAY_CLASS, HOLIDAYS, day_classes
from tariffs.sheet import Span, TariffFile, Window

MINUTES_PER_DAY = 24 * 60
_EVERY_DAY = ALL_DAYS | {HOLIDAY_CLASS}

MonthDay = tuple[int, int]
WindowItems = tuple[tuple[str, Window], ...]
# Thousands of tariffs share few sets of windows: what follows from windows is worked out once for each set.
_SETS_KEPT = 4096


@dataclass(frozen=True)
class Spell:
    """Clock times [from_minute, to_minute) of one day, and the names of the periods that hold in them."""

    from_minute: int
    to_minute: int
    names: tuple[str, ...]


@lru_cache(maxsize=1)
def calendar_days() -> tuple[MonthDay, ...]:
    """Return month and day of the 366 days of a leap year, in order."""
    first = date(2024, 1, 1)
    days = (first + timedelta(days=step) for step in range(366))
    return tuple((day.month, day.day) for day in days)


def window_kind(name: str, windows: Mapping[str, Window]) -> str | None:
    """Return `season`, `tou` or `event`, as the keys of the window say; None when they do not say."""
    window = windows[name]
    if window.event is not None:
        return "event"
    if window.rest_of is not None:
        named = [other for other in window.rest_of if other in windows and windows[other].rest_of is None]
        kinds = {window_kind(other, windows) for other in named}
        kinds = (kinds - {"event"}) or ({"tou"} if kinds else set())  # the rest of events alone is a period
        return kinds.pop() if len(kinds) == 1 else None
    if window.months is not None or isinstance(window.start, tuple):
        return "season"
    is_tou = window.days is not None or window.spans is not None or isinstance(window.start, time)
    return "tou" if is_tou else None


def windows_of_kind(kind: str, windows: Mapping[str, Window]) -> dict[str, Window]:
    """Return the windows of one kind, in the order of the file."""
    return {name: window for name, window in windows.items() if window_kind(name, windows) == kind}


def season_names(file: TariffFile) -> list[str]:
    """Return the seasons in the order of the file; `['']` when the tariff has none."""
    return list(windows_of_kind("season", file.windows)) or [ANY]


def tou_names(file: TariffFile) -> list[str]:
    """Return the time-of-use periods in the order of the file; `['']` when the tariff has none.

    Those of events are among them: they occur in every season.
    """
    return [name for name in file.windows if window_kind(name, file.windows) in {"tou", "event"}] or [ANY]


def event_names(file: TariffFile) -> dict[str, str]:
    """Return the periods of dated events and their series, in the order of the file: the first holds over others."""
    return {name: window.event for name, window in file.windows.items() if window.event is not None}


def uses_holidays(file: TariffFile) -> bool:
    """Say whether any window of any schedule names holidays; if none does, they count as the weekdays they are."""
    tables = [file.windows, *file.schedules.values()]
    spans = [span for windows in tables for window in windows.values() for span in (window, *(window.spans or ()))]
    return any(HOLIDAYS in (span.days or ()) + (span.but_not or ()) for span in spans)


def day_classes_used(file: TariffFile) -> list[int]:
    """Return the day classes that a tariff tells apart: holidays only when a window names them, or without periods."""
    has_holidays = uses_holidays(file) or tou_names(file) == [ANY]
    return [*sorted(ALL_DAYS), HOLIDAY_CLASS] if has_holidays else sorted(ALL_DAYS)


def seasons_by_day(file: TariffFile) -> Mapping[MonthDay, tuple[str, ...]]:
    """Return the seasons of each of the 366 days: one each when the file is right."""
    return _seasons_by_day(tuple(windows_of_kind("season", file.windows).items()))


@lru_cache(maxsize=_SETS_KEPT)
def _seasons_by_day(seasons: WindowItems) -> Mapping[MonthDay, tuple[str, ...]]:
    if not seasons:
        return MappingProxyType(dict.fromkeys(calendar_days(), (ANY,)))
    held = {name: _season_days(window) for name, window in seasons if window.rest_of is None}
    for name, window in seasons:
        if window.rest_of is not None:
            taken = frozenset[MonthDay]().union(*(held.get(other, frozenset()) for other in window.rest_of))
            held[name] = frozenset(calendar_days()) - taken
    return MappingProxyType({day: tuple(name for name, _ in seasons if day in held[name]) for day in calendar_days()})


def season_runs(file: TariffFile) -> Sequence[tuple[MonthDay, MonthDay, tuple[str, ...]]]:
    """Return the days of the year in runs with the same seasons: first day, day after the last, seasons."""
    return _season_runs(tuple(windows_of_kind("season", file.windows).items()))


@lru_cache(maxsize=_SETS_KEPT)
def _season_runs(seasons: WindowItems) -> Sequence[tuple[MonthDay, MonthDay, tuple[str, ...]]]:
    runs = [
        (names, next(days)[0]) for names, days in groupby(_seasons_by_day(seasons).items(), key=lambda item: item[1])
    ]
    ends = [*(first for _, first in runs[1:]), (1, 1)]
    return tuple((first, end, names) for (names, first), end in zip(runs, ends, strict=True))


def _season_days(window: Window) -> frozenset[MonthDay]:
    if window.months is not None:
        return frozenset(day for day in calendar_days() if day[0] in window.months)
    start, end = window.start, window.end
    if not isinstance(start, tuple) or not isinstance(end, tuple):
        return frozenset()
    if start < end:
        return frozenset(day for day in calendar_days() if start <= day < end)
    return frozenset(day for day in calendar_days() if day >= start or day < end)  # runs over the new year


def periods_of_day(file: TariffFile, season: str, day_class: int) -> Sequence[Spell]:
    """Return the time-of-use periods of a kind of day in a season, by clock time; neighbours alike are one spell."""
    return periods_of_week(file, season)[day_class]


def periods_of_week(file: TariffFile, season: str) -> Mapping[int, Sequence[Spell]]:
    """Return the time-of-use periods of every kind of day in a season (`periods_of_day`)."""
    return _periods_of_week(tuple(windows_of_kind("tou", file.windows).items()), season)


@lru_cache(maxsize=_SETS_KEPT)
def _periods_of_week(periods: WindowItems, season: str) -> Mapping[int, Sequence[Spell]]:
    return MappingProxyType({day_class: _periods_of_day(dict(periods), season, day_class) for day_class in _EVERY_DAY})


def _periods_of_day(periods: Mapping[str, Window], season: str, day_class: int) -> Sequence[Spell]:
    if not periods:
        return (Spell(0, MINUTES_PER_DAY, (ANY,)),)
    held = {name: _clock_spans(window, season, day_class) for name, window in periods.items() if window.rest_of is None}
    edges = sorted({0, MINUTES_PER_DAY}.union(*(edge for spans in held.values() for edge in spans)))
    spells: list[Spell] = []
    for start, end in pairwise(edges):
        names = _names_at(start, periods, held)
        if spells and spells[-1].names == names:
            spells[-1] = Spell(spells[-1].from_minute, end, names)
        else:
            spells.append(Spell(start, end, names))
    return tuple(spells)


def occurring_periods(file: TariffFile, season: str) -> list[str]:
    """Return the periods that occur in a season, in the order of the file."""
    week = periods_of_week(file, season)
    found = {name for day_class in day_classes_used(file) for spell in week[day_class] for name in spell.names}
    found |= set(event_names(file))
    return [name for name in tou_names(file) if name in found]


def _names_at(minute: int, periods: Mapping[str, Window], held: Mapping[str, list[tuple[int, int]]]) -> tuple[str, ...]:
    now = {name for name, spans in held.items() if any(start <= minute < end for start, end in spans)}
    rests = {name for name, window in periods.items() if window.rest_of is not None and not now & set(window.rest_of)}
    return tuple(name for name in periods if name in now | rests)


def _clock_spans(window: Window, season: str, day_class: int) -> list[tuple[int, int]]:
    """Return the clock minutes [from, to) at which a window holds on a kind of day in a season."""
    spans = window.spans or (window,)
    return [
        span_minutes(span)
        for span in spans
        if day_class in span_classes(span) and (span.season is None or season in span.season)
    ]


def span_classes(span: Span) -> frozenset[int]:
    """Return the day classes of a span: all of them unless it names days, less those of `not`."""
    held = day_classes(span.days) if span.days is not None else _EVERY_DAY
    return held - day_classes(span.but_not) if span.but_not is not None else held


def span_minutes(span: Span) -> tuple[int, int]:
    """Return the clock minutes [from, to) of a span; midnight as the end is the end of the day."""
    start = span.start if isinstance(span.start, time) else time(0)
    end = span.end if isinstance(span.end, time) else time(0)
    return start.hour * 60 + start.minute, (end.hour * 60 + end.minute) or MINUTES_PER_DAY
