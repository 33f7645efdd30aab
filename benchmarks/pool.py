"""Work in several processes, told as it goes, with the time that is left."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_processes(
    work: Callable[..., Result],
    tasks: Sequence[tuple[Any, ...]],
    processes: int,
    what: str,
    say: Callable[[str], None],
) -> list[Result]:
    """Return what `work` makes of each task, in the order of the tasks, computed by so many spawned processes."""
    began = time.monotonic()
    if processes <= 1 or len(tasks) <= 1:
        results = []
        for number, task in enumerate(tasks, 1):
            results.append(work(*task))
            say(progress(what, number, len(tasks), time.monotonic() - began))
        return results
    with _threads(max(1, (os.cpu_count() or 1) // processes)):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(processes, len(tasks)), mp_context=context) as pool:
            futures = [pool.submit(work, *task) for task in tasks]
            for number, future in enumerate(as_completed(futures), 1):
                future.result()
                say(progress(what, number, len(tasks), time.monotonic() - began))
            return [future.result() for future in futures]


def progress(what: str, done: int, total: int, seconds: float) -> str:
    """Return a line about work that goes on: how much is done, and about how long the rest will take.

    >>> progress("drawing", 3, 12, 30.0)
    'drawing 3 of 12, 30 s, about 90 s left'
    """
    left = seconds / done * (total - done)
    return f"{what} {done} of {total}, {seconds:.0f} s" + (f", about {left:.0f} s left" if done < total else "")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Give processes that begin in the block so many threads of Polars: it reads this when it is imported."""
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before
