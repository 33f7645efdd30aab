"""The control database: one writer, opened for short work under the workspace's lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import polars as pl

from model.errors import ControlError
from store.audit_log import follow_audit, lost_entries, told
from store.failpoints import around, during, reached
from store.ledger_rows import show_ledger
from store.lock import hold
from store.workspace import Workspace

Connection = duckdb.DuckDBPyConnection
# A full disk, a file that was cut or changed below DuckDB (a checksum that fails is an Error and nothing more).
# What SQL is to blame for is a programmer's mistake.
_DISK_ERRORS = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)


# What DuckDB may hold before it writes to a file beside the database: the books of ten thousand partitions do not fit.
_MEMORY = "2GB"


@contextmanager
def control(workspace: Workspace, *, purpose: str, though_behind: bool = False) -> Iterator[Connection]:
    """Open the control database for as long as the block lasts.

    Raises:
        LockedError: another process is using it.
        ControlError: the file cannot be opened, read or written, for example after damage to the disk; or, unless
            `though_behind`, it has lost the last acts that its log tells of (a torn write-ahead log opens without a
            word).
    """
    with hold(workspace.root / ".lock", purpose=purpose), during(purpose):
        if not workspace.control_path.is_file():  # DuckDB would make an empty one
            raise ControlError(
                f"control database `{workspace.control_path}` is not there",
                hint="billmill restore BACKUP, or billmill rebuild --replace",
            )
        try:
            connection = duckdb.connect(str(workspace.control_path), config={"threads": 2, "memory_limit": _MEMORY})
        except duckdb.Error as error:
            raise ControlError(
                f"control database `{workspace.control_path}` cannot be opened: {error}",
                hint="billmill repair works on a copy and loses nothing; never delete the .wal",
            ) from error
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET parquet_metadata_cache = true")  # the runs' files never change
            connection.execute("SET enable_progress_bar = false")  # it would stand among a command's results
            _refuse_strange(workspace, connection)
            if not though_behind:
                _refuse_behind(workspace, connection)
            show_ledger(workspace.root, connection)
            follow_audit(workspace.root, connection)  # a kill may have come between a commit and its line
            yield connection
            follow_audit(workspace.root, connection)
        except duckdb.Error as error:
            is_damaged = isinstance(error, duckdb.InvalidInputException) and workspace.lake.as_posix() in str(error)
            if not isinstance(error, _DISK_ERRORS) and type(error) is not duckdb.Error and not is_damaged:
                raise
            told = str(error).partition("\n")[0]
            raise ControlError(
                f"control database `{workspace.control_path}` could not go on: {told}",
                hint="make room or mend the disk, run the same command again: it goes on or says that all is done; "
                "then billmill verify",
            ) from error
        finally:
            connection.close()


def _refuse_strange(workspace: Workspace, connection: Connection) -> None:
    try:  # duckdb_tables() would tell too; asked first, it takes longer than to open the database
        connection.execute("SELECT 1 FROM audit LIMIT 0")
    except duckdb.CatalogException as error:
        raise ControlError(
            f"control database `{workspace.control_path}` is another database: it has no audit",
            hint="billmill restore BACKUP, or billmill rebuild --replace; what is there now is kept",
        ) from error


def _refuse_behind(workspace: Workspace, connection: Connection) -> None:
    lost = lost_entries(workspace.root, connection)
    if lost:
        # Closing would write what could be read of the log into the file and drop the rest; repair keeps it whole.
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        raise ControlError(
            f"control database `{workspace.control_path}` ends before entry {lost[0]['entry_no']} of its audit; "
            f"gone: {len(lost)} acts, first: {told(lost[0])}",
            hint="billmill rebuild --replace makes published runs again from the lake; billmill repair goes on without",
        )


@contextmanager
def reader(connection: Connection) -> Iterator[Connection]:
    """Give another connection to the same open database, to read its tables from another thread as committed."""
    other = connection.cursor()
    try:
        other.execute("SET TimeZone = 'UTC'")
        yield other
    finally:
        other.close()


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run the block as one transaction: all of it, or nothing."""
    with around("begin of", "the transaction"):
        connection.execute("BEGIN TRANSACTION")
    try:
        yield
        reached("before commit of", "the transaction")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    reached("after commit of", "the transaction")


def checkpoint(connection: Connection) -> None:
    """Put all that is committed into the database's one file; its write-ahead log is empty afterwards."""
    with around("checkpoint of", "the database"):
        connection.execute("CHECKPOINT")


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
        with around("insert into", table):
            connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM incoming_rows')
    finally:
        connection.unregister("incoming_rows")


def insert_rows(connection: Connection, table: str, sql: str, parameters: Sequence[object] = ()) -> None:
    """Append the rows of a query to a table, matching columns by name.

    They lie as the threads come, which takes less time and memory than their order; whoever reads them sorts.
    """
    with around("insert into", table):
        try:
            connection.execute("SET preserve_insertion_order = false")
            connection.execute(f'INSERT INTO "{table}" BY NAME {sql}', list(parameters))
        finally:
            connection.execute("SET preserve_insertion_order = true")
