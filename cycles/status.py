"""Where runs stand: for `cycle status`, `run list` and `run show`."""

from __future__ import annotations

from typing import Any

import polars as pl

from cycles.plan import run_folder
from cycles.records import list_runs, the_run
from cycles.run import read_manifest, run_table
from model.codes import RunState
from store.control import control
from store.workspace import Workspace

_NEXT = {
    RunState.PLANNED: "cycle run",
    RunState.STAGED: "cycle run",
    RunState.VALIDATED: "cycle approve",
    RunState.APPROVED: "cycle publish",
    RunState.PUBLISHED: "",
    RunState.ABANDONED: "",
}


def all_runs(workspace: Workspace) -> pl.DataFrame:
    """Return the runs, newest business date first."""
    with control(workspace, purpose="run list") as connection:
        runs = list_runs(connection)
    return runs.select(
        "run_id", "cycle_id", "business_date", "state", "selected", "billed", "parked", "total_minor", "planned_by",
        "approved_by", "published_at",
    )  # fmt: skip


def run_status(workspace: Workspace, run_id: str | None) -> pl.DataFrame:
    """Return one run, or all that are open: state, partitions done, billed, parked, what comes next."""
    with control(workspace, purpose="cycle status") as connection:
        if run_id is not None:
            the_run(connection, run_id)
        runs = list_runs(connection)
    closed = [RunState.PUBLISHED.value, RunState.ABANDONED.value]
    wanted = runs.filter(pl.col("run_id") == run_id) if run_id else runs.filter(~pl.col("state").is_in(closed))
    rows = []
    for row in wanted.iter_rows(named=True):  # a row per run
        receipts = run_folder(workspace, row["run_id"]) / "receipts"
        done = len(list(receipts.glob("p*.json"))) if receipts.is_dir() else 0
        following = _NEXT[RunState(row["state"])]
        rows.append({
            "run_id": row["run_id"], "state": row["state"], "partitions": f"{done} of {row['partitions']}",
            "selected": row["selected"], "billed": row["billed"], "parked": row["parked"],
            "next": f"billmill {following} {row['run_id']}" if following else "nothing",
        })  # fmt: skip
    columns = {
        "run_id": pl.String, "state": pl.String, "partitions": pl.String, "selected": pl.Int64, "billed": pl.Int64,
        "parked": pl.Int64, "next": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=columns)


def run_details(workspace: Workspace, run_id: str) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """Return a run's row, and its control totals by branch and commodity and what is parked, once it has any."""
    with control(workspace, purpose="run show") as connection:
        row = the_run(connection, run_id)
    folder = run_folder(workspace, run_id)
    if not (folder / "manifest.json").is_file():
        return row, {}
    manifest = read_manifest(folder)
    names = ("bills", "bill_lines", "parked", "energy_controls")
    frames = {name: run_table(workspace, manifest, name).collect() for name in names}
    due = pl.read_parquet(folder / "plan" / "due.parquet")
    return row | {"digest": manifest["digest"]}, control_tables(due, **frames)


def control_tables(
    due: pl.DataFrame,
    bills: pl.DataFrame,
    bill_lines: pl.DataFrame,
    parked: pl.DataFrame,
    energy_controls: pl.DataFrame,
) -> dict[str, pl.DataFrame]:
    """Return the control sheets of a run: by branch, by commodity, energy, parked by reason."""
    energy = (
        energy_controls.group_by("measure").agg(pl.col("read", "billed", "parked", "unpriced").sum()).sort("measure")
    )
    reasons = (
        parked.group_by("reason", "owner").agg(pl.len().alias("agreements"), pl.col("detail").first()).sort("reason")
    )
    return {
        "By branch (money in minor units)": _by(due, bill_lines, parked, "branch_id", bills),
        "By commodity": _by(due, bill_lines, parked, "commodity", None),
        "Interval reads, smallest units: read = billed + parked + unpriced": energy,
        "Parked": reasons,
    }


def _by(
    due: pl.DataFrame, lines: pl.DataFrame, parked: pl.DataFrame, key: str, bills: pl.DataFrame | None
) -> pl.DataFrame:
    is_tax = pl.col("category") == "tax"
    amount = pl.col("amount_minor")
    of_lines = lines.group_by(key).agg(
        pl.col("agreement_id").n_unique().alias("billed"),
        amount.filter(~is_tax).sum().alias("net"),
        amount.filter(is_tax).sum().alias("tax"),
        amount.sum().alias("total"),
    )
    sheet = (
        due.group_by(key)
        .agg(pl.len().alias("due"))
        .join(of_lines, on=key, how="left", validate="1:1")
        .join(parked.group_by(key).agg(pl.len().alias("parked")), on=key, how="left", validate="1:1")
        .sort(key)
        .select(key, "due", "billed", "parked", "net", "tax", "total")
    )
    if bills is not None:
        counted = bills.group_by(key).agg(pl.len().alias("bills"))
        sheet = sheet.join(counted, on=key, how="left", validate="1:1").select(
            key, "due", "billed", "parked", "bills", "net", "tax", "total"
        )
    return sheet.with_columns(pl.col(pl.Int64, pl.UInt32).fill_null(0))
