"""Loads and tariffs of which each bill can be checked on paper."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from books_by_hand import FLAT

HOUR = timedelta(hours=1)
MONTHLY = FLAT.replace('per = "day"\nprice = 1.00', 'per = "month"\nprice = 30.00')
# Billed are the highest hour, and 80 % of the highest of the eleven months before.
RATCHET = """tariff = "ratchet"
title = "Demand with a ratchet"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Brisbane"
rounding = { line = "half_up 0.01" }
[quantities]
kw = { measure = "import_energy", agg = "max", unit = "kW" }
past_kw = { history = "kw", agg = "max", back = 11, if_missing = 0, unit = "kW" }
billed_kw = { formula = "max(kw, 0.8 * past_kw)", unit = "kW" }
[[versions]]
valid_from = 2020-01-01
source = "written for a test"
[versions.charges.demand]
of = "billed_kw"
price = 10
prorate = "none"
"""
# What is exported beyond the use of a month is kept for later ones.
NET = """tariff = "net"
title = "Net metering with a bank"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Brisbane"
rounding = { line = "half_up 0.01" }
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
export = { measure = "export_energy", agg = "sum", unit = "kWh", optional = true }
billed = { formula = "max(0, kwh - export - kept)", unit = "kWh" }
[banks]
kept = { closing = "max(0, kept + export - kwh)", opening = 0, unit = "kWh" }
[[versions]]
valid_from = 2020-01-01
source = "written for a test"
[versions.charges.energy]
of = "billed"
price = 0.25
"""


def clock_hours(first: date, end: date, value: Callable[[datetime], str]) -> str:
    """Return a load curve with a line for each hour of a clock that never changes."""
    lines = ["start,value"]
    hour = datetime(first.year, first.month, first.day)
    while hour.date() < end:
        lines.append(f"{hour:%Y-%m-%d %H:%M},{value(hour)}")
        hour += HOUR
    return "\n".join(lines) + "\n"


def write_curve(path: Path, first: date, end: date, value: Callable[[datetime], str] | str) -> Path:
    """Write a load curve; `value` is that of every hour, or a function of it."""
    told = value if callable(value) else lambda hour: str(value)
    path.write_text(clock_hours(first, end, told), encoding="utf-8")
    return path
