"""`python -m benchmarks.parse`: meter files to landed Parquet, beside other readers of the same files."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, medians
from benchmarks.memory import peak_bytes, resident_bytes
from benchmarks.parse_contenders import OURS, contenders
from benchmarks.parse_data import channels_of, write_file

_WARM_INTERVALS = 50_000  # what loads libraries and kernels before the clock runs
# Layout, minutes, and the share of the intervals that is read.
FILES = (("nem12", 30), ("nem12", 15), ("nem12", 5), ("wide", 15), ("long", 15))


class Row(NamedTuple):
    """A contender on a file."""

    layout: str
    minutes: int
    intervals: int
    file_bytes: int
    contender: str
    measured: Measured

    @property
    def speed(self) -> float:
        """Intervals per CPU second."""
        return self.intervals / self.measured.cpu_seconds


def measure_once(contender: str, layout: str, minutes: int, path: Path, warm: Path) -> tuple[Measured, int]:
    """Read a small file, then measure the reading of the large one; return the sum of its values as well."""
    sizes = {name: int(name.stem.split("-")[-1]) for name in (path, warm)}
    start = contenders(layout)[contender]
    start(warm, minutes, channels_of(minutes, sizes[warm]))()
    work = start(path, minutes, channels_of(minutes, sizes[path]))
    before = resident_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    total_of = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Measured(wall, cpu, peak_bytes() - before), total_of()


def run(intervals: int, repeat: int, folder: Path, console: Console) -> list[Row]:
    """Measure every contender on every file, in turns, each time in a process of its own; sums must agree."""
    rows: list[Row] = []
    context = multiprocessing.get_context("spawn")
    for layout, minutes in FILES:
        path, warm = (folder / f"{layout}-{minutes}-{size}.csv" for size in (intervals, _WARM_INTERVALS))
        count = write_file(path, layout, minutes, intervals)
        write_file(warm, layout, minutes, _WARM_INTERVALS)
        runs: dict[str, list[Measured]] = {name: [] for name in contenders(layout)}
        totals: dict[str, int] = {}
        for _ in range(repeat):
            for name, found in runs.items():
                console.print(f"{layout}, {minutes} minutes: {name}")
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    measured, totals[name] = pool.submit(measure_once, name, layout, minutes, path, warm).result()
                found.append(measured)
        assert len(set(totals.values())) == 1, f"{layout}, {minutes} minutes: sums differ: {totals}"
        rows += [Row(layout, minutes, count, path.stat().st_size, name, medians(found)) for name, found in runs.items()]
        path.unlink()
    return rows


def report(rows: Sequence[Row]) -> Table:
    """Return the table that is printed: Billmill is 1 in each file."""
    ours = {(row.layout, row.minutes): row.speed for row in rows if row.contender == OURS}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("file", "minutes", "M intervals", "MB", "reader", "wall s", "CPU s", "M / CPU s", "memory + MB"):
        table.add_column(name, justify="left" if name in {"file", "reader"} else "right")
    table.add_column("Billmill is faster by", justify="right")
    for row in rows:
        table.add_row(
            row.layout,
            str(row.minutes),
            f"{row.intervals / 1e6:.1f}",
            f"{row.file_bytes / 1e6:.0f}",
            row.contender,
            f"{row.measured.wall_seconds:.2f}",
            f"{row.measured.cpu_seconds:.2f}",
            f"{row.speed / 1e6:.2f}",
            f"{row.measured.grown_bytes / 1e6:.0f}",
            f"{ours[row.layout, row.minutes] / row.speed:.1f} x",
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--intervals", type=int, default=5_000_000, help="Intervals in each file.")
    parser.add_argument("--repeat", type=int, default=3, help="Turns; the medians are told.")
    parser.add_argument("--json", type=Path, help="Also write the rows to this file.")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = run(chosen.intervals, chosen.repeat, Path(folder), Console(stderr=True))
    Console(width=160).print(report(rows))
    if chosen.json:
        told = [row._asdict() | {"measured": row.measured.__dict__, "speed": round(row.speed)} for row in rows]
        chosen.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
