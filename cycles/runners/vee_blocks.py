"""VEE by a runner: blocks of channels as tasks, as partitions of a run are.

What every block needs beside the lake is written once (`cycles.runners.vee_plan`), a task carries a number, and what
comes of a block is a file that its receipt names. All of it lies beside the lake (in it, where it is in a bucket), in
a folder named by its content: a validation that was killed finds the receipts of the one before, and when its findings
are in the books the folder goes.

The files are pickles, as what processes of a pool and of Ray send each other is. Each is read only when it has the hash
that its reader was given: the name of the folder, or the receipt.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from cycles.runners.attempts import Told
from cycles.runners.chosen import LOCAL, Runner
from cycles.runners.following import Following
from cycles.runners.tasks import Receipt, Task, aside_folder, read_receipt, task_folder, write_receipt
from cycles.runners.vee_plan import GIVEN, Blocks, checked_bytes, plan_folder, read_plan, write_plan
from ingest.vee.begun import Begun, come
from ingest.vee.block import Given, JudgedBlock, judge_block
from ingest.vee.blocks import Judge, judged_blocks
from ingest.vee.lake import BlockReads
from model.progress import SILENT, Progress
from store.bring import bring_receipts
from store.files import PRIVATE, remove_folder, write_bytes_atomic
from store.lake import LakeFile
from store.workspace import Workspace, open_workspace

_TABLE = "vee_block"


@contextmanager
def judging(workspace: Workspace, runner: Runner, progress: Progress = SILENT) -> Iterator[Judge]:
    """Give what judges the blocks of VEE by a runner, for `ingest.vee.run.run_vee`.

    Processes of this machine are not asked: threads of this one do the same, without a start and without copies. What
    was left aside goes when the block ends well.
    """
    if runner is LOCAL:
        yield judged_blocks
        return
    yield JudgedByRunner(runner, progress)
    remove_folder(aside_folder(workspace))


@dataclass(frozen=True)
class JudgedByRunner:
    """Judges blocks as tasks of a runner."""

    runner: Runner
    progress: Progress = SILENT

    def __call__(
        self, reads: Sequence[BlockReads], given: Begun[Given], pool: Executor | None, workers: int
    ) -> Iterator[tuple[BlockReads, JudgedBlock]]:
        """Judge blocks, `workers` of them at a time, and yield them in their order."""
        if not reads:
            return
        workspace = reads[0].workspace
        plan, _ = write_plan(workspace, reads, given.result())
        folder = plan_folder(workspace, plan.name)
        receipts = receipts_there(folder, plan.blocks)
        open_tasks = [plan.task(workspace, number) for number in range(plan.blocks) if number not in receipts]
        following = Following("vee", folder, self.progress, tasks=len(open_tasks), items="channels")
        told = Told(compute_block, self.runner.name)
        computed = self.runner.run(told, open_tasks, workers=workers, watch=following)
        for number, lake in enumerate(reads):
            while number not in receipts:
                came = next(computed)
                following.came(came)
                receipts[came.receipt.partition] = came.receipt
            yield lake, judged_block(workspace, receipts[number])


def compute_block(task: Task) -> Receipt:
    """Judge one block and leave its receipt; when another attempt was first, its receipt counts.

    Raises:
        ConfigError: the plan is gone.
        StaleError: the plan was changed, or made by another version of Billmill.
        ControlError: what the task was given was changed.
    """
    workspace = open_workspace(Path(task.workspace))
    folder = task_folder(workspace, task)
    reads, given = _given(folder / GIVEN, read_plan(workspace, task.run_id).given_sha256)
    lake = replace(reads[task.partition], workspace=workspace)
    data = pickle.dumps(judge_block(lake, come(given)), protocol=5)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"judged-{task.partition:05d}-{digest[:16]}.pickle"
    write_bytes_atomic(path, data, mode=PRIVATE)
    numbers = lake.channels["channel_no"]
    file = LakeFile(
        _TABLE, path.relative_to(workspace.root).as_posix(), digest, numbers.len(), len(data),
        int(numbers[0]), int(numbers[-1]), lake.from_date, lake.to_date, 0,
    )  # fmt: skip
    return write_receipt(folder, Receipt(task.run_id, task.partition, (file,), {"channels": numbers.len()}, {}))


def receipts_there(folder: Path, blocks: int) -> dict[int, Receipt]:
    """Return the receipts of a validation's blocks that have one."""
    bring_receipts(folder)
    return {number: found for number in range(blocks) if (found := read_receipt(folder, number))}


def judged_block(workspace: Workspace, receipt: Receipt) -> JudgedBlock:
    """Return what came of a block.

    Raises:
        ControlError: it is not what its receipt names.
    """
    (file,) = receipt.files
    judged: JudgedBlock = pickle.loads(checked_bytes(workspace.root / file.path, file.sha256))
    return judged


@lru_cache(maxsize=1)
def _given(path: Path, sha256: str) -> Blocks:
    """Return what the blocks of a validation need; a process reads it once for all its tasks."""
    given: Blocks = pickle.loads(checked_bytes(path, sha256))
    return given
