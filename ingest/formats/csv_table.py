"""Comma-separated lines to columns of text, with line numbers and without a Python loop."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import FileRecords, Series, refused
from model.schema import arranged


def header_names(source: Source) -> list[str]:
    """Return the names in the first line, lower case, without quotes."""
    return [name.strip().strip('"').strip().lower() for name in source.lines["text"][0].split(",")]


def read_columns(source: Source, names: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `line` and the named columns as text (empty is ""), and the rejects.

    A row with more or fewer fields than the header is rejected as `wrong_field_count`. Fields lose blanks and quotes
    around them; a comma inside quotes is not part of these formats.
    """
    header = header_names(source)
    fields = source.lines.slice(1).select("line", pl.col("text").str.split(",").alias("fields"))
    length = pl.col("fields").list.len()
    is_right = length == len(header)
    detail = pl.format("expected {} fields, found {}", pl.lit(len(header)), length)
    wrong = fields.filter(~is_right)
    rejects = reject_rows(source, wrong, "wrong_field_count", detail)
    right = fields.filter(is_right) if wrong.height else fields  # a filter copies the lists
    wanted = [
        pl.col("fields").list.get(header.index(name)).str.strip_chars(' \t"').alias(name)
        for name in names
        if name in header
    ]
    return right.select("line", *wanted), rejects


def series_of(rows: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the series of rows, numbered in order of their first line, and the rows with their `series_no`."""
    numbered = rows.group_by(key).agg(pl.col("line").min()).sort("line", *key).with_row_index("series_no")
    series = numbered.with_columns(pl.col("series_no").cast(pl.Int32))
    placed = rows.join(
        series.drop("line"), on=list(key), how="left", validate="m:1", nulls_equal=True, maintain_order="left"
    )
    return series, placed


def named_series(rows: pl.DataFrame) -> tuple[pl.DataFrame, DataFrame[Series]]:
    """Return rows with `series_no`, and the series that they name: meter_point, suffix, unit, file_minutes."""
    key = ["meter_point", "suffix", "unit", "power", "file_minutes"]
    series, placed = series_of(rows.with_columns(pl.lit(0, pl.Int8).alias("power")), key)
    return placed, arranged(Series, series)


def update_time(has_column: bool) -> pl.Expr:
    """Return `updated_at`: ISO date and time as the provider wrote it, an offset is dropped; null when empty."""
    if not has_column:
        return pl.lit(None, dtype=pl.Datetime("us")).alias("updated_at")
    plain = pl.col("updated_at").str.replace(r"(Z|[+-]\d\d:?\d\d)$", "").str.replace("T", " ", literal=True)
    with_seconds = plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return with_seconds.fill_null(plain.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False))


def split_by_reason(
    source: Source, rows: pl.DataFrame, reason: pl.Expr, detail: pl.Expr
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows for which `reason` is null, and rejects of the others."""
    judged = rows.with_columns(reason.alias("reason"))
    bad = judged.filter(pl.col("reason").is_not_null())
    good = judged.filter(pl.col("reason").is_null()).drop("reason")
    return good, reject_rows(source, bad, pl.col("reason"), detail)


def no_data(source: Source, file_format: str) -> FileRecords:
    """Return the refusal of a file that ends with its header."""
    return refused(source.name, source.sha256, file_format, "no_data", "expected reads below the header, found none")
