"""`nights/<date>/run.json`: what a night came to, told from the books, so that one that was killed tells the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cycles.nights.bill import CycleNight, NightRequest
from cycles.nights.steps import last_end, scope_of, steps_of
from cycles.runs.folders import read_manifest, run_folder
from cycles.runs.inputs import last_load
from cycles.runs.status import next_step
from model.codes import RunState
from model.errors import BillmillError, ExitCode
from model.ids import content_hash
from outputs.console import plain
from store.code import code_version
from store.control import Connection, control, query
from store.files import write_bytes_atomic
from store.workspace import Workspace

_WAITING = [RunState.VALIDATED.value, RunState.APPROVED.value]


@dataclass(frozen=True)
class NightReport:
    """What a night came to. `content` is run.json; `is_new` is False when all was done before this call."""

    content: dict[str, Any]
    path: Path
    is_new: bool
    failures: tuple[tuple[str, BillmillError], ...]

    @property
    def exceptions(self) -> int:
        """Accounts parked by the night's runs, and exceptions that it opened."""
        return sum(run["parked"] or 0 for run in self.content["runs"]) + len(self.content["exceptions"]["opened"])

    def exit_code(self, max_exceptions: int | None) -> ExitCode:
        """Return what a scheduler is told: failures first, then more exceptions than allowed."""
        if self.failures:
            return max(error.exit_code for _, error in self.failures)
        too_many = max_exceptions is not None and self.exceptions > max_exceptions
        return ExitCode.PARKED_ABOVE_LIMIT if too_many else ExitCode.DONE


@dataclass(frozen=True)
class Came:
    """What a call of a night came to. `is_owed`: a manifest is to be written, also for a call that was killed."""

    cycles: tuple[CycleNight, ...]
    failures: tuple[tuple[str, BillmillError], ...]
    unusable: tuple[str, ...]
    is_new: bool
    is_owed: bool


def write_manifest(workspace: Workspace, request: NightRequest, came: Came) -> NightReport:
    """Write the manifest of a night and return its report; a call that had nothing to do leaves it as it was."""
    path = night_folder(workspace, request) / "run.json"
    if path.is_file() and not came.is_owed:
        kept: dict[str, Any] = json.loads(path.read_bytes())
        if kept["unusable_files"] == list(came.unusable):
            return NightReport(kept, path, came.is_new, came.failures)
    with control(workspace, purpose="cycle night") as connection:
        current = [cycle.run_id for cycle in came.cycles if cycle.run_id]
        content = _content(workspace, connection, request, current, is_owed=came.is_owed)
    content["cycles"] = [{"cycle_id": cycle.cycle_id, "run_id": cycle.run_id} for cycle in came.cycles]
    content["unusable_files"] = list(came.unusable)
    content["failures"] = [
        {"subject": subject, "message": error.message, "hint": error.hint} for subject, error in came.failures
    ]
    told = plain(content)
    write_bytes_atomic(path, json.dumps(told, indent=1, sort_keys=True).encode())
    return NightReport(told, path, came.is_new, came.failures)


def night_folder(workspace: Workspace, request: NightRequest) -> Path:
    """Return the folder of a night; one of some branches names them by a short hash."""
    scope = scope_of(request.branches)
    name = request.business_date.isoformat() + (f"-{content_hash(scope)[:8]}" if scope else "")
    return workspace.root / "nights" / name


def _content(
    workspace: Workspace, connection: Connection, request: NightRequest, current: Sequence[str], *, is_owed: bool
) -> dict[str, Any]:
    steps = steps_of(connection, request.business_date, request.branches)
    before = last_end(connection, request.branches, request.business_date)
    ended = steps.filter(pl.col("step") == "end")["seq_max"].to_list()
    loads = query(
        connection,
        "SELECT seq, kind, source_name, sha256, rows, rejected FROM load WHERE seq > ? AND seq <= ? ORDER BY seq",
        [before, last_load(connection) if is_owed else (ended or [before])[0]],
    )
    waiting = _waiting(connection, request)
    return {
        "business_date": request.business_date,
        "branches": sorted(request.branches),
        "code_version": code_version(),
        "published": _runs(workspace, connection, _subjects(steps, "publish")),
        "loads": loads,
        "validated": _subjects(steps, "vee"),
        "abandoned": steps.filter(step="abandon").select(run_id="subject", why="detail"),
        "runs": _runs(workspace, connection, [*_tonight(connection, request), *current]),
        "closed": steps.filter(step="close").select(cycle_id="subject", left="detail"),
        "exceptions": _exceptions(connection, request),
        "waiting": waiting,
        "next": [f"{next_step(row['run_id'], RunState(row['state']))}" for row in waiting.iter_rows(named=True)],
    }


def _subjects(steps: pl.DataFrame, step: str) -> list[str]:
    return steps.filter(pl.col("step") == step)["subject"].to_list()


def _tonight(connection: Connection, request: NightRequest) -> list[str]:
    """Return the night's last run of each cycle."""
    rows = query(
        connection,
        "SELECT run_id FROM run WHERE kind = 'bill' AND business_date = ? AND branches = ? "
        "QUALIFY row_number() OVER (PARTITION BY cycle_id ORDER BY sequence DESC) = 1",
        [request.business_date, scope_of(request.branches)],
    )
    return [str(run) for run in rows["run_id"]]


def _runs(workspace: Workspace, connection: Connection, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = query(
        connection,
        "SELECT run_id, cycle_id, state, selected, billed, parked, total_minor, fingerprint, plan_sha256 FROM run "
        "WHERE list_contains(?, run_id) ORDER BY run_id",
        [list(names)],
    )
    return [row | {"digest": _digest(workspace, row["run_id"])} for row in rows.iter_rows(named=True)]


def _digest(workspace: Workspace, run: str) -> str | None:
    folder = run_folder(workspace, run)
    return str(read_manifest(folder)["digest"]) if (folder / "manifest.json").is_file() else None


def _exceptions(connection: Connection, request: NightRequest) -> dict[str, Any]:
    date_ = request.business_date
    opened = query(connection, 'SELECT exception_id FROM "exception" WHERE opened_on = ? ORDER BY 1', [date_])
    closed = query(connection, 'SELECT exception_id FROM "exception" WHERE closed_on = ? ORDER BY 1', [date_])
    left = query(connection, 'SELECT count(*) FROM "exception" WHERE closed_on IS NULL').item()
    return {"opened": opened["exception_id"].to_list(), "closed": closed["exception_id"].to_list(), "open": left}


def _waiting(connection: Connection, request: NightRequest) -> pl.DataFrame:
    rows = query(
        connection,
        "SELECT run_id, state, branches FROM run WHERE list_contains(?, state) ORDER BY business_date, run_id",
        [_WAITING],
    )
    if request.branches:
        rows = rows.filter(pl.col("branches") == scope_of(request.branches))
    return rows.select("run_id", "state")
