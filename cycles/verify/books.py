"""Control tables against the Parquet of the runs that made them, and against the books kept at the last publish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandera.polars as pa
import polars as pl

from cycles.publishing.published import DERIVED_ROWS, last_numbers, published_tables
from cycles.runs.folders import run_folder
from cycles.runs.keys import new_segment_keys
from cycles.verify.runs import RunsFound
from model.control import CONTROL, SegmentKeys
from model.facts import FACTS
from model.ledger import Allocations, JournalLines, OpenItems
from model.problems import ProblemKind
from model.schema import arranged, empty, grain
from outputs.views import file_list
from store.audit import audit_head
from store.books import kept_books, table_names
from store.control import Connection, query
from store.lake import LakeFile, scan_lake
from store.named_files import Problem
from store.row_compare import RowDifference, differing_rows, missing_rows
from store.workspace import Workspace

TABLES: dict[str, type[pa.DataFrameModel]] = {
    "posted_line": JournalLines, "posted_item": OpenItems, "allocation": Allocations, **CONTROL, **FACTS,
}  # fmt: skip
# Rows of bills: their runs' files hold them, so in the control database they would count a second time.
_OF_BILLS = {
    "posted_line": "bill_id IS NOT NULL AND journal_id = bill_id || '/J'",
    "posted_item": "bill_id IS NOT NULL AND item_id = bill_id || '/I'",
}
# Tables whose rows are written over; all others keep what they once held.
CHANGING = frozenset({"run", "invoice_series", "channel_number"})
_REBUILD = "billmill rebuild makes the table again from the lake and the kept books, and compares"


def book_problems(workspace: Workspace, connection: Connection, runs: RunsFound, touched: set[str]) -> list[Problem]:
    """Return the rows of journals, open items, billed periods and invoice series that the lake does not bear out.

    What runs billed lies in their files alone, whose bytes are compared by hash.

    Tables whose files are damaged (`touched`) are left out: the files are told already.
    """
    problems: list[Problem] = []
    for table, of_bills in _OF_BILLS.items():
        problems += _rows(
            connection, table, f'(SELECT * FROM "{table}" LIMIT 0)', f'(SELECT * FROM "{table}" WHERE {of_bills})'
        )
    parked = [file for content in runs.published.values() for file in published_tables(content, "parked")]
    if not _damaged(workspace, parked, touched) and not any("/plan/" in path for path in touched):
        problems += _registered_rows(connection, "segment_key", segment_keys(workspace, runs))
    invoices = [file for content in runs.published.values() for file in published_tables(content, "invoices")]
    if not _damaged(workspace, invoices, touched):
        problems += _series(workspace, connection, invoices)
    return problems


def segment_keys(workspace: Workspace, runs: RunsFound) -> pl.DataFrame:
    """Return what the published runs billed, from their plans and what they parked."""
    keys: list[pl.DataFrame] = [empty(SegmentKeys)]
    for run, content in runs.published.items():
        due = run_folder(workspace, run) / "plan" / "due.parquet"
        parked = published_tables(content, "parked")
        if due.is_file() and parked:
            rows = new_segment_keys(pl.read_parquet(due, glob=False), scan_lake(workspace, parked).collect())
            keys.append(arranged(SegmentKeys, rows.with_columns(run_id=pl.lit(run))))
    return pl.concat(keys)


def kept_problems(workspace: Workspace, connection: Connection, touched: set[str]) -> list[Problem]:
    """Return the rows that were there at the last publish and are not any more.

    As long as nothing was done since, tables must be the same; afterwards they may only have grown.
    """
    kept = kept_books(workspace.books)[-1:]
    if not kept or any(path.startswith("backups/") for path in touched):
        return []
    is_same = kept[0].entry_no == audit_head(connection)[0]
    problems: list[Problem] = []
    there = set(table_names(connection))
    for table, file in kept[0].files.items():
        source = file_list([(workspace.books / file["name"]).as_posix()])
        if table not in there:
            problems.append(Problem(ProblemKind.MISSING, f"table {table}", f"{file['rows']} rows", "nothing", _REBUILD))
        elif is_same:
            own = f'(SELECT * FROM "{table}" WHERE NOT coalesce({DERIVED_ROWS.get(table, "FALSE")}, FALSE))'
            problems += _told(differing_rows(connection, table, source, own, keys=_keys(table)))
        elif table not in CHANGING and file["rows"]:
            without = frozenset({"superseded_at"})
            problems += _told(missing_rows(connection, table, source, f'"{table}"', keys=_keys(table), without=without))
    return problems


def _rows(connection: Connection, table: str, expected: str, found: str) -> list[Problem]:
    return _told(differing_rows(connection, table, expected, found, keys=_keys(table)))


def _registered_rows(connection: Connection, table: str, rows: pl.DataFrame) -> list[Problem]:
    connection.register("expected_rows", rows.to_arrow())
    try:
        return _rows(connection, table, "expected_rows", f'"{table}"')
    finally:
        connection.unregister("expected_rows")


def _series(workspace: Workspace, connection: Connection, files: Sequence[LakeFile]) -> Iterator[Problem]:
    """Numbers of a series run from 1 to the last one given, each once."""
    given = dict(query(connection, "SELECT series, last_no FROM invoice_series").iter_rows())
    if not files:
        found: dict[Any, Any] = {}
    else:
        numbers = scan_lake(workspace, files).select("series", "series_no").collect()
        found = dict(last_numbers(numbers).iter_rows())
        for series, count, last in numbers.group_by("series").agg(pl.len(), pl.col("series_no").max()).iter_rows():
            if count != last:
                yield Problem(ProblemKind.LINK, f"invoice series {series}", f"{last} invoices", str(count), _REBUILD)
    for series in sorted(given | found):
        if given.get(series) != found.get(series):
            yield Problem(
                ProblemKind.ROW, f"invoice_series {series}", f"last number {found.get(series)}", str(given.get(series)),
                _REBUILD,
            )  # fmt: skip


def _damaged(workspace: Workspace, files: Sequence[LakeFile], touched: set[str]) -> bool:
    return any(file.path in touched or not (workspace.root / file.path).is_file() for file in files)


def _keys(table: str) -> list[str]:
    return grain(TABLES[table]) if table in TABLES else []


def _told(differences: Sequence[RowDifference]) -> list[Problem]:
    return [Problem(ProblemKind.ROW, found.key, found.expected, found.found, _REBUILD) for found in differences]
