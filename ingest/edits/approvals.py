"""Edits of reads, decided: approved by a second person and applied, or refused; what waits, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from ingest.edits.edits import landed_register, landed_seqs
from ingest.vee.run import run_vee
from model.codes import Quality, ReadKind
from model.edits import EditKind, EditState, ReadEdits
from model.errors import ControlError, InputError
from model.ids import content_hash
from model.reads import RegisterReads
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts, record_facts
from store.lake import register_files, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace


@dataclass(frozen=True)
class Decided:
    """What became of an edit. `seq`: the load that changed the reads; None when none had to."""

    edit_id: str
    state: str
    is_new: bool
    seq: int | None


def approve_edits(workspace: Workspace, edit_ids: Sequence[str], *, at: datetime, actor: str) -> list[Decided]:
    """Approve edits and apply them: intervals by a run of VEE over their days, registers as a reading that lands.

    All of them are approved, or none. Approving again applies what was not applied yet, and changes nothing else.

    Raises:
        InputError: there is no such edit.
        ControlError: the approver proposed it, it was refused, or other reads landed since.
    """
    done = []
    with control(workspace, purpose="reads edit") as connection, transaction(connection):
        rows = [_the_edit(connection, edit_id) for edit_id in edit_ids]
        for row in rows:
            is_new = row["state"] != EditState.APPROVED
            if is_new:
                _refuse_unless_fit(workspace, connection, row, actor)
                _decide(connection, row, EditState.APPROVED, at=at, actor=actor, note=None)
            seq = _land_reading(workspace, connection, row, at) if is_new and row["meter_id"] else None
            done.append(Decided(row["edit_id"], EditState.APPROVED.value, is_new, seq))
    return [
        one if row["meter_id"] else _apply(workspace, one, row, at=at, actor=actor)
        for one, row in zip(done, rows, strict=True)
    ]


def refuse_edits(
    workspace: Workspace, edit_ids: Sequence[str], *, note: str, at: datetime, actor: str
) -> list[Decided]:
    """Refuse edits that wait; whoever proposed one may take it back the same way.

    Raises:
        InputError: there is no such edit.
        ControlError: it was approved: another edit of kind restore undoes it.
    """
    done = []
    with control(workspace, purpose="reads edit") as connection, transaction(connection):
        for edit_id in edit_ids:
            row = _the_edit(connection, edit_id)
            if row["state"] == EditState.APPROVED:
                raise ControlError(
                    f"edit `{edit_id}` was approved by {row['decided_by']}; it cannot be refused",
                    hint="propose another edit, of kind restore, to undo it",
                )
            is_new = row["state"] == EditState.PROPOSED
            if is_new:
                _decide(connection, row, EditState.REFUSED, at=at, actor=actor, note=note)
            done.append(Decided(edit_id, EditState.REFUSED.value, is_new, None))
    return done


def listed_edits(workspace: Workspace, state: str | None = None) -> pl.DataFrame:
    """Return the edits, those proposed last first; quantities in smallest units. `state` limits them to one."""
    with control(workspace, purpose="reads edit") as connection:
        heads = facts(connection, "read_edit")
        values = facts(connection, "read_edit_value")
        channels = query(connection, "SELECT channel_no, channel_id FROM channel_number")
    sums = values.group_by("edit_id").agg(
        slots=pl.len(), before=pl.col("value_before").sum(), after=pl.col("value").sum(), said=pl.col("value").count()
    )
    some = heads if state is None else heads.filter(pl.col("state") == state)
    rows = some.join(sums, how="left", on="edit_id", validate="1:1").join(
        channels, how="left", on="channel_no", validate="m:1"
    )
    return rows.sort("proposed_at", "edit_id", descending=[True, False]).select(
        "edit_id", "state", "channel_id", "kind", "from_date", "to_date", "slots", "before",
        pl.when(pl.col("said") > 0).then("after").alias("after"),
        "reason", "proposed_by", "decided_by", "note",
    )  # fmt: skip


def _the_edit(connection: Connection, edit_id: str) -> dict[str, Any]:
    found = facts(connection, "read_edit").filter(pl.col("edit_id") == edit_id)
    if found.is_empty():
        raise InputError(f"edit `{edit_id}` is not known", hint="see what waits: billmill reads edit --list")
    return found.row(0, named=True)


def _refuse_unless_fit(workspace: Workspace, connection: Connection, row: dict[str, Any], actor: str) -> None:
    edit_id = row["edit_id"]
    if row["state"] == EditState.REFUSED:
        raise ControlError(
            f"edit `{edit_id}` was refused by {row['decided_by']}", hint="propose it again, with another reason"
        )
    if row["proposed_by"] == actor:
        raise ControlError(
            f"edit `{edit_id}` was proposed by {actor}; the same person cannot approve it",
            hint=f"another person approves: billmill reads edit --approve {edit_id} --by NAME",
        )
    values = facts(connection, "read_edit_value").filter(pl.col("edit_id") == edit_id)
    seen: dict[date, int] = dict(values.select("day", "base_seq").unique().iter_rows())
    channel = query(connection, "SELECT * FROM channel_number WHERE channel_no = ?", [row["channel_no"]]).row(
        0, named=True
    )
    if row["meter_id"]:
        readings = landed_register(workspace, connection, row["channel_no"])
        own = readings.filter(pl.col("meter_id") == row["meter_id"], pl.col("read_date") == row["from_date"])
        now = {row["from_date"]: int(own["seq"].max() or 0)}  # type: ignore[arg-type]
    else:
        now = landed_seqs(workspace, connection, channel, row["from_date"], row["to_date"])
    changed = sorted(day for day, seq in seen.items() if now.get(day, 0) != seq)
    if changed:
        raise ControlError(
            f"edit `{edit_id}`: reads of {changed[0]} landed after it was proposed", hint="look again and propose anew"
        )


def _decide(
    connection: Connection, row: dict[str, Any], state: EditState, *, at: datetime, actor: str, note: str | None
) -> None:
    decided = row | {"state": state.value, "decided_by": actor, "decided_at": at, "note": note}
    frame = pl.DataFrame([decided], schema_overrides={"note": pl.String, "meter_id": pl.String})
    record_facts(connection, "read_edit", arranged(ReadEdits, frame), recorded_at=at)
    action = "approve_edit" if state is EditState.APPROVED else "refuse_edit"
    detail = f"{row['kind']} proposed by {row['proposed_by']}: {row['reason']}"
    record(connection, at=at, actor=actor, action=action, subject=row["edit_id"], detail=detail)


def _apply(workspace: Workspace, one: Decided, row: dict[str, Any], *, at: datetime, actor: str) -> Decided:
    """Run VEE over the days of an edit. A kill before it leaves the edit to the next run over these days."""
    report = run_vee(
        workspace, from_date=row["from_date"], to_date=row["to_date"], received_at=at, actor=actor,
        only=[row["channel_no"]],
    )  # fmt: skip
    return Decided(one.edit_id, one.state, one.is_new, report.seq)


def _land_reading(workspace: Workspace, connection: Connection, row: dict[str, Any], at: datetime) -> int:
    """Land the reading of a register's edit beside those that came; it counts before those of the same kind."""
    values = facts(connection, "read_edit_value").filter(pl.col("edit_id") == row["edit_id"])
    is_customer = row["kind"] == EditKind.CUSTOMER.value
    seq = next_seq(connection)
    reading = {
        "channel_no": row["channel_no"],
        "meter_id": row["meter_id"],
        "read_date": row["from_date"],
        "read_kind": (ReadKind.CUSTOMER if is_customer else ReadKind.REGULAR).value,
        "reading": values["value"][0],
        "quality": int(Quality.CUSTOMER if is_customer else Quality.EDITED),
        "raw_code": f"edit {row['edit_id']}",
        "seq": seq,
        "updated_at": at.replace(tzinfo=None),
    }
    file = write_lake_file(
        workspace, "register_reads", "register_reads", arranged(RegisterReads, pl.DataFrame([reading]))
    )
    register_files(connection, [file], owner=f"load:{seq}")
    load = Load(
        seq=seq, kind="edit", source_name=row["edit_id"], sha256=content_hash(file.sha256), received_at=at, rows=1,
        rejected=0, detail=f"{row['kind']} reading of meter {row['meter_id']} on {row['from_date']}",
    )  # fmt: skip
    record_load(connection, load)
    return seq
