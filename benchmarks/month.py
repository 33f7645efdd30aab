"""`python -m benchmarks.month`: a month of a whole utility from landed reads to published bills, stage by stage."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.month_data import FEWEST_DAYS, DrawnBooks, Say, draw_books
from benchmarks.month_stages import bill_month
from benchmarks.month_tables import growth_sheet, month_sheet
from benchmarks.record import FOLDER, keep, machine
from benchmarks.stages import StageMeasured, apart, measure_stage, medians
from cycles.runs.folders import read_manifest, run_folder
from store.workspace import open_workspace


@dataclass(frozen=True)
class Asked:
    """What a month is measured with."""

    meters: int
    days: int
    workers: int
    repeat: int
    seed: int
    also_workers: tuple[int, ...] = ()
    """Workers of one turn more."""


@dataclass(frozen=True)
class MonthReport:
    """What a month took: medians by stage, what each turn took in all, and what came out of it."""

    drawn: DrawnBooks
    workers: int
    stages: dict[str, StageMeasured]
    turns: list[dict[str, StageMeasured]]
    warm_up: dict[str, StageMeasured]
    """All stages over a small utility before: what is compiled and loaded for the first time is paid there."""
    others: dict[int, dict[str, StageMeasured]]
    """One turn each with other counts of workers, which must come to the same bills."""
    billed: int
    parked: int
    invoices: int
    digest: str

    @property
    def wall_seconds(self) -> float:
        """Seconds of all stages together."""
        return sum(stage.wall_seconds for stage in self.stages.values())

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all stages together."""
        return sum(stage.cpu_seconds for stage in self.stages.values())

    @property
    def peak_bytes(self) -> int:
        """The highest memory of any stage."""
        return max(stage.peak_bytes for stage in self.stages.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        drawn = asdict(self.drawn)
        drawn.update(
            root="", period_start_date=str(drawn["period_start_date"]), period_end_date=str(drawn["period_end_date"])
        )
        return asdict(self) | {"drawn": drawn, "wall_seconds": self.wall_seconds, "cpu_seconds": self.cpu_seconds}


def run_month(folder: Path, asked: Asked, say: Say, warm_up: dict[str, StageMeasured] | None = None) -> MonthReport:
    """Draw a utility into `folder`, bill its month `repeat` times, each on a copy of the books; return what it took."""
    began = time.monotonic()
    drawn = apart(draw_books, folder, asked.meters, asked.days, asked.seed, os.cpu_count() or 1, say)
    say(f"drawn in {time.monotonic() - began:.0f} s: {drawn.intervals:,} intervals, {drawn.lake_bytes / 1e6:,.0f} MB")
    turns: list[dict[str, StageMeasured]] = []
    others: dict[int, dict[str, StageMeasured]] = {}
    results: list[dict[str, Any]] = []
    all_workers = [asked.workers] * asked.repeat + [*asked.also_workers]
    for turn, workers in enumerate(all_workers, start=1):
        root = drawn.root if turn == len(all_workers) else copy_books(drawn.root, folder / f"turn-{turn}")
        before = f"turn {turn} of {len(all_workers)}, workers {workers}: "
        stages, result = _billed(root, drawn, workers, partial(_say_after, say, before))
        if root != drawn.root:
            shutil.rmtree(root)
        if turn > asked.repeat:
            others[workers] = stages
        else:
            turns.append(stages)
        results.append(result)
        took = sum(stage.wall_seconds for stage in stages.values())
        say(f"{before}{took:.1f} s, bills {result['digest'][:12]}; about {took * (len(all_workers) - turn):.0f} s left")
    assert all(result == results[0] for result in results), "turns over the same books came to other bills"
    return MonthReport(
        drawn, asked.workers, {name: medians([turn[name] for turn in turns]) for name in turns[0]}, turns,
        warm_up or {}, others, **results[0],
    )  # fmt: skip


def warm_up(asked: Asked, say: Say) -> dict[str, StageMeasured]:
    """Bill the month of a small utility, so that kernels are compiled and cached; return what that took."""
    say("warming up: a small utility, not counted")
    with tempfile.TemporaryDirectory(prefix="billmill-warm-") as folder:
        drawn = apart(draw_books, Path(folder), 1, asked.days, asked.seed, 1, _silent)
        return _billed(drawn.root, drawn, asked.workers, _silent)[0]


def copy_books(root: Path, target: Path) -> Path:
    """Return a copy of books: files of the lake never change, so both have them; the control database is copied."""

    def link_or_copy(source: str, copy: str) -> None:
        if Path(source).suffix == ".parquet":
            os.link(source, copy)
        else:
            shutil.copy2(source, copy)

    shutil.copytree(root, target, copy_function=link_or_copy)
    return target


def _silent(what: str) -> None:
    """Tell nobody."""


def _say_after(say: Say, before: str, what: str) -> None:
    say(before + what)


def _billed(root: Path, drawn: DrawnBooks, workers: int, say: Say) -> tuple[dict[str, StageMeasured], dict[str, Any]]:
    stages: dict[str, StageMeasured] = {}

    def measured(name: str, stage: Callable[..., Any], *arguments: object) -> Any:
        say(name)
        stages[name], result = measure_stage(stage, *arguments)
        return result

    period = (drawn.period_start_date, drawn.period_end_date)
    run_id, totals, invoices = bill_month(measured, root, drawn.cycle_id, period, drawn.business_date, workers)
    digest = read_manifest(run_folder(open_workspace(root), run_id))["digest"]
    return stages, {"billed": totals["billed"], "parked": totals["parked"], "invoices": invoices, "digest": digest}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.month", description=__doc__)
    parser.add_argument("--meters", type=int, default=5_000, help="15-minute channels, about")
    parser.add_argument("--growth", type=_counts, help="several sizes, as 1000,5000,20000: how cost and memory grow")
    parser.add_argument(
        "--days", type=int, default=31, choices=range(FEWEST_DAYS, 32), metavar="7..31", help="days of October"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--also-workers", type=_counts, default=[], metavar="1,4",
        help="one turn more with each of these counts; must come to the same bills",
    )  # fmt: skip
    parser.add_argument("--repeat", type=int, default=1, help="turns over copies of the same books; medians are shown")
    parser.add_argument("--seed", type=int, default=7, help="seed of the draw")
    parser.add_argument("--folder", type=Path, help="where to draw; kept. Otherwise a temporary one")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of results.json and results.md")
    parser.add_argument("--no-results", action="store_true", help="print only")
    asked = parser.parse_args(arguments)
    began, say = machine(), partial(tell, time.monotonic())
    reports, warm = [], None
    for meters in asked.growth or [asked.meters]:
        of_size = Asked(meters, asked.days, asked.workers, asked.repeat, asked.seed, tuple(asked.also_workers))
        warm = warm_up(of_size, say) if warm is None else warm
        with tempfile.TemporaryDirectory(prefix="billmill-month-") as temporary:
            folder = (asked.folder / str(meters) if asked.growth else asked.folder) if asked.folder else Path(temporary)
            reports.append(run_month(folder, of_size, say, warm))
    sheets = [growth_sheet(reports)] if asked.growth else [month_sheet(reports[0])]
    for sheet in sheets:
        Console(file=sys.stdout, width=120, highlight=False).print(sheet.as_rich())
    report = {"months": [one.as_dict() for one in reports]} if asked.growth else reports[0].as_dict()
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if not asked.no_results:
        keep(asked.results, _command(asked), began, report, sheets)


def tell(began: float, what: str) -> None:
    """Tell on stderr what goes on, also from a process of its own."""
    sys.stderr.write(f"{time.monotonic() - began:6.0f} s  {what}\n")


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")] if text.replace(",", "").isdecimal() else []
    if not counts or min(counts) < 1:
        raise argparse.ArgumentTypeError(f"expected numbers above 0 with commas between them, found `{text}`")
    return counts


def _command(asked: argparse.Namespace) -> str:
    """Return the command that gives these figures again, without where it wrote them."""
    sizes = f"--growth {','.join(map(str, asked.growth))}" if asked.growth else f"--meters {asked.meters}"
    also = f" --also-workers {','.join(map(str, asked.also_workers))}" if asked.also_workers else ""
    return (
        f"python -m benchmarks.month {sizes} --days {asked.days} --workers {asked.workers} --repeat {asked.repeat} "
        f"--seed {asked.seed}{also}"
    )


if __name__ == "__main__":
    main()
