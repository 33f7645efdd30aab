"""`cycle run`: compute what the plan says, partition by partition, commit the manifest, check the controls.

Killed anywhere and run again, it computes only partitions without a receipt and ends in the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cycles.rebill.correction import compute_cancel
from cycles.rebill.partition import compute_rebill
from cycles.rebill.stale import refuse_stale
from cycles.review.bill_findings import review_run
from cycles.runners.attempts import Compute, Told
from cycles.runners.chosen import LOCAL, Runner
from cycles.runners.following import Following
from cycles.runners.tasks import Task, read_receipt
from cycles.runs.commit import commit_manifest
from cycles.runs.controls import check_controls
from cycles.runs.folders import manifest_sha256, read_manifest, run_folder
from cycles.runs.partition import compute_partition
from cycles.runs.plan import Planned, read_plan
from cycles.runs.progress import at_stage, told
from cycles.runs.records import change_state, refused_state, the_run
from cycles.runs.scope import refuse_strange_run
from model.codes import RunKind, RunState
from model.errors import ControlError
from model.progress import Progress
from store.audit import record
from store.code import code_version
from store.control import control, transaction
from store.files import sweep_temporaries
from store.lock import hold
from store.workspace import Workspace

COMPUTE: dict[RunKind, Compute] = {
    RunKind.BILL: compute_partition, RunKind.FINAL: compute_partition,
    RunKind.CANCEL: compute_cancel, RunKind.REBILL: compute_rebill,
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
    workspace: Workspace, run_id: str, *, workers: int, progress: Progress, at: datetime, actor: str,
    runner: Runner = LOCAL,
) -> RunResult:  # fmt: skip
    """Compute a planned run up to `validated`; going on where it was cut, or saying that it is done.

    Raises:
        StaleError: the plan or the code has changed; of a rebill, what its bills rest on.
        ControlError: totals do not meet (the offenders are in the run's folder), or the run was abandoned.
        LockedError: another process drives this run.
    """
    return _drive(
        workspace, run_id, at=at, actor=actor, compute=lambda plan: _compute(workspace, plan, runner, workers, progress)
    )


def commit_run(workspace: Workspace, run_id: str, *, at: datetime, actor: str) -> RunResult:
    """Bring a run whose partitions were computed one by one to `validated`; done before, it changes nothing.

    Raises:
        ControlError: partitions have no receipt (the message names them), or as `run_cycle`.
        StaleError, LockedError: as `run_cycle`.
    """
    return _drive(workspace, run_id, at=at, actor=actor, compute=_refuse_missing)


def _drive(
    workspace: Workspace, run_id: str, *, at: datetime, actor: str, compute: Callable[[Planned], int]
) -> RunResult:
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
        computed = compute(plan)
        totals = _finish(workspace, plan, at=at, actor=actor)
    return RunResult(run_id, RunState.VALIDATED, totals, computed)


def _finish(workspace: Workspace, plan: Planned, *, at: datetime, actor: str) -> dict[str, int]:
    """Commit the manifest over all receipts, check the controls, move the run to `validated`; return its totals."""
    run_id, folder = plan.run_id, plan.folder
    at_stage(folder, "checking controls")
    manifest = commit_manifest(workspace, plan)
    totals: dict[str, int] = manifest["totals"]
    with control(workspace, purpose="cycle run") as connection:
        if RunState(the_run(connection, run_id)["state"]) == RunState.PLANNED:
            with transaction(connection):
                change_state(connection, run_id, RunState.STAGED)
        check_controls(workspace, connection, folder, manifest)
        at_stage(folder, "reviewing bills")
        if plan.content["kind"] in {RunKind.BILL, RunKind.FINAL}:
            review_run(workspace, connection, plan.content, manifest)
        with transaction(connection):
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
    return totals


def partition_task(workspace: Workspace, plan: Planned, number: int) -> Task:
    """Return the task of a partition of a plan, which no other Billmill than this one may compute."""
    return Task(str(workspace.root), plan.run_id, number, code_version=code_version())


def missing_partitions(plan: Planned) -> list[int]:
    """Return the partitions of a plan that have no receipt."""
    return [number for number in range(int(plan.content["partitions"])) if read_receipt(plan.folder, number) is None]


def _compute(workspace: Workspace, plan: Planned, runner: Runner, workers: int, progress: Progress) -> int:
    sweep_temporaries(plan.folder)
    progress.about(plan.run_id)
    partitions = int(plan.content["partitions"])
    tasks = [partition_task(workspace, plan, number) for number in missing_partitions(plan)]
    progress.begin("rate", partitions, "partitions")
    progress.advance("rate", partitions - len(tasks))
    totals = {"bills": 0, "parked": 0}
    compute = Told(COMPUTE[RunKind(plan.content["kind"])], runner.name)
    following = Following("rate", plan.folder, progress, tasks=len(tasks), items="due")
    for came in runner.run(compute, tasks, workers=workers, watch=following):
        following.came(came)
        totals = {name: totals[name] + came.receipt.counts[name] for name in totals}
        progress.advance("rate", 1, **totals)
    progress.end("rate", **totals)
    return len(tasks)


def _refuse_missing(plan: Planned) -> int:
    missing = missing_partitions(plan)
    if missing:
        partitions = int(plan.content["partitions"])
        shown = ", ".join(str(number) for number in missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise ControlError(
            f"run `{plan.run_id}`: {len(missing)} of {partitions} partitions have no receipt: {shown}",
            hint=f"compute them: billmill cycle run-partition {plan.run_id} --index {missing[0]}; "
            f"or all that is left: billmill cycle run {plan.run_id}",
        )
    return 0
