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

from model.codes import Commodity, Measure, TrueUp
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
Share = Annotated[ShareRule, BeforeValidator(read_share)]
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
    """A season (months, or from and to as `MM-DD`) or a time-of-use period (days, times, spans), or `else`.

    With `event` it is the period of dated events, called outside the tariff: their slots leave their normal period.
    """

    months: Annotated[tuple[int, ...], BeforeValidator(read_months)] | None = None
    spans: Annotated[tuple[Span, ...], BeforeValidator(_read_tables)] | None = None
    rest_of: Names | None = Field(default=None, alias="else")
    event: str | None = None


Formulaic = Annotated[Decimal | str, BeforeValidator(read_formulaic)]
Months = Annotated[tuple[int, ...], BeforeValidator(read_months)]


class Quantity(Part):
    """A determinant: measured, computed by a formula, or found in the history of the agreement."""

    measure: Annotated[Measure | None, _one_of(Measure)] = None
    agg: str | None = None
    unit: Text
    window: str | None = None
    schedule: str = ANY
    optional: bool = False
    n: Annotated[int, Field(ge=1, le=100)] | None = None
    distinct_days: bool | None = None
    interval: Annotated[int, BeforeValidator(read_interval)] | None = None
    rolling: bool = False
    less: Annotated[Measure | None, _one_of(Measure)] = None
    less_optional: bool = False
    netting: Literal["none", "interval", "hour", "day"] | None = None
    split: str | None = None
    over: Number | None = None
    up_to: Number | None = None
    series: str | None = None
    floor: Number | None = None
    cap: Number | None = None
    times: Number | None = None
    plus: Number | None = None
    round: RoundingRule | None = None
    formula: Text | None = None
    history: str | None = None
    months: Months | None = None
    back: Annotated[int, Field(ge=1, le=120)] | None = None
    known_from: Annotated[int, Field(ge=1, le=12)] | None = None
    if_missing: Number | None = None

    @property
    def kind(self) -> str:
        """measured, formula or history."""
        if self.formula is not None:
            return "formula"
        return "history" if self.history is not None else "measured"


class Attribute(Part):
    """Something that the contract says: a number, or a text of a list."""

    values: Annotated[tuple[str, ...], BeforeValidator(read_names)] | None = None
    default: Annotated[Decimal | str, BeforeValidator(read_number_or_text)] | None = None


class FactorName(Part):
    """A dated series kept outside the tariff, under the name that formulas use."""

    series: Text
    by: str | None = None


class Bank(Part):
    """What is carried from cycle to cycle; in formulas its name is what was carried in."""

    closing: Text
    opening: Number = Decimal(0)
    unit: Text = "kWh"


class Charge(Part):
    """One printed charge. `kind` follows from its keys. `price` and `tiers` are read by `tariffs.prices`."""

    of: Names | None = None
    by: Annotated[tuple[str, ...], BeforeValidator(read_names)] = ()
    price: Any = None
    tiers: Any = None
    schedule: str | None = None
    lookup: str | None = None
    curve: Literal["graduated", "volume", "package"] | None = None
    package: Number | None = None
    free: Number | None = None
    tiers_per: Names | None = None
    tier_method: Literal["graduated", "pro_rata", "chronological"] | None = None
    round_tiers: RoundingRule | None = None
    prorate_tiers: Share | None = None
    per: Literal["day", "cycle", "month", "year"] | None = None
    times: Names | None = None
    prorate: Share | None = None
    tolerance: Annotated[tuple[int, int], BeforeValidator(read_tolerance)] | None = None
    amount: Text | None = None
    percent: Formulaic | None = None
    gross_up: bool = False
    included: bool = False
    exact: bool = False
    at_least: Formulaic | None = None
    at_most: Formulaic | None = None
    when: Text | None = None
    memo: bool = False
    print_if_zero: bool = False
    round_once: bool | None = None
    party: Text | None = None
    tags: Names = ()
    tax: Text | None = None
    text: Text | None = None
    clause: Text | None = None
    gl_account: Text | None = None
    rounding: RoundingRule | None = None

    @property
    def kind(self) -> str | None:
        """What the charge prices; None when its keys do not say."""
        stated = {"percent": self.percent, "minimum": self.at_least, "maximum": self.at_most, "amount": self.amount}
        for kind, key in stated.items():
            if key is not None:
                return kind
        if self.per is not None:
            return "daily" if self.per == "day" else "cycle"
        return "quantity" if self.of is not None else None

    @property
    def factor_id(self) -> str | None:
        """Dated factor that is its price, if any."""
        named = self.price.get("factor") if isinstance(self.price, Mapping) else None
        return named if isinstance(named, str) else None


class LineRounding(Part):
    """Rounding of the lines (a charge may state its own), and of the sum of them all when the sheet says so."""

    line: RoundingRule
    of: Literal["line", "charge"] | None = None
    total: RoundingRule | None = None


class Version(Part):
    """Charges and the days from which they hold.

    What a version says of windows, schedules, quantities, attributes, factors or rounding takes the place of what the
    file says under the same name. `inherit` and `without` are resolved when the file is read.
    """

    valid_from: Day
    valid_to: Day | None = None
    source: Text | None = None
    windows: dict[str, Window] = {}
    schedules: dict[str, dict[str, Window]] = {}
    quantities: dict[str, Quantity] = {}
    attributes: dict[str, Attribute] = {}
    factors: dict[str, FactorName] = {}
    rounding: LineRounding | None = None
    normal_days: Annotated[int, Field(ge=1, le=400)] | None = None
    charges: Annotated[dict[str, Charge], BeforeValidator(_read_named_tables)]


class Example(Part):
    """A worked bill: what was used in a period, and the amounts that the sheet makes of it."""

    name: Text
    period: Period
    cycle: Period | None = None
    usage: dict[str, ByPeriod] = {}
    factors: dict[str, Number] = {}
    attributes: dict[str, Annotated[Decimal | str, BeforeValidator(read_number_or_text)]] = {}
    banks: dict[str, Number] = {}
    apart: dict[str, Number] = {}
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


class TariffFile(Part):
    """A tariff as its file states it. `tariffs.file.parse_tariff` gives only files that passed every check."""

    rider: bool = False
    tariff: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    title: Text
    commodity: Annotated[Commodity, _one_of(Commodity)]
    currency: Text
    timezone: Text
    riders: Names = ()
    holidays: Annotated[str | tuple[date, ...], BeforeValidator(_read_holidays)] = ()
    holiday_lists: dict[str, Annotated[tuple[date, ...], BeforeValidator(_read_holidays)]] = {}
    rounding: LineRounding
    normal_days: Annotated[int, Field(ge=1, le=400)] | None = None
    true_up: Annotated[TrueUp, _one_of(TrueUp)] = TrueUp.REBILL
    windows: dict[str, Window] = {}
    schedules: dict[str, dict[str, Window]] = {}
    attributes: dict[str, Attribute] = {}
    factors: dict[str, FactorName] = {}
    quantities: dict[str, Quantity] = {}
    banks: dict[str, Bank] = {}
    versions: Annotated[tuple[Version, ...], BeforeValidator(_read_tables)]
    examples: Annotated[tuple[Example, ...], BeforeValidator(_read_tables)] = ()

    @property
    def is_open(self) -> bool:
        """Whether charges of other files stand beside its own: it is a rider, or has riders that are not attached."""
        return self.rider or bool(self.riders)

    @property
    def holiday_dates(self) -> tuple[date, ...]:
        """Holidays of the tariff in order, each once; empty when it names a list that is not there."""
        dates = self.holiday_lists.get(self.holidays, ()) if isinstance(self.holidays, str) else self.holidays
        return tuple(sorted(set(dates)))

    @property
    def schedule_names(self) -> list[str]:
        """All schedules: the tariff's own windows, under the empty name, first."""
        return [ANY, *(name for name in self.schedules if name != ANY)]

    def on_schedule(self, name: str) -> TariffFile:
        """Return the tariff as seen by what is priced on a schedule: its windows are those of the schedule."""
        if name == ANY:
            return self
        others = self.schedules | {ANY: self.windows}
        return self.model_copy(update={"windows": self.schedules.get(name, {}), "schedules": others})

    def of_version(self, version: Version) -> TariffFile:
        """Return the tariff as one of its versions has it."""
        named = ("windows", "schedules", "quantities", "attributes", "factors")
        changed: dict[str, Any] = {
            key: getattr(self, key) | getattr(version, key) for key in named if getattr(version, key)
        }
        if version.windows:
            changed["windows"] = version.windows  # a week is written whole, or not at all
        changed |= {
            key: getattr(version, key) for key in ("rounding", "normal_days") if getattr(version, key) is not None
        }
        return self.model_copy(update=changed) if changed else self
