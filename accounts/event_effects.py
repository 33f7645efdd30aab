"""What events change: rows of the tables that they imply, and readings to land. Facts in, changes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from typing import Any, Protocol

from accounts.event_charges import assessed_use, fee_of
from accounts.events import Event
from model.codes import ReadKind
from model.events import EventKind

Row = dict[str, Any]


class Facts(Protocol):
    """Gives the rows of a table that say these values, as known now."""

    def __call__(self, table: str, **values: str) -> list[Row]:
        """Return them in order of the grain."""
        ...


@dataclass(frozen=True)
class EventReading:
    """A reading that an event brings: what the dials show, by suffix of the channel ('' for the only one)."""

    service_point_id: str
    meter_id: str
    day: date
    kind: ReadKind
    dials: Mapping[str, str]
    may_roll_over: bool
    """Whether it may be below the reading before: the register went past its last digit."""


@dataclass(frozen=True)
class Effects:
    """What an event changes. A row replaces the one of its grain."""

    rows: list[tuple[str, Row]] = field(default_factory=list)
    readings: list[EventReading] = field(default_factory=list)
    agreements: tuple[str, ...] = ()
    """Agreements whose bills it touches."""

    def __add__(self, other: Effects) -> Effects:
        return Effects(
            self.rows + other.rows, self.readings + other.readings,
            tuple(dict.fromkeys(self.agreements + other.agreements)),
        )  # fmt: skip


def the_row(event: Event, facts: Facts, table: str, key: str, value: str) -> Row:
    """Return the row of a table with an id.

    Raises:
        InputError: there is none.
    """
    found = facts(table, **{key: value})
    if not found:
        raise event.refused(f"{key} `{value}` is not among the {table.replace('_', ' ')}")
    return found[0]


def readings_of(event: Event, prefix: str = "reading") -> dict[str, str]:
    """Return the readings that an event states: `reading=9350`, or `reading.SUFFIX=9350` for several registers."""
    return {key.partition(".")[2]: value for key, value in event.said.items() if key.split(".")[0] == prefix}


def rolled_over(event: Event) -> bool:
    """Return whether the event says that the register went past its last digit.

    Raises:
        InputError: it says something else than yes or no.
    """
    said = event.said.get("rollover", "no")
    if said not in {"yes", "no"}:
        raise event.refused(f"rollover: expected yes or no, found `{said}`")
    return said == "yes"


def supplied_at(facts: Facts, service_point_id: str, day: date) -> Row | None:
    """Return the agreement under which a point is supplied on a day."""
    running = [row for row in facts("agreements", service_point_id=service_point_id) if _holds(row, day)]
    return running[0] if running else None


def _holds(agreement: Row, day: date) -> bool:
    end = agreement["end_date"]
    return bool(agreement["start_date"] <= day and (end is None or day < end))


def _boundary_reading(event: Event, facts: Facts, point: str) -> list[EventReading]:
    """Return the reading between two parties: it ends the use of one and begins that of the other."""
    stated = readings_of(event)
    if not stated:
        return []
    meters = facts("meters", service_point_id=point)
    hanging = [
        row for row in meters
        if row["installed_date"] <= event.day and (row["removed_date"] is None or event.day < row["removed_date"])
    ]  # fmt: skip
    if len(hanging) != 1:
        found = ", ".join(row["meter_id"] for row in hanging) or "none"
        raise event.refused(f"expected one meter at {point} on {event.day}, found {found}")
    meter = str(hanging[0]["meter_id"])
    return [EventReading(point, meter, event.day, ReadKind.REGULAR, stated, rolled_over(event))]


def _opened(event: Event, facts: Facts, row: Row) -> Effects:
    """Return an agreement that begins on the day, refused where the point is supplied already."""
    the_row(event, facts, "accounts", "account_id", row["account_id"])
    the_row(event, facts, "service_points", "service_point_id", row["service_point_id"])
    if facts("agreements", agreement_id=row["agreement_id"]):
        raise event.refused(f"agreement `{row['agreement_id']}` is there already", hint="name another one")
    for other in facts("agreements", service_point_id=row["service_point_id"]):
        if other["end_date"] is None or other["end_date"] > event.day:
            until = other["end_date"] or "further notice"
            raise event.refused(
                f"service point `{row['service_point_id']}` is under agreement `{other['agreement_id']}` from "
                f"{other['start_date']} until {until}",
                hint=f"end it first: billmill event add move_out --set agreement={other['agreement_id']}",
            )
    new = {"start_date": event.day, "end_date": None} | row
    return Effects([("agreements", new)], agreements=(row["agreement_id"],))


def _new_id(event: Event, point: str, key: str = "new_agreement") -> str:
    return event.said.get(key) or f"{point}-{event.day:%Y%m%d}"


def _closed(event: Event, facts: Facts, agreement_id: str) -> tuple[Row, Effects]:
    """Return an agreement that runs on the day before, as it was, and the change that ends it on the day."""
    row = the_row(event, facts, "agreements", "agreement_id", agreement_id)
    end = row["end_date"]
    if event.day <= row["start_date"] or (end is not None and end < event.day):
        until = "goes on" if end is None else f"ends on {end}"
        raise event.refused(f"agreement `{agreement_id}` begins on {row['start_date']} and {until}; it cannot end then")
    return row, Effects([("agreements", row | {"end_date": event.day})], agreements=(agreement_id,))


def _move_in(event: Event, facts: Facts) -> Effects:
    said = event.said
    row = {
        "agreement_id": _new_id(event, said["point"], "agreement"), "account_id": said["account"],
        "service_point_id": said["point"], "tariff_id": said["tariff"],
    }  # fmt: skip
    return _opened(event, facts, row) + Effects(readings=_boundary_reading(event, facts, said["point"]))


def _move_out(event: Event, facts: Facts) -> Effects:
    row, closed = _closed(event, facts, event.said["agreement"])
    return closed + Effects(readings=_boundary_reading(event, facts, row["service_point_id"]))


def _handed_on(event: Event, facts: Facts, **changed: Any) -> Effects:
    """Return an agreement ended and another begun on the same day: no day and no kWh between the two."""
    old, closed = _closed(event, facts, event.said["agreement"])
    point = old["service_point_id"]
    new = {key: old[key] for key in ("account_id", "service_point_id", "tariff_id")} | changed
    new["agreement_id"] = _new_id(event, point)
    closing = _After(facts, closed)
    opened = _opened(event, closing, new)
    return closed + opened + Effects(readings=_boundary_reading(event, facts, point))


@dataclass(frozen=True)
class _After:
    """Facts with the changes of an event made."""

    facts: Facts
    effects: Effects

    def __call__(self, table: str, **values: str) -> list[Row]:
        found = self.facts(table, **values)
        changed = {row["agreement_id"]: row for name, row in self.effects.rows if name == table == "agreements"}
        return [changed.get(row["agreement_id"], row) for row in found] if changed else found


def _owner_change(event: Event, facts: Facts) -> Effects:
    tariff = event.said.get("tariff")
    return _handed_on(event, facts, account_id=event.said["account"], **({"tariff_id": tariff} if tariff else {}))


def _rate_change(event: Event, facts: Facts) -> Effects:
    """The contract goes on under another tariff: what it says of itself goes along."""
    row = the_row(event, facts, "agreements", "agreement_id", event.said["agreement"])
    if not _holds(row, event.day):
        raise event.refused(f"agreement `{row['agreement_id']}` does not run on that day")
    handed = _handed_on(event, facts, tariff_id=event.said["tariff"], end_date=row["end_date"])
    old, new = handed.agreements
    held = facts("agreement_attributes", agreement_id=old)
    carried = [("agreement_attributes", row) for row in attributes_from(held, event.day, agreement_id=new)]
    return handed + Effects(carried)


def attributes_from(rows: list[Row], day: date, **changed: str) -> list[Row]:
    """Return the attributes that hold on a day or begin after it, from the day on."""
    ordered = sorted(rows, key=lambda row: (row["name"], row["valid_from"]))
    found = []
    for row, after in zip_longest(ordered, ordered[1:]):
        end = row["valid_to"]
        if end is None and after is not None and after["name"] == row["name"]:
            end = after["valid_from"]
        if end is None or end > day:
            found.append(row | {"valid_from": max(row["valid_from"], day), "valid_to": end} | changed)
    return found


def _stated(event: Event, facts: Facts, table: str, key: str, owner: str, name: str, value: str) -> Effects:
    """Return an attribute that holds from the day on; what held before ends, what begins later stays."""
    held = [row for row in facts(table, **{key: owner}) if row["name"] == name]
    later = [row["valid_from"] for row in held if row["valid_from"] > event.day]
    rows = [
        (table, row | {"valid_to": event.day})
        for row in held
        if row["valid_from"] < event.day and row["valid_to"] is not None and row["valid_to"] > event.day
    ]
    new = {key: owner, "name": name, "value": value, "valid_from": event.day, "valid_to": min(later, default=None)}
    return Effects([*rows, (table, new)])


def _supply(event: Event, facts: Facts, value: str) -> Effects:
    point = event.said["point"]
    the_row(event, facts, "service_points", "service_point_id", point)
    held = [row for row in facts("service_point_attributes", service_point_id=point) if row["name"] == "supply"]
    before = [row for row in held if row["valid_from"] <= event.day]
    now = max(before, key=lambda row: row["valid_from"])["value"] if before else "on"
    if now == value:
        word = "disconnected" if value == "off" else "connected"
        raise event.refused(f"service point `{point}` is {word} already", hint="billmill event list --point " + point)
    running = supplied_at(facts, point, event.day)
    touched = Effects(readings=_boundary_reading(event, facts, point),
                      agreements=(running["agreement_id"],) if running else ())  # fmt: skip
    return _stated(event, facts, "service_point_attributes", "service_point_id", point, "supply", value) + touched


def _disconnection(event: Event, facts: Facts) -> Effects:
    return _supply(event, facts, "off")


def _reconnection(event: Event, facts: Facts) -> Effects:
    supply = _supply(event, facts, "on")
    return supply + _fee(event, facts, event.said["point"], "reconnection_fee", "Reconnection")


def _fee(event: Event, facts: Facts, point: str, component: str, text: str) -> Effects:
    if "fee" not in event.said:
        return Effects()
    running = supplied_at(facts, point, event.day)
    if running is None:
        raise event.refused(f"service point `{point}` is under no agreement, so that nobody owes the fee",
                            hint="leave the fee out, or record the move-in first")  # fmt: skip
    account = the_row(event, facts, "accounts", "account_id", running["account_id"])
    charge = fee_of(event, running["agreement_id"], account["currency"], component, text)
    return Effects([("one_off_charge", charge)])


def _vacancy(event: Event, facts: Facts) -> Effects:
    """Nobody lives there: the owner is billed, as the tariff says of `occupancy == "vacant"`."""
    point, owner = event.said["point"], event.said["account"]
    running = supplied_at(facts, point, event.day)
    if running is not None and running["account_id"] == owner and running["start_date"] < event.day:
        effects = Effects(readings=_boundary_reading(event, facts, point), agreements=(running["agreement_id"],))
        agreement = running["agreement_id"]
    elif running is not None and running["start_date"] < event.day:
        given = dict(event.said) | {"agreement": running["agreement_id"]}
        tariff = {"tariff_id": given["tariff"]} if "tariff" in given else {}
        moved = Event(event.event_id, event.kind, event.day, given, event.why, event.evidence, event.place)
        effects = _handed_on(moved, facts, account_id=owner, **tariff)
        agreement = effects.agreements[-1]
    else:
        if "tariff" not in event.said:
            raise event.refused(f"expected a tariff for the owner's agreement at `{point}`, found none")
        agreement = _new_id(event, point)
        row = {
            "agreement_id": agreement, "account_id": owner, "service_point_id": point,
            "tariff_id": event.said["tariff"],
        }  # fmt: skip
        effects = _opened(event, facts, row) + Effects(readings=_boundary_reading(event, facts, point))
    key = ("agreement_attributes", "agreement_id", agreement, "occupancy", "vacant")
    return effects + _stated(event, facts, *key)


def _occupancy(event: Event, facts: Facts) -> Effects:
    row = the_row(event, facts, "agreements", "agreement_id", event.said["agreement"])
    if not _holds(row, event.day):
        raise event.refused(f"agreement `{row['agreement_id']}` does not run on that day")
    key = ("agreement_attributes", "agreement_id", row["agreement_id"], "occupancy", "occupied")
    readings = _boundary_reading(event, facts, row["service_point_id"])
    return _stated(event, facts, *key) + Effects(readings=readings, agreements=(row["agreement_id"],))


def _tamper(event: Event, facts: Facts) -> Effects:
    row = the_row(event, facts, "agreements", "agreement_id", event.said["agreement"])
    account = the_row(event, facts, "accounts", "account_id", row["account_id"])
    charge = assessed_use(event, row["agreement_id"], account["currency"])
    return Effects([("one_off_charge", charge)], agreements=(row["agreement_id"],))


def _charge(event: Event, facts: Facts) -> Effects:
    row = the_row(event, facts, "agreements", "agreement_id", event.said["agreement"])
    account = the_row(event, facts, "accounts", "account_id", row["account_id"])
    component = event.said.get("component", "charge")
    charge = fee_of(event, row["agreement_id"], account["currency"], component, event.said["text"])
    return Effects([("one_off_charge", charge)], agreements=(row["agreement_id"],))


def _cycle_change(event: Event, facts: Facts) -> Effects:
    """The old group bills the days before, the new one those from the day on."""
    account = the_row(event, facts, "accounts", "account_id", event.said["account"])
    group, first = event.said["bill_group"], event.said.get("first", "short")
    if first not in {"short", "long"}:
        raise event.refused(f"first: expected short or long, found `{first}`")
    if not facts("cycles", bill_group=group):
        raise event.refused(f"bill group `{group}` has no cycle in the calendar", hint="import its cycles.csv first")
    changes = facts("group_change", account_id=account["account_id"])
    if account["bill_group"] == group or any(row["from_date"] >= event.day for row in changes):
        raise event.refused(f"account `{account['account_id']}` is in group `{account['bill_group']}` then already")
    for left in (row["from_date"] for row in changes if row["from_group"] == group):
        if any(row["period_start_date"] < left and row["period_end_date"] > event.day
               for row in facts("cycles", bill_group=group)):  # fmt: skip
            raise event.refused(f"account `{account['account_id']}` left group `{group}` on {left}, in the same period")
    change = {
        "account_id": account["account_id"], "from_date": event.day, "from_group": account["bill_group"],
        "to_group": group, "first_bill": first,
    }  # fmt: skip
    touched = tuple(row["agreement_id"] for row in facts("agreements", account_id=account["account_id"]))
    return Effects([("accounts", account | {"bill_group": group}), ("group_change", change)], agreements=touched)


SUPPLY_EFFECTS: dict[EventKind, Callable[[Event, Facts], Effects]] = {
    EventKind.MOVE_IN: _move_in,
    EventKind.MOVE_OUT: _move_out,
    EventKind.OWNER_CHANGE: _owner_change,
    EventKind.RATE_CHANGE: _rate_change,
    EventKind.DISCONNECTION: _disconnection,
    EventKind.RECONNECTION: _reconnection,
    EventKind.VACANCY: _vacancy,
    EventKind.OCCUPANCY: _occupancy,
    EventKind.TAMPER: _tamper,
    EventKind.CHARGE: _charge,
    EventKind.CYCLE_CHANGE: _cycle_change,
}
