"""The work of a run for one bill, done again from the plan's pinned inputs."""

from __future__ import annotations

from typing import Any

import polars as pl

from cycles.publishing.published_rows import PASSES
from cycles.rebill.partition import rebilled
from cycles.runs.partition import STEPS, Work, work_on
from model.codes import RunKind
from store.workspace import Workspace


def bill_work(workspace: Workspace, run_id: str, bill: dict[str, Any], steps: int) -> Work:
    """Return the first steps of a run for the account of a bill (a row of model.bills.Bills).

    Of a run that billed again it is the pass that made the bill, after those before it, with all of its steps.
    """
    # The whole account, as the run saw it: a parked sibling would have parked this bill too.
    work = work_on(workspace, run_id, pl.col("account_id") == bill["account_id"])
    if work.plan["kind"] == RunKind.REBILL:
        return _pass_of(work, bill)
    for step in STEPS[:steps]:
        step.run(work)
    return work


def _pass_of(base: Work, bill: dict[str, Any]) -> Work:
    due = base.frame("due")
    points = due.filter(pl.col("account_id") == bill["account_id"])["service_point_id"].unique()
    # What another account's bill of the same place left is what this one found.
    beside = due.filter(pl.col("service_point_id").is_in(points.implode()))["account_id"].unique()
    base.keep = pl.col("account_id").is_in(beside.implode())
    passes = base.frame(PASSES.removesuffix(".parquet"))
    name = passes.filter(pl.col("bill_id") == bill["bill_id"])["pass_name"].item()
    own = pl.col("account_id") == bill["account_id"]
    return next(work for done, work in rebilled(base, narrowed={name: own}) if done == name)
