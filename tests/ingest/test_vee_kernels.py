"""The kernels of VEE against slow twins in plain Python."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.vee.kernels import (
    GAP,
    KEPT,
    NEIGHBOUR,
    PENDING,
    fill_like_days,
    fill_linear,
    gathered_days,
    reference_rows,
    screen_days,
    screen_wide,
)
from ingest.vee.matrix import MISSING
from model.reads import slot_columns

LARGEST = 2**31 - 1
SLOTS = 5

slot_values = st.one_of(st.none(), st.integers(-20, 20), st.just(LARGEST))
gap_slots = st.one_of(
    st.tuples(st.just(GAP), st.just(0)),
    st.tuples(st.sampled_from([NEIGHBOUR, KEPT]), st.one_of(st.integers(0, 50), st.just(LARGEST))),
)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


@given(
    days=st.lists(st.tuples(st.lists(slot_values, min_size=SLOTS, max_size=SLOTS), st.integers(0, SLOTS)), max_size=6)
)
@settings(max_examples=50, deadline=None)
def test_screening_agrees_with_sorting(days: list[tuple[list[int | None], int]]) -> None:
    values = np.array([[MISSING if v is None else v for v in row] for row, _ in days], np.int32).reshape(-1, SLOTS)
    found = screen_days(values, np.array([n for _, n in days], np.int64))
    for place, (row, n) in enumerate(days):
        real = [v for v in row[:n] if v is not None]
        ranked = sorted(real, reverse=True)
        assert found.present[place] == len(real)
        assert found.total[place] == sum(real)
        assert found.lowest[place] == min(real, default=LARGEST)
        assert found.highest[place] == (ranked[0] if ranked else MISSING)
        assert found.third[place] == (ranked[2] if len(ranked) > 2 else MISSING)


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_days_are_screened_where_they_lie_as_in_a_matrix(data: st.DataObject) -> None:
    # 92 slots on the day that lacks an hour, 100 on the one that repeats it; nulls begin anywhere in their bitmap.
    height = data.draw(st.sampled_from([0, 60, 61]))
    counts = data.draw(st.lists(st.sampled_from([92, 96, 100]), min_size=height, max_size=height))
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = draw.integers(-20, 21, (height, 100)).astype(np.int32)
    is_null = draw.random((height, 100)) < data.draw(st.sampled_from([0.02, 0.05, 0.9]))
    # What lies where a slot is null is any number: its bitmap alone says that it is.
    slots = [pa.array(values[:, slot], mask=is_null[:, slot]) for slot in range(100)]
    wide = pl.DataFrame(pa.table(slots, names=slot_columns(15)))
    values[is_null] = MISSING
    first, cut = data.draw(st.integers(0, min(height, 20))), data.draw(st.integers(0, height))
    wide = pl.concat([wide[:cut], wide[cut:]], rechunk=False)[first:]
    slots_real = np.array(counts[first:], np.int64)
    expected, found = screen_days(values[first:], slots_real), screen_wide(wide, 15, slots_real)
    for name, column in vars(expected).items():
        assert vars(found)[name].tolist() == column.tolist(), name


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_days_are_gathered_as_they_lie(data: st.DataObject) -> None:
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    names = slot_columns(60)
    slots = {
        name: pa.array(draw.integers(-9, 9, 30).astype(np.int32), mask=draw.random(30) < draw.choice([0.0, 0.1]))
        for name in names
    }
    wide = pl.DataFrame(pa.table(slots))
    cut, end = sorted(data.draw(st.tuples(st.integers(0, 30), st.integers(0, 30))))
    parts = [pl.concat([wide[:cut], wide[cut:end]], rechunk=False), wide[end:]]
    rows = data.draw(st.lists(st.integers(-1, 29), max_size=20))
    found = gathered_days(parts, 60, np.array(rows, np.int64))
    by_row = [[MISSING if value is None else value for value in row] for row in wide.rows()]
    assert found.tolist() == [[MISSING] * len(names) if row < 0 else by_row[row] for row in rows]


def test_days_that_are_not_there_are_not_gathered() -> None:
    wide = pl.DataFrame({name: pl.Series([1], dtype=pl.Int32) for name in slot_columns(60)})
    with pytest.raises(AssertionError, match="a row is not there"):
        gathered_days([wide], 60, np.array([1]))


def linear_twin(rows: list[list[tuple[int, int]]], continues: list[bool], slots_max: int) -> dict[tuple[int, int], int]:
    """Estimates by (row, slot): each chain of days is laid out flat and searched from each gap outwards."""
    chains: list[list[tuple[int, int]]] = []
    for row, slots in enumerate(rows):
        if not continues[row] or not chains:
            chains.append([])
        chains[-1].extend((row, slot) for slot in range(len(slots)))
    estimates = {}
    for chain in chains:
        states = [rows[row][slot][0] for row, slot in chain]
        for place, state in enumerate(states):
            if state != GAP:
                continue
            left, right = place, place
            while left >= 0 and states[left] == GAP:
                left -= 1
            while right < len(states) and states[right] == GAP:
                right += 1
            length = right - left - 1
            ends = left >= 0 and right < len(states) and states[left] == states[right] == NEIGHBOUR
            if ends and length <= slots_max:
                a, b = (rows[chain[end][0]][chain[end][1]][1] for end in (left, right))
                estimates[chain[place]] = half_up(a + Fraction((b - a) * (place - left), length + 1))
    return estimates


@given(
    rows=st.lists(st.lists(gap_slots, min_size=0, max_size=SLOTS), min_size=1, max_size=5),
    breaks=st.lists(st.booleans(), min_size=5, max_size=5),
    slots_max=st.integers(0, 7),
)
@settings(max_examples=100, deadline=None)
def test_lines_agree_with_fractions(rows: list[list[tuple[int, int]]], breaks: list[bool], slots_max: int) -> None:
    shape = (len(rows), SLOTS)
    values, states = np.zeros(shape, np.int32), np.full(shape, KEPT, np.uint8)
    for row, slots in enumerate(rows):
        for slot, (state, value) in enumerate(slots):
            states[row, slot], values[row, slot] = state, value
    methods = np.where(states == GAP, PENDING, 0).astype(np.uint8)
    out = values.copy()
    real = np.array([len(slots) for slots in rows], np.int64)
    continues = [False, *breaks[1 : len(rows)]]
    fill_linear(values, states, real, np.array(continues), slots_max=slots_max, out_values=out, out_methods=methods)
    expected = linear_twin(rows, continues, slots_max)
    found = {(int(row), int(slot)): int(out[row, slot]) for row, slot in np.argwhere(methods == 1)}
    assert found == expected


def reference_twin(rows: list[tuple[int, int, int, bool]], target: int, within: int, wanted: int) -> list[int]:
    channel, day, day_class, _ = rows[target]
    near = [
        (place, row)
        for place, row in enumerate(rows)
        if place != target and row[0] == channel and abs(row[1] - day) <= within and row[3]
    ]
    like = [item for item in near if item[1][2] == day_class] or near
    ranked = sorted(like, key=lambda item: (item[1][1] > day, abs(item[1][1] - day)))
    chosen = [place for place, _ in ranked[:wanted]]
    return chosen + [-1] * (wanted - len(chosen))


@given(
    days=st.dictionaries(
        st.tuples(st.integers(1, 3), st.integers(0, 12)), st.tuples(st.integers(1, 2), st.booleans()), min_size=1
    ),
    within=st.integers(1, 8),
    wanted=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_reference_days_agree_with_a_search(
    days: dict[tuple[int, int], tuple[int, bool]], within: int, wanted: int
) -> None:
    rows = [(*key, *days[key]) for key in sorted(days)]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    channels, numbers, classes, usable = columns
    targets = np.arange(len(rows))
    found = reference_rows(
        channels.astype(np.int64),
        numbers.astype(np.int64),
        classes.astype(np.uint8),
        usable.astype(np.bool_),
        targets,
        within=within,
        wanted=wanted,
    )
    assert found.tolist() == [reference_twin(rows, target, within, wanted) for target in range(len(rows))]


@given(
    references=st.lists(st.lists(st.one_of(st.integers(0, 50), st.just(LARGEST)), min_size=3, max_size=3), max_size=3),
    skipped=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_like_days_agree_with_fractions(references: list[list[int]], skipped: bool) -> None:
    """Kind 0 shows clocks 0 1 2; kind 1 shows 0 2 only, its slot 1 is clock 2."""
    clock_of_slot = np.array([[0, 1, 2], [0, 2, -1]], np.int64)
    slot_of_clock = np.array([[0, 1, 2], [0, -1, 1]], np.int64)
    values = np.array([[MISSING] * 3, *references], np.int32)
    kinds = np.array([0] + [1 if skipped and place == 0 else 0 for place in range(len(references))], np.int64)
    chosen = np.full((1, 3), -1, np.int64)
    chosen[0, : len(references)] = np.arange(1, len(references) + 1)
    out, methods = values.copy(), np.zeros(values.shape, np.uint8)
    methods[0] = PENDING
    fill_like_days(
        values, kinds, (clock_of_slot, slot_of_clock), np.array([0]), chosen, out_values=out, out_methods=methods
    )
    for clock in range(3):
        at_clock = [
            row[slot_of_clock[kinds[place], clock]]
            for place, row in enumerate(references, start=1)
            if slot_of_clock[kinds[place], clock] >= 0
        ]
        if at_clock:
            assert out[0, clock] == half_up(Fraction(sum(at_clock), len(at_clock)))
        else:
            assert methods[0, clock] == PENDING


def test_the_wrapper_refuses_rows_out_of_order() -> None:
    with pytest.raises(AssertionError, match="not in order"):
        reference_rows(
            np.array([2, 1]),
            np.array([1, 1]),
            np.zeros(2, np.uint8),
            np.ones(2, np.bool_),
            np.array([0]),
            within=3,
            wanted=1,
        )


def test_the_wrapper_refuses_a_negative_neighbour() -> None:
    matrix = np.array([[-1]], np.int32)
    with pytest.raises(AssertionError, match="negative"):
        fill_linear(
            matrix,
            np.zeros((1, 1), np.uint8),
            np.ones(1, np.int64),
            np.zeros(1, np.bool_),
            slots_max=8,
            out_values=matrix.copy(),
            out_methods=np.zeros((1, 1), np.uint8),
        )


def test_the_wrapper_refuses_values_of_another_type() -> None:
    with pytest.raises(AssertionError, match="int32"):
        screen_days(np.zeros((1, 1), np.int64), np.ones(1, np.int64))
