"""`ledger export`: the journals of some days as a file for another double-entry program."""

from __future__ import annotations

from datetime import date

import polars as pl

from cycles.asked import check_order
from cycles.books.reports import chart
from model.ledger import JournalLines
from model.schema import arranged, column_names
from outputs.ledger_text import LedgerFormat, ledger_text
from store.control import Connection, control, query
from store.workspace import Workspace


def export_ledger(workspace: Workspace, format: LedgerFormat, *, from_date: date | None, to_date: date | None) -> str:
    """Return journals booked in [from_date, to_date) as text; what was booked before is one opening transaction.

    Raises:
        ConfigError: the days are empty.
    """
    check_order(from_date, to_date)
    with control(workspace, purpose="ledger export") as connection:
        legs = query(
            connection,
            "SELECT * FROM journal_line WHERE (? IS NULL OR booked_date >= ?) AND (? IS NULL OR booked_date < ?)",
            [from_date, from_date, to_date, to_date],
        )
        before = _opening(connection, from_date) if from_date else legs.clear()
        both = arranged(JournalLines, pl.concat([before.select(legs.columns), legs]).select(column_names(JournalLines)))
        return ledger_text(both, chart(connection), format, title=f"Books of {workspace.name}")


def _opening(connection: Connection, from_date: date) -> pl.DataFrame:
    sums = query(
        connection,
        """SELECT branch_id, gl_account, currency, sum(amount_minor)::BIGINT AS amount_minor FROM journal_line
           WHERE booked_date < ? GROUP BY ALL HAVING sum(amount_minor) <> 0 ORDER BY ALL""",
        [from_date],
    )
    # One a branch: an opening is balanced as every journal of a branch is.
    texts = ("bill_id", "account_id", "commodity", "tax_code", "reverses_id")
    rows = sums.with_columns(
        journal_id=pl.concat_str(pl.lit("opening "), "branch_id"),
        leg_no=pl.int_range(1, pl.len() + 1).over("branch_id").cast(pl.Int32),
        kind=pl.lit("bill"), booked_date=pl.lit(from_date),
        **{name: pl.lit(None, dtype=pl.String) for name in texts},
    )  # fmt: skip
    return arranged(JournalLines, rows)
