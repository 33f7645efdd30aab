"""Who made what is in a run: planned it, edited its reads, decided about its bills. None of them may approve it."""

from __future__ import annotations

from typing import Any

import polars as pl

from cycles.runs.folders import plan_frame, run_folder
from cycles.runs.scope import run_branches
from store.control import Connection, query
from store.workspace import Workspace

# What is edited after the run was planned is not in it.
_EDITS = """
SELECT channel_no, from_date AS first_date, to_date AS last_date, proposed_by AS maker, 'edited its reads' AS made
FROM read_edit WHERE state = 'approved' AND recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)
UNION ALL
SELECT channel_no, day AS first_date, day AS last_date, decided_by AS maker, 'decided about its reads' AS made
FROM finding_decision WHERE state <> 'open' AND recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)
"""
_DECISIONS = """
SELECT DISTINCT branch_id, decided_by AS maker, 'kept bills out or let them in' AS made
FROM bill_exclusion WHERE run_id = ?
UNION ALL
SELECT DISTINCT branch_id, decided_by AS maker, 'decided about its bills' AS made
FROM exception_decision WHERE run_id = ?
"""


def makers_of(workspace: Workspace, connection: Connection, row: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return for each branch of a run (a row of model.control.Runs) who made something in it, and what."""
    makers: dict[str, dict[str, str]] = {
        branch: {row["planned_by"]: "planned it"} for branch in run_branches(workspace, row)
    }
    decided = query(connection, _DECISIONS, [row["run_id"], row["run_id"]])
    for branch, maker, made in pl.concat([_editors(workspace, connection, row), decided]).iter_rows():
        makers.setdefault(branch, {}).setdefault(maker, made)
    return makers


def _editors(workspace: Workspace, connection: Connection, row: dict[str, Any]) -> pl.DataFrame:
    """Return who edited reads of the run's channels in the days that it bills: branch_id, maker, made."""
    folder = run_folder(workspace, row["run_id"])
    nothing = pl.DataFrame(schema={"branch_id": pl.String, "maker": pl.String, "made": pl.String})
    if not all((folder / "plan" / f"{name}.parquet").is_file() for name in ("due", "channels")):
        return nothing
    edits = query(connection, _EDITS, [row["known_at"]] * 4)
    if edits.is_empty():
        return nothing
    spans = plan_frame(folder, "due").select("agreement_id", "branch_id", "start_date", "end_date")
    channels = (
        plan_frame(folder, "channels")
        .select("agreement_id", "channel_no")
        .join(spans, on="agreement_id", how="inner", validate="m:m")
    )
    met = edits.join(channels, on="channel_no", how="inner", validate="m:m").filter(
        pl.col("first_date").cast(pl.Date) < pl.col("end_date"), pl.col("last_date") >= pl.col("start_date")
    )
    return met.select("branch_id", "maker", "made").unique().sort("branch_id", "maker", "made")
