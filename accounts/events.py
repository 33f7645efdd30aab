"""Events as a person writes them: a kind, a day, and what the kind asks for. Read and checked; nothing is changed here.

Events are written by hand or come by the hundred, so they are looked at one by one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from model.errors import InputError
from model.events import EventKind
from model.ids import content_hash

ID_LENGTH = 12
SUBJECTS = {"account": "account_id", "agreement": "agreement_id", "point": "service_point_id", "meter": "meter_id"}
_FEE = ("fee", "tax_code", "tax_percent", "gl_account", "text")
_READ = ("reading", "rollover")


@dataclass(frozen=True)
class Asked:
    """What a kind of event must say, and what it may."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()


KINDS: dict[EventKind, Asked] = {
    EventKind.MOVE_IN: Asked(("point", "account", "tariff"), ("agreement", *_READ)),
    EventKind.MOVE_OUT: Asked(("agreement",), _READ),
    EventKind.OWNER_CHANGE: Asked(("agreement", "account"), ("tariff", "new_agreement", *_READ)),
    EventKind.METER_EXCHANGE: Asked(
        ("meter", "new_meter"), ("new_reading", "dials", "multiplier", "interval_minutes", "suffix", *_READ)
    ),
    EventKind.INSTALLATION: Asked(("meter", "point", "dials"), ("multiplier", *_READ)),
    EventKind.REMOVAL: Asked(("meter",), _READ),
    EventKind.RELOCATION: Asked(("meter", "to_point"), ("new_reading", *_READ)),
    EventKind.RECONFIGURATION: Asked(("meter",), ("multiplier", "dials", "new_reading", *_READ)),
    EventKind.RATE_CHANGE: Asked(("agreement", "tariff"), ("new_agreement", *_READ)),
    EventKind.DISCONNECTION: Asked(("point",), _READ),
    EventKind.RECONNECTION: Asked(("point",), (*_READ, *_FEE)),
    EventKind.VACANCY: Asked(("point", "account"), ("tariff", "new_agreement", *_READ)),
    EventKind.OCCUPANCY: Asked(("agreement",), _READ),
    EventKind.METER_TEST: Asked(("meter", "error_percent", "since"), ("back_months", *_FEE)),
    EventKind.TAMPER: Asked(
        ("agreement", "quantity", "unit", "price", "from", "to"), ("tax_code", "tax_percent", "gl_account", "text")
    ),
    EventKind.CYCLE_CHANGE: Asked(("account", "bill_group"), ("first",)),
    EventKind.CHARGE: Asked(("agreement", "fee", "text"), ("component", "tax_code", "tax_percent", "gl_account")),
}
_COLUMNS = ("event_id", "kind", "date", *SUBJECTS, "details", "why", "evidence")


@dataclass(frozen=True)
class Event:
    """An event that says what its kind asks for. `said`: subjects and details by key, as texts."""

    event_id: str
    kind: EventKind
    day: date
    said: Mapping[str, str]
    why: str
    evidence: str | None
    place: str
    """Where it stands, for messages."""

    def refused(self, message: str, hint: str | None = None) -> InputError:
        """Return the error that says why the event cannot be recorded."""
        return InputError(f"{self.place}: {self.kind.value} on {self.day}: {message}", hint=hint)

    def details(self) -> str:
        """Return what it says beside its subjects, as it is kept: `key=value` in order of the keys."""
        return "; ".join(f"{key}={value}" for key, value in sorted(self.said.items()) if key not in SUBJECTS)


def read_event(
    kind: str, day: str, said: Mapping[str, str], *, why: str, evidence: str = "", event_id: str = "",
    place: str = "options",
) -> Event:  # fmt: skip
    """Return an event whose kind is known and that says all that its kind asks for, and nothing else.

    Raises:
        InputError: it is none.
    """
    kinds = [item.value for item in EventKind]
    if kind not in kinds:
        raise InputError(f"{place}: kind: expected one of {', '.join(kinds)}; found `{kind}`")
    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise InputError(f"{place}: date: expected a day like 2026-06-15, found `{day}`") from None
    filled = {key: value.strip() for key, value in said.items() if value.strip()}
    made = Event(
        event_id or _id_of(kind, on, filled), EventKind(kind), on, filled, why.strip(), evidence or None, place
    )
    if not made.why:
        raise made.refused("expected a reason, found none", hint="say it with --why, or in the column why")
    _refuse_unless_asked(made)
    return made


def _refuse_unless_asked(event: Event) -> None:
    asked = KINDS[event.kind]
    missing = [key for key in asked.needs if key not in event.said]
    unknown = sorted(key for key in event.said if key.split(".")[0] not in (*asked.needs, *asked.may))
    bad = [key for key, value in event.said.items() if ";" in value or "=" in value]
    if missing or unknown or bad:
        found = [*(f"no `{key}`" for key in missing), *(f"`{key}`" for key in unknown)]
        found += [f"`{event.said[key]}` in `{key}`: a value has no ; and no =" for key in bad]
        may = f"; it may say {', '.join(asked.may)}" if asked.may else ""
        raise event.refused(f"expected {', '.join(asked.needs)}{may}; found {', '.join(found)}")


def _id_of(kind: str, day: date, said: Mapping[str, str]) -> str:
    return content_hash(kind, day, *(part for pair in sorted(said.items()) for part in pair))[:ID_LENGTH]


def read_event_file(name: str, data: bytes) -> list[Event]:
    """Return the events of a CSV in its order: event_id, kind, date, account, agreement, point, meter, details, why,
    evidence; `details` as `key=value; key=value`. Columns that nobody fills may be left out.

    Raises:
        InputError: the file is no such CSV, a row is no event, or two rows have one id.
    """
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header, rows = list(reader.fieldnames or []), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"file `{name}` is not readable as CSV: {error}", hint="export it again as UTF-8") from error
    lacking = [column for column in ("kind", "date", "why") if column not in header]
    unknown = sorted(set(header) - set(_COLUMNS))
    if lacking or unknown:
        found = ", ".join([*(f"no {column}" for column in lacking), *(f"`{column}`" for column in unknown)])
        raise InputError(
            f"file `{name}`: expected columns {', '.join(_COLUMNS)}; found {found}", hint="see docs/events.md"
        )
    events = [_row(f"{name} line {number}", row) for number, row in enumerate(rows, start=2)]
    first: dict[str, Event] = {}
    for event in events:
        other = first.setdefault(event.event_id, event)
        if other is not event:
            raise event.refused(f"expected each event once; event `{event.event_id}` stands already in {other.place}")
    return events


def _row(place: str, row: Mapping[str | None, str | None]) -> Event:
    if None in row:
        raise InputError(f"{place}: expected as many cells as the header has, found more")
    cells = {key: (value or "").strip() for key, value in row.items() if key is not None}
    said = {key: cells.get(key, "") for key in SUBJECTS}
    said |= parse_details(cells.get("details", ""), place)
    return read_event(
        cells["kind"], cells["date"], said, why=cells["why"], evidence=cells.get("evidence", ""),
        event_id=cells.get("event_id", ""), place=place,
    )  # fmt: skip


def parse_details(text: str, place: str) -> dict[str, str]:
    """Return the pairs of `key=value; key=value`.

    Raises:
        InputError: a part has no `=`, or a key comes twice.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, sign, value = part.partition("=")
        if not sign or key.strip() in found or key.strip() in SUBJECTS:
            raise InputError(f"{place}: details: expected key=value, each key once, found `{part}`")
        found[key.strip()] = value.strip()
    return found
