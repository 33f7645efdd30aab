"""One stage measured in a process of its own, with the processes that it starts: time, memory, bytes."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.memory import peak_bytes, resident_bytes

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class PartMeasured:
    """What a part of a stage took, in the stage's process and in those of its children that ended within the part."""

    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class StageMeasured:
    """What a stage took. CPU, memory and bytes are those of its process and of all that it started.

    `peak_bytes` is resident memory at its highest, added over the processes; bytes are those asked of the system,
    whether the disk was touched or not.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    read_bytes: int
    written_bytes: int
    parts: dict[str, PartMeasured] = field(default_factory=dict)


_parts: dict[str, PartMeasured] = {}


@contextmanager
def part(name: str) -> Iterator[None]:
    """Count what the block takes as a part of the stage that is measured; blocks of one name are added up."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    yield
    before = _parts.get(name, PartMeasured(0.0, 0.0))
    _parts[name] = PartMeasured(
        before.wall_seconds + time.perf_counter() - wall, before.cpu_seconds + _cpu_seconds() - cpu
    )


def count_apart(place: str, name: str) -> None:
    """Count a function as a part of the stage wherever its caller uses it; `place` is `module:function`.

    What a module no longer has is not told apart: it stays in the rest of its stage.
    """
    module_name, function_name = place.split(":")
    module = importlib.import_module(module_name)
    function = getattr(module, function_name, None)
    if function is None:
        return

    @wraps(function)
    def counted(*arguments: Any, **named: Any) -> Any:
        with part(name):
            return function(*arguments, **named)

    setattr(module, function_name, counted)


def measure_stage(stage: Callable[..., Any], *arguments: object) -> tuple[StageMeasured, Any]:
    """Run a stage in a fresh process; return what it took and what it returned. Libraries are loaded before."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        measured: tuple[StageMeasured, Any] = pool.submit(_measured, stage, arguments).result()
        return measured


def apart(work: Callable[..., Any], *arguments: object) -> Any:
    """Run what is not measured in a fresh process: the memory that it took does not stay with who waits."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def medians(runs: list[StageMeasured]) -> StageMeasured:
    """Return the median of each figure of a stage, and of each of its parts."""
    names = [name for name in runs[0].parts if all(name in run.parts for run in runs)]
    return StageMeasured(
        median(run.wall_seconds for run in runs),
        median(run.cpu_seconds for run in runs),
        int(median(run.peak_bytes for run in runs)),
        int(median(run.read_bytes for run in runs)),
        int(median(run.written_bytes for run in runs)),
        {
            name: PartMeasured(
                median(run.parts[name].wall_seconds for run in runs),
                median(run.parts[name].cpu_seconds for run in runs),
            )
            for name in names
        },
    )


def _measured(stage: Callable[..., Any], arguments: tuple[object, ...]) -> tuple[StageMeasured, Any]:
    _parts.clear()
    resident_bytes()  # the highest is counted from here: a process begins with that of the one that started it
    peak = _Peak()
    wall, cpu, (read, written) = time.perf_counter(), _cpu_seconds(), _bytes_asked()
    with peak:
        result = stage(*arguments)
    wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    read_now, written_now = _bytes_asked()
    # What lasts less than a look is seen by the system, for this process.
    highest = max(peak.bytes, peak_bytes())
    return StageMeasured(wall, cpu, highest, read_now - read, written_now - written, dict(_parts)), result


def _cpu_seconds() -> float:
    """Return CPU seconds of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _bytes_asked() -> tuple[int, int]:
    """Return bytes read and written, ended children included."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["rchar"]), int(told["wchar"])


class _Peak:
    """Watches the resident memory of this process and its descendants while the block lasts."""

    def __init__(self) -> None:
        self.bytes = 0
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._watch.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._watch.join()

    def _look(self) -> None:
        while True:
            self.bytes = max(self.bytes, sum(_resident(process) for process in _family(os.getpid())))
            if self._is_over.wait(_EVERY_SECONDS):
                return


def _family(process: int) -> list[int]:
    """Return a process and all that it started, as far as they live."""
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:  # ended meanwhile
            continue
        found += [member for child in children for member in _family(child)]
    return found


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except OSError:  # ended meanwhile
        return 0
