"""Lines of a delimited file as lists of fields: quotes where they occur, no Python loop.

A line without quotes is split at the separator. In a line with quotes a separator between quotes belongs to its field,
and two quotes stand for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from ingest.formats.parsed import Source, reject_rows

BLANKS = " \t"


@dataclass(frozen=True)
class Fields:
    """Rows of a delimited file. `header` holds the names in its first line as written, or column_1 and so on.

    `rows` has `line` and `fields`, a list as long as the header; `rejects` are the lines that are not.
    """

    header: tuple[str, ...]
    rows: pl.DataFrame
    rejects: tuple[pl.DataFrame, ...]

    def text(self, place: int) -> pl.Expr:
        """Return the field at a place, without blanks around it."""
        return pl.col("fields").list.get(place).str.strip_chars(BLANKS)

    def texts(self, places: list[int]) -> pl.Series:
        """Return the fields at these places, one row after the other, without blanks around them."""
        first, count = places[0], len(places)
        lists = pl.col("fields")
        is_run = places == list(range(first, first + count))
        # A run of columns is cut out of the list as it lies; only others are gathered one by one.
        chosen = lists.list.slice(first, count) if is_run else lists.list.gather(places)
        return self.rows.select(chosen.list.explode()).to_series().str.strip_chars(BLANKS).rename("value")


def read_fields(source: Source, separator: str = ",", *, has_header: bool = True) -> Fields:
    """Return the rows of a delimited file.

    Rejects lines as `bad_quotes` (text behind a closing quote) and `wrong_field_count`; empty fields behind the last
    column of the header are no error, spreadsheets leave them. A header with broken quotes names nothing: no rows.
    """
    split = _split(source.lines, separator)
    broken = split.filter(pl.col("fields").is_null())
    whole = split.filter(pl.col("fields").is_not_null()) if broken.height else split
    rejects = [reject_rows(source, broken, "bad_quotes", "expected a separator behind a closing quote, found text")]
    if whole.is_empty() or (has_header and split["fields"].is_null()[0]):
        # Without its names nobody knows what the columns are; the next line must not be taken for them.
        return Fields((), whole.clear(), tuple(rejects))
    first = [str(name).strip(BLANKS) for name in whole["fields"][0].to_list()]
    header = first if has_header else [f"column_{place}" for place in range(1, len(first) + 1)]
    rows = whole.slice(1) if has_header else whole
    length = pl.col("fields").list.len()
    wrong = rows.filter(length != len(header))
    if wrong.height:
        behind = pl.col("fields").list.slice(len(header)).list.join("").str.strip_chars(BLANKS)
        is_padded = (length > len(header)) & (behind == "")
        rows = rows.filter((length == len(header)) | is_padded)
        detail = pl.format("expected {} fields, found {}", pl.lit(len(header)), length)
        rejects.append(reject_rows(source, wrong.filter(~is_padded), "wrong_field_count", detail))
    return Fields(tuple(header), rows, tuple(rejects))


def _split(lines: pl.DataFrame, separator: str) -> pl.DataFrame:
    """Return `line` and `fields`; null where quotes do not close before a separator."""
    is_quoted = lines["text"].str.contains('"', literal=True)
    if not is_quoted.any():
        return lines.select("line", pl.col("text").str.split(separator).alias("fields"))
    plain = lines.filter(~is_quoted).select("line", pl.col("text").str.split(separator).alias("fields"))
    quoted = _split_quoted(lines.filter(is_quoted), separator)
    return pl.concat([plain, quoted]).sort("line") if plain.height else quoted


def _split_quoted(lines: pl.DataFrame, separator: str) -> pl.DataFrame:
    sign = re.escape(separator)
    # Each match begins with the separator, so that an empty field is a match as well.
    led = pl.concat_str(pl.lit(separator), "text")
    matches = led.str.extract_all(rf'{sign}("(?:[^"]|"")*"|[^{sign}]*)')
    found = lines.select("line", led.alias("led"), matches.alias("f"))
    is_whole = pl.col("f").list.join("").str.len_bytes() == pl.col("led").str.len_bytes()
    field = pl.element().str.slice(1)
    is_closed = field.str.contains(r'^".*"$') & (field.str.len_bytes() > 1)
    inner = field.str.slice(1, field.str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    bare = pl.when(is_closed).then(inner).otherwise(field)
    return found.select("line", pl.when(is_whole).then(pl.col("f").list.eval(bare)).alias("fields"))
