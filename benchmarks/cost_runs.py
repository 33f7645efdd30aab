"""Measured months of many sizes and workers, kept in `cost_runs.json`: what the cost model is fitted to."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.month import Asked, run_month, tell, warm_up
from benchmarks.month_stages import JUDGE, PARTITIONS, RATE, VEE
from benchmarks.record import machine

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
    disk_bytes_per_second: float | None
    """How fast the lake is read when the system does not have it in memory; None when nobody looked."""
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
        report = run_month(Path(folder), asked, say).as_dict()
        speed = read_speed(sorted(Path(folder).rglob("*.parquet")))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"disk_bytes_per_second": speed, "measured_at": at, "machine": began}
    return run_of(report["drawn"], report["stages"], workers, meters, told)


def run_of(
    drawn: Mapping[str, Any], stages: Mapping[str, Any], workers: int, asked: int, told: Mapping[str, Any]
) -> CostRun:
    """Return a measured month as the model sees it: what was drawn, stages as plain values, what else is known."""
    # Reports of before the judging of blocks was told apart: there all of the stage counts as divided.
    work = [stages[VEE]["parts"].get(JUDGE, stages[VEE]), stages[RATE]["parts"][PARTITIONS]]
    divided = [stages[VEE], stages[RATE]]
    work_wall = sum(part["wall_seconds"] for part in work)
    return CostRun(
        asked, workers, told["machine"]["cores"], drawn["intervals"], drawn["agreements"],
        work_cpu=sum(part["cpu_seconds"] for part in work), work_wall=work_wall,
        driver_wall=sum(stage["wall_seconds"] for stage in stages.values()) - work_wall,
        work_bytes=sum(stage["read_bytes"] + stage["written_bytes"] for stage in divided),
        **told,
    )  # fmt: skip


def runs_in(results: Path) -> list[CostRun]:
    """Return the months that `benchmarks.month` has kept, oldest first, turns with other workers among them."""
    found = []
    for run in json.loads(results.read_text(encoding="utf-8"))["runs"]:
        told = {"disk_bytes_per_second": None, "measured_at": run["measured_at"], "machine": run["machine"]}
        months = run["report"].get("months", [run["report"]])
        for month in (month for month in months if "drawn" in month and "stages" in month):
            drawn, asked = month["drawn"], _asked(month["drawn"]["interval_channels"])
            found.append(run_of(drawn, month["stages"], month["workers"], asked, told))
            others = month.get("others", {})
            found += [run_of(drawn, stages, int(workers), asked, told) for workers, stages in others.items()]
    return sorted(found, key=lambda run: run.measured_at)


def _asked(channels: int) -> int:
    """Return the size that was asked for, to two digits: the draw is near it."""
    return int(float(f"{channels:.1g}"))


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
