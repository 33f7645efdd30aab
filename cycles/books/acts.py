"""The books as commands find and change them: what is open, what is closed, and booking postings in one act."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.allocate import DEBT_CLASSES, allocate, allocation_journals
from ledger.posting import book_postings, settling
from ledger.templates import TEMPLATES
from model.errors import ConfigError, ControlError
from model.ledger import Allocations, JournalLines
from model.money import CURRENCY_EXPONENT
from model.postings import Postings, PostingState
from model.schema import arranged, polars_schema
from outputs.analytics import build_analytics
from store.control import Connection, control, insert, query, transaction
from store.facts import record_facts
from store.open_amounts import prepare_open_amounts
from store.workspace import Workspace, workspace_settings


@dataclass(frozen=True)
class LedgerRules:
    """What the workspace says of its ledger: `[ledger]` in billmill.toml."""

    settle_first: tuple[str, ...] = ()
    """Classes of debts that a payment settles before all others: fee, deposit, bill."""
    approve_above: Decimal | None = None
    """Postings above this amount, in major units, need a second person; None: only those that always do."""

    def waits(self) -> pl.Expr:
        """Return whether a second person has to approve a posting: an expression over rows of Postings."""
        always = [kind.value for kind, template in TEMPLATES.items() if template.needs_approval]
        received = [kind.value for kind, template in TEMPLATES.items() if template.is_cash > 0]
        if self.approve_above is None:
            return pl.col("kind").is_in(always)
        limits = {currency: int(self.approve_above.scaleb(digits)) for currency, digits in CURRENCY_EXPONENT.items()}
        limit = pl.col("currency").replace_strict(limits, return_dtype=pl.Int64)
        is_large = ~pl.col("kind").is_in(received) & (pl.col("amount_minor").abs() > limit)
        return pl.col("kind").is_in(always) | is_large


def ledger_rules(workspace: Workspace) -> LedgerRules:
    """Return what billmill.toml says of the ledger.

    Raises:
        ConfigError: a key is not known, a class is none, or the limit is no amount.
    """
    found = workspace_settings(workspace, "ledger", ("settle_first", "approve_above"))
    first = found.get("settle_first", [])
    strange = [name for name in first if name not in DEBT_CLASSES]
    if strange or len(set(first)) != len(first):
        wrong = strange[0] if strange else "a class twice"
        raise ConfigError(
            f"billmill.toml: [ledger] settle_first: expected some of {', '.join(DEBT_CLASSES)}, found {wrong}",
            hint='for example settle_first = ["fee"]',
        )
    limit = found.get("approve_above")
    return LedgerRules(tuple(first), None if limit is None else decimal_of(limit, "[ledger] approve_above"))


def decimal_of(value: object, where: str) -> Decimal:
    """Return an amount that a setting gives as text.

    Raises:
        ConfigError: it is no text (a float is not exact), or no amount of zero or more.
    """
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number < 0:
        raise ConfigError(f"billmill.toml: {where}: expected an amount in quotes, found {value!r}")
    return number


@contextmanager
def ledger_act(workspace: Workspace, *, purpose: str) -> Iterator[Connection]:
    """Run the block as one transaction on the books; afterwards the analysts' database is current."""
    with control(workspace, purpose=purpose) as connection:
        with transaction(connection):
            prepare_open_amounts(connection)
            yield connection
        build_analytics(workspace, connection)


def closed_until(connection: Connection) -> date | None:
    """Return the first day on which something may be booked; None when no period was ever closed."""
    found: date | None = query(connection, "SELECT max(end_date) FROM closed_period").item()
    return found


def refuse_closed(connection: Connection, booked_date: date, what: str) -> None:
    """Refuse what would be booked in a closed period.

    Raises:
        ControlError: the period is closed; the message says the next open date.
    """
    open_from = closed_until(connection)
    if open_from is not None and booked_date < open_from:
        raise ControlError(
            f"{what}: {booked_date} is in a closed period", hint=f"book it on {open_from} or later: nothing is reopened"
        )


def book(connection: Connection, postings: DataFrame[Postings], rules: LedgerRules, *, recorded_at: datetime) -> int:
    """Record postings, book those that are booked and were not before, and let credits settle debts.

    Returns how many were booked now. Call it inside a transaction. The caller has checked them.
    """
    known = query(connection, "SELECT posting_id FROM posting WHERE state = 'booked' AND superseded_at IS NULL")
    new = postings.join(known, how="anti", on="posting_id")
    record_facts(connection, "posting", new, recorded_at=recorded_at)
    booked = arranged(Postings, new.filter(pl.col("state") == PostingState.BOOKED.value))
    if booked.is_empty():
        return 0
    prepare_open_amounts(connection)
    items = _rows_of(connection, _ITEMS_OF, booked.select("item_id").drop_nulls().unique())
    bill_legs = _rows_of(connection, _LEGS_OF, booked.select("bill_id").drop_nulls().unique())
    posted = book_postings(booked, items, bill_legs)
    insert(connection, "posted_line", posted.journal_lines)
    insert(connection, "posted_item", posted.open_items)
    keep_allocations(connection, settling(booked))
    for (day,), some in booked.partition_by("booked_date", as_dict=True, maintain_order=True).items():
        accounts = pl.concat([some["account_id"], some["other_account_id"]]).drop_nulls().unique()
        settle_accounts(connection, accounts, rules, booked_date=day)
    return booked.height


def settle_accounts(
    connection: Connection, accounts: pl.Series, rules: LedgerRules, *, booked_date: date
) -> DataFrame[Allocations]:
    """Let the credits of accounts settle their debts, and book it. Call it inside a transaction."""
    open_items = _rows_of(connection, _OPEN_OF, accounts.rename("account_id").to_frame())
    allocations = allocate(open_items, booked_date, settle_first=rules.settle_first)
    keep_allocations(connection, allocations)
    return allocations


def keep_allocations(connection: Connection, allocations: DataFrame[Allocations]) -> None:
    """Insert allocations, and the journals of those that move something between accounts or branches."""
    if allocations.is_empty():
        return
    named = pl.concat([allocations["credit_item_id"], allocations["debit_item_id"]]).unique()
    items = _rows_of(connection, _PLACES_OF, named.rename("item_id").to_frame())
    insert(connection, "allocation", allocations)
    insert(connection, "posted_line", arranged(JournalLines, allocation_journals(allocations, items)))


_ITEMS_OF = "SELECT item_id, gl_account FROM open_amount SEMI JOIN wanted USING (item_id)"
_LEGS_OF = """
    SELECT bill_id, gl_account, commodity, tax_code, sum(amount_minor)::BIGINT AS amount_minor
    FROM journal_line SEMI JOIN wanted USING (bill_id) WHERE kind = 'bill' GROUP BY ALL
"""
_OPEN_OF = "SELECT * FROM open_amount SEMI JOIN wanted USING (account_id) WHERE open_minor <> 0"
_PLACES_OF = """
    SELECT item_id, account_id, branch_id, currency, gl_account FROM open_amount SEMI JOIN wanted USING (item_id)
"""


def _rows_of(connection: Connection, sql: str, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a query that names the frame `wanted`."""
    connection.register("wanted", wanted.to_arrow())
    try:
        return query(connection, sql)
    finally:
        connection.unregister("wanted")


def posting_rows(rows: Sequence[dict[str, Any]]) -> DataFrame[Postings]:
    """Return postings given as dicts as a frame; what may be null may be left out."""
    return arranged(Postings, pl.DataFrame(list(rows), schema_overrides=_given(rows)))


def _given(rows: Sequence[dict[str, Any]]) -> dict[str, pl.DataType]:
    names = {name for row in rows for name in row}
    return {name: dtype for name, dtype in polars_schema(Postings).items() if name in names}
