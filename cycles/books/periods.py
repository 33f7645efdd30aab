"""`ledger close`: a month in which nothing is booked any more, kept with a hash of what was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from cycles.books.acts import closed_until
from cycles.books.controls import check_books
from model.errors import ConfigError, ControlError
from model.postings import ClosedPeriods
from model.schema import arranged
from store.audit import record
from store.control import Connection, checkpoint, control, insert, query, transaction
from store.workspace import Workspace

BEGINNING = date(1, 1, 1)
# A journal is a text of its legs in order, a period the hashes of its journals in order; a null is not an empty text.
_DIGEST = """
    WITH legs AS (
        SELECT journal_id, leg_no, amount_minor, concat_ws(chr(31),
            leg_no, kind, coalesce(bill_id, chr(0)), coalesce(account_id, chr(0)), branch_id, gl_account,
            coalesce(commodity, chr(0)), coalesce(tax_code, chr(0)), amount_minor, currency, booked_date,
            coalesce(reverses_id, chr(0))) AS text
        FROM journal_line WHERE booked_date >= ? AND booked_date < ?),
    journals AS (
        SELECT journal_id, sha256(concat(journal_id, chr(30), string_agg(text, chr(30) ORDER BY leg_no))) AS digest,
               count(*) AS legs, sum(greatest(amount_minor, 0)) AS debit_minor
        FROM legs GROUP BY journal_id)
    SELECT coalesce(sum(legs), 0)::BIGINT AS legs, coalesce(sum(debit_minor), 0)::BIGINT AS debit_minor,
           sha256(coalesce(string_agg(digest, '' ORDER BY journal_id), '')) AS sha256
    FROM journals
"""


@dataclass(frozen=True)
class Closed:
    """What closing a period did."""

    period_id: str
    legs: int
    sha256: str
    is_new: bool


def close_period(workspace: Workspace, period_id: str, *, at: datetime, actor: str) -> Closed:
    """Close a month, and with it all days before; closing it again changes nothing.

    Raises:
        ConfigError: it is no month, or has not ended.
        ControlError: a later one is closed, something dated in it waits for approval, or the books do not meet.
    """
    end = month_end(period_id)
    with control(workspace, purpose="ledger close") as connection:
        known = query(connection, "SELECT * FROM closed_period WHERE period_id = ?", [period_id])
        if known.height:
            row = known.row(0, named=True)
            return Closed(period_id, row["legs"], row["sha256"], is_new=False)
        start = closed_until(connection) or BEGINNING
        if end <= start:
            raise ControlError(f"period {period_id}: all days before {start} are closed already")
        if end > at.date():
            raise ConfigError(f"period {period_id} ends on {end}; it cannot be closed before", hint="wait for its end")
        _refuse_waiting(connection, end)
        check_books(workspace, connection)
        with transaction(connection):
            found = period_digest(connection, start, end)
            row = {"period_id": period_id, "end_date": end, "closed_by": actor, "closed_at": at} | found
            insert(connection, "closed_period", arranged(ClosedPeriods, pl.DataFrame([row])))
            detail = f"{found['legs']} legs, sha256 {found['sha256']}"
            record(connection, at=at, actor=actor, action="close_period", subject=period_id, detail=detail)
        checkpoint(connection)
    return Closed(period_id, found["legs"], found["sha256"], is_new=True)


def period_digest(connection: Connection, start: date, end: date) -> dict[str, Any]:
    """Return legs, debit_minor and sha256 of what is booked in [start, end)."""
    return query(connection, _DIGEST, [start, end]).row(0, named=True)


def changed_periods(connection: Connection) -> pl.DataFrame:
    """Return closed periods whose legs are not those they were closed with: period_id, expected, found (hashes)."""
    closed = query(connection, "SELECT period_id, end_date, sha256 FROM closed_period ORDER BY end_date")
    rows, start = [], BEGINNING
    for period_id, end, expected in closed.iter_rows():  # a row per month
        found = period_digest(connection, start, end)["sha256"]
        rows += [(period_id, expected, found)] if found != expected else []
        start = end
    schema = {"period_id": pl.String, "expected": pl.String, "found": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def month_end(period_id: str) -> date:
    """Return the day after the last of a month such as 2026-10.

    Raises:
        ConfigError: it is no month.
    """
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period_id):
        raise ConfigError(f"period `{period_id}`: expected a month such as 2026-10")
    year, month = (int(part) for part in period_id.split("-"))
    return date(year + month // 12, month % 12 + 1, 1)


def _refuse_waiting(connection: Connection, end: date) -> None:
    waiting = query(
        connection,
        "SELECT posting_id FROM posting WHERE superseded_at IS NULL AND state = 'proposed' AND booked_date < ? "
        "ORDER BY posting_id",
        [end],
    )
    if waiting.height:
        raise ControlError(
            f"{waiting.height} postings of the period wait for approval; first: `{waiting.item(0, 0)}`",
            hint="billmill ledger approve ID, or with --refuse",
        )
