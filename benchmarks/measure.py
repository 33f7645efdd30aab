"""One contender measured in a process of its own: wall and CPU seconds, growth of memory, and its result."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.memory import peak_bytes, resident_bytes

Contend = Callable[[Path], Callable[[], pl.DataFrame]]
"""Gets a folder of drawn reads and returns the work that is measured."""
Settle = Callable[[pl.DataFrame], pl.DataFrame]
"""Puts a result in one order and one set of types, so that results can be compared."""


@dataclass(frozen=True)
class Measured:
    """One run. `grown_bytes` is what the work added at its highest to the resident memory of its process."""

    wall_seconds: float
    cpu_seconds: float
    grown_bytes: int


PASSES = 5
"""Measured passes of a contender in one process, after one that is not counted."""


def measure_once(contend: Contend, settle: Settle, folder: Path, result: Path | None) -> Measured:
    """Let a contender work in this process once, then `PASSES` times more; return the medians of those.

    The first pass loads what a long-lived process has loaded: libraries, compiled kernels, the files in the page cache.
    Memory that the system hands out for the first time still weighs on the next; a worker of a run goes through some
    ten partitions in a row. All contenders are measured alike. The last pass' result is written to `result`.
    """
    work = contend(folder)
    before = resident_bytes()
    found = work()
    passes = []
    for _ in range(PASSES):
        del found
        wall, cpu = time.perf_counter(), time.process_time()
        found = work()
        passes.append(Measured(time.perf_counter() - wall, time.process_time() - cpu, peak_bytes() - before))
    if result is not None:
        settle(found).write_parquet(result)
    return medians(passes)


def measure(contend: Contend, settle: Settle, folder: Path, result: Path | None = None) -> Measured:
    """Run `measure_once` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure_once, contend, settle, folder, result).result()


def medians(runs: Sequence[Measured]) -> Measured:
    """Return the median of each figure."""
    return Measured(
        median(run.wall_seconds for run in runs),
        median(run.cpu_seconds for run in runs),
        int(median(run.grown_bytes for run in runs)),
    )


def check_equal(results: dict[str, pl.DataFrame]) -> None:
    """Check that results agree to the Wh: by channel, part and period; those that only have a total, in total."""
    detailed = {name: found for name, found in results.items() if "channel_no" in found.columns}
    assert detailed, "at least one contender tells channels apart"
    (first, expected), *others = detailed.items()
    for name, found in others:
        assert found.equals(expected), f"`{name}` and `{first}` differ"
    total = expected["quantity"].sum()
    for name, found in results.items():
        assert found["quantity"].sum() == total, f"`{name}` and `{first}` differ in total"
