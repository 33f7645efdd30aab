"""The plan of a validation whose blocks are tasks: what every block needs beside the lake, written once.

It lies in a folder that is named by its content: planned again from the same books, it is the same plan, and blocks
that were judged stay judged.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from cycles.runners.tasks import Task, aside_folder
from ingest.vee.block import Given
from ingest.vee.lake import BlockReads
from model.errors import ConfigError, ControlError, StaleError
from store.bring import bring_current, bring_missing
from store.code import code_version
from store.files import PRIVATE, private_folder, read_bytes, remove_folder, write_bytes_atomic
from store.mount import folders_there
from store.workspace import Workspace

Blocks = tuple[tuple[BlockReads, ...], Given]
"""The reads of each block, and what all blocks are given."""

_PLAN, GIVEN = "plan.json", "blocks.pickle"
COMMITTED = "committed.json"
"""Tells which load the findings came to; what they were made of is gone then."""
_NOWHERE = Workspace(Path(), "")
_NAME = re.compile(r"vee-\d{4}-\d{2}-\d{2}-[0-9a-f]{16}")


@dataclass(frozen=True)
class VeePlan:
    """A validation that is divided into blocks."""

    name: str
    """Of the plan and its folder: the first day, and the beginning of the hash of what follows."""
    from_date: date
    to_date: date
    """Day after the last."""
    channels: int
    blocks: int
    channels_per_block: int
    given_sha256: str
    """Of the file with what the blocks need."""
    code_version: str

    def as_json(self) -> bytes:
        """Return what names the plan."""
        content = {key: value for key, value in asdict(self).items() if key != "name"}
        return json.dumps(content, indent=1, sort_keys=True, default=date.isoformat).encode()

    def task(self, workspace: Workspace, number: int) -> Task:
        """Return the task of a block, which no other Billmill than the plan's may judge."""
        return Task(str(workspace.root), self.name, number, code_version=self.code_version, is_aside=True)

    def again(self) -> str:
        """Return how the same days are planned anew."""
        return f"plan it again: billmill reads vee-plan --from {self.from_date} --to {self.to_date}"


def plan_folder(workspace: Workspace, name: str) -> Path:
    """Return where a plan of this name lies.

    Raises:
        ConfigError: no plan can have this name.
    """
    folder = aside_folder(workspace) / name
    if not _NAME.fullmatch(name):
        raise _unknown(name, folder.parent)
    return folder


def blocks_plan(reads: Sequence[BlockReads], given: Given) -> tuple[VeePlan, bytes]:
    """Return the plan of blocks, and the bytes of what they need."""
    # Who judges a block has the lake under a path of its own.
    placeless = tuple(replace(lake, workspace=_NOWHERE) for lake in reads)
    data = pickle.dumps((placeless, given), protocol=5)
    sizes = [lake.channels.height for lake in reads]
    days = (given.checks.from_date, given.checks.to_date)
    plan = VeePlan("", *days, sum(sizes), len(sizes), max(sizes), hashlib.sha256(data).hexdigest(), code_version())
    name = f"vee-{days[0]}-{hashlib.sha256(plan.as_json()).hexdigest()[:16]}"
    return replace(plan, name=name), data


def write_plan(workspace: Workspace, reads: Sequence[BlockReads], given: Given) -> tuple[VeePlan, bool]:
    """Write the plan of blocks; return it and whether it is new. What another validation left aside is swept.

    One that was committed and finds the books as they were is planned anew. The caller holds the books, so no other
    validation is planned meanwhile.
    """
    plan, data = blocks_plan(reads, given)
    folder = plan_folder(workspace, plan.name)
    names = {path.name for path in private_folder(folder.parent).iterdir()} | {*folders_there(folder.parent)}
    for left in names - {folder.name}:
        remove_folder(folder.parent / left)
    if bring_current(folder / COMMITTED):
        remove_folder(folder)
    if bring_current(folder / _PLAN):
        return plan, False
    write_bytes_atomic(private_folder(folder) / GIVEN, data, mode=PRIVATE)
    write_bytes_atomic(folder / _PLAN, plan.as_json(), mode=PRIVATE)  # with it there, all of it is
    return plan, True


def read_plan(workspace: Workspace, name: str) -> VeePlan:
    """Return a plan from its folder, without the control database.

    Raises:
        ConfigError: there is no such plan.
        StaleError: it was changed, or made by another version of Billmill.
    """
    path = plan_folder(workspace, name) / _PLAN
    if not bring_current(path):
        raise _unknown(name, path.parent.parent)
    text = path.read_bytes()
    if not name.endswith(hashlib.sha256(text).hexdigest()[:16]):
        raise StaleError(f"plan `{name}` is not the one that was planned", hint="billmill reads vee-plan makes another")
    content = json.loads(text)
    days = {key: date.fromisoformat(content[key]) for key in ("from_date", "to_date")}
    plan = VeePlan(**(content | days), name=name)
    if plan.code_version != code_version():
        raise StaleError(
            f"validation `{name}` was planned by another version of Billmill",
            hint=f"judge it with that version, or {plan.again()}",
        )
    return plan


def checked_bytes(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file of a validation.

    Raises:
        ControlError: they are not those that were written.
    """
    bring_missing([path])
    data = read_bytes(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ControlError(
            f"file `{path}` is not what was written there", hint=f"remove `{path.parent}` and validate again"
        )
    return data


def _unknown(name: str, folder: Path) -> ConfigError:
    return ConfigError(
        f"validation `{name}` has no plan in `{folder}`",
        hint="plan it on the machine of the books: billmill reads vee-plan --from DATE --to DATE; "
        "another that is planned takes its place",
    )
