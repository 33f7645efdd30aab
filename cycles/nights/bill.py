"""What a night does about one cycle: go on with its open run, or plan anew; never approve.

An open run is kept as long as planning it again would give the same; otherwise it is abandoned and its accounts
are planned with the later date, so that nobody approves what has been overtaken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from accounts.selection import Cycle
from cycles.nights.steps import take_step
from cycles.runners.chosen import LOCAL, Runner
from cycles.runs.folders import run_folder
from cycles.runs.plan import PlanRequest, Prospect, look_ahead, write_plan
from cycles.runs.records import change_state
from cycles.runs.run import run_cycle
from model.codes import RunState
from model.errors import BillmillError, LockedError, NothingDueError, StoppedError
from model.progress import Progress
from store.audit import record
from store.control import Connection, control, query, transaction
from store.workspace import Workspace

_OPEN = (RunState.PLANNED, RunState.STAGED, RunState.VALIDATED, RunState.APPROVED)
_COMPUTING = {RunState.PLANNED.value, RunState.STAGED.value}
# What a plan must agree in to stand for another one; its reads are compared by channel beside these.
_SAME = ("files", "rule_set", "rules", "code_version", "estimates_allowed")


@dataclass(frozen=True)
class NightRequest:
    """A night as it was asked for. `at` is the time of asking; nothing below reads a clock."""

    business_date: date
    branches: tuple[str, ...]
    workers: int
    at: datetime
    actor: str
    runner: Runner = LOCAL
    """Who judges blocks of channels and computes partitions."""


@dataclass(frozen=True)
class CycleNight:
    """What a night did about a cycle. `did` is False when there was nothing to do."""

    cycle_id: str
    run_id: str | None
    did: bool
    note: str
    failure: BillmillError | None = None


def bill_tonight(workspace: Workspace, cycle: Cycle, request: NightRequest, progress: Progress) -> CycleNight:
    """Plan and run what is due in a cycle, or go on with what was begun; parked accounts are tried again.

    A run of which everything is parked is abandoned: there is nothing to approve. One whose controls do not meet is
    told of as a failure, and the other cycles go on.

    Raises:
        LockedError: another process works on the workspace.
        StoppedError: the system asked to stop.
    """
    try:
        with control(workspace, purpose="cycle night") as connection:
            name, did, note = _choose_run(workspace, connection, cycle, request)
            state = _state(connection, name) if name else None
        if name is None or state not in _COMPUTING:
            return CycleNight(cycle.cycle_id, name, did, note)
        progress.about(name)
        result = run_cycle(
            workspace, name, workers=request.workers, progress=progress, at=request.at, actor=request.actor,
            runner=request.runner,
        )  # fmt: skip
        if not result.totals["billed"]:
            with control(workspace, purpose="cycle night") as connection:
                _abandon(connection, name, request, "nothing can be billed, all of it is parked")
            return CycleNight(cycle.cycle_id, name, True, "all parked")
        return CycleNight(cycle.cycle_id, name, True, note)
    except (LockedError, StoppedError):
        raise
    except BillmillError as error:
        return CycleNight(cycle.cycle_id, None, True, "failed", error)


def _choose_run(
    workspace: Workspace, connection: Connection, cycle: Cycle, request: NightRequest
) -> tuple[str | None, bool, str]:
    """Return the run to go on with, whether anything was done to have it, and what there is to say."""
    open_run, foreign = _open_runs(connection, cycle, request)
    if foreign:
        return None, False, f"run {foreign} of other branches is open"
    if open_run is not None and open_run["state"] == RunState.VALIDATED and not open_run["billed"]:
        _abandon(connection, open_run["run_id"], request, "nothing can be billed, all of it is parked")
        return open_run["run_id"], True, "all parked"
    prospect = _prospect(workspace, connection, cycle, request)
    if open_run is not None:
        if prospect is not None and _still_holds(workspace, open_run["run_id"], prospect):
            return open_run["run_id"], False, "kept"
        _abandon(
            connection, open_run["run_id"], request, "overtaken: reads, tariffs, accounts or the code have changed"
        )
    if prospect is None:
        return None, open_run is not None, "nothing due"
    tried = _tried(workspace, connection, prospect)
    if tried is not None:
        return tried, False, "all parked"
    return write_plan(workspace, connection, prospect).run_id, True, "planned"


def _prospect(workspace: Workspace, connection: Connection, cycle: Cycle, request: NightRequest) -> Prospect | None:
    """Return the plan of the night, None when nothing is due; its sequence is the first that is free."""
    known = query(
        connection,
        "SELECT coalesce(max(sequence), 0) + 1 FROM run "
        "WHERE kind = 'bill' AND cycle_id = ? AND business_date = ? AND branches = ?",
        [cycle.cycle_id, request.business_date, ",".join(sorted(request.branches))],
    )
    asked = PlanRequest(
        cycle.cycle_id, request.business_date, request.branches, int(known.item()), None, request.at, request.actor
    )
    try:
        return look_ahead(workspace, connection, cycle, asked)
    except NothingDueError:
        return None


def _open_runs(connection: Connection, cycle: Cycle, request: NightRequest) -> tuple[dict[str, Any] | None, str | None]:
    """Return the open run of the cycle and these branches, and one of other branches that overlap, or None."""
    rows = query(
        connection,
        "SELECT * FROM run WHERE kind = 'bill' AND cycle_id = ? AND list_contains(?, state) ORDER BY run_id",
        [cycle.cycle_id, [state.value for state in _OPEN]],
    )
    own: dict[str, Any] | None = None
    for row in rows.iter_rows(named=True):  # a few runs
        branches = set(row["branches"].split(",")) - {""}
        if branches == set(request.branches):
            own = row
        elif not branches or not request.branches or branches & set(request.branches):
            return None, str(row["run_id"])
    return own, None


def _still_holds(workspace: Workspace, run: str, prospect: Prospect) -> bool:
    """Return whether planning now would give what an open run was planned from."""
    path = run_folder(workspace, run) / "plan" / "plan.json"
    if not path.is_file():
        return False
    plan, now = json.loads(path.read_bytes()), prospect.plan
    if any(plan.get(key) != now[key] for key in _SAME) or plan["cycle"] != now["cycle"]:
        return False
    return _own_reads(plan, prospect.channels) == _own_reads(now, prospect.channels)


def _own_reads(plan: Mapping[str, Any], span: tuple[int, int] | None) -> dict[str, list[str]]:
    """Return the hashes of the files that can hold reads of channels numbered in a span, by table."""
    if span is None:
        return {}
    own = {
        table: sorted(
            file["sha256"] for file in files
            if file["channel_min"] is None or (file["channel_min"] <= span[1] and (file["channel_max"] or 0) >= span[0])
        )
        for table, files in plan["inputs"].items()
    }  # fmt: skip
    return {table: hashes for table, hashes in own.items() if hashes}


def _tried(workspace: Workspace, connection: Connection, prospect: Prospect) -> str | None:
    """Return the last run of the cycle when it tried just this and could bill nobody; None otherwise.

    What rests on the same reads, tariffs and facts is parked for the same reasons: no night computes it twice.
    """
    rows = query(
        connection,
        "SELECT run_id, state, billed FROM run WHERE kind = 'bill' AND cycle_id = ? AND branches = ? "
        "ORDER BY business_date DESC, sequence DESC LIMIT 1",
        [prospect.request.cycle_id, ",".join(sorted(prospect.request.branches))],
    )
    if rows.is_empty() or rows["state"][0] != RunState.ABANDONED or rows["billed"][0] != 0:
        return None
    run = str(rows["run_id"][0])
    return run if _still_holds(workspace, run, prospect) else None


def _abandon(connection: Connection, run: str, request: NightRequest, why: str) -> None:
    with transaction(connection):
        state = _state(connection, run)
        change_state(connection, run, RunState.ABANDONED)
        record(
            connection, at=request.at, actor=request.actor, action="abandon", subject=run, detail=f"was {state}; {why}"
        )
        take_step(connection, request.business_date, request.branches, "abandon", run, why)


def _state(connection: Connection, run: str) -> str:
    return str(query(connection, "SELECT state FROM run WHERE run_id = ?", [run]).item())
