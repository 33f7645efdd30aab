"""The kernel that reads decimal fields from bytes, beside a slow twin that cuts text and uses Decimal."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.kernels import BAD_NUMBER, EMPTY, FINE, TOO_LARGE, TOO_PRECISE, decimal_fields, whole_units
from ingest.formats.numbers import SLOT_MAX, exact_integers

PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


def twin(field: str) -> tuple[int, int]:
    """Return a field in billionths and its problem."""
    text = field.strip(' \t"')
    if text == "":
        return 0, EMPTY
    if not PLAIN.fullmatch(text):
        return 0, BAD_NUMBER
    number = Decimal(text)
    if abs(int(number)) > 9_223_372_035:
        return 0, TOO_LARGE
    scaled = number.scaleb(9)
    return (0, TOO_PRECISE) if scaled != int(scaled) else (int(scaled), FINE)


FIELD = st.one_of(
    st.decimals(-(10**11), 10**11, places=3).map(str),
    st.text('0123456789.+- \t"eN', max_size=14),
    st.integers(-(10**22), 10**22).map(str),
    st.just(""),
)


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.lists(FIELD, min_size=1, max_size=6), min_size=1, max_size=4), first=st.integers(1, 3))
def test_fields_are_read_as_their_slow_twin_reads_them(lines: list[list[str]], first: int) -> None:
    count = 3
    found = decimal_fields(pl.Series([",".join(line) for line in lines]), first, count)
    assert found.fields.tolist() == [len(line) for line in lines]
    for at, line in enumerate(lines):
        if len(line) < first + count:
            assert found.end[at] == -1
            continue
        here = slice(at * count, (at + 1) * count)
        pairs = list(zip(found.billionths[here].tolist(), found.problem[here].tolist(), strict=True))
        assert pairs == [twin(field) for field in line[first : first + count]]
        text = ",".join(line)
        assert text[found.begin[at] : found.end[at]] == ",".join(line[first : first + count])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("9223372035.999999999", (9_223_372_035_999_999_999, FINE)),
        ("9223372036", (0, TOO_LARGE)),
        ("-9223372035.999999999", (-9_223_372_035_999_999_999, FINE)),
        ("0.000000001", (1, FINE)),
        ("0.0000000010", (1, FINE)),
        ("0.0000000011", (0, TOO_PRECISE)),
        ("00000000000000000000001", (1_000_000_000, FINE)),
        ("9" * 30, (0, TOO_LARGE)),
        ("1 2", (0, BAD_NUMBER)),
        ("é", (0, BAD_NUMBER)),
        (' "1.5" ', (1_500_000_000, FINE)),
    ],
)
def test_numbers_at_the_edges(field: str, expected: tuple[int, int]) -> None:
    found = decimal_fields(pl.Series([f"x,{field}", f"x,{field},y"]), 1, 1)
    assert list(zip(found.billionths.tolist(), found.problem.tolist(), strict=True)) == [expected] * 2


@settings(max_examples=200, deadline=None)
@given(billionths=st.integers(-(2**63) + 10**9, 2**63 - 10**9), exponent=st.integers(-130, 130))
def test_whole_units_of_the_kernel_are_those_of_the_text(billionths: int, exponent: int) -> None:
    values, problem = whole_units(np.array([billionths]), exponent, SLOT_MAX)
    text = f"{Decimal(billionths).scaleb(-9):f}"
    value, told = exact_integers(pl.Series([text]), exponent, limit=SLOT_MAX).row(0)
    names = {FINE: None, TOO_PRECISE: "too_precise", TOO_LARGE: "value_too_large"}
    assert (None if problem[0] else int(values[0]), names[int(problem[0])]) == (value, told)
