"""Whether what a planned rebill rests on is still what is known: a plan is applied as it was shown, or refused."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from accounts.selection import revisions
from cycles.publishing.published_rows import frame_of_pass, planned_due
from cycles.rebill.causes import TwoSides
from cycles.rebill.choice import Chosen
from cycles.rebill.days import Pass, passes_of
from cycles.rebill.inputs import Knowledge, inputs_now, known_now, of_bills
from cycles.rebill.late_reads import changed_reads
from cycles.runs.folders import run_folder
from cycles.runs.inputs import last_load
from cycles.runs.plan import Planned
from model.errors import StaleError
from store.control import Connection, query
from store.standing import bills_made, standing_bills
from store.workspace import Workspace

OWED = "owed"
"""Frame of a plan: days of bills that were taken back before, see `cycles.rebill.choice.Chosen.owed`; left out when
there are none"""


def refuse_stale(workspace: Workspace, connection: Connection, planned: Planned, at: datetime) -> None:
    """Refuse a planned rebill when what its own bills rest on is known otherwise at a time.

    Raises:
        StaleError: names the first bill and what has changed.
    """
    changed = _changed(workspace, connection, planned, at)
    if changed is not None:
        raise StaleError(
            f"run `{planned.run_id}`: {changed} since it was planned",
            hint=f"billmill cycle abandon {planned.run_id}, then billmill rebill plan again",
        )


def _changed(workspace: Workspace, connection: Connection, planned: Planned, at: datetime) -> str | None:
    folder = run_folder(workspace, planned.run_id)
    bills = pl.read_parquet(folder / "plan" / "changes.parquet", glob=False)
    due = pl.read_parquet(folder / "plan" / "due.parquet", glob=False)
    old = bills.filter(pl.col("bill_id").is_not_null())
    mine = old.filter(pl.col("outcome") == "changed")
    gone = mine.join(standing_bills(connection), on="bill_id", how="anti")
    if gone.height:
        return f"bill `{gone['bill_id'][0]}` has been taken back"
    known_at = max(at, datetime.fromisoformat(planned.content["known_at"]))
    knowledge = known_now(connection, known_at, last_load(connection))
    then = planned_due(workspace, old)
    path = folder / "plan" / f"{OWED}.parquet"
    nothing = then.clear().with_columns(pl.lit(0, pl.Int32).alias("turn"), pl.lit("").alias("new_id"))
    owed = pl.read_parquet(path, glob=False) if path.is_file() else nothing
    chosen = Chosen(old, then, revisions(bills_made(connection)), owed)
    listed = {item["name"] for item in planned.content["passes"]}
    for own in passes_of(chosen, knowledge.facts):
        if own.name in listed:
            told = _apart(workspace, connection, planned.run_id, own, knowledge, due["bill_id"].unique())
            if told.height:
                return f"what bill `{told['bill_id'][0]}` rests on ({told['cause'][0]}) has changed"
    return _read_since(workspace, connection, planned, mine)


def _apart(
    workspace: Workspace, connection: Connection, run_id: str, own: Pass, knowledge: Knowledge, new_ids: pl.Series
) -> pl.DataFrame:
    """Return the bills of a pass whose inputs are no longer those of the plan: bill_id, cause."""
    now = of_bills(inputs_now(connection, own, knowledge).frames, new_ids)
    folder = run_folder(workspace, run_id)
    planned = {name: frame_of_pass(folder, own.name, name) for name in now}
    return TwoSides(planned, now, own.cycle.period_start_date, own.cycle.period_end_date).told()


def _read_since(workspace: Workspace, connection: Connection, planned: Planned, bills: pl.DataFrame) -> str | None:
    keys = query(connection, "SELECT * FROM segment_key").join(bills, on="bill_id", how="semi")
    changed = changed_reads(
        workspace, connection, keys.with_columns(pl.lit(planned.content["seq_max"]).alias("seq_max"))
    )
    return None if changed.is_empty() else f"reads of bill `{changed['bill_id'][0]}` have changed"
