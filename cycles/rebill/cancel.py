"""`bill cancel`: a run that takes published bills back, each by a bill that negates it line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from cycles.asked import check_known, check_why
from cycles.books.acts import refuse_closed
from cycles.publishing.left_behind import left_behind, refuse_followed, restored
from cycles.publishing.published_rows import bill_runs, standing_rows
from cycles.runs.folders import read_manifest, run_folder
from cycles.runs.inputs import last_load
from cycles.runs.plan import Planned, as_parquet, keep_plan, reread, same_or_refused
from cycles.runs.records import find_run, planned_row
from ledger.reversal import SUFFIX
from model.codes import RunKind, RunState
from model.corrections import Reversals
from model.errors import ConfigError
from model.ids import content_hash, run_id
from model.rating import DueAgreements
from model.schema import arranged, empty
from store.code import code_version
from store.control import Connection, control, query
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

# Negating takes a partition of this many bills a second or two.
BILLS_PER_PARTITION = 50_000


@dataclass(frozen=True)
class CancelRequest:
    """Which bills to take back: those that are named, or all that stand of some accounts, runs, cycles or branches."""

    bills: tuple[str, ...]
    """Bills or invoice numbers"""
    accounts: tuple[str, ...]
    runs: tuple[str, ...]
    cycles: tuple[str, ...]
    branches: tuple[str, ...]
    reason: str
    business_date: date
    sequence: int
    known_at: datetime
    actor: str


def plan_cancel(workspace: Workspace, request: CancelRequest) -> Planned:
    """Plan a run that takes bills back; asking again for the same gives the same.

    Raises:
        ConfigError: a bill is not known, not published, taken back already, or takes back another; none is meant.
        ControlError: the period is closed, or a later bill rests on what one of them left.
        StaleError: a run of this identity exists with other inputs.
    """
    check_why(request.reason)
    with control(workspace, purpose="bill cancel") as connection:
        refuse_closed(connection, request.business_date, "taking bills back")
        asked = content_hash(
            *sorted(request.bills), "|", *sorted(request.accounts), "|", *sorted(request.runs), "|",
            *sorted(request.cycles), "|", *sorted(request.branches),
        )[:12]  # fmt: skip
        name = run_id(RunKind.CANCEL, asked, request.business_date, request.sequence)
        existing = find_run(connection, name)
        if existing is not None and existing["state"] == RunState.PUBLISHED:
            return reread(workspace, existing)
        bills = _chosen(workspace, connection, request)
        left = left_behind(workspace, bills)
        refuse_followed(workspace, connection, left)
        before = restored(connection, left, request.known_at)
        frames = {
            "due.parquet": as_parquet(empty(DueAgreements)),
            "reversals.parquet": as_parquet(_reversals(bills, request.reason)),
            "banks.parquet": as_parquet(before.banks_now),
            "restored_banks.parquet": as_parquet(before.banks),
            "dropped_banks.parquet": as_parquet(before.dropped_banks),
            "dropped_history.parquet": as_parquet(before.dropped_history),
        }
        plan = _content(workspace, connection, request, name, bills, frames)
        if existing is not None:
            return same_or_refused(workspace, existing, plan)
        detail = f"takes back {bills.height} bills: {request.reason}"
        row = planned_row(
            plan, sorted(request.branches), request.business_date, at=request.known_at, actor=request.actor,
            sequence=request.sequence,
        )  # fmt: skip
        return keep_plan(workspace, connection, plan, frames, row, detail)


def _chosen(workspace: Workspace, connection: Connection, request: CancelRequest) -> pl.DataFrame:
    """Return the bills to take back (model.bills.Bills, run_id): the named ones, cut with the other conditions."""
    named = _named(workspace, connection, request.bills)
    check_known(connection, "account", request.accounts)
    check_known(connection, "run", request.runs)
    check_known(connection, "cycle", request.cycles)
    check_known(connection, "branch", request.branches)
    given = {
        "bill_id": named, "account_id": request.accounts, "cycle_id": request.cycles, "branch_id": request.branches
    }  # fmt: skip
    if not any(given.values()) and not request.runs:
        raise ConfigError("no bill is named", hint="name bills, or choose them: --account, --run, --cycle, --branch")
    chosen = [pl.col(column).is_in(list(values)) for column, values in given.items() if values]
    found = standing_rows(workspace, connection, pl.all_horizontal(pl.lit(True), *chosen))
    if request.runs:
        found = found.filter(pl.col("run_id").is_in(list(request.runs)))
    if named and found.height < len(named):
        lost = sorted(set(named) - set(found["bill_id"]))[0]
        raise ConfigError(
            f"bill `{lost}` is left out by the other options", hint="name bills, or choose them by option"
        )
    if found.is_empty():
        raise ConfigError("no standing bill is meant by these options", hint='billmill query "SELECT * FROM bills"')
    return found


def _named(workspace: Workspace, connection: Connection, names: tuple[str, ...]) -> list[str]:
    """Return the bills that are named, by id or by invoice number.

    Raises:
        ConfigError: one is not known, not published, taken back already, or takes back another.
    """
    if not names:
        return []
    wanted = pl.Series(list(dict.fromkeys(names)))
    files = lake_files(connection, "invoices")
    invoices = (
        scan_lake(workspace, files) if files else pl.LazyFrame(schema={"invoice_no": pl.String, "bill_id": pl.String})
    )
    numbers = invoices.filter(pl.col("invoice_no").is_in(wanted.implode())).select("invoice_no", "bill_id").collect()
    by_number = dict(numbers.iter_rows())
    bills = [by_number.get(name, name) for name in wanted.to_list()]
    made = set(query(connection, "SELECT DISTINCT bill_id FROM segment_key")["bill_id"])
    back = dict(query(connection, "SELECT bill_id, reversal_id FROM reversed_bill").iter_rows())
    for bill in bills:
        if bill in back.values():
            raise ConfigError(
                f"bill `{bill}` takes back `{bill.removesuffix(SUFFIX)}`; a reversal is never taken back",
                hint="bill its days again: billmill cycle plan, or billmill rebill plan",
            )
        if bill not in made:
            raise ConfigError(
                f"bill `{bill}` is not known, or not published yet",
                hint="what is not published is given up with its run: billmill cycle abandon RUN",
            )
        if bill in back:
            raise ConfigError(f"bill `{bill}` was taken back already, by `{back[bill]}`", hint="nothing is left to do")
    return sorted(set(bills))


def _reversals(bills: pl.DataFrame, reason: str) -> pl.DataFrame:
    ordered = bills.sort("branch_id", "account_id", "bill_id").with_row_index("place")
    frame = ordered.with_columns(
        (pl.col("bill_id") + SUFFIX).alias("reversal_id"),
        pl.lit(reason).alias("reason"),
        (pl.col("place") // BILLS_PER_PARTITION).cast(pl.Int32).alias("partition"),
    )
    return arranged(Reversals, frame)


def _content(
    workspace: Workspace,
    connection: Connection,
    request: CancelRequest,
    name: str,
    bills: pl.DataFrame,
    frames: dict[str, bytes],
) -> dict[str, Any]:
    files = {file_name: content_hash(data) for file_name, data in sorted(frames.items())}
    sources = {run: read_manifest(run_folder(workspace, run))["digest"] for run in bill_runs(bills)}
    return {
        "run_id": name,
        "kind": RunKind.CANCEL.value,
        "reason": request.reason,
        "business_date": request.business_date.isoformat(),
        "sequence": request.sequence,
        "known_at": request.known_at.isoformat(),
        "seq_max": last_load(connection),
        "code_version": code_version(),
        "fingerprint": content_hash(*files.values(), *sources.values(), code_version()),
        "selected": 0,
        "accounts": bills["account_id"].n_unique(),
        "partitions": -(-bills.height // BILLS_PER_PARTITION),
        "files": files,
        "inputs": {},
        "sources": sources,
        "taken_back": bills.height,
        "total_minor": int(bills["total_minor"].sum()),
    }
