"""The work of a run for one bill, done again from the plan's pinned inputs."""

from __future__ import annotations

from typing import Any

import polars as pl

from cycles.partition import STEPS, Work, work_on
from store.workspace import Workspace


def bill_work(workspace: Workspace, run_id: str, bill: dict[str, Any], steps: int) -> Work:
    """Return the first steps of a run for the account of a bill (a row of model.bills.Bills)."""
    # The whole account, as the run saw it: a parked sibling would have parked this bill too.
    work = work_on(workspace, run_id, pl.col("account_id") == bill["account_id"])
    for step in STEPS[:steps]:
        step.run(work)
    return work
