"""A year of cycles around weekends and holidays. A function of its rules: asked again, the same calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from model.accounts import BillCycles
from model.errors import ConfigError
from model.schema import arranged

SATURDAY_SUNDAY = frozenset({5, 6})
_NO_HOLIDAYS = pl.DataFrame(schema={"date": pl.Date, "name": pl.String, "branch_id": pl.String})


@dataclass(frozen=True)
class CalendarRules:
    """How a year is laid out. Counts of days are working days, but for `due_days`."""

    year: int
    groups: tuple[str, ...]
    branches: tuple[str, ...] = ()
    """A row for each of them, with its own holidays; empty: one row for all."""
    by_month: bool = False
    """Periods are calendar months; otherwise they run from reading day to reading day."""
    read_days: int = 2
    """How long meters are read, from the reading day on."""
    open_after: int = 1
    """The window opens so long after the reading day."""
    estimate_after: int = 3
    """Estimates are billed so long after the window opened."""
    bill_after: int = 0
    """Most is to be billed so long after the window opened."""
    window_days: int = 6
    """How long the window stays open."""
    due_days: int | None = None
    """Days, not working days, from the bill date to the due date, which moves on to a working day; None: the accounts'
    payment days."""
    weekend: frozenset[int] = SATURDAY_SUNDAY
    """Days of the week on which nobody works; Monday is 0."""


@dataclass(frozen=True)
class WorkingDays:
    """Which days are worked."""

    weekend: frozenset[int]
    holidays: frozenset[date]

    def is_worked(self, day: date) -> bool:
        """Return whether a day is worked."""
        return day.weekday() not in self.weekend and day not in self.holidays

    def on_or_after(self, day: date) -> date:
        """Return the first working day from a day on."""
        while not self.is_worked(day):
            day += timedelta(days=1)
        return day

    def later(self, day: date, count: int) -> date:
        """Return the working day that comes `count` working days after a day; for 0 the day itself, or the next."""
        day = self.on_or_after(day)
        for _ in range(count):
            day = self.on_or_after(day + timedelta(days=1))
        return day

    def of_month(self, year: int, month: int) -> list[date]:
        """Return the working days of a month."""
        first = date(year, month, 1)
        days = (first + timedelta(days=number) for number in range(31))
        return [day for day in days if day.month == month and self.is_worked(day)]


def make_calendar(rules: CalendarRules, holidays: pl.DataFrame = _NO_HOLIDAYS) -> DataFrame[BillCycles]:
    """Return the cycles of a year, a row per month, group and branch, sorted by window and name.

    `holidays` (date, name, branch_id): a holiday without branch is everybody's. Groups are spread evenly over the
    working days of the month in which they are read: with 20 groups and 20 days, one a day. With `by_month` that is the
    month after the one which is billed, and the ids carry the month billed; otherwise the month of the reading day.

    Raises:
        ConfigError: the rules contradict each other, or a month has no working day.
    """
    _refuse_contradictions(rules)
    rows = []
    for branch in rules.branches or (None,):
        closed = holidays.filter(pl.col("branch_id").is_null() | (pl.col("branch_id") == (branch or "")))
        days = WorkingDays(rules.weekend, frozenset(closed["date"].to_list()))
        for month in range(1, 13):
            for place, group in enumerate(rules.groups):
                rows.append(_cycle(rules, days, month, place, group, branch))
    return arranged(BillCycles, pl.DataFrame(rows, infer_schema_length=None).sort("window_open_date", "cycle_id"))


def group_names(count: int) -> tuple[str, ...]:
    """Return names for so many groups: G01, G02, ...; they sort as they count."""
    width = max(2, len(str(count)))
    return tuple(f"G{number:0{width}}" for number in range(1, count + 1))


def _refuse_contradictions(rules: CalendarRules) -> None:
    for name, value in (("estimate_after", rules.estimate_after), ("bill_after", rules.bill_after)):
        if value >= rules.window_days:
            raise ConfigError(
                f"--{name.replace('_', '-')} {value}: expected fewer working days than --window-days "
                f"{rules.window_days}, or the window is closed by then",
                hint="make the window longer",
            )
    if len(set(rules.groups)) != len(rules.groups):
        raise ConfigError("--group: a group is named twice", hint="name each once")
    if len(rules.weekend) == 7:
        raise ConfigError("--weekend: no working day is left", hint="name the days on which nobody works")


def _cycle(
    rules: CalendarRules, days: WorkingDays, month: int, place: int, group: str, branch: str | None
) -> dict[str, Any]:
    if rules.by_month:
        start, end = date(rules.year, month, 1), _first_of_next(rules.year, month)
        read = _reading_day(rules, days, end.year, end.month, place)
    else:
        before = (rules.year - 1, 12) if month == 1 else (rules.year, month - 1)
        start, end = (_reading_day(rules, days, *of_month, place) for of_month in (before, (rules.year, month)))
        read = end
    opened = days.later(read, rules.open_after)
    closed = days.later(opened, rules.window_days - 1) + timedelta(days=1)
    bill_date = days.later(opened, rules.bill_after)
    due_date = _due_date(rules, days, bill_date, closed)
    name = f"{rules.year}-{month:02}-{group}" + (f"-{branch}" if branch else "")
    return {
        "cycle_id": name, "bill_group": group, "period_start_date": start, "period_end_date": end,
        "window_open_date": opened, "window_close_date": closed, "branch_id": branch, "read_from_date": read,
        "read_to_date": days.later(read, rules.read_days - 1) + timedelta(days=1),
        "estimate_date": days.later(opened, rules.estimate_after), "bill_date": bill_date, "due_date": due_date,
    }  # fmt: skip


def _due_date(rules: CalendarRules, days: WorkingDays, bill_date: date, closed: date) -> date | None:
    if rules.due_days is None:
        return None
    due_date = days.on_or_after(bill_date + timedelta(days=rules.due_days))
    if due_date < closed:
        raise ConfigError(
            f"--due-days {rules.due_days}: bills would be due on {due_date}, while they are still made until {closed}",
            hint="make it longer, or --window-days shorter",
        )
    return due_date


def _reading_day(rules: CalendarRules, days: WorkingDays, year: int, month: int, place: int) -> date:
    worked = days.of_month(year, month)
    if not worked:
        raise ConfigError(f"month {year}-{month:02} has no working day", hint="look into the file of holidays")
    return worked[place * len(worked) // len(rules.groups)]


def _first_of_next(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1)


def weekdays_of(words: Sequence[str]) -> frozenset[int]:
    """Return days of the week by their names: mon, tue, ...

    Raises:
        ConfigError: one is none.
    """
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    for word in words:
        if word not in names:
            raise ConfigError(f"--weekend: expected days such as sat,sun, found `{word}`", hint=", ".join(names))
    return frozenset(names.index(word) for word in words)
