"""Measured months of many sizes and workers, kept in `cost_runs.json`: what the cost model is fitted to."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.month import Asked, MonthReport, run_month, tell, warm_up
from benchmarks.month_stages import JUDGE, PARTITIONS, RATE, VEE
from benchmarks.record import machine
from benchmarks.stages import StageMeasured

_CHUNK = 8 << 20
_SAMPLE = 1 << 30


@dataclass(frozen=True)
class CostRun:
    """One month: what there was to do, and what it took."""

    meters: int
    """As asked for; what was drawn is near it."""
    workers: int
    cores: int
    """Cores of the machine; workers beyond them do nothing more."""
    intervals: int
    agreements: int
    work_cpu: float
    """CPU seconds of what is divided among workers: blocks judged, partitions rated, taxed, posted."""
    work_wall: float
    driver_wall: float
    """Seconds of all else, which one process does: planning, controls, review, publishing, what VEE writes."""
    work_bytes: int
    """Read and written by the stages that are divided."""
    disk_bytes_per_second: float
    """How fast the lake is read when the system does not have it in memory."""
    measured_at: str
    machine: dict[str, Any]

    @property
    def cores_used(self) -> int:
        """Cores that workers could be on."""
        return min(self.workers, self.cores)

    @property
    def wall(self) -> float:
        """Seconds of all stages."""
        return self.work_wall + self.driver_wall


def read_runs(path: Path) -> list[CostRun]:
    """Return the runs that were measured, in order of size and workers."""
    if not path.is_file():
        return []
    return [CostRun(**run) for run in json.loads(path.read_text(encoding="utf-8"))["runs"]]


def keep_run(path: Path, run: CostRun) -> None:
    """Keep a run, in place of one of the same size, workers and cores."""
    same = (run.meters, run.workers, run.cores)
    kept = [one for one in read_runs(path) if (one.meters, one.workers, one.cores) != same]
    runs = sorted([*kept, run], key=lambda one: (one.meters, one.workers, one.cores))
    path.write_text(json.dumps({"runs": [asdict(one) for one in runs]}, indent=1) + "\n", encoding="utf-8")


def measure_run(meters: int, workers: int, repeat: int) -> CostRun:
    """Draw a utility and bill its month; medians of `repeat` turns."""
    began, say = machine(), partial(tell, time.monotonic())
    asked = Asked(meters, 31, workers, repeat, 7)
    warm_up(asked, say)
    with tempfile.TemporaryDirectory(prefix="billmill-cost-") as folder:
        report = run_month(Path(folder), asked, say)
        speed = read_speed(sorted(Path(folder).rglob("*.parquet")))
    return run_of(report, meters, speed, began)


def run_of(report: MonthReport, meters: int, speed: float, began: dict[str, Any]) -> CostRun:
    """Return a measured month as the model sees it."""
    stages = report.stages
    work = [stages[VEE].parts[JUDGE], stages[RATE].parts[PARTITIONS]]
    divided: Sequence[StageMeasured] = [stages[VEE], stages[RATE]]
    work_wall = sum(part.wall_seconds for part in work)
    return CostRun(
        meters, report.workers, os.cpu_count() or 1, report.drawn.intervals, report.drawn.agreements,
        work_cpu=sum(part.cpu_seconds for part in work), work_wall=work_wall,
        driver_wall=report.wall_seconds - work_wall,
        work_bytes=sum(stage.read_bytes + stage.written_bytes for stage in divided),
        disk_bytes_per_second=speed, measured_at=datetime.now(UTC).isoformat(timespec="seconds"), machine=began,
    )  # fmt: skip


def read_speed(paths: Sequence[Path]) -> float:
    """Return how many bytes a second are read of files that the system was asked to forget, a gigabyte at most."""
    read, began = 0, time.perf_counter()
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            while chunk := os.read(handle, _CHUNK):
                read += len(chunk)
        finally:
            os.close(handle)
        if read > _SAMPLE:
            break
    return read / (time.perf_counter() - began)
