"""Where runs stand: for `cycle status`, `run list` and `run show`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from cycles.folders import read_manifest, run_folder, run_table
from cycles.records import list_runs, the_run
from model.codes import RunState
from outputs.screens import money_text
from outputs.summary import RunSummary, describe_run, run_summary
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


@dataclass(frozen=True)
class RunDetails:
    """All that `run show` prints."""

    row: dict[str, Any]
    """The run's row of model.control.Runs, and `digest` once it is staged."""
    facts: dict[str, object]
    """The same as names and values for a person."""
    summary: RunSummary | None
    """Its control sheet; None before it is staged."""


def all_runs(workspace: Workspace) -> pl.DataFrame:
    """Return the runs, newest business date first; `total` in major units with its currency, for a person."""
    with control(workspace, purpose="run list") as connection:
        runs = list_runs(connection)
    totals = [
        None if minor is None else money_text(minor, run_currency(workspace, run))
        for run, minor in runs.select("run_id", "total_minor").iter_rows()  # a row per run
    ]
    return runs.with_columns(pl.Series("total", totals, dtype=pl.String)).select(
        "run_id", "state", "cycle_id", "business_date", "selected", "billed", "parked", "total_minor", "total",
        "planned_by", "approved_by", "published_at",
    )  # fmt: skip


def run_currency(workspace: Workspace, run_id: str) -> str | None:
    """Return the currency of a run's bills; None when there are several, whose totals cannot be added up."""
    found: set[str] = set()
    for name in ("due", "reversals"):
        path = run_folder(workspace, run_id) / "plan" / f"{name}.parquet"
        if path.is_file():
            found |= set(pl.scan_parquet(path, glob=False).select(pl.col("currency").unique()).collect()["currency"])
    return found.pop() if len(found) == 1 else None


def next_step(run_id: str, state: RunState) -> str | None:
    """Return the command that takes a run further, None when it is at its end."""
    return f"billmill {_NEXT[state]} {run_id}" if _NEXT[state] else None


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
        rows.append({
            "run_id": row["run_id"], "state": row["state"], "partitions": f"{done} of {row['partitions']}",
            "selected": row["selected"], "billed": row["billed"], "parked": row["parked"],
            "next": next_step(row["run_id"], RunState(row["state"])) or "nothing",
        })  # fmt: skip
    columns = {
        "run_id": pl.String, "state": pl.String, "partitions": pl.String, "selected": pl.Int64, "billed": pl.Int64,
        "parked": pl.Int64, "next": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=columns)


def run_details(workspace: Workspace, run_id: str) -> RunDetails:
    """Return a run's row, and its control sheet once it is staged."""
    with control(workspace, purpose="run show") as connection:
        row = the_run(connection, run_id)
    facts = describe_run(row, run_currency(workspace, run_id))
    folder = run_folder(workspace, run_id)
    is_staged = RunState(row["state"]) not in {RunState.PLANNED, RunState.ABANDONED}
    if not is_staged and not (folder / "manifest.json").is_file():
        return RunDetails(row, facts, None)
    digest = {"digest": read_manifest(folder)["digest"]}
    return RunDetails(row | digest, facts | digest, summarise_run(workspace, run_id))


def summarise_run(workspace: Workspace, run_id: str) -> RunSummary:
    """Return the control sheet of a staged run."""
    folder = run_folder(workspace, run_id)
    manifest = read_manifest(folder)
    names = ("bill_lines", "bills", "parked", "energy_controls")
    lines, bills, parked, energy = (run_table(workspace, manifest, name).collect() for name in names)
    due = pl.read_parquet(folder / "plan" / "due.parquet", glob=False)
    return run_summary(due, lines, bills, parked, energy)
