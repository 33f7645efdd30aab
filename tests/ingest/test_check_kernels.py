"""The kernels of the checks against slow twins in plain Python."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.kernels import NO_NIGHT, STEP_PERCENT_MAX, day_features, slot_runs, steps
from ingest.vee.matrix import MISSING
from model.columns import LyingColumns, matrix_columns

HOURS = 25
# A day of 24 hours, one of 23 without the hour from 2, one of 25 with the hour from 2 twice.
CLOCKS = ([*range(24)], [0, 1, *range(3, 24)], [0, 1, 2, 2, *range(3, 24)])
CLOCK_OF_SLOT = np.array([clock + [-1] * (HOURS - len(clock)) for clock in CLOCKS], np.int64)

slot_values = st.one_of(st.none(), st.integers(-2, 3), st.just(2**31 - 1))
one_day = st.tuples(st.integers(0, 2), st.lists(slot_values, min_size=HOURS, max_size=HOURS))


def matrix(rows: list[list[int | None]]) -> np.ndarray:
    return np.array([[MISSING if v is None else v for v in row] for row in rows], np.int32).reshape(-1, HOURS)


def lying(rows: list[list[int | None]]) -> LyingColumns:
    return matrix_columns(np.asfortranarray(matrix(rows)))


def longest_run(row: list[int | None]) -> tuple[int, int]:
    """Length and first slot of the longest run of one value that is not zero; the first of several."""
    best, start = (0, 0), 0
    for value, group in groupby(row):
        length = len(list(group))
        if value and length > best[0]:
            best = (length, start)
        start += length
    return best


@given(days=st.lists(one_day, max_size=5))
@settings(max_examples=100, deadline=None)
def test_features_agree_with_plain_python(days: list[tuple[int, list[int | None]]]) -> None:
    kinds = np.array([kind for kind, _ in days], np.int64)
    real = np.array([len(CLOCKS[kind]) for kind, _ in days], np.int64)
    found = day_features(lying([row for _, row in days]), real, kinds, CLOCK_OF_SLOT, 24)
    for place, (kind, row) in enumerate(days):
        clock = CLOCKS[kind]
        there = [(hour, value) for hour, value in zip(clock, row, strict=False) if value is not None]
        assert (found.same_slots[place], found.same_first[place]) == longest_run(row[: len(clock)])
        assert found.night_low[place] == min((value for hour, value in there if 1 <= hour < 5), default=NO_NIGHT)
        for group in range(8):
            assert found.groups[group, place] == sum(value for hour, value in there if hour // 3 == group)


def test_a_day_of_five_minute_slots_has_eight_groups_and_a_night() -> None:
    values = np.asfortranarray(np.arange(288, dtype=np.int32)[None, :])
    clock = np.arange(288, dtype=np.int64)[None, :]
    found = day_features(matrix_columns(values), np.array([288], np.int64), np.array([0], np.int64), clock, 288)
    assert found.night_low[0] == 12  # 01:00
    assert found.groups[:, 0].tolist() == [sum(range(36 * group, 36 * group + 36)) for group in range(8)]


def test_more_slots_than_the_clock_shows_are_refused() -> None:
    with pytest.raises(AssertionError, match="more slots than its clock"):
        day_features(lying([[1] * HOURS]), np.array([25], np.int64), np.array([0], np.int64), CLOCK_OF_SLOT, 24)


@given(
    rows=st.lists(st.lists(st.one_of(st.none(), st.integers(-5, 40)), min_size=HOURS, max_size=HOURS), max_size=4),
    limits=st.lists(st.tuples(st.integers(-1, 200), st.integers(0, 30)), min_size=4, max_size=4),
    real=st.integers(0, HOURS),
)
@settings(max_examples=100, deadline=None)
def test_steps_agree_with_plain_python(rows: list[list[int | None]], limits: list[tuple[int, int]], real: int) -> None:
    percents = np.array([percent for percent, _ in limits[: len(rows)]], np.int64)
    floors = np.array([floor for _, floor in limits[: len(rows)]], np.int64)
    found = steps(matrix(rows), np.full(len(rows), real, np.int64), percents, floors)
    for place, row in enumerate(rows):
        percent, floor = limits[place]
        expected, before = [], None
        for slot, value in enumerate(row[:real]):
            if value is None:
                continue
            is_asked = percent >= 0 and before is not None and before > 0
            if is_asked and value > floor and (value - before) * 100 > before * percent:
                expected.append(slot)
            before = value
        assert np.flatnonzero(found[place]).tolist() == expected


def test_a_step_at_the_limit_is_none() -> None:
    row = matrix([[100, 300, 901, *[900] * 22]])
    found = steps(row, np.array([24], np.int64), np.array([200], np.int64), np.array([300], np.int64))
    assert np.flatnonzero(found[0]).tolist() == [2]  # 300 is not above the floor; 901 is 200.3 % above 300


def test_a_percentage_beyond_the_bound_is_refused() -> None:
    with pytest.raises(AssertionError, match="is not one"):
        steps(matrix([[1] * HOURS]), np.array([1], np.int64), np.array([STEP_PERCENT_MAX + 1]), np.array([0]))


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), max_size=4))
@settings(max_examples=100, deadline=None)
def test_runs_cover_the_marks_and_nothing_else(rows: list[list[bool]]) -> None:
    marked = np.array(rows, np.bool_).reshape(-1, 6)
    row, first, last = slot_runs(marked)
    again = np.zeros_like(marked)
    for place in range(len(row)):
        assert not again[row[place], first[place] : last[place] + 1].any()
        assert first[place] == 0 or not marked[row[place], first[place] - 1]
        again[row[place], first[place] : last[place] + 1] = True
    assert (again == marked).all()
