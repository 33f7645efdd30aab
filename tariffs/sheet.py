"""What a tariff file may say: its keys and their types. What they mean together is `tariffs.check`'s work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from model.codes import Commodity, Measure, TrueUp
from model.tariff import ANY
from tariffs.cells import (
    Bound,
    ByPeriod,
    Day,
    Days,
    Names,
    Number,
    Period,
    RoundingRule,
    Share,
    Text,
    one_of,
    read_formulaic,
    read_holidays,
    read_interval,
    read_months,
    read_named_amounts,
    read_named_tables,
    read_names,
    read_number_or_text,
    read_tables,
    read_tolerance,
)


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
    spans: Annotated[tuple[Span, ...], BeforeValidator(read_tables)] | None = None
    rest_of: Names | None = Field(default=None, alias="else")
    event: str | None = None


Formulaic = Annotated[Decimal | str, BeforeValidator(read_formulaic)]
Months = Annotated[tuple[int, ...], BeforeValidator(read_months)]


class Quantity(Part):
    """A determinant: measured, computed by a formula, or found in the history of the agreement."""

    measure: Annotated[Measure | None, one_of(Measure)] = None
    agg: str | None = None
    unit: Text
    window: str | None = None
    schedule: str = ANY
    optional: bool = False
    n: Annotated[int, Field(ge=1, le=100)] | None = None
    distinct_days: bool | None = None
    interval: Annotated[int, BeforeValidator(read_interval)] | None = None
    rolling: bool = False
    less: Annotated[Measure | None, one_of(Measure)] = None
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
    charges: Annotated[dict[str, Charge], BeforeValidator(read_named_tables)]


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
    expect: Annotated[dict[str, ByPeriod], BeforeValidator(read_named_amounts)]
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
    commodity: Annotated[Commodity, one_of(Commodity)]
    currency: Text
    timezone: Text
    riders: Names = ()
    holidays: Annotated[str | tuple[date, ...], BeforeValidator(read_holidays)] = ()
    holiday_lists: dict[str, Annotated[tuple[date, ...], BeforeValidator(read_holidays)]] = {}
    rounding: LineRounding
    normal_days: Annotated[int, Field(ge=1, le=400)] | None = None
    true_up: Annotated[TrueUp, one_of(TrueUp)] = TrueUp.REBILL
    windows: dict[str, Window] = {}
    schedules: dict[str, dict[str, Window]] = {}
    attributes: dict[str, Attribute] = {}
    factors: dict[str, FactorName] = {}
    quantities: dict[str, Quantity] = {}
    banks: dict[str, Bank] = {}
    versions: Annotated[tuple[Version, ...], BeforeValidator(read_tables)]
    examples: Annotated[tuple[Example, ...], BeforeValidator(read_tables)] = ()

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
