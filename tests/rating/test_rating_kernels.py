from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.kernels import APPORTION_MAX, apportion, share_kernel


def cells(uses: list[int], tiers: list[int]) -> list[list[int]]:
    """Tier by tier, the quantity of each period."""
    starts = [np.array([0, len(values)], dtype=np.int64) for values in (uses, tiers)]
    found = apportion(np.array(uses, dtype=np.int64), starts[0], np.array(tiers, dtype=np.int64), starts[1])
    return found.reshape(len(tiers), len(uses)).tolist()


@pytest.mark.parametrize(
    ("uses", "tiers", "expected"),
    [
        ([300, 100], [200, 200], [[150, 50], [150, 50]]),       # in proportion 3 : 1
        ([1, 1, 1], [1, 2], [[1, 0, 0], [0, 1, 1]]),            # equal remainders: the earlier period first
        ([2, 1], [2, 1], [[1, 1], [1, 0]]),                     # 4/3 and 2/3: the larger remainder gets the unit
        ([5, 0], [0, 5], [[0, 0], [5, 0]]),
        ([0, 0], [0, 0], [[0, 0], [0, 0]]),
    ],
)  # fmt: skip
def test_tiers_are_shared_over_periods_by_largest_remainder(
    uses: list[int], tiers: list[int], expected: list[list[int]]
) -> None:
    assert cells(uses, tiers) == expected


@st.composite
def uses_and_tiers(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    uses = draw(st.lists(st.integers(0, 10) | st.integers(0, 10**15), min_size=1, max_size=5))
    edges = sorted(draw(st.lists(st.integers(0, sum(uses)), max_size=4)))
    return uses, [upper - lower for lower, upper in zip([0, *edges], [*edges, sum(uses)], strict=True)]


@given(uses_and_tiers())
@settings(max_examples=100, deadline=None)
def test_shared_tiers_add_up_to_tiers_and_to_periods_and_stay_near_proportion(
    given_: tuple[list[int], list[int]],
) -> None:
    uses, tiers = given_
    found = cells(uses, tiers)
    assert [sum(row) for row in found] == tiers
    assert [sum(column) for column in zip(*found, strict=True)] == uses
    assert all(cell >= 0 for row in found for cell in row)
    total = sum(uses)
    for row, tier in zip(found, tiers, strict=True):
        for cell, use in zip(row, uses, strict=True):
            assert total == 0 or abs(cell - Fraction(use * tier, total)) <= len(tiers) + 1


@given(st.integers(1, APPORTION_MAX - 1), st.data())
@settings(deadline=None)
def test_a_share_is_exact_where_the_product_leaves_64_bits(whole: int, data: st.DataObject) -> None:
    part, amount = data.draw(st.integers(0, whole)), data.draw(st.integers(0, whole))
    assert share_kernel(part, amount, whole) == divmod(part * amount, whole)


def test_several_groups_do_not_touch_each_other() -> None:
    found = apportion(np.array([300, 100, 7]), np.array([0, 2, 3]), np.array([200, 200, 3, 3, 1]), np.array([0, 2, 5]))
    assert found.tolist() == [150, 50, 150, 50, 3, 3, 1]


def test_tiers_that_do_not_add_up_to_the_use_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="add up"):
        cells([3], [2])
