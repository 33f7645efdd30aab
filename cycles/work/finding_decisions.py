"""Deciding about findings: accept, estimate, edit, release, assign. Kept as facts in two times; reads never change.

The next run of VEE over the days follows what was decided. An edit is followed once another person approved it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import polars as pl

from cycles.work.decided import Decision, Outcome, needs_owner, subject
from cycles.work.finding_effects import KEPT
from cycles.work.findings import Asked, work_list_of
from model.codes import FindingState
from model.decisions import FindingDecisions
from model.errors import ConfigError, ControlError
from model.schema import arranged
from model.units import READABLE_UNIT, smallest_per
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts, record_facts
from store.workspace import Workspace

SLOT_MAX = 2**31 - 1  # a slot is an int32
_VERBS = {
    FindingState.ACCEPTED: "accepted",
    FindingState.ESTIMATED: "to be estimated",
    FindingState.EDITED: "edited",
    FindingState.OPEN: "released",
}
_UNDECIDED = [FindingState.OPEN.value, FindingState.OVERTAKEN.value]


FindingDecision = Decision[FindingState]


class FindingOutcome(Outcome):
    """What deciding about findings did."""

    things = "findings"


def decide(
    workspace: Workspace, asked: Asked, decision: FindingDecision, *, is_recorded: bool = True
) -> FindingOutcome:
    """Decide about findings. By id all of them are decided or none; by filter those that can be.

    Raises:
        ConfigError: there is no reason given, or a finding named by its id cannot be decided so.
    """
    with control(workspace, purpose="findings") as connection:
        found = work_list_of(workspace, connection, asked, decision.at.date())
        found = found.with_columns(refusal=refusal(decision.state))
        _refuse_named(found, asked)
        taken = found.filter(pl.col("refusal").is_null())
        if not is_recorded or taken.is_empty():
            return FindingOutcome(found, 0, 0, is_recorded=False)
        new, same = _record(connection, taken, decision, values=None)
        return FindingOutcome(found, new, same, is_recorded=True)


def propose_edit(
    workspace: Workspace, finding: str, values: Sequence[int], decision: FindingDecision
) -> FindingOutcome:
    """Propose values for the slots of a finding, in smallest units: one for each slot. Another person approves it.

    Raises:
        ConfigError: the finding has no slots, there are not as many values, or one is below zero or no int32.
    """
    asked = Asked(ids=(finding,))
    with control(workspace, purpose="findings") as connection:
        found = work_list_of(workspace, connection, asked, decision.at.date())
        found = found.with_columns(refusal=refusal(FindingState.EDITED))
        _refuse_named(found, asked)
        slots = slot_count_of(found)
        if len(values) != slots:
            raise ConfigError(f"finding `{finding}`: expected {slots} values, one for each slot, found {len(values)}")
        wrong = [value for value in values if not 0 <= value <= SLOT_MAX]
        if wrong:
            raise ConfigError(f"finding `{finding}`: expected values from 0 to {SLOT_MAX:,}, found {wrong[0]:,}")
        new, same = _record(connection, found, decision, values=",".join(map(str, values)))
        return FindingOutcome(found, new, same, is_recorded=True)


def approve_edits(workspace: Workspace, ids: Sequence[str], *, actor: str, at: datetime) -> FindingOutcome:
    """Approve proposed edits; the next run of VEE puts their values in.

    Raises:
        ConfigError: a finding has no edit that waits.
        ControlError: the same person proposed it.
    """
    with control(workspace, purpose="findings") as connection:
        found = work_list_of(workspace, connection, Asked(ids=tuple(ids)), at.date())
        waits = pl.col("state") == FindingState.PROPOSED.value
        found = found.with_columns(refusal=pl.when(~waits).then(pl.lit("no edit waits for approval")))
        _refuse_named(found, Asked(ids=tuple(ids)))
        held = facts(connection, "finding_decision").join(found, how="semi", on="finding_id")
        own = held.filter(pl.col("decided_by") == actor)
        if own.height:
            raise ControlError(
                f"the edit of finding `{own.item(0, 'finding_id')}` was made by {actor}; the same person cannot "
                "approve it",
                hint="another person approves: billmill findings edit ID --approve --by NAME",
            )
        approved = arranged(FindingDecisions, held.with_columns(approved_by=pl.lit(actor)))
        with transaction(connection):
            counts = record_facts(connection, "finding_decision", approved, recorded_at=at)
            named = subject(found, "finding_id")
            record(connection, at=at, actor=actor, action="approve_edit", subject=named, detail="edits approved")
        return FindingOutcome(found, counts.new + counts.changed, counts.same, is_recorded=True)


def assign(
    workspace: Workspace, asked: Asked, owner: str, *, actor: str, at: datetime, is_recorded: bool = True
) -> FindingOutcome:
    """Give findings to somebody."""
    needs_owner(owner)
    with control(workspace, purpose="findings") as connection:
        found = work_list_of(workspace, connection, asked, at.date())
        found = found.with_columns(refusal=pl.lit(None, dtype=pl.String))
        if not is_recorded or found.is_empty():
            return FindingOutcome(found, 0, 0, is_recorded=False)
        rows = found.select("finding_id", owner=pl.lit(owner), assigned_by=pl.lit(actor))
        with transaction(connection):
            counts = record_facts(connection, "finding_owner", rows, recorded_at=at)
            detail = f"{rows.height} findings given to {owner}"
            record(
                connection,
                at=at,
                actor=actor,
                action="assign_finding",
                subject=subject(found, "finding_id"),
                detail=detail,
            )
        return FindingOutcome(found, counts.new + counts.changed, counts.same, is_recorded=True)


def refusal(state: FindingState) -> pl.Expr:
    """Return why a finding cannot be decided so; null when it can."""
    is_register = pl.col("first_slot").is_null()
    is_kept = pl.col("severity").is_in(KEPT)
    is_left_empty = ~is_kept & pl.col("used").is_null()
    overtaken = (pl.col("state") == FindingState.OVERTAKEN.value, "its day was landed or judged again since")
    mend = "a register reading is mended by landing the right one"
    rules: dict[FindingState, list[tuple[pl.Expr, str]]] = {
        FindingState.ACCEPTED: [
            overtaken,
            (is_register & ~is_kept, f"its readings cannot stand; {mend}"),
            (is_left_empty & pl.col("found").is_null(), "nothing came that could stand; edit it or land the day again"),
        ],
        FindingState.ESTIMATED: [
            overtaken,
            (is_register, mend),
            (is_left_empty, "there is no day to estimate from; edit it or land the day again"),
        ],
        FindingState.EDITED: [overtaken, (is_register, mend)],
        FindingState.OPEN: [(pl.col("state").is_in(_UNDECIDED), "nothing was decided about it")],
    }
    told = pl.lit(None, dtype=pl.String)
    for condition, words in reversed(rules[state]):
        told = pl.when(condition).then(pl.lit(words)).otherwise(told)
    return told


def shared_values(total: Decimal, slots: int, unit: str) -> list[int]:
    """Return a total in the readable unit of `unit` shared evenly over slots, in smallest units; it adds up exactly.

    Raises:
        ConfigError: the total is not a whole number of smallest units.

    >>> shared_values(Decimal("1.001"), 4, "Wh")
    [251, 250, 250, 250]
    """
    whole = smallest_units(total, unit)
    share, rest = divmod(whole, slots)
    return [share + (1 if slot < rest else 0) for slot in range(slots)]


def smallest_units(value: Decimal, unit: str) -> int:
    """Return a value in the readable unit of `unit` as smallest units.

    Raises:
        ConfigError: it is not a whole number of them.
    """
    readable = READABLE_UNIT.get(unit, unit)
    exact = value * (smallest_per(readable) if unit in READABLE_UNIT else 1)
    if exact != exact.to_integral_value():
        raise ConfigError(f"value {value} {readable}: expected whole {unit}", hint="give no more decimals")
    return int(exact)


def slot_count_of(found: pl.DataFrame) -> int:
    """Return how many slots the one finding in `found` concerns."""
    first, last = found.select("first_slot", "last_slot").row(0)
    return int(last) - int(first) + 1


def decision_history(connection: Connection, finding_id: str) -> pl.DataFrame:
    """Return all that was decided about a finding, the first first: at_utc, state, by, approved_by, why."""
    return query(
        connection,
        """SELECT recorded_at AS at_utc, state, decided_by AS by, approved_by, why, slot_values FROM finding_decision
           WHERE finding_id = ? UNION ALL BY NAME
           SELECT recorded_at AS at_utc, 'owner ' || owner AS state, assigned_by AS by FROM finding_owner
           WHERE finding_id = ? ORDER BY at_utc, state""",
        [finding_id, finding_id],
    )


def _record(
    connection: Connection, taken: pl.DataFrame, decision: FindingDecision, *, values: str | None
) -> tuple[int, int]:
    rows = taken.with_columns(
        state=pl.lit(decision.state.value),
        slot_values=pl.lit(values, dtype=pl.String),
        why=pl.lit(decision.why.strip()),
        decided_by=pl.lit(decision.actor),
        approved_by=pl.lit(None, dtype=pl.String),
    )
    with transaction(connection):
        counts = record_facts(connection, "finding_decision", arranged(FindingDecisions, rows), recorded_at=decision.at)
        detail = f"{rows.height} findings {_VERBS[decision.state]}: {decision.why.strip()}"
        record(
            connection, at=decision.at, actor=decision.actor, action="decide_finding",
            subject=subject(taken, "finding_id"), detail=detail,
        )  # fmt: skip
    return counts.new + counts.changed, counts.same


def _refuse_named(found: pl.DataFrame, asked: Asked) -> None:
    left = found.filter(pl.col("refusal").is_not_null())
    if asked.ids and left.height:
        row = left.row(0, named=True)
        raise ConfigError(
            f"finding `{row['finding_id']}` ({row['rule']} {row['reason']}, {row['severity']}, {row['state']}): "
            f"{row['refusal']}",
            hint=f"billmill findings show {row['finding_id']}",
        )
