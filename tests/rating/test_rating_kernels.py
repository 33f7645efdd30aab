from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.kernels import (
    APPORTION_MAX,
    LIMB,
    PRICED_ENERGY_MAX,
    apparent_energy,
    apportion,
    price_slots,
    share_kernel,
)


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


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 2**32)), max_size=20))
@settings(deadline=None)
def test_apparent_energy_is_the_nearest_whole_root(parts: list[tuple[int, int]]) -> None:
    ones, others = (np.array([part[place] for part in parts], dtype=np.int64) for place in (0, 1))
    # floor(x + 1/2) of a root x is (floor(2 x) + 1) // 2.
    expected = [(isqrt(4 * (one**2 + other**2)) + 1) // 2 for one, other in parts]
    assert apparent_energy(ones, others).tolist() == expected


@st.composite
def priced_days(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], list[int], list[int]]:
    """Energy by day and slot, prices by row and slot, the price row of each day, the period of each slot."""
    slots, rows = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    energy = st.lists(st.integers(-PRICED_ENERGY_MAX, PRICED_ENERGY_MAX), min_size=slots, max_size=slots)
    price = st.lists(st.integers(-(10**31), 10**31), min_size=slots, max_size=slots)
    days = draw(st.lists(energy, min_size=1, max_size=4))
    return (
        days,
        draw(st.lists(price, min_size=rows, max_size=rows)),
        [draw(st.integers(0, rows - 1)) for _ in days],
        draw(st.lists(st.integers(0, 2), min_size=slots, max_size=slots)),
    )


@given(priced_days())
@settings(deadline=None)
def test_energy_at_prices_is_exact_where_it_leaves_64_bits(
    case: tuple[list[list[int]], list[list[int]], list[int], list[int]],
) -> None:
    energy, prices, price_row, period = case
    limbs = [[[price // LIMB**limb % LIMB if limb < 3 else price // LIMB**3 for limb in range(4)] for price in row]
             for row in prices]  # fmt: skip
    as_array = [np.array(values, dtype=np.int64) for values in (energy, price_row, limbs, period)]
    found = price_slots(*as_array, periods=3)
    for day, slots in enumerate(energy):
        for wanted in range(3):
            exact = sum(
                slot * price
                for slot, price, of in zip(slots, prices[price_row[day]], period, strict=True)
                if of == wanted
            )
            assert sum(int(limb) * LIMB**place for place, limb in enumerate(found[day, wanted])) == exact


def test_prices_that_do_not_cover_the_slots_are_a_mistake() -> None:
    whole = np.zeros((1, 2), dtype=np.int64)
    with pytest.raises(AssertionError, match="cover all slots"):
        price_slots(whole, np.zeros(1, dtype=np.int64), np.zeros((1, 1, 4), dtype=np.int64), whole[0], 1)
