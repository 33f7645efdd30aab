"""The plan: what a run will bill, from which reads, tariffs and facts, cut into partitions. A file with a hash."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from accounts.numbering import channel_numbers
from accounts.selection import Cycle, select_due
from cycles.finals import ended_agreements
from cycles.folders import run_folder
from cycles.inputs import Inputs, gather_inputs, known_facts, last_load
from cycles.records import add_run, find_run
from ingest.rules.rule_store import rules_of_text, text_in_force
from model.codes import RunKind, RunState
from model.errors import ConfigError, StaleError
from model.ids import content_hash, run_id
from store.audit import record
from store.code import code_version
from store.control import Connection, control, query, transaction
from store.facts import facts
from store.files import write_bytes_atomic
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book
from tariffs.lifecycle import waiting_notes


@dataclass(frozen=True)
class Planned:
    """A plan that is on disk. `is_new` is False when the same plan was there already."""

    run_id: str
    folder: Path
    sha256: str
    content: dict[str, Any]
    is_new: bool


@dataclass(frozen=True)
class PlanRequest:
    """What the operator asks for. `known_at` is the time of asking; nothing below reads a clock."""

    cycle_id: str
    business_date: date
    branches: tuple[str, ...]
    sequence: int
    partitions: int | None
    known_at: datetime
    actor: str
    finals: tuple[str, ...] | None = None
    """Bill only agreements that have ended by the business date, whenever the window opens: these, or all when
    empty. None is the cycle's own run, in its window."""

    @property
    def kind(self) -> RunKind:
        """What the run does."""
        return RunKind.BILL if self.finals is None else RunKind.FINAL


def plan_cycle(workspace: Workspace, request: PlanRequest) -> Planned:
    """Plan a billing run and write the plan; asking again for the same gives the same.

    Raises:
        ConfigError: the cycle or a branch is not known, the business date is outside the window, nothing is due.
        StaleError: a run of this identity exists with other inputs.
    """
    with control(workspace, purpose="cycle plan") as connection:
        cycle = _cycle(connection, request)
        name = run_id(
            request.kind, cycle.cycle_id, request.business_date, request.sequence,
            request.branches + (request.finals or ()),
        )  # fmt: skip
        existing = find_run(connection, name)
        if existing is not None and existing["state"] == RunState.PUBLISHED:
            return _reread(workspace, existing)
        seq_max = last_load(connection)
        gathered = _gather(connection, cycle, request, seq_max)
        frames = {f"{frame_name}.parquet": _parquet(frame) for frame_name, frame in gathered.frames.items()}
        rules = text_in_force(connection, known_at=request.known_at)
        plan = _content(request, cycle, name, frames, gathered, seq_max, rules)
        plan["tariff_notes"] = waiting_notes(connection, gathered.frames["due"]["tariff_id"].unique().to_list())
        if existing is not None:
            return _same_or_refused(workspace, existing, plan)
        folder = run_folder(workspace, name)
        for file_name, data in frames.items():
            write_bytes_atomic(folder / "plan" / file_name, data)
        text = json.dumps(plan, indent=1, sort_keys=True).encode()
        write_bytes_atomic(folder / "plan" / "plan.json", text)
        sha256 = content_hash(text)
        with transaction(connection):
            add_run(connection, _row(request, plan, sha256))
            detail = f"{plan['selected']} agreements in {plan['partitions']} partitions"
            record(connection, at=request.known_at, actor=request.actor, action="plan", subject=name, detail=detail)
    return Planned(name, folder, sha256, plan, is_new=True)


def read_plan(workspace: Workspace, row: dict[str, Any]) -> Planned:
    """Read the plan of a run and make sure that it is what was planned and that this Billmill made it.

    Raises:
        StaleError: a file of the plan was changed, or the code is another than at planning.
    """
    folder = run_folder(workspace, row["run_id"])
    path = folder / "plan" / "plan.json"
    again = "abandon the run and plan it again with a higher --sequence"
    if not path.is_file() or content_hash(path.read_bytes()) != row["plan_sha256"]:
        raise StaleError(f"plan of run `{row['run_id']}` is not the one that was planned", hint=again)
    plan = json.loads(path.read_bytes())
    for file_name, sha256 in plan["files"].items():
        planned = folder / "plan" / file_name
        if not planned.is_file() or content_hash(planned.read_bytes()) != sha256:
            raise StaleError(
                f"file `{file_name}` of the plan of run `{row['run_id']}` was changed or is gone", hint=again
            )
    if plan["code_version"] != code_version():
        raise StaleError(
            f"run `{row['run_id']}` was planned by another version of Billmill",
            hint="run it with that version, or " + again,
        )
    return Planned(row["run_id"], folder, row["plan_sha256"], plan, is_new=False)


def _cycle(connection: Connection, request: PlanRequest) -> Cycle:
    calendar = facts(connection, "cycles", known_at=request.known_at)
    found = calendar.filter(pl.col("cycle_id") == request.cycle_id)
    if found.is_empty():
        known = ", ".join(calendar["cycle_id"].to_list()) or "none: import cycles.csv first"
        raise ConfigError(f"cycle `{request.cycle_id}` is not in the calendar", hint=f"known cycles: {known}")
    cycle = Cycle(**found.row(0, named=True))
    if request.finals is None and not cycle.window_open_date <= request.business_date < cycle.window_close_date:
        raise ConfigError(
            f"cycle `{cycle.cycle_id}`: business date {request.business_date} is outside its window "
            f"{cycle.window_open_date} to {cycle.window_close_date} (not included)",
            hint="choose a date inside, or change the window in cycles.csv and import it",
        )
    branches = set(facts(connection, "branches", known_at=request.known_at)["branch_id"].to_list())
    for branch in request.branches:
        if branch not in branches:
            raise ConfigError(f"branch `{branch}` is not known", hint=f"known branches: {', '.join(sorted(branches))}")
    return cycle


def _gather(connection: Connection, cycle: Cycle, request: PlanRequest, seq_max: int) -> Inputs:
    """Return what the plan pins. Facts are those known at the time of asking, whatever was learned since."""
    known = known_facts(connection, request.known_at)
    billed = query(connection, "SELECT agreement_id, period_start_date, period_end_date, bill_id FROM segment_key")
    due = select_due(cycle, known, billed, request.branches)
    if request.finals is not None:
        due = ended_agreements(due, known["agreements"], request.finals, request.business_date)
    if due.is_empty():
        raise ConfigError(
            f"cycle `{cycle.cycle_id}`: nothing is due on {request.business_date}",
            hint="everything in it is billed already, or no account is in its group",
        )
    book = load_rate_book(connection, known_at=request.known_at)
    return gather_inputs(
        connection, cycle, due, known, channel_numbers(connection), book,
        known_at=request.known_at, seq_max=seq_max, partitions=request.partitions,
    )  # fmt: skip


def _content(
    request: PlanRequest,
    cycle: Cycle,
    name: str,
    frames: dict[str, bytes],
    gathered: Inputs,
    seq_max: int,
    rules: str | None,
) -> dict[str, Any]:
    files = {file_name: content_hash(data) for file_name, data in sorted(frames.items())}
    listed = gathered.listed()
    shas = sorted(file["sha256"] for found in listed.values() for file in found)
    rule_set_id = rules_of_text(rules).rule_set_id
    fingerprint = content_hash(*files.values(), *shas, rule_set_id, rules or "", code_version())
    due = gathered.frames["due"]
    partitions = due["partition"].unique().sort().to_list()
    return {
        "run_id": name,
        "kind": request.kind.value,
        "cycle": _plain(asdict(cycle)),
        "branches": sorted(request.branches),
        "business_date": request.business_date.isoformat(),
        "sequence": request.sequence,
        "known_at": request.known_at.isoformat(),
        "seq_max": seq_max,
        "rule_set": rule_set_id,
        "rules": rules,
        "code_version": code_version(),
        "fingerprint": fingerprint,
        "selected": due["agreement_id"].n_unique(),
        "accounts": due["account_id"].n_unique(),
        "partitions": len(partitions),
        "files": files,
        "inputs": listed,
    }


def _same_or_refused(workspace: Workspace, existing: dict[str, Any], plan: dict[str, Any]) -> Planned:
    if existing["state"] == RunState.ABANDONED:
        raise StaleError(f"run `{existing['run_id']}` was abandoned", hint="plan again with a higher --sequence")
    if existing["fingerprint"] != plan["fingerprint"]:
        run = existing["run_id"]
        raise StaleError(
            f"run `{run}` is {existing['state']} with other inputs: reads, tariffs, accounts or the code have changed "
            "since it was planned",
            hint=f"finish it with `billmill cycle run {run}`, or abandon it and plan with a higher --sequence",
        )
    return _reread(workspace, existing)


def _reread(workspace: Workspace, row: dict[str, Any]) -> Planned:
    folder = run_folder(workspace, row["run_id"])
    plan = json.loads((folder / "plan" / "plan.json").read_bytes())
    return Planned(row["run_id"], folder, row["plan_sha256"], plan, is_new=False)


def _row(request: PlanRequest, plan: dict[str, Any], sha256: str) -> dict[str, Any]:
    return {
        "run_id": plan["run_id"],
        "kind": plan["kind"],
        "cycle_id": request.cycle_id,
        "branches": ",".join(plan["branches"]),
        "business_date": request.business_date,
        "sequence": request.sequence,
        "fingerprint": plan["fingerprint"],
        "plan_sha256": sha256,
        "state": RunState.PLANNED.value,
        "known_at": request.known_at,
        "seq_max": plan["seq_max"],
        "partitions": plan["partitions"],
        "selected": plan["selected"],
        "planned_by": request.actor,
        "planned_at": request.known_at,
    }


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="lz4")
    return buffer.getvalue()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in values.items()}
