"""Periods of dated events, and energy at the price of each slot, worked by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from measured_quantities import CENT, MONDAY, SUNNY, called, cost, event, imported, measured, power, spot
from rating_rows import (
    CHICAGO,
    Row,
    book,
    channel,
    component,
    day_row,
    due,
    price,
    quantity,
    rating_input,
    windows,
)

from model.errors import TariffError
from rating.stages import rate


def test_an_event_of_two_hours_takes_its_slots_out_of_the_usual_period() -> None:
    evening = dict.fromkeys(range(68, 76), 300)  # 17:00 to 19:00
    found = measured(
        [quantity(), power("kw", tou="critical"), power("mean", "mean", tou="critical")],
        imported({0: 7}, {0: 100, 70: 400} | evening),
        events=[event(MONDAY + timedelta(1), 17 * 60, 19 * 60), event(date(2026, 7, 1), 0, 60)],
        event_windows=[called()],
    )
    assert (found["kwh"], found["kwh", ""], found["kwh", "critical"]) == (2_507, 107, 2_400)
    assert (found["kw"], found["mean"]) == (1_200, 1_200)


def test_the_first_of_events_that_overlap_holds() -> None:
    found = measured(
        [quantity()], imported({0: 1, 1: 10, 2: 100, 3: 1_000}),
        events=[event(MONDAY, 0, 30), event(MONDAY, 15, 45, "grid")],
        event_windows=[called(position=2), called("system", "grid", 1)],
    )  # fmt: skip
    assert (found["kwh", "critical"], found["kwh", "system"], found["kwh", ""]) == (1, 110, 1_000)


@pytest.mark.parametrize(("minutes", "expected"), [((60, 120), 4), ((120, 180), 40), ((60, 180), 44)])
def test_an_event_in_one_of_the_hours_that_come_twice_holds_in_that_one(
    minutes: tuple[int, int], expected: int
) -> None:
    # On that day the clock shows 01:00 to 02:00 in the second hour and again in the third.
    day = date(2022, 11, 6)
    found = measured(
        [quantity()], [{"import_energy": {4: 1, 5: 1, 6: 1, 7: 1, 8: 10, 9: 10, 10: 10, 11: 10}}],
        start=day, tz_name=CHICAGO,
        events=[event(day, *minutes, tz_name=CHICAGO)], event_windows=[called()],
    )  # fmt: skip
    assert found["kwh", "critical"] == expected


def test_events_and_prices_of_another_zone_are_not_those_of_the_customers_day() -> None:
    found = measured(
        [quantity(), cost()], EVEN, events=[event(MONDAY, 0, 60, tz_name=CHICAGO)], event_windows=[called()],
        series_days=[spot([CENT] * 24), spot([2 * CENT] * 24, tz_name=CHICAGO)],
    )  # fmt: skip
    assert (found.get(("kwh", "critical")), found["kwh"], found["cost"]) == (None, 24_000, 24 * CENT)


EVEN = imported(dict.fromkeys(range(96), 250))  # 1 kWh in each hour


@pytest.mark.parametrize(
    ("rule", "expected_e9"),
    [
        ({}, 2_760_000_000),  # 0.01 x (0 + 1 + ... + 23)
        ({"price_factor_e9": 1_037_600_000, "price_adder_e9": 5 * CENT}, 4_063_776_000),  # 2.76 x 1.0376 + 24 x 0.05
        ({"price_adder_e9": -10 * CENT}, 360_000_000),  # 2.76 - 2.40, with hours below zero
        ({"price_adder_e9": -10 * CENT, "price_floor_e9": 0}, 910_000_000),  # 0.01 x (1 + ... + 13)
        ({"price_cap_e9": 2 * CENT}, 450_000_000),  # 0 + 0.01 + 22 x 0.02
        ({"unit": "MWh", "unit_size": 10**6}, 2_760_000),
    ],
)
def test_a_cost_is_the_energy_of_each_slot_at_its_price(rule: Row, expected_e9: int) -> None:
    assert (
        measured([cost(**rule)], EVEN, series_days=[spot([hour * CENT for hour in range(24)])])["cost"] == expected_e9
    )


def test_a_cost_is_kept_by_period_and_of_what_is_netted() -> None:
    spans = windows(spans=lambda season, day_class: [(0, 60, "night"), (60, 1440, "day")])
    quantities = [
        cost(), cost(less_measure="export_energy", netting="hour") | {"quantity_id": "hourly"},
    ]  # fmt: skip
    found = measured(quantities, SUNNY, series_days=[spot([10 * CENT] * 12 + [-4 * CENT] * 12)], tou_windows=spans)
    # 1 kWh at 0.10 and 50 Wh at -0.04; net of the first hour 200 Wh
    assert (found["cost", "night"], found["cost", "day"]) == (100_000_000, -2_000_000)
    assert found["hourly"] == 20_000_000 - 2_000_000


@pytest.mark.parametrize(("value_e9", "expected"), [(499, 0), (500, 1), (-500, -1), (1_500, 2)])
def test_a_cost_is_rounded_half_away_from_zero_to_nine_decimals(value_e9: int, expected: int) -> None:
    assert measured([cost()], imported({0: 1}), series_days=[spot([value_e9] * 24)])["cost"] == expected


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        ([spot([1] * 24)], None),
        ([], "no_factor"),
        ([spot([1] * 23 + [None])], "no_factor"),
        ([spot([1] * 25)], "no_factor"),
        ([spot([1] * 288, minutes=5)], "no_channel"),
        ([spot([1] * 96, minutes=15)], None),
    ],
)
def test_a_day_without_all_its_prices_is_parked(series: list[Row], reason: str | None) -> None:
    assert measured([cost()], EVEN, series_days=series).get("parked") == reason


def test_the_park_of_a_missing_price_names_the_series_and_its_first_day() -> None:
    rate_book = book(
        quantities=[cost()], components=[component(quantity_id="cost")], prices=[price()], series_days=[spot([1] * 24)]
    )
    rows = [day_row(1, MONDAY + timedelta(number), 1) for number in range(3)]
    rated = rate(rating_input(rate_book, [due(MONDAY, MONDAY + timedelta(3))], [channel()], {15: rows}))
    assert rated.parked["detail"].to_list() == ["price series spot is not whole on 2 days, the first is 2026-06-09"]


def test_a_series_beyond_what_is_rated_is_refused() -> None:
    rate_book = book(
        quantities=[cost()], components=[component(quantity_id="cost")], prices=[price()],
        series_days=[spot([-(10**18)] * 24)],
    )  # fmt: skip
    with pytest.raises(TariffError, match=r"price series `spot` on 2026-06-08"):
        rate(rating_input(rate_book, [due()], [channel()], {15: []}))


def test_a_cost_beyond_what_is_rated_is_parked() -> None:
    rate_book = book(
        quantities=[cost(price_factor_e9=10**12, unit_size=1)],
        components=[component(quantity_id="cost")],
        prices=[price()],
        series_days=[spot([10**17] * 24)],
    )
    rows = [day_row(1, MONDAY, 2**31 - 1)]
    rated = rate(rating_input(rate_book, [due(MONDAY, MONDAY + timedelta(1))], [channel()], {15: rows}))
    assert rated.parked["reason"].to_list() == ["amount_too_large"]
