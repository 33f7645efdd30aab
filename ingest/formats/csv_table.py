"""Comma-separated lines to columns of text, with line numbers and without a Python loop."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ingest.formats.parsed import Source, reject_rows


def header_names(source: Source) -> list[str]:
    """Return the names in the first line, lower case, without quotes."""
    return [name.strip().strip('"').strip().lower() for name in source.lines["text"][0].split(",")]


def read_columns(
    source: Source, names: Sequence[str], *, span: tuple[int, int] = (0, 0)
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `line` and the named columns as text (empty is ""), and the rejects.

    `span` (first, count) asks for a run of columns as one list, `values`, as they stand in the line.

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
    values = [pl.col("fields").list.slice(*span).alias("values")] if span[1] else []
    return right.select("line", *wanted, *values), rejects


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
