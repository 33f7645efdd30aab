"""What published runs hold of some bills: their rows in the lake, and the plan that they were made by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from cycles.runs.folders import read_frame, read_manifest, run_folder, run_table
from model.bills import Bills
from model.rating import DueAgreements
from model.schema import polars_schema
from store.control import Connection
from store.lake import lake_files, scan_lake
from store.standing import standing_bills
from store.workspace import Workspace

PASSES = "passes.parquet"
"""Which pass of a plan makes a bill: bill_id, pass_name"""


def published_rows(workspace: Workspace, bills: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return the rows of a run's table that belong to published bills (bill_id, run_id), in order of run and file."""
    found = []
    for (run,), some in sorted(bills.partition_by("run_id", as_dict=True).items()):
        rows = run_table(workspace, read_manifest(run_folder(workspace, str(run))), table)
        found.append(rows.join(some.lazy().select("bill_id"), on="bill_id", how="semi").collect())
    assert found, "rows of no bill are asked for"
    return pl.concat(found)


def standing_rows(workspace: Workspace, connection: Connection, chosen: pl.Expr) -> pl.DataFrame:
    """Return the bills that stand (model.bills.Bills, and run_id) for which `chosen` is true, sorted by bill."""
    files = lake_files(connection, "bills")
    stands = standing_bills(connection)
    if not files:
        return pl.DataFrame(schema=polars_schema(Bills) | {"run_id": pl.String()})
    rows = scan_lake(workspace, files).filter(chosen).collect()
    return rows.join(stands, on="bill_id", how="inner", validate="1:1").sort("bill_id")


def planned_due(workspace: Workspace, bills: pl.DataFrame) -> pl.DataFrame:
    """Return the due agreements (model.rating.DueAgreements) of which published bills (bill_id, run_id) were made.

    `run_id`, and `pass_name` (see `frame_of_pass`), stand beside them.
    """
    if bills.is_empty():
        return pl.DataFrame(schema=polars_schema(DueAgreements) | {"run_id": pl.String, "pass_name": pl.String})
    found = []
    for (run,), some in sorted(bills.partition_by("run_id", as_dict=True).items()):
        folder = run_folder(workspace, str(run)) / "plan"
        due = pl.read_parquet(folder / "due.parquet", glob=False)
        mine = due.join(some.select("bill_id", "run_id"), on="bill_id", how="inner", validate="m:1")
        if (folder / PASSES).is_file():
            names = pl.read_parquet(folder / PASSES, glob=False)
            mine = mine.join(names, on="bill_id", how="left", validate="m:1")
        else:
            mine = mine.with_columns(pl.lit("").alias("pass_name"))
        found.append(mine)
    return pl.concat(found)


def frame_of_pass(folder: Path, pass_name: str, name: str, keep: pl.Expr | None = None) -> pl.DataFrame:
    """Return a frame of a run's plan: a run that bills again keeps its frames by pass, others have one without name."""
    return read_frame(folder / "plan" / pass_name / f"{name}.parquet", keep)


def bill_runs(bills: pl.DataFrame) -> Sequence[str]:
    """Return the runs of bills (run_id), sorted."""
    return bills["run_id"].unique().sort().to_list()
