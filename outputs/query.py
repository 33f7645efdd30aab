"""`billmill query`: read-only SQL on the analysts' database."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal, get_args

import duckdb
import polars as pl

from model.errors import ConfigError
from store.bring import bring_lake, bring_missing
from store.csv_text import csv_for_people
from store.workspace import Workspace

Format = Literal["table", "csv", "json", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)

# EXPLAIN ANALYZE and statements made of several (COPY of a PIVOT) could write, so a query is a SELECT and no more.
_READING = duckdb.StatementType.SELECT
_TABLE_ROWS = 50


def query_analytics(workspace: Workspace, sql: str, format: str = "table") -> str | bytes:
    """Run one query on the analysts' database and return its rows as a table, CSV, JSON (text) or Parquet (bytes).

    Only reading is possible: the database is opened read-only, files can be reached in the lake alone, settings are
    locked, and what is not a query is refused before it runs.

    Raises:
        ConfigError: there is no analysts' database yet, the format is not known, the statement is not one query, or
            DuckDB refuses it.
    """
    if format not in FORMATS:
        raise ConfigError(f"format `{format}` is not known", hint=f"use one of {', '.join(FORMATS)}")
    return _written(analytics_frame(workspace, sql), format)


def analytics_frame(workspace: Workspace, sql: str) -> pl.DataFrame:
    """Run one query on the analysts' database and return its rows. Raises as `query_analytics` does."""
    _refuse_what_writes(sql)
    try:
        return _answer(workspace, sql)
    except ConfigError as error:
        # Views over reads name files that nobody may have asked for on this machine.
        if not (isinstance(error.__cause__, duckdb.IOException) and bring_lake(workspace.lake)):
            raise
    return _answer(workspace, sql)


def _answer(workspace: Workspace, sql: str) -> pl.DataFrame:
    connection = _open(workspace)
    try:
        frame: pl.DataFrame = connection.sql(sql).pl()
    except duckdb.Error as error:
        _refuse_when_moved(workspace, connection, str(error))
        raise ConfigError(f"the query cannot be answered: {error}", hint="the views: SHOW TABLES") from error
    finally:
        connection.close()
    return frame


def _refuse_what_writes(sql: str) -> None:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise ConfigError(f"the query cannot be read: {error}", hint="check its spelling") from error
    if len(statements) != 1:
        raise ConfigError(f"expected one query, found {len(statements)} statements", hint="ask one thing at a time")
    kind = statements[0].type
    if kind != _READING:
        raise ConfigError(
            f"only queries are answered here, found a statement of kind {kind.name}",
            hint="start with SELECT, FROM or WITH; to keep rows, use --format parquet",
        )


def _open(workspace: Workspace) -> duckdb.DuckDBPyConnection:
    path = workspace.analytics_path
    if not path.is_file():
        raise ConfigError(f"`{path}` is not there yet", hint="it is made by `billmill init` and after each publish")
    try:
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute("SELECT file_name, byte_count FROM lake.files LIMIT 0")
    except duckdb.Error as error:
        raise ConfigError(f"`{path}` cannot be opened: {error}", hint="publish again: it is rebuilt") from error
    _refuse_changed(workspace, connection)
    lake = str(workspace.lake).replace("'", "''")
    for setting in (
        "TimeZone = 'UTC'",
        f"allowed_directories = ['{lake}']",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def _refuse_changed(workspace: Workspace, connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse to answer from files that are not as long as when they were published: they were changed, or swapped."""
    base = f"{workspace.lake.as_posix()}/"
    listed = connection.execute("SELECT file_name, byte_count FROM lake.files").fetchall()
    bring_missing(Path(name) for name, _ in listed)
    for name, expected in listed:
        path = Path(name)
        if not name.startswith(base) or not path.is_file():  # the query that asks for it says so
            continue
        if (found := path.stat().st_size) != expected:
            connection.close()
            raise ConfigError(
                f"file `{name}` of the lake: expected {expected:,} bytes, found {found:,}",
                hint="billmill verify names all that differ; billmill restore brings them back from a backup",
            )


def _refuse_when_moved(workspace: Workspace, connection: duckdb.DuckDBPyConnection, told: str) -> None:
    """Say so when the query failed over a file of the lake where that was before.

    Views hold whole paths, so that they work from any folder; a moved workspace needs them built again.
    """
    try:
        found = connection.execute("SELECT file_name, owner FROM lake.files ORDER BY owner DESC LIMIT 1").fetchone()
    except duckdb.Error:  # the file itself is damaged; the query's own error says so
        return
    if found is None or str(found[0]).startswith(f"{workspace.lake.as_posix()}/"):
        return
    before = str(found[0]).rpartition("/lake/runs/")[0]
    if before not in told:
        return
    raise ConfigError(
        f"`{workspace.analytics_path}` was built for the workspace at `{before}`",
        hint=f"the workspace was moved; build it again: billmill cycle publish {found[1]}",
    )


def _written(frame: pl.DataFrame, format: str) -> str | bytes:
    if format == "csv":
        return csv_for_people(frame)
    if format == "json":
        return frame.write_json() + "\n"
    if format == "parquet":
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()
    return _table(frame)


def _table(frame: pl.DataFrame) -> str:
    """Return the first rows as a table that is understandable without colour, and how many there are."""
    with pl.Config(
        tbl_rows=_TABLE_ROWS, tbl_cols=-1, tbl_width_chars=10_000, fmt_str_lengths=60, tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True, tbl_formatting="UTF8_BORDERS_ONLY", thousands_separator=",",
    ):  # fmt: skip
        rows = str(frame)
    shown = ", the first and last of them shown; all with --format csv" if frame.height > _TABLE_ROWS else ""
    return f"{rows}\n{frame.height:,} {'row' if frame.height == 1 else 'rows'}{shown}\n"
