"""What accountants ask of the books: balances, open items, statements, trial balance, reconciliation, roll-forward."""

from __future__ import annotations

from datetime import date

import polars as pl

from cycles.asked import check_known, check_option, check_order
from cycles.books.controls import all_offenders, prepare_checks
from cycles.books.periods import changed_periods
from ledger.chart import chart_of
from model.errors import ConfigError
from model.postings import LedgerAccounts, PostingState
from model.schema import arranged
from store.control import Connection, control, query
from store.facts import facts
from store.open_amounts import prepare_open_amounts
from store.workspace import Workspace

_ENDLESS = date(9999, 12, 31)
_ITEMS = """
    SELECT item_id, account_id, branch_id, currency, gl_account, due_date, amount_minor, open_minor FROM open_amount
    WHERE open_minor <> 0 AND ($account IS NULL OR account_id = $account) AND ($branch IS NULL OR branch_id = $branch)
      AND ($due_before IS NULL OR due_date < $due_before)
    ORDER BY branch_id, account_id, due_date, item_id
"""
_BALANCE = """
    SELECT gl_account, currency, sum(amount_minor)::BIGINT AS balance_minor FROM journal_line
    WHERE account_id = ? AND gl_account IN ('142', '142.1', '142.2', '242', '235', '237', '242.1')
      AND booked_date <= ?
    GROUP BY ALL HAVING sum(amount_minor) <> 0 ORDER BY ALL
"""
# The statement of an account is that of its control accounts: moves between two of them cancel out and are left out.
_STATEMENT = """
    WITH moves AS (
        SELECT booked_date, journal_id, kind, currency, sum(amount_minor)::BIGINT AS amount_minor FROM journal_line
        WHERE account_id = ? AND gl_account IN ('142', '142.1', '142.2', '242')
        GROUP BY ALL HAVING sum(amount_minor) <> 0)
    SELECT booked_date, journal_id, kind, currency, amount_minor,
           sum(amount_minor) OVER (PARTITION BY currency ORDER BY booked_date, journal_id)::BIGINT AS balance_minor
    FROM moves ORDER BY currency, booked_date, journal_id
"""
_TRIAL = """
    SELECT branch_id, currency, gl_account, sum(greatest(amount_minor, 0))::BIGINT AS debits_minor,
           sum(greatest(-amount_minor, 0))::BIGINT AS credits_minor, sum(amount_minor)::BIGINT AS balance_minor
    FROM journal_line WHERE booked_date <= ? AND (? IS NULL OR branch_id = ?)
    GROUP BY ALL ORDER BY branch_id, currency, gl_account
"""
_RECONCILE = """
    WITH legs AS (SELECT branch_id, currency,
                         sum(amount_minor) FILTER (gl_account = '142' AND kind IN ('bill', 'reversal')) AS bill_legs,
                         sum(amount_minor) FILTER (gl_account IN ('142', '142.1', '142.2', '242')) AS control
                  FROM journal_line GROUP BY ALL),
         bills AS (SELECT branch_id, currency, sum(total_minor) AS bills FROM books_bill GROUP BY ALL),
         items AS (SELECT branch_id, currency, sum(amount_minor) FILTER (bill_id IS NOT NULL) AS bill_items,
                          sum(open_minor) AS open_items FROM open_amount GROUP BY ALL)
    SELECT branch_id, currency, coalesce(bills, 0)::BIGINT AS bills_minor,
           coalesce(bill_legs, 0)::BIGINT AS receivable_legs_minor, coalesce(bill_items, 0)::BIGINT AS bill_items_minor,
           coalesce(control, 0)::BIGINT AS control_accounts_minor, coalesce(open_items, 0)::BIGINT AS open_items_minor,
           coalesce(bills, 0) = coalesce(bill_legs, 0) AND coalesce(bill_legs, 0) = coalesce(bill_items, 0)
           AND coalesce(control, 0) = coalesce(open_items, 0) AS meets
    FROM legs FULL JOIN bills USING (branch_id, currency) FULL JOIN items USING (branch_id, currency)
    ORDER BY branch_id, currency
"""
_ROLL = """
    SELECT branch_id, currency, sum(amount_minor) FILTER (booked_date < $start) AS opening,
           sum(greatest(amount_minor, 0)) FILTER (booked_date >= $start) AS debits,
           sum(greatest(-amount_minor, 0)) FILTER (booked_date >= $start) AS credits, sum(amount_minor) AS closing
    FROM (SELECT journal_id, branch_id, currency, booked_date, sum(amount_minor) AS amount_minor FROM journal_line
          WHERE gl_account IN ('142', '142.1', '142.2', '242') AND booked_date < $end GROUP BY ALL)
    GROUP BY ALL ORDER BY branch_id, currency
"""


def account_balance(workspace: Workspace, account_id: str, *, at: date | None) -> pl.DataFrame:
    """Return what an account owes (above zero) or has, by ledger account, at the end of a day.

    Raises:
        ConfigError: the account is not known.
    """
    with control(workspace, purpose="ledger balance") as connection:
        _check_account(connection, account_id)
        rows = query(connection, _BALANCE, [account_id, at or _ENDLESS])
        return _named(connection, rows)


def open_items_of(
    workspace: Workspace, *, account: str | None, branch: str | None, due_before: date | None
) -> pl.DataFrame:
    """Return items that have something open, by branch, account and due date.

    Raises:
        ConfigError: the account or the branch is not known.
    """
    with control(workspace, purpose="ledger items") as connection:
        check_known(connection, "account", [account] if account else [])
        check_known(connection, "branch", [branch] if branch else [])
        prepare_open_amounts(connection)
        wanted = {"account": account, "branch": branch, "due_before": due_before}
        found: pl.DataFrame = connection.sql(_ITEMS, params=wanted).pl()
        return found


def account_statement(workspace: Workspace, account_id: str) -> pl.DataFrame:
    """Return the moves of an account with its balance after each: its roll-forward from nothing.

    Raises:
        ConfigError: the account is not known.
    """
    with control(workspace, purpose="ledger statement") as connection:
        _check_account(connection, account_id)
        return query(connection, _STATEMENT, [account_id])


def trial_balance(workspace: Workspace, *, at: date | None, branch: str | None) -> pl.DataFrame:
    """Return debits, credits and balance of each ledger account by branch and currency, at the end of a day.

    Raises:
        ConfigError: the branch is not known.
    """
    with control(workspace, purpose="ledger trial-balance") as connection:
        check_known(connection, "branch", [branch] if branch else [])
        rows = query(connection, _TRIAL, [at or _ENDLESS, branch, branch])
        return _named(connection, rows)


def reconciliation(workspace: Workspace) -> pl.DataFrame:
    """Return, by branch and currency, bills = receivable legs = their items, and control accounts = open items."""
    with control(workspace, purpose="ledger reconcile") as connection:
        prepare_checks(workspace, connection, None)
        return query(connection, _RECONCILE)


def roll_forward(workspace: Workspace, *, from_date: date, to_date: date) -> pl.DataFrame:
    """Return opening + debits - credits = closing of the control accounts by branch, over [from_date, to_date).

    Raises:
        ConfigError: the days are empty.
    """
    check_order(from_date, to_date)
    with control(workspace, purpose="ledger roll-forward") as connection:
        rows: pl.DataFrame = connection.sql(_ROLL, params={"start": from_date, "end": to_date}).pl()
    filled = rows.with_columns(pl.col("opening", "debits", "credits", "closing").fill_null(0).cast(pl.Int64))
    return filled.rename({name: f"{name}_minor" for name in ("opening", "debits", "credits", "closing")}).with_columns(
        meets=pl.col("opening_minor") + pl.col("debits_minor") - pl.col("credits_minor") == pl.col("closing_minor")
    )


def postings_of(workspace: Workspace, *, state: str | None, account: str | None) -> pl.DataFrame:
    """Return postings that are no bill, newest booked date first.

    Raises:
        ConfigError: the state or the account is not known.
    """
    check_option("--state", [state] if state else [], [item.value for item in PostingState])
    with control(workspace, purpose="ledger postings") as connection:
        if account is not None:
            _check_account(connection, account)
        found: pl.DataFrame = connection.sql(
            """SELECT posting_id, kind, state, account_id, branch_id, currency, amount_minor, booked_date, why, made_by,
                      approved_by
               FROM posting WHERE superseded_at IS NULL AND ($state IS NULL OR state = $state)
                 AND ($account IS NULL OR account_id = $account OR other_account_id = $account)
               ORDER BY booked_date DESC, posting_id""",
            params={"state": state, "account": account},
        ).pl()
        return found


def checked_books(workspace: Workspace, *, business_date: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what each invariant found, and all offenders; closed periods are hashed anew."""
    with control(workspace, purpose="ledger check") as connection:
        checks, offenders = all_offenders(workspace, connection, business_date=business_date)
        changed = changed_periods(connection).select(
            invariant=pl.lit("I8 hash_of_closed"), subject_id="period_id", expected="expected", found="found"
        )
        row = pl.DataFrame(
            [("I8 hash_of_closed", "a closed period has the hash that it was closed with", changed.height, None)],
            schema=checks.schema, orient="row",
        )  # fmt: skip
        return pl.concat([checks, row]), pl.concat([offenders, changed])


def chart(connection: Connection) -> pl.DataFrame:
    """Return the chart of accounts with everything that journals name."""
    used = query(connection, "SELECT DISTINCT gl_account FROM journal_line")["gl_account"]
    return chart_of(arranged(LedgerAccounts, facts(connection, "ledger_account")), used)


def _named(connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """Put the utility's number and name of each ledger account in the place of ours."""
    named = chart(connection).select("gl_account", "number", "name")
    joined = rows.join(named, how="left", on="gl_account", validate="m:1", maintain_order="left")
    place = rows.columns.index("gl_account")
    columns = [*rows.columns[:place], "number", "name", *rows.columns[place + 1 :]]
    return joined.select(columns).rename({"number": "account"})


def _check_account(connection: Connection, account_id: str) -> None:
    known = query(connection, "SELECT 1 FROM accounts WHERE account_id = ? LIMIT 1", [account_id])
    if known.is_empty():
        raise ConfigError(f"account `{account_id}` is not known", hint="check its spelling")
