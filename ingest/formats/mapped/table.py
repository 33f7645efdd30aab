"""The columns that a mapping names, as text, from CSV or Parquet."""

from __future__ import annotations

import io
from dataclasses import dataclass

import polars as pl

from ingest.formats.mapped.mapping import FileMapping, Stamp
from ingest.formats.parsed import Source
from ingest.formats.tables.quoted_fields import Fields, read_fields
from ingest.formats.text import decode
from model.errors import InputError

PARQUET_MARK = b"PAR1"
# Typed times of Parquet become text once, so that all stamps take one way.
ISO = "%Y-%m-%dT%H:%M:%S"
ISO_OFFSET = ISO + "%z"
_NO_LINES = {"line": pl.Int64, "text": pl.String}


@dataclass(frozen=True)
class MappedTable:
    """Rows of a file: `line` and the columns asked for, each as text named `c0`, `c1` by its place in the file.

    `formats` says how the texts of a column are to be read as times where the file itself has typed them.
    """

    header: tuple[str, ...]
    rows: pl.DataFrame
    rejects: tuple[pl.DataFrame, ...]
    source: Source
    formats: dict[int, str]

    def place(self, column: str | int) -> int:
        """Return the place of a column, by name or by number from 1.

        Raises:
            InputError: the file has no such column.
        """
        if isinstance(column, int) and column <= len(self.header):
            return column - 1
        names = [name.casefold() for name in self.header]
        if isinstance(column, str) and column.casefold() in names:
            return names.index(column.casefold())
        found = ", ".join(f"`{name}`" for name in self.header[:20])
        raise InputError(f"the mapping names column `{column}`; the file has {found}", hint="mend the mapping")


def text_of(place: int) -> pl.Expr:
    """Return the text of the column at a place."""
    return pl.col(f"c{place}")


def read_table(source: Source, mapping: FileMapping) -> MappedTable:
    """Return the file's rows as text.

    Raises:
        InputError: the bytes are not in the form or encoding that the mapping states.
    """
    return _parquet(source) if mapping.form == "parquet" else _csv(source, mapping)


def span(table: MappedTable, first: str | int, last: str | int) -> list[int]:
    """Return the places from one column to another, both included.

    Raises:
        InputError: a column is not there, or they stand in the other order.
    """
    start, end = table.place(first), table.place(last)
    if end < start:
        raise InputError(f"the mapping names columns `{first}` to `{last}`; the file has them in the other order")
    return list(range(start, end + 1))


def stamp_format(table: MappedTable, stamp: Stamp) -> str:
    """Return how the stamps of this file are written.

    Raises:
        InputError: the mapping states no format and the file's columns are not typed as one time.
    """
    places = [table.place(column) for column in stamp.parts]
    if len(places) == 1 and places[0] in table.formats:
        return table.formats[places[0]]
    if stamp.format is None:
        raise InputError(
            f"the mapping states no `stamp.format`; columns {', '.join(map(str, stamp.parts))} are text",
            hint="add the format, such as %d/%m/%Y %H:%M",
        )
    return stamp.format


def _csv(source: Source, mapping: FileMapping) -> MappedTable:
    layout = mapping.csv
    try:
        text = source.data.decode(layout.encoding) if layout.encoding else decode(source.data)
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(f"expected text in {layout.encoding}: {error}", hint="mend `csv.encoding`") from error
    lines = _lines(text.removeprefix("\ufeff"), layout.skip_lines)
    numbered = Source(source.name, source.sha256, lines, source.data)
    fields = read_fields(numbered, layout.separator, has_header=layout.header)
    return MappedTable(fields.header, _columns(fields), fields.rejects, numbered, {})


def _lines(text: str, skip: int) -> pl.DataFrame:
    every = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = pl.DataFrame({"text": every}, schema={"text": pl.String})
    numbered = lines.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"), "text").slice(skip)
    kept = numbered.filter(pl.col("text").str.strip_chars() != "")
    is_note = kept.height > 0 and str(kept["text"][0]).strip().casefold().startswith("sep=")
    return kept.slice(1) if is_note else kept  # spreadsheets write their separator into the first line


def _columns(fields: Fields) -> pl.DataFrame:
    names = [f"c{place}" for place in range(len(fields.header))]
    # One struct from all lists at once: a `get` for each column would walk the lists as often as there are columns.
    cut = fields.rows.select("line", pl.col("fields").list.head(len(names)).list.to_struct(fields=names).alias("row"))
    if not names:
        return fields.rows.select("line")
    return cut.unnest("row").with_columns(pl.col(names).str.strip_chars(" \t"))


def _parquet(source: Source) -> MappedTable:
    try:
        frame = pl.read_parquet(io.BytesIO(source.data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        # Of some damaged files the reader does not say what is wrong but gives up: a PanicException.
        first = str(error).splitlines()[0] if str(error) else "it is damaged"
        raise InputError(f"expected Parquet, found: {first}", hint="export the file again") from error
    header = tuple(frame.columns)
    formats: dict[int, str] = {}
    texts = []
    for place, (name, dtype) in enumerate(frame.schema.items()):
        expr, form = _as_text(name, dtype)
        texts.append(expr.fill_null("").alias(f"c{place}"))
        if form:
            formats[place] = form
    rows = frame.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"), *texts)
    return MappedTable(header, rows, (), Source(source.name, source.sha256, pl.DataFrame(schema=_NO_LINES)), formats)


def _as_text(name: str, dtype: pl.DataType) -> tuple[pl.Expr, str | None]:
    """Return a column as text, and how its times are written if it has any.

    The text of a float is the shortest one that stands for it: 0.1 is `0.1`, as whoever wrote the file meant it.
    """
    column = pl.col(name)
    if dtype == pl.Date:
        return column.dt.strftime("%Y-%m-%d"), "%Y-%m-%d"
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone:
            return column.dt.convert_time_zone("UTC").dt.strftime(ISO + "+0000"), ISO_OFFSET
        return column.dt.strftime(ISO), ISO
    if dtype.is_float():
        text = column.cast(pl.String)
        plain = column.cast(pl.Decimal(38, 18), strict=False).cast(pl.String)
        return pl.when(text.str.contains("[eE]")).then(plain).otherwise(text).replace("NaN", "nan"), None
    if dtype.is_nested() or dtype == pl.Binary:
        return pl.lit("").alias(name), None
    return column.cast(pl.String).str.strip_chars(), None
