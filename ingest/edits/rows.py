"""Rows of edits as a person writes them: CSV or options, to slots and exact integers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from ingest.formats.numbers import READING_MAX, SLOT_MAX, exact_integers
from model.codes import Measure
from model.edits import EditKind
from model.errors import InputError
from model.units import READABLE_UNIT, SMALLEST_UNIT, smallest_per
from model.zones import day_of as zone_day
from model.zones import day_slots, day_start_utc, zone

DAYS_MAX = 400  # an edit is looked at by a second person; a year is more than anyone looks at
STATED = (EditKind.VALUE, EditKind.AGREED, EditKind.CUSTOMER)
_COLUMNS = {"channel_id": "channel_id", "from": "start", "to": "end"} | {
    name: name for name in ("kind", "reason", "value", "total", "meter_id")
}


@dataclass(frozen=True)
class EditRow:
    """A row of an edit as a person writes it; all texts, empty where nothing is said."""

    channel_id: str
    start: str
    """First day, or local time 2026-10-05T14:00, or UTC with a Z at the end. Of a register the day of the reading."""
    end: str
    """Day or time after the last."""
    kind: str
    reason: str
    value: str = ""
    """Of each interval, in the unit that people read (kWh, m3); of a register what its dials show."""
    total: str = ""
    """Of all intervals together, shared equally; instead of `value`."""
    meter_id: str = ""
    place: str = "options"
    """Where it stands, for messages."""


@dataclass(frozen=True)
class EditSlot:
    """An interval, or a reading, and the value that an edit gives it; None when its kind says it."""

    day: date
    slot: int
    value: int | None


def read_edit_file(name: str, data: bytes) -> list[EditRow]:
    """Return the rows of a CSV: channel_id, from, to, kind, reason; value or total; meter_id.

    Raises:
        InputError: the file is no such CSV.
    """
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = reader.fieldnames or []
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"file `{name}` is not readable as CSV: {error}", hint="export it again as UTF-8") from error
    needed = [column for column in ("channel_id", "from", "kind", "reason") if column not in header]
    unknown = sorted(set(header) - set(_COLUMNS))
    if needed or unknown:
        found = ", ".join([*(f"no {column}" for column in needed), *(f"`{column}`" for column in unknown)])
        raise InputError(
            f"file `{name}`: expected columns {', '.join(_COLUMNS)}; found {found}", hint="see docs/vee.md, edits"
        )
    return [
        EditRow(
            **{_COLUMNS[key]: (text or "").strip() for key, text in {"to": "", **row}.items() if key in _COLUMNS},
            place=f"{name} line {number}",
        )
        for number, row in enumerate(rows, start=2)
    ]


def check_row(row: EditRow) -> None:
    """Refuse a row without a known kind, a reason, or exactly the values that its kind wants.

    Raises:
        InputError: it is no such row.
    """
    kinds = [item.value for item in EditKind]
    if row.kind not in kinds:
        raise refused(row, f"kind: expected one of {', '.join(kinds)}, found `{row.kind}`")
    if not row.reason:
        raise refused(row, "expected a reason, found none", hint="say why, for whoever approves it")
    given = [name for name in ("value", "total") if getattr(row, name)]
    if EditKind(row.kind) in STATED and len(given) != 1:
        raise refused(row, f"kind {row.kind}: expected a value or a total, found {' and '.join(given) or 'neither'}")
    if EditKind(row.kind) not in STATED and given:
        raise refused(row, f"kind {row.kind}: expected no {given[0]}, found `{getattr(row, given[0])}`")


def interval_slots(channel: Mapping[str, Any], row: EditRow) -> list[EditSlot]:
    """Return the slots of a row with their values."""
    start, end = _instant(row, row.start, channel["tz_name"]), _instant(row, row.end, channel["tz_name"])
    if not start < end:
        raise refused(row, f"expected a start before the end, found {row.start} to {row.end}")
    if end - start > timedelta(days=DAYS_MAX):
        raise refused(row, f"expected at most {DAYS_MAX} days, found {(end - start).days}", hint="edit less at once")
    places = list(_places(channel, start, end))
    step = timedelta(minutes=channel["interval_minutes"])
    if len(places) * step != end - start or not places:
        raise refused(
            row, f"expected whole intervals of {channel['interval_minutes']} minutes, found {row.start} to {row.end}"
        )
    kind = EditKind(row.kind)
    if kind not in STATED:
        return [EditSlot(day, slot, 0 if kind is EditKind.ZERO else None) for day, slot in places]
    per = smallest_per(READABLE_UNIT[SMALLEST_UNIT[Measure(channel["measure"])]])
    if row.value:
        value = number_of(row, row.value, per, SLOT_MAX)
        return [EditSlot(day, slot, value) for day, slot in places]
    total = number_of(row, row.total, per, READING_MAX)
    each, left = divmod(total, len(places))
    if each + 1 > SLOT_MAX:
        raise refused(row, f"expected a total that fits {len(places)} intervals, found {row.total}")
    return [EditSlot(day, slot, each + (place < left)) for place, (day, slot) in enumerate(places)]


def _places(channel: Mapping[str, Any], start: datetime, end: datetime) -> Iterator[tuple[date, int]]:
    """Give day and slot of the intervals that lie wholly in [start, end)."""
    tz_name, minutes = channel["tz_name"], channel["interval_minutes"]
    step = timedelta(minutes=minutes)
    day = zone_day(tz_name, start)
    while day_start_utc(tz_name, day) < end:
        begin = day_start_utc(tz_name, day)
        for slot in range(day_slots(tz_name, day, minutes)):
            if start <= begin + slot * step and begin + (slot + 1) * step <= end:
                yield day, slot
        day += timedelta(days=1)


def number_of(row: EditRow, text: str, per: int, limit: int) -> int:
    """Return a number from zero on, in whole units of 1/`per`; at most `limit`.

    Raises:
        InputError: the text is no such number.
    """
    exponent = len(str(per)) - 1
    assert per == 10**exponent, "units that people read are powers of ten of the smallest"
    found = exact_integers(pl.Series([text]), exponent, limit=limit)
    value, problem = found.row(0)
    if problem is not None or value is None or value < 0:
        expected = {"too_precise": f"a number that is whole in 1/{per}", "value_too_large": "a smaller number"}
        raise refused(row, f"expected {expected.get(problem, 'a number from zero on')}, found `{text}`")
    return int(value)


def day_of(row: EditRow, text: str) -> date:
    """Return the day that a text writes.

    Raises:
        InputError: it writes none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise refused(row, f"expected a day like 2026-10-05, found `{text}`") from error


def _instant(row: EditRow, text: str, tz_name: str) -> datetime:
    """Return the instant of a day or a time: local, or UTC with a Z."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused(row, f"expected a day or a time like 2026-10-05T14:00, found `{text}`") from error
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    local = found.replace(tzinfo=zone(tz_name))
    later = local.replace(fold=1)
    # Local midnight may itself come twice in some zones; a day alone always means its begin.
    if len(text) <= len("2026-10-05"):
        return day_start_utc(tz_name, found.date())
    if local.utcoffset() != later.utcoffset():
        happens = "does not happen" if local.astimezone(UTC) > later.astimezone(UTC) else "comes twice"
        raise refused(row, f"local time {text} {happens} in {tz_name}", hint="write it in UTC, with a Z at the end")
    return local.astimezone(UTC)


def refused(row: EditRow, message: str, *, hint: str | None = None) -> InputError:
    """Return the error that a row cannot be used."""
    return InputError(f"{row.place}: {message}", hint=hint)
