"""One partition of a planned run, computed by a command of its own: what a scheduler's job array calls.

It reads the plan and the lake and leaves a receipt; it never opens the control database, which bears one writer only,
so that a hundred of them can run at once on machines that share the workspace's folder, or a lake in a bucket.
"""

from __future__ import annotations

import json
from pathlib import Path

from cycles.runners.attempts import Told
from cycles.runners.following import Following
from cycles.runners.tasks import Receipt, read_receipt, receipt_path
from cycles.runs.plan import Planned, check_code, check_plan
from cycles.runs.run import COMPUTE, partition_task
from cycles.runs.scope import refuse_strange_run
from model.codes import RunKind, RunnerName
from model.errors import ConfigError
from model.ids import content_hash
from model.progress import SILENT, Progress
from store.bring import bring_missing, bring_plan
from store.files import read_bytes
from store.workspace import Workspace


def compute_alone(workspace: Workspace, run_id: str, index: int, progress: Progress = SILENT) -> tuple[Receipt, bool]:
    """Compute one partition of a planned run, counted from 0; return its receipt and whether it was computed now.

    Raises:
        ConfigError: no such run or partition.
        StaleError: a file of the plan was changed, or it was made by another version of Billmill.
        RoleError: the run is about other branches than those of who asks.
    """
    plan = read_plan_alone(workspace, run_id)
    refuse_strange_run(workspace, {"run_id": run_id, "branches": None})
    partitions = int(plan.content["partitions"])
    if index >= partitions:
        raise ConfigError(
            f"partition {index}: run `{run_id}` has {partitions}, from 0 to {partitions - 1}",
            hint="give the array as many tasks as the plan has partitions: billmill cycle plan ... --json",
        )
    bring_missing([receipt_path(plan.folder, index)])  # of all receipts this one alone decides something here
    found = read_receipt(plan.folder, index)
    if found is not None:
        return found, False
    compute = Told(COMPUTE[RunKind(plan.content["kind"])], RunnerName.ARRAY)
    progress.about(run_id)
    following = Following("rate", plan.folder, progress, tasks=1, items="due")
    came = compute(partition_task(workspace, plan, index))
    following.came(came)
    return came.receipt, True


def planned_partitions(workspace: Workspace, run_id: str) -> int:
    """Return how many partitions the plan of a run has.

    Raises:
        ConfigError: there is no such plan.
    """
    return int(json.loads(read_bytes(_plan_path(workspace, run_id)))["partitions"])


def read_plan_alone(workspace: Workspace, run_id: str) -> Planned:
    """Return a plan from its folder, without the control database; the commit compares it with the run's row.

    Raises:
        ConfigError: there is no such plan.
        StaleError: a file of it was changed, or it was made by another version of Billmill.
    """
    path = _plan_path(workspace, run_id)
    again = "plan it again with a higher --sequence"
    plan = check_plan(run_id, path.parent.parent, content_hash(read_bytes(path)), again)
    check_code(plan, again)
    return plan


def _plan_path(workspace: Workspace, run_id: str) -> Path:
    folder = workspace.runs / run_id
    bring_plan(folder)
    path = folder / "plan" / "plan.json"
    if not path.is_file():
        where = folder if workspace.bucket is None else f"{workspace.bucket.url.rstrip('/')}/runs/{run_id}"
        raise ConfigError(
            f"run `{run_id}` has no plan in `{where}`", hint="on the machine that plans: billmill run list"
        )
    return path
