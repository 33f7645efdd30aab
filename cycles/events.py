"""`event add` and `event import`: events recorded with all that they change, in one transaction; listed, decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import polars as pl

from accounts.checking import find_bad_rows
from accounts.event_effects import SUPPLY_EFFECTS, Effects
from accounts.event_meters import METER_EFFECTS
from accounts.events import SUBJECTS, Event
from accounts.numbering import renumber
from accounts.reading import LINE
from cycles.asked import check_known, check_option
from cycles.event_readings import Readings, readings_source
from model.accounts import IMPORTED
from model.errors import ControlError, InputError
from model.events import ChargeState, EventKind, OneOffCharges, SupplyEvents
from model.facts import FACTS
from model.schema import arranged, column_names, grain, polars_schema
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts, record_facts
from store.workspace import Workspace


@dataclass(frozen=True)
class Recorded:
    """What recording an event did. `is_new` is False when it was recorded before."""

    event_id: str
    kind: str
    event_date: str
    changed: tuple[str, ...]
    """Tables that it changed."""
    agreements: tuple[str, ...]
    """Agreements whose bills it touches."""
    billed: tuple[str, ...]
    """Bills that stand and hold days from the event on: candidates for billing again."""
    waits: bool
    """Whether a second person has to approve a charge of it."""
    is_new: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def record_events(workspace: Workspace, events: Sequence[Event], *, at: datetime, actor: str) -> list[Recorded]:
    """Record events in order with all that they change: all of them, or none. Recording again changes nothing.

    Raises:
        InputError: an event does not fit what is known: names it, what was expected and what was found.
    """
    with control(workspace, purpose="event add") as connection, transaction(connection):
        readings = Readings(workspace, connection)
        done = [_record(connection, event, readings, at=at, actor=actor) for event in events]
        readings.land(at=at, source=readings_source(events))
    return done


def check_events(workspace: Workspace, events: Sequence[Event], *, at: datetime, actor: str) -> list[Recorded]:
    """Return what recording events would do; nothing is kept.

    Raises:
        InputError: as `record_events` does.
    """
    with control(workspace, purpose="event check") as connection:
        connection.execute("BEGIN TRANSACTION")
        try:
            readings = Readings(workspace, connection)
            return [_record(connection, event, readings, at=at, actor=actor) for event in events]
        finally:
            connection.execute("ROLLBACK")


def _record(connection: Connection, event: Event, readings: Readings, *, at: datetime, actor: str) -> Recorded:
    row = _row(event, actor)
    known = _rows(connection, "event", event_id=event.event_id)
    if known:
        told = {key: value for key, value in row.items() if key != "recorded_by"}
        if any(known[0][key] != value for key, value in told.items()):
            raise event.refused(f"event `{event.event_id}` is recorded already and says something else",
                                hint="give another event_id")  # fmt: skip
        return Recorded(event.event_id, event.kind.value, str(event.day), (), (), (), waits=False, is_new=False)
    effects = (SUPPLY_EFFECTS | METER_EFFECTS)[event.kind](
        event, lambda table, **said: _rows(connection, table, **said)
    )
    _record_rows(connection, "event", [row], at)
    changed = _apply(connection, event, effects, at=at, actor=actor)
    if "channels" in changed:
        renumber(connection)
    for reading in effects.readings:
        readings.add(event, reading)
    record(connection, at=at, actor=actor, action="event", subject=event.event_id, detail=_detail(event, changed))
    waits = any(new.get("state") == ChargeState.PROPOSED.value for _, new in effects.rows)
    billed = _billed(connection, effects.agreements, event)
    return Recorded(
        event.event_id, event.kind.value, str(event.day), changed, effects.agreements, billed, waits, is_new=True
    )


def _row(event: Event, actor: str) -> dict[str, Any]:
    subjects = {column: event.said.get(key) for key, column in SUBJECTS.items()}
    return subjects | {
        "event_id": event.event_id, "kind": event.kind.value, "event_date": event.day, "details": event.details(),
        "why": event.why, "evidence": event.evidence, "recorded_by": actor,
    }  # fmt: skip


def _detail(event: Event, changed: Sequence[str]) -> str:
    said = ", ".join(f"{key} {value}" for key, value in sorted(event.said.items()))
    return f"{event.kind.value} on {event.day}: {said}; changes {', '.join(changed) or 'readings alone'}"


def _apply(connection: Connection, event: Event, effects: Effects, *, at: datetime, actor: str) -> tuple[str, ...]:
    """Record the rows of an event, table by table; the rules of an import hold for them."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, row in effects.rows:
        tables.setdefault(table, []).append(row)
    for row in tables.get("one_off_charge", []):
        row["proposed_by"] = actor
    for table, rows in tables.items():
        _refuse_bad(connection, event, table, rows)
        _record_rows(connection, table, rows, at)
    return tuple(tables)


def _refuse_bad(connection: Connection, event: Event, table: str, rows: list[dict[str, Any]]) -> None:
    if table not in IMPORTED:
        return
    frame = _frame(table, rows).with_row_index(LINE).with_columns(
        pl.col(LINE).cast(pl.Int64), file=pl.lit(event.place), file_line=pl.lit(0, pl.Int64)
    )  # fmt: skip
    others = _Known(connection, frame)
    bad = find_bad_rows(table, frame, others)
    if bad.height:
        raise event.refused(f"{table}: {bad['detail'][0]}")


class _Known(dict[str, pl.DataFrame]):
    """Imported tables, each read when it is asked for: the rows that share an id with those of an event."""

    def __init__(self, connection: Connection, rows: pl.DataFrame) -> None:
        super().__init__()
        self._connection = connection
        self._ids = {name: rows[name].unique().to_list() for name in rows.columns if name.endswith("_id")}

    def __missing__(self, table: str) -> pl.DataFrame:
        names = column_names(IMPORTED[table])
        shared = [name for name in names if name in self._ids]
        columns = ", ".join(f'"{name}"' for name in names)
        near = " OR ".join(f'list_contains(?, "{name}")' for name in shared) or "FALSE"
        sql = f'SELECT {columns} FROM "{table}" WHERE superseded_at IS NULL AND ({near})'
        found = query(self._connection, sql, [self._ids[name] for name in shared])
        self[table] = arranged(IMPORTED[table], found)
        return self[table]


def _record_rows(connection: Connection, table: str, rows: list[dict[str, Any]], at: datetime) -> None:
    record_facts(connection, table, _frame(table, rows), recorded_at=at)


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = polars_schema(FACTS[table])
    return arranged(FACTS[table], pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema))


def _rows(connection: Connection, table: str, **said: str) -> list[dict[str, Any]]:
    """Return the rows of a table that say these values, as known now, in order of the grain."""
    declared = FACTS[table]
    unknown = set(said) - set(column_names(declared))
    assert not unknown, f"{table} has no column {unknown}"
    wanted = " AND ".join(f'"{name}" = ?' for name in said)
    columns = ", ".join(f'"{name}"' for name in column_names(declared))
    order = ", ".join(f'"{name}"' for name in grain(declared))
    sql = f'SELECT {columns} FROM "{table}" WHERE superseded_at IS NULL AND {wanted} ORDER BY {order}'
    return query(connection, sql, list(said.values())).to_dicts()


def _billed(connection: Connection, agreements: Sequence[str], event: Event) -> tuple[str, ...]:
    found = query(
        connection,
        "SELECT DISTINCT bill_id FROM segment_key WHERE list_contains(?, agreement_id) AND period_end_date > ? "
        "AND bill_id NOT IN (SELECT bill_id FROM reversed_bill) ORDER BY bill_id",
        [list(agreements), event.day],
    )
    return tuple(found["bill_id"].to_list())


def listed_events(workspace: Workspace, *, kind: str | None = None, point: str | None = None) -> pl.DataFrame:
    """Return the events, in order of day; those of a kind, or at a service point, alone when asked.

    Raises:
        ConfigError: the kind or the service point is not known.
    """
    check_option("--kind", [kind] if kind else [], [item.value for item in EventKind])
    with control(workspace, purpose="event list") as connection:
        check_known(connection, "service point", [point] if point else [])
        found = facts(connection, "event")
        agreements = facts(connection, "agreements").select("agreement_id", pl.col("service_point_id").alias("at"))
    if kind is not None:
        found = found.filter(pl.col("kind") == kind)
    if point is not None:
        found = found.join(agreements, on="agreement_id", how="left", validate="m:1").filter(
            pl.coalesce("service_point_id", "at") == point
        )
    return found.select(column_names(SupplyEvents)).sort("event_date", "event_id")


def event_story(workspace: Workspace, event_id: str) -> dict[str, Any]:
    """Return an event, its charges and on which bills they came.

    Raises:
        InputError: there is no such event.
    """
    with control(workspace, purpose="event show") as connection:
        known = _rows(connection, "event", event_id=event_id)
        if not known:
            raise InputError(f"event `{event_id}` is not known", hint="see them: billmill event list")
        charges = _rows(connection, "one_off_charge", charge_id=event_id)
        bills = query(
            connection,
            "SELECT bill_id, run_id, bill_id IN (SELECT bill_id FROM reversed_bill) AS is_reversed "
            "FROM billed_charge WHERE charge_id = ? ORDER BY bill_id",
            [event_id],
        )
        audit = query(
            connection,
            "SELECT at_utc, actor, action, detail FROM audit WHERE subject = ? AND action IN ('event', "
            "'decide_charge') ORDER BY entry_no", [event_id],
        )  # fmt: skip
    return {"event": known[0], "charges": charges, "bills": bills.to_dicts(), "audit": audit.to_dicts()}


def waiting_charges(workspace: Workspace) -> pl.DataFrame:
    """Return the one-off charges that stand on no bill: those that wait for a second person, or for the next bill."""
    with control(workspace, purpose="event check") as connection:
        charges = facts(connection, "one_off_charge").filter(pl.col("state") != ChargeState.REFUSED.value)
        standing = query(
            connection,
            "SELECT charge_id FROM billed_charge WHERE bill_id NOT IN (SELECT bill_id FROM reversed_bill)",
        )
    return charges.join(standing, on="charge_id", how="anti").sort("charge_date", "charge_id")


def decide_charges(
    workspace: Workspace, event_ids: Sequence[str], state: ChargeState, *, at: datetime, actor: str
) -> list[str]:
    """Approve or refuse charges that wait for a second person; all, or none. Return those that were decided now.

    Raises:
        InputError: an event has no charge.
        ControlError: who recorded it would approve it, or it was decided otherwise.
    """
    with control(workspace, purpose="event approve") as connection, transaction(connection):
        return [one for one in event_ids if _decide(connection, one, state, at=at, actor=actor)]


def _decide(connection: Connection, event_id: str, state: ChargeState, *, at: datetime, actor: str) -> bool:
    found = _rows(connection, "one_off_charge", charge_id=event_id)
    if not found:
        raise InputError(f"event `{event_id}` has no charge", hint="see them: billmill event check")
    (row,) = found
    if row["state"] == state.value:
        return False
    if row["state"] != ChargeState.PROPOSED.value:
        raise ControlError(f"the charge of event `{event_id}` is {row['state']} already", hint="record another event")
    if state is ChargeState.APPROVED and row["proposed_by"] == actor:
        raise ControlError(
            f"event `{event_id}` was recorded by {actor}; the same person cannot approve its charge",
            hint=f"another person approves: billmill event approve {event_id} --by NAME",
        )
    _record_rows(connection, "one_off_charge", [row | {"state": state.value, "decided_by": actor}], at)
    detail = f"{state.value}: {row['line_text']}, recorded by {row['proposed_by']}"
    record(connection, at=at, actor=actor, action="decide_charge", subject=event_id, detail=detail)
    return True


def approved_charges(charges: pl.DataFrame) -> pl.DataFrame:
    """Return the charges that may be billed."""
    return arranged(OneOffCharges, charges.filter(pl.col("state") == ChargeState.APPROVED.value))
