"""`python -m benchmarks.determinants`: a month of reads to time-of-use energy, beside the obvious alternatives."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import CONTENDERS, OURS, settled
from benchmarks.determinants_data import write_month
from benchmarks.measure import Measured, check_equal, measure, medians

LIBRARIES = ("polars", "duckdb", "pyarrow", "numpy")


@dataclass(frozen=True)
class MonthReport:
    """What was measured: medians by contender, over `intervals` intervals."""

    channels: int
    days: int
    repeat: int
    intervals: int
    wide_bytes: int
    long_bytes: int
    measured: dict[str, Measured]

    def intervals_per_cpu_second(self, name: str) -> float:
        """Return the contender's intervals per CPU second."""
        return self.intervals / self.measured[name].cpu_seconds

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, with the machine and the versions."""
        return asdict(self) | {
            "intervals_per_cpu_second": {name: round(self.intervals_per_cpu_second(name)) for name in self.measured},
            "cpu_ratio": {
                name: round(found.cpu_seconds / self.measured[OURS].cpu_seconds, 3)
                for name, found in self.measured.items()
            },
            "machine": {
                "cores": os.cpu_count(),
                "system": f"{platform.system()} {platform.machine()}",
                "python": platform.python_version(),
            },
            "versions": {name: version(name) for name in LIBRARIES},
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def run_month(channels: int, days: int, repeat: int, seed: int, folder: Path, console: Console) -> MonthReport:
    """Draw the month into `folder`, measure every contender `repeat` times in turn, and check their results.

    Contenders take turns, so that a busy minute of the machine falls on all of them.
    """
    console.print(f"drawing {channels:,} channels x {days} days ...")
    intervals = write_month(folder, channels, days, seed)
    runs: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    results: dict[str, pl.DataFrame] = {}
    for turn in range(repeat):
        for name in CONTENDERS:
            console.print(f"turn {turn + 1} of {repeat}: {name}")
            path = folder / "result.parquet"
            runs[name].append(measure(CONTENDERS[name], settled, folder, path))
            results[name] = pl.read_parquet(path)
        check_equal(results)
    return MonthReport(
        channels, days, repeat, intervals, _bytes_below(folder / "lake"), _bytes_below(folder / "long"),
        {name: medians(found) for name, found in runs.items()},
    )  # fmt: skip


def month_table(report: MonthReport) -> Table:
    """Return the report as a table; ratios are CPU seconds against Billmill's."""
    table = Table(
        title=f"{report.intervals:,} intervals: {report.channels:,} channels x {report.days} days, "
        f"medians of {report.repeat}"
    )
    table.add_column("")
    for heading in ("wall s", "CPU s", "M intervals / CPU s", "memory + MB", "CPU, Billmill = 1"):
        table.add_column(heading, justify="right")
    ours = report.measured[OURS].cpu_seconds
    for name, found in report.measured.items():
        table.add_row(
            name, f"{found.wall_seconds:.3f}", f"{found.cpu_seconds:.3f}",
            f"{report.intervals_per_cpu_second(name) / 1e6:.1f}", f"{found.grown_bytes / 1e6:,.0f}",
            f"{found.cpu_seconds / ours:.2f}",
        )  # fmt: skip
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.determinants", description=__doc__)
    parser.add_argument("--channels", type=int, default=2_000, help="channels to draw")
    parser.add_argument("--days", type=int, default=31, choices=range(1, 32), metavar="1..31", help="days of October")
    parser.add_argument("--repeat", type=int, default=3, help="turns; medians are shown")
    parser.add_argument("--seed", type=int, default=7, help="seed of the draw")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    asked = parser.parse_args(arguments)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="billmill-month-") as folder:
        report = run_month(asked.channels, asked.days, asked.repeat, asked.seed, Path(folder), console)
    Console(file=sys.stdout).print(month_table(report))
    if asked.json:
        asked.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n")


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


if __name__ == "__main__":
    main()
