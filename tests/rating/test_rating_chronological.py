"""Tiers filled in the order of time."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import Row, book, channel, day_row, due, peak_hours, quantity, rating_input, windows

from rating.calendar import lay_out
from rating.chronological import chronological_tiers
from rating.kernels import fill_tiers
from rating.segments import calendars, cut_segments, number_due

MONDAY = date(2026, 6, 8)


def filled(rows: list[Row], uppers: list[int], asked: Row, channels: list[Row]) -> list[tuple[str, int, int]]:
    """Period, tier and quantity of one charge on one quantity over days from Monday on."""
    count = len({row["day"] for row in rows})
    rate_book = book(quantities=[asked], tou_windows=windows(spans=peak_hours))
    given_ = rating_input(rate_book, [due(MONDAY, MONDAY + timedelta(count))], channels, {15: rows})
    numbered = number_due(given_.due, given_.attributes, given_.book)
    calendar, _ = lay_out(cut_segments(calendars(numbered), rate_book.versions), rate_book)
    piece = {"due_no": numbered["due_no"].item(), "segment_no": 1, "component_id": "energy", "piece_start": MONDAY}
    types = {"due_no": pl.Int64, "segment_no": pl.Int32, "slice_no": pl.Int32, "tier": pl.Int32, "upper": pl.Int64}
    slices = pl.DataFrame([piece | {"slice_no": 1, "version_id": "t@1", "quantity_id": asked["quantity_id"]}])
    edges = pl.DataFrame(
        [piece | {"tier": tier, "upper": upper} for tier, upper in enumerate([*uppers, None], start=1)],
        schema_overrides=types,
    )
    found = chronological_tiers(
        numbered,
        calendar,
        given_,
        slices.cast({name: types[name] for name in ("due_no", "segment_no", "slice_no")}),
        edges,
    )  # type: ignore[arg-type]
    return found.select("tou", "tier", "quantity").rows()


def test_the_period_that_comes_first_gets_the_first_tier() -> None:
    # Monday: 64 off-peak quarters of 10 Wh, then 16 peak quarters of 50, then 16 off-peak ones. 640 + 60 fill tier 1.
    rows = [day_row(1, MONDAY, lambda slot: 50 if 64 <= slot < 80 else 10)]
    assert filled(rows, [700], quantity(), [channel()]) == [
        ("off", 1, 640), ("peak", 1, 60), ("off", 2, 160), ("peak", 2, 740),
    ]  # fmt: skip


def test_tiers_go_on_over_days_and_a_slot_is_parted_at_an_edge() -> None:
    rows = [day_row(1, MONDAY + timedelta(day), 10) for day in (1, 0)]
    # 960 a day: tier 1 ends 40 into the second day, tier 2 in the last quarter of that day.
    assert filled(rows, [1_000, 1_915], quantity(), [channel()]) == [
        ("off", 1, 840), ("peak", 1, 160), ("off", 2, 755), ("peak", 2, 160), ("off", 3, 5),
    ]  # fmt: skip


def test_only_slots_of_the_quantitys_period_fill_its_tiers() -> None:
    rows = [day_row(1, MONDAY, 10)]
    assert filled(rows, [100], quantity(tou="peak"), [channel()]) == [("peak", 1, 100), ("peak", 2, 60)]


def test_channels_are_added_and_netted_before_tiers_are_filled() -> None:
    rows = [day_row(1, MONDAY, 10), day_row(2, MONDAY, 5), day_row(3, MONDAY, lambda slot: 15 if slot < 64 else 0)]
    channels = [channel(), channel(2), channel(3, measure="export_energy")]
    net = quantity(less_measure="export_energy", netting="interval")
    assert filled(rows, [200], net, channels) == [("peak", 1, 200), ("off", 2, 240), ("peak", 2, 40)]


@st.composite
def groups(draw: st.DrawFn) -> list[tuple[list[list[int]], list[list[int]], list[int]]]:
    """For each group: its days, the periods of their slots, its edges."""
    width = draw(st.integers(1, 5))
    day = st.lists(st.integers(0, 9) | st.integers(0, 10**9), min_size=width, max_size=width)
    found = []
    for _ in range(draw(st.integers(1, 4))):
        days = draw(st.lists(day, min_size=1, max_size=4))
        periods = [[draw(st.integers(-1, 2)) for _ in range(width)] for _ in days]
        found.append((days, periods, sorted(draw(st.lists(st.integers(0, 30), max_size=3)))))
    return found


@given(groups())
@settings(deadline=None)
def test_filled_tiers_are_those_of_single_units(case: list[tuple[list[list[int]], list[list[int]], list[int]]]) -> None:
    days = [day for group in case for day in group[0]]
    periods = [period for group in case for period in group[1]]
    edges = [edge for group in case for edge in group[2]]
    row_start, upper_start = [0], [0]
    for group in case:
        row_start.append(row_start[-1] + len(group[0]))
        upper_start.append(upper_start[-1] + len(group[2]))
    found = fill_tiers(*(np.array(values, dtype=np.int64) for values in (days, periods, row_start, edges, upper_start)))
    for number, (of_group, slots, uppers) in enumerate(case):
        bounds = [0, *uppers, 10**15]
        expected = np.zeros(found.shape[1:], dtype=np.int64)
        total = 0
        for day, places in zip(of_group, slots, strict=True):
            for energy, place in zip(day, places, strict=True):
                for tier in range(len(bounds) - 1):
                    part = min(total + energy, bounds[tier + 1]) - max(total, bounds[tier])
                    if place >= 0 and part > 0:
                        expected[tier, place] += part
                total += energy if place >= 0 else 0
        assert (found[number] == expected).all()


def test_edges_that_do_not_ascend_are_a_mistake() -> None:
    one = np.ones((1, 1), dtype=np.int64)
    starts = np.array([0, 1], dtype=np.int64)
    with pytest.raises(AssertionError, match="ascend"):
        fill_tiers(one, one, starts, np.array([5, 4], dtype=np.int64), np.array([0, 2], dtype=np.int64))
