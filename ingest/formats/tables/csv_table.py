"""Comma-separated lines to columns of text, with line numbers and without a Python loop."""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl

from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import FileRecords, refused


def header_names(source: Source) -> list[str]:
    """Return the names in the first line, lower case, without quotes."""
    return [name.strip().strip('"').strip().lower() for name in source.lines["text"][0].split(",")]


def read_columns(source: Source, names: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `line` and the named columns as text (empty is ""), and the rejects.

    A row with more or fewer fields than the header is rejected as `wrong_field_count`. Fields lose blanks and quotes
    around them; a comma inside quotes is not part of these formats.
    """
    header = header_names(source)
    lines = source.lines.slice(1)
    count = pl.col("text").str.count_matches(",", literal=True) + 1
    is_right = lines.select((count == len(header)).alias("is_right")).to_series()
    if is_right.all():
        right, rejects = lines, reject_rows(source, lines.clear(), "wrong_field_count", "")
    else:
        wrong = lines.filter(~is_right).with_columns(count.alias("fields"))
        detail = pl.format("expected {} fields, found {}", pl.lit(len(header)), "fields")
        right, rejects = lines.filter(is_right), reject_rows(source, wrong, "wrong_field_count", detail)
    wanted = [name for name in names if name in header]
    fields = _fields(right["text"], [header.index(name) for name in wanted])
    if _may_be_padded(source):
        fields = [column.str.strip_chars(' \t"') for column in fields]
    columns = [column.alias(name) for name, column in zip(wanted, fields, strict=True)]
    # The reader leaves a piece for each of its threads; texts put together from several pieces have made Polars panic.
    return right.select("line").hstack(columns).rechunk(), rejects


def _may_be_padded(source: Source) -> bool:
    """Return whether a field may have blanks or quotes around it: not where the file has none at all."""
    return not source.data or any(sign in source.data for sign in (b" ", b"\t", b'"'))


def _fields(lines: pl.Series, places: Sequence[int]) -> list[pl.Series]:
    """Return some fields of lines that all have the same number of them."""
    if lines.is_empty():
        return [pl.Series([], dtype=pl.String) for _ in places]
    # Polars' reader of CSV cuts lines many times faster than a split into lists; it must find the same lines.
    text = io.BytesIO(lines.str.join("\n").item().encode())
    table = pl.read_csv(text, has_header=False, quote_char=None, infer_schema=False)
    assert table.height == len(lines), "each line is one row, since none is blank"
    return [table.to_series(place).fill_null("") for place in places]


def update_time(has_column: bool) -> pl.Expr:
    """Return `updated_at`: ISO date and time as the provider wrote it, an offset is dropped; null when empty."""
    if not has_column:
        return pl.lit(None, dtype=pl.Datetime("us")).alias("updated_at")
    plain = pl.col("updated_at").str.replace(r"(Z|[+-]\d\d:?\d\d)$", "").str.replace("T", " ", literal=True)
    with_seconds = plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return with_seconds.fill_null(plain.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False))


def no_data(source: Source, file_format: str) -> FileRecords:
    """Return the refusal of a file that ends with its header."""
    return refused(source.name, source.sha256, file_format, "no_data", "expected reads below the header, found none")


def bad_header(source: Source, file_format: str, names: Sequence[str]) -> FileRecords:
    """Return the refusal of a file whose first line, quotes and all, does not name the columns that it seemed to."""
    found = source.lines["text"][0][:200]
    detail = f"expected the columns {', '.join(names)} in the first line, found `{found}`"
    return refused(source.name, source.sha256, file_format, "bad_header", detail)
