"""The plan: what a run will bill, from which reads, tariffs and facts, cut into partitions. A file with a hash."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from accounts.selection import Cycle, first_possible, select_due
from cycles.review.rules import review_rules
from cycles.runs.finals import ended_agreements
from cycles.runs.folders import run_folder
from cycles.runs.holds import held_accounts
from cycles.runs.inputs import Inputs, gather_inputs, known_of_places, last_load
from cycles.runs.known import selectable
from cycles.runs.records import add_run, find_run, planned_row
from ingest.rules.rule_store import rules_of_text, text_in_force
from model.codes import RunKind, RunState
from model.errors import ConfigError, NothingDueError, StaleError
from model.ids import content_hash, run_id
from store.audit import audit_head, record
from store.code import code_version
from store.control import Connection, control, reader, transaction
from store.facts import facts
from store.files import SEALED, file_content_hash, write_all_atomic, write_bytes_atomic
from store.roles import own_branches
from store.standing import bills_made, standing_keys
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
    request = replace(request, branches=own_branches(workspace, request.branches))
    with control(workspace, purpose="cycle plan") as connection:
        cycle = _cycle(connection, request)
        name = _run_of(cycle, request)
        existing = find_run(connection, name)
        if existing is not None and existing["state"] == RunState.PUBLISHED:
            return reread(workspace, existing)
        prospect = look_ahead(workspace, connection, cycle, request)
        if existing is not None:
            return same_or_refused(workspace, existing, prospect.plan)
        return write_plan(workspace, connection, prospect)


@dataclass(frozen=True)
class Prospect:
    """A plan that is not written yet: its content, and its frames as the bytes of their files."""

    request: PlanRequest
    plan: dict[str, Any]
    frames: dict[str, bytes]
    channels: tuple[int, int] | None
    """Lowest and highest number of the channels that it reads; None when it reads none."""


def look_ahead(workspace: Workspace, connection: Connection, cycle: Cycle, request: PlanRequest) -> Prospect:
    """Return what a plan would be, changing nothing.

    Raises:
        NothingDueError: all is billed, or no account is in the group.
    """
    name = _run_of(cycle, request)
    seq_max = last_load(connection)
    gathered = _gather(connection, cycle, request, seq_max)
    frames = {f"{frame_name}.parquet": as_parquet(frame) for frame_name, frame in gathered.frames.items()}
    rules = text_in_force(connection, known_at=request.known_at)
    chosen = {
        "held": held_accounts(connection, gathered.frames["due"], known_at=request.known_at),
        "review": review_rules(workspace).plain(),
    }
    plan = _content(request, cycle, name, frames, gathered, seq_max, rules, chosen)
    plan["audit_head"] = dict(zip(("entry_no", "entry_hash"), audit_head(connection), strict=True))
    plan["tariff_notes"] = waiting_notes(connection, gathered.frames["due"]["tariff_id"].unique().to_list())
    numbers = gathered.frames["channels"]["channel_no"]
    span = None if numbers.is_empty() else (int(numbers.min()), int(numbers.max()))  # type: ignore[arg-type]
    return Prospect(request, plan, frames, span)


def write_plan(workspace: Workspace, connection: Connection, prospect: Prospect) -> Planned:
    """Write a plan and its run: from now on it can be run."""
    request, plan = prospect.request, prospect.plan
    detail = f"{plan['selected']} agreements in {plan['partitions']} partitions"
    row = planned_row(
        plan, plan["branches"], request.business_date, at=request.known_at, actor=request.actor,
        sequence=request.sequence, cycle_id=request.cycle_id,
    )  # fmt: skip
    return keep_plan(workspace, connection, plan, prospect.frames, row, detail)


def keep_plan(
    workspace: Workspace,
    connection: Connection,
    plan: dict[str, Any],
    frames: Mapping[str, bytes],
    row: dict[str, Any],
    detail: str,
) -> Planned:
    """Write the files of a plan and add its run (a row of model.control.Runs without the plan's hash)."""
    folder = run_folder(workspace, plan["run_id"])
    write_all_atomic({folder / "plan" / file_name: data for file_name, data in frames.items()}, mode=SEALED)
    text = json.dumps(plan, indent=1, sort_keys=True).encode()
    write_bytes_atomic(folder / "plan" / "plan.json", text, mode=SEALED)
    sha256 = content_hash(text)
    at, actor = row["planned_at"], row["planned_by"]
    with transaction(connection):
        add_run(connection, row | {"plan_sha256": sha256})
        record(connection, at=at, actor=actor, action="plan", subject=plan["run_id"], detail=f"{detail}, plan {sha256}")
    return Planned(plan["run_id"], folder, sha256, plan, is_new=True)


def read_plan(workspace: Workspace, row: dict[str, Any]) -> Planned:
    """Read the plan of a run and make sure that it is what was planned and that this Billmill made it.

    Raises:
        StaleError: a file of the plan was changed, or the code is another than at planning.
    """
    again = "abandon the run and plan it again with a higher --sequence"
    planned = read_planned(workspace, row, again)
    check_code(planned, again)
    return planned


def read_planned(workspace: Workspace, row: dict[str, Any], again: str) -> Planned:
    """Read the plan of a run and make sure that it is what was planned; `again` is the next step when it is not.

    Raises:
        StaleError: a file of the plan was changed or is gone.
    """
    return check_plan(row["run_id"], run_folder(workspace, row["run_id"]), row["plan_sha256"], again)


def check_plan(run_id: str, folder: Path, sha256: str, again: str) -> Planned:
    """Read the plan in a run's folder, which must have this hash, and make sure that its files are those it lists.

    Raises:
        StaleError: a file of the plan was changed or is gone; `again` is the next step.
    """
    path = folder / "plan" / "plan.json"
    if not path.is_file() or content_hash(path.read_bytes()) != sha256:
        raise StaleError(f"plan of run `{run_id}` is not the one that was planned", hint=again)
    plan = json.loads(path.read_bytes())
    for file_name, expected in plan["files"].items():
        planned = folder / "plan" / file_name
        if not planned.is_file() or file_content_hash(planned) != expected:
            raise StaleError(f"file `{file_name}` of the plan of run `{run_id}` was changed or is gone", hint=again)
    return Planned(run_id, folder, sha256, plan, is_new=False)


def check_code(planned: Planned, again: str) -> None:
    """Make sure that this Billmill made a plan.

    Raises:
        StaleError: another version did; `again` is the next step.
    """
    if planned.content["code_version"] != code_version():
        raise StaleError(
            f"run `{planned.run_id}` was planned by another version of Billmill",
            hint="run it with that version, or " + again,
        )


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


def _run_of(cycle: Cycle, request: PlanRequest) -> str:
    scope = request.branches + (request.finals or ())
    return run_id(request.kind, cycle.cycle_id, request.business_date, request.sequence, scope)


def _gather(connection: Connection, cycle: Cycle, request: PlanRequest, seq_max: int) -> Inputs:
    """Return what the plan pins. Facts are those known at the time of asking, whatever was learned since."""
    known = selectable(connection, (cycle,), known_at=request.known_at)
    # Of what stands, only days from the earliest that the cycle may bill on can matter, and ids of its own bills.
    stands = standing_keys(connection, ending_after=first_possible(cycle, known["cycles"]))
    places = known["service_points"]["service_point_id"]
    billed = stands.filter(pl.col("period_end_date") > cycle.period_start_date).height
    with reader(connection) as beside, ThreadPoolExecutor(1) as pool:
        # Where most places are still to be billed, what is known of all is read while is chosen what is due.
        is_early = request.finals is None and 2 * billed < places.len()
        reading = pool.submit(known_of_places, beside, places, known_at=request.known_at) if is_early else None
        due = select_due(cycle, known, stands, request.branches, made=bills_made(connection, cycle.cycle_id))
        if request.finals is not None:
            due = ended_agreements(due, known["agreements"], request.finals, request.business_date)
        if due.is_empty():
            raise NothingDueError(
                f"cycle `{cycle.cycle_id}`: nothing is due on {request.business_date}",
                hint="everything in it is billed already, or no account is in its group",
            )
        supplied = due["service_point_id"].unique()
        numbers, gathered = (
            reading.result() if reading else known_of_places(connection, supplied, known_at=request.known_at)
        )
    book = load_rate_book(connection, known_at=request.known_at)
    return gather_inputs(
        connection, cycle, due, known | gathered, numbers, book,
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
    chosen: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    files = {file_name: content_hash(data) for file_name, data in sorted(frames.items())}
    listed = gathered.listed()
    shas = sorted(file["sha256"] for found in listed.values() for file in found)
    rule_set_id = rules_of_text(rules).rule_set_id
    allowed = cycle.estimates_allowed(request.business_date)
    said = json.dumps(chosen, sort_keys=True)
    fingerprint = content_hash(
        *files.values(), *shas, rule_set_id, rules or "", said, code_version(), cycle.due_date, allowed
    )
    due = gathered.frames["due"]
    partitions = due["partition"].unique().sort().to_list()
    return {
        "run_id": name,
        "kind": request.kind.value,
        "cycle": _plain(asdict(cycle)),
        "branches": sorted(request.branches),
        "business_date": request.business_date.isoformat(),
        "estimates_allowed": allowed,
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
        "places": gathered.places,
        **chosen,
    }


def same_or_refused(workspace: Workspace, existing: dict[str, Any], plan: dict[str, Any]) -> Planned:
    """Return a plan that is there already.

    Raises:
        StaleError: it was given up, or has other inputs.
    """
    if existing["state"] == RunState.ABANDONED:
        raise StaleError(f"run `{existing['run_id']}` was abandoned", hint="plan again with a higher --sequence")
    if existing["fingerprint"] != plan["fingerprint"]:
        run = existing["run_id"]
        raise StaleError(
            f"run `{run}` is {existing['state']} with other inputs: reads, tariffs, accounts or the code have changed "
            "since it was planned",
            hint=f"finish it with `billmill cycle run {run}`, or abandon it and plan with a higher --sequence",
        )
    return reread(workspace, existing)


def reread(workspace: Workspace, row: dict[str, Any]) -> Planned:
    """Return the plan of a run as it lies there."""
    folder = run_folder(workspace, row["run_id"])
    plan = json.loads((folder / "plan" / "plan.json").read_bytes())
    return Planned(row["run_id"], folder, row["plan_sha256"], plan, is_new=False)


_ROW_GROUP_ROWS = 20_000


def as_parquet(frame: pl.DataFrame) -> bytes:
    """Return a frame of a plan as the bytes of its file."""
    buffer = io.BytesIO()
    # Those of a partition stand together, and are read without the others.
    frame.write_parquet(buffer, compression="lz4", row_group_size=_ROW_GROUP_ROWS)
    return buffer.getvalue()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in values.items()}
