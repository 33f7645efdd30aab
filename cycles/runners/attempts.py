"""Who tried to compute a partition, where, how long, and how it ended: for people, no part of what a run computes.

A note lies beside the receipts, under a name that begins with a dot; a note without an end is of a process that works
still, or that died. Notes are written without being forced to the disk: a power cut may lose some, never a receipt.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cycles.runners.tasks import Receipt, Task, receipts_folder, task_folder
from model.codes import RunnerName
from model.errors import StaleError, StorageError
from store.bring import bring_notes
from store.code import code_version
from store.mount import put_note
from store.workspace import CONFIG_NAME, open_workspace

Compute = Callable[[Task], Receipt]
"""Computes a task and leaves its receipt."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a partition. `seconds` is None while it lasts, and for ever when its process died."""

    partition: int
    attempt: int
    """1 and up in a run of the runner; a run that goes on begins with 1 again."""
    runner: str
    host: str
    pid: int
    started_at: float
    """Seconds since 1970, by the clock of the host."""
    seconds: float | None = None
    failure: str = ""
    """What ended it; empty when it left a receipt."""

    @property
    def is_open(self) -> bool:
        """No end of it is known: it lasts, or nobody has told that its process died."""
        return self.seconds is None and not self.failure


@dataclass(frozen=True)
class Came:
    """What a runner brings of a task: its receipt, and who left it."""

    receipt: Receipt
    attempt: Attempt


@dataclass(frozen=True)
class Told:
    """A computation that leaves a note of each attempt, and that refuses to run in another Billmill than the plan's."""

    compute: Compute
    runner: RunnerName

    def __call__(self, task: Task) -> Came:
        """Compute a partition.

        Raises:
            StaleError: this machine has another version of Billmill, or of a library that computes, than the plan.
        """
        task = _here(task)
        note, path = _begin(task, self.runner)
        began = time.perf_counter()
        try:
            refuse_other_code(task)
            receipt = self.compute(task)
        except BaseException as error:
            _write(path, replace(note, seconds=time.perf_counter() - began, failure=_told(error)))
            raise
        ended = replace(note, seconds=time.perf_counter() - began)
        _write(path, ended)
        return Came(receipt, ended)


def _told(error: BaseException) -> str:
    """Return what ended an attempt; what is no mistake came from outside: the driver is gone, or somebody ended it."""
    if not isinstance(error, Exception):
        return f"ended from outside ({error!r})"
    return str(error) or repr(error)


def refuse_other_code(task: Task) -> None:
    """Refuse a task that was planned by another Billmill than the one that is here.

    Raises:
        StaleError: names the host.
    """
    if task.code_version and task.code_version != code_version():
        raise StaleError(
            f"partition {task.partition} of run `{task.run_id}`: {socket.gethostname()} has another version of "
            f"Billmill ({code_version()[:12]}) than the plan ({task.code_version[:12]})",
            hint="install the same version, and the same versions of polars, numba, numpy, duckdb and pyarrow, there",
        )


def attempts(run_folder: Path) -> list[Attempt]:
    """Return what was noted of the attempts at a run's partitions, in the order in which they began."""
    folder = receipts_folder(run_folder)
    bring_notes(folder)
    found = [Attempt(**json.loads(path.read_bytes())) for path in attempt_files(folder)]
    return sorted(found, key=lambda attempt: (attempt.started_at, attempt.partition))


def attempts_at(run_folder: Path, partition: int) -> list[Attempt]:
    """Return what was noted of the attempts at one partition, in the order in which they began."""
    return [attempt for _, attempt in _notes_of(run_folder, partition)]


def end_lost(run_folder: Path, task: Task, cause: str) -> Attempt | None:
    """Note what ended an attempt, unless it could say so itself; return it, None when it had not begun."""
    for path, noted in reversed(_notes_of(run_folder, task.partition)):
        if noted.attempt == task.attempt:
            ended = replace(noted, failure=cause) if noted.is_open else noted
            if ended != noted:
                _write(path, ended)
            return ended
    return None


def _notes_of(run_folder: Path, partition: int) -> list[tuple[Path, Attempt]]:
    paths = sorted(receipts_folder(run_folder).glob(f".p{partition:05d}.attempt-*.json"))
    found = [(path, Attempt(**json.loads(path.read_bytes()))) for path in paths]
    return sorted(found, key=lambda one: one[1].started_at)


def attempt_files(receipts: Path) -> list[Path]:
    """Return the notes in a folder of receipts."""
    return sorted(receipts.glob(".p*.attempt-*.json")) if receipts.is_dir() else []


def _here(task: Task) -> Task:
    """Return a task as of this machine, whose copy of a lake in a bucket may lie in another folder."""
    own = os.environ.get("BILLMILL_WORKSPACE")
    if own is None or (Path(task.workspace) / CONFIG_NAME).is_file():
        return task
    return replace(task, workspace=str(Path(own).resolve()))


def _begin(task: Task, runner: RunnerName) -> tuple[Attempt, Path]:
    folder = receipts_folder(task_folder(open_workspace(Path(task.workspace)), task))
    folder.mkdir(parents=True, exist_ok=True)
    note = Attempt(task.partition, task.attempt, runner.value, socket.gethostname(), os.getpid(), time.time())
    path = folder / f".p{task.partition:05d}.attempt-{time.time_ns():x}-{os.getpid()}.json"
    _write(path, note)
    return note, path


def _write(path: Path, note: Attempt) -> None:
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(asdict(note)), encoding="utf-8")
    aside.replace(path)
    with suppress(StorageError):  # nothing rests on a note
        put_note(path, path.read_bytes())
