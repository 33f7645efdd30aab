"""VEE by a runner: blocks of channels as tasks, as partitions of a run are.

What every block needs beside the lake is written once, a task carries a number, and what comes of a block is a file
that its receipt names. All of it lies beside the lake (in it, where it is in a bucket), in a folder named by its
content: a validation that was killed finds the receipts of the one before, and when its findings are in the books the
folder goes.

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
from ingest.vee.begun import Begun, come
from ingest.vee.block import Given, JudgedBlock, judge_block
from ingest.vee.blocks import Judge, judged_blocks
from ingest.vee.lake import BlockReads
from model.errors import ControlError
from model.progress import SILENT, Progress
from store.bring import bring_missing, bring_receipts
from store.code import code_version
from store.files import PRIVATE, private_folder, read_bytes, remove_folder, write_bytes_atomic
from store.lake import LakeFile
from store.mount import folders_there
from store.workspace import Workspace, open_workspace

_GIVEN, _TABLE = "blocks.pickle", "vee_block"
_Given = tuple[tuple[BlockReads, ...], Given]


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
        tasks = _tasks(workspace, reads, given.result())
        folder = task_folder(workspace, tasks[0])
        bring_receipts(folder)
        receipts = {number: found for number in range(len(tasks)) if (found := read_receipt(folder, number))}
        open_tasks = [task for task in tasks if task.partition not in receipts]
        following = Following("vee", folder, self.progress, tasks=len(open_tasks), items="channels")
        told = Told(compute_block, self.runner.name)
        computed = self.runner.run(told, open_tasks, workers=workers, watch=following)
        for number, lake in enumerate(reads):
            while number not in receipts:
                came = next(computed)
                following.came(came)
                receipts[came.receipt.partition] = came.receipt
            yield lake, _judged(workspace, receipts[number])


def compute_block(task: Task) -> Receipt:
    """Judge one block and leave its receipt; when another attempt was first, its receipt counts.

    Raises:
        ControlError: what the task was given was changed.
    """
    workspace = open_workspace(Path(task.workspace))
    folder = task_folder(workspace, task)
    reads, given = _given(folder / _GIVEN, task.run_id.rpartition("-")[2])
    lake = replace(reads[task.partition], workspace=workspace)  # this machine may have it elsewhere
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


def _tasks(workspace: Workspace, reads: Sequence[BlockReads], given: Given) -> list[Task]:
    """Write what the blocks need and return a task for each; what another validation left aside is swept.

    The caller holds the books, so no other validation is at work.
    """
    data = pickle.dumps((tuple(reads), given), protocol=5)
    name = f"vee-{given.checks.from_date}-{hashlib.sha256(data).hexdigest()}"
    tasks = [
        Task(str(workspace.root), name, number, code_version=code_version(), is_aside=True)
        for number in range(len(reads))
    ]
    folder = task_folder(workspace, tasks[0])
    names = {path.name for path in private_folder(folder.parent).iterdir()} | {*folders_there(folder.parent)}
    for left in names - {folder.name}:
        remove_folder(folder.parent / left)
    write_bytes_atomic(private_folder(folder) / _GIVEN, data, mode=PRIVATE)
    return tasks


@lru_cache(maxsize=1)
def _given(path: Path, sha256: str) -> _Given:
    """Return what the blocks of a validation need; a process reads it once for all its tasks."""
    given: _Given = pickle.loads(_checked(path, sha256))
    return given


def _judged(workspace: Workspace, receipt: Receipt) -> JudgedBlock:
    (file,) = receipt.files
    judged: JudgedBlock = pickle.loads(_checked(workspace.root / file.path, file.sha256))
    return judged


def _checked(path: Path, sha256: str) -> bytes:
    bring_missing([path])
    data = read_bytes(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ControlError(
            f"file `{path}` is not what was written there", hint=f"remove `{path.parent}` and validate again"
        )
    return data
