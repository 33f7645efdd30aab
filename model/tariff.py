"""The rate book: approved tariff versions compiled to narrow tables.

A version is a set of components (printed charges). A component prices a quantity, a day, a percentage of other
components, or tops them up to a minimum. Prices are kept by season, time-of-use period and tier.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import Measure
from model.money import RoundMode
from model.schema import column

ANY = ""  # season or time-of-use period of a price that holds for all of them


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
    source: str = column("Price sheet, order or decision it was written from")

    class Config:
        strict = True
        metadata = {"grain": ["version_id"]}


class Quantities(pa.DataFrameModel):
    """Determinants that a version prices. Grain: version_id, quantity_id."""

    version_id: str = column("Version")
    quantity_id: str = column("Name in the tariff file")
    measure: str = column("Channel measured", isin=[item.value for item in Measure])
    agg: str = column("sum of the energy, or max of the mean power of an interval", isin=["sum", "max"])
    tou: str = column("Only slots of this time-of-use period; empty for all")
    is_optional: pl.Boolean = column(
        "Zero where the service point has no such channel; otherwise the account is parked"
    )
    unit: str = column("Printed unit, for example kWh, kW, m3")
    unit_size: pl.Int64 = column("Smallest units (Wh, W, L) in one printed unit", ge=1)

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "quantity_id"]}


class Components(pa.DataFrameModel):
    """Charges of a version. Grain: version_id, component_id."""

    version_id: str = column("Version")
    component_id: str = column("Name in the tariff file")
    position: pl.Int32 = column("Place on the bill, from 1", ge=1)
    level: pl.Int32 = column("1 prices quantities and days; a percentage or minimum stands above its base", ge=1)
    kind: str = column("What it prices", isin=["quantity", "daily", "cycle", "percent", "minimum"])
    quantity_id: str = column("Quantity priced; null unless kind is quantity", nullable=True)
    by_season: pl.Boolean = column("Priced by season")
    by_tou: pl.Boolean = column("Priced by time-of-use period")
    has_factor: pl.Boolean = column("Its price is a dated factor, so that it is split where the factor changes")
    tier_method: str = column(
        "none; graduated (each tier on its own part); pro_rata (tiers of the total, shared over periods by use)",
        isin=["none", "graduated", "pro_rata"],
    )
    tiers_per: str = column(
        "Thresholds, or the floor of a minimum, hold per cycle (shared by days) or per day", isin=["cycle", "day"]
    )
    is_peak: pl.Boolean = column("A maximum: its quantity is never shared by days, its price is")
    round_mode: str = column("Rounding of the line", isin=[item.value for item in RoundMode])
    round_step_minor: pl.Int64 = column("Step of the rounding, in minor units of the currency", ge=1)
    category: str = column("charge or tax", isin=["charge", "tax"])
    tax_code: str = column("Tax code, for example GST; null unless category is tax", nullable=True)
    line_text: str = column("Text printed on the bill")
    clause: str = column("Clause of the price sheet", nullable=True)
    gl_account: str = column("Ledger account that is credited")

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "component_id"]}


class Prices(pa.DataFrameModel):
    """Prices by season, time-of-use period and tier. Grain: version_id, component_id, season, tou, tier."""

    version_id: str = column("Version")
    component_id: str = column("Component")
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

    class Config:
        strict = True
        metadata = {"grain": ["version_id", "component_id", "season", "tou", "tier"]}


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


@dataclass(frozen=True)
class RateBook:
    """All narrow tables of the versions that a run may use."""

    versions: DataFrame[TariffVersions]
    quantities: DataFrame[Quantities]
    components: DataFrame[Components]
    prices: DataFrame[Prices]
    bases: DataFrame[Bases]
    season_days: DataFrame[SeasonDays]
    tou_windows: DataFrame[TouWindows]
    holidays: DataFrame[Holidays]
    factors: DataFrame[Factors]

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


RATE_BOOK_TABLES: dict[str, type[pa.DataFrameModel]] = {
    "versions": TariffVersions,
    "quantities": Quantities,
    "components": Components,
    "prices": Prices,
    "bases": Bases,
    "season_days": SeasonDays,
    "tou_windows": TouWindows,
    "holidays": Holidays,
    "factors": Factors,
}
