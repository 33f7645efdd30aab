"""`rebuild`: the books made again from Parquet and manifests, and compared with the control database."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from cycles.publishing.published import DERIVED_ROWS, last_numbers, published_tables
from cycles.runs.folders import run_folder
from cycles.verify.books import TABLES, segment_keys
from cycles.verify.runs import RunsFound, find_runs
from model.control import Audit, InvoiceSeries, Runs
from model.errors import ConfigError, ControlError
from model.schema import arranged, grain
from outputs.analytics import build_analytics
from store.audit import record
from store.audit_log import log_path, read_log, told
from store.books import KeptBooks, keep_books, read_table, table_names, whole_books
from store.control import Connection, checkpoint, control, insert, query, transaction
from store.facts import record_facts
from store.files import remove, rename, sync_file
from store.lake import LakeFile, register_files, scan_lake, verify_file
from store.lock import hold
from store.repair import keep_aside, wal_path
from store.row_compare import differing_rows
from store.workspace import Workspace, create_control_file
from tariffs.catalogue import tables_ddl

CARRIED = {"quantity_history": "history", "bank_balance": "banks"}
COMPARED = {
    "table_name": pl.String, "rebuilt": pl.Int64, "control": pl.Int64, "is_same": pl.Boolean, "first": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Rebuilt:
    """The books made again."""

    path: Path
    runs: int
    kept: str
    """The kept books that it began with; empty when there were none."""
    compared: pl.DataFrame
    """By table: rows rebuilt, rows of the control database (null when it does not open), the same, first difference."""
    gone: tuple[str, ...]
    """What neither the lake nor the kept books hold."""


def rebuild_books(workspace: Workspace, into: Path, *, to_replace: bool = False) -> Rebuilt:
    """Make `control.duckdb` in the folder `into` from the kept books and the published runs, and compare.

    Billed periods and numbers of invoices come from the runs' Parquet alone, where their journals and open items stay;
    facts, tariffs, what was posted and the rest from the books kept at the last publish; the audit from its log. With
    `to_replace` it gets a name of its own, in the place of what a killed attempt left there.

    Raises:
        ConfigError: there is one in the folder already.
        ControlError: a file of a run is damaged.
    """
    target = into.resolve() / ("control.duckdb" if not to_replace else "control.replacement.duckdb")
    if target.exists() and not to_replace:
        raise ConfigError(f"`{target}` is there already", hint="choose another folder: --into FOLDER")
    into.mkdir(parents=True, exist_ok=True)
    with hold(workspace.root / ".lock", purpose="rebuild"):
        with suppress(ControlError), control(workspace, purpose="rebuild", though_behind=True):
            pass  # an act whose line a kill kept out of the audit's log gets it now: the audit is made of the log
        runs, kept = find_runs(workspace, None), whole_books(workspace.books)
        if runs.problems:
            first = runs.problems[0]
            raise ControlError(f"{first.subject}: {first.found}", hint=first.next_step)
        aside = target.with_name(".control.duckdb.rebuilt")
        for left in (aside, aside.with_name(aside.name + ".wal")):
            left.unlink(missing_ok=True)
        create_control_file(aside, tables_ddl())
        connection = duckdb.connect(str(aside))
        try:
            connection.execute("SET TimeZone = 'UTC'")
            with transaction(connection):
                gone = _fill(workspace, connection, runs, kept)
            checkpoint(connection)
        finally:
            connection.close()
        sync_file(aside)
        rename(aside, target)
        compared = _compare(workspace, target)
    return Rebuilt(target, len(runs.published), kept.path.name if kept else "", compared, tuple(gone))


def replace_control(workspace: Workspace, rebuilt: Rebuilt, *, at: datetime, actor: str) -> Path | None:
    """Put the rebuilt control database in the place of the old one, which is kept; return the folder it is kept in."""
    with hold(workspace.root / ".lock", purpose="rebuild"):
        old = [path for path in (workspace.control_path, wal_path(workspace)) if path.is_file()]
        kept = keep_aside(workspace, f"replaced-{at:%Y%m%d-%H%M%S}", [*old, log_path(workspace.root)]) if old else None
        remove(wal_path(workspace))  # it is kept, and does not fit the database that comes
        rename(rebuilt.path, workspace.control_path)
        with control(workspace, purpose="rebuild") as connection:
            with transaction(connection):
                detail = f"{rebuilt.runs} published runs from the lake; gone: {'; '.join(rebuilt.gone) or 'nothing'}"
                record(connection, at=at, actor=actor, action="rebuild", subject="control.duckdb", detail=detail)
            checkpoint(connection)
            build_analytics(workspace, connection, whole=True)
            keep_books(workspace.books, connection, DERIVED_ROWS)
    return kept


def _fill(workspace: Workspace, connection: Connection, runs: RunsFound, kept: KeptBooks | None) -> list[str]:
    """Fill the tables; return what cannot be."""
    there = set(table_names(connection))
    for table, file in (kept.files if kept else {}).items():
        if table in there:
            insert(connection, table, read_table(workspace.books, file))
    for content in sorted(runs.published.values(), key=lambda found: int(found["audit"]["entry_no"])):
        _add_run(workspace, connection, content)
    insert(connection, "segment_key", segment_keys(workspace, runs))
    files = [file for content in runs.published.values() for file in published_tables(content, "invoices")]
    if files:
        connection.execute("DELETE FROM invoice_series")
        insert(
            connection, "invoice_series", arranged(InvoiceSeries, last_numbers(scan_lake(workspace, files).collect()))
        )
    gone = _audit(workspace, connection)
    return gone if kept else [*_without_books(connection), *gone]


def _add_run(workspace: Workspace, connection: Connection, content: dict[str, Any]) -> None:
    """Add what a published run brought; its row, files and carried values only where the kept books are older."""
    row, files = content["run"], content["files"]
    for file in files:
        verify_file(workspace, file)
    known = query(connection, "SELECT state FROM run WHERE run_id = ?", [row["run_id"]])
    if known.height and known.item() == "published":
        return
    connection.execute("DELETE FROM run WHERE run_id = ?", [row["run_id"]])
    insert(connection, "run", arranged(Runs, pl.DataFrame([row], infer_schema_length=None)))
    register_files(connection, files, owner=row["run_id"])
    _register_reads(workspace, connection, row["run_id"])
    for table, name in CARRIED.items():
        if published_tables(content, name):
            record_facts(connection, table, _rows(workspace, content, name), recorded_at=row["published_at"])


def _rows(workspace: Workspace, content: dict[str, Any], name: str) -> pl.DataFrame:
    files = published_tables(content, name)
    return scan_lake(workspace, files).collect() if files else pl.DataFrame()


def _register_reads(workspace: Workspace, connection: Connection, run: str) -> None:
    """Register the files of reads that a run's plan lists, as of the last load in each: the plan says no other."""
    plan = json.loads((run_folder(workspace, run) / "plan" / "plan.json").read_bytes())
    for listed in plan["inputs"].values():
        for item in listed:
            days = {key: date.fromisoformat(item[key]) if item[key] else None for key in ("day_min", "day_max")}
            register_files(connection, [LakeFile(**(item | days))], owner=f"load:{item['seq_max']}")


def _audit(workspace: Workspace, connection: Connection) -> list[str]:
    """Add the entries of the log that come after the kept books; return the acts whose effect is not in the books."""
    head = int(query(connection, "SELECT coalesce(max(entry_no), 0) AS head FROM audit").item())
    later = [entry for entry in read_log(log_path(workspace.root)) if entry["entry_no"] > head]
    if later:
        times = [datetime.fromisoformat(entry["at_utc"]) for entry in later]
        rows = pl.DataFrame(later, infer_schema_length=None).with_columns(pl.Series("at_utc", times))
        insert(connection, "audit", arranged(Audit, rows))
    return (
        [f"entry {entry['entry_no']}, {told(entry)}" for entry in later if entry["action"] != "publish"] if head else []
    )


def _without_books(connection: Connection) -> list[str]:
    """Return the tables that nothing in the lake could fill."""
    counted = {
        table: query(connection, f'SELECT count(*) AS n FROM "{table}"').item() for table in table_names(connection)
    }
    return [f"table {table}: the lake does not hold it" for table, rows in counted.items() if not rows]


def _compare(workspace: Workspace, rebuilt: Path) -> pl.DataFrame:
    """Compare each table with the control database, where that opens."""
    rows: list[tuple[Any, ...]] = []
    try:
        with control(workspace, purpose="rebuild", though_behind=True) as connection:
            connection.execute("ATTACH '{}' AS rebuilt (READ_ONLY)".format(str(rebuilt).replace("'", "''")))
            rows = [_compared(connection, table) for table in table_names_of(connection, "rebuilt")]
            connection.execute("DETACH rebuilt")
    except ControlError:
        alone = duckdb.connect(str(rebuilt), read_only=True)
        try:
            for table in table_names(alone):
                count = query(alone, f'SELECT count(*) AS n FROM "{table}"').item()
                rows.append((table, count, None, None, ""))
        finally:
            alone.close()
    return pl.DataFrame(rows, schema=COMPARED, orient="row")


def table_names_of(connection: Connection, database: str) -> list[str]:
    """Return the tables of an attached database."""
    found = query(
        connection, "SELECT table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY table_name", [database]
    )
    return [str(name) for name in found["table_name"]]


def _compared(connection: Connection, table: str) -> tuple[str, int, int, bool, str]:
    ours, theirs = f'rebuilt.main."{table}"', f'"{table}"'
    counts = [int(query(connection, f"SELECT count(*) AS n FROM {name}").item()) for name in (ours, theirs)]
    keys = grain(TABLES[table]) if table in TABLES else []
    first = [
        f"{found.key}: rebuilt {found.expected}, control {found.found}"
        for found in differing_rows(connection, table, ours, theirs, keys=keys)
    ]
    return table, counts[0], counts[1], not first, first[0] if first else ""
