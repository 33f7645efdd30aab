"""Rows of many values each: those whose numbers cannot be read are rejected with their first bad value."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.formats.kernels import BAD_NUMBER, EMPTY, PROBLEMS, DecimalFields
from ingest.formats.parsed import Source, reject_rows


def reject_bad_values(
    source: Source, rows: pl.DataFrame, values: DecimalFields, count: int, *, first: int, named: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows all of whose values could be read, and rejects of the others.

    `rows` has line, text and `row`, its place among the lines that `values` was read from; `first` is the field of the
    first value, `named` how a person calls a value by its number (`interval {}`).
    """
    problem = values.problem.reshape(-1, count)
    is_bad = np.atleast_1d((problem >= BAD_NUMBER).any(axis=1))[rows["row"].to_numpy()]
    if not is_bad.any():
        return rows, reject_rows(source, rows.clear(), "bad_number", "")
    bad = rows.filter(pl.Series(is_bad))
    problems = problem[bad["row"].to_numpy()]
    at = (problems >= BAD_NUMBER).argmax(axis=1)
    codes = problems[np.arange(len(at)), at]
    told = bad.with_columns(
        pl.Series("at", at, dtype=pl.Int64),
        pl.Series("problem", codes, dtype=pl.UInt8).replace_strict(PROBLEMS, return_dtype=pl.String),
        pl.Series("problems", (problems >= BAD_NUMBER).sum(axis=1), dtype=pl.Int64),
    ).with_columns(pl.col("text").str.split(",").list.get(pl.col("at") + first).str.strip_chars(' \t"').alias("found"))
    detail = pl.format(
        f"expected a decimal number of at most nine places, found `{{}}` in {named}; {{}} such values",
        pl.col("found").str.head(40),
        pl.col("at") + 1,
        "problems",
    )
    return rows.filter(~pl.Series(is_bad)), reject_rows(source, told, pl.col("problem"), detail)


def billionths_of(values: DecimalFields, rows: pl.Series, count: int) -> pl.Series:
    """Return the values of these rows (ascending places) in billionths, null where a field is empty."""
    chosen, problem = values.billionths, values.problem
    if len(rows) * count < len(chosen):
        places = rows.to_numpy()
        chosen = chosen.reshape(-1, count)[places].reshape(-1)
        problem = problem.reshape(-1, count)[places].reshape(-1)
    found = pl.Series("value", chosen)
    is_empty = problem == EMPTY
    return found.set(pl.Series(is_empty), None) if is_empty.any() else found
