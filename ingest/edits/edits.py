"""Edits of reads, proposed: what a person wants changed and why. Nothing changes until a second person approves.

An edit is made by hand, a few at a time, so its rows are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from ingest.edits.rows import STATED, EditRow, EditSlot, check_row, day_of, interval_slots, number_of, refused
from ingest.formats.numbers import READING_MAX
from ingest.vee.lake import overlapping
from ingest.vee.matrix import MISSING, value_matrix
from ingest.vee.registers import SMALLEST_PER_DIAL_UNIT
from ingest.versions import current_days, current_registers
from model.edits import EditKind, EditState, ReadEdits, ReadEditValues
from model.errors import InputError
from model.ids import content_hash
from model.reads import RegisterReads, read_days_schema
from model.schema import arranged, polars_schema
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts, record_facts
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

ID_LENGTH = 12
_OF_REGISTERS = (EditKind.VALUE, EditKind.AGREED, EditKind.CUSTOMER)
_OF_INTERVALS = (EditKind.VALUE, EditKind.AGREED, EditKind.ZERO, EditKind.ESTIMATE, EditKind.RESTORE)


@dataclass(frozen=True)
class Proposed:
    """An edit that was proposed, now or before; quantities in smallest units, empty slots counting as zero."""

    edit_id: str
    channel_id: str
    kind: str
    from_date: date
    to_date: date
    slots: int
    before: int
    after: int | None
    """None when VEE or the landed row will say."""
    state: str
    is_new: bool


def propose_edits(workspace: Workspace, rows: Sequence[EditRow], *, at: datetime, actor: str) -> list[Proposed]:
    """Record rows as proposed edits, one for all rows with the same channel, kind, reason and meter; all, or none.

    Proposing the same again changes nothing.

    Raises:
        InputError: a row cannot be used.
    """
    if not rows:
        raise InputError("expected at least one row to edit, found none", hint="name a file or a channel")
    groups: dict[tuple[str, str, str, str], list[EditRow]] = {}
    for row in rows:
        check_row(row)
        groups.setdefault((row.channel_id, row.kind, row.reason, row.meter_id), []).append(row)
    with control(workspace, purpose="reads edit") as connection, transaction(connection):
        channels = _channels(connection, [row.channel_id for row in rows])
        done = [_propose(workspace, connection, channels, group, at=at, actor=actor) for group in groups.values()]
        for one in done:
            if one.is_new:
                detail = f"{one.kind} on {one.channel_id}, {one.from_date} to {one.to_date}, {one.slots} slots"
                record(connection, at=at, actor=actor, action="propose_edit", subject=one.edit_id, detail=detail)
    return done


def landed_register(workspace: Workspace, connection: Connection, channel_no: int) -> pl.DataFrame:
    """Return the register readings of a channel that count."""
    files = lake_files(connection, "register_reads")
    if not files:
        return pl.DataFrame(schema=polars_schema(RegisterReads))
    scan = scan_lake(workspace, files).select(list(polars_schema(RegisterReads)))
    return current_registers(scan.filter(pl.col("channel_no") == channel_no).collect())


def landed_seqs(
    workspace: Workspace, connection: Connection, channel: Mapping[str, Any], from_date: date, to_date: date
) -> dict[date, int]:
    """Return the sequence of the landed row that counts of each day of an interval channel."""
    landed, _ = _days_now(workspace, connection, channel, from_date, to_date)
    return dict(landed.select("day", "seq").iter_rows())


def _channels(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found = query(connection, "SELECT * FROM channel_number WHERE list_contains(?, channel_id)", [list(set(ids))])
    return {row["channel_id"]: row for row in found.iter_rows(named=True)}


def _propose(
    workspace: Workspace,
    connection: Connection,
    channels: Mapping[str, dict[str, Any]],
    rows: Sequence[EditRow],
    *,
    at: datetime,
    actor: str,
) -> Proposed:
    first = rows[0]
    channel = channels.get(first.channel_id)
    if channel is None:
        raise refused(first, f"channel `{first.channel_id}` is not known", hint="see channels.csv")
    is_register = channel["interval_minutes"] == 0
    allowed = _OF_REGISTERS if is_register else _OF_INTERVALS
    if EditKind(first.kind) not in allowed:
        what = "a register" if is_register else "intervals"
        raise refused(first, f"kind: expected one of {', '.join(allowed)} for {what}, found `{first.kind}`")
    head: dict[str, Any] = {"channel_no": channel["channel_no"], "kind": first.kind, "reason": first.reason}
    if is_register:
        head["meter_id"], slots = _register_slot(connection, channel, rows)
        values = _with_readings(workspace, connection, channel, head, slots)
    else:
        slots = [slot for row in rows for slot in interval_slots(channel, row)]
        values = _with_intervals(workspace, connection, channel, slots, first)
    days = [slot.day for slot in slots]
    head |= {"from_date": min(days), "to_date": max(days) + timedelta(days=0 if is_register else 1)}
    return _record(connection, channel, head, values, at=at, actor=actor)


def _record(
    connection: Connection,
    channel: Mapping[str, Any],
    head: dict[str, Any],
    values: pl.DataFrame,
    *,
    at: datetime,
    actor: str,
) -> Proposed:
    known = facts(connection, "read_edit")
    decided = known.filter(
        pl.col("channel_no") == head["channel_no"], pl.col("state") == EditState.APPROVED.value
    ).sort("decided_at", "edit_id")
    # What was approved before is part of the id: the same values after an undo are a new edit.
    before = decided["edit_id"].to_list()[-1:]
    content = [tuple(row) for row in values.sort("day", "slot").iter_rows()]
    edit_id = content_hash(channel["channel_id"], head["kind"], head["reason"], before, content)[:ID_LENGTH]
    same = known.filter(pl.col("edit_id") == edit_id)
    if same.is_empty():
        row = head | {
            "edit_id": edit_id, "proposed_by": actor, "proposed_at": at, "state": EditState.PROPOSED.value,
        }  # fmt: skip
        schema = polars_schema(ReadEdits)
        frame = pl.DataFrame([row], schema={name: schema[name] for name in row})
        record_facts(connection, "read_edit", arranged(ReadEdits, frame), recorded_at=at)
        slots = arranged(ReadEditValues, values.with_columns(edit_id=pl.lit(edit_id)))
        record_facts(connection, "read_edit_value", slots, recorded_at=at)
    is_said = head["kind"] in (*STATED, EditKind.ZERO)
    return Proposed(
        edit_id,
        channel["channel_id"],
        head["kind"],
        head["from_date"],
        head["to_date"],
        values.height,
        int(values["value_before"].sum()),
        int(values["value"].sum()) if is_said else None,
        EditState.PROPOSED.value if same.is_empty() else same["state"][0],
        same.is_empty(),
    )


def _register_slot(
    connection: Connection, channel: Mapping[str, Any], rows: Sequence[EditRow]
) -> tuple[str, list[EditSlot]]:
    """Return the meter and the reading of an edit of a register."""
    row = rows[0]
    if len(rows) > 1:
        raise refused(rows[1], "expected one reading for each channel and reason, found a second")
    day = day_of(row, row.start)
    hung = facts(connection, "meters").filter(
        pl.col("service_point_id") == channel["service_point_id"],
        pl.col("installed_date") <= day,
        (pl.col("removed_date") >= day).fill_null(value=True),
    )
    hung = hung.filter(pl.col("meter_id") == row.meter_id) if row.meter_id else hung
    if hung.height != 1:
        found = ", ".join(hung["meter_id"].to_list()) or "none"
        raise refused(row, f"expected one meter at {channel['service_point_id']} on {day}, found {found}",
                       hint="name it in meter_id")  # fmt: skip
    if not row.value:
        raise refused(row, "expected a reading in value, found a total")
    reading = number_of(row, row.value, SMALLEST_PER_DIAL_UNIT, READING_MAX)
    dials = int(hung["dials"][0])
    if reading >= 10**dials * SMALLEST_PER_DIAL_UNIT:
        raise refused(row, f"expected a reading of at most {dials} digits, found {row.value}")
    return str(hung["meter_id"][0]), [EditSlot(day, 0, reading)]


def _with_readings(
    workspace: Workspace,
    connection: Connection,
    channel: Mapping[str, Any],
    head: Mapping[str, Any],
    slots: Sequence[EditSlot],
) -> pl.DataFrame:
    """Return the reading of an edit beside the one that stands."""
    (slot,) = slots
    standing = landed_register(workspace, connection, channel["channel_no"]).filter(
        pl.col("meter_id") == head["meter_id"], pl.col("read_date") == slot.day
    )
    last = standing.sort("seq").row(-1, named=True) if standing.height else {"seq": 0, "reading": None}
    return _values([(slot.day, 0, last["seq"], slot.value, last["reading"])])


def _with_intervals(
    workspace: Workspace,
    connection: Connection,
    channel: Mapping[str, Any],
    slots: Sequence[EditSlot],
    row: EditRow,
) -> pl.DataFrame:
    """Return the slots of an edit beside the landed row of their day and the value that stands."""
    if len({(slot.day, slot.slot) for slot in slots}) != len(slots):
        raise refused(row, f"channel `{row.channel_id}`: expected each interval once, found one in two rows")
    from_date, to_date = min(slot.day for slot in slots), max(slot.day for slot in slots) + timedelta(days=1)
    landed, standing = _days_now(workspace, connection, channel, from_date, to_date)
    seqs = dict(landed.select("day", "seq").iter_rows())
    values = np.asarray(value_matrix(standing, channel["interval_minutes"]))
    rows = {day: number for number, day in enumerate(standing["day"])}
    found = [
        (slot.day, slot.slot, seqs.get(slot.day, 0), slot.value,
         int(values[rows[slot.day], slot.slot]) if slot.day in rows else MISSING)
        for slot in slots
    ]  # fmt: skip
    return _values([(*keys, None if before == MISSING else before) for *keys, before in found])


def _days_now(
    workspace: Workspace, connection: Connection, channel: Mapping[str, Any], from_date: date, to_date: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the landed rows that count and the rows that stand of a channel's days in [from_date, to_date)."""
    number, minutes = channel["channel_no"], channel["interval_minutes"]
    wanted = (pl.col("channel_no") == number) & pl.col("day").is_between(from_date, to_date, closed="left")
    scans = {}
    for kind in ("reads", "vee"):
        files = overlapping(lake_files(connection, f"{kind}_day_{minutes}"), number, number, from_date, to_date)
        scans[kind] = scan_lake(workspace, files).filter(wanted) if files else None
    landed = scans["reads"]
    if landed is None:
        landed = pl.LazyFrame(schema=read_days_schema(minutes))
    return current_days(landed, None, minutes), current_days(landed, scans["vee"], minutes)


def _values(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in polars_schema(ReadEditValues).items() if name != "edit_id"}
    return pl.DataFrame(rows, schema=schema, orient="row")
