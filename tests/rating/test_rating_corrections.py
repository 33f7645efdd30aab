"""Use corrected after a meter's test: exact, beside a slow twin in fractions."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.typing.polars import DataFrame

from model.reads import RegisterUsage, read_days_schema
from model.schema import checked, polars_schema
from rating.corrections import CORRECTIONS_SCHEMA, corrected_days, corrected_usage

START = date(2026, 6, 1)


def day(number: int) -> date:
    return START + timedelta(days=number)


def usage(*rows: tuple[int, int, int]) -> DataFrame[RegisterUsage]:
    data = [(1, "M1", day(first), day(after), quantity, 0, False, 3) for first, after, quantity in rows]
    return checked(RegisterUsage, pl.DataFrame(data, schema=polars_schema(RegisterUsage), orient="row"))


def spans(*rows: tuple[int, int, int]) -> pl.DataFrame:
    data = [(1, day(first), day(after), error) for first, after, error in rows]
    return pl.DataFrame(data, schema=CORRECTIONS_SCHEMA, orient="row")


def by_factor(quantity: int, error_e4: int) -> int:
    """Return quantity / (1 + error), half up."""
    exact = Fraction(quantity * 10**6, 10**6 + error_e4)
    return int(exact + Fraction(1, 2)) if exact >= 0 else 0


@pytest.mark.parametrize(
    ("error_e4", "expected"),
    [
        (35_000, 289_855),  # 3.5 % fast: 300,000 / 1.035 = 289,855.07
        (-20_000, 306_122),  # 2 % slow: 300,000 / 0.98 = 306,122.45
        (200_000, 250_000),  # 20 % fast: 300,000 / 1.2
    ],
)
def test_use_between_two_readings_counts_by_the_factor(error_e4: int, expected: int) -> None:
    found = corrected_usage(usage((0, 30, 300_000)), spans((0, 30, error_e4)))
    assert found.select("quantity", "quality").rows() == [(expected, 1)]


def test_a_pair_of_readings_is_cut_at_the_edge_of_the_span() -> None:
    found = corrected_usage(usage((0, 30, 300_001)), spans((10, 60, 250_000)))
    # 10 days of 30: floor(300001 x 10 / 30) = 100,000; the other 200,001 / 1.25 = 160,000.8
    assert found.select("from_date", "to_date", "quantity").rows() == [
        (day(0), day(10), 100_000),
        (day(10), day(30), 160_001),
    ]


def test_what_lies_outside_stays_as_it_is() -> None:
    rows = usage((0, 30, 300_000), (30, 60, 400_000))
    assert corrected_usage(rows, spans((60, 90, 35_000))).equals(rows)
    assert corrected_usage(rows, spans()).equals(rows)


@settings(max_examples=80, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10**9)), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 120), min_size=2, max_size=4, unique=True),
    errors=st.lists(st.integers(-500_000, 1_000_000), min_size=2, max_size=2),
)
def test_corrected_use_is_that_of_the_slow_twin(
    pairs: list[tuple[int, int]], cuts: list[int], errors: list[int]
) -> None:
    cuts = sorted(cuts)[: len(cuts) // 2 * 2]
    given_spans = [(a, b, error) for a, b, error in zip(cuts[::2], cuts[1::2], errors, strict=False)]
    rows, first = [], 0
    for length, quantity in pairs:
        rows.append((first, first + length, quantity))
        first += length
    expected = 0
    for begin, end, quantity in rows:
        edges = sorted({begin, end, *(edge for a, b, _ in given_spans for edge in (a, b) if begin < edge < end)})
        for a, b in itertools.pairwise(edges):
            part = quantity * (b - begin) // (end - begin) - quantity * (a - begin) // (end - begin)
            inside = [error for low, high, error in given_spans if low <= a < high]
            expected += by_factor(part, inside[0]) if inside else part
    assert corrected_usage(usage(*rows), spans(*given_spans))["quantity"].sum() == expected


def test_intervals_of_the_span_count_by_the_factor_and_missing_ones_stay_missing() -> None:
    schema = read_days_schema(60)
    row = dict.fromkeys(schema) | {"n": 24, "worst": 0, "seq": 1, "channel_no": 1}
    row |= {f"v{slot:02}": 1_000 for slot in range(23)}
    days = pl.DataFrame([row | {"day": day(number)} for number in range(3)], schema=schema)
    found = corrected_days(days, spans((1, 2, 30_000)), 60)
    # 1,000 / 1.03 = 970.87
    assert found["v00"].to_list() == [1_000, 971, 1_000]
    assert found["v23"].to_list() == [None, None, None]
    assert found["worst"].to_list() == [0, 1, 0]
