"""`billmill demo`: a whole utility from files to invoices, through the same functions as the commands."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl

from accounts.importing import import_files
from cycles.bills.again import explain_bill
from cycles.publishing.publish import publish_run
from cycles.quotes.tariff_check import add_tariffs, approve_tariffs
from cycles.review.review import approve_run
from cycles.runs.folders import read_manifest, run_folder, run_table
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import run_cycle
from cycles.setup import init_workspace
from cycles.status import summarise_run
from demo.night import prepare
from ingest.landing.land import land_files
from ingest.landing.report import LandReport
from ingest.rules.rule_file import STANDARD_FILE
from ingest.rules.rule_store import add_rule_sets
from ingest.vee.report import VeeReport
from ingest.vee.run import run_vee
from model.errors import ConfigError
from model.progress import Progress
from store.files import write_bytes_atomic
from store.workspace import Workspace
from tariffs.library import add_factor_file

PLANNER, APPROVER = "night", "mira"
_MARK = ".billmill-demo"


@dataclass
class DemoReport:
    """What the demo did, for the summary at its end."""

    folder: Path
    workspace: Path
    run_id: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    landed: LandReport | None = None
    judged: VeeReport | None = None
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    invoices: int = 0
    total_minor: int = 0
    bill_id: str = ""
    explained: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "workspace": str(self.workspace), "run_id": self.run_id, "invoices": self.invoices,
            "total_minor": self.total_minor, "seconds": {step: round(took, 2) for step, took in self.seconds.items()},
            "tables": self.tables, "bill_id": self.bill_id, "explained": self.explained,
        }  # fmt: skip


def run_demo(
    folder: Path, *, points: int, seed: int, workers: int, fresh: bool, progress: Progress, at: datetime
) -> DemoReport:
    """Draw a utility into `folder`/incoming and bill a month of it in `folder`/books.

    Raises:
        ConfigError: the folder holds something else, or a demo already and `fresh` is not given.
    """
    folder = _ready_folder(folder, fresh)
    report = DemoReport(folder, folder / "books")
    clock = _Stopwatch(report, progress)
    files = clock("draw", lambda: prepare(folder / "incoming", points, seed))
    workspace = clock("init", lambda: init_workspace(folder / "books", name="Wattle & Tide", at=at, actor=PLANNER))
    clock("accounts", lambda: _load_reference(workspace, files.accounts_dir, files.tariffs, files.factors, at))
    report.landed = clock("land", lambda: land_files(workspace, files.reads, received_at=at, progress=progress))
    period = _period(files.accounts_dir, files.cycle_id)
    report.judged = clock(
        "vee",
        lambda: run_vee(
            workspace, from_date=period[0], to_date=period[1], received_at=at, progress=progress, workers=workers
        ),
    )
    request = PlanRequest(files.cycle_id, files.business_date, (), 1, None, known_at=at, actor=PLANNER)
    report.run_id = clock("plan", lambda: plan_cycle(workspace, request)).run_id
    clock("run", lambda: run_cycle(workspace, report.run_id, workers=workers, progress=progress, at=at, actor=PLANNER))
    clock("approve", lambda: approve_run(workspace, report.run_id, at=at, actor=APPROVER))
    published = clock("publish", lambda: publish_run(workspace, report.run_id, at=at, actor=PLANNER))
    report.invoices, report.total_minor = published.invoices, published.total_minor
    _summarise(workspace, report)
    return report


class _Stopwatch:
    def __init__(self, report: DemoReport, progress: Progress) -> None:
        self._report, self._progress = report, progress

    def __call__(self, step: str, work: Any) -> Any:
        began = perf_counter()
        self._progress.begin(step, 1, "step")
        result = work()
        self._progress.end(step)
        self._report.seconds[step] = perf_counter() - began
        return result


def _ready_folder(folder: Path, fresh: bool) -> Path:
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).is_file():
            raise ConfigError(f"folder `{folder}` holds something else", hint="choose an empty or new folder")
        if not fresh:
            raise ConfigError(f"folder `{folder}` holds a demo already", hint="add --fresh to replace it")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(folder / _MARK, b"A demo utility of Billmill; it may be replaced.\n")
    return folder


def _load_reference(workspace: Workspace, accounts: Path, tariffs: list[Path], factors: Path, at: datetime) -> None:
    import_files(workspace, [accounts], all_or_nothing=True, recorded_at=at, actor=PLANNER)
    add_factor_file(workspace, factors, at=at, actor=PLANNER)
    add_tariffs(workspace, tariffs, at=at, actor=PLANNER)
    approve_tariffs(workspace, None, at=at, actor=APPROVER)
    add_rule_sets(workspace, [STANDARD_FILE], at=at, actor=PLANNER)


def _period(accounts: Path, cycle_id: str) -> tuple[date, date]:
    cycles = pl.read_csv(accounts / "cycles.csv", try_parse_dates=True).filter(pl.col("cycle_id") == cycle_id)
    start, end = cycles.select("period_start_date", "period_end_date").row(0)
    return start, end


def _summarise(workspace: Workspace, report: DemoReport) -> None:
    manifest = read_manifest(run_folder(workspace, report.run_id))
    frames = {name: run_table(workspace, manifest, name).collect() for name in ("bills", "bill_lines")}
    report.tables = summarise_run(workspace, report.run_id).tables()
    # A bill worth explaining: time-of-use energy and an estimate, the one with the most lines among them.
    lines = frames["bill_lines"]
    rich = lines.filter(pl.col("tou") != "", pl.col("is_estimated")).select("bill_id").unique()
    candidates = frames["bills"].join(rich, on="bill_id", how="semi") if rich.height else frames["bills"]
    report.bill_id = candidates.sort("line_count", "bill_id", descending=[True, False]).item(0, "bill_id")
    report.explained = explain_bill(workspace, report.bill_id).text
