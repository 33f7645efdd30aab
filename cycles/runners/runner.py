"""Runners compute tasks anywhere, in any order, perhaps twice; the receipts make it once.

The local runner spawns processes (never forks: Polars' threads do not survive a fork). A worker that is killed
breaks the whole pool, so the pool is made anew and what has no result is given out again, a bounded number of times.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from cycles.runners.tasks import Task
from cycles.runners.watch import LOOK_SECONDS, UNWATCHED, Watch
from model.errors import ControlError
from store.memory import keep_freed_memory

Result = TypeVar("Result")
"""What computing a task gives: a receipt, or one and who left it."""
# A worker that dies three times in a row dies of its work, not of bad luck.
ROUNDS = 3
# Tasks on their way for each worker: one that it computes, and one at hand when that is done.
AHEAD = 2
# One process that is killed takes the whole pool with it.
_DIED = "its process died, or another of the same pool did"


def run_locally(
    compute: Callable[[Task], Result], tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED
) -> Iterator[Result]:
    """Compute tasks in `workers` spawned processes, yielding receipts as they come; one worker computes here.

    Raises:
        ControlError: a partition's worker died in every round.
    """
    if workers <= 1 or len(tasks) <= 1:
        yield from (compute(task) for task in tasks)
        return
    keep_freed_memory()
    # Read by Polars when a worker imports it; workers times threads should not exceed the cores.
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    try:
        yield from _rounds(compute, list(tasks), workers, watch)
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before


def _rounds(compute: Callable[[Task], Result], tasks: list[Task], workers: int, watch: Watch) -> Iterator[Result]:
    open_tasks = tasks
    for attempt in range(1, ROUNDS + 1):
        lost: list[Task] = []
        given = [replace(task, attempt=attempt) for task in open_tasks]
        yield from _one_round(compute, given, workers, lost, watch)
        for task in lost:
            watch.lost(task, _DIED)
        if not lost:
            return
        open_tasks = lost
    numbers = ", ".join(str(task.partition) for task in open_tasks)
    raise ControlError(
        f"partitions {numbers}: their worker process died {ROUNDS} times",
        hint="look for the system's out-of-memory killer; run again with fewer --workers or more --partitions",
    )


def _one_round(
    compute: Callable[[Task], Result], tasks: list[Task], workers: int, lost: list[Task], watch: Watch
) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")
    waiting = deque(tasks)
    with ProcessPoolExecutor(max_workers=min(workers, len(tasks)), mp_context=context) as pool:
        pending: dict[Future[Result], Task] = {}
        try:
            while waiting or pending:
                give_out(pool, compute, waiting, pending, workers * AHEAD, lost)
                done, _ = wait(pending, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                if not done and pending:
                    watch.waiting()
                for future in done:
                    task = pending.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        lost.append(task)
        except BaseException:  # interrupted: what is being computed ends and leaves its receipt, the rest is left
            pool.shutdown(cancel_futures=True)
            raise


def give_out(
    pool: Executor,
    compute: Callable[[Task], Result],
    waiting: deque[Task],
    pending: dict[Future[Result], Task],
    most: int,
    lost: list[Task],
) -> None:
    """Give tasks to the pool until `most` are on their way; all that wait are lost when the pool is broken."""
    try:
        with _interrupts_ignored():
            while waiting and len(pending) < most:
                pending[pool.submit(compute, waiting[0])] = waiting[0]
                waiting.popleft()
    except BrokenProcessPool:
        lost += waiting
        waiting.clear()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes that begin in the block not hear Ctrl-C: this one does, and answers for all of them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
