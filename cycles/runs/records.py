"""Rows of the run table: which runs there are and how far each is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import polars as pl

from model.codes import RunState
from model.control import Runs
from model.errors import BillmillError, ConfigError, ControlError
from model.schema import arranged
from store.control import Connection, insert, query
from store.failpoints import around

# What may follow what: the only table that says so.
NEXT_STATES: dict[RunState, tuple[RunState, ...]] = {
    RunState.PLANNED: (RunState.STAGED, RunState.ABANDONED),
    RunState.STAGED: (RunState.VALIDATED, RunState.ABANDONED),
    RunState.VALIDATED: (RunState.APPROVED, RunState.ABANDONED),
    # What is decided after an approval makes it void.
    RunState.APPROVED: (RunState.PUBLISHED, RunState.ABANDONED, RunState.VALIDATED),
    RunState.PUBLISHED: (),
    RunState.ABANDONED: (),
}


def list_runs(connection: Connection) -> pl.DataFrame:
    """Return all runs, newest business date first."""
    return arranged(Runs, query(connection, "SELECT * FROM run ORDER BY business_date DESC, run_id"))


def find_run(connection: Connection, run_id: str) -> dict[str, Any] | None:
    """Return the row of a run, or None."""
    rows = arranged(Runs, query(connection, "SELECT * FROM run WHERE run_id = ?", [run_id]))
    return None if rows.is_empty() else rows.row(0, named=True)


def the_run(connection: Connection, run_id: str) -> dict[str, Any]:
    """Return the row of a run.

    Raises:
        ConfigError: there is no such run; the message names those that are.
    """
    found = find_run(connection, run_id)
    if found is None:
        known = query(connection, "SELECT run_id FROM run ORDER BY run_id DESC LIMIT 5")["run_id"].to_list()
        hint = f"there is {', '.join(known)}" if known else "plan one: billmill cycle plan CYCLE --business-date D"
        raise ConfigError(f"run `{run_id}` is not known", hint=hint)
    return found


def planned_row(
    plan: dict[str, Any], branches: Iterable[str], business_date: date, *, at: datetime, actor: str, sequence: int = 1,
    cycle_id: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the row of a run that is planned at a time, of what its plan says. `cycle_id` is empty for corrections."""
    told = ("run_id", "kind", "fingerprint", "seq_max", "partitions", "selected")
    return {name: plan[name] for name in told} | {
        "cycle_id": cycle_id, "branches": ",".join(branches), "business_date": business_date, "sequence": sequence,
        "state": RunState.PLANNED.value, "known_at": at, "planned_by": actor, "planned_at": at,
    }  # fmt: skip


def add_run(connection: Connection, row: dict[str, Any]) -> None:
    """Add a run in state `planned`."""
    insert(connection, "run", arranged(Runs, pl.DataFrame([row], infer_schema_length=None)))


def change_state(connection: Connection, run_id: str, new: RunState, **values: object) -> None:
    """Move a run to its next state and set columns of its row.

    Raises:
        BillmillError: the run's state does not allow it.
    """
    current = RunState(the_run(connection, run_id)["state"])
    if new not in NEXT_STATES[current]:
        raise refused_state(run_id, current, new)
    columns = ["state", *values]
    assigned = ", ".join(f'"{name}" = ?' for name in columns)
    with around("update of", "run"):
        connection.execute(f"UPDATE run SET {assigned} WHERE run_id = ?", [new.value, *values.values(), run_id])


def refused_state(run_id: str, current: RunState, new: RunState) -> BillmillError:
    """Return the error that says why a run cannot go to a state, and which command comes next."""
    steps = {
        RunState.PLANNED: f"billmill cycle run {run_id}",
        RunState.STAGED: f"billmill cycle run {run_id}",
        RunState.VALIDATED: f"billmill cycle approve {run_id}",
        RunState.APPROVED: f"billmill cycle publish {run_id}",
        RunState.PUBLISHED: "nothing; what is published is corrected by a new run",
        RunState.ABANDONED: "plan a new run with a higher --sequence",
    }
    if current == new:
        message = f"run `{run_id}` is {current.value} already"
    else:
        message = f"run `{run_id}` is {current.value}; it cannot become {new.value} now"
    return ControlError(message, hint=f"next: {steps[current]}")
