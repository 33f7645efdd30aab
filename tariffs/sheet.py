"""What a tariff file may say: its keys and their types. What they mean together is `tariffs.check`'s work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from model.codes import Commodity, Measure
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


def read_months(value: object) -> tuple[int, ...]:
    """Return months, each 1 to 12."""
    months = value if isinstance(value, list) else []
    if not months or any(isinstance(month, bool) or month not in range(1, 13) for month in months):
        raise _refused("a list of months from 1 to 12", value)
    return tuple(months)


def _one_of(kind: type[StrEnum]) -> BeforeValidator:
    """Return the validator of a word that must be one of an enumeration's values."""

    def read_word(value: object) -> StrEnum:
        words = [item.value for item in kind]
        if not isinstance(value, str) or value not in words:
            raise _refused(f"one of {', '.join(words)}", value, suggestion(str(value), words))
        return kind(value)

    return BeforeValidator(read_word)


def _read_tables(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or not value:
        raise _refused("a list of tables with at least one", value)
    return tuple(value)


def _read_named_tables(value: object) -> object:
    if not isinstance(value, dict) or not value:
        raise _refused("at least one table with a name", value)
    return value


def _read_named_amounts(value: object) -> object:
    if not isinstance(value, dict) or not value:
        raise _refused("at least one amount, by charge or as `total`", value)
    return value


def _read_date(value: object) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise _refused("a date such as 2026-01-01, without quotes", value)
    return value


def _read_period(value: object) -> tuple[date, date]:
    """Return the first day and the day after the last."""
    if not isinstance(value, list) or len(value) != 2:
        raise _refused("a list of two dates: the first day, and the day after the last", value)
    start, end = _read_date(value[0]), _read_date(value[1])
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


def _read_holidays(value: object) -> str | tuple[date, ...]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise _refused("a list of dates or the name of a holiday list", value)
    return tuple(_read_date(item) for item in value)


Number = Annotated[Decimal, BeforeValidator(read_number)]
Names = Annotated[tuple[str, ...], BeforeValidator(read_names)]
Days = Annotated[tuple[str, ...], BeforeValidator(read_days)]
Bound = Annotated[time | tuple[int, int], BeforeValidator(read_bound)]
Day = Annotated[date, BeforeValidator(_read_date)]
RoundingRule = Annotated[Rounding, BeforeValidator(read_rounding)]
Period = Annotated[tuple[date, date], BeforeValidator(_read_period)]
ByPeriod = Annotated[dict[str, Decimal], BeforeValidator(read_by_period)]
Text = Annotated[str, StringConstraints(min_length=1)]


class Part(BaseModel):
    """A table of the file: unknown keys are refused, types are exact, nothing is changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Span(Part):
    """Clock times on kinds of days: a part of a time-of-use period. Without times it is the whole day."""

    days: Days | None = None
    but_not: Days | None = Field(default=None, alias="not")
    start: Bound | None = Field(default=None, alias="from")
    end: Bound | None = Field(default=None, alias="to")
    season: Names | None = None


class Window(Span):
    """A season (months, or from and to as `MM-DD`) or a time-of-use period (days, times, spans), or `else`."""

    months: Annotated[tuple[int, ...], BeforeValidator(read_months)] | None = None
    spans: Annotated[tuple[Span, ...], BeforeValidator(_read_tables)] | None = None
    rest_of: Names | None = Field(default=None, alias="else")


class Quantity(Part):
    """A determinant: what is measured, how it is aggregated, in which printed unit."""

    measure: Annotated[Measure, _one_of(Measure)]
    agg: Literal["sum", "max"]
    unit: Text
    window: str | None = None
    optional: bool = False


class Charge(Part):
    """One printed charge. `kind` follows from its keys. `price` and `tiers` are read by `tariffs.prices`."""

    of: Names | None = None
    by: Annotated[tuple[str, ...], BeforeValidator(read_names)] = ()
    price: Any = None
    tiers: Any = None
    tiers_per: Literal["cycle", "day"] | None = None
    tier_method: Literal["graduated", "pro_rata"] | None = None
    per: Literal["day", "cycle"] | None = None
    percent: Number | None = None
    at_least: Number | None = None
    tags: Names = ()
    tax: Text | None = None
    text: Text | None = None
    clause: Text | None = None
    gl_account: Text | None = None
    rounding: RoundingRule | None = None

    @property
    def kind(self) -> str | None:
        """What the charge prices: quantity, daily, cycle, percent or minimum; None when its keys do not say."""
        if self.percent is not None:
            return "percent"
        if self.at_least is not None:
            return "minimum"
        if self.per is not None:
            return "daily" if self.per == "day" else "cycle"
        return "quantity" if self.of is not None else None

    @property
    def factor_id(self) -> str | None:
        """Dated factor that is its price, if any."""
        named = self.price.get("factor") if isinstance(self.price, Mapping) else None
        return named if isinstance(named, str) else None


class Version(Part):
    """Charges and the days from which they hold."""

    valid_from: Day
    valid_to: Day | None = None
    source: Text | None = None
    charges: Annotated[dict[str, Charge], BeforeValidator(_read_named_tables)]


class Example(Part):
    """A worked bill: what was used in a period, and the amounts that the sheet makes of it."""

    name: Text
    period: Period
    cycle: Period | None = None
    usage: dict[str, ByPeriod] = {}
    factors: dict[str, Number] = {}
    expect: Annotated[dict[str, ByPeriod], BeforeValidator(_read_named_amounts)]
    source: Text

    @property
    def cycle_dates(self) -> tuple[date, date]:
        """First day of the whole cycle, and the day after its last; the period is the cycle unless it says more."""
        return self.cycle or self.period

    @property
    def expected(self) -> list[tuple[str, str, Decimal]]:
        """Charge, period ('' for the whole charge) and amount; `energy.peak` may also be a key in quotes."""
        found = []
        for key, amounts in self.expect.items():
            charge, _, period = key.partition(".")
            found += [(charge, period or inner, amount) for inner, amount in amounts.items()]
        return found


class LineRounding(Part):
    """Rounding of the tariff's lines; a charge may state its own."""

    line: RoundingRule


class TariffFile(Part):
    """A tariff as its file states it. `tariffs.file.parse_tariff` gives only files that passed every check."""

    tariff: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    title: Text
    commodity: Annotated[Commodity, _one_of(Commodity)]
    currency: Text
    timezone: Text
    holidays: Annotated[str | tuple[date, ...], BeforeValidator(_read_holidays)] = ()
    holiday_lists: dict[str, Annotated[tuple[date, ...], BeforeValidator(_read_holidays)]] = {}
    rounding: LineRounding
    windows: dict[str, Window] = {}
    quantities: dict[str, Quantity] = {}
    versions: Annotated[tuple[Version, ...], BeforeValidator(_read_tables)]
    examples: Annotated[tuple[Example, ...], BeforeValidator(_read_tables)] = ()

    @property
    def holiday_dates(self) -> tuple[date, ...]:
        """Holidays of the tariff in order, each once; empty when it names a list that is not there."""
        dates = self.holiday_lists.get(self.holidays, ()) if isinstance(self.holidays, str) else self.holidays
        return tuple(sorted(set(dates)))
