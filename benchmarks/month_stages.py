"""The stages of a month, each as its command does it, and what its parts and its items are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.month_data import DRAWN_AT
from benchmarks.stages import count_apart, part
from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import run_cycle
from ingest.vee.begun import Begun
from ingest.vee.block import Given, JudgedBlock
from ingest.vee.blocks import judged_blocks
from ingest.vee.lake import BlockReads
from ingest.vee.run import run_vee
from model.progress import Silent
from store.workspace import open_workspace

PLANNER, APPROVER = "night", "second"
VEE, PLAN, RATE, PUBLISH = "validate, estimate", "plan", "rate to controls", "approve to publish"
JUDGE, PARTITIONS = "blocks judged", "rate, tax, post"
"""Parts that are divided among workers; all else is done by one process."""


@dataclass(frozen=True)
class Shown:
    """How a stage is shown: what it works through, and what its time outside its parts is spent on."""

    items: str
    rest: str = ""


SHOWN: dict[str, Shown] = {
    VEE: Shown("intervals", "registers, writing"),
    PLAN: Shown("agreements"),
    RATE: Shown("agreements", "manifest, controls"),
    PUBLISH: Shown("invoices", "number, post"),
}


def vee(root: Path, start: date, end: date, workers: int) -> None:
    """Validate and estimate the month."""
    workspace, progress = open_workspace(root), Silent()
    run_vee(
        workspace, from_date=start, to_date=end, received_at=DRAWN_AT, progress=progress, workers=workers,
        judge=_judged_apart,
    )  # fmt: skip


def _judged_apart(
    reads: Sequence[BlockReads], given: Begun[Given], pool: Executor | None, workers: int
) -> Iterator[tuple[BlockReads, JudgedBlock]]:
    found = judged_blocks(reads, given, pool, workers)
    while True:
        with part(JUDGE):
            block = next(found, None)
        if block is None:
            return
        yield block


def plan(root: Path, cycle_id: str, business_date: date) -> str:
    """Plan the cycle."""
    request = PlanRequest(cycle_id, business_date, (), 1, None, known_at=DRAWN_AT, actor=PLANNER)
    return plan_cycle(open_workspace(root), request).run_id


def rate(root: Path, run_id: str, workers: int) -> dict[str, int]:
    """Rate, bill, post by partition; commit the manifest; check the controls."""
    count_apart("cycles.runs.run:_compute", PARTITIONS)
    count_apart("cycles.runs.run:review_run", "review of bills")
    workspace = open_workspace(root)
    return run_cycle(workspace, run_id, workers=workers, progress=Silent(), at=DRAWN_AT, actor=PLANNER).totals


def publish(root: Path, run_id: str) -> int:
    """Approve and publish: numbers, books, the analysts' database, the backup."""
    count_apart("cycles.publishing.publish:build_analytics", "views, kept books")
    count_apart("cycles.publishing.publish:keep_backup", "backup")
    workspace = open_workspace(root)
    with part("approve"):
        approve_run(workspace, run_id, at=DRAWN_AT, actor=APPROVER)
    return publish_run(workspace, run_id, at=DRAWN_AT, actor=PLANNER).invoices


def bill_month(
    measured: Callable[..., Any],
    root: Path,
    cycle_id: str,
    period: tuple[date, date],
    business_date: date,
    workers: int,
) -> tuple[str, dict[str, int], int]:
    """Run all stages through `measured(name, stage, *arguments)`; return the run, its totals, and the invoices."""
    measured(VEE, vee, root, *period, workers)
    run_id = measured(PLAN, plan, root, cycle_id, business_date)
    totals = measured(RATE, rate, root, run_id, workers)
    return run_id, totals, measured(PUBLISH, publish, root, run_id)
