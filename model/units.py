"""Units: the smallest unit of each measure, the units that tariffs and files print, and demand."""

from __future__ import annotations

from decimal import Decimal

from model.codes import Commodity, Measure
from model.errors import InputError

SMALLEST_UNIT: dict[Measure, str] = {
    Measure.IMPORT_ENERGY: "Wh",
    Measure.EXPORT_ENERGY: "Wh",
    Measure.REACTIVE_ENERGY: "varh",
    Measure.REACTIVE_EXPORT: "varh",
    Measure.APPARENT_ENERGY: "VAh",
    Measure.GAS_VOLUME: "L",
    Measure.GAS_ENERGY: "kJ",
    Measure.WATER_VOLUME: "L",
    Measure.HEAT_ENERGY: "Wh",
    # US meters count in units that are no whole multiples of metric ones: each keeps its own smallest unit.
    Measure.WATER_GALLONS: "mgal",
    Measure.WATER_CUBIC_FEET: "mft3",
    Measure.GAS_CUBIC_FEET: "mft3",
    Measure.GAS_BTU: "Btu",
}

# What channels of a service point can measure, by what is supplied there; heat meters count their water too.
MEASURES_OF_COMMODITY: dict[Commodity, tuple[Measure, ...]] = {
    Commodity.ELECTRICITY: (
        Measure.IMPORT_ENERGY, Measure.EXPORT_ENERGY, Measure.REACTIVE_ENERGY, Measure.REACTIVE_EXPORT,
        Measure.APPARENT_ENERGY,
    ),
    Commodity.GAS: (Measure.GAS_VOLUME, Measure.GAS_ENERGY, Measure.GAS_CUBIC_FEET, Measure.GAS_BTU),
    Commodity.WATER: (Measure.WATER_VOLUME, Measure.WATER_GALLONS, Measure.WATER_CUBIC_FEET),
    Commodity.HEAT: (Measure.HEAT_ENERGY, Measure.WATER_VOLUME),
}  # fmt: skip

# Printed unit -> (smallest unit, how many of it). Only whole multiples: anything else would not be exact.
PRINTED_UNITS: dict[str, tuple[str, int]] = {
    "Wh": ("Wh", 1),
    "kWh": ("Wh", 1_000),
    "MWh": ("Wh", 1_000_000),
    "varh": ("varh", 1),
    "kvarh": ("varh", 1_000),
    "Mvarh": ("varh", 1_000_000),
    "VAh": ("VAh", 1),
    "kVAh": ("VAh", 1_000),
    "MVAh": ("VAh", 1_000_000),
    "L": ("L", 1),
    "m3": ("L", 1_000),
    "kL": ("L", 1_000),
    "ML": ("L", 1_000_000),
    "kJ": ("kJ", 1),
    "MJ": ("kJ", 1_000),
    "GJ": ("kJ", 1_000_000),
    "mgal": ("mgal", 1),
    "gal": ("mgal", 1_000),
    "kgal": ("mgal", 1_000_000),
    "mft3": ("mft3", 1),
    "ft3": ("mft3", 1_000),
    "Ccf": ("mft3", 100_000),
    "HCF": ("mft3", 100_000),
    "Mcf": ("mft3", 1_000_000),
    "Btu": ("Btu", 1),
    "therm": ("Btu", 100_000),
    "Dth": ("Btu", 1_000_000),
    "W": ("W", 1),
    "kW": ("W", 1_000),
    "MW": ("W", 1_000_000),
    "var": ("var", 1),
    "kvar": ("var", 1_000),
    "Mvar": ("var", 1_000_000),
    "VA": ("VA", 1),
    "kVA": ("VA", 1_000),
    "MVA": ("VA", 1_000_000),
}
# Mean power of an interval: smallest unit of the energy -> smallest unit of the power.
POWER_UNIT: dict[str, str] = {"Wh": "W", "varh": "var", "VAh": "VA"}
_BY_FOLDED = {
    name.casefold(): name
    for name, (smallest, _) in PRINTED_UNITS.items()
    if name != "ML" and smallest not in POWER_UNIT.values()
}

# What a person reads: smallest unit -> printed unit.
READABLE_UNIT: dict[str, str] = {
    "Wh": "kWh",
    "varh": "kvarh",
    "VAh": "kVAh",
    "L": "m3",
    "kJ": "MJ",
    "mgal": "gal",
    "mft3": "ft3",
    "Btu": "therm",
    "W": "kW",
    "var": "kvar",
    "VA": "kVA",
}

# How vendors and devices write units, besides as printed.
_SPELLINGS = {
    "gallon": "gal", "gallons": "gal", "us gal": "gal", "cf": "ft3", "cubic feet": "ft3", "cubic foot": "ft3",
    "cubic meter": "m3", "cubic meters": "m3", "cubic metre": "m3", "cubic metres": "m3", "m^3": "m3", "liter": "L",
    "liters": "L", "litre": "L", "litres": "L", "therms": "therm",
}  # fmt: skip


def printed_unit(text: str) -> str:
    """Return the printed unit that `text` spells, whatever its case (files write KWH, kWh, Kvarh, Gallons).

    Raises:
        InputError: no unit is spelt so.

    >>> printed_unit("KWH")
    'kWh'
    """
    folded = text.strip().casefold()
    found = _SPELLINGS.get(folded) or _BY_FOLDED.get(folded)
    if found is None:
        raise InputError(f"unit `{text}` is not known", hint=f"use one of {', '.join(sorted(_BY_FOLDED.values()))}")
    return found


def smallest_per(unit: str) -> int:
    """Return how many smallest units are in one printed `unit`: kWh -> 1000."""
    return PRINTED_UNITS[unit][1]


def readable_amount(quantity: int, smallest: str) -> Decimal:
    """Return a quantity of smallest units in the unit that a person reads (`READABLE_UNIT`), all its decimals shown.

    >>> str(readable_amount(6_825_100, "Wh")), str(readable_amount(150_000, "Btu"))
    ('6825.100', '1.50000')
    """
    size = smallest_per(READABLE_UNIT[smallest])
    places = len(str(size)) - 1
    assert size == 10**places, f"{READABLE_UNIT[smallest]} is {size} {smallest}, no power of ten"
    return Decimal(quantity).scaleb(-places)


def demand_factor(interval_minutes: int) -> int:
    """Return the factor from energy of one interval to mean power over it: Wh of 15 minutes x 4 = W.

    Exact only for interval lengths that divide an hour; others are refused when a channel is declared.
    """
    assert 60 % interval_minutes == 0, f"an interval of {interval_minutes} minutes does not divide an hour"
    return 60 // interval_minutes


def measure_counted(measure: Measure, unit: str) -> Measure:
    """Return the measure that a tariff means which names the metric one with a unit of US meters.

    >>> str(measure_counted(Measure.WATER_VOLUME, "kgal"))
    'water_gallons'
    """
    smallest = PRINTED_UNITS[unit][0] if unit in PRINTED_UNITS else ""
    return _US_MEASURE.get((measure, smallest), measure)


_US_MEASURE = {
    (Measure.WATER_VOLUME, "mgal"): Measure.WATER_GALLONS,
    (Measure.WATER_VOLUME, "mft3"): Measure.WATER_CUBIC_FEET,
    (Measure.GAS_VOLUME, "mft3"): Measure.GAS_CUBIC_FEET,
    (Measure.GAS_ENERGY, "Btu"): Measure.GAS_BTU,
}
