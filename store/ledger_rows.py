"""All legs and open items of the books: what was posted, in the control database, and what runs billed, in their files.

A run's legs and items are its files, hashed, registered and kept for good: a publish does not write them a second time.
`journal_line` and `open_item` are views of a connection over both; `posted_line` and `posted_item` take what is posted.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import duckdb
import pandera.polars as pa

from model.codes import RunState
from model.errors import StorageError
from model.ledger import JournalLines, OpenItems
from model.schema import column_names
from store.bring import bring_missing
from store.mount import mounted

# View -> its table of the control database, its table of the lake, and what declares both.
LEDGER_ROWS: dict[str, tuple[str, str, type[pa.DataFrameModel]]] = {
    "journal_line": ("posted_line", "journal_lines", JournalLines),
    "open_item": ("posted_item", "open_items", OpenItems),
}
_FILES = """
    SELECT coalesce(list($1 || '/' || path ORDER BY path), []) FROM lake_file JOIN run ON run_id = owner
    WHERE table_name = $2 AND state = $3
"""


def show_ledger(root: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `journal_line` and `open_item` of this connection what is posted, and what runs have published by now.

    Call it again inside the transaction that publishes a run. What the views read is told by a variable, which no
    rollback puts back: a connection whose publish was undone is closed, or shown the ledger again.
    """
    for view, (table, in_lake, declared) in LEDGER_ROWS.items():
        names = ", ".join(f'"{name}"' for name in column_names(declared))
        posted = f"SELECT {names} FROM {table}"
        # A view over files would look into one of them here, and nobody could work as long as that is damaged.
        connection.execute(f"SET VARIABLE {view}_rows = $1", [posted])
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS FROM query(getvariable('{view}_rows'))")
        files = connection.execute(_FILES, [root.as_posix(), in_lake, RunState.PUBLISHED.value]).fetchall()[0][0]
        if files:  # a scan of none is an error
            _bring(root, files)
            connection.execute(f"SET VARIABLE {view}_files = $1", [files])
            both = f"{posted} UNION ALL SELECT {names} FROM read_parquet(getvariable('{view}_files'))"
            connection.execute(f"SET VARIABLE {view}_rows = $1", [both])


def _bring(root: Path, files: list[str]) -> None:
    """Copy files of a lake in a bucket here; who reads the rows of one that cannot be is told, and others can work."""
    if mounted(root / "lake") is not None:
        with suppress(StorageError):
            bring_missing([Path(path) for path in files])
