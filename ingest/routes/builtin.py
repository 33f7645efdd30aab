"""The layouts that come with Billmill, written as their users would write them."""

from __future__ import annotations

from functools import lru_cache

from ingest.routes.layout import RouteLayout, parse_layout

# Codes of readings and of what was not read are the handheld's: most let the utility choose them.
_CODES = """
[read_codes]
K = "regular"   # keyed
P = "regular"   # probed or touched
R = "regular"   # radio
C = "customer"  # card left by the customer
E = "estimate"

[skip_codes]
01 = "no access"
02 = "dog"
03 = "meter not found"
04 = "meter covered or buried"
05 = "glass fogged or broken"
06 = "refused"
07 = "vacant and locked"
08 = "meter removed"
09 = "unsafe"
"""

BILLMILL = """
name = "billmill"
framed = true
out_width = 172
back_width = 94
out = [
    { field = "constant", text = "RDG", start = 1, length = 3 },
    { field = "route", start = 4, length = 12 },
    { field = "sequence", start = 16, length = 6, align = "right", fill = "0" },
    { field = "service_point", start = 22, length = 20 },
    { field = "channel", start = 42, length = 8 },
    { field = "meter", start = 50, length = 16 },
    { field = "unit", start = 66, length = 6 },
    { field = "dials", start = 72, length = 2, align = "right", fill = "0" },
    { field = "previous_reading", start = 74, length = 12, align = "right", fill = "0" },
    { field = "previous_date", start = 86, length = 8 },
    { field = "low_limit", start = 94, length = 12, align = "right", fill = "0" },
    { field = "high_limit", start = 106, length = 12, align = "right", fill = "0" },
    { field = "address", start = 118, length = 30 },
    { field = "name", start = 148, length = 25 },
]
back = [
    { field = "constant", text = "RDG", start = 1, length = 3 },
    { field = "route", start = 4, length = 12 },
    { field = "sequence", start = 16, length = 6, align = "right", fill = "0" },
    { field = "service_point", start = 22, length = 20 },
    { field = "channel", start = 42, length = 8 },
    { field = "meter", start = 50, length = 16 },
    { field = "unit", start = 66, length = 6 },
    { field = "reading", start = 72, length = 12, align = "right", fill = "0" },
    { field = "read_date", start = 84, length = 4, format = "%m%d" },
    { field = "read_time", start = 88, length = 4, format = "%H%M" },
    { field = "read_code", start = 92, length = 1 },
    { field = "note_code", start = 93, length = 2 },
]
"""

# The record of 155 columns that goes to a Sensus AutoRead handheld, by the typical layout of its manual (chapter 2).
# What comes back is chosen there field by field; this is our choice. The comment carries channel and unit.
AUTOREAD = """
name = "autoread"
out_width = 155
back_width = 68
out = [
    { field = "address", start = 1, length = 20 },
    { field = "sequence", start = 21, length = 8, align = "right", fill = "0" },
    { field = "service_point", start = 29, length = 15 },
    { field = "channel", start = 44, length = 9 },
    { field = "unit", start = 53, length = 6 },
    { field = "city", start = 59, length = 20 },
    { field = "name", start = 79, length = 25 },
    { field = "constant", text = "W", start = 104, length = 1 },
    { field = "previous_reading", start = 105, length = 10, align = "right", fill = "0" },
    { field = "low_limit", start = 115, length = 10, align = "right", fill = "0" },
    { field = "high_limit", start = 125, length = 10, align = "right", fill = "0" },
    { field = "meter", start = 146, length = 10 },
]
back = [
    { field = "sequence", start = 1, length = 8, align = "right", fill = "0" },
    { field = "service_point", start = 9, length = 15 },
    { field = "channel", start = 24, length = 9 },
    { field = "unit", start = 33, length = 6 },
    { field = "meter", start = 39, length = 10 },
    { field = "reading", start = 49, length = 10, align = "right" },
    { field = "read_date", start = 59, length = 4, format = "%m%d" },
    { field = "read_code", start = 63, length = 2 },
    { field = "note_code", start = 65, length = 4 },
]
"""

BUILTIN = {"billmill": BILLMILL, "autoread": AUTOREAD}


@lru_cache(maxsize=len(BUILTIN))
def builtin_layout(name: str) -> RouteLayout:
    """Return one of the layouts that come with Billmill: `billmill` or `autoread`."""
    return parse_layout(BUILTIN[name] + _CODES, name)
