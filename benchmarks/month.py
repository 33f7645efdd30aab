"""`python -m benchmarks.month`: a month of a whole utility from landed reads to published bills, stage by stage."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.month_data import BUSINESS_DATE, DRAWN_AT, DrawnBooks, draw_books
from benchmarks.stages import StageMeasured, measure_stage
from cycles.folders import read_manifest, run_folder
from cycles.plan import PlanRequest, plan_cycle
from cycles.publish import publish_run
from cycles.review import approve_run
from cycles.run import run_cycle
from demo.lake import PERIOD
from ingest.vee.run import run_vee
from model.progress import Silent
from store.workspace import open_workspace

LIBRARIES = ("polars", "duckdb", "pyarrow", "numpy", "numba")
_PLANNER, _APPROVER = "night", "second"


@dataclass(frozen=True)
class MonthReport:
    """What a month took, stage by stage, and what came out of it."""

    drawn: DrawnBooks
    workers: int
    stages: dict[str, StageMeasured]
    billed: int
    parked: int
    invoices: int
    digest: str

    @property
    def wall_seconds(self) -> float:
        """Seconds of all stages together."""
        return sum(stage.wall_seconds for stage in self.stages.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, with the machine and the versions."""
        return asdict(self) | {
            "drawn": asdict(self.drawn) | {"root": ""},
            "wall_seconds": self.wall_seconds,
            "machine": {"cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"},
            "python": platform.python_version(),
            "versions": {name: version(name) for name in LIBRARIES},
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def vee(root: Path, workers: int) -> None:
    """Validate and estimate the month."""
    workspace, progress = open_workspace(root), Silent()
    run_vee(workspace, from_date=PERIOD[0], to_date=PERIOD[1], received_at=DRAWN_AT, progress=progress, workers=workers)


def plan(root: Path, cycle_id: str) -> str:
    """Plan the cycle."""
    request = PlanRequest(cycle_id, BUSINESS_DATE, (), 1, None, known_at=DRAWN_AT, actor=_PLANNER)
    return plan_cycle(open_workspace(root), request).run_id


def rate(root: Path, run_id: str, workers: int) -> dict[str, int]:
    """Rate, bill, post by partition; commit the manifest; check the controls."""
    progress = Silent()
    workspace = open_workspace(root)
    return run_cycle(workspace, run_id, workers=workers, progress=progress, at=DRAWN_AT, actor=_PLANNER).totals


def publish(root: Path, run_id: str) -> int:
    """Approve and publish: numbers, books, the analysts' database, the backup."""
    workspace = open_workspace(root)
    approve_run(workspace, run_id, at=DRAWN_AT, actor=_APPROVER)
    return publish_run(workspace, run_id, at=DRAWN_AT, actor=_PLANNER).invoices


def run_month(folder: Path, meters: int, days: int, workers: int, seed: int, say: Callable[[str], None]) -> MonthReport:
    """Draw a utility into `folder`, bill its month, and return what each stage took."""
    say(f"drawing {meters:,} meters ...")
    drawn = draw_books(folder, meters, days=days, seed=seed)
    stages: dict[str, StageMeasured] = {}

    def measured(name: str, stage: Callable[..., Any], *arguments: object) -> Any:
        say(name)
        stages[name], result = measure_stage(stage, drawn.root, *arguments)
        return result

    measured("validate, estimate", vee, workers)
    run_id = measured("plan", plan, drawn.cycle_id)
    totals = measured("rate, tax, post, controls", rate, run_id, workers)
    invoices = measured("approve, number, publish", publish, run_id)
    digest = read_manifest(run_folder(open_workspace(drawn.root), run_id))["digest"]
    return MonthReport(drawn, workers, stages, totals["billed"], totals["parked"], invoices, digest)


def month_table(report: MonthReport) -> Table:
    """Return the report as a table; rates are intervals in a second of CPU, and meters in a second of the clock."""
    drawn = report.drawn
    table = Table(
        title=f"{drawn.interval_channels:,} interval channels ({drawn.intervals:,} intervals), {drawn.registers:,} "
        f"registers, {drawn.agreements:,} agreements; {report.workers} workers; {report.invoices:,} invoices, "
        f"{report.parked:,} parked; digest {report.digest[:12]}"
    )
    table.add_column("")
    headings = ("wall s", "CPU s", "M intervals / CPU s", "agreements / s", "peak MB", "read MB", "written MB")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, stage in report.stages.items():
        table.add_row(
            name, f"{stage.wall_seconds:.2f}", f"{stage.cpu_seconds:.2f}",
            f"{drawn.intervals / 1e6 / stage.cpu_seconds:.1f}", f"{drawn.agreements / stage.wall_seconds:,.0f}",
            f"{stage.peak_bytes / 1e6:,.0f}", f"{stage.read_bytes / 1e6:,.0f}", f"{stage.written_bytes / 1e6:,.0f}",
        )  # fmt: skip
    cpu = sum(stage.cpu_seconds for stage in report.stages.values())
    peak = max(stage.peak_bytes for stage in report.stages.values())
    table.add_row(
        "together", f"{report.wall_seconds:.2f}", f"{cpu:.2f}", f"{drawn.intervals / 1e6 / cpu:.1f}",
        f"{drawn.agreements / report.wall_seconds:,.0f}", f"{peak / 1e6:,.0f}", "", "",
    )  # fmt: skip
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.month", description=__doc__)
    parser.add_argument("--meters", type=int, default=5_000, help="15-minute channels, about")
    parser.add_argument("--days", type=int, default=31, choices=range(1, 32), metavar="1..31", help="days of October")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, default=7, help="seed of the draw")
    parser.add_argument("--folder", type=Path, help="where to draw; kept. Otherwise a temporary one")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    asked = parser.parse_args(arguments)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="billmill-month-") as temporary:
        folder = asked.folder or Path(temporary)
        report = run_month(folder, asked.meters, asked.days, asked.workers, asked.seed, console.print)
    Console(file=sys.stdout).print(month_table(report))
    if asked.json:
        asked.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n")


if __name__ == "__main__":
    main()
