"""One stage measured in a process of its own, with the processes that it starts: time, memory, bytes."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY_SECONDS = 0.05


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


def measure_stage(stage: Callable[..., Any], *arguments: object) -> tuple[StageMeasured, Any]:
    """Run a stage in a fresh process; return what it took and what it returned. Libraries are loaded before."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        measured: tuple[StageMeasured, Any] = pool.submit(_measured, stage, arguments).result()
        return measured


def _measured(stage: Callable[..., Any], arguments: tuple[object, ...]) -> tuple[StageMeasured, Any]:
    peak = _Peak()
    wall, cpu, (read, written) = time.perf_counter(), _cpu_seconds(), _bytes_asked()
    with peak:
        result = stage(*arguments)
    wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    read_now, written_now = _bytes_asked()
    # What lasts less than a look is seen by the system, for this process.
    highest = max(peak.bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    return StageMeasured(wall, cpu, highest, read_now - read, written_now - written), result


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
