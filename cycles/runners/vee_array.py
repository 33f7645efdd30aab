"""VEE as a job array: a command plans it, one judges each block, one takes what they found into the books.

A task reads the plan and the lake and leaves a receipt; it never opens the control database. What the blocks rest on is
asked of it when they are planned and once more when they are committed: unless both are the same, nothing is committed.
Between the two the books are nobody's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from cycles.runners.attempts import Told
from cycles.runners.following import Following
from cycles.runners.tasks import Receipt, read_receipt, receipt_path
from cycles.runners.vee_blocks import compute_block, judged_block, receipts_there
from cycles.runners.vee_plan import COMMITTED, GIVEN, VeePlan, blocks_plan, plan_folder, read_plan, write_plan
from ingest.vee.begun import Begun
from ingest.vee.block import Given, JudgedBlock
from ingest.vee.blocks import CHANNELS_PER_BLOCK
from ingest.vee.lake import BlockReads
from ingest.vee.report import VeeReport
from ingest.vee.run import run_vee
from model.codes import RunnerName
from model.errors import ConfigError, ControlError, StaleError
from model.progress import SILENT, Progress
from store.bring import bring_current
from store.control import control, query
from store.files import PRIVATE, remove, write_bytes_atomic
from store.lock import hold
from store.workspace import Workspace

_BEGUN = "begun.json"
_SINCE = "SELECT min(seq) AS seq FROM load WHERE kind = 'vee' AND source_name = ? AND seq > ?"


def plan_blocks(
    workspace: Workspace,
    *,
    from_date: date,
    to_date: date,
    received_at: datetime,
    channels_per_block: int = CHANNELS_PER_BLOCK,
) -> tuple[VeePlan, bool]:
    """Plan the validation of the days in [from_date, to_date) and write the plan; return it and whether it is new.

    Raises:
        ConfigError: the period is empty, or no channel is due in it.
        LockedError: another process works on the workspace.
    """
    try:
        run_vee(
            workspace, from_date=from_date, to_date=to_date, received_at=received_at,
            channels_per_block=channels_per_block, judge=_write_and_stop,
        )  # fmt: skip
    except _Planned as planned:
        return planned.plan, planned.is_new
    raise AssertionError("blocks were judged, not planned")


def judge_alone(workspace: Workspace, name: str, index: int, progress: Progress = SILENT) -> tuple[Receipt, bool]:
    """Judge one block of a plan, counted from 0; return its receipt and whether it was judged now.

    Raises:
        ConfigError: no such plan or block.
        StaleError: the plan was changed, or made by another version of Billmill.
    """
    plan = read_plan(workspace, name)
    if index >= plan.blocks:
        raise ConfigError(
            f"block {index}: validation `{name}` has {plan.blocks}, from 0 to {plan.blocks - 1}",
            hint="give the array as many tasks as the plan has blocks: billmill reads vee-plan ... --json",
        )
    folder = plan_folder(workspace, name)
    found = read_receipt(folder, index) if bring_current(receipt_path(folder, index)) else None
    if found is not None:
        return found, False
    progress.about(name)
    following = Following("vee", folder, progress, tasks=1, items="channels")
    came = Told(compute_block, RunnerName.ARRAY)(plan.task(workspace, index))
    following.came(came)
    return came.receipt, True


@dataclass(frozen=True)
class Committed:
    """A validation whose findings are in the books."""

    plan: VeePlan
    seq: int | None
    """Its load; None when nothing was new."""
    report: VeeReport | None
    """None when it was committed before."""


def commit_blocks(workspace: Workspace, name: str, *, at: datetime, actor: str) -> Committed:
    """Take what the blocks of a plan found into the books, in one transaction; done before, it changes nothing.

    Raises:
        ConfigError: no such plan.
        StaleError: the plan was changed, made by another version of Billmill, or what its blocks rest on has changed.
        ControlError: blocks have no receipt (the message names them).
        LockedError: another process commits it, or works on the workspace.
    """
    plan, folder = read_plan(workspace, name), plan_folder(workspace, name)
    with hold(folder / ".driver", purpose=f"reads vee-commit {name}", wait_seconds=0.0):
        if bring_current(folder / COMMITTED):
            return Committed(plan, json.loads((folder / COMMITTED).read_bytes())["load"], None)
        began = _last_load(workspace)
        killed = _committed_since(workspace, plan, folder)
        receipts = receipts_there(folder, plan.blocks)
        if killed is None:
            _refuse_missing(plan, receipts)
            report = run_vee(
                workspace, from_date=plan.from_date, to_date=plan.to_date, received_at=at, actor=actor,
                channels_per_block=plan.channels_per_block, judge=_Taken(plan, folder, receipts, began),
            )  # fmt: skip
            done = Committed(plan, report.seq, report)
        else:
            done = Committed(plan, killed, None)
        _put(folder / COMMITTED, done.seq)
        for path in (folder / GIVEN, *(workspace.root / file.path for one in receipts.values() for file in one.files)):
            remove(path)
    return done


class _Planned(Exception):  # noqa: N818 - nothing went wrong
    """Ends a validation when its blocks are planned: judging and writing are for others."""

    def __init__(self, plan: VeePlan, *, is_new: bool) -> None:
        super().__init__(plan.name)
        self.plan, self.is_new = plan, is_new


def _write_and_stop(
    reads: Sequence[BlockReads], given: Begun[Given], pool: Executor | None, workers: int
) -> Iterator[tuple[BlockReads, JudgedBlock]]:
    checks = given.result().checks
    if not reads:
        raise ConfigError(
            f"no channel is due from {checks.from_date} to {checks.to_date}, so there is nothing to divide",
            hint=f"billmill reads vee --from {checks.from_date} --to {checks.to_date} looks at registers, too",
        )
    plan, is_new = write_plan(reads[0].workspace, reads, given.result())
    raise _Planned(plan, is_new=is_new)


@dataclass(frozen=True)
class _Taken:
    """Gives what tasks found in place of judging, while the books are held and as long as they are those planned."""

    plan: VeePlan
    folder: Path
    receipts: Mapping[int, Receipt]
    began: int
    """The last load before."""

    def __call__(
        self, reads: Sequence[BlockReads], given: Begun[Given], pool: Executor | None, workers: int
    ) -> Iterator[tuple[BlockReads, JudgedBlock]]:
        if not reads or blocks_plan(reads, given.result())[0] != self.plan:
            raise StaleError(
                f"validation `{self.plan.name}`: reads, edits, rules or accounts have changed since it was planned",
                hint=self.plan.again(),
            )
        _put(self.folder / _BEGUN, self.began)
        for number, lake in enumerate(reads):
            yield lake, judged_block(lake.workspace, self.receipts[number])


def _refuse_missing(plan: VeePlan, receipts: Mapping[int, Receipt]) -> None:
    missing = [number for number in range(plan.blocks) if number not in receipts]
    if missing:
        shown = ", ".join(str(number) for number in missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise ControlError(
            f"validation `{plan.name}`: {len(missing)} of {plan.blocks} blocks have no receipt: {shown}",
            hint=f"judge them: billmill reads vee-block {plan.name} --index {missing[0]}; "
            f"or all of it here: billmill reads vee --from {plan.from_date} --to {plan.to_date}",
        )


def _committed_since(workspace: Workspace, plan: VeePlan, folder: Path) -> int | None:
    """Return the load of a commit that was killed between the books and its note; None when there was none.

    Its note of the beginning names the last load before it.
    """
    if not bring_current(folder / _BEGUN):
        return None
    since = json.loads((folder / _BEGUN).read_bytes())["load"]
    with control(workspace, purpose="reads vee-commit") as connection:
        seq = query(connection, _SINCE, [f"{plan.from_date}..{plan.to_date}", since]).item()
    return None if seq is None else int(seq)


def _last_load(workspace: Workspace) -> int:
    with control(workspace, purpose="reads vee-commit") as connection:
        return int(query(connection, "SELECT coalesce(max(seq), 0) FROM load").item())


def _put(path: Path, load: int | None) -> None:
    write_bytes_atomic(path, json.dumps({"load": load}).encode(), mode=PRIVATE)
