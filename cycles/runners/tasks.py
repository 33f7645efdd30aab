"""Tasks and receipts. A task carries paths, never data; its result counts once, by a create-only receipt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from store.files import create_only
from store.lake import LakeFile
from store.workspace import Workspace

ASIDE = ".work"
"""Folder of a workspace for work whose results are taken over by a command that is still running."""
ASIDE_IN_BUCKET = "aside"
"""The same in a lake that lies in a bucket, where all machines find it."""

_FILES = ("files", "beside")


@dataclass(frozen=True)
class Task:
    """One partition of a run: where its plan lies and which part of it to compute."""

    workspace: str
    run_id: str
    partition: int
    attempt: int = 1
    code_version: str = ""
    """The Billmill that planned it (`store.code.code_version`); empty: whichever computes it."""
    is_aside: bool = False
    """Its folder is beside the lake and goes when the work has been taken over; otherwise it is that of a run."""


@dataclass(frozen=True)
class Receipt:
    """What a partition gave: files by table, counts and control totals. The same whoever computed it."""

    run_id: str
    partition: int
    files: tuple[LakeFile, ...]
    counts: dict[str, int]
    totals: dict[str, int]
    offenders: int | None = None
    """Rows of the partition's own controls that do not meet; None when nobody looked."""
    beside: tuple[LakeFile, ...] = ()
    """Files for what follows in the run (its review), which are none of the run's tables."""

    def as_json(self) -> bytes:
        """Return the receipt as canonical JSON: the same content is the same bytes."""
        content = vars(self) | {name: [vars(file) for file in getattr(self, name)] for name in _FILES}
        return json.dumps(content, indent=1, sort_keys=True, default=_iso).encode()


def task_folder(workspace: Workspace, task: Task) -> Path:
    """Return the folder in which what a task is about lies."""
    return (aside_folder(workspace) if task.is_aside else workspace.runs) / task.run_id


def aside_folder(workspace: Workspace) -> Path:
    """Return where work lies whose results a command is still taking over, and its tasks on other machines read it."""
    return workspace.root / ASIDE if workspace.bucket is None else workspace.lake / ASIDE_IN_BUCKET


def receipts_folder(run_folder: Path) -> Path:
    """Return where the receipts of a run lie."""
    return run_folder / "receipts"


def receipt_path(run_folder: Path, partition: int) -> Path:
    """Return where the receipt of a partition lies."""
    return receipts_folder(run_folder) / f"p{partition:05d}.json"


def write_receipt(run_folder: Path, receipt: Receipt) -> Receipt:
    """Leave the receipt of a partition; when another attempt was first, its receipt is returned and counts."""
    path = receipt_path(run_folder, receipt.partition)
    if create_only(path, receipt.as_json()):
        return receipt
    winner = read_receipt(run_folder, receipt.partition)
    assert winner is not None, f"receipt {path} vanished"
    return winner


def read_receipt(run_folder: Path, partition: int) -> Receipt | None:
    """Return the receipt of a partition, or None when it has not been computed."""
    path = receipt_path(run_folder, partition)
    if not path.is_file():
        return None
    content = json.loads(path.read_bytes())
    listed = {name: tuple(lake_file_from(item) for item in content.get(name, ())) for name in _FILES}
    return Receipt(**(content | listed))


def lake_file_from(item: dict[str, Any]) -> LakeFile:
    """Return the lake file that a plan or a receipt lists."""
    days = {key: date.fromisoformat(item[key]) if item[key] else None for key in ("day_min", "day_max")}
    return LakeFile(**(item | days))


def _iso(value: object) -> str:
    assert isinstance(value, date), f"{value!r} has no place in a receipt"
    return value.isoformat()
