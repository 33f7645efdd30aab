"""Files of reference data to typed frames, bad rows set aside with file, line and reason."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl

from model.accounts import IMPORTED
from model.errors import InputError
from model.schema import column_names, declared_columns, polars_schema

LINE = "line"
REASON = "reason"
DETAIL = "detail"
REJECT_SCHEMA = {"file": pl.String(), LINE: pl.Int64(), REASON: pl.String(), DETAIL: pl.String()}


@dataclass(frozen=True)
class TableFile:
    """Rows of one file: `rows` typed as the table with the column `line`, and what was set aside."""

    table: str
    name: str
    rows: pl.DataFrame
    rejects: pl.DataFrame


def table_of(path: Path) -> str:
    """Return the table that a file name stands for: accounts.csv, accounts.parquet, accounts-2026-10.csv.

    Raises:
        InputError: the name is none of the tables.
    """
    stem = path.name.split(".")[0].split("-")[0]
    if stem not in IMPORTED or path.suffix not in {".csv", ".parquet"}:
        names = ", ".join(IMPORTED)
        raise InputError(
            f"file `{path.name}`: its name says no table; expected one of {names} with .csv or .parquet",
            hint="rename it, for example accounts.csv",
        )
    return stem


def read_table(path: Path, data: bytes) -> TableFile:
    """Parse a CSV (header row, ISO dates) or Parquet file of reference data.

    Raises:
        InputError: the file is not what its ending says, or its columns are not those of the table.
    """
    name = table_of(path)
    table = IMPORTED[name]
    text = _with_all_columns(path, table, _as_text(path, data))
    lined = text.select(column_names(table)).with_row_index(LINE, offset=2).with_columns(pl.col(LINE).cast(pl.Int64))
    typed = lined.with_columns(_parsed(key, dtype) for key, dtype in polars_schema(table).items())
    rejects = pl.concat([_bad_types(table, lined, typed), _bad_values(table, typed)]).unique(LINE, keep="first")
    named = rejects.with_columns(file=pl.lit(path.name)).select(list(REJECT_SCHEMA)).sort(LINE)
    good = typed.join(rejects.select(LINE), on=LINE, how="anti")
    return TableFile(name, path.name, good, named)


def _as_text(path: Path, data: bytes) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            times = pl.selectors.datetime(time_zone="UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            return pl.read_parquet(io.BytesIO(data)).with_columns(times).cast(pl.String)
        return pl.read_csv(io.BytesIO(data), infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"file `{path.name}` is not readable as {path.suffix[1:]}: {first}", hint="export it again"
        ) from error


def _with_all_columns(path: Path, table: type[pa.DataFrameModel], text: pl.DataFrame) -> pl.DataFrame:
    """Add columns that may be empty and are not there; refuse a file without the others, or with unknown ones."""
    optional = {name for name, declared in declared_columns(table).items() if declared.nullable}
    expected, found = set(column_names(table)), set(text.columns)
    missing, unknown = sorted(expected - optional - found), sorted(found - expected)
    if missing or unknown:
        what = [f"missing {', '.join(missing)}"] if missing else []
        what += [f"unknown {', '.join(unknown)}"] if unknown else []
        raise InputError(
            f"file `{path.name}`: columns of table {table.__name__} expected; {'; '.join(what)}",
            hint=f"the header is: {','.join(column_names(table))}",
        )
    return text.with_columns(pl.lit(None, pl.String).alias(name) for name in sorted(optional - found))


def _parsed(key: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(key).str.strip_chars()
    kept = pl.when(text.str.len_chars() > 0).then(text)
    if dtype == pl.String:
        return kept.alias(key)
    if dtype == pl.Date:
        return kept.str.to_date("%Y-%m-%d", strict=False).alias(key)
    if isinstance(dtype, pl.Datetime):
        return kept.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", strict=False).alias(key)
    if isinstance(dtype, pl.Decimal):  # a cast would round what has more decimals
        exact = kept.str.contains(rf"^-?[0-9]+(\.[0-9]{{1,{dtype.scale}}})?$")
        return pl.when(exact).then(kept).cast(dtype, strict=False).alias(key)
    return kept.cast(dtype, strict=False).alias(key)


def _bad_types(table: type[pa.DataFrameModel], text: pl.DataFrame, typed: pl.DataFrame) -> pl.DataFrame:
    """Rows with a cell that is empty but needed, or is not of the column's type."""
    found = [pl.DataFrame(schema={key: REJECT_SCHEMA[key] for key in (LINE, REASON, DETAIL)})]
    for key, declared in declared_columns(table).items():
        empty = text[key].is_null() | (text[key].str.strip_chars().str.len_chars() == 0)
        bad = typed[key].is_null() & (~empty if declared.nullable else pl.Series([True]))
        rows = text.filter(bad).select(
            LINE,
            pl.when(empty.filter(bad)).then(pl.lit("value_missing")).otherwise(pl.lit("bad_value")).alias(REASON),
            pl.format(
                "column {}: expected {}, found `{}`",
                pl.lit(key),
                pl.lit(_type_name(declared.dtype.type)),
                pl.col(key).fill_null(""),
            ).alias(DETAIL),
        )
        found.append(rows)
    return pl.concat(found)


def _bad_values(table: type[pa.DataFrameModel], typed: pl.DataFrame) -> pl.DataFrame:
    """Rows with a value that the table's declaration does not allow (isin, ge, le, length)."""
    found = [pl.DataFrame(schema={key: REJECT_SCHEMA[key] for key in (LINE, REASON, DETAIL)})]
    for key, declared in declared_columns(table).items():
        for check in declared.checks:
            allowed = check.statistics
            bad = _violates(key, check.name, allowed)
            if bad is None:
                continue
            rows = typed.filter(bad).select(
                LINE,
                pl.lit("value_not_allowed").alias(REASON),
                pl.format("column {}: expected {}, found `{}`", pl.lit(key), pl.lit(_rule(allowed)), pl.col(key)).alias(
                    DETAIL
                ),
            )
            found.append(rows)
    return pl.concat(found)


def _violates(key: str, check: str, statistics: dict[str, Any]) -> pl.Expr | None:
    column = pl.col(key)
    match check:
        case "isin":
            return ~column.is_in(statistics["allowed_values"])
        case "greater_than_or_equal_to":
            return column.lt(statistics["min_value"])
        case "less_than_or_equal_to":
            return column.gt(statistics["max_value"])
        case _:  # str_length: an empty text is a missing value already
            return None


def _rule(statistics: dict[str, Any]) -> str:
    if "allowed_values" in statistics:
        return "one of " + ", ".join(str(value) for value in statistics["allowed_values"])
    low, high = statistics.get("min_value"), statistics.get("max_value")
    return f"at least {low}" if high is None else f"at most {high}"


def _type_name(dtype: pl.DataType) -> str:
    if dtype == pl.Date:
        return "a date like 2026-10-01"
    if isinstance(dtype, pl.Datetime):
        return "a time in UTC like 2026-10-01T03:12:00Z"
    if isinstance(dtype, pl.Decimal):
        return f"a number with at most {dtype.scale} decimals"
    return "a whole number" if dtype.is_integer() else "a text"
