"""Runs of rows with one key, and series numbered by them, beside slow twins that look at each row."""

from __future__ import annotations

from itertools import groupby

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.runs import runs_of
from ingest.formats.series import series_of
from ingest.formats.tables.csv_table import read_columns
from ingest.formats.text import read_source

KEYS = st.lists(st.tuples(st.sampled_from(["A", "B", None]), st.integers(0, 1)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(keys=KEYS)
def test_runs_are_those_of_neighbours_with_one_key(keys: list[tuple[str | None, int]]) -> None:
    rows = pl.DataFrame(keys, schema={"name": pl.String, "part": pl.Int64}, orient="row")
    found = runs_of(rows, ["name", "part"])
    lengths = [len(list(group)) for _, group in groupby(keys)]
    assert found.run.to_list() == [run for run, length in enumerate(lengths) for _ in range(length)]
    assert found.first.to_list() == [sum(lengths[:run]) for run in range(len(lengths))]
    assert found.spread(pl.Series(lengths, dtype=pl.Int64)).to_list() == [n for n in lengths for _ in range(n)]


@settings(max_examples=150, deadline=None)
@given(keys=KEYS, draw=st.randoms(use_true_random=False))
def test_series_are_numbered_in_order_of_their_first_line(keys: list[tuple[str | None, int]], draw: object) -> None:
    lines = list(range(2, 2 + len(keys)))
    draw.shuffle(lines)  # type: ignore[attr-defined]  # a random.Random
    rows = pl.DataFrame(
        [(line, *key) for line, key in zip(lines, keys, strict=True)],
        schema={"line": pl.Int64, "name": pl.String, "part": pl.Int64},
        orient="row",
    )
    series, placed = series_of(rows, ["name", "part"])
    first = {key: min(line for line, own in zip(lines, keys, strict=True) if own == key) for key in keys}
    numbers = {key: number for number, key in enumerate(sorted(first, key=lambda key: first[key]))}
    assert {row[1:3]: row[0] for row in series.select("series_no", "name", "part").rows()} == numbers
    assert placed["series_no"].to_list() == [numbers[key] for key in keys]
    assert placed.drop("series_no").equals(rows)


def test_columns_of_a_long_file_lie_in_one_piece() -> None:
    text = "name,value\n" + "".join(f"meter {line},{line}\n" for line in range(20_000))
    rows, _ = read_columns(read_source("file.csv", "0" * 64, text.encode()), ["name", "value"])
    assert rows.n_chunks("all") == [1, 1, 1]
    assert rows.row(-1) == (20_001, "meter 19999", "19999")


def test_fields_lose_blanks_and_quotes_only_where_the_file_has_some() -> None:
    for text, expected in ((b"a,b\nx,1\ny,2\n", ["x", "y"]), (b'a,b\n x\t,1\n"y",2\n', ["x", "y"])):
        rows, _ = read_columns(read_source("file.csv", "0" * 64, text), ["a", "b"])
        assert rows["a"].to_list() == expected
