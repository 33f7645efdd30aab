"""Sharing by largest remainder, beside a twin in fractions."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.split import shared_minor


def shared(whole: int, weights: list[int]) -> list[int]:
    frame = pl.DataFrame(
        {"key": "k", "place": range(len(weights)), "whole": whole, "weight": weights},
        schema={"key": pl.String, "place": pl.Int64, "whole": pl.Int64, "weight": pl.Int64},
    )
    return shared_minor(frame, by="key", whole="whole", weight="weight", order=["place"])["part_minor"].to_list()


def twin(whole: int, weights: list[int]) -> list[int]:
    """Largest remainder in fractions: shares rounded down, the rest to the largest remainders, ties in order."""
    total, size = sum(weights), abs(whole)
    exact = [Fraction(size * weight, total) for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    left = size - sum(parts)
    places = sorted(range(len(weights)), key=lambda place: (parts[place] - exact[place], place))
    for place in places[:left]:
        parts[place] += 1
    return [-part if whole < 0 else part for part in parts]


@pytest.mark.parametrize(("whole", "weights", "parts"), [
    (100, [1, 1, 1], [34, 33, 33]),   # the tie goes to the first
    (100, [2, 1], [67, 33]),          # 66.67 and 33.33
    (-100, [2, 1], [-67, -33]),       # the same with the signs turned
    (10, [3, -1], [15, -5]),          # a credit on the bill takes its share with its sign
    (10, [-3, 1], [15, -5]),          # a bill below zero shares as its opposite does
    (1, [5, 5], [1, 0]),
    (0, [5, 5], [0, 0]),
])  # fmt: skip
def test_parts_are_those_worked_by_hand(whole: int, weights: list[int], parts: list[int]) -> None:
    assert shared(whole, weights) == parts


AMOUNTS = st.integers(-(10**17), 10**17)


@settings(max_examples=100, deadline=None)
@given(whole=AMOUNTS, weights=st.lists(AMOUNTS, min_size=1, max_size=6))
def test_parts_add_up_and_are_those_of_the_twin(whole: int, weights: list[int]) -> None:
    assume(sum(weights) != 0)
    # A share can be larger than the whole where weights have both signs; it still has to be an amount.
    assume(max(map(abs, twin(whole, weights))) < 2**62)
    found = shared(whole, weights)
    assert sum(found) == whole
    assert found == twin(whole, weights)


def test_weights_that_sum_to_zero_cannot_share() -> None:
    with pytest.raises(AssertionError, match="sum to zero"):
        shared(10, [1, -1])
