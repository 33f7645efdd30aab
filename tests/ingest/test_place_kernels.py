"""Kernels that place days and open gaps, against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.estimates.estimate import TRUSTED
from ingest.estimates.grid_kernels import opened_slots
from ingest.vee.kernels import GAP, KEPT, NEIGHBOUR, PENDING
from ingest.vee.matrix import MISSING
from ingest.vee.place_kernels import day_places
from model.codes import Quality

KEYS = st.lists(st.integers(0, 400), max_size=300)


@settings(deadline=None)  # the kernel is compiled in the first of them
@given(KEYS, KEYS, st.booleans())
def test_places_are_those_of_a_dictionary(known: list[int], sought: list[int], is_ordered: bool) -> None:
    keys = sorted(set(known))
    wanted = sorted(sought) if is_ordered else sought
    places = {key: place for place, key in enumerate(keys)}
    found = day_places(np.array(keys, np.int64), np.array(wanted, np.int64))
    assert found.tolist() == [places.get(key, -1) for key in wanted]


def test_a_key_far_on_and_one_far_back_are_searched_for() -> None:
    keys = np.arange(0, 20_000, 2, dtype=np.int64)
    sought = np.array([0, 19_998, 0, 9_999, 10_000, 19_999, -1, 20_000, 2], np.int64)
    assert day_places(keys, sought).tolist() == [0, 9_999, 0, -1, 5_000, -1, -1, -1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_slots_are_opened_as_their_day_and_their_mark_say(seed: int) -> None:
    draw = np.random.default_rng(seed)
    shape = (40, 24)
    values = draw.integers(-5, 100, shape, np.int32)
    faults = draw.choice(np.array([0, 0, 0, 1, 2, 3], np.uint8), shape)
    qualities = draw.choice(np.array([int(quality) for quality in Quality], np.uint8), shape)
    is_expected, is_refused = draw.random(40) < 0.7, draw.random(40) < 0.2
    slots_real = draw.choice(np.array([23, 24], np.int64), 40)
    found = opened_slots((is_expected, is_refused), slots_real, values, (faults, qualities), TRUSTED)
    for row in range(40):
        for slot in range(24):
            is_faulty = faults[row, slot] > 0
            value = MISSING if is_faulty and is_expected[row] else values[row, slot]
            method = PENDING if is_faulty and is_expected[row] and not is_refused[row] else 0
            state = GAP if is_faulty else NEIGHBOUR if TRUSTED[qualities[row, slot]] else KEPT
            state = KEPT if slot >= slots_real[row] else state
            assert tuple(matrix[row, slot] for matrix in found) == (value, method, state)
