"""Runs and their control sheets: for `run list` and `run show`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from cycles.review.exclusions import kept_out
from cycles.runs.folders import read_manifest, run_folder, run_table
from cycles.runs.records import list_runs, the_run
from cycles.runs.scope import of_own_branches, refuse_strange_run, run_branches
from cycles.runs.status import funnel_of, is_own
from cycles.work.exceptions import AskedExceptions, exceptions_of
from model.codes import RunState
from outputs.screens import money_text
from outputs.summary import RunSummary, describe_run, run_summary
from store.control import control
from store.workspace import Workspace

_FIGURES = ("selected", "billed", "parked", "net_minor", "tax_minor", "total_minor")
_GRAVE = {"stop": 0, "warn": 1, "info": 2}


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
    """Return the runs, newest business date first; `total` in major units with its currency, for a person.

    Who is for some branches sees the runs that have one of them, and figures of those that have no other.
    """
    with control(workspace, purpose="run list") as connection:
        runs = list_runs(connection)
    if workspace.branches is not None:
        kept = [row["run_id"] for row in runs.iter_rows(named=True) if is_own(workspace, row)]  # a row per run
        runs = runs.filter(pl.col("run_id").is_in(kept)).with_columns(
            pl.when(pl.col("run_id").is_in(_wholly_own(workspace, runs))).then(pl.col(name)).alias(name)
            for name in _FIGURES
        )
    totals = [
        None if minor is None else money_text(minor, run_currency(workspace, run))
        for run, minor in runs.select("run_id", "total_minor").iter_rows()  # a row per run
    ]
    return runs.with_columns(pl.Series("total", totals, dtype=pl.String)).select(
        "run_id", "state", "cycle_id", "business_date", "selected", "billed", "parked", "total_minor", "total",
        "planned_by", "approved_by", "published_at",
    )  # fmt: skip


def _wholly_own(workspace: Workspace, runs: pl.DataFrame) -> list[str]:
    own = workspace.branches or frozenset()
    return [row["run_id"] for row in runs.iter_rows(named=True) if set(run_branches(workspace, row)) <= own]


def run_currency(workspace: Workspace, run_id: str) -> str | None:
    """Return the currency of a run's bills; None when there are several, whose totals cannot be added up."""
    found: set[str] = set()
    for name in ("due", "reversals"):
        path = run_folder(workspace, run_id) / "plan" / f"{name}.parquet"
        if path.is_file():
            found |= set(pl.scan_parquet(path, glob=False).select(pl.col("currency").unique()).collect()["currency"])
    return found.pop() if len(found) == 1 else None


def run_details(workspace: Workspace, run_id: str) -> RunDetails:
    """Return a run's row, and its control sheet once it is staged; those of the branches of who asks.

    Raises:
        ConfigError: there is no such run.
        RoleError: it has none of their branches.
    """
    with control(workspace, purpose="run show") as connection:
        row = the_run(connection, run_id)
    if not is_own(workspace, row):
        refuse_strange_run(workspace, row)
    folder = run_folder(workspace, run_id)
    is_staged = RunState(row["state"]) not in {RunState.PLANNED, RunState.ABANDONED}
    summary = summarise_run(workspace, run_id) if is_staged or (folder / "manifest.json").is_file() else None
    if workspace.branches is not None and not set(run_branches(workspace, row)) <= workspace.branches:
        row = row | dict.fromkeys(_FIGURES)
    facts = describe_run(row, run_currency(workspace, run_id))
    if summary is None:
        return RunDetails(row, facts, None)
    digest = {"digest": read_manifest(folder)["digest"]}
    return RunDetails(row | digest, facts | digest, summary)


def summarise_run(workspace: Workspace, run_id: str) -> RunSummary:
    """Return the control sheet of a staged run, of the branches of who opened the workspace."""
    folder = run_folder(workspace, run_id)
    manifest = read_manifest(folder)
    names = ("bill_lines", "bills", "parked", "energy_controls")
    lines, bills, parked, energy = (
        of_own_branches(workspace, run_table(workspace, manifest, name).collect()) for name in names
    )
    due = of_own_branches(workspace, pl.read_parquet(folder / "plan" / "due.parquet", glob=False))
    summary = run_summary(due, lines, bills, parked, energy)
    with control(workspace, purpose="run show") as connection:
        row = the_run(connection, run_id)
        if row["state"] not in {RunState.VALIDATED, RunState.APPROVED, RunState.PUBLISHED}:
            return summary
        is_published = row["state"] == RunState.PUBLISHED
        out = None if is_published else of_own_branches(workspace, kept_out(workspace, connection, run_id))
        asked = AskedExceptions(runs=(run_id,))
        listed = exceptions_of(workspace, connection, asked, row["business_date"])
    return replace(
        summary, funnel=_steps(funnel_of(due, bills, parked, out)), review=_review(listed), waiting=_by_age(listed)
    )


def _steps(funnel: dict[str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"step": list(funnel), "agreements": list(funnel.values())},
        schema={"step": pl.String, "agreements": pl.Int64},
    )


def _review(listed: pl.DataFrame) -> pl.DataFrame:
    """Return what review listed: code, severity, listed, open, kept_out, the example with the largest bill."""
    of_bills = listed.filter(pl.col("source") == "bill").sort(
        pl.col("amount_minor").abs(), "exception_id", descending=[True, False]
    )
    return (
        of_bills.group_by("severity", "code")
        .agg(
            pl.len().cast(pl.Int64).alias("listed"),
            (pl.col("state") == "open").sum().cast(pl.Int64).alias("open"),
            pl.col("kept_out").sum().cast(pl.Int64),
            pl.col("bill_id").first().alias("example"),
            pl.col("detail").first(),
        )
        .sort(pl.col("severity").replace_strict(_GRAVE, default=9), "code")
    )


def _by_age(listed: pl.DataFrame) -> pl.DataFrame:
    """Return parked agreements by reason and by the days since they were parked first."""
    age = pl.col("age_days")
    return (
        listed.filter(pl.col("source") == "parked")
        .group_by("code", "owner")
        .agg(
            (age == 0).sum().alias("today"),
            age.is_between(1, 3).sum().alias("days_1_to_3"),
            age.is_between(4, 7).sum().alias("days_4_to_7"),
            (age > 7).sum().alias("older"),
        )
        .sort("code", "owner")
    )
