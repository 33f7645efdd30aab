"""`cycle run`: compute what the plan says, partition by partition, commit the manifest, check the controls.

Killed anywhere and run again, it computes only partitions without a receipt and ends in the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.bill_findings import review_run
from cycles.correction import compute_cancel, reversals_apart
from cycles.folders import manifest_sha256, read_manifest, run_folder, run_table
from cycles.partition import compute_partition
from cycles.plan import Planned, read_plan
from cycles.rebill_partition import compute_rebill
from cycles.rebill_stale import refuse_stale
from cycles.records import change_state, refused_state, the_run
from cycles.run_progress import at_stage, told
from cycles.runner import Compute, run_locally
from cycles.scope import refuse_strange_run
from cycles.tasks import Receipt, Task, read_receipt
from ledger.invariants import Books, Violations, check_all
from model.codes import RunKind, RunState
from model.corrections import Reversals
from model.errors import ControlError
from model.ids import content_hash
from model.progress import Progress
from model.schema import arranged, empty
from store.audit import record
from store.control import control, transaction
from store.csv_text import csv_for_people
from store.files import create_only, sweep_temporaries, write_bytes_atomic
from store.lake import verify_file
from store.lock import hold
from store.standing import standing_keys
from store.workspace import Workspace

COMPUTE: dict[RunKind, Compute] = {
    RunKind.BILL: compute_partition, RunKind.FINAL: compute_partition,
    RunKind.CANCEL: compute_cancel, RunKind.REBILL: compute_rebill,
}  # fmt: skip
RUN_TABLES = ("bill_lines", "bills", "determinants", "energy_controls", "journal_lines", "open_items", "parked")
# What the controls compare. Of lines that is a sixth; the rest explains them.
CONTROLLED: dict[str, pl.Expr | list[str]] = {
    "bill_lines": ["bill_id", "agreement_id", "branch_id", "period_start_date", "category", "currency", "amount_minor"],
    "bills": pl.all(), "energy_controls": pl.all(), "journal_lines": pl.all(), "open_items": pl.all(),
    "parked": pl.all(),
}  # fmt: skip


@dataclass(frozen=True)
class RunResult:
    """What a run came to. `totals` are sums over all partitions, in minor units or counts."""

    run_id: str
    state: RunState
    totals: dict[str, int]
    computed: int
    """Partitions computed now; the others had a receipt."""


def run_cycle(
    workspace: Workspace, run_id: str, *, workers: int, progress: Progress, at: datetime, actor: str
) -> RunResult:
    """Compute a planned run up to `validated`; going on where it was cut, or saying that it is done.

    Raises:
        StaleError: the plan or the code has changed; of a rebill, what its bills rest on.
        ControlError: totals do not meet (the offenders are in the run's folder), or the run was abandoned.
        LockedError: another process drives this run.
    """
    folder = run_folder(workspace, run_id)
    with control(workspace, purpose="cycle run") as connection:
        row = the_run(connection, run_id)
    state = RunState(row["state"])
    refuse_strange_run(workspace, row)
    if state == RunState.ABANDONED:
        raise refused_state(run_id, state, RunState.STAGED)
    if state not in {RunState.PLANNED, RunState.STAGED}:
        return RunResult(run_id, state, read_manifest(folder)["totals"], computed=0)
    with hold(folder / ".driver", purpose=f"cycle run {run_id}", wait_seconds=0.0), told(folder, "rating"):
        plan = read_plan(workspace, row)
        if state == RunState.PLANNED and row["kind"] == RunKind.REBILL:
            with control(workspace, purpose="cycle run") as connection:
                refuse_stale(workspace, connection, plan, at)
        sweep_temporaries(folder)
        computed = _compute(workspace, plan, workers, progress)
        at_stage(folder, "checking controls")
        manifest = _commit(workspace, plan)
        with control(workspace, purpose="cycle run") as connection:
            if RunState(the_run(connection, run_id)["state"]) == RunState.PLANNED:
                with transaction(connection):
                    change_state(connection, run_id, RunState.STAGED)
            check_controls(workspace, folder, manifest, standing_keys(connection))
            at_stage(folder, "reviewing bills")
            if plan.content["kind"] in {RunKind.BILL, RunKind.FINAL}:
                review_run(workspace, connection, plan.content, manifest)
            with transaction(connection):
                totals = manifest["totals"]
                change_state(
                    connection, run_id, RunState.VALIDATED,
                    billed=totals["billed"], parked=totals["parked"], net_minor=totals["net_minor"],
                    tax_minor=totals["tax_minor"], total_minor=totals["bills_minor"],
                    manifest_sha256=manifest_sha256(folder),
                )  # fmt: skip
                detail = (
                    f"{totals['billed']} billed, {totals['parked']} parked, total {totals['bills_minor']} minor, "
                    f"manifest {manifest_sha256(folder)}, digest {manifest['digest']}"
                )
                record(connection, at=at, actor=actor, action="stage", subject=run_id, detail=detail)
    return RunResult(run_id, RunState.VALIDATED, manifest["totals"], computed)


def _compute(workspace: Workspace, plan: Planned, workers: int, progress: Progress) -> int:
    partitions = int(plan.content["partitions"])
    tasks = [
        Task(str(workspace.root), plan.run_id, number)
        for number in range(partitions)
        if read_receipt(plan.folder, number) is None
    ]
    progress.begin("rate", partitions, "partitions")
    progress.advance("rate", partitions - len(tasks))
    totals = {"bills": 0, "parked": 0}
    compute = COMPUTE[RunKind(plan.content["kind"])]
    for receipt in run_locally(compute, tasks, workers=workers):
        totals = {name: totals[name] + receipt.counts[name] for name in totals}
        progress.advance("rate", 1, **totals)
    progress.end("rate", **totals)
    return len(tasks)


def _commit(workspace: Workspace, plan: Planned) -> dict[str, Any]:
    """Write the create-only manifest over all receipts; the same again changes nothing, another is refused."""
    receipts = [read_receipt(plan.folder, number) for number in range(int(plan.content["partitions"]))]
    complete = [receipt for receipt in receipts if receipt is not None]
    assert len(complete) == len(receipts), "a partition has no receipt"
    for receipt in complete:
        for file in receipt.files:
            verify_file(workspace, file)
    manifest = manifest_of(plan.run_id, plan.sha256, int(plan.content["selected"]), complete)
    text = json.dumps(manifest, indent=1, sort_keys=True, default=_iso).encode()
    path = plan.folder / "manifest.json"
    if not create_only(path, text) and path.read_bytes() != text:
        raise ControlError(
            f"run `{plan.run_id}` has a manifest already, of other files",
            hint="files of the run were changed; abandon it and plan again with a higher --sequence",
        )
    return read_manifest(plan.folder)


def manifest_of(run_id: str, plan_sha256: str, selected: int, receipts: Sequence[Receipt]) -> dict[str, Any]:
    """Return the manifest over the receipts of all partitions; `selected` agreements were due."""
    totals: dict[str, int] = {"selected": selected}
    for receipt in receipts:
        for name, value in (receipt.totals | {f"rows_{table}": rows for table, rows in receipt.counts.items()}).items():
            totals[name] = totals.get(name, 0) + value
    files = [asdict(file) for receipt in receipts for file in receipt.files]
    return {
        "run_id": run_id,
        "plan_sha256": plan_sha256,
        "files": files,
        "digest": content_hash(*(file["sha256"] for file in files)),
        "totals": totals,
    }


def check_controls(workspace: Workspace, folder: Path, manifest: dict[str, Any], stands: pl.DataFrame) -> None:
    """Compare what must meet over the whole run.

    Raises:
        ControlError: something does not; the offenders are written to controls.csv in the run's folder.
    """
    due = pl.read_parquet(folder / "plan" / "due.parquet", glob=False)
    taken = taken_back(folder)
    frames = {
        table: run_table(workspace, manifest, table).select(columns).collect() for table, columns in CONTROLLED.items()
    }
    energy = frames["energy_controls"]
    sums = {
        name: energy.select("branch_id", "measure", pl.col(name).alias("quantity"))
        for name in ("read", "billed", "parked", "unpriced")
    }
    keys = new_segment_keys(due, frames["parked"])
    stays = stands.join(taken, on="bill_id", how="anti").select(keys.columns)
    books = Books(
        due=due,
        lines=frames["bill_lines"],
        parked=frames["parked"],
        bills=frames["bills"],
        journal_lines=frames["journal_lines"],
        open_items=frames["open_items"],
        segment_keys=pl.concat([stays, keys]),
        energy_read=sums["read"],
        energy_billed=pl.concat([sums["billed"], sums["unpriced"]]),
        energy_parked=sums["parked"],
    )
    offenders = pl.concat([
        check_all(books), _not_negated(workspace, taken, frames["journal_lines"]),
        _not_as_shown(folder, frames["bills"]),
    ])  # fmt: skip
    if offenders.height:
        path = folder / "controls.csv"
        write_bytes_atomic(path, csv_for_people(offenders).encode())
        first = offenders.row(0, named=True)
        raise ControlError(
            f"run `{manifest['run_id']}`: {offenders.height} controls do not meet; first: {first['invariant']} of "
            f"`{first['subject_id']}`: expected {first['expected']}, found {first['found']}",
            hint=f"all of them are in {path}; nothing can be published from this run",
        )


def taken_back(folder: Path) -> pl.DataFrame:
    """Return the bills that a run takes back (model.corrections.Reversals); none when it takes none."""
    path = folder / "plan" / "reversals.parquet"
    return pl.read_parquet(path, glob=False) if path.is_file() else empty(Reversals)


def _not_negated(workspace: Workspace, taken: pl.DataFrame, journal_lines: pl.DataFrame) -> DataFrame[Violations]:
    """A journal that takes another back negates it leg by leg."""
    found = reversals_apart(workspace, taken, journal_lines).select(
        pl.lit("reversal_negates_its_journal").alias("invariant"),
        pl.col("reverses_id").alias("subject_id"),
        pl.col("expected", "found").cast(pl.String).fill_null("nothing"),
    )
    return arranged(Violations, found)


def _not_as_shown(folder: Path, bills: pl.DataFrame) -> DataFrame[Violations]:
    """A bill that is made anew comes to what its plan showed."""
    path = folder / "plan" / "changes.parquet"
    if not path.is_file():
        return empty(Violations)
    shown = pl.read_parquet(path, glob=False).filter(pl.col("outcome") == "changed", pl.col("after_lines") > 0)
    made = bills.filter(pl.col("reverses_id").is_null()).select(pl.col("bill_id").alias("new_id"), "total_minor")
    both = shown.select("new_id", "after_minor").join(made, on="new_id", how="full", coalesce=True, validate="1:1")
    apart = both.filter(pl.col("after_minor").ne_missing(pl.col("total_minor")))
    found = apart.select(
        pl.lit("bill_is_as_planned").alias("invariant"),
        pl.col("new_id").alias("subject_id"),
        pl.col("after_minor").cast(pl.String).fill_null("nothing").alias("expected"),
        pl.col("total_minor").cast(pl.String).fill_null("nothing").alias("found"),
    )
    return arranged(Violations, found)


def new_segment_keys(due: pl.DataFrame, parked: pl.DataFrame) -> pl.DataFrame:
    """Return what a run bills: the due agreements that were not parked, with period and bill."""
    billed = due.join(parked.select("agreement_id"), on="agreement_id", how="anti")
    return billed.select(
        "agreement_id",
        pl.col("start_date").alias("period_start_date"),
        pl.col("end_date").alias("period_end_date"),
        pl.col("bill_id").str.extract(r"\.r(\d+)$", 1).cast(pl.Int32).alias("revision"),
        "bill_id",
    ).sort("agreement_id", "period_start_date")


def _iso(value: object) -> str:
    assert isinstance(value, date), f"{value!r} has no place in a manifest"
    return value.isoformat()
