"""The rate book: approved tariff versions compiled to narrow tables.

A version is a set of components (printed charges). A component prices a quantity, a day, a percentage of other
components, or tops them up to a minimum. Prices are kept by season, time-of-use period and tier.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import Measure
from model.money import RoundMode
from model.schema import column, empty

ANY = ""  # season or time-of-use period of a price that holds for all of them

# How a price or a threshold is shared: not at all; by days of the cycle; days of a stated whole; each day counts
# fully; by fractions of calendar months.
SHARE_RULES = ("none", "cycle", "days", "day", "months")


class TariffVersions(pa.DataFrameModel):
    """Versions of tariffs. Grain: version_id."""

    version_id: str = column("Content id: tariff, date and hash of what it says")
    tariff_id: str = column("Tariff")
    title: str = column("Title as printed")
    commodity: str = column("Commodity that it prices")
    currency: str = column("ISO 4217 code")
    currency_exponent: pl.Int8 = column("Minor units per major unit, as a power of ten", ge=0, le=4)
    tz_name: str = column("Zone of its clock times; its days are the service point's civil days")
    valid_from: pl.Date = column("First day it holds")
    valid_to: pl.Date = column("Day after the last; null while it holds", nullable=True)
    normal_days: pl.Int32 = column("Days of a normal cycle; null when the tariff knows none", nullable=True, unit="day")
    source: str = column("Price sheet, order or decision it was written from")

    class Config:
        strict = True
        metadata = {"grain": ["version_id"]}


AGGREGATES = ("sum", "max", "min", "nth", "mean_of_n", "mean", "cost")
NETTINGS = ("none", "interval", "hour", "day")


class Quantities(pa.DataFrameModel):
    """Determinants that a version prices. Grain: version_id, quantity_id.

    Powers are mean powers of a demand interval, rounded half up to the smallest unit (W, var, VA).
    """

    version_id: str = column("Version")
    quantity_id: str = column("Name in the tariff file")
    kind: str = column(
        "measured; formula (of other values); history (of earlier cycles); bank (what was carried into the cycle)",
        isin=["measured", "formula", "history", "bank"],
    )
    measure: str = column(
        "Channel measured, null unless kind is measured; apparent_energy is worked out slot by slot from import_energy "
        "and reactive_energy",
        nullable=True,
        isin=[item.value for item in Measure],
    )
    agg: str = column(
        "sum of the energy; max or min power; nth (the n-th highest power, or the lowest there is); mean_of_n (mean of "
        "the n highest, or of as many as there are); mean (energy by time, over all slots of the period); cost (energy "
        "of each slot at the price of its slot)",
        isin=list(AGGREGATES),
    )
    n: pl.Int32 = column("Rank, or how many, of nth and mean_of_n; 1 for others", ge=1)
    distinct_days: pl.Boolean = column("nth and mean_of_n take at most one interval of each day")
    interval_minutes: pl.Int32 = column(
        "Demand interval: slots are added to blocks of this length from the first slot of the day, and a block belongs "
        "to the period in which it begins; a block that the day cuts short counts as if its rest were zero. "
        "0 is the channel's own interval. Not for sum, mean and cost",
        unit="min",
        ge=0,
    )
    is_rolling: pl.Boolean = column(
        "The demand interval slides by the channel's interval; a window belongs to the slot in which it ends, and "
        "reaches into the day before when that is a day of the same due period"
    )
    less_measure: str = column(
        "Measure that is subtracted; null for none", nullable=True, isin=[item.value for item in Measure]
    )
    netting: str = column(
        "Where what is left may not be negative: none (the difference of the sums, may be negative), interval, hour "
        "(clock hours from midnight) or day. The hour or day belongs to the period of its first slot, so net by day "
        "only where a version has no periods. hour and day are for sum and cost; a part of each hour needs nothing "
        "that is subtracted",
        isin=list(NETTINGS),
    )
    over_quantity: pl.Int64 = column(
        "Of each slot, or what netting makes of slots, only what is above this counts, in smallest units; null for all",
        nullable=True,
        ge=0,
    )
    up_to_quantity: pl.Int64 = column(
        "... and of it only what is not above this; what is below zero stays; null for all", nullable=True, ge=1
    )
    tou: str = column("Only slots of this time-of-use period; empty for all")
    schedule: str = column("Schedule of windows that `tou` belongs to; empty for the tariff's own [windows]")
    is_optional: pl.Boolean = column(
        "Zero where the service point has no such channel; otherwise the account is parked"
    )
    is_less_optional: pl.Boolean = column(
        "Nothing is subtracted (apparent energy: the reactive part is zero) where the service point has no channel of "
        "the second measure; otherwise the account is parked"
    )
    split_factor: str = column(
        "Dated factor by whose values of each day (degree days) register use is shared between days; null: equally",
        nullable=True,
    )
    split_by: str = column("Text attribute that completes the name of that factor", nullable=True)
    series_id: str = column("Price series of agg cost; null for others", nullable=True)
    price_floor_e9: pl.Int64 = column("Lowest price of a slot after factor and adder; null for none", nullable=True)
    price_cap_e9: pl.Int64 = column("Highest price of a slot after factor and adder; null for none", nullable=True)
    price_factor_e9: pl.Int64 = column("The series is multiplied by this x 10^-9; 10^9 for others")
    price_adder_e9: pl.Int64 = column("Added to each price of the series x 10^9, after the factor; 0 for others")
    unit: str = column("Printed unit, for example kWh, kW, m3")
    unit_size: pl.Int64 = column(
        "Smallest units (Wh, W, L) in one printed unit; 10^9 for what is not measured: it carries 9 decimals", ge=1
    )
    level: pl.Int32 = column("0 is measured, given or carried; a formula stands above what it names", ge=0)
    formula_id: str = column("Formula of the quantity; null unless kind is formula", nullable=True)
    is_by_part: pl.Boolean = column(
        "Where a bill is cut inside, found for each part, whose values add up; else found once for the whole bill, and "
        "shared over the parts by days (or, when it is a power, not shared: its price is)"
    )
    round_mode: str = column("Rounding of the quantity; null when it has none", nullable=True)
    round_step: pl.Int64 = column("Step of that rounding in smallest units", nullable=True, ge=1)
    history_of: str = column("Quantity whose earlier values it counts; null unless kind is history", nullable=True)
    history_agg: str = column(
        "How earlier values are counted", nullable=True, isin=["max", "min", "mean", "sum", "last"]
    )
    history_months: str = column("Months whose values count, as `,5,6,`; null for all", nullable=True)
    history_back: pl.Int32 = column(
        "Cycles before this one that are looked at: so many values, and none older than so many times the days of "
        "this cycle and a month",
        nullable=True,
        ge=1,
    )
    known_from: pl.Int32 = column(
        "Month from which what was found in the months counts; until then the year before's", nullable=True
    )
    if_missing_e12: Annotated[pl.Decimal, 38, 0] = column(
        "Value x 10^12 in printed units without history, or of a bank that never was; null parks", nullable=True
    )

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "quantity_id"]}


class Formulas(pa.DataFrameModel):
    """Formulas of a version; equal up to names and numbers they share a shape. Grain: version_id, formula_id."""

    version_id: str = column("Version")
    formula_id: str = column("Its text as the file writes it")
    shape: str = column("The formula with its operands numbered: see `model.formula`")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "formula_id"]}


class Operands(pa.DataFrameModel):
    """Operands of formulas. Grain: version_id, formula_id, place."""

    version_id: str = column("Version")
    formula_id: str = column("Formula")
    place: pl.Int32 = column("Number of the operand in the shape, from 0", ge=0)
    kind: str = column("What it is", isin=["number", "quantity", "attribute", "text", "factor", "calendar", "charge"])
    name: str = column("Name of what it is; empty for a number")
    number_e12: Annotated[pl.Decimal, 38, 0] = column("Number x 10^12, for kind number", nullable=True)
    text: str = column("For kind text: 1 when the attribute is this text, else 0", nullable=True)
    is_negated: pl.Boolean = column("For kind text: 1 when it is another text")
    by: str = column("For kind factor: text attribute whose value completes the name of the series", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "formula_id", "place"]}


class Attributes(pa.DataFrameModel):
    """Attributes of the contract that a version uses. Grain: version_id, name."""

    version_id: str = column("Version")
    name: str = column("Attribute")
    is_text: pl.Boolean = column("A text of a list; otherwise a number")
    default_e12: Annotated[pl.Decimal, 38, 0] = column("Number x 10^12 where the contract says none", nullable=True)
    default_text: str = column("Text where the contract says none", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "name"]}


class Banks(pa.DataFrameModel):
    """What is carried from cycle to cycle: surplus energy, credit. Grain: version_id, bank_id."""

    version_id: str = column("Version")
    bank_id: str = column("Bank; in formulas its name is what was carried into the cycle")
    formula_id: str = column("What it carries out of the cycle")
    level: pl.Int32 = column("Above all charges that the formula names", ge=1)

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "bank_id"]}


class PeriodNames(pa.DataFrameModel):
    """What each schedule calls the tariff's smallest parts of year and week.

    Several independent schedules (energy hours, demand hours) cut year and week into parts that belong to one period
    of each. Grain: version_id, schedule, season_part, tou_part.
    """

    version_id: str = column("Version")
    schedule: str = column("Schedule; empty for the tariff's own [windows]")
    season_part: str = column("Part of the year: `season` of SeasonDays and TouWindows")
    tou_part: str = column("Part of the week: `tou` of TouWindows")
    season: str = column("Season of the schedule")
    tou: str = column("Time-of-use period of the schedule")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "schedule", "season_part", "tou_part"]}


class Components(pa.DataFrameModel):
    """Charges of a version. Grain: version_id, component_id."""

    version_id: str = column("Version")
    component_id: str = column("Name in the tariff file")
    position: pl.Int32 = column("Place on the bill, from 1", ge=1)
    level: pl.Int32 = column("1 prices quantities and days; a percentage or minimum stands above its base", ge=1)
    kind: str = column(
        "What it prices; amount is a formula",
        isin=["quantity", "daily", "cycle", "amount", "percent", "minimum", "maximum", "rounding"],
    )
    quantity_id: str = column("Quantity priced; null unless kind is quantity", nullable=True)
    by_season: pl.Boolean = column("Priced by season")
    by_tou: pl.Boolean = column("Priced by time-of-use period")
    has_factor: pl.Boolean = column("Its price is a dated factor, so that it is split where the factor changes")
    tier_method: str = column(
        "none; graduated (each tier on its own part); pro_rata (tiers of the total, shared over periods by use); "
        "chronological (tiers of the total, filled in the order of time); volume (the whole at the price of the tier "
        "it reaches); package (whole packages)",
        isin=["none", "graduated", "pro_rata", "chronological", "volume", "package"],
    )
    tiers_share: str = column("How thresholds are shared", isin=list(SHARE_RULES))
    tiers_whole_e4: pl.Int64 = column("Whole of that share x 10^4, for days and months", ge=1)
    price_share: str = column("How a price per cycle, a maximum's price, or a floor is shared", isin=list(SHARE_RULES))
    price_whole_e4: pl.Int64 = column("Whole of that share x 10^4, for days and months", ge=1)
    tolerance_min: pl.Int32 = column(
        "A cycle of so many days or more is shared by its own days", nullable=True, unit="day"
    )
    tolerance_max: pl.Int32 = column("... and of so many or less", nullable=True, unit="day")
    tiers_round_mode: str = column("Rounding of thresholds; null: half up to the smallest unit", nullable=True)
    tiers_round_step: pl.Int64 = column("Step of that rounding in smallest units", nullable=True, ge=1)
    package_size: pl.Int64 = column("Smallest units in a package; null unless tier_method is package", nullable=True)
    package_free: pl.Int64 = column("Smallest units without a package", nullable=True, ge=0)
    is_peak: pl.Boolean = column("A power, or what does not grow with time: its quantity is not shared, its price is")
    schedule: str = column("Schedule whose seasons and periods it is priced by; empty for [windows]")
    lookup: str = column("Text attribute that chooses its prices; null when none does", nullable=True)
    when_id: str = column("Formula that says whether it applies; null when it always does", nullable=True)
    amount_id: str = column("Formula of its amount, or of the number of a percentage or floor", nullable=True)
    scale_id: str = column("Formula by which thresholds are multiplied", nullable=True)
    times_id: str = column("Formula by which days or cycles are multiplied", nullable=True)
    is_gross: pl.Boolean = column(
        "A percentage inside its own base; all of a version and level that apply and count the same charges share one "
        "denominator"
    )
    is_included: pl.Boolean = column("A percentage that its base contains already")
    is_exact: pl.Boolean = column("Counts the exact amounts of its base, with the 15 decimals that lines have")
    is_kept: pl.Boolean = column("Printed when it is zero")
    is_rounded_once: pl.Boolean = column(
        "The sum of its lines (periods, tiers) is rounded, and shared over them by largest remainder; else each line is"
    )
    party: str = column("Who supplies it when it is not the biller", nullable=True)
    round_mode: str = column("Rounding of the line", isin=[item.value for item in RoundMode])
    round_step_minor: pl.Int64 = column("Step of the rounding, in minor units of the currency", ge=1)
    category: str = column("charge, tax, or memo: shown, but no part of the bill", isin=["charge", "tax", "memo"])
    tax_code: str = column("Tax code, for example GST; null unless category is tax", nullable=True)
    line_text: str = column("Text printed on the bill")
    clause: str = column("Clause of the price sheet", nullable=True)
    gl_account: str = column("Ledger account that is credited")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "component_id"]}


class Prices(pa.DataFrameModel):
    """Prices by looked-up text, season, time-of-use period and tier.

    Grain: version_id, component_id, key, season, tou, tier.
    """

    version_id: str = column("Version")
    component_id: str = column("Component")
    key: str = column("Text of the attribute that is looked up; empty when none is")
    season: str = column("Season; empty for all")
    tou: str = column("Time-of-use period; empty for all")
    tier: pl.Int32 = column("Tier, from 1", ge=1)
    from_quantity: pl.Int64 = column("Lower edge of the tier, in smallest units; not included", ge=0)
    to_quantity: pl.Int64 = column("Upper edge, included; null for the rest", nullable=True, ge=0)
    price_e9: pl.Int64 = column(
        "Price x 10^9 in major units of the currency per printed unit (or per day; percent as printed); "
        "null when it is a factor",
        nullable=True,
    )
    factor_id: str = column("Dated factor that is the price; null when it is printed", nullable=True)
    price_id: str = column("Formula that is the price; null when it is a number or a factor", nullable=True)
    edge_id: str = column("Formula that is the upper edge, in printed units; null when it is a number", nullable=True)
    fixed_e9: pl.Int64 = column(
        "Owed once the tier is reached, x 10^9 in major units; shared as the thresholds are (not those per day), or "
        "else as the price is, or else over the parts of a bill that is cut, by days"
    )

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "component_id", "key", "season", "tou", "tier"]}


class Bases(pa.DataFrameModel):
    """What a percentage or a minimum counts: tags are resolved to components. Grain: all columns."""

    version_id: str = column("Version")
    component_id: str = column("Percentage or minimum")
    base_component_id: str = column("Component whose rounded amounts it counts")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "component_id", "base_component_id"]}


class SeasonDays(pa.DataFrameModel):
    """Season of every day of the year; a version without seasons has one, named ''.

    Grain: version_id, month, day_of_month.
    """

    version_id: str = column("Version")
    month: pl.Int8 = column("Month, 1 to 12", ge=1, le=12)
    day_of_month: pl.Int8 = column("Day of the month; 29 February included", ge=1, le=31)
    season: str = column("Season; empty when the version has none")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "month", "day_of_month"]}


class TouWindows(pa.DataFrameModel):
    """Time-of-use period by season, kind of day and clock time; they partition each day. A version without
    periods has one window per day kind with tou ''. Grain: version_id, season, day_class, from_minute."""

    version_id: str = column("Version")
    season: str = column("Season; empty when the version has none")
    day_class: pl.Int8 = column("1 Monday to 7 Sunday, 8 holiday", ge=1, le=8)
    from_minute: pl.Int16 = column("First minute of the civil day by the clock on the wall", unit="min", ge=0, le=1439)
    to_minute: pl.Int16 = column("Minute after the last", unit="min", ge=1, le=1440)
    tou: str = column("Time-of-use period")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "season", "day_class", "from_minute"]}


class Holidays(pa.DataFrameModel):
    """Days that count as holidays for a version. Grain: version_id, day."""

    version_id: str = column("Version")
    day: pl.Date = column("Holiday")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "day"]}


class Factors(pa.DataFrameModel):
    """Dated series kept outside the tariffs: fuel clause, levies. Grain: factor_id, valid_from."""

    factor_id: str = column("Series")
    valid_from: pl.Date = column("First day it holds")
    valid_to: pl.Date = column("Day after the last; null while it holds", nullable=True)
    value_e9: pl.Int64 = column("Value x 10^9, in the unit of the price that uses it")
    source: str = column("Where the value was published")

    class Config:
        strict = True
        metadata = {"grain": ["factor_id", "valid_from"]}


class Events(pa.DataFrameModel):
    """Events called outside the tariff (critical peaks, system peaks), cut at the civil days of a zone.

    Grain: event_series, tz_name, day, from_minute.
    """

    event_series: str = column("Series of events, for example those of one system operator")
    tz_name: str = column("Zone of the day")
    day: pl.Date = column("Civil day")
    from_minute: pl.Int16 = column(
        "First minute, counted from the start of the day: a day on which the clock changes has 23 or 25 hours",
        unit="min", ge=0, le=1799,
    )  # fmt: skip
    to_minute: pl.Int16 = column("Minute after the last", unit="min", ge=1, le=1800)

    class Config:
        strict = True
        metadata = {"grain": ["event_series", "tz_name", "day", "from_minute"]}


class EventWindows(pa.DataFrameModel):
    """Time-of-use period that a version's slots have during events. Grain: version_id, tou, event_series."""

    version_id: str = column("Version")
    tou: str = column("Time-of-use period of the events, instead of the one of `TouWindows`")
    event_series: str = column("Series of events")
    position: pl.Int32 = column("Where events overlap, the lowest position holds", ge=1)

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "tou", "event_series"]}


class SeriesDays(pa.DataFrameModel):
    """Days of price series, slot by slot as time ran through the civil days of a zone.

    Grain: series_id, tz_name, day.
    """

    series_id: str = column("Series")
    tz_name: str = column("Zone of the day")
    day: pl.Date = column("Civil day")
    interval_minutes: pl.Int32 = column("Length of its slots", unit="min", ge=1)
    values_e9: Annotated[pl.List, pl.Int64()] = column(
        "Price x 10^9 of each slot, in major units per printed unit; may be negative; null is missing"
    )

    class Config:
        strict = True
        metadata = {"grain": ["series_id", "tz_name", "day"]}


@dataclass(frozen=True)
class RateBook:
    """All narrow tables of the versions that a run may use."""

    versions: DataFrame[TariffVersions]
    quantities: DataFrame[Quantities]
    formulas: DataFrame[Formulas]
    operands: DataFrame[Operands]
    attributes: DataFrame[Attributes]
    banks: DataFrame[Banks]
    period_names: DataFrame[PeriodNames]
    components: DataFrame[Components]
    prices: DataFrame[Prices]
    bases: DataFrame[Bases]
    season_days: DataFrame[SeasonDays]
    tou_windows: DataFrame[TouWindows]
    holidays: DataFrame[Holidays]
    factors: DataFrame[Factors]
    events: DataFrame[Events] = field(default_factory=lambda: empty(Events))
    event_windows: DataFrame[EventWindows] = field(default_factory=lambda: empty(EventWindows))
    series_days: DataFrame[SeriesDays] = field(default_factory=lambda: empty(SeriesDays))

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


RATE_BOOK_TABLES: dict[str, type[pa.DataFrameModel]] = {
    "versions": TariffVersions,
    "quantities": Quantities,
    "formulas": Formulas,
    "operands": Operands,
    "attributes": Attributes,
    "banks": Banks,
    "period_names": PeriodNames,
    "components": Components,
    "prices": Prices,
    "bases": Bases,
    "season_days": SeasonDays,
    "tou_windows": TouWindows,
    "holidays": Holidays,
    "factors": Factors,
    "events": Events,
    "event_windows": EventWindows,
    "series_days": SeriesDays,
}
