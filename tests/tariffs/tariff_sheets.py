"""Tariff texts that the tests start from."""

from __future__ import annotations

from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "tariffs"
SAMPLE_FILES = sorted(SAMPLES.glob("*.toml"))

SHEET = """
tariff    = "sample"
title     = "Sample"
commodity = "electricity"
currency  = "AUD"
timezone  = "Australia/Sydney"
holidays  = [2026-01-01]
rounding  = { line = "half_up 0.01" }

[windows]
summer   = { months = [12, 1, 2] }
winter   = { else = "summer" }
peak     = { days = "mon-fri", not = "holidays", from = 14:00:00, to = 20:00:00 }
off_peak = { else = "peak" }

[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
kw  = { measure = "import_energy", agg = "max", unit = "kW" }

[[versions]]
valid_from = 2026-01-01
source     = "Price list 2026"

[versions.charges.energy]
of    = "kwh"
by    = ["season", "tou"]
price.summer = { peak = 0.50, off_peak = 0.25 }
price.winter = { peak = 0.40, off_peak = 0.20 }

[versions.charges.supply]
per   = "day"
price = 1.10
tags  = ["fixed"]

[versions.charges.gst]
percent = 10
of      = ["energy", "fixed"]
tax     = "GST"
"""


def sheet(*changes: tuple[str, str]) -> str:
    """Return the sheet with each text replaced once; a text that is not there is the test's mistake."""
    text = SHEET
    for old, new in changes:
        assert old in text, f"the sheet does not say {old!r}"
        text = text.replace(old, new, 1)
    return text
