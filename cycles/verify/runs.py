"""Runs on the disk against the runs of the control database: plans, receipts, manifests, what was published."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from cycles.publishing.published import NAME, read_published
from cycles.runners.attempts import attempt_files
from cycles.runners.tasks import read_receipt, receipts_folder
from cycles.runs.folders import run_folder
from cycles.runs.listed import listed_aside, read_listing
from cycles.runs.partition import STEPS, work_on
from cycles.runs.records import list_runs
from model.codes import RunKind, RunState
from model.control import Runs
from model.errors import BillmillError, ControlError
from model.ids import content_hash
from model.problems import ProblemKind
from model.progress import Progress
from model.schema import column_names
from store.bring import bring_runs
from store.code import code_version
from store.control import Connection
from store.files import file_sha256
from store.lake import LakeFile, owned_files, write_lake_file
from store.named_files import NamedFile, Problem
from store.workspace import Workspace

_BESIDE = (
    "plan/plan.json", "manifest.json", NAME, "controls.csv", "run.json", "released.json", "review.json", ".driver",
    ".driver.holder", ".stage", ".error",
)  # fmt: skip
_LEFT_STAGED = {RunState.VALIDATED, RunState.APPROVED, RunState.PUBLISHED}


@dataclass
class RunsFound:
    """The runs of a workspace, the files that they name, and what does not fit."""

    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By run: its `published.json`."""
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By run: its plan, where that is the one which the run's row names."""
    known: set[str] = field(default_factory=set)
    """Runs that have a row."""
    own: set[str] = field(default_factory=set)
    """Files of runs beside those that are named with a plain SHA-256."""
    named: list[NamedFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def find_runs(workspace: Workspace, connection: Connection | None) -> RunsFound:
    """Return the runs, from their rows and folders; without a connection from their folders alone."""
    found = RunsFound()
    bring_runs(workspace.runs)
    rows = [] if connection is None else list(list_runs(connection).iter_rows(named=True))
    for row in rows:  # a row per run
        assert connection is not None
        _check_run(workspace, connection, row, found)
    found.known = {row["run_id"] for row in rows}
    folders = [path for path in sorted(workspace.runs.iterdir()) if path.is_dir()] if workspace.runs.is_dir() else []
    for folder in folders:
        if folder.name in found.known or not (folder / NAME).is_file():
            continue
        if connection is not None:
            found.problems.append(
                Problem(
                    ProblemKind.ROW, f"run {folder.name}", "a row of the run, which its folder holds as published",
                    "no row", "the control database is older than the lake: billmill rebuild",
                )
            )  # fmt: skip
        found.own |= set(_own_names(folder, 0))
        _read_published(workspace, folder.name, found)
    return found


def _own_names(folder: Path, partitions: int) -> Iterator[str]:
    base = f"lake/runs/{folder.name}"
    yield from (f"{base}/{name}" for name in _BESIDE)
    yield from (f"{base}/receipts/p{number:05d}.json" for number in range(partitions))
    yield from (f"{base}/receipts/{note.name}" for note in attempt_files(receipts_folder(folder)))
    path = folder / "plan" / "plan.json"
    try:
        listed = json.loads(path.read_bytes())["files"]
    except (OSError, ValueError, KeyError):  # told where the plan is checked
        listed = ()
    yield from (f"{base}/plan/{name}" for name in listed)


def _check_run(workspace: Workspace, connection: Connection, row: dict[str, Any], found: RunsFound) -> None:
    run, state = str(row["run_id"]), RunState(row["state"])
    found.own |= set(_own_names(run_folder(workspace, run), int(row["partitions"])))
    if state == RunState.ABANDONED:
        return
    folder = run_folder(workspace, run)
    base = folder.relative_to(workspace.root).as_posix()
    _name_plan(folder, base, row, found)
    if state not in _LEFT_STAGED:
        return
    path = folder / "manifest.json"
    found.named.append(NamedFile(f"{base}/manifest.json", row["manifest_sha256"], f"the row of run {run}"))
    if path.is_file() and file_sha256(path) == row["manifest_sha256"]:
        _name_aside(path, found)
        _name_manifest(path, base, row, found)
    if state == RunState.PUBLISHED:
        content = _read_published(workspace, run, found)
        if content is not None:
            found.problems += _row_differs(run, content["run"], row)
            found.problems += _files_differ(run, content["files"], owned_files(connection, run))


def _name_plan(folder: Path, base: str, row: dict[str, Any], found: RunsFound) -> None:
    path = folder / "plan" / "plan.json"
    sha256 = content_hash(path.read_bytes()) if path.is_file() else None
    if sha256 != row["plan_sha256"]:
        kind = ProblemKind.MISSING if sha256 is None else ProblemKind.ALTERED
        found.problems.append(
            _changed(kind, f"{base}/plan/plan.json", f"the plan {row['plan_sha256']} of the run's row", sha256)
        )
        return
    found.plans[row["run_id"]] = json.loads(path.read_bytes())
    for name, expected in found.plans[row["run_id"]]["files"].items():
        file = folder / "plan" / name
        sha256 = content_hash(file.read_bytes()) if file.is_file() else None
        if sha256 != expected:
            kind = ProblemKind.MISSING if sha256 is None else ProblemKind.ALTERED
            found.problems.append(_changed(kind, f"{base}/plan/{name}", f"the file {expected} of plan.json", sha256))


def _name_manifest(path: Path, base: str, row: dict[str, Any], found: RunsFound) -> None:
    try:
        manifest = read_listing(path)
    except ControlError:  # told as the file that it is, below
        manifest = {"files": []}
    found.named += [
        NamedFile(item["path"], item["sha256"], f"{base}/manifest.json", item["bytes"], item["rows"])
        for item in manifest["files"]
    ]
    receipts = [f"{base}/receipts/p{number:05d}.json" for number in range(int(row["partitions"]))]
    # Manifests of earlier versions name no receipts, which count for nothing once a run is committed.
    found.named += [
        NamedFile(name, sha256, f"{base}/manifest.json")
        for name, sha256 in zip(receipts, manifest.get("receipts", ()), strict=False)
    ]


def _name_aside(path: Path, found: RunsFound) -> None:
    """Name the file beside a manifest that lists its files, where there is one."""
    aside = listed_aside(json.loads(path.read_bytes()))
    if aside is not None:
        name = path.with_name(aside[0])
        base = path.parents[3]
        found.named.append(NamedFile(name.relative_to(base).as_posix(), aside[1], path.relative_to(base).as_posix()))


def _read_published(workspace: Workspace, run: str, found: RunsFound) -> dict[str, Any] | None:
    path = run_folder(workspace, run) / NAME
    name = path.relative_to(workspace.root).as_posix()
    try:
        content = read_published(path)
        _name_aside(path, found)
    except ControlError as error:
        kind = ProblemKind.ALTERED if path.is_file() else ProblemKind.MISSING
        hint = f"billmill cycle publish {run} writes it again" if kind == ProblemKind.MISSING else error.hint or ""
        found.problems.append(Problem(kind, name, "what the run was published as", error.message, hint))
        return None
    found.published[run] = content
    found.named += [NamedFile(file.path, file.sha256, name, file.bytes, file.rows) for file in content["files"]]
    return content


def _row_differs(run: str, left: dict[str, Any], row: dict[str, Any]) -> list[Problem]:
    """Compare a run's row with what was published."""
    other = [name for name in column_names(Runs) if left.get(name) != row[name]]
    return [
        Problem(
            ProblemKind.ROW, f"run {run}: {name}", str(left.get(name)), str(row[name]),
            "one of the row and the run's published.json was changed: compare with a backup",
        )
        for name in other
    ]  # fmt: skip


def _files_differ(run: str, left: list[LakeFile], registered: list[LakeFile]) -> list[Problem]:
    """Compare the files that count for a run with those that it was published with."""
    problems = []
    for file in sorted({*left} ^ {*registered}, key=lambda file: file.path):
        is_left = file in left
        problems.append(
            Problem(
                ProblemKind.ROW, f"lake_file {file.path}", f"{'the' if is_left else 'no'} row of run {run}",
                "none like it" if is_left else f"a row with SHA-256 {file.sha256[:16]}",
                "one of lake_file and the run's published.json was changed: compare with a backup",
            )
        )  # fmt: skip
    return problems


def recomputed_problems(workspace: Workspace, runs: RunsFound, touched: set[str], progress: Progress) -> list[Problem]:
    """Compute the published runs that this Billmill planned again; return the tables that differ from what was left."""
    problems: list[Problem] = []
    progress.begin("recompute", len(runs.published), "runs")
    for run, content in runs.published.items():
        plan = runs.plans.get(run)
        if (
            plan is not None
            and plan["code_version"] == code_version()
            and plan["kind"] in {RunKind.BILL, RunKind.FINAL}
        ):
            for number in range(int(content["run"]["partitions"])):
                problems += _recomputed(workspace, run, number, touched)
        progress.advance("recompute", 1, problems=len(problems))
    progress.end("recompute", problems=len(problems))
    return problems


def _recomputed(workspace: Workspace, run: str, number: int, touched: set[str]) -> list[Problem]:
    name = f"lake/runs/{run}: partition {number}"
    hint = "a file of the run, of its plan or of its reads was changed: billmill restore BACKUP"
    try:
        receipt = read_receipt(run_folder(workspace, run), number)
        if receipt is None:
            return []
        again = {file.table: file for file in _compute_aside(workspace, run, number)}
    except (BillmillError, ValueError, KeyError, AssertionError, pl.exceptions.PolarsError) as error:
        return [Problem(ProblemKind.LINK, name, "bills that can be computed again", str(error), hint)]
    return [
        Problem(ProblemKind.LINK, file.path, f"SHA-256 {again[file.table].sha256[:16]} when computed again",
                f"SHA-256 {file.sha256[:16]}", hint)
        for file in receipt.files
        if again[file.table].sha256 != file.sha256 and file.path not in touched
    ]  # fmt: skip


def _compute_aside(workspace: Workspace, run: str, number: int) -> list[LakeFile]:
    work = work_on(workspace, run, pl.col("partition") == number, number)
    for step in STEPS:
        step.run(work)
    with tempfile.TemporaryDirectory() as aside:
        elsewhere = Workspace(Path(aside), workspace.name)
        return [write_lake_file(elsewhere, table, "again", frame) for table, frame in sorted(work.tables.items())]


def _changed(kind: ProblemKind, subject: str, expected: str, found: str | None) -> Problem:
    return Problem(kind, subject, expected, found or "nothing", "billmill restore BACKUP puts the file back")
