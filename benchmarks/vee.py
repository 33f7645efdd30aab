"""`python -m benchmarks.vee`: a month of landed reads validated, estimated and committed, beside plain queries."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, medians
from benchmarks.memory import peak_bytes, resident_bytes
from benchmarks.vee_contenders import Counts, contenders, judge_months_before
from benchmarks.vee_data import october_files, write_books
from ingest.vee.blocks import CHANNELS_PER_BLOCK
from store.workspace import Workspace, open_workspace

_FAULTY_PER_MILLE = 10
_WARM_CHANNELS = 30  # what loads libraries and kernels before the clock runs


class Row(NamedTuple):
    """A contender over so many channels."""

    channels: int
    contender: str
    intervals: int
    measured: Measured

    @property
    def speed(self) -> float:
        """Intervals of the month per CPU second; where rules ask for it, eight weeks before it are read as well."""
        return self.intervals / self.measured.cpu_seconds


def measure_once(name: str, books: Path, warm: Path, block: int) -> tuple[Measured, Counts]:
    """Judge small books, then measure the judging of the large ones; return what was found as well."""
    work = next(one.work for one in contenders(block) if one.name == name)
    with tempfile.TemporaryDirectory(dir=books.parent) as folder:
        work(_copy(warm, Path(folder) / "warm"))
        workspace = _copy(books, Path(folder) / "books")
        before = resident_bytes()
        wall, cpu = time.perf_counter(), time.process_time()
        counts_of = work(workspace)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Measured(wall, cpu, peak_bytes() - before), counts_of()


def run(sizes: Sequence[int], repeat: int, block: int, folder: Path, console: Console) -> list[Row]:
    """Measure every contender over books of each size, in turns, each time in a process of its own."""
    rows: list[Row] = []
    context = multiprocessing.get_context("spawn")
    warm = _drawn(folder, _WARM_CHANNELS, block)
    for channels in sizes:
        console.print(f"drawing {channels:,} channels ...")
        books = _drawn(folder, channels, block)
        runs: dict[str, list[Measured]] = {one.name: [] for one in contenders()}
        found: dict[str, Counts] = {}
        for turn in range(repeat):
            for one in contenders():
                console.print(f"turn {turn + 1} of {repeat}: {one.name}")
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    paths = (books[one.is_faulty, one.is_kept], warm[one.is_faulty, one.is_kept])
                    measured, found[one.name] = pool.submit(measure_once, one.name, *paths, block).result()
                runs[one.name].append(measured)
        check_counts({one.name: found[one.name] for one in contenders() if one.is_faulty})
        intervals = {kind: _intervals(path) for kind, path in books.items()}
        rows += [
            Row(channels, one.name, intervals[one.is_faulty, one.is_kept], medians(runs[one.name]))
            for one in contenders()
        ]
        for path in books.values():
            shutil.rmtree(path)
    return rows


def check_counts(found: dict[str, Counts]) -> None:
    """Check that all who looked at the same books found as many incomplete, negative and spiking channel-days."""
    (first, expected), *others = found.items()
    for name, counts in others:
        assert counts == expected, f"`{name}` found {counts}, `{first}` {expected}"


def report(rows: Sequence[Row]) -> Table:
    """Return the table that is printed."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("channels", "M intervals", "", "wall s", "CPU s", "M intervals / CPU s", "memory + MB"):
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        table.add_row(
            f"{row.channels:,}", f"{row.intervals / 1e6:.1f}", row.contender, f"{row.measured.wall_seconds:.2f}",
            f"{row.measured.cpu_seconds:.2f}", f"{row.speed / 1e6:.1f}", f"{row.measured.grown_bytes / 1e6:.0f}",
        )  # fmt: skip
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vee", description=__doc__)
    parser.add_argument("--channels", type=int, nargs="+", default=[10_000], help="Sizes of the books.")
    parser.add_argument("--repeat", type=int, default=3, help="Turns; the medians are told.")
    parser.add_argument("--json", type=Path, help="Also write the rows to this file.")
    parser.add_argument("--block", type=int, default=CHANNELS_PER_BLOCK, help="Channels that Billmill judges at once.")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="billmill-vee-") as folder:
        rows = run(chosen.channels, chosen.repeat, chosen.block, Path(folder), Console(stderr=True))
    Console(width=160).print(report(rows))
    if chosen.json:
        told = [row._asdict() | {"measured": row.measured.__dict__, "speed": round(row.speed)} for row in rows]
        chosen.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return 0


def _drawn(folder: Path, channels: int, block: int) -> dict[tuple[bool, bool], Path]:
    """Draw books without faults and with them, and both with the months before judged: by is_faulty and is_kept."""
    paths: dict[tuple[bool, bool], Path] = {}
    for faulty in (False, True):
        path = folder / f"{channels}-{'faulty' if faulty else 'clean'}"
        write_books(path, channels, faulty_per_mille=_FAULTY_PER_MILLE if faulty else 0)
        judged = path.with_name(f"{path.name}-judged")
        judge_months_before(_copy(path, judged), block)
        paths |= {(faulty, False): path, (faulty, True): judged}
    return paths


def _copy(books: Path, target: Path) -> Workspace:
    """Return books of their own for a run: the Parquet, which nobody changes, is linked."""

    def link(source: str, copy: str) -> None:
        (os.link if source.endswith(".parquet") else shutil.copy2)(source, copy)

    shutil.copytree(books, target, copy_function=link)
    return open_workspace(target)


def _intervals(books: Path) -> int:
    slots = pl.scan_parquet(october_files(open_workspace(books))).select(pl.col("n").cast(pl.Int64).sum())
    return int(slots.collect().item())


if __name__ == "__main__":
    sys.exit(main())
