"""Between staged and published: approval by a second person, abandoning, and where a run stands."""

from __future__ import annotations

from datetime import datetime

from cycles.records import change_state, the_run
from model.codes import RunState
from model.errors import ControlError
from store.audit import record
from store.control import control, transaction
from store.workspace import Workspace


def approve_run(workspace: Workspace, run_id: str, *, at: datetime, actor: str) -> bool:
    """Approve a validated run; return False when this person had approved it already.

    Raises:
        ControlError: the run is not validated, or the approver planned it.
    """
    with control(workspace, purpose="cycle approve") as connection, transaction(connection):
        row = the_run(connection, run_id)
        if row["state"] in {RunState.APPROVED, RunState.PUBLISHED} and row["approved_by"] == actor:
            return False
        if row["state"] == RunState.VALIDATED and row["planned_by"] == actor:
            raise ControlError(
                f"run `{run_id}` was planned by {actor}; the same person cannot approve it",
                hint=f"another person approves: billmill cycle approve {run_id} --by NAME",
            )
        change_state(connection, run_id, RunState.APPROVED, approved_by=actor)
        detail = f"planned by {row['planned_by']}, {row['billed']} billed, {row['parked']} parked"
        record(connection, at=at, actor=actor, action="approve", subject=run_id, detail=detail)
    return True


def abandon_run(workspace: Workspace, run_id: str, *, at: datetime, actor: str) -> None:
    """Give up a run that is not published; its files stay, and nothing counts them.

    Raises:
        ControlError: it is published: a published run is undone by a reversing run.
    """
    with control(workspace, purpose="cycle abandon") as connection, transaction(connection):
        row = the_run(connection, run_id)
        change_state(connection, run_id, RunState.ABANDONED)
        record(connection, at=at, actor=actor, action="abandon", subject=run_id, detail=f"was {row['state']}")
