"""What follows from a table's declaration: Polars types, DuckDB types, checks, documentation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

import pandera.errors
import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

Table = TypeVar("Table", bound=pa.DataFrameModel)


def column(description: str, *, unit: str | None = None, nullable: bool = False, **checks: Any) -> Any:
    """Declare a column: what it says, its unit, whether it may be null, and pandera's checks (`ge`, `isin`)."""
    metadata = {"unit": unit} if unit else None
    return pa.Field(description=description, nullable=nullable, metadata=metadata, **checks)


@lru_cache(maxsize=256)
def declared_columns(table: type[pa.DataFrameModel]) -> Mapping[str, Any]:
    """Return what a table declares of its columns (pandera's `Column`), by name, in order.

    Pandera keeps the schema of a table for each thread apart and builds it anew in the next: ten milliseconds a table.
    What is read of it here never changes, so one serves all threads.
    """
    return dict(table.to_schema().columns)


def polars_schema(table: type[pa.DataFrameModel]) -> dict[str, pl.DataType]:
    """Return the columns of a table and their Polars types, in order."""
    return dict(_polars_schema(table))


@lru_cache(maxsize=256)
def _polars_schema(table: type[pa.DataFrameModel]) -> dict[str, pl.DataType]:
    return {name: declared.dtype.type for name, declared in declared_columns(table).items()}


def column_names(table: type[pa.DataFrameModel]) -> list[str]:
    """Return the column names of a table, in order."""
    return list(_polars_schema(table))


def empty(table: type[Table]) -> DataFrame[Table]:
    """Return a frame of this table without rows."""
    return checked(table, pl.DataFrame(schema=polars_schema(table)))


def checked(table: type[Table], frame: pl.DataFrame) -> DataFrame[Table]:
    """Return `frame` as `table`: columns in order, types and checks verified on the collected rows.

    The declared checks run as one pass over the columns; only a frame that fails it goes through pandera, which
    says what is wrong. (Pandera's own pass costs a millisecond a column, also for frames of no rows.)

    Raises:
        AssertionError: the frame does not hold what the table promises; a programmer's mistake.
    """
    names = column_names(table)
    missing = [name for name in names if name not in frame.columns]
    assert not missing, f"table {table.__name__}: columns {missing} are missing; found {frame.columns}"
    chosen = frame if frame.columns == names else frame.select(names)
    if dict(chosen.schema) == polars_schema(table) and _holds(table, chosen):
        return cast("DataFrame[Table]", chosen)
    try:
        return table.validate(chosen)
    except (pandera.errors.SchemaError, pandera.errors.SchemaErrors) as error:
        raise AssertionError(f"table {table.__name__}: {error}") from error


def _holds(table: type[pa.DataFrameModel], frame: pl.DataFrame) -> bool:
    promises = _promises(table)
    if promises is not None and frame.is_empty():
        return True  # each promise is one about rows
    return promises is not None and bool(frame.select(pl.all_horizontal(promises)).item())


@lru_cache(maxsize=256)
def _promises(table: type[pa.DataFrameModel]) -> tuple[pl.Expr, ...] | None:
    """Return the declared checks as expressions that are true of a good frame; None when one is not known here."""
    found: list[pl.Expr] = [pl.lit(True)]
    for name, declared in declared_columns(table).items():
        column_of = pl.col(name)
        if not declared.nullable:
            found.append(column_of.null_count() == 0)
        for check in declared.checks:
            statistics: dict[str, Any] = check.statistics
            match check.name:
                case "isin":
                    found.append(column_of.drop_nulls().is_in(list(statistics["allowed_values"])).all())
                case "greater_than_or_equal_to":
                    found.append(column_of.drop_nulls().ge(statistics["min_value"]).all())
                case "less_than_or_equal_to":
                    found.append(column_of.drop_nulls().le(statistics["max_value"]).all())
                case "str_length" if statistics["max_value"] is None:
                    found.append(column_of.drop_nulls().str.len_chars().ge(statistics["min_value"]).all())
                case _:
                    return None
    return tuple(found)


def arranged(table: type[Table], frame: pl.DataFrame) -> DataFrame[Table]:
    """Cast columns to the declared types, add nullable ones that are absent, then check."""
    schema = polars_schema(table)
    if dict(frame.schema) == schema and frame.columns == list(schema):
        return checked(table, frame)
    nullable = {name for name, declared in declared_columns(table).items() if declared.nullable}
    absent = [
        pl.lit(None, dtype=schema[name]).alias(name)
        for name in schema
        if name not in frame.columns and name in nullable
    ]
    filled = frame.with_columns(absent) if absent else frame
    casts = [pl.col(name).cast(dtype) for name, dtype in schema.items() if name in filled.columns]
    return checked(table, filled.with_columns(casts))


def grain(table: type[pa.DataFrameModel]) -> list[str]:
    """Return the columns that identify a row, as the table's `Config.metadata["grain"]` states them."""
    return list(_grain(table))


@lru_cache(maxsize=256)
def _grain(table: type[pa.DataFrameModel]) -> tuple[str, ...]:
    # Pandera collects the fields anew on each call, a millisecond or two: more than to sort a small frame by them.
    return tuple((table.get_metadata() or {})[table.Config.name or table.__name__]["dataframe"]["grain"])


_DUCKDB: Mapping[Any, str] = {
    pl.String: "VARCHAR",
    pl.Int8: "TINYINT",
    pl.Int16: "SMALLINT",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.UInt8: "UTINYINT",
    pl.Boolean: "BOOLEAN",
    pl.Date: "DATE",
    pl.Binary: "BLOB",
}


def duckdb_type(dtype: pl.DataType) -> str:
    """Return the DuckDB type that holds a Polars type without loss."""
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMPTZ" if dtype.time_zone else "TIMESTAMP"
    if isinstance(dtype, pl.List):
        return f"{duckdb_type(dtype.inner)}[]"  # type: ignore[arg-type]  # inner is an instance at run time
    return _DUCKDB[dtype.base_type()]


def create_table_sql(table: type[pa.DataFrameModel], name: str) -> str:
    """Return the DDL of a control table: NOT NULL where the declaration says so."""
    columns = declared_columns(table)
    lines = [
        f'    "{key}" {duckdb_type(declared.dtype.type)}{"" if declared.nullable else " NOT NULL"}'
        for key, declared in columns.items()
    ]
    return f'CREATE TABLE "{name}" (\n' + ",\n".join(lines) + "\n)"
