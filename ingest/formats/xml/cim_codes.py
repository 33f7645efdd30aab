"""Codes of the Common Information Model that ESPI and IEC 61968-9 share: units, directions, kinds of accumulation.

Source: NAESB REQ.21 (ESPI), espiDerived.xsd, and IEC 61968-9 annex C: the numbers are the same in both.
"""

from __future__ import annotations

# Number of a unit -> our spelling of it, and the power of ten that our spelling adds.
UNITS: dict[str, tuple[str, int]] = {
    "29": ("V", 0),
    "31": ("kJ", -3),
    "38": ("W", 0),
    "42": ("m3", 0),
    "5": ("A", 0),
    "61": ("VA", 0),
    "63": ("var", 0),
    "71": ("VAh", 0),
    "72": ("Wh", 0),
    "73": ("varh", 0),
    "119": ("ft3", 0),
    "128": ("gal", 0),
    "130": ("imperial gal", 0),
    "132": ("Btu", 0),
    "134": ("L", 0),
    "169": ("therm", 0),
}

# Direction of the flow as seen by the customer. What states none (water, gas, many older exports) is use.
DIRECTIONS: dict[str, str] = {
    "": "usage",
    "0": "usage",
    "1": "delivered",
    "4": "net",
    "15": "q1",
    "16": "q2",
    "17": "q3",
    "18": "q4",
    "19": "received",
    "20": "total",
}

COMMODITIES: dict[str, str] = {
    "0": "any",
    "1": "electricity",
    "2": "electricity, primary",
    "7": "natural gas",
    "8": "propane",
    "9": "drinking water",
    "11": "waste water",
    "12": "heating fluid",
    "13": "cooling fluid",
}

ACCUMULATIONS: dict[str, str] = {
    "0": "not stated",
    "1": "bulk quantity",
    "2": "continuous cumulative",
    "3": "cumulative",
    "4": "delta",
    "6": "indicating",
    "9": "summation",
    "12": "instantaneous",
}
# What a register shows, not what was used in an interval: their differences are the use.
REGISTER_ACCUMULATIONS = frozenset({"1", "2", "3"})


def unit_of(code: str, multiplier: str) -> tuple[str, int] | None:
    """Return our spelling of a unit and the power of ten of its values; None when the power is no small integer.

    A number that is not known stays in the spelling (`uom 23`), so that whoever lands it sees what came.
    """
    text = multiplier or "0"
    if not text.removeprefix("-").isdecimal() or len(text) > 3 or abs(int(text)) > 12:
        return None
    unit, shift = UNITS.get(code, (f"uom {code}" if code not in {"", "0"} else "", 0))
    return unit, int(text) + shift


def direction_of(code: str) -> str:
    """Return the direction of a flow as it stands in a suffix."""
    return DIRECTIONS.get(code, f"flow{code}")
