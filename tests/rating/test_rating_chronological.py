"""Tiers filled in the order of time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import (
    JUNE,
    Row,
    amounts,
    book,
    channel,
    component,
    day_row,
    due,
    peak_hours,
    price,
    quantity,
    rating_input,
    reasons,
    usage_row,
    windows,
)

from model.rating import Rated
from model.schema import arranged, polars_schema
from model.tariff import RateBook
from rating.calendar import lay_out
from rating.chronological import chronological_tiers
from rating.given import GivenQuantities
from rating.kernels import fill_tiers
from rating.segments import calendars, cut_segments, number_due
from rating.stages import rate, rate_given

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


def billed(rate_book: RateBook, rows: list[Row], channels: list[Row] | None = None, **given_: Any) -> Rated:
    count = len({row["day"] for row in rows})
    dues = [due(MONDAY, MONDAY + timedelta(count), **given_)]
    return rate(rating_input(rate_book, dues, channels or [channel()], {15: rows}))


def two_tiers(upper: int, method: str = "chronological", **given_: Any) -> RateBook:
    """Peak and off-peak energy of two tiers whose edge is of the whole cycle."""
    return book(
        components=[component(by_tou=True, tier_method=method, **given_)],
        prices=[
            price(price_e9=cents * 10**7, tou=tou, tier=tier, from_quantity=0 if tier == 1 else upper,
                  to_quantity=upper if tier == 1 else None)
            for tou, tier, cents in (("off", 1, 10), ("off", 2, 20), ("peak", 1, 30), ("peak", 2, 40))
        ],
        tou_windows=windows(spans=peak_hours),
    )  # fmt: skip


def test_a_charge_bills_each_tier_and_period_as_time_filled_it() -> None:
    # kWh instead of Wh: 640 off peak, then 60 of 800 on peak, fill 700 kWh; 740 peak and 160 off peak are above.
    rows = [day_row(1, MONDAY, lambda slot: 50_000 if 64 <= slot < 80 else 10_000)]
    assert amounts(billed(two_tiers(700_000), rows)) == [
        ("energy", "off", 1, 640_000, 6_400), ("energy", "off", 2, 160_000, 3_200),
        ("energy", "peak", 1, 60_000, 1_800), ("energy", "peak", 2, 740_000, 29_600),
    ]  # fmt: skip
    # The same use shared: 700 of 1600 kWh are in tier 1, half of them on peak.
    shared = billed(two_tiers(700_000, "pro_rata"), rows)
    assert [row[3] for row in amounts(shared)] == [350_000, 450_000, 350_000, 450_000]


def test_edges_are_scaled_to_the_days_billed_and_tiers_begin_anew_in_each_part() -> None:
    # 4 of 8 days at 1000 Wh a cycle: the edge is 500. A second version begins on Wednesday: 250 in each part.
    rows = [day_row(1, MONDAY + timedelta(day), 10) for day in range(4)]
    cycle = {"cycle_end_date": MONDAY + timedelta(8)}
    assert [row[1:4] for row in amounts(billed(two_tiers(1_000), rows, **cycle))] == [
        ("off", 1, 500), ("off", 2, 2_700), ("peak", 2, 640),
    ]  # fmt: skip
    turn = MONDAY + timedelta(2)
    one, other = two_tiers(1_000), two_tiers(1_000)
    frames = {
        name: pl.concat([frame, other.frames()[name].with_columns(pl.lit("t@2").alias("version_id"))])
        if "version_id" in frame.columns else frame
        for name, frame in one.frames().items()
    }  # fmt: skip
    starts = pl.when(pl.col("version_id") == "t@2").then(turn).otherwise("valid_from").alias("valid_from")
    frames["versions"] = frames["versions"].with_columns(starts)
    both = RateBook(**frames)  # type: ignore[arg-type]
    assert [row[1:4] for row in amounts(billed(both, rows, **cycle))] == [
        ("off", 1, 250), ("off", 2, 1_350), ("peak", 2, 320), ("off", 1, 250), ("off", 2, 1_350), ("peak", 2, 320),
    ]  # fmt: skip


def test_edges_that_the_contract_scales_are_filled_in_time() -> None:
    # 100 Wh a dwelling unit, 3 units: the first 300 Wh of the day.
    scaled = two_tiers(100, tiers_share="none", scale_id="units")
    tables = {
        "formulas": [{"version_id": "t@1", "formula_id": "units", "shape": "0"}],
        "operands": [
            {"version_id": "t@1", "formula_id": "units", "place": 0, "kind": "number", "name": "",
             "number_e12": 3 * 10**12, "text": None, "is_negated": False, "by": None}
        ],
    }  # fmt: skip
    frames = scaled.frames() | {
        name: pl.DataFrame(rows, schema=scaled.frames()[name].schema, orient="row") for name, rows in tables.items()
    }
    rows = [day_row(1, MONDAY, 10)]
    assert [row[1:4] for row in amounts(billed(RateBook(**frames), rows))] == [  # type: ignore[arg-type]
        ("off", 1, 300), ("off", 2, 500), ("peak", 2, 160),
    ]  # fmt: skip


def test_what_is_given_for_a_whole_period_fills_no_tiers_in_time() -> None:
    numbers = [("A1-1", "kwh", tou, 100) for tou in ("peak", "off")]
    rows = pl.DataFrame(numbers, schema=polars_schema(GivenQuantities), orient="row")
    dues = rating_input(two_tiers(100), [due()], []).due
    parked = rate_given(dues, two_tiers(100), arranged(GivenQuantities, rows)).parked
    assert parked.select("stage", "reason", "detail").rows() == [
        ("charges", "no_channel",
         "charge energy fills tiers in the order of time; expected intervals of kwh, found a sum")
    ]  # fmt: skip


def test_a_register_fills_no_tiers_in_time() -> None:
    rate_book = two_tiers(100)
    given_ = rating_input(rate_book, [due(*JUNE)], [channel(interval_minutes=0)], usage=[usage_row(1, *JUNE, 300)])
    assert reasons(rate(given_)) == {"A1-1": "no_channel"}


@st.composite
def uses(draw: st.DrawFn) -> tuple[list[list[int]], int, int]:
    """Use of some days in slots of 15 minutes, an edge, and the days of the cycle."""
    days = draw(st.integers(1, 4))
    top = draw(st.sampled_from([3, 1_000, 10**6]))
    seed = draw(st.randoms(use_true_random=False))
    slots = [[seed.randrange(0, top) for _ in range(96)] for _ in range(days)]
    return slots, draw(st.integers(1, 96 * days * top)), draw(st.integers(days, 9))


@given(uses())
@settings(max_examples=15, deadline=None)
def test_a_bill_of_tiers_in_time_is_that_of_its_slow_twin(case: tuple[list[list[int]], int, int]) -> None:
    days, upper, cycle_days = case
    rows = [day_row(1, MONDAY + timedelta(number), slots.__getitem__) for number, slots in enumerate(days)]
    rated = billed(two_tiers(upper), rows, cycle_end_date=MONDAY + timedelta(cycle_days))
    edge = (2 * upper * len(days) + cycle_days) // (2 * cycle_days)  # half up
    expected: dict[tuple[str, int], int] = {}
    total = 0
    for number, slots in enumerate(days):
        for slot, energy in enumerate(slots):
            is_peak = (MONDAY + timedelta(number)).isoweekday() <= 5 and 64 <= slot < 80
            below = max(0, min(total + energy, edge) - total)
            for tier, part in ((1, below), (2, energy - below)):
                key = ("peak" if is_peak else "off", tier)
                expected[key] = expected.get(key, 0) + part
            total += energy
    found = {(row[1], row[2]): row[3] for row in amounts(rated)}
    assert found == {key: value for key, value in expected.items() if value or key in found}
    prices = {("off", 1): 10, ("off", 2): 20, ("peak", 1): 30, ("peak", 2): 40}
    for row in amounts(rated):
        assert row[4] == (2 * row[3] * prices[row[1], row[2]] + 1_000) // 2_000
