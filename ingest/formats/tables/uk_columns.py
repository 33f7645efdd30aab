"""Which columns of a British half-hourly file hold what, told by the header or, without one, by the first line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ingest.formats.stamps import local_times

HALF_HOURS = (48, 50)  # slots of a row: those of an ordinary day, or those of the day on which the clock goes back
# What names the meter point, in the order in which it is taken: the point itself before the meter, that before a site.
SUPPLY_NAMES = (
    "mpan", "mpan core", "mpancore", "mpan_core", "mprn", "mpr", "mpxn", "mpan/mprn", "mpan / mprn",
)  # fmt: skip
POINT_NAMES = (
    *SUPPLY_NAMES, "meter point", "meter number", "meter serial number", "meter serial", "meterserialnumber",
    "serial number", "serial", "msn", "meter", "meter id", "id", "site id", "siteref", "site",
)  # fmt: skip
_UNIT_NAMES = ("units", "unit", "uom")
_CLOCK = re.compile(r"^(?:([a-z]+)[ _])?\[?(\d{1,2}):(\d\d)(?::00)?\]?$")
_NUMBERED = re.compile(r"^([a-z][a-z ]*?)[ _]?0?(\d{1,2})(?:[ _]([a-z]+))?$")
_FLAG = re.compile(
    r"^(?:reading |read |data |\[?\d{1,2}:\d\d\]? )?_?(type|status|flag|quality|code|est|a/e|ae)(?:\.\d+|_\d+)?$"
)
_FLAG_WORDS = ("type", "status", "flag", "quality", "code")
_UNITS = {"kwh": "kWh", "kvarh": "kVArh", "wh": "Wh", "mwh": "MWh", "m3": "m3"}
_NUMBER = re.compile(r"^-?\d*\.?\d+$")


@dataclass(frozen=True)
class SlotColumns:
    """The columns of one channel: a value and, if there is one, a quality for each half hour, in order."""

    suffix: str
    unit: str
    values: list[int]
    codes: list[int]


@dataclass(frozen=True)
class DayColumns:
    """Where a row of half hours has its meter point, date, unit (None: not stated), and the channels.

    `is_clock` says that the columns are named by the clock, so that an hour that it skips has columns of its own;
    numbered columns follow each other as the time runs. `is_utc`: the days are those of UTC.
    """

    point: int
    date: int
    unit: int | None
    channels: tuple[SlotColumns, ...]
    is_clock: bool
    is_utc: bool = False
    has_header: bool = True


def day_columns(header: Sequence[str]) -> DayColumns | None:
    """Return the columns of a header with 48 or 50 half hours; None when it is no such header."""
    names = [name.strip().strip('"').strip().lower() for name in header]
    channels, is_clock = _clock_columns(names), True
    if not channels:
        channels, is_clock = _numbered_columns(names), False
    date = next((place for place, name in enumerate(names) if _is_date(name)), None)
    point = point_column(names)
    if not channels or date is None or point is None:
        return None
    unit = next((names.index(name) for name in _UNIT_NAMES if name in names), None)
    return DayColumns(point, date, unit, tuple(channels), is_clock, "utc" in names[date])


def bare_columns(fields: Sequence[str]) -> DayColumns | None:
    """Return the columns of a line without header: a point, perhaps a serial number, a date, 48 or 50 values."""
    texts = [field.strip().strip('"') for field in fields]
    for date in range(1, 4):
        values = texts[date + 1 :]
        if len(values) not in HALF_HOURS or not texts[0]:
            continue
        is_day = local_times(pl.Series("text", [texts[date]])).is_not_null().all()
        if is_day and all(text == "" or _NUMBER.match(text) for text in values):
            places = list(range(date + 1, len(texts)))
            return DayColumns(0, date, None, (SlotColumns("kWh", "", places, []),), is_clock=False, has_header=False)
    return None


def point_column(names: Sequence[str]) -> int | None:
    """Return the column that names the meter point; None when there is none."""
    return next((names.index(name) for name in POINT_NAMES if name in names), None)


def unit_of(name: str) -> str:
    """Return the unit that a column's name states, empty when it states none.

    >>> unit_of("kwh_")
    'kWh'
    """
    return _UNITS.get(name.strip(" _()[]"), "")


def _is_date(name: str) -> bool:
    return "date" in name or name == "day"


def _clock_columns(names: list[str]) -> list[SlotColumns]:
    """Return the channels of columns named by half hours, 00:00 to 23:30 or 00:30 to 24:00, and two behind them."""
    found: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(names):
        if match := _CLOCK.match(name):
            found.setdefault(match[1] or "", []).append((place, int(match[2]) * 60 + int(match[3])))
    channels = []
    for prefix, stamps in found.items():
        minutes = [minute for _, minute in stamps]
        starts = list(range(0, 1440, 30))
        if minutes[:48] not in (starts, [*starts[1:], 1440], [*starts[1:], 0]) or len(minutes) not in HALF_HOURS:
            return []
        values = [place for place, _ in stamps]
        codes = [place + 1 for place in values if place + 1 < len(names) and _FLAG.match(names[place + 1])]
        unit = unit_of(prefix)
        channels.append(SlotColumns(unit or prefix or "kWh", unit, values, codes if len(codes) == len(values) else []))
    return channels


def _numbered_columns(names: list[str]) -> list[SlotColumns]:
    """Return the channels of columns numbered 1 to 48 or 1 to 50: HH1, kWh_1, and their types."""
    found: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(names):
        if match := _NUMBERED.match(name):
            stem = f"{match[1].strip()} {match[3]}" if match[3] else match[1].strip()
            found.setdefault(stem, []).append((int(match[2]), place))
    whole = {
        stem: [place for _, place in numbered]
        for stem, numbered in found.items()
        if [number for number, _ in numbered] in [list(range(1, count + 1)) for count in HALF_HOURS]
    }
    flags = {stem: places for stem, places in whole.items() if any(word in stem for word in _FLAG_WORDS)}
    values = {stem: places for stem, places in whole.items() if stem not in flags}
    channels = []
    for stem, places in values.items():
        own = next((flags[flag] for flag in flags if flag.startswith(f"{stem} ")), [])
        lone = next(iter(flags.values())) if len(values) == len(flags) == 1 else []
        beside = [place + 1 for place in places if place + 1 < len(names) and _FLAG.match(names[place + 1])]
        codes = own or lone or (beside if len(beside) == len(places) else [])
        unit = unit_of(stem)
        channels.append(SlotColumns(unit or ("kWh" if len(values) == 1 else stem), unit, places, codes))
    return channels
