"""What a cycle has not billed: by account, with the reason, and whose work it is. Kept as exceptions at the close."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.selection import Cycle, select_due
from cycles.publishing.taken_days import days_taken_back, was_any_taken_back
from cycles.runs.folders import read_manifest, run_folder, run_table
from cycles.runs.known import selectable
from model.codes import ParkReason, RunState, Severity
from model.exceptions import ExceptionCode, Exceptions
from model.ids import content_hash
from model.schema import arranged, empty
from store.control import Connection, insert, query
from store.facts import facts
from store.standing import standing_keys
from store.workspace import Workspace

# Whose work it is when no run has parked the account.
BILLING = "billing"
CANCELLED = "cancelled"
# Open exceptions of accounts with a standing bill in the period: few, and perhaps of a part of it only.
_BILLED_SINCE = """
    SELECT DISTINCT e.exception_id, e.cycle_id FROM "exception" AS e
    JOIN cycles AS c ON c.cycle_id = e.cycle_id AND c.superseded_at IS NULL
    JOIN agreements AS a ON a.account_id = e.subject AND a.superseded_at IS NULL
    JOIN segment_key AS s ON s.agreement_id = a.agreement_id
    WHERE e.code = ? AND e.closed_on IS NULL
    AND s.period_start_date < c.period_end_date AND s.period_end_date > c.period_start_date
    AND s.bill_id NOT IN (SELECT bill_id FROM reversed_bill)
"""
_PARKS: dict[str, pl.DataType] = {
    "agreement_id": pl.String(), "reason": pl.String(), "detail": pl.String(), "owner": pl.String(),
    "run_id": pl.String(), "planned_at": pl.Datetime("us", "UTC"),
}  # fmt: skip


def unbilled_at_close(
    workspace: Workspace, connection: Connection, business_date: date, branches: tuple[str, ...] = ()
) -> DataFrame[Exceptions]:
    """Return the accounts that cycles whose window has closed by a date have left unbilled, as exceptions.

    An account stands once in each cycle; `opened_on` is the day after the window's last. Severity is `fail`: only
    a person can bill it now.
    """
    closed = calendar(connection).filter(pl.col("window_close_date") <= business_date)
    found = [empty(Exceptions)]
    cycles = [Cycle(**row) for row in closed.iter_rows(named=True)]  # a row per cycle
    known = selectable(connection, cycles)
    for cycle in cycles:
        accounts = unbilled_accounts(workspace, connection, cycle, known, branches)
        found.append(unbilled_exceptions(accounts, cycle))
    return arranged(Exceptions, pl.concat(found).sort("branch_id", "cycle_id", "subject"))


def calendar(connection: Connection) -> pl.DataFrame:
    """Return the calendar (model.accounts.BillCycles), in order of windows."""
    return facts(connection, "cycles").sort("window_open_date", "cycle_id")


def unbilled_accounts(
    workspace: Workspace,
    connection: Connection,
    cycle: Cycle,
    known: dict[str, pl.DataFrame],
    branches: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Return the accounts of a cycle with days that no standing bill has, sorted by account.

    account_id, branch_id, agreements (how many), reason (the first, `waiting_for_approval`, `cancelled` or
    `not_planned`), detail, owner, run_id (the last that tried; null when none did), reversal_id (what took the last
    bill of the days back, where nobody has tried since).
    """
    due = select_due(cycle, known, standing_keys(connection), branches)
    tried = due.select("agreement_id", "account_id", "branch_id").join(
        _last_parks(workspace, connection, cycle), on="agreement_id", how="left", validate="1:1"
    )
    taken = _taken_back(due, days_taken_back(connection, known["agreements"]))
    told = _told(tried, _waiting_agreements(workspace, connection, cycle), taken)
    # A sibling waits for the agreement that is parked itself; that one says who has to act.
    ranked = told.with_columns(is_sibling=pl.col("reason") == ParkReason.SIBLING_PARKED.value)
    return (
        ranked.sort("account_id", "is_sibling", "agreement_id")
        .group_by("account_id", maintain_order=True)
        .agg(
            pl.col("branch_id").first(), pl.len().alias("agreements"),
            pl.col("reason", "owner", "run_id", "reversal_id").first(),
            pl.format("agreement {}: {}: {}", "agreement_id", "reason", "detail").first().alias("detail"),
        )
    )  # fmt: skip


def _told(tried: pl.DataFrame, waiting: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Return agreements with what was tried last, is waiting, or was taken back: reason, detail, owner, run_id."""
    is_since = (pl.col("planned_at") > pl.col("taken_at")).fill_null(value=False)
    is_cancelled = pl.col("taken_at").is_not_null() & ~is_since
    before = [pl.when(~is_cancelled).then(name).alias(name) for name in ("reason", "detail", "owner", "run_id")]
    reason = pl.when(pl.col("reversal_id").is_not_null()).then(pl.lit(CANCELLED)).otherwise(pl.lit("not_planned"))
    return (
        tried.join(waiting, on="agreement_id", how="left", validate="1:1")
        .join(taken, on="agreement_id", how="left", validate="1:1")
        .with_columns(*before, pl.when(is_cancelled & pl.col("waiting_run").is_null()).then("reversal_id"))
        .with_columns(
            pl.coalesce("waiting_reason", "reason", reason).alias("reason"),
            pl.coalesce(
                pl.format("run {} can be published, a person has to say so", "waiting_run"), "detail",
                pl.format("{} took bill {} back ({}); bill its days again: billmill rebill plan", "reversal_id",
                          "bill_id", "why"),
                pl.lit("no run has tried"),
            ).alias("detail"),
            pl.when(pl.col("waiting_run").is_null()).then("owner").fill_null(BILLING).alias("owner"),
            pl.coalesce("waiting_run", "run_id").alias("run_id"),
        )
    )  # fmt: skip


def taken_back_since(
    workspace: Workspace, connection: Connection, cycles: Sequence[Cycle], branches: tuple[str, ...] = ()
) -> DataFrame[Exceptions]:
    """Return the accounts of closed cycles whose bill was taken back and whose days nobody billed, as exceptions."""
    known = selectable(connection, cycles) if cycles and was_any_taken_back(connection) else {}
    owed = days_taken_back(connection, known["agreements"]) if known else pl.DataFrame()
    found = [empty(Exceptions)]
    for cycle in cycles if owed.height else ():
        in_period = (pl.col("start_date") < cycle.period_end_date) & (pl.col("end_date") > cycle.period_start_date)
        if owed.filter(in_period).height:
            accounts = unbilled_accounts(workspace, connection, cycle, known, branches)
            found.append(unbilled_exceptions(accounts.filter(pl.col("reversal_id").is_not_null()), cycle))
    return arranged(Exceptions, pl.concat(found))


def record_exceptions(connection: Connection, found: DataFrame[Exceptions], opened_on: date) -> int:
    """Keep exceptions that are not kept yet, as opened on a business date; return how many. In a transaction."""
    known = query(connection, 'SELECT exception_id FROM "exception"')
    new = found.join(known, on="exception_id", how="anti", maintain_order="left")
    insert(connection, "exception", arranged(Exceptions, new.with_columns(opened_on=pl.lit(opened_on))))
    return new.height


def close_settled(workspace: Workspace, connection: Connection, business_date: date) -> int:
    """Close the exceptions of accounts that have been billed since; return how many. In a transaction."""
    billed = query(connection, _BILLED_SINCE, [ExceptionCode.UNBILLED_AT_CLOSE.value])
    if billed.is_empty():
        return 0
    rows = calendar(connection).join(billed, on="cycle_id", how="semi", maintain_order="left")
    cycles = [Cycle(**row) for row in rows.iter_rows(named=True)]  # a row per cycle with such exceptions
    known, still = selectable(connection, cycles), [empty(Exceptions).select("exception_id")]
    for cycle in cycles:
        accounts = unbilled_accounts(workspace, connection, cycle, known)
        still.append(unbilled_exceptions(accounts, cycle).select("exception_id"))
    settled = billed.join(pl.concat(still), on="exception_id", how="anti")["exception_id"].to_list()
    connection.execute(
        'UPDATE "exception" SET closed_on = ? WHERE list_contains(?, exception_id)', [business_date, settled]
    )
    return len(settled)


def unbilled_exceptions(accounts: pl.DataFrame, cycle: Cycle) -> DataFrame[Exceptions]:
    """Return `unbilled_accounts` as exceptions, opened on the day after the window's last."""
    code = ExceptionCode.UNBILLED_AT_CLOSE.value
    # Who was billed and is no longer is another exception than the one that was settled by the bill.
    ids = [
        content_hash(code, cycle.cycle_id, account, *([] if reversal is None else [reversal]))[:16]
        for account, reversal in accounts.select("account_id", "reversal_id").iter_rows()
    ]
    return arranged(
        Exceptions,
        accounts.with_columns(
            pl.Series("exception_id", ids, dtype=pl.String),
            pl.col("account_id").alias("subject"),
            code=pl.lit(code), severity=pl.lit(Severity.FAIL.value), cycle_id=pl.lit(cycle.cycle_id),
            opened_on=pl.lit(cycle.window_close_date), closed_on=pl.lit(None, pl.Date),
        ),
    )  # fmt: skip


def _taken_back(due: pl.DataFrame, owed: pl.DataFrame) -> pl.DataFrame:
    """Return the bill that due agreements had last: agreement_id, bill_id, reversal_id, why, taken_at."""
    days = due.select("agreement_id", "service_point_id", "start_date", "end_date")
    return (
        owed.drop("agreement_id")
        .join(days, on="service_point_id", how="inner", suffix="_due", validate="m:m")
        .filter(pl.col("start_date") < pl.col("end_date_due"), pl.col("start_date_due") < pl.col("end_date"))
        .sort("agreement_id", "taken_at", "revision", "bill_id")
        .unique("agreement_id", keep="last", maintain_order=True)
        .select("agreement_id", "bill_id", "reversal_id", pl.col("reason").alias("why"), "taken_at")
    )


def _last_parks(workspace: Workspace, connection: Connection, cycle: Cycle) -> pl.DataFrame:
    """Return why each agreement was parked when it was tried last: see `_PARKS`."""
    runs = query(
        connection,
        "SELECT run_id, planned_at FROM run WHERE cycle_id = ? AND kind = 'bill' AND parked > 0 "
        "ORDER BY business_date DESC, sequence DESC, run_id DESC",
        [cycle.cycle_id],
    )
    found = [pl.DataFrame(schema=_PARKS)]
    for run, planned_at in runs.iter_rows():
        parked = run_table(workspace, read_manifest(run_folder(workspace, run)), "parked").with_columns(
            run_id=pl.lit(run), planned_at=pl.lit(planned_at, pl.Datetime("us", "UTC"))
        )
        found.append(parked.sort("agreement_id", "start_date").select(list(_PARKS)).collect())
    return pl.concat(found).unique("agreement_id", keep="first", maintain_order=True)


def _waiting_agreements(workspace: Workspace, connection: Connection, cycle: Cycle) -> pl.DataFrame:
    """Return the agreements billed by runs that wait for a person: agreement_id, waiting_run, waiting_reason."""
    states = [RunState.VALIDATED.value, RunState.APPROVED.value]
    sql = "SELECT run_id FROM run WHERE cycle_id = ? AND kind = 'bill' AND list_contains(?, state) ORDER BY run_id"
    schema = {"agreement_id": pl.String, "waiting_run": pl.String, "waiting_reason": pl.String}
    found = [pl.DataFrame(schema=schema)]
    for run in query(connection, sql, [cycle.cycle_id, states])["run_id"].to_list():
        lines = run_table(workspace, read_manifest(run_folder(workspace, run)), "bill_lines").select("agreement_id")
        waiting_reason = pl.lit("waiting_for_approval").alias("waiting_reason")
        found.append(lines.unique().collect().with_columns(pl.lit(run).alias("waiting_run"), waiting_reason))
    return pl.concat(found).unique("agreement_id", keep="first", maintain_order=True)
