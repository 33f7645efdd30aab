"""`accounts import`: reference data from files into the control database, idempotent, nothing overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from accounts.checking import find_bad_rows
from accounts.numbering import renumber
from accounts.reading import LINE, REJECT_SCHEMA, TableFile, read_table, table_of
from model.accounts import IMPORTED
from model.errors import InputError
from model.schema import column_names, grain
from store.audit import record
from store.control import Connection, control, transaction
from store.facts import FactCounts, facts, record_facts
from store.files import read_bytes
from store.workspace import Workspace


@dataclass(frozen=True)
class ImportReport:
    """What an import did: counts by table, rejected rows, and whether anything was recorded."""

    counts: dict[str, FactCounts]
    rejects: pl.DataFrame
    """file, line, reason, detail."""
    is_recorded: bool


def import_files(
    workspace: Workspace, paths: Sequence[Path], *, all_or_nothing: bool, recorded_at: datetime, actor: str
) -> ImportReport:
    """Import files named after their tables (accounts.csv, channels.parquet); folders stand for the files in them.

    With `all_or_nothing` one bad row keeps everything out; otherwise bad rows, and rows that refer to them, are
    rejected and the rest is recorded. One transaction either way.

    Raises:
        InputError: a file cannot be read, or its name or columns are no table's.
    """
    files = [read_table(path, read_bytes(path)) for path in _in_order(paths)]
    with control(workspace, purpose="accounts import") as connection, transaction(connection):
        good, rejects = _sift(connection, files)
        if rejects.height and all_or_nothing:
            return ImportReport({}, rejects, is_recorded=False)
        counts = {
            table: record_facts(connection, table, rows.select(column_names(IMPORTED[table])), recorded_at=recorded_at)
            for table, rows in good.items()
        }
        renumber(connection)
        detail = "; ".join(f"{table} {c.new} new, {c.changed} changed, {c.same} same" for table, c in counts.items())
        names = ", ".join(file.name for file in files)
        if any(c.new or c.changed for c in counts.values()):
            record(connection, at=recorded_at, actor=actor, action="import", subject=names, detail=detail)
    return ImportReport(counts, rejects, is_recorded=True)


def _in_order(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.csv")) + sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not inside:
            raise InputError(f"folder `{path}` holds no .csv or .parquet file", hint="name the files or their folder")
        files += inside
    order = list(IMPORTED)
    return sorted(set(files), key=lambda path: (order.index(table_of(path)), path.name))


def _sift(connection: Connection, files: Sequence[TableFile]) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Split the rows of all files into good ones by table and rejects; tables in the order of their references."""
    rejects = [pl.DataFrame(schema=REJECT_SCHEMA), *(file.rejects for file in files)]
    known = {table: facts(connection, table) for table in IMPORTED}
    good: dict[str, pl.DataFrame] = {}
    for table in IMPORTED:
        parts = [file.rows.with_columns(file=pl.lit(file.name)) for file in files if file.table == table]
        if not parts:
            continue
        # Lines count within their file; a number over all files keeps two files' rows apart.
        rows = pl.concat(parts).with_row_index("place").rename({LINE: "file_line"})
        rows = rows.with_columns(pl.col("place").cast(pl.Int64).alias(LINE))
        bad = find_bad_rows(table, rows, known)
        kept = rows.join(bad.select(LINE), on=LINE, how="anti")
        named = bad.join(rows.select(LINE, "file", "file_line"), on=LINE, how="left", validate="1:1")
        rejects.append(named.select("file", pl.col("file_line").alias(LINE), "reason", "detail"))
        good[table] = kept
        known[table] = pl.concat([kept.select(column_names(IMPORTED[table])), known[table]]).unique(
            grain(IMPORTED[table]), keep="first", maintain_order=True
        )
    return good, pl.concat(rejects).sort("file", LINE)
