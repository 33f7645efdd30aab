"""`python -m benchmarks.commit`: what the driver does once all partitions are computed, by the number of partitions."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

import cycles.runs.run
from benchmarks.commit_data import DRAWN_AT, DrawnRun, draw_run
from benchmarks.month import tell
from benchmarks.record import FOLDER, Sheet, keep, machine
from benchmarks.stages import StageMeasured, apart, count_apart, measure_stage
from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runs.run import commit_run
from store.workspace import open_workspace

KEYS_EACH = 5_000  # of a partition, where only the partitions are said
COMMIT, APPROVE, PUBLISH = "commit", "approve", "publish"
# What is told apart inside a stage: the function that does it, where its caller uses it.
PARTS: dict[str, dict[str, str]] = {
    COMMIT: {
        "receipts, hashes, manifest": "cycles.runs.run:commit_manifest",
        "controls": "cycles.runs.run:check_controls",
        "review of bills": "cycles.runs.run:review_run",
    },
    APPROVE: {},
    PUBLISH: {
        "what is approved, hashes": "cycles.publishing.publish:_checked",
        "numbers, invoices": "cycles.publishing.publish:number_run",
        "keys": "cycles.publishing.publish:insert_keys",
        "invariants of the books": "cycles.publishing.publish:check_books",
        "analysts' views": "cycles.publishing.publish:build_analytics",
        "backup": "cycles.publishing.publish:keep_backup",
    },
}
_HEADINGS = ("partitions", "keys", "GB", "step", "wall s", "CPU s", "k keys / s", "peak MB")


@dataclass(frozen=True)
class CommitReport:
    """What committing and publishing a drawn run took, step by step."""

    drawn: DrawnRun
    files: int
    control_bytes: int
    invoices: int
    total_minor: int
    stages: dict[str, StageMeasured]

    @property
    def wall_seconds(self) -> float:
        """Seconds of all steps."""
        return sum(stage.wall_seconds for stage in self.stages.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self) | {"drawn": asdict(self.drawn) | {"root": ""}, "wall_seconds": self.wall_seconds}


def measure_commit(
    folder: Path, partitions: int, keys: int, workers: int, say: Callable[[str], None], *, is_reviewed: bool
) -> CommitReport:
    """Draw a run, then commit, approve and publish it, each in a process of its own as its command does."""
    drawn = apart(draw_run, folder, partitions, keys, workers, say)
    say(f"drawn: {drawn.keys:,} keys in {drawn.partitions:,} partitions, {drawn.file_bytes / 1e9:.2f} GB")
    stages: dict[str, StageMeasured] = {}

    def measured(name: str, stage: Callable[..., Any], *more: object) -> Any:
        stages[name], result = measure_stage(stage, drawn.root, drawn.run_id, *more)
        say(f"{name}: {stages[name].wall_seconds:.1f} s, {stages[name].peak_bytes / 1e6:,.0f} MB at the highest")
        return result

    measured(COMMIT, _commit, is_reviewed)
    measured(APPROVE, _approve)
    invoices, total = measured(PUBLISH, _publish)
    workspace = open_workspace(drawn.root)
    files = sum(1 for _ in (workspace.runs / drawn.run_id / "tables").iterdir())
    return CommitReport(drawn, files, workspace.control_path.stat().st_size, invoices, total, stages)


def commit_sheet(reports: Sequence[CommitReport]) -> Sheet:
    """Return what each step took, by the number of partitions."""
    rows = []
    for report in reports:
        drawn = report.drawn
        size = [f"{drawn.partitions:,}", f"{drawn.keys:,}", f"{drawn.file_bytes / 1e9:.2f}"]
        for name, stage in report.stages.items():
            rows.append([
                *size, name, f"{stage.wall_seconds:.1f}", f"{stage.cpu_seconds:.1f}",
                f"{drawn.keys / stage.wall_seconds / 1e3:,.0f}", f"{stage.peak_bytes / 1e6:,.0f}",
            ])  # fmt: skip
            size = [""] * 3
            for part, took in sorted(stage.parts.items(), key=lambda item: -item[1].wall_seconds):
                rows.append([*size, f"  {part}", f"{took.wall_seconds:.1f}", f"{took.cpu_seconds:.1f}", "", ""])
        cpu = sum(stage.cpu_seconds for stage in report.stages.values())
        peak = max(stage.peak_bytes for stage in report.stages.values())
        rows.append([
            *size, "together", f"{report.wall_seconds:.1f}", f"{cpu:.1f}",
            f"{drawn.keys / report.wall_seconds / 1e3:,.0f}", f"{peak / 1e6:,.0f}",
        ])  # fmt: skip
    last = reports[-1]
    notes = [
        f"Largest: {last.files:,} files, {last.invoices:,} invoices, {last.total_minor / 100:,.2f} EUR, a control "
        f"database of {last.control_bytes / 1e9:.2f} GB.",
    ]
    return Sheet("Commit and publish of many partitions", _HEADINGS, rows, notes)


def _commit(root: Path, run_id: str, is_reviewed: bool) -> None:
    _count(COMMIT)
    if not is_reviewed:
        vars(cycles.runs.run)["review_run"] = _no_review
    commit_run(open_workspace(root), run_id, at=DRAWN_AT, actor="night")


def _approve(root: Path, run_id: str) -> None:
    approve_run(open_workspace(root), run_id, at=DRAWN_AT, actor="second")


def _publish(root: Path, run_id: str) -> tuple[int, int]:
    _count(PUBLISH)
    published = publish_run(open_workspace(root), run_id, at=DRAWN_AT, actor="night")
    return published.invoices, published.total_minor


def _no_review(*_: object) -> None:
    """Leave the bills unseen, in place of `review_run`."""


def _count(stage: str) -> None:
    for name, place in PARTS[stage].items():
        count_apart(place, name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commit", description=__doc__)
    parser.add_argument("--partitions", type=_sizes, default=[100], help="one number, or several, as 100,1000,10000")
    parser.add_argument(
        "--keys", type=int, help=f"segment keys of the largest; {KEYS_EACH:,} a partition when not said"
    )
    parser.add_argument("--review", action="store_true", help="look at the bills as well")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    parser.add_argument("--folder", type=Path, help="where to draw; kept. Otherwise a temporary one")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of results.json and results.md")
    parser.add_argument("--no-results", action="store_true", help="print only")
    asked = parser.parse_args(arguments)
    began, say = machine(), partial(tell, time.monotonic())
    keys = asked.keys or KEYS_EACH * max(asked.partitions)
    reports = []
    for partitions in asked.partitions:
        with tempfile.TemporaryDirectory(prefix="billmill-commit-") as temporary:
            folder = (asked.folder or Path(temporary)) / str(partitions)
            share = keys * partitions // max(asked.partitions)
            reports.append(measure_commit(folder, partitions, share, asked.workers, say, is_reviewed=asked.review))
    sheet = commit_sheet(reports)
    Console(file=sys.stdout, width=120, highlight=False).print(sheet.as_rich())
    if not asked.no_results:
        command = f"python -m benchmarks.commit --partitions {','.join(map(str, asked.partitions))} --keys {keys}"
        command += " --review" if asked.review else ""
        keep(asked.results, command, began, {"runs": [one.as_dict() for one in reports]}, [sheet])


def _sizes(text: str) -> list[int]:
    sizes = [int(size) for size in text.split(",")]
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"expected numbers above 0 with commas between them, found `{text}`")
    return sizes


if __name__ == "__main__":
    main()
