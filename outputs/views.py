"""The analysts' views: their columns, what each says, and the SQL behind them.

A view over a table of `model` has the table's columns, `run_id` where a run made the rows, and each amount once more
in major units. An empty list of files gives a view without rows, with the same columns and types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pandera.polars as pa

from model.money import CURRENCY_EXPONENT
from model.schema import declared_columns, duckdb_type


@dataclass(frozen=True)
class ViewColumn:
    """A column of a view: its name, DuckDB type and what it says, unit included."""

    name: str
    sql_type: str
    comment: str


@dataclass(frozen=True)
class View:
    """A view and the SELECT behind it; None when there are no files yet."""

    name: str
    comment: str
    columns: tuple[ViewColumn, ...]
    select: str | None

    def rows(self) -> str:
        """Return the SELECT of its rows; one of the same columns without any when there are no files yet."""
        nothing = ", ".join(f'CAST(NULL AS {column.sql_type}) AS "{column.name}"' for column in self.columns)
        return self.select or f"SELECT {nothing} WHERE false"

    def statements(self, source: str) -> list[str]:
        """Return the statements that create the view over `source`, and comment on it and on each column."""
        names = ", ".join(f'"{column.name}"' for column in self.columns)
        created = f'CREATE OR REPLACE VIEW "{self.name}" AS SELECT {names} FROM {source}'
        return [created, *comments("VIEW", self.name, self.comment, self.columns)]


def comments(kind: str, name: str, comment: str, columns: Iterable[ViewColumn]) -> list[str]:
    """Return the COMMENT statements of a view or table (`kind`) and its columns."""
    on_columns = [f'COMMENT ON COLUMN "{name}"."{column.name}" IS {text(column.comment)}' for column in columns]
    return [f'COMMENT ON {kind} "{name}" IS {text(comment)}', *on_columns]


def text(value: str) -> str:
    """Return a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def file_list(paths: Sequence[str]) -> str:
    """Return a scan of Parquet files. Paths are absolute, so the view works from any folder."""
    return f"read_parquet([{', '.join(text(path) for path in paths)}])"


def table_columns(table: type[pa.DataFrameModel], *, without: Sequence[str] = ()) -> tuple[ViewColumn, ...]:
    """Return the columns of a model table as a view shows them. Times are shown as TIMESTAMP in UTC."""
    return tuple(
        ViewColumn(name, _shown_type(duckdb_type(declared.dtype.type)), _comment(declared))
        for name, declared in declared_columns(table).items()
        if name not in without
    )


def table_comment(table: type[pa.DataFrameModel]) -> str:
    """Return what a model table says of itself, on one line."""
    return " ".join((table.__doc__ or "").split())


def major_columns(columns: Sequence[ViewColumn], decimals: int) -> tuple[ViewColumn, ...]:
    """Return, for each amount in minor units, a column in major units: amount_minor -> amount."""
    return tuple(
        ViewColumn(
            column.name.removesuffix("_minor"),
            f"DECIMAL({20 + decimals},{decimals})",
            column.comment.removesuffix(" [minor]").removesuffix(", in minor units, rounded once as the tariff states")
            + " [major units of the currency]",
        )
        for column in columns
        if column.name.endswith("_minor")
    )


def major_expression(name: str, decimals: int) -> str:
    """Return the SQL of an amount in major units. The product of decimals is exact: scale 0 and scale `decimals`."""
    exponents = sorted({exponent for exponent in CURRENCY_EXPONENT.values() if exponent <= decimals})
    cases = " ".join(
        f"WHEN currency IN ({', '.join(text(key) for key, value in CURRENCY_EXPONENT.items() if value == exponent)}) "
        f"THEN CAST({Decimal(1).scaleb(-exponent)} AS DECIMAL({decimals + 1},{decimals}))"
        for exponent in exponents
    )
    return f"CAST({name}_minor AS DECIMAL(19,0)) * (CASE {cases} END)"


def lake_view(
    name: str, table: type[pa.DataFrameModel], paths: Sequence[str], *, decimals: int, of_run: bool = True
) -> View:
    """Return the view over the Parquet files of a model table.

    `decimals` is how many the utility's currencies need; `of_run` adds the run that made a row, from its file.
    """
    columns = table_columns(table)
    run = (ViewColumn("run_id", "VARCHAR", "Run that made it"),) if of_run else ()
    has_currency = any(column.name == "currency" for column in columns)
    major = major_columns(columns, decimals) if has_currency else ()
    select = None
    if paths:
        amounts = [f'{major_expression(column.name, decimals)} AS "{column.name}"' for column in major]
        own = [f't."{column.name}"' for column in columns]
        shown = ", ".join([*own, *amounts, *(["f.owner AS run_id"] if of_run else [])])
        select = f"SELECT {shown} FROM {file_list(paths)} AS t"
        if of_run:
            select += " JOIN lake.files AS f ON f.file_name = t.filename"
    return View(name, table_comment(table), (*columns, *major, *run), select)


def _comment(declared: pa.Column) -> str:
    unit = (declared.metadata or {}).get("unit")
    return f"{declared.description} [{unit}]" if unit else str(declared.description)


def _shown_type(sql_type: str) -> str:
    return "TIMESTAMP" if sql_type == "TIMESTAMPTZ" else sql_type
