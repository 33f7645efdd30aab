"""Kernels over slots, against twins that look at one slot after the other, and what their wrapper refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rating_intervals import MASKS

from model.columns import lying_columns
from rating.bands import bands_of
from rating.slot_kernels import (
    NOTHING,
    READ,
    DayRows,
    Owners,
    Slots,
    Sums,
    Windows,
    add_days,
    bands_kernel,
    single_row_kernel,
    unmark_nulls_kernel,
)

LARGEST = 2**31 - 1
VALUE = st.sampled_from([-LARGEST - 1, LARGEST, 0, 1, -7])


def windows_of(lengths: list[int]) -> Windows:
    starts = np.cumsum([0, *lengths])
    periods = np.zeros((1, len(lengths)), dtype=np.int32)
    return Windows(np.arange(sum(lengths)), starts, periods, np.array([sum(lengths)]))


def room(bands: int, rows: int, dtype: Any) -> tuple[Any, Any, Any]:
    return (np.full((bands, rows), 5, dtype=np.int64), *(np.full((bands, rows), 5, dtype=dtype) for _ in range(2)))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_bands_are_their_slots_added_and_compared_one_by_one(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.int32, np.int64]))
    rows, lengths = data.draw(st.integers(1, 9)), data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    drawn = [data.draw(st.lists(VALUE, min_size=rows, max_size=rows)) for _ in range(sum(lengths))]
    columns = lying_columns(pl.DataFrame({f"s{place}": np.array(slot, dtype) for place, slot in enumerate(drawn)}))
    slots, windows = Slots(columns.places, columns.kind, False), windows_of(lengths)
    found, single = room(len(lengths), rows, dtype), room(len(lengths), rows, dtype)
    start = data.draw(st.integers(0, rows - 1))
    bands_kernel(slots, windows, rows, start, *found)
    for row in range(start, rows):
        single_row_kernel(slots, windows, rows, row, row - start, *single)
        for band, (begin, end) in enumerate(pairwise(windows.starts)):
            values = [slot[row] for slot in drawn[begin:end]]
            expected = (sum(values), max(values), min(values))
            for sums, highest, lowest in (found, single):
                assert (sums[band, row - start], highest[band, row - start], lowest[band, row - start]) == expected


@given(st.lists(st.lists(st.none() | VALUE, min_size=3, max_size=3), min_size=2, max_size=9), st.integers(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_null_of_a_whole_day_is_no_value(drawn: list[list[int | None]], cut: int) -> None:
    # What is cut off leaves bitmaps that begin in the middle of a byte.
    schema = dict.fromkeys("abc", pl.Int64)
    columns = lying_columns(pl.DataFrame([[0, 0, 0]] * cut + drawn, schema=schema, orient="row")[cut:])
    slots, rows = Slots(columns.places, columns.kind, True), len(drawn)
    for row, values in enumerate(drawn):
        sums, highest, lowest = room(1, rows, np.int64)
        single_row_kernel(slots, windows_of([3]), rows, row, 0, sums, highest, lowest)
        there = [value for value in values if value is not None]
        expected = (sum(there), max(there, default=NOTHING), min(there, default=-NOTHING))
        assert (sums[0, 0], highest[0, 0], lowest[0, 0]) == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.none() | VALUE, min_size=3, max_size=3)), min_size=1,
                max_size=20), st.integers(0, 9))  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_a_day_with_a_null_among_its_slots_does_not_count(drawn: list[Any], cut: int) -> None:
    slots = [values for _, values in drawn]
    before: list[list[int | None]] = [[None, 0, None]] * cut
    frame = pl.DataFrame(before + slots, schema=dict.fromkeys("abc", pl.Int32), orient="row")[cut:]
    counts = np.array([count for count, _ in drawn], dtype=np.int16)
    marks = np.full(len(drawn), READ, dtype=np.uint8)
    unmark_nulls_kernel(lying_columns(frame).places, counts, marks)
    assert marks.tolist() == [0 if None in values[:count] else READ for count, values in drawn]


def days_of(values: Any, *, count: int = 1) -> tuple[Slots, DayRows]:
    """Return the days of one channel with one slot each: their places, numbers, values."""
    columns = lying_columns(pl.DataFrame({"a": values}))
    days = np.arange(len(values), dtype=np.int32)
    counts, marks = np.full(len(days), count, dtype=np.int16), np.full(len(days), READ, dtype=np.uint8)
    return Slots(columns.places, columns.kind, False), DayRows(0, days, counts, marks, np.ones(len(days), np.int64))


def test_more_rows_than_stay_in_the_cache_are_added_as_well() -> None:
    slots, days = days_of(np.arange(5_000, dtype=np.int32))
    owners, sums = one_channel(5_000)
    add_days(slots, windows_of([1]), days, owners, sums)
    assert sums.groups.tolist() == [[1, 0, sum(range(5_000)), 1]]
    assert sums.highest.tolist() == [[[4_999, 4_999]]]
    assert sums.counted.tolist() == [5_000]


def one_channel(rows: int) -> tuple[Owners, Sums]:
    calendar = np.zeros((1, rows, 2), dtype=np.int32)
    owners = Owners(np.array([[0, rows, 0, 0, 0, rows, 0, 1]]), calendar, 0)
    sums = Sums(
        np.zeros((1, 4), dtype=np.int64), np.full(rows, -1, dtype=np.int32), np.zeros(1, dtype=np.int64),
        np.full((1, 1, 2), NOTHING, dtype=np.int64), np.zeros((0, 1, 2), dtype=np.int64),
    )  # fmt: skip
    return owners, sums


def test_days_count_where_they_have_as_many_slots_as_their_mask() -> None:
    # All days are to have two slots, of 1 Wh each; two of them have one.
    columns = lying_columns(pl.DataFrame({name: np.ones(2_000, dtype=np.int32) for name in "ab"}))
    slots, (_, days) = Slots(columns.places, columns.kind, False), days_of(np.ones(2_000, dtype=np.int32), count=2)
    days.slot_count[[7, 1_500]] = 1
    owners, sums = one_channel(2_000)
    add_days(slots, windows_of([2]), days, owners, sums)
    assert (sums.groups[0, 2], sums.counted.tolist()) == (2 * 1_998, [1_998])
    assert np.flatnonzero(sums.masks < 0).tolist() == [7, 1_500]


def test_bands_follow_masks_and_tell_the_period_of_each() -> None:
    windows = bands_of(MASKS, ["off", "peak"])
    # Mask 0 parts the day at 7 and 21 o'clock, mask 2, a day of 23 hours, an hour earlier: the night, the hours that
    # only one of them has at peak, the day; and the hour that the short day lacks.
    assert windows.slots.tolist() == [*range(6), 22, 6, 21, *range(7, 21), 23]
    assert windows.starts.tolist() == [0, 7, 9, 23, 24]
    assert windows.periods.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, -1]]
    assert windows.lengths.tolist() == [24, 24, 23]


def test_columns_of_other_types_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="one type, int32 or int64"):
        lying_columns(pl.DataFrame({"a": [1.0]}), 0)
    with pytest.raises(AssertionError, match="one type, int32 or int64"):
        lying_columns(pl.DataFrame({"a": [1], "b": pl.Series([1], dtype=pl.Int32)}), 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w, o, s: (w._replace(starts=np.array([0, 2])), o, s), "each slot must have a band"),
        (lambda w, o, s: (w._replace(starts=np.array([0, 0, 1])), o, s), "a band has no slot"),
        (lambda w, o, s: (w._replace(starts=np.array([0, 2]), slots=np.arange(2)), o, s), "fewer columns"),
        (lambda w, o, s: (w._replace(periods=w.periods + 1), o, s), "more periods than sums"),
        (lambda w, o, s: (w, o, s._replace(masks=s.masks[:1])), "more rows of channels than masks"),
        (lambda w, o, s: (w, o._replace(calendar=o.calendar + 1), s), "more masks than have periods"),
        (lambda w, o, s: (w, o._replace(calendar=o.calendar[:, :1]), s), "days are beyond the calendar"),
        (lambda w, o, s: (w, o._replace(lines=o.lines + np.eye(1, 8, 3, dtype=int)), s), "more slices than groups"),
        (lambda w, o, s: (w, o, s._replace(highest=s.highest[:, :, :1])), "a peak has a value and a day"),
    ],
)  # fmt: skip
def test_what_is_beyond_what_is_there_is_a_mistake(change: Any, said: str) -> None:
    slots, days = days_of(np.array([4, 6], dtype=np.int32))
    owners, sums = one_channel(2)
    windows, owners, sums = change(windows_of([1]), owners, sums)
    with pytest.raises(AssertionError, match=said):
        add_days(slots, windows, days, owners, sums)
