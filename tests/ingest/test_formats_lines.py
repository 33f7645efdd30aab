"""Lines of a text as a column that shares its bytes, beside a slow twin that splits text."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.lines import ending_lines, text_places
from ingest.formats.text import decode, read_source

TEXTS = st.text("ab,\n\u00e9\U0001f4a1", max_size=60)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_lines_are_those_of_a_split(text: str) -> None:
    assert ending_lines(text.encode()).to_list() == text.split("\n")


@pytest.mark.parametrize("length", [0, 3, 4, 5, 11, 12, 13, 16, 17, 40])
def test_lines_on_each_side_of_what_a_view_holds(length: int) -> None:
    line = "0123456789abcdefghijklmnopqrstuvwxyzABCD"[:length]
    assert ending_lines(f"{line}\nx\n{line}".encode()).to_list() == [line, "x", line]


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, long=st.booleans())
def test_places_point_at_the_texts_of_a_column(text: str, long: bool) -> None:
    lines = [line + "-" * 20 * long for line in text.split("\n")]
    column = ending_lines("\n".join(lines).encode())
    for some, expected in ((column, lines), (column.filter(pl.Series([True] + [False] * (len(lines) - 1))), lines[:1])):
        data, starts, stops = text_places(some)
        found = [bytes(data[a:b]).decode() for a, b in zip(starts.tolist(), stops.tolist(), strict=True)]
        assert found == expected


def test_places_of_a_column_of_several_texts() -> None:
    column = pl.concat([ending_lines(b"a line of the first text\nshort"), ending_lines(b"a line of the second text")])
    data, starts, stops = text_places(column)
    found = [bytes(data[a:b]).decode() for a, b in zip(starts.tolist(), stops.tolist(), strict=True)]
    assert found == ["a line of the first text", "short", "a line of the second text"]


@pytest.mark.parametrize(
    "data", [b"a\r\nb\rc", b"\xef\xbb\xbfa\nb", "é\nb".encode(), "a\nb".encode("utf-16"), b"plain\n\nlast line"]
)
def test_a_source_has_the_lines_that_are_not_blank(data: bytes) -> None:
    expected = [(at, line) for at, line in enumerate(decode(data).split("\n"), 1) if line.strip(" \t,")]
    assert read_source("file.csv", "0" * 64, data).lines.rows() == expected
