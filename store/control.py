"""The control database: one writer, opened for short work under the workspace's lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import polars as pl

from model.errors import ControlError
from store.audit_log import follow_audit, lost_entries, told
from store.lock import hold
from store.workspace import Workspace

Connection = duckdb.DuckDBPyConnection


@contextmanager
def control(workspace: Workspace, *, purpose: str, though_behind: bool = False) -> Iterator[Connection]:
    """Open the control database for as long as the block lasts.

    Raises:
        LockedError: another process is using it.
        ControlError: the file cannot be opened, for example after damage to the disk; or, unless `though_behind`, it
            has lost the last acts that its log tells of (a torn write-ahead log opens without a word).
    """
    with hold(workspace.root / ".lock", purpose=purpose):
        if not workspace.control_path.is_file():  # DuckDB would make an empty one
            raise ControlError(
                f"control database `{workspace.control_path}` is not there",
                hint="billmill restore BACKUP, or billmill rebuild --replace",
            )
        try:
            connection = duckdb.connect(str(workspace.control_path), config={"threads": 2})
        except duckdb.Error as error:
            raise ControlError(
                f"control database `{workspace.control_path}` cannot be opened: {error}",
                hint="billmill repair works on a copy and loses nothing; never delete the .wal",
            ) from error
        try:
            connection.execute("SET TimeZone = 'UTC'")
            if not though_behind:
                _refuse_behind(workspace, connection)
            follow_audit(workspace.root, connection)  # a kill may have come between a commit and its line
            yield connection
            follow_audit(workspace.root, connection)
        finally:
            connection.close()


def _refuse_behind(workspace: Workspace, connection: Connection) -> None:
    lost = lost_entries(workspace.root, connection)
    if lost:
        raise ControlError(
            f"control database `{workspace.control_path}` ends before entry {lost[0]['entry_no']} of its audit; "
            f"gone: {len(lost)} acts, first: {told(lost[0])}",
            hint="billmill rebuild --replace makes published runs again from the lake; billmill repair goes on without",
        )


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run the block as one transaction: all of it, or nothing."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def query(connection: Connection, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
    """Return the rows of a query as a frame. Times come back in UTC."""
    relation = connection.sql(sql, params=list(parameters)) if parameters else connection.sql(sql)
    frame: pl.DataFrame = relation.pl()
    zoned = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    return frame.with_columns(pl.col(name).dt.convert_time_zone("UTC") for name in zoned) if zoned else frame


def insert(connection: Connection, table: str, frame: pl.DataFrame) -> None:
    """Append rows to a table, matching columns by name."""
    if frame.is_empty():
        return
    connection.register("incoming_rows", frame.to_arrow())
    try:
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM incoming_rows')
    finally:
        connection.unregister("incoming_rows")
