"""The kernels of habits against slow twins in plain Python."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.habit_kernels import habit_kernel, half_kernel, night_kernel

GROUPS = 8
NO_NIGHT = 2**31 - 1


class Day(NamedTuple):
    """A channel-day of the past, or not."""

    is_past: bool
    is_free: bool
    gap: int  # days since the one before
    night: int
    parts: list[int]


one_day = st.builds(
    Day,
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
    st.one_of(st.just(NO_NIGHT), st.integers(-5, 50)),
    st.lists(st.integers(-50, 10**9), min_size=GROUPS, max_size=GROUPS),
)
channels = st.lists(st.lists(one_day, min_size=1, max_size=9), max_size=4)


def columns(drawn: list[list[Day]]) -> tuple[np.ndarray, list[Day]]:
    """Where each channel begins, and all days."""
    starts = np.cumsum([0, *(len(days) for days in drawn)]).astype(np.int64)
    return starts, [day for days in drawn for day in days]


def groups_of(days: list[Day]) -> tuple[np.ndarray, ...]:
    return tuple(np.array([day.parts[group] for day in days], np.int64) for group in range(GROUPS))


def past_rows(days: list[Day], starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the past, and where in them each channel begins."""
    rows = [row for row, day in enumerate(days) if day.is_past]
    return np.array(rows, np.int64), np.array([sum(row < start for row in rows) for start in starts], np.int64)


def flags(values: list[bool]) -> np.ndarray:
    return np.array(values, np.bool_)


def median(values: list[int]) -> int:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2


@given(drawn=channels)
@settings(max_examples=100, deadline=None)
def test_habits_are_medians_and_means_of_days_of_a_kind(drawn: list[list[Day]]) -> None:
    starts, days = columns(drawn)
    found = np.zeros((3, 3 + GROUPS, len(drawn)), np.int64)
    totals = np.array([sum(day.parts) for day in days], np.int64)
    rows, starts = past_rows(days, starts)
    habit_kernel(starts, rows, flags([day.is_free for day in days]), totals, groups_of(days), found)
    for channel, own in enumerate(drawn):
        past = [day for day in own if day.is_past]
        kinds = (past, [day for day in past if not day.is_free], [day for day in past if day.is_free])
        for kind, some in enumerate(kinds):
            expected = [0] * (3 + GROUPS)
            if some:
                middle = median([sum(day.parts) for day in some])
                spread = median([abs(sum(day.parts) - middle) for day in some])
                means = [sum(day.parts[group] for day in some) // len(some) for group in range(GROUPS)]
                expected = [len(some), middle, spread, *means]
            assert found[kind, :, channel].tolist() == expected


@given(drawn=channels)
@settings(max_examples=100, deadline=None)
def test_halves_of_the_past_meet_at_its_median_day(drawn: list[list[Day]]) -> None:
    starts, days = columns(drawn)
    numbers = np.cumsum([day.gap for day in days], dtype=np.int64) if days else np.zeros(0, np.int64)
    found = np.zeros((2, GROUPS, len(drawn)), np.int64)
    some, begins = past_rows(days, starts)
    half_kernel(begins, some, numbers, groups_of(days), found)
    for channel in range(len(drawn)):
        rows = [row for row in range(starts[channel], starts[channel + 1]) if days[row].is_past]
        twice = sorted(int(numbers[row]) for row in rows)
        middle = twice[(len(twice) - 1) // 2] + twice[len(twice) // 2] if twice else 0
        for half in (0, 1):
            own = [row for row in rows if (2 * numbers[row] >= middle) == bool(half)]
            sums = [sum(days[row].parts[group] for row in own) for group in range(GROUPS)]
            assert found[half, :, channel].tolist() == sums


@pytest.mark.parametrize("count", [*range(1, 70), 119, 400])
def test_nine_nights_of_ten_are_counted_as_polars_counts_them(count: int) -> None:
    """Whole numbers find the same place as the library's float, which findings of earlier versions rest on."""
    nights = np.arange(count, 0, -1, dtype=np.int64)
    found = np.full(1, NO_NIGHT, np.int64)
    night_kernel(np.array([0, count], np.int64), np.arange(count), nights, NO_NIGHT, found)
    assert found[0] == pl.Series(nights).quantile(0.9, interpolation="lower")


def test_nights_without_a_value_do_not_count() -> None:
    nights = np.array([NO_NIGHT, 7, 3, NO_NIGHT, NO_NIGHT], np.int64)
    found = np.full(3, NO_NIGHT, np.int64)
    night_kernel(np.array([0, 2, 3, 4], np.int64), np.array([0, 1, 3, 4]), nights, NO_NIGHT, found)
    assert found.tolist() == [7, NO_NIGHT, NO_NIGHT]
