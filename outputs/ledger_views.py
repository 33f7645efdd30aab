"""The analysts' views of the ledger: every leg, what is open, allocations, postings, unbilled revenue."""

from __future__ import annotations

from functools import partial

import pandera.polars as pa

from model.ledger import Allocations, JournalLines, OpenItems
from model.postings import LedgerAccounts, Postings, Unbilled
from model.schema import declared_columns
from outputs.analytics_making import Making
from outputs.views import View, ViewColumn, major_columns, major_expression, table_columns, table_comment
from store.control import Connection, query
from store.open_amounts import prepare_open_amounts

# Why something was posted is written by people about people: analysts do not need it.
_NOT_SHOWN = {"why"}
# Items as bills leave them lie in the files of their runs: only what is otherwise is copied from the books.
_OF_BILL = "coalesce(bill_id IS NOT NULL AND item_id = bill_id || '/I', FALSE)"
_SETTLED = "item_id IN (SELECT debit_item_id FROM allocation UNION ALL SELECT credit_item_id FROM allocation)"
_OPEN_AMOUNTS = """
    (SELECT item_id, bill_id, account_id, branch_id, currency, coalesce(gl_account, '142') AS gl_account, due_date,
            amount_minor, amount_minor AS open_minor
     FROM open_items AS i ANTI JOIN lake.settled_items AS s USING (item_id) WHERE amount_minor <> 0
     UNION ALL BY NAME SELECT * FROM lake.open_amounts)
"""


def copy_ledger(making: Making, connection: Connection) -> None:
    """Copy legs beyond those of bills, open amounts other than bills left them, allocations, postings, unbilled."""
    prepare_open_amounts(connection)
    facts = "SELECT * EXCLUDE (recorded_at, superseded_at) FROM {} WHERE superseded_at IS NULL ORDER BY 1"
    copied: dict[str, tuple[tuple[str, ...], str]] = {
        "posted_lines": (
            ("posted_line",),
            "SELECT * FROM posted_line ORDER BY journal_id, leg_no",
        ),
        "settled_items": (
            ("posted_item", "allocation"),
            f"SELECT item_id FROM open_item WHERE {_OF_BILL} AND {_SETTLED} ORDER BY item_id",
        ),
        "open_amounts": (
            ("posted_item", "allocation"),
            f"SELECT * FROM open_amount WHERE open_minor <> 0 AND (NOT {_OF_BILL} OR {_SETTLED}) ORDER BY item_id",
        ),
        "allocations": (("allocation",), "SELECT * FROM allocation ORDER BY ALL"),
        "postings": (("posting",), facts.format("posting")),
        "ledger_accounts": (("ledger_account",), facts.format("ledger_account")),
        "unbilled": (("unbilled",), "SELECT * FROM unbilled ORDER BY ALL"),
    }  # fmt: skip
    for name, (sources, sql) in copied.items():
        making.table(name, sources, partial(query, connection, sql))


def ledger_views(decimals: int) -> list[View]:
    """Return the views; `journal_lines` and `open_items`, over the lake, stand already."""
    names = ", ".join(f'"{column.name}"' for column in table_columns(JournalLines))
    legs = f"SELECT {names} FROM journal_lines UNION ALL SELECT {names} FROM lake.posted_lines"
    comment = "Every leg of the books: those of bills and their reversals, and of all other postings."
    open_column = ViewColumn("open_minor", "BIGINT", "What of it is open [minor]")
    return [
        _view("ledger_lines", JournalLines, f"({legs})", decimals, comment=comment),
        _view("open_amounts", OpenItems, _OPEN_AMOUNTS.strip(), decimals, open_column,
              comment="Open items that have something open: above zero is owed."),
        _view("allocations", Allocations, "lake.allocations", decimals),
        _view("postings", Postings, "lake.postings", decimals),
        _view("ledger_accounts", LedgerAccounts, "lake.ledger_accounts", decimals),
        _view("unbilled", Unbilled, "lake.unbilled", decimals),
    ]  # fmt: skip


def _view(
    name: str, table: type[pa.DataFrameModel], source: str, decimals: int, *more: ViewColumn, comment: str = ""
) -> View:
    own = (*table_columns(table, without=[key for key in declared_columns(table) if key in _NOT_SHOWN]), *more)
    has_currency = any(column.name == "currency" for column in own)
    major = major_columns(own, decimals) if has_currency else ()
    amounts = [f'{major_expression(column.name, decimals)} AS "{column.name}"' for column in major]
    shown = ", ".join([*(f'"{column.name}"' for column in own), *amounts])
    return View(name, comment or table_comment(table), (*own, *major), f"SELECT {shown} FROM {source}")
