"""`python -m benchmarks.registers`: bills of registers alone, from reads to published, stage by stage."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.month_stages import plan, publish, rate
from benchmarks.registers_data import DrawnRegisters, draw_register_books
from benchmarks.stages import StageMeasured, measure_stage
from cycles.runs.folders import read_manifest, run_folder
from demo.lake import PERIOD
from store.workspace import open_workspace

_PLAN = "plan"


@dataclass(frozen=True)
class RegistersReport:
    """What the bills of registers took, stage by stage."""

    drawn: DrawnRegisters
    workers: int
    stages: dict[str, StageMeasured]
    bills: int
    parked: int
    digest: str

    @property
    def wall_seconds(self) -> float:
        """Seconds from the plan's end to published bills: rating, tax, posting, controls, publish."""
        return sum(stage.wall_seconds for name, stage in self.stages.items() if name != _PLAN)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        drawn = asdict(self.drawn) | {"root": ""}
        return asdict(self) | {"drawn": drawn, "wall_seconds": self.wall_seconds}


def run_registers(folder: Path, bills: int, workers: int, seed: int, say: Callable[[str], None]) -> RegistersReport:
    """Draw the registers of a utility into `folder`, bill them, and return what each stage took."""
    say(f"drawing registers of {bills:,} bills ...")
    drawn = draw_register_books(folder, bills, seed=seed)
    stages: dict[str, StageMeasured] = {}

    def measured(name: str, stage: Callable[..., Any], *arguments: object) -> Any:
        say(name)
        stages[name], result = measure_stage(stage, drawn.root, *arguments)
        return result

    run_id = measured(_PLAN, plan, drawn.cycle_id, PERIOD[1] + timedelta(days=3))
    totals = measured("rate, tax, post, controls", rate, run_id, workers)
    invoices = measured("approve, number, publish", publish, run_id)
    digest = read_manifest(run_folder(open_workspace(drawn.root), run_id))["digest"]
    return RegistersReport(drawn, workers, stages, invoices, totals["parked"], digest)


def registers_table(report: RegistersReport) -> Table:
    """Return the report as a table."""
    drawn = report.drawn
    table = Table(
        title=f"{drawn.accounts:,} accounts, {drawn.agreements:,} registers, {drawn.reads:,} reads; "
        f"{report.workers} workers; {report.bills:,} bills, {report.parked:,} parked; digest {report.digest[:12]}"
    )
    table.add_column("")
    for heading in ("wall s", "CPU s", "bills / s", "peak MB", "read MB", "written MB"):
        table.add_column(heading, justify="right")
    for name, stage in report.stages.items():
        table.add_row(
            name, f"{stage.wall_seconds:.2f}", f"{stage.cpu_seconds:.2f}", f"{report.bills / stage.wall_seconds:,.0f}",
            f"{stage.peak_bytes / 1e6:,.0f}", f"{stage.read_bytes / 1e6:,.0f}", f"{stage.written_bytes / 1e6:,.0f}",
        )  # fmt: skip
    cpu = sum(stage.cpu_seconds for name, stage in report.stages.items() if name != _PLAN)
    table.add_row(
        "rate to published", f"{report.wall_seconds:.2f}", f"{cpu:.2f}", f"{report.bills / report.wall_seconds:,.0f}",
        "", "", "",
    )  # fmt: skip
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registers", description=__doc__)
    parser.add_argument("--bills", type=int, default=20_000, help="bills, about")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, default=7, help="seed of the draw")
    parser.add_argument("--folder", type=Path, help="where to draw; kept. Otherwise a temporary one")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="billmill-registers-") as temporary:
        folder = asked.folder or Path(temporary)
        report = run_registers(folder, asked.bills, asked.workers, asked.seed, Console(stderr=True).print)
    Console(file=sys.stdout).print(registers_table(report))
    if asked.json:
        asked.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n")


if __name__ == "__main__":
    main()
