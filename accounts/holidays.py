"""The file of holidays: date, name, branch."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from model.errors import InputError
from store.files import read_bytes

_COLUMNS = ["date", "name", "branch"]


def read_holidays(path: Path) -> pl.DataFrame:
    """Return the holidays of a CSV file: date, name, branch_id (null: of all branches), sorted.

    Raises:
        InputError: it cannot be read, its columns are others, or a date is none; the message names the line.
    """
    try:
        text = pl.read_csv(io.BytesIO(read_bytes(path)), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        raise InputError(f"file `{path.name}` is not readable as CSV: {first}", hint="export it again") from error
    if not {"date", "name"} <= set(text.columns) <= set(_COLUMNS):
        raise InputError(
            f"file `{path.name}`: expected the columns date, name and perhaps branch, found {', '.join(text.columns)}",
            hint=f"the header is: {','.join(_COLUMNS)}",
        )
    whole = text if "branch" in text.columns else text.with_columns(branch=pl.lit(None, pl.String))
    dated = whole.with_row_index("line", offset=2).with_columns(
        day=pl.col("date").str.strip_chars().str.to_date("%Y-%m-%d", strict=False)
    )
    bad = dated.filter(pl.col("day").is_null())
    if bad.height:
        line, found = bad.select("line", "date").row(0)
        raise InputError(
            f"file `{path.name}` line {line}: expected a date like 2027-01-01, found `{found or ''}`",
            hint="mend the line; nothing was made from the file",
        )
    branch = pl.col("branch").str.strip_chars()
    named = dated.select(pl.col("day").alias("date"), "name", pl.when(branch != "").then(branch).alias("branch_id"))
    return named.sort("date", "branch_id", nulls_last=True)
