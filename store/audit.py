"""Who did what: a table whose entries are chained by hash, so that a changed or missing one shows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from model.control import Audit
from model.ids import content_hash
from model.roles import role_of
from model.schema import arranged
from store.control import Connection, insert, query

GENESIS = "0" * 64


def record(connection: Connection, *, at: datetime, actor: str, action: str, subject: str, detail: str) -> None:
    """Add an entry. Call it inside the transaction that does what it tells of; an actor brings along its roles."""
    number, before = audit_head(connection)
    entry = {
        "entry_no": number + 1,
        "at_utc": at,
        "actor": actor,
        "role": role_of(actor),
        "action": action,
        "subject": subject,
        "detail": detail,
        "entry_hash": entry_hash(before, number + 1, at, actor, role_of(actor), action, subject, detail),
    }
    insert(connection, "audit", arranged(Audit, pl.DataFrame([entry])))


def audit_head(connection: Connection) -> tuple[int, str]:
    """Return the number and the hash of the last entry; what names them proves that the audit had come so far."""
    last = query(connection, "SELECT entry_no, entry_hash FROM audit ORDER BY entry_no DESC LIMIT 1")
    return (0, GENESIS) if last.is_empty() else (int(last.item(0, 0)), str(last.item(0, 1)))


def list_entries(
    connection: Connection, *, actor: str | None, action: str | None, since: date | None, subject: str | None
) -> pl.DataFrame:
    """Return the entries of an actor, of an action, since a day (UTC, included), whose subject holds a text."""
    return query(
        connection,
        """SELECT entry_no, at_utc, actor, role, action, subject, detail FROM audit
           WHERE (?::VARCHAR IS NULL OR actor = ?) AND (?::VARCHAR IS NULL OR action = ?)
           AND (?::DATE IS NULL OR at_utc >= ?::DATE) AND (?::VARCHAR IS NULL OR contains(subject, ?))
           ORDER BY entry_no DESC""",
        [actor, actor, action, action, since, since, subject, subject],
    )


def find_entry(connection: Connection, number: int) -> dict[str, Any] | None:
    """Return an entry with its hash and the one before it; None when there is none of that number."""
    found = query(
        connection,
        """SELECT a.*, coalesce(b.entry_hash, ?) AS hash_before FROM audit AS a
           LEFT JOIN audit AS b ON b.entry_no = a.entry_no - 1 WHERE a.entry_no = ?""",
        [GENESIS, number],
    )
    return None if found.is_empty() else found.row(0, named=True)


def entry_hash(before: str, number: int, at: datetime, *texts: str) -> str:
    """Return the hash of an entry: over the hash before it and all that it says."""
    return content_hash(before, number, int(at.timestamp() * 1_000_000), *texts)


def broken_entries(connection: Connection) -> list[int]:
    """Return the numbers of entries whose hash does not follow from the one before: none, unless someone meddled."""
    broken, before = [], GENESIS
    rows = query(connection, "SELECT * FROM audit ORDER BY entry_no")
    for row in rows.iter_rows(named=True):  # one row per command, not per meter
        texts = (row["actor"], row["role"], row["action"], row["subject"], row["detail"])
        if row["entry_hash"] != entry_hash(before, row["entry_no"], row["at_utc"], *texts):
            broken.append(row["entry_no"])
        before = row["entry_hash"]
    return broken
