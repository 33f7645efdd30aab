"""`ledger unbilled`: what was supplied and not billed at a month's end, shown or booked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from cycles.books.acts import refuse_closed
from cycles.books.controls import prepare_checks
from ledger.unbilled import UnbilledFound, estimate_unbilled, unbilled_journals
from model.errors import ControlError
from model.postings import Unbilled
from model.schema import column_names
from outputs.analytics import build_analytics
from store.audit import record
from store.control import Connection, control, insert, query, transaction
from store.workspace import Workspace

# Days are half-open: supply of the last day counts, so `end` is the day after it.
_SUPPLIED = """
    WITH stands AS (SELECT agreement_id, max(period_end_date) AS billed_to
                    FROM segment_key ANTI JOIN reversed_bill USING (bill_id) GROUP BY agreement_id)
    SELECT a.agreement_id, k.branch_id, k.revenue_class, p.commodity, k.currency,
           (least(coalesce(a.end_date, $end), $end) - greatest(a.start_date, coalesce(s.billed_to, $from_day)))::BIGINT
           AS days
    FROM agreements AS a JOIN accounts AS k USING (account_id) JOIN service_points AS p USING (service_point_id)
    LEFT JOIN stands AS s USING (agreement_id)
    WHERE a.superseded_at IS NULL AND k.superseded_at IS NULL AND p.superseded_at IS NULL
      AND least(coalesce(a.end_date, $end), $end) > greatest(a.start_date, coalesce(s.billed_to, $from_day))
    ORDER BY a.agreement_id
"""
_LAST_BILLED = """
    WITH stands AS (
        SELECT * FROM segment_key ANTI JOIN reversed_bill USING (bill_id)
        QUALIFY row_number() OVER (PARTITION BY agreement_id ORDER BY period_end_date DESC, period_start_date DESC) = 1)
    SELECT s.agreement_id, k.branch_id, k.revenue_class, l.commodity, l.currency, l.gl_account,
           any_value(s.period_end_date - s.period_start_date)::BIGINT AS billed_days,
           sum(l.amount_minor)::BIGINT AS amount_minor
    FROM stands AS s JOIN books_line AS l ON l.bill_id = s.bill_id AND l.agreement_id = s.agreement_id
    JOIN accounts AS k ON k.account_id = l.account_id AND k.superseded_at IS NULL
    WHERE l.category = 'charge' GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class UnbilledDone:
    """The estimate, and whether it was booked now or before."""

    found: UnbilledFound
    is_booked: bool
    is_new: bool


def unbilled_at(workspace: Workspace, at_date: date, *, is_booked: bool, at: datetime, actor: str) -> UnbilledDone:
    """Estimate unbilled revenue at the end of a day and, if asked, book it and its reversal of the next day.

    What was booked for a date stays: asking again shows it. Days before an agreement's first bill count from the
    first day of the earliest cycle.

    Raises:
        ControlError: the period is closed.
    """
    with control(workspace, purpose="ledger unbilled") as connection:
        before = query(connection, "SELECT * FROM unbilled WHERE at_date = ?", [at_date])
        found = _estimate(workspace, connection, at_date)
        if before.height:
            kept = before.select(column_names(Unbilled)).sort("branch_id", "revenue_class", "commodity", "gl_account")
            return UnbilledDone(UnbilledFound(kept, found.unknown), True, False)  # type: ignore[arg-type]  # as written
        if not is_booked or found.rows.is_empty():
            return UnbilledDone(found, False, False)
        refuse_closed(connection, at_date, "unbilled revenue")
        with transaction(connection):
            insert(connection, "unbilled", found.rows)
            insert(connection, "posted_line", unbilled_journals(found.rows, at_date))
            detail = f"{found.rows['agreements'].sum()} agreements and accounts, {found.unknown.height} not estimated"
            record(connection, at=at, actor=actor, action="unbilled", subject=str(at_date), detail=detail)
        build_analytics(workspace, connection)
    return UnbilledDone(found, True, True)


def _estimate(workspace: Workspace, connection: Connection, at_date: date) -> UnbilledFound:
    prepare_checks(workspace, connection, None)
    first_day = query(connection, "SELECT min(period_start_date) FROM cycles WHERE superseded_at IS NULL").item()
    if first_day is None:
        raise ControlError("there is no calendar: nothing says what is due", hint="import cycles.csv")
    end = at_date + timedelta(days=1)
    relation = connection.sql(_SUPPLIED, params={"end": end, "from_day": first_day})
    supplied: pl.DataFrame = relation.pl()
    return estimate_unbilled(supplied, query(connection, _LAST_BILLED), at_date)
