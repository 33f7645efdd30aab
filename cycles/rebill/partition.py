"""What a partition of a rebill computes: bills taken back, and made anew pass by pass from the plan's inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from cycles.publishing.published_rows import frame_of_pass, published_rows
from cycles.rebill.back_billing import BackBilling, with_limit
from cycles.rebill.correction import nothing_billed, reversal_tables
from cycles.rebill.waves import NOTHING_NARROWED, rate_passes
from cycles.runners.tasks import Receipt, Task
from cycles.runs.folders import plan_frame
from cycles.runs.partition import BOOK, STEPS, Work, kept_table, leave_receipt, work_on
from model.bills import Bills
from model.rating import BillLines, DueAgreements
from model.schema import arranged, empty, polars_schema
from store.workspace import open_workspace


def compute_rebill(task: Task) -> Receipt:
    """Compute a partition of a rebill and leave its receipt. Computing it again changes nothing."""
    workspace = open_workspace(Path(task.workspace))
    base = work_on(workspace, task.run_id, pl.col("partition") == task.partition, task.partition)
    parts, due = [nothing_billed()], [empty(DueAgreements)]
    for _, work in rebilled(base):
        parts.append(work.tables)
        assert work.rating_input is not None
        due.append(work.rating_input.due)
    back = nothing_billed() | reversal_tables(workspace, task)
    tables = {name: pl.concat([part[name] for part in [back, *parts]]) for name in back}
    return leave_receipt(workspace, task, tables, due=arranged(DueAgreements, pl.concat(due)), is_reviewed=False)


def rebilled(base: Work, narrowed: Mapping[str, pl.Expr] = NOTHING_NARROWED) -> Iterator[tuple[str, Work]]:
    """Do the passes of a planned rebill for a part of its accounts: all steps of each.

    `narrowed`: passes of which only a smaller part is done.
    """
    frame_of = partial(_frame_of_pass, base)
    taken = plan_frame(base.folder, "reversals")
    limit = base.plan.get("back_billing")
    rule = None if limit is None else BackBilling(**(limit | {"first_date": date.fromisoformat(limit["first_date"])}))
    for name, work in rate_passes(base, base.plan["passes"], frame_of, base.keep, narrowed):
        finish(work, taken, rule)
        yield name, work


def _frame_of_pass(base: Work, pass_name: str, name: str, keep: pl.Expr | None = None) -> pl.DataFrame:
    """Return a frame of a pass; tables of its rate book that an earlier pass has as well are not read again."""
    if keep is None and name.startswith(BOOK):
        file_name = f"{pass_name}/{name}.parquet"
        return kept_table(base.folder / "plan" / file_name, base.plan["files"][file_name])
    return frame_of_pass(base.folder, pass_name, name, keep)


def finish(work: Work, taken: pl.DataFrame, rule: BackBilling | None) -> None:
    """Do what follows the rating of a pass: the back-billing limit, bills with what they replace, journals."""
    assert work.rated is not None and work.rating_input is not None
    due = work.rating_input.due
    replaced = taken.filter(pl.col("replaced_by").is_in(due["bill_id"].unique().implode()))
    lines = with_limit(work.rated.lines, due, old_lines(work, replaced), rule)
    work.rated = replace(work.rated, lines=lines)
    work.tables["bill_lines"] = lines
    named = replaced.select(pl.col("replaced_by").alias("bill_id"), pl.col("bill_id").alias("old_id"))
    for step in STEPS[2:]:
        step.run(work)
        if step.name == "bill":
            assert work.bills is not None
            linked = work.bills.join(named, on="bill_id", how="left", validate="1:1", maintain_order="left")
            work.bills = arranged(Bills, linked.drop("replaces_id").rename({"old_id": "replaces_id"}))
            work.tables["bills"] = work.bills


def old_lines(work: Work, replaced: pl.DataFrame) -> pl.DataFrame:
    """Return the lines of the bills that are replaced (model.rating.BillLines), `new_id` beside them."""
    if replaced.is_empty():
        return pl.DataFrame(schema=polars_schema(BillLines) | {"new_id": pl.String()})
    rows = published_rows(work.workspace, replaced, "bill_lines")
    ids = replaced.select("bill_id", pl.col("replaced_by").alias("new_id"))
    return rows.join(ids, on="bill_id", how="inner", validate="m:1")
