"""Bills that a run is published without: those that somebody excludes, and those that a check stopped.

Nothing of a computed run changes. What is kept out is a list, kept in two times; publishing writes the run's tables
without it, and the accounts stay due.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from cycles.review.bill_findings import bill_findings
from cycles.runs.folders import RELEASED, run_folder, run_table, staged_manifest
from cycles.runs.records import change_state, refused_state, the_run
from model.codes import RunKind, RunState
from model.errors import ConfigError, ControlError
from model.review import BillExclusions, ReviewSeverity
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, transaction
from store.facts import facts, record_facts
from store.files import remove
from store.roles import refuse_strange
from store.workspace import Workspace

KEPT_OUT = {"bill_id": pl.String(), "account_id": pl.String(), "branch_id": pl.String(), "detail": pl.String()}
_OPEN = {RunState.VALIDATED, RunState.APPROVED}


@dataclass(frozen=True)
class Excluded:
    """What excluding or including did: bills newly decided, those that were so before, branches to approve again."""

    bills: list[str]
    new: int
    same: int
    voided: list[str]


def exclude_bills(
    workspace: Workspace, run_id: str, *, bills: Collection[str] = (), accounts: Collection[str] = (), why: str,
    is_excluded: bool, at: datetime, actor: str,
) -> Excluded:  # fmt: skip
    """Keep bills of a run out of what is published, or let them in again. An approval of their branch becomes void.

    Raises:
        ConfigError: there is no reason, or a bill or an account is not in the run.
        ControlError: the run is not between validated and published.
    """
    with control(workspace, purpose="cycle exclude") as connection:
        return exclude_in(
            workspace, connection, run_id, bills=bills, accounts=accounts, why=why, is_excluded=is_excluded, at=at,
            actor=actor,
        )  # fmt: skip


def exclude_in(
    workspace: Workspace, connection: Connection, run_id: str, *, bills: Collection[str], accounts: Collection[str],
    why: str, is_excluded: bool, at: datetime, actor: str,
) -> Excluded:  # fmt: skip
    """Do `exclude_bills` under a connection that is open already."""
    if not why.strip():
        raise ConfigError("option --why: expected a reason, found nothing", hint="say in a sentence why")
    row = open_run(connection, run_id)
    if row["kind"] not in {RunKind.BILL, RunKind.FINAL}:
        raise ConfigError(
            f"run `{run_id}` is a {row['kind']} run: its bills belong together",
            hint=f"billmill cycle abandon {run_id}, then plan it again without the bill",
        )
    chosen = _chosen(workspace, run_id, bills, accounts)
    refuse_strange(workspace, chosen["branch_id"].unique().to_list(), f"run `{run_id}`")
    state = "excluded" if is_excluded else "included"
    rows = chosen.with_columns(
        run_id=pl.lit(run_id), state=pl.lit(state), why=pl.lit(why.strip()), decided_by=pl.lit(str(actor))
    )
    if not is_excluded:
        rows = rows.join(_excluded(connection, run_id), on="bill_id", how="semi")
    with transaction(connection):
        counts = record_facts(connection, "bill_exclusion", arranged(BillExclusions, rows), recorded_at=at)
        new = counts.new + counts.changed
        branches = sorted(rows["branch_id"].unique().to_list()) if new else []
        voided = void_approvals(workspace, connection, run_id, branches, at=at)
        if new:
            detail = f"{new} bills {state}: {why.strip()}" + (f"; void: {', '.join(voided)}" if voided else "")
            action = "exclude" if is_excluded else "include"
            record(connection, at=at, actor=actor, action=action, subject=run_id, detail=detail)
    return Excluded(sorted(rows["bill_id"].to_list()), new, counts.same, voided)


def open_run(connection: Connection, run_id: str) -> dict[str, Any]:
    """Return the row of a run that is computed and not published.

    Raises:
        ControlError: it is not.
    """
    row = the_run(connection, run_id)
    state = RunState(row["state"])
    if state not in _OPEN:
        if state in {RunState.PLANNED, RunState.STAGED}:
            raise ControlError(
                f"run `{run_id}` is {state.value}: it has no bills to decide about yet",
                hint=f"next: billmill cycle run {run_id}",
            )
        raise refused_state(run_id, state, RunState.APPROVED)
    return row


def kept_out(workspace: Workspace, connection: Connection, run_id: str) -> pl.DataFrame:
    """Return the bills that a run is published without, as `KEPT_OUT`, in order of bill.

    Somebody excluded them, or a check stopped them and nobody has accepted that.
    """
    excluded = _excluded(connection, run_id)
    asked = excluded.select(
        "bill_id", "account_id", "branch_id", detail=pl.format("excluded by {}: {}", "decided_by", "why")
    )
    accepted = facts(connection, "exception_decision").filter(pl.col("state") == "accepted")
    stops = (
        bill_findings(workspace, run_id)
        .filter(pl.col("severity") == ReviewSeverity.STOP.value)
        .join(accepted, left_on="finding_id", right_on="exception_id", how="anti")
        .join(asked, on="bill_id", how="anti")
        .group_by("bill_id", "account_id", "branch_id")
        .agg(detail=pl.format("{}: {}", "code", "detail").sort().str.join("; "))
    )
    both = pl.concat([asked, stops.with_columns(pl.format("stopped by {}", "detail").alias("detail"))])
    return both.select(list(KEPT_OUT)).sort("bill_id")


def void_approvals(
    workspace: Workspace, connection: Connection, run_id: str, branches: Collection[str], *, at: datetime
) -> list[str]:
    """Make the approvals of branches of a run void; return those that were approved. The run waits for them again.

    Call it inside the transaction of what changed.
    """
    held = facts(connection, "approval").filter(
        pl.col("run_id") == run_id, pl.col("branch_id").is_in(list(branches)), pl.col("state") == "approved"
    )
    # What an interrupted publish had written is of another list.
    remove(run_folder(workspace, run_id) / RELEASED)
    if held.is_empty():
        return []
    record_facts(connection, "approval", held.with_columns(state=pl.lit("void")), recorded_at=at)
    if RunState(the_run(connection, run_id)["state"]) == RunState.APPROVED:
        change_state(connection, run_id, RunState.VALIDATED, approved_by=None)
    return sorted(held["branch_id"].unique().to_list())


def _excluded(connection: Connection, run_id: str) -> pl.DataFrame:
    found = facts(connection, "bill_exclusion")
    return found.filter(pl.col("run_id") == run_id, pl.col("state") == "excluded")


def _chosen(workspace: Workspace, run_id: str, bills: Collection[str], accounts: Collection[str]) -> pl.DataFrame:
    manifest = staged_manifest(run_folder(workspace, run_id))
    known = run_table(workspace, manifest, "bills").select("bill_id", "account_id", "branch_id").collect()
    for name, asked in (("bill_id", bills), ("account_id", accounts)):
        strange = sorted(set(asked) - set(known[name].to_list()))
        if strange:
            raise ConfigError(
                f"{name.removesuffix('_id')} `{strange[0]}` has no bill in run `{run_id}`",
                hint="what is parked is not billed anyway: billmill exceptions list",
            )
    chosen = known.filter(pl.col("bill_id").is_in(list(bills)) | pl.col("account_id").is_in(list(accounts)))
    if chosen.is_empty():
        raise ConfigError("expected bills or accounts, found none", hint="--account A1, --bill ID or --list FILE.csv")
    return chosen
