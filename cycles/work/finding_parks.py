"""Which findings keep an account from being billed: parked in the last run, or would be in the next."""

from __future__ import annotations

import polars as pl

from cycles.runs.folders import read_manifest, run_folder, run_table
from cycles.work.finding_effects import KEPT
from model.codes import FindingState, ParkReason
from store.control import Connection, query
from store.standing import standing_keys
from store.workspace import Workspace

# What a finding can be the cause of; a missing reading leaves no finding.
_READS = [ParkReason.INTERVALS_MISSING.value, ParkReason.READ_REJECTED.value]


def with_parks(workspace: Workspace, connection: Connection, findings: pl.DataFrame) -> pl.DataFrame:
    """Add `parks`: `parked` when the last run parked the agreement for its reads on that day, `would` when a run would.

    A finding would park when it leaves something empty or rejected, nothing was decided, and its day is not billed.
    """
    parked = _parked_days(workspace, connection)
    keys = standing_keys(connection).select("agreement_id", "period_start_date", "period_end_date")
    day = pl.col("lived_day")
    own = findings.select("finding_id", "agreement_id", "lived_day").drop_nulls()
    is_parked = own.join(parked, how="inner", on="agreement_id", validate="m:m").filter(
        day.is_between("start_date", "end_date", closed="left")
    )
    is_billed = own.join(keys, how="inner", on="agreement_id", validate="m:m").filter(
        day.is_between("period_start_date", "period_end_date", closed="left")
    )
    leaves_nothing = ~pl.col("severity").is_in(KEPT) & pl.col("used").is_null()
    waits = leaves_nothing & pl.col("state").is_in([FindingState.OPEN.value, FindingState.PROPOSED.value])
    named = pl.col("finding_id")
    return findings.with_columns(
        parks=pl.when(waits & named.is_in(is_parked["finding_id"].implode()))
        .then(pl.lit("parked"))
        .when(waits & pl.col("agreement_id").is_not_null() & ~named.is_in(is_billed["finding_id"].implode()))
        .then(pl.lit("would"))
        .otherwise(pl.lit(""))
    )


def _parked_days(workspace: Workspace, connection: Connection) -> pl.DataFrame:
    """Return the agreements that the last run which got so far parked for their reads: with the days due."""
    rows = query(
        connection,
        "SELECT run_id FROM run WHERE kind = 'bill' AND state NOT IN ('planned', 'abandoned') "
        "ORDER BY planned_at DESC, run_id DESC",
    )
    for run in rows["run_id"]:
        folder = run_folder(workspace, run)
        if (folder / "manifest.json").is_file():
            parked = run_table(workspace, read_manifest(folder), "parked").collect()
            return parked.filter(pl.col("reason").is_in(_READS)).select("agreement_id", "start_date", "end_date")
    return pl.DataFrame(schema={"agreement_id": pl.String, "start_date": pl.Date, "end_date": pl.Date})
