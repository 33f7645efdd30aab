"""Fields of record-per-line flows: a record cut at its delimiter, time stamps of digits, a refused file."""

from __future__ import annotations

import polars as pl

from ingest.formats.dates import FIRST_DAY, LAST_DAY
from ingest.formats.parsed import Source

_STAMPS = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M"}


def cut_fields(source: Source, delimiter: str) -> pl.DataFrame:
    """Return `line` and `fields` of each record, without blanks and quotes around a field."""
    fields = pl.col("text").str.split(delimiter).list.eval(pl.element().str.strip_chars(' \t"'))
    return source.lines.select("line", fields.alias("fields"))


def field_at(number: int) -> pl.Expr:
    """Return a field of the record, "" where it has none."""
    return pl.col("fields").list.get(number, null_on_oob=True).fill_null("")


def stamp(text: pl.Expr, digits: int = 14) -> pl.Expr:
    """Return the time of 14 (or 12: no seconds) digits; null when it is none, or from a year that has no reads."""
    plain = pl.when(text.str.contains(rf"^\d{{{digits}}}$")).then(text)
    moment = plain.str.to_datetime(_STAMPS[digits], time_unit="us", strict=False)
    return pl.when(moment.dt.date().is_between(FIRST_DAY, LAST_DAY)).then(moment)
