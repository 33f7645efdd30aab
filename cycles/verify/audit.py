"""The audit against its own hashes, its log outside the database, and all that names an entry of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from cycles.publishing.published import NAME
from cycles.verify.runs import RunsFound
from model.problems import ProblemKind
from store.audit import GENESIS, entry_hash
from store.audit_log import log_path, read_log
from store.books import kept_books
from store.control import Connection, query
from store.files import file_sha256
from store.named_files import Problem
from store.workspace import Workspace

_RESTORE = "compare with a backup: billmill restore BACKUP --into FOLDER, then billmill audit list there"


def audit_problems(workspace: Workspace, connection: Connection, runs: RunsFound) -> tuple[list[Problem], int]:
    """Return what does not fit in the audit, and how many entries it has."""
    rows = query(connection, "SELECT * FROM audit ORDER BY entry_no")
    entries = {row["entry_no"]: row for row in rows.iter_rows(named=True)}  # a row per command
    problems = [*_broken(rows), *_against_log(workspace, entries), *_against_heads(workspace, entries, runs)]
    problems += _runs_told(connection, entries)
    return problems, len(entries)


def _broken(rows: pl.DataFrame) -> Iterator[Problem]:
    before, due = GENESIS, 1
    for row in rows.iter_rows(named=True):
        while due < row["entry_no"]:
            yield Problem(ProblemKind.MISSING, f"audit entry {due}", "an entry of each number", "nothing", _RESTORE)
            due += 1
        due = row["entry_no"] + 1
        expected = entry_hash(
            before,
            row["entry_no"],
            row["at_utc"],
            row["actor"],
            row["role"],
            row["action"],
            row["subject"],
            row["detail"],
        )
        if expected != row["entry_hash"]:
            yield Problem(
                ProblemKind.ALTERED, f"audit entry {row['entry_no']}", f"hash {expected[:16]}",
                f"hash {row['entry_hash'][:16]}: {_told(row)}", _RESTORE,
            )  # fmt: skip
        before = row["entry_hash"]


def _against_log(workspace: Workspace, entries: dict[int, dict[str, Any]]) -> Iterator[Problem]:
    path = log_path(workspace.root)
    if not path.is_file():
        yield Problem(ProblemKind.MISSING, path.name, "the audit's log", "nothing", "the next command writes it again")
        return
    for line, noted in enumerate(read_log(path), start=1):
        entry = entries.get(noted["entry_no"])
        if noted["entry_no"] != line:
            yield Problem(ProblemKind.ALTERED, f"{path.name} line {line}", f"entry {line}", "another line", _RESTORE)
        elif entry is None:
            yield Problem(ProblemKind.MISSING, f"audit entry {line}", _told(noted), "nothing", _RESTORE)
        elif differing := [name for name in noted if _plain(entry[name]) != _plain(noted[name])]:
            name = differing[0]
            found = f"{name} {_plain(entry[name])} in the database"
            yield Problem(
                ProblemKind.ALTERED, f"audit entry {line}", f"{name} {noted[name]} in {path.name}", found, _RESTORE
            )


def _against_heads(workspace: Workspace, entries: dict[int, dict[str, Any]], runs: RunsFound) -> Iterator[Problem]:
    """Compare the entries that plans, published runs and kept books name."""
    for where, number, expected in _heads(workspace, runs):
        found = "nothing" if number not in entries else entries[number]["entry_hash"]
        if number and found != expected:
            yield Problem(
                ProblemKind.LINK,
                f"audit entry {number}",
                f"hash {expected[:16]} as {where} names it",
                found[:16],
                _RESTORE,
            )
    before = None
    for kept in kept_books(workspace.books):
        if before is not None and kept.before != file_sha256(before.path):
            yield Problem(
                ProblemKind.LINK, f"backups/books/{before.path.name}",
                f"SHA-256 {kept.before[:16]} as {kept.path.name} names it", file_sha256(before.path)[:16],
                "compare with a backup; the books in it are not the ones kept",
            )  # fmt: skip
        before = kept


def _heads(workspace: Workspace, runs: RunsFound) -> Iterator[tuple[str, int, str]]:
    for run, content in runs.published.items():
        yield f"lake/runs/{run}/{NAME}", content["audit"]["entry_no"], content["audit"]["entry_hash"]
        head = runs.plans.get(run, {}).get("audit_head")
        if head is not None:
            yield f"lake/runs/{run}/plan/plan.json", head["entry_no"], head["entry_hash"]
    for kept in kept_books(workspace.books):
        yield f"backups/books/{kept.path.name}", kept.entry_no, kept.entry_hash


def _runs_told(connection: Connection, entries: dict[int, dict[str, Any]]) -> Iterator[Problem]:
    """The audit tells the hashes of each run's plan and manifest; its row must not say others."""
    told: dict[tuple[str, str], list[str]] = {}
    for entry in entries.values():
        told.setdefault((entry["action"], entry["subject"]), []).append(entry["detail"])
    rows = query(connection, "SELECT run_id, plan_sha256, manifest_sha256, state FROM run ORDER BY run_id")
    for run, plan, manifest, state in rows.iter_rows():
        expected = [("plan", f"plan {plan}")]
        expected += [("stage", f"manifest {manifest}")] if manifest else []
        expected += [("publish", f"manifest {manifest}")] if state == "published" else []
        for action, text in expected:
            details = told.get((action, run), [])
            if not any(text in detail for detail in details):
                found = details[-1] if details else "no entry"
                yield Problem(
                    ProblemKind.LINK, f"run {run}", f"{text} in the audit's entry `{action}`", found, _RESTORE
                )


def _told(entry: dict[str, Any]) -> str:
    return f"{entry['action']} of {entry['subject']} by {entry['actor']} at {_plain(entry['at_utc'])}"


def _plain(value: object) -> object:
    """Return times as text, whichever way they came: those of the log are text already."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
