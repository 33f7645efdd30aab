"""`python -m benchmarks.cost_model`: what a month costs by size and cores, fitted; a forecast for clusters.

    seconds = start + bytes / bandwidth + intervals / (rate x cores) + agreements x commit

`rate` is fitted to the CPU seconds of what is divided among workers, `commit` to the time of what one process does
(planning, controls, review, publishing); `bandwidth` is that of the cluster's storage, a premise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.cost_runs import CostRun, keep_run, measure_run, read_runs, runs_in
from benchmarks.record import FOLDER, Sheet, keep, machine

_RESAMPLED = 2_000
_LOW, _HIGH = 5.0, 95.0
_INTERVALS_PER_METER = 31 * 96


@dataclass(frozen=True)
class Cluster:
    """Machines, and how fast they read and write what they share."""

    machines: int
    cores_each: int
    bytes_per_second: float
    """Of the shared storage, for all machines together."""

    @property
    def name(self) -> str:
        """Return it as the table names it."""
        return f"{self.machines} x {self.cores_each} cores, {self.bytes_per_second / 1e9:g} GB/s"


# A machine reads 1.25 GB/s (10 Gbit/s); what they share gives 5 GB/s in all, as a file server of middle size does.
CLUSTERS = (Cluster(1, 16, 1.25e9), Cluster(8, 16, 5e9), Cluster(32, 16, 5e9))
SIZES = (10_000_000, 50_000_000)


@dataclass(frozen=True)
class Model:
    """What was fitted. All are seconds, or seconds for one of something."""

    start_cpu: float
    """CPU seconds of workers before the first interval."""
    per_interval: float
    """CPU seconds."""
    start: float
    """Seconds of the driver, however little there is to do."""
    per_agreement: float
    """Seconds of the driver: planning, controls, review, publishing."""
    efficiency: float
    """How much of its cores the divided work kept busy."""
    bytes_per_interval: float
    agreements_per_interval: float

    def seconds(self, intervals: float, cores: int, bandwidth: float | None) -> tuple[float, float, float, float]:
        """Return start, bytes, work and commit of a month; `bandwidth` None when the files are in memory."""
        start = self.start + self.start_cpu / self.efficiency
        moved = intervals * self.bytes_per_interval / bandwidth if bandwidth else 0.0
        work = intervals * self.per_interval / (cores * self.efficiency)
        return start, moved, work, intervals * self.agreements_per_interval * self.per_agreement


def fit(runs: Sequence[CostRun]) -> Model:
    """Return the model of runs: least squares of relative errors, so that small months count as much as large ones."""
    start_cpu, per_interval = _line([run.intervals for run in runs], [run.work_cpu for run in runs])
    start, per_agreement = _line([run.agreements for run in runs], [run.driver_wall for run in runs])
    large = [run for run in runs if run.meters >= median(one.meters for one in runs)]
    full = [run for run in large if run.workers >= run.cores]  # one worker leaves cores to the threads of libraries
    return Model(
        start_cpu, per_interval, start, per_agreement,
        median(min(1.0, run.work_cpu / (run.work_wall * run.cores)) for run in full or large),
        median(run.work_bytes / run.intervals for run in large),
        median(run.agreements / run.intervals for run in large),
    )  # fmt: skip


def resampled(runs: Sequence[CostRun], seed: int = 7) -> list[Model]:
    """Return models of runs drawn again and again with replacement: how much the fit depends on which were measured."""
    dice = np.random.default_rng(seed)
    models: list[Model] = []
    while len(models) < _RESAMPLED:
        drawn = [runs[place] for place in dice.integers(0, len(runs), len(runs))]
        if len({run.meters for run in drawn}) > 1:  # a line needs two sizes
            models.append(fit(drawn))
    return models


def _line(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Return what is fixed and what each item adds; nothing is fixed where a line would begin below zero."""
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    fixed, each = np.linalg.lstsq(np.stack([1 / y, x / y], axis=1), np.ones(len(y)), rcond=None)[0]
    if fixed >= 0.0:
        return float(fixed), float(each)
    return 0.0, float((x / y).sum() / ((x / y) ** 2).sum())


def fitted_sheet(model: Model, models: Sequence[Model], runs: Sequence[CostRun]) -> Sheet:
    """Return what was fitted, with its error bars."""
    rows = [
        ["start, s", *_bars(models, model, lambda one: one.seconds(0, 1, None)[0], "{:.2f}")],
        ["rate, M intervals a CPU second", *_bars(models, model, lambda one: 1e-6 / one.per_interval, "{:,.1f}")],
        ["cores kept busy", *_bars(models, model, lambda one: one.efficiency, "{:.2f}")],
        ["commit, agreements a second", *_bars(models, model, lambda one: 1 / one.per_agreement, "{:,.0f}")],
        ["bytes an interval", *_bars(models, model, lambda one: one.bytes_per_interval, "{:.2f}")],
    ]
    speeds = [run.disk_bytes_per_second for run in runs if run.disk_bytes_per_second]
    disk = f" This machine's disk reads {median(speeds) / 1e6:,.0f} MB/s." if speeds else ""
    notes = [
        f"Least squares of relative errors over {len(runs)} months; {_LOW:.0f} and {_HIGH:.0f} % of {_RESAMPLED:,}",
        "fits to runs drawn again with replacement. Files were in the system's memory: bytes cost nothing beyond their",
        f"decoding, which is in the rate.{disk}",
    ]
    return Sheet("The cost model", ["", "fitted", f"{_LOW:.0f} %", f"{_HIGH:.0f} %"], rows, notes)


def checked_sheet(model: Model, runs: Sequence[CostRun]) -> Sheet:
    """Return each run beside what the model says of it, and beside a model that never saw runs of its size."""
    rows = []
    for run in runs:
        others = [one for one in runs if one.meters != run.meters]
        blind = fit(others) if len({one.meters for one in others}) > 1 else model
        said, unseen = (sum(one.seconds(run.intervals, run.cores_used, None)) for one in (model, blind))
        rows.append([
            f"{run.meters:,}", str(run.workers), str(run.cores), f"{run.intervals / 1e6:,.1f}", f"{run.wall:.1f}",
            f"{said:.1f}", f"{said / run.wall:.2f}", f"{unseen / run.wall:.2f}",
        ])  # fmt: skip
    headings = ["meters", "workers", "cores", "M intervals", "measured s", "model s", "ratio", "ratio, size not seen"]
    notes = ["With one worker Polars uses the other cores, so that such months take less than the model says."]
    return Sheet("The cost model beside what it was fitted to", headings, rows, notes)


def forecast_sheet(model: Model, models: Sequence[Model]) -> Sheet:
    """Return what months of utilities take on clusters that nobody has measured."""
    rows = []
    for meters in SIZES:
        for cluster in CLUSTERS:
            cores = cluster.machines * cluster.cores_each
            size = (meters * _INTERVALS_PER_METER, cores, cluster.bytes_per_second)
            parts = model.seconds(*size)
            low, high = np.percentile([sum(one.seconds(*size)) for one in models], [_LOW, _HIGH])
            rows.append([
                f"{meters / 1e6:.0f} M meters, {cluster.name}", *(_minutes(part) for part in parts),
                _minutes(sum(parts)), f"{_minutes(float(low))} to {_minutes(float(high))}",
            ])  # fmt: skip
    notes = [
        "Minutes. Bytes are not overlapped with work; a core of the cluster is taken for one of the machine that was",
        "measured. The work is divided evenly; what one process does grows with agreements, in one line from the",
        "sizes measured, and is what more machines do not shorten.",
    ]
    headings = ["month of", "start", "bytes", "work", "one process", "together", f"{_LOW:.0f} to {_HIGH:.0f} %"]
    return Sheet("Forecast", headings, rows, notes)


def _bars(models: Sequence[Model], model: Model, figure: Any, form: str) -> list[str]:
    low, high = np.percentile([figure(one) for one in models], [_LOW, _HIGH])
    return [form.format(value) for value in (figure(model), low, high)]


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure what is asked for, fit, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost_model", description=__doc__)
    parser.add_argument(
        "--measure", nargs=2, type=int, action="append", default=[], metavar=("METERS", "WORKERS"),
        help="measure a month first and keep it; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--take-results", action="store_true", help="first take the months that benchmarks.month has kept"
    )
    parser.add_argument("--repeat", type=int, default=1, help="turns of each month measured; medians are kept")
    parser.add_argument("--runs", type=Path, default=FOLDER / "cost_runs.json", help="file of the months measured")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of results.json and results.md")
    parser.add_argument("--no-results", action="store_true", help="print only")
    asked = parser.parse_args(arguments)
    began = machine()
    for run in runs_in(FOLDER / "results.json") if asked.take_results else []:
        keep_run(asked.runs, run)
    for meters, workers in asked.measure:
        keep_run(asked.runs, measure_run(meters, workers, asked.repeat))
    runs = read_runs(asked.runs)
    if len({run.meters for run in runs}) < 2:
        parser.error(
            f"{asked.runs} has months of fewer than two sizes: --measure 1000 1 --measure 20000 2, for example"
        )
    model, models = fit(runs), resampled(runs)
    sheets = [fitted_sheet(model, models, runs), checked_sheet(model, runs), forecast_sheet(model, models)]
    for sheet in sheets:
        Console(file=sys.stdout, width=130, highlight=False).print(sheet.as_rich())
    if not asked.no_results:
        report = {sheet.title: {"headings": list(sheet.headings), "rows": sheet.rows} for sheet in sheets}
        keep(asked.results, "python -m benchmarks.cost_model", began, report, sheets)


if __name__ == "__main__":
    main()
