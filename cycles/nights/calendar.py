"""The calendar in the books: a year of cycles taken over, and what each cycle has come to."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.calendar_dates import overlapping_cycles
from accounts.reading import DETAIL, LINE
from accounts.selection import Cycle, grouped_accounts
from cycles.asked import check_known
from cycles.runs.known import selectable
from cycles.runs.unbilled import CANCELLED, calendar, unbilled_accounts
from model.accounts import BillCycles
from model.codes import RunState
from model.errors import ConfigError
from model.schema import column_names
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import FactCounts, facts, record_facts
from store.standing import standing_keys
from store.workspace import Workspace

# Two months: what closed before is asked for by name.
_LISTED_AFTER_CLOSE = timedelta(days=62)
_COUNTS = {"cycle_id": pl.String, "accounts": pl.Int64, "billed": pl.Int64, "waiting": pl.Int64, "parked": pl.Int64}


def keep_calendar(workspace: Workspace, cycles: DataFrame[BillCycles], *, at: datetime, actor: str) -> FactCounts:
    """Record cycles; recording the same again changes nothing.

    Raises:
        ConfigError: a branch is not known, a cycle that has been planned would become another one, or two of a group
            share days.
    """
    with control(workspace, purpose="cycle calendar") as connection, transaction(connection):
        _refuse_unknown_branches(connection, cycles)
        _refuse_begun(connection, cycles)
        _refuse_overlaps(connection, cycles)
        counts = record_facts(connection, "cycles", cycles, recorded_at=at)
        if counts.new or counts.changed:
            detail = f"{counts.new} new, {counts.changed} changed, {counts.same} same"
            names = cycles["cycle_id"].sort().to_list()
            record(
                connection, at=at, actor=actor, action="calendar", subject=f"{names[0]} to {names[-1]}", detail=detail
            )
    return counts


def list_cycles(
    workspace: Workspace, business_date: date, *, branches: tuple[str, ...] = (), states: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Return the cycles in order of windows, with state (upcoming, open, closed) on a date and accounts.

    accounts = billed + waiting (computed, a person has not said yet that it goes out) + parked + unbilled (no run has
    tried). Upcoming cycles are not counted. Unless `states` are named, cycles that closed long ago are left out.
    """
    with control(workspace, purpose="cycle list") as connection:
        state = (
            pl.when(pl.col("window_open_date") > business_date).then(pl.lit("upcoming"))
            .when(pl.col("window_close_date") > business_date).then(pl.lit("open")).otherwise(pl.lit("closed"))
        )  # fmt: skip
        rows = calendar(connection).with_columns(state=state)
        if branches:
            check_known(connection, "branch", branches)
            rows = rows.filter(pl.col("branch_id").is_null() | pl.col("branch_id").is_in(list(branches)))
        recent = pl.col("window_close_date") > business_date - _LISTED_AFTER_CLOSE
        rows = rows.filter(pl.col("state").is_in(list(states)) if states else recent)
        counted = _counted(workspace, connection, rows.filter(pl.col("state") != "upcoming"), branches)
    joined = rows.join(counted, on="cycle_id", how="left", validate="1:1", maintain_order="left")
    unbilled = pl.col("accounts") - pl.col("billed") - pl.col("waiting") - pl.col("parked")
    return joined.select(
        "cycle_id", "state", "bill_group", "branch_id", "period_start_date", "period_end_date", "window_open_date",
        "window_close_date", "estimate_date", "bill_date", "due_date", "accounts", "billed", "waiting", "parked",
        unbilled.alias("unbilled"),
    )  # fmt: skip


def nothing_listed(workspace: Workspace, business_date: date) -> str:
    """Return why `list_cycles` has no rows: there is no calendar, or none of it is near the date."""
    with control(workspace, purpose="cycle list") as connection:
        rows = calendar(connection)
    if rows.is_empty():
        return "no cycles; make them: billmill cycle calendar --year YEAR --groups NUMBER --apply"
    first, last = rows.select(pl.col("window_open_date").min(), pl.col("window_close_date").max()).row(0)
    return (
        f"none of the {rows.height:,} cycles of the calendar is meant on {business_date}; their windows are from "
        f"{first} to {last}: billmill cycle list --state closed, or --business-date DATE"
    )


def find_cycle(connection: Connection, cycle_id: str) -> Cycle:
    """Return a cycle of the calendar.

    Raises:
        ConfigError: there is none of this name.
    """
    rows = calendar(connection)
    found = rows.filter(pl.col("cycle_id") == cycle_id)
    if found.is_empty():
        known = ", ".join(rows["cycle_id"].tail(8).to_list()) or "none: billmill cycle calendar --year YEAR --apply"
        raise ConfigError(f"cycle `{cycle_id}` is not in the calendar", hint=f"known cycles: {known}")
    return Cycle(**found.row(0, named=True))


def _counted(
    workspace: Workspace, connection: Connection, rows: pl.DataFrame, branches: tuple[str, ...]
) -> pl.DataFrame:
    known, stands = selectable(connection), standing_keys(connection)
    accounts = grouped_accounts(known)
    if branches:
        accounts = accounts.filter(pl.col("branch_id").is_in(list(branches)))
    counts = []
    for row in rows.select(column_names(BillCycles)).iter_rows(named=True):  # a row per cycle
        cycle = Cycle(**row)
        left = unbilled_accounts(workspace, connection, cycle, known, branches)
        supplied = _supplied(known, accounts, cycle)
        billed = supplied.join(
            stands.filter(
                pl.col("period_start_date") < cycle.period_end_date, pl.col("period_end_date") > cycle.period_start_date
            ),
            on="agreement_id", how="semi",
        ).join(left, on="account_id", how="anti")  # fmt: skip
        waiting = int((left["reason"] == "waiting_for_approval").sum())
        untried = int(left["reason"].is_in(["not_planned", CANCELLED]).sum())
        counts.append((
            cycle.cycle_id, billed["account_id"].n_unique() + left.height, billed["account_id"].n_unique(), waiting,
            left.height - waiting - untried,
        ))  # fmt: skip
    return pl.DataFrame(counts, schema=_COUNTS, orient="row")


def _supplied(known: dict[str, pl.DataFrame], accounts: pl.DataFrame, cycle: Cycle) -> pl.DataFrame:
    """Return the agreements of a cycle's accounts that ran in its period: agreement_id, account_id."""
    mine = accounts.filter(pl.col("bill_group") == cycle.bill_group)
    if cycle.branch_id is not None:
        mine = mine.filter(pl.col("branch_id") == cycle.branch_id)
    ran = (pl.col("start_date") < cycle.period_end_date) & (
        pl.col("end_date").is_null() | (pl.col("end_date") > cycle.period_start_date)
    )
    return known["agreements"].filter(ran).join(mine, on="account_id", how="semi").select("agreement_id", "account_id")


def _refuse_unknown_branches(connection: Connection, cycles: pl.DataFrame) -> None:
    known = facts(connection, "branches")["branch_id"].to_list()
    for branch in cycles["branch_id"].drop_nulls().unique().sort():
        if branch not in known:
            raise ConfigError(f"branch `{branch}` is not known", hint=f"known branches: {', '.join(known) or 'none'}")


def _refuse_overlaps(connection: Connection, cycles: pl.DataFrame) -> None:
    lined = cycles.with_row_index(LINE).with_columns(pl.col(LINE).cast(pl.Int64))
    found = overlapping_cycles(lined, facts(connection, "cycles").join(cycles, on="cycle_id", how="anti"))
    if found.height:
        first = found.row(0, named=True)
        raise ConfigError(
            f"cycle `{cycles['cycle_id'][first[LINE]]}` shares days with another: {first[DETAIL]}",
            hint="leave its month out, or change the other one: --out cycles.csv, then billmill accounts import",
        )


def _refuse_begun(connection: Connection, cycles: pl.DataFrame) -> None:
    planned = query(connection, "SELECT DISTINCT cycle_id FROM run WHERE state <> ?", [RunState.ABANDONED.value])
    before = facts(connection, "cycles").join(planned, on="cycle_id", how="semi")
    now = cycles.join(before, on="cycle_id", how="semi").sort("cycle_id")
    moved = now.join(before, on=now.columns, how="anti", nulls_equal=True)
    if moved.height:
        raise ConfigError(
            f"cycle `{moved['cycle_id'][0]}` has been planned; its dates would become others",
            hint="leave its month out, or abandon its runs first",
        )
