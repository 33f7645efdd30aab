"""What nights leave in the books about themselves: steps taken, and a mark of all that was known."""

from __future__ import annotations

from datetime import date

import polars as pl

from cycles.runs.inputs import last_load
from ingest.rules.rule_store import text_in_force
from model.codes import RunKind
from model.facts import CARRIED, FACTS
from model.ids import content_hash
from model.nights import NightSteps
from model.schema import arranged
from store.code import code_version
from store.control import Connection, insert, query


def scope_of(branches: tuple[str, ...]) -> str:
    """Return how the branches of a night are named in the books."""
    return ",".join(sorted(branches))


def take_step(
    connection: Connection, business_date: date, branches: tuple[str, ...], step: str, subject: str, detail: str = ""
) -> None:
    """Record a step; the same step of the same night again is recorded anew. In a transaction."""
    key = [business_date, scope_of(branches), step, subject]
    connection.execute(
        "DELETE FROM night_step WHERE business_date = ? AND branches = ? AND step = ? AND subject = ?", key
    )
    row = dict(zip(("business_date", "branches", "step", "subject"), key, strict=True))
    told = pl.DataFrame([row | {"seq_max": last_load(connection), "detail": detail}])
    insert(connection, "night_step", arranged(NightSteps, told))


def steps_of(connection: Connection, business_date: date, branches: tuple[str, ...]) -> pl.DataFrame:
    """Return the steps that a night has taken, sorted."""
    return query(
        connection,
        "SELECT * FROM night_step WHERE business_date = ? AND branches = ? ORDER BY step, subject",
        [business_date, scope_of(branches)],
    )


def taken_before(connection: Connection, branches: tuple[str, ...], step: str) -> set[tuple[str, str]]:
    """Return the subjects of a step that nights of these branches have taken, each with its outcome."""
    found = query(
        connection,
        "SELECT subject, detail FROM night_step WHERE branches = ? AND step = ?",
        [scope_of(branches), step],
    )
    return set(found.rows())


def learned_mark(connection: Connection) -> str:
    """Return a hash that changes when anything is learned that VEE looks at: reads, facts, decisions, rules, code."""
    # Values that publishing leaves are left out: each night's bills would have all reads judged again.
    tables = sorted(set(FACTS) - set(CARRIED))
    counts = " UNION ALL ".join(
        f"SELECT '{table}' AS name, count(*) AS rows, count(superseded_at) AS closed FROM \"{table}\""
        for table in tables
    )
    learned = query(connection, f"SELECT * FROM ({counts}) ORDER BY name").rows()
    loads = query(connection, "SELECT coalesce(max(seq), 0) FROM load WHERE kind <> 'vee'").item()
    return content_hash(learned, loads, text_in_force(connection) or "", code_version())


def has_planned(connection: Connection, business_date: date, branches: tuple[str, ...]) -> bool:
    """Tell whether a cycle was planned as a night of this date and these branches plans it."""
    found = query(
        connection,
        "SELECT count(*) FROM run WHERE kind = ? AND business_date = ? AND branches = ?",
        [RunKind.BILL.value, business_date, scope_of(branches)],
    )
    return bool(found.item())


def last_end(connection: Connection, branches: tuple[str, ...], before: date | None = None) -> int:
    """Return the last load when a night ended last, or last before a date; 0 when none has."""
    found = query(
        connection,
        "SELECT coalesce(max(seq_max), 0) FROM night_step WHERE step = 'end' AND branches = ? AND business_date < ?",
        [scope_of(branches), before or date.max],
    )
    return int(found.item())
