"""Deciding about exceptions: accept, take back, exclude the bill, give to somebody. One by one or in bulk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cycles.review.exclusions import exclude_in, void_approvals
from cycles.work.decided import Decision, Outcome, needs_owner, subject
from cycles.work.exceptions import AskedExceptions, exceptions_of
from model.codes import RunState
from model.errors import ConfigError
from model.review import ExceptionDecisions, ReviewSeverity, ReviewState
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import record_facts
from store.workspace import Workspace

_VERBS = {ReviewState.ACCEPTED: "accepted", ReviewState.OPEN: "released", ReviewState.EXCLUDED: "excluded"}


ExceptionDecision = Decision[ReviewState]


@dataclass(frozen=True)
class ExceptionOutcome(Outcome):
    """What deciding about exceptions did."""

    things = "exceptions"
    voided: tuple[str, ...] = ()
    """Branches whose approval became void."""


def decide_exceptions(
    workspace: Workspace, asked: AskedExceptions, decision: ExceptionDecision, *, is_recorded: bool = True
) -> ExceptionOutcome:
    """Decide about exceptions. By id all of them are decided or none; by filter those that can be.

    Accepting lets a stopped bill go out; excluding keeps the bill out of its run; releasing takes either back.

    Raises:
        ConfigError: there is no reason given, or an exception named by its id cannot be decided so.
    """
    with control(workspace, purpose="exceptions") as connection:
        found = exceptions_of(workspace, connection, asked, decision.at.date())
        found = found.with_columns(refusal=_refusal(decision.state))
        _refuse_named(found, asked)
        taken = found.filter(pl.col("refusal").is_null())
        if not is_recorded or taken.is_empty():
            return ExceptionOutcome(found, 0, 0, is_recorded=False)
        if decision.state is ReviewState.EXCLUDED:
            return _exclude(workspace, connection, found, taken, decision)
        new, same, voided = _record(workspace, connection, taken, decision)
        return ExceptionOutcome(found, new, same, is_recorded=True, voided=voided)


def assign_exceptions(
    workspace: Workspace, asked: AskedExceptions, owner: str, *, actor: str, at: datetime, is_recorded: bool = True
) -> ExceptionOutcome:
    """Give exceptions to somebody."""
    needs_owner(owner)
    with control(workspace, purpose="exceptions") as connection:
        found = exceptions_of(workspace, connection, asked, at.date())
        found = found.with_columns(refusal=pl.lit(None, dtype=pl.String))
        if not is_recorded or found.is_empty():
            return ExceptionOutcome(found, 0, 0, is_recorded=False)
        rows = found.select("exception_id", owner=pl.lit(owner), assigned_by=pl.lit(str(actor)))
        with transaction(connection):
            counts = record_facts(connection, "exception_owner", rows, recorded_at=at)
            new = counts.new + counts.changed
            if new:
                detail = f"{new} exceptions given to {owner}"
                named = subject(found, "exception_id")
                record(connection, at=at, actor=actor, action="assign_exception", subject=named, detail=detail)
        return ExceptionOutcome(found, new, counts.same, is_recorded=True)


def exception_history(connection: Connection, exception_id: str) -> pl.DataFrame:
    """Return all that was decided about an exception, the first first: at_utc, state, by, why."""
    return query(
        connection,
        """SELECT recorded_at AS at_utc, state, decided_by AS by, why FROM exception_decision WHERE exception_id = ?
           UNION ALL BY NAME
           SELECT recorded_at AS at_utc, 'owner ' || owner AS state, assigned_by AS by FROM exception_owner
           WHERE exception_id = ?
           UNION ALL BY NAME
           SELECT recorded_at AS at_utc, state, decided_by AS by, why FROM bill_exclusion
           WHERE starts_with(?, bill_id || '/') ORDER BY at_utc, state""",
        [exception_id] * 3,
    )


def _refusal(state: ReviewState) -> pl.Expr:
    """Return why an exception cannot be decided so; null when it can."""
    current, source, run_state = pl.col("state"), pl.col("source"), pl.col("run_state")
    is_past = current == ReviewState.PAST.value
    is_computed = run_state.is_in([RunState.VALIDATED.value, RunState.APPROVED.value]).fill_null(False)
    told = pl.when(is_past).then(pl.lit("its bill is published"))
    match state:
        case ReviewState.EXCLUDED:
            return told.when(source != "bill").then(pl.lit("it has no bill to keep out")).when(~is_computed).then(
                pl.lit("its run is published")
            )  # fmt: skip
        case ReviewState.OPEN:
            decided = [ReviewState.ACCEPTED.value, ReviewState.EXCLUDED.value]
            return told.when(~current.is_in(decided)).then(pl.lit("nothing was decided about it")).when(
                (source == "bill") & ~is_computed
            ).then(pl.lit("its bill is published"))  # fmt: skip
        case _:
            return told.when((source == "bill") & ~is_computed).then(pl.lit("its bill is published"))


def _exclude(
    workspace: Workspace, connection: Connection, found: pl.DataFrame, taken: pl.DataFrame, decision: ExceptionDecision
) -> ExceptionOutcome:
    new, same, voided = 0, 0, set[str]()
    for run in taken["run_id"].unique().sort():
        bills = taken.filter(pl.col("run_id") == run)["bill_id"].unique().to_list()
        done = exclude_in(
            workspace, connection, run, bills=bills, accounts=(), why=decision.why, is_excluded=True, at=decision.at,
            actor=decision.actor,
        )  # fmt: skip
        new, same, voided = new + done.new, same + done.same, voided | set(done.voided)
    return ExceptionOutcome(found, new, same, is_recorded=True, voided=tuple(sorted(voided)))


def _record(
    workspace: Workspace, connection: Connection, taken: pl.DataFrame, decision: ExceptionDecision
) -> tuple[int, int, tuple[str, ...]]:
    """Record that exceptions are accepted or open again; what was excluded is included again when taken back."""
    new = same = 0
    voided = set[str]()
    back = taken.filter(pl.col("state") == ReviewState.EXCLUDED.value)
    if decision.state is ReviewState.OPEN:
        for run in back["run_id"].unique().sort():
            bills = back.filter(pl.col("run_id") == run)["bill_id"].unique().to_list()
            done = exclude_in(
                workspace, connection, run, bills=bills, accounts=(), why=decision.why, is_excluded=False,
                at=decision.at, actor=decision.actor,
            )  # fmt: skip
            new, same, voided = new + done.new, same + done.same, voided | set(done.voided)
        taken = taken.filter(pl.col("state") != ReviewState.EXCLUDED.value)
    if taken.is_empty():
        return new, same, tuple(sorted(voided))
    rows = taken.with_columns(
        pl.col("run_id").fill_null(""), state=pl.lit(decision.state.value), why=pl.lit(decision.why.strip()),
        decided_by=pl.lit(str(decision.actor)),
    )  # fmt: skip
    with transaction(connection):
        counts = record_facts(
            connection, "exception_decision", arranged(ExceptionDecisions, rows), recorded_at=decision.at
        )
        changed = counts.new + counts.changed
        if changed:
            stops = taken.filter(pl.col("severity") == ReviewSeverity.STOP.value)
            for run, branches in stops.group_by("run_id").agg(pl.col("branch_id").unique()).sort("run_id").iter_rows():
                voided |= set(void_approvals(workspace, connection, run, branches, at=decision.at))
            detail = f"{changed} exceptions {_VERBS[decision.state]}: {decision.why.strip()}"
            record(
                connection, at=decision.at, actor=decision.actor, action="decide_exception",
                subject=subject(taken, "exception_id"), detail=detail,
            )  # fmt: skip
    return new + changed, same + counts.same, tuple(sorted(voided))


def _refuse_named(found: pl.DataFrame, asked: AskedExceptions) -> None:
    left = found.filter(pl.col("refusal").is_not_null())
    if asked.ids and left.height:
        row = left.row(0, named=True)
        raise ConfigError(
            f"exception `{row['exception_id']}` ({row['severity']}, {row['state']}): {row['refusal']}",
            hint=f"billmill exceptions show {row['exception_id']}",
        )
