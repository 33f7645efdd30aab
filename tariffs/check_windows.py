"""Checks of windows: each day has one season, each hour of each kind of day one time-of-use period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time

from tariffs.cells import DAY_NAMES, HOLIDAY_CLASS, HOLIDAYS
from tariffs.problems import KeyPath, Problem, show_names, show_value, suggestion
from tariffs.sheet import Span, TariffFile, Window
from tariffs.windows import (
    MINUTES_PER_DAY,
    MonthDay,
    Spell,
    day_classes_used,
    periods_of_week,
    season_names,
    season_runs,
    span_classes,
    span_minutes,
    uses_holidays,
    window_kind,
    windows_of_kind,
)


def window_problems(file: TariffFile, root: KeyPath = ("windows",)) -> list[Problem]:
    """Return the problems of the windows at `root`. Coverage is judged only when each window by itself is right."""
    problems = [problem for name in file.windows for problem in _one_window(name, file, root)]
    problems += _holiday_problems(file) if root == ("windows",) else []
    return problems or [*_season_coverage(file, root), *_week_coverage(file, root)]


def _one_window(name: str, file: TariffFile, root: KeyPath) -> list[Problem]:
    window, path = file.windows[name], (*root, name)
    keys = {Window.model_fields[key].alias or key for key in window.model_fields_set}
    if window.rest_of is not None:
        return _else_problems(name, file, path) + _extra_keys(path, keys - {"else"}, "else")
    kind = window_kind(name, file.windows)
    if kind == "event":
        return _extra_keys(path, keys - {"event"}, "event") + _event_problems(file, root, path)
    if kind is None:
        text = f"expected `months`, `days`, `spans`, `else`, or `from` and `to`, found {show_names(sorted(keys))}"
        return [Problem(path, text)]
    if kind == "season":
        of_months = _extra_keys(path, keys - {"months"}, "months")
        of_dates = _date_problems(window, path) + _extra_keys(path, keys - {"from", "to"}, "from")
        return of_months if window.months is not None else of_dates
    if window.spans is None:
        return _span_problems(window, path, file)
    found = _extra_keys(path, keys - {"spans"}, "spans")
    for index, span in enumerate(window.spans):
        found += _span_problems(span, (*path, "spans", index), file)
    return found


def _extra_keys(path: KeyPath, keys: set[str], beside: str) -> list[Problem]:
    return [Problem((*path, key), f"expected no `{key}` beside `{beside}`, found one") for key in sorted(keys)]


def _else_problems(name: str, file: TariffFile, window_path: KeyPath) -> list[Problem]:
    path = (*window_path, "else")
    found = []
    for other in file.windows[name].rest_of or ():
        if other not in file.windows:
            hint = suggestion(other, [window for window in file.windows if window != name])
            found.append(Problem(path, f"expected the name of a window, found `{other}`", hint))
        elif file.windows[other].rest_of is not None:
            text = f"expected a window with days, times or months of its own, found `{other}`"
            found.append(Problem(path, text, "name the windows whose rest this is"))
    if not found and window_kind(name, file.windows) is None:
        text = "expected only seasons or only time-of-use periods, found both"
        found.append(Problem(path, text))
    return found


def _event_problems(file: TariffFile, root: KeyPath, path: KeyPath) -> list[Problem]:
    """Events take slots out of the one partition of the week."""
    if root[-1] == "windows" and not file.schedules:
        return []
    text = "expected no `event` in a tariff with [schedules], found one"
    return [
        Problem((*path, "event"), text, "price the events in a tariff of their own, or lay the hours into [windows]")
    ]


def _date_problems(window: Window, path: KeyPath) -> list[Problem]:
    if not isinstance(window.end, tuple):
        return [Problem((*path, "to"), f"expected month and day such as `06-01`, found {show_value(window.end)}")]
    if window.start == window.end:
        return [Problem((*path, "to"), "expected another day than `from`, found the same", "`to` is not included")]
    return []


def _span_problems(span: Span, path: KeyPath, file: TariffFile) -> list[Problem]:
    found: list[Problem] = []
    seasons = [name for name in season_names(file) if name]
    for season in span.season or ():
        if season not in seasons:
            text = f"expected a season ({show_names(seasons)}), found `{season}`"
            found.append(Problem((*path, "season"), text, suggestion(season, seasons)))
    if not span_classes(span):
        found.append(Problem((*path, "not"), "expected some days to be left, found none"))
    if span.start is None and span.end is None:
        return found
    for key, bound in (("from", span.start), ("to", span.end)):
        if not isinstance(bound, time):
            shown = "none" if bound is None else "month and day"
            found.append(Problem((*path, key), f"expected a local time such as 16:00:00, found {shown}"))
    start, end = span_minutes(span)
    if isinstance(span.start, time) and isinstance(span.end, time) and start >= end:
        text = f"expected an end after {span.start:%H:%M}, found {span.end:%H:%M}"
        hint = "for a period over midnight write two spans: one to 00:00:00, one from 00:00:00"
        found.append(Problem((*path, "to"), text, hint))
    return found


def _holiday_problems(file: TariffFile) -> list[Problem]:
    lists = list(file.holiday_lists)
    if isinstance(file.holidays, str) and file.holidays not in file.holiday_lists:
        text = f"expected the name of a holiday list ({show_names(lists)}), found `{file.holidays}`"
        return [Problem(("holidays",), text, suggestion(file.holidays, lists))]
    if uses_holidays(file) and not file.holiday_dates:
        text = "expected a list of dates, because a window names holidays, found none"
        return [Problem(("holidays",), text, "write holidays = [2026-01-01, ...]")]
    if file.holiday_dates and not uses_holidays(file):
        text = "expected a window that names holidays, because dates are listed, found none"
        return [Problem(("holidays",), text, 'write not = "holidays" in a window, or remove the dates')]
    return []


def _season_coverage(file: TariffFile, root: KeyPath) -> list[Problem]:
    found: list[Problem] = []
    for start, end, names in season_runs(file):
        if len(names) != 1:
            where = f"from {_mm_dd(start)} to {_mm_dd(end)}"
            text = f"expected one season on each day, found {_several(names)} {where}"
            found.append(Problem(root, text, _cover_hint(names, windows_of_kind("season", file.windows))))
    return found


def _week_coverage(file: TariffFile, root: KeyPath) -> list[Problem]:
    """Return a problem for each stretch of clock time without one period, with its kinds of days and seasons."""
    seasons = season_names(file)
    found: list[Problem] = []
    for (spell, classes), held in _uncovered(file, seasons).items():
        clock = f"{show_clock(spell.from_minute)}-{show_clock(spell.to_minute)}"
        where = f"{show_days(classes)} {clock}" + (f" in {show_names(held)}" if held != seasons else "")
        text = f"expected one time-of-use period at each hour, found {_several(spell.names)} on {where}"
        found.append(Problem(root, text, _cover_hint(spell.names, windows_of_kind("tou", file.windows))))
    return found


def _uncovered(file: TariffFile, seasons: Sequence[str]) -> dict[tuple[Spell, tuple[int, ...]], list[str]]:
    """Return the stretches without one period: clock times and kinds of days -> the seasons in which they are so."""
    found: dict[tuple[Spell, tuple[int, ...]], list[str]] = {}
    for season in seasons:
        classes: dict[Spell, tuple[int, ...]] = {}
        week = periods_of_week(file, season)
        for day_class in day_classes_used(file):
            for spell in week[day_class]:
                if len(spell.names) != 1:
                    classes[spell] = (*classes.get(spell, ()), day_class)
        for stretch in classes.items():
            found.setdefault(stretch, []).append(season)
    return found


def _several(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names) if names else "none"


def _cover_hint(names: Sequence[str], windows: dict[str, Window]) -> str:
    if names:
        return "make them disjoint, or name both in `else`"
    return f"a window with else = [{', '.join(repr(name) for name in windows)}] takes the rest".replace("'", '"')


def _mm_dd(day: MonthDay) -> str:
    return f"{day[0]:02d}-{day[1]:02d}"


def show_clock(minute: int) -> str:
    """Return a minute of the day as a clock shows it; the end of the day is 24:00.

    >>> show_clock(1440)
    '24:00'
    """
    assert 0 <= minute <= MINUTES_PER_DAY, f"minute {minute} is not of a day"
    return f"{minute // 60:02d}:{minute % 60:02d}"


def show_days(classes: Sequence[int]) -> str:
    """Return day classes as a tariff file names them.

    >>> show_days([1, 2, 3, 4, 5, 8])
    'mon-fri, holidays'
    """
    runs: list[list[int]] = []
    for day in sorted(day for day in classes if day != HOLIDAY_CLASS):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = [DAY_NAMES[run[0] - 1] + (f"-{DAY_NAMES[run[-1] - 1]}" if len(run) > 1 else "") for run in runs]
    return ", ".join(words + ([HOLIDAYS] if HOLIDAY_CLASS in classes else []))
