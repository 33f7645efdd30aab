"""Determinants of every kind against their slow twin."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from quantity_strategies import make_quantity_case, quantity_cases
from rating_rows import find_quantities
from twin_quantities import slow_quantities

from model.rating import RatingInput
from model.tariff import RateBook


def differences(case: RatingInput) -> list[str]:
    """Return what the twin says differently, in sentences."""
    found, parks = find_quantities(case)
    values, parked = slow_quantities(case)
    said = [f"{key}: the twin parks for {parked.get(key)}, rating for {parks.get(key)}" for key in parked | parks
            if parked.get(key) != parks.get(key)]  # fmt: skip
    for key, value in values.items():
        if key[:2] not in parks and found.get(key, 0) != value:
            said.append(f"{key}: the twin finds {value}, rating {found.get(key)}")
    return said + [
        f"{key}: only rating finds it"
        for key, value in found.items()
        if value and key[:2] not in parks and key not in values
    ]


@given(quantity_cases())
@settings(max_examples=12, deadline=None)
def test_determinants_and_their_slow_twin_agree(case: RatingInput) -> None:
    assert differences(case) == []


@given(st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_the_order_of_rows_changes_no_determinant(seed: int) -> None:
    case = make_quantity_case(Random(seed))

    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sample(fraction=1, shuffle=True, seed=seed % 1000)

    other = replace(
        case, due=shuffled(case.due), channels=shuffled(case.channels),
        days={minutes: shuffled(frame) for minutes, frame in case.days.items()},
        book=RateBook(**{name: shuffled(frame) for name, frame in case.book.frames().items()}),  # type: ignore[arg-type]
    )  # fmt: skip
    assert find_quantities(case) == find_quantities(other)
