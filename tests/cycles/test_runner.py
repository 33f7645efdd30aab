"""The local runner: workers may die, results come in any order, the first receipt counts."""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest
from fragile_worker import die_always, die_once

from cycles.runners.runner import AHEAD, ROUNDS, give_out, run_locally
from cycles.runners.tasks import Receipt, Task, read_receipt, write_receipt
from cycles.runners.watch import Unwatched
from model.errors import ControlError

TASKS = [Task("/nowhere", "bill-x", partition) for partition in range(4)]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="workers are killed with SIGKILL")


@POSIX
def test_what_a_killed_worker_left_is_computed_again() -> None:
    class Heard(Unwatched):
        def lost(self, task: Task, cause: str) -> None:
            told[task.partition, task.attempt] = cause

    told: dict[tuple[int, int], str] = {}
    receipts = list(run_locally(die_once, TASKS, workers=2, watch=Heard()))
    assert told[1, 1] == "its process died, or another of the same pool did"
    attempts = {receipt.partition: receipt.counts["attempt"] for receipt in receipts}
    assert sorted(attempts) == [0, 1, 2, 3]
    assert attempts[1] == 2


@POSIX
def test_tasks_that_wait_for_a_free_worker_outlive_one_that_dies() -> None:
    many = [Task("/nowhere", "bill-x", partition) for partition in range(4 * AHEAD)]
    receipts = list(run_locally(die_once, many, workers=2))
    assert sorted(receipt.partition for receipt in receipts) == list(range(4 * AHEAD))


def test_no_more_is_given_out_than_workers_can_begin() -> None:
    class Idle(Executor):
        def submit(self, *_: object, **__: object) -> Future[Receipt]:  # type: ignore[override]
            return Future()

    waiting, pending, lost = deque(TASKS), dict[Future[Receipt], Task](), list[Task]()
    give_out(Idle(), die_once, waiting, pending, 3, lost)
    assert (list(pending.values()), list(waiting), lost) == (TASKS[:3], TASKS[3:], [])


@POSIX
def test_a_partition_whose_worker_always_dies_ends_the_run_with_its_number() -> None:
    with pytest.raises(ControlError, match=rf"partitions .*2.*: their worker process died {ROUNDS} times") as error:
        list(run_locally(die_always, TASKS, workers=2))
    assert "fewer --workers" in str(error.value)


def test_the_threads_of_workers_do_not_leak_into_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "7")
    list(run_locally(die_once, TASKS[2:], workers=2))
    assert os.environ["POLARS_MAX_THREADS"] == "7"


def test_the_first_receipt_of_a_partition_counts(tmp_path: Path) -> None:
    first = Receipt("bill-x", 0, (), {"bills": 1}, {})
    assert write_receipt(tmp_path, first) == first
    assert write_receipt(tmp_path, Receipt("bill-x", 0, (), {"bills": 2}, {})) == first
    assert read_receipt(tmp_path, 0) == first
    assert read_receipt(tmp_path, 1) is None
