"""What one place of a tariff file may say: numbers, names, days, clock times, rounding, shares, periods."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from model.money import RoundMode
from model.tariff import ANY
from tariffs.problems import show_value, suggestion

NAME = r"^[a-z][a-z0-9_]*$"
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAYS = "holidays"
HOLIDAY_CLASS = 8
ALL_DAYS = frozenset(range(1, 8))
_MONTH_DAY = re.compile(r"^(\d\d)-(\d\d)$")
_LEAP_YEAR = 2024


def _refused(expected: str, value: object, hint: str | None = None) -> PydanticCustomError:
    context: dict[str, Any] = {"expected": expected, "found": show_value(value), "hint": hint}
    return PydanticCustomError("billmill", "expected {expected}, found {found}", context)


def read_number(value: object) -> Decimal:
    """Return a number of the file as a decimal; booleans, text, `nan` and `inf` are refused."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not Decimal(value).is_finite():
        raise _refused("a number", value)
    return Decimal(value)


def read_names(value: object) -> tuple[str, ...]:
    """Return a name, or a list of names, as a tuple."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise _refused("a name or a list of names", value)
    return tuple(names)


def read_days(value: object) -> tuple[str, ...]:
    """Return kinds of days, each `mon`, `mon-fri` or `holidays`."""
    for name in (names := read_names(value)):
        if name != HOLIDAYS and any(end not in DAY_NAMES for end in name.split("-", maxsplit=1)):
            raise _refused("days such as `mon`, `mon-fri`, `sat-sun` or `holidays`", name)
    return names


def day_classes(names: tuple[str, ...]) -> frozenset[int]:
    """Return the day classes (1 Monday to 7 Sunday, 8 holiday) that the names of days stand for.

    All seven days together include holidays; a part of the week does not.

    >>> sorted(day_classes(("sat-mon",)))
    [1, 6, 7]
    """
    classes: set[int] = set()
    for name in names:
        if name == HOLIDAYS:
            classes.add(HOLIDAY_CLASS)
            continue
        first, _, last = name.partition("-")
        start, end = DAY_NAMES.index(first), DAY_NAMES.index(last or first)
        classes.update((start + step) % 7 + 1 for step in range((end - start) % 7 + 1))
    return frozenset(classes | {HOLIDAY_CLASS}) if classes >= ALL_DAYS else frozenset(classes)


def read_bound(value: object) -> time | tuple[int, int]:
    """Return a bound of a window: a local time of whole minutes, or month and day from `MM-DD`."""
    if isinstance(value, time):
        if value.second or value.microsecond:
            raise _refused("a local time of whole minutes", value)
        return value
    found = _MONTH_DAY.match(value) if isinstance(value, str) else None
    if found is None:
        raise _refused('a local time such as 16:00:00, or month and day such as "06-01"', value)
    month, day = int(found[1]), int(found[2])
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError:
        raise _refused("a day of the calendar", value) from None
    return month, day


@dataclass(frozen=True)
class Rounding:
    """How a line is rounded: the mode, and the step in major units of the currency."""

    mode: RoundMode
    step: Decimal


def read_rounding(value: object) -> Rounding:
    """Return a rounding rule from text: `half_up 0.01`."""
    words = value.split() if isinstance(value, str) else []
    modes = [mode.value for mode in RoundMode]
    is_rule = len(words) == 2 and words[0] in modes and re.fullmatch(r"\d+(\.\d+)?", words[1])
    if not is_rule or Decimal(words[1]) == 0:
        raise _refused("a mode and a step, such as `half_up 0.01`", value, f"modes are {', '.join(modes)}")
    return Rounding(RoundMode(words[0]), Decimal(words[1]))


@dataclass(frozen=True)
class ShareRule:
    """How a price or threshold of a whole period is shared: the rule of `model.tariff.SHARE_RULES`, and the whole."""

    rule: str
    whole_e4: int


_DAYS_SHARE = re.compile(r"^days/(\d{1,3}(?:\.\d{1,4})?)$")
NORMAL_SHARE = ShareRule("normal", 10**4)


def read_share(value: object) -> ShareRule:
    """Return a rule from text: `cycle`, `none`, `months`, `months/12`, `days/normal`, `days/30`, `days/30.4167`."""
    named = {
        "none": ShareRule("none", 10**4),
        "cycle": ShareRule("cycle", 10**4),
        "months": ShareRule("months", 10**4),
        "months/12": ShareRule("months", 12 * 10**4),
        "days/normal": NORMAL_SHARE,
    }
    if not isinstance(value, str):
        raise _refused("how a part of a period is shared, such as `cycle` or `days/30`", value)
    found = _DAYS_SHARE.match(value)
    if found is not None and Decimal(found[1]) > 0:
        return ShareRule("days", int(Decimal(found[1]).scaleb(4)))
    if value not in named:
        raise _refused("how a part of a period is shared", value, f"known are {', '.join(named)}, days/30, days/365")
    return named[value]


def read_interval(value: object) -> int:
    """Return the minutes of a demand interval from text: `30min`."""
    found = re.fullmatch(r"(\d{1,4})min", value) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[1]) <= 1440:
        raise _refused("a demand interval such as `15min`, `30min` or `60min`", value)
    return int(found[1])


def read_tolerance(value: object) -> tuple[int, int]:
    """Return the lengths of a cycle, in days, that count as a whole one."""
    if isinstance(value, list) and len(value) == 2:
        least, most = value
        if type(least) is int and type(most) is int and 1 <= least <= most:
            return least, most
    raise _refused("the least and the most days of a whole cycle, such as [25, 35]", value)


def read_formulaic(value: object) -> Decimal | str:
    """Return a number, or a formula as text."""
    return value if isinstance(value, str) and value else read_number(value)


def read_number_or_text(value: object) -> Decimal | str:
    """Return a number or a text."""
    return value if isinstance(value, str) and value else read_number(value)


def read_months(value: object) -> tuple[int, ...]:
    """Return months, each 1 to 12."""
    months = value if isinstance(value, list) else []
    if not months or any(isinstance(month, bool) or month not in range(1, 13) for month in months):
        raise _refused("a list of months from 1 to 12", value)
    return tuple(months)


def one_of(kind: type[StrEnum]) -> BeforeValidator:
    """Return the validator of a word that must be one of an enumeration's values."""

    def read_word(value: object) -> StrEnum:
        words = [item.value for item in kind]
        if not isinstance(value, str) or value not in words:
            raise _refused(f"one of {', '.join(words)}", value, suggestion(str(value), words))
        return kind(value)

    return BeforeValidator(read_word)


def read_tables(value: object) -> tuple[object, ...]:
    """Return a list of tables."""
    if not isinstance(value, list) or not value:
        raise _refused("a list of tables with at least one", value)
    return tuple(value)


def read_named_tables(value: object) -> object:
    """Return tables by their names."""
    if not isinstance(value, dict) or not value:
        raise _refused("at least one table with a name", value)
    return value


def read_named_amounts(value: object) -> object:
    """Return amounts by charge, or as `total`."""
    if not isinstance(value, dict) or not value:
        raise _refused("at least one amount, by charge or as `total`", value)
    return value


def read_date(value: object) -> date:
    """Return a day."""
    if isinstance(value, datetime) or not isinstance(value, date):
        raise _refused("a date such as 2026-01-01, without quotes", value)
    return value


def read_period(value: object) -> tuple[date, date]:
    """Return the first day and the day after the last."""
    if not isinstance(value, list) or len(value) != 2:
        raise _refused("a list of two dates: the first day, and the day after the last", value)
    start, end = read_date(value[0]), read_date(value[1])
    if start >= end:
        raise _refused(f"a day after {start} as the end", end, "the end is the day after the last")
    return start, end


def read_by_period(value: object) -> dict[str, Decimal]:
    """Return numbers by time-of-use period; a number alone stands under the empty name."""
    if not isinstance(value, dict):
        return {ANY: read_number(value)}
    if not value:
        raise _refused("a number, or a table of numbers by time-of-use period", value)
    return {str(name): read_number(number) for name, number in value.items()}


def read_holidays(value: object) -> str | tuple[date, ...]:
    """Return days, or the name of a list of them."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise _refused("a list of dates or the name of a holiday list", value)
    return tuple(read_date(item) for item in value)


Number = Annotated[Decimal, BeforeValidator(read_number)]
Names = Annotated[tuple[str, ...], BeforeValidator(read_names)]
Days = Annotated[tuple[str, ...], BeforeValidator(read_days)]
Bound = Annotated[time | tuple[int, int], BeforeValidator(read_bound)]
Day = Annotated[date, BeforeValidator(read_date)]
RoundingRule = Annotated[Rounding, BeforeValidator(read_rounding)]
Period = Annotated[tuple[date, date], BeforeValidator(read_period)]
ByPeriod = Annotated[dict[str, Decimal], BeforeValidator(read_by_period)]
Share = Annotated[ShareRule, BeforeValidator(read_share)]
Text = Annotated[str, StringConstraints(min_length=1)]
