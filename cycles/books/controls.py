"""The invariants of the whole books, as queries that return offenders: at every publish, and by `ledger check`.

They are SQL on the control database, and not frames as those of one run are (`ledger.invariants`): the books grow by
millions of legs a month, and DuckDB adds them up where they lie, inside the transaction that would break them.
"""

from __future__ import annotations

from datetime import date
from time import perf_counter

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from cycles.books.queries import CHECKS, Check
from ledger.invariants import Violations
from model.bills import Bills, Invoices, InvoiceTaxes
from model.codes import RunState
from model.controls import EnergyControls
from model.errors import ControlError
from model.ledger import JournalLines
from model.money import CURRENCY_EXPONENT
from model.rating import BillLines
from model.schema import arranged, duckdb_type, empty, polars_schema
from outputs.views import file_list
from store.control import Connection, query
from store.lake import lake_paths
from store.open_amounts import prepare_open_amounts
from store.workspace import Workspace

# Views over what runs published, by the name that the queries know.
_PUBLISHED: dict[str, tuple[str, type[pa.DataFrameModel]]] = {
    "books_bill": ("bills", Bills),
    "books_line": ("bill_lines", BillLines),
    "books_invoice": ("invoices", Invoices),
    "books_invoice_tax": ("invoice_taxes", InvoiceTaxes),
    "books_energy": ("energy_controls", EnergyControls),
    "books_leg": ("journal_lines", JournalLines),
}
_SHOWN = 5


def check_books(workspace: Workspace, connection: Connection, run_id: str | None = None) -> None:
    """Refuse what breaks an invariant of the books; with a run those that its publish can break, over its own rows.

    Call it inside the transaction, once everything is inserted.

    Raises:
        ControlError: there are offenders; the message names the first of them.
    """
    prepare_checks(workspace, connection, run_id)
    offenders = pl.concat([
        offenders_of(connection, check)
        for check in CHECKS if check.is_blocking and (run_id is None or check.at_publish)
    ])  # fmt: skip
    if offenders.height:
        first = offenders.row(0, named=True)
        ids = ", ".join(f"`{name}`" for name in offenders["subject_id"].unique(maintain_order=True).head(_SHOWN))
        raise ControlError(
            f"the books do not meet, {offenders.height} times; first: {first['invariant']} of "
            f"`{first['subject_id']}`: expected {first['expected']}, found {first['found']}; concerns {ids}",
            hint="nothing was changed; all of them: billmill ledger check",
        )


def all_offenders(
    workspace: Workspace, connection: Connection, *, business_date: date
) -> tuple[pl.DataFrame, DataFrame[Violations]]:
    """Return what each check found (invariant, meaning, offenders, milliseconds), and all offenders.

    `business_date`: cycles whose window has closed by then must have been billed.
    """
    prepare_checks(workspace, connection, None, business_date=business_date)
    rows, found = [], [empty(Violations)]
    for check in CHECKS:
        began = perf_counter()
        offenders = offenders_of(connection, check)
        took = round((perf_counter() - began) * 1000)
        rows.append((check.name, check.meaning, offenders.height, took))
        found.append(offenders)
    schema = {"invariant": pl.String, "meaning": pl.String, "offenders": pl.Int64, "milliseconds": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row"), arranged(Violations, pl.concat(found))


def offenders_of(connection: Connection, check: Check) -> DataFrame[Violations]:
    """Return what breaks an invariant."""
    found = query(connection, check.sql)
    text = pl.col("expected", "found", "subject_id").cast(pl.String).fill_null("nothing")
    return arranged(Violations, found.with_columns(text, invariant=pl.lit(check.name)).sort("subject_id"))


def prepare_checks(
    workspace: Workspace, connection: Connection, run_id: str | None, *, business_date: date | None = None
) -> None:
    """Make the views and values known that the queries use: over one run's files, or all that are published."""
    prepare_open_amounts(connection)
    for view, (table, declared) in _PUBLISHED.items():
        paths = query(
            connection,
            "SELECT path FROM lake_file JOIN run ON run_id = owner WHERE table_name = ? AND state = ? "
            "AND (? IS NULL OR run_id = ?) ORDER BY path",
            [table, RunState.PUBLISHED.value, run_id, run_id],
        )["path"]
        create_view(connection, view, declared, lake_paths(workspace, paths))
    _currency_digits(connection)
    _checked_rows(connection, run_id)
    open_from = query(connection, "SELECT max(end_date) FROM closed_period").item()
    connection.execute("SET VARIABLE closed_to = ?::DATE", [open_from])
    connection.execute("SET VARIABLE open_from = ?::DATE", [open_from if run_id else None])
    connection.execute("SET VARIABLE business_date = ?::DATE", [business_date or date(1, 1, 1)])
    connection.execute("SET VARIABLE is_whole = ?::BOOLEAN", [run_id is None])


def _checked_rows(connection: Connection, run_id: str | None) -> None:
    """Make the legs and items known that the checks add up: see `cycles.books.queries`."""
    rows = {"checked_leg": "journal_line", "checked_item": "open_item", "added_leg": "journal_line"}
    if run_id is not None:
        rows = {
            "checked_leg": "posted_line", "checked_item": "posted_item",
            "added_leg": "(SELECT * FROM posted_line UNION ALL SELECT * FROM books_leg)",
        }  # fmt: skip
    for view, source in rows.items():
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM {source}")


def create_view(connection: Connection, view: str, declared: type[pa.DataFrameModel], paths: list[str]) -> None:
    """Create a view over Parquet files of a table; without files it has no rows."""
    columns = polars_schema(declared)
    names = ", ".join(f'"{name}"' for name in columns)
    nothing = ", ".join(f'CAST(NULL AS {duckdb_type(dtype)}) AS "{name}"' for name, dtype in columns.items())
    body = f"SELECT {names} FROM {file_list(paths)}" if paths else f"SELECT {nothing} WHERE false"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS {body}")


def _currency_digits(connection: Connection) -> None:
    rows = {"currency": list(CURRENCY_EXPONENT), "digits": list(CURRENCY_EXPONENT.values())}
    connection.register("incoming_digits", pl.DataFrame(rows, schema_overrides={"digits": pl.Int32}).to_arrow())
    connection.execute("CREATE OR REPLACE TEMP TABLE currency_digits AS SELECT * FROM incoming_digits")
    connection.unregister("incoming_digits")
