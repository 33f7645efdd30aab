"""What a quantity can be, worked by hand: powers, demand intervals, differences, apparent energy, parts of slots."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from measured_quantities import CENT, MONDAY, SUNNY, called, cost, imported, measured, power, spot
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
    season_days,
    usage_row,
    windows,
)

from model.errors import TariffError
from rating.stages import rate


def test_the_mean_of_three_daily_maxima_takes_one_hour_of_each_day() -> None:
    # Hours of 10 and 9 kWh on one day, 6 and 4 kWh on two others: (10 + 6 + 4) / 3 = 6.667; of any hours, 25 / 3.
    found = measured(
        [
            power("daily", "mean_of_n", n=3),
            power("hours", "mean_of_n", n=3, distinct_days=False),
            power("third_day", "nth", n=3),
            power("third_hour", "nth", n=3, distinct_days=False),
        ],
        imported({17: 10_000, 18: 9_000}, {8: 6_000}, {3: 4_000}, {0: 100}),
        minutes=60,
    )
    assert [found[name] for name in ("daily", "hours", "third_day", "third_hour")] == [6_667, 8_333, 4_000, 6_000]


def test_fewer_days_than_asked_for_are_all_taken() -> None:
    found = measured(
        [power("mean", "mean_of_n", n=3), power("third", "nth", n=3)], imported({0: 1_000}, {5: 500}), minutes=60
    )
    assert (found["mean"], found["third"]) == (750, 500)


def test_the_highest_are_taken_from_all_slices_and_periods_at_once() -> None:
    # Two seasons and two periods; the highest days: 8 (first season, peak), 7 (second, off), 5 (first, off).
    found = measured(
        [power("kw", "mean_of_n", n=2)],
        imported({17: 8_000, 1: 7_900}, {2: 5_000}, {3: 7_000}),
        minutes=60,
        season_days=season_days(season=lambda month, day: "dry" if (month, day) < (6, 10) else "wet"),
        tou_windows=windows(
            seasons=["dry", "wet"], spans=lambda season, day_class: [(0, 960, "off"), (960, 1440, "peak")]
        ),
    )
    assert found["kw"] == 7_500
    assert (found["kw", "off"], found["kw", "peak"]) == (7_450, 4_000)


@pytest.mark.parametrize(
    ("asked", "watts"),
    [
        ({}, 2_000),  # 500 Wh in a quarter of an hour
        ({"interval_minutes": 15}, 2_000),
        ({"interval_minutes": 30}, 1_200),  # 100 + 300, 500 + 100
        ({"interval_minutes": 60}, 1_000),
        ({"interval_minutes": 180}, 333),  # 1,000 Wh in 3 hours
        ({"interval_minutes": 30, "is_rolling": True}, 1_600),  # 300 + 500
        ({"interval_minutes": 45, "is_rolling": True}, 1_200),  # 900 Wh in 3 quarters
    ],
)
def test_demand_intervals_are_added_from_those_of_the_channel(asked: Row, watts: int) -> None:
    assert measured([power("kw", **asked)], imported({0: 100, 1: 300, 2: 500, 3: 100}))["kw"] == watts


def test_a_rolling_interval_reaches_over_midnight_and_belongs_to_the_day_in_which_it_ends() -> None:
    spans = windows(spans=lambda season, day_class: [(0, 15, "first"), (15, 1440, "rest")])
    found = measured(
        [power("kw", interval_minutes=30, is_rolling=True)], imported({95: 700}, {0: 900}), tou_windows=spans
    )
    assert (found["kw", "first"], found["kw", "rest"]) == (3_200, 1_800)
    # The first window of a due period begins with its first slot, so none ends in it.
    alone = measured([power("kw", interval_minutes=30, is_rolling=True)], imported({0: 900}), tou_windows=spans)
    assert (alone.get(("kw", "first"), 0), alone["kw", "rest"]) == (0, 1_800)


@pytest.mark.parametrize(("day", "last"), [(date(2022, 3, 13), 91), (date(2022, 11, 6), 99)])
def test_demand_intervals_of_days_of_23_and_25_hours_reach_to_their_last_slot(day: date, last: int) -> None:
    found = measured(
        [power("kw", interval_minutes=30), power("roll", interval_minutes=30, is_rolling=True)],
        imported({last - 1: 500, last: 500}, {0: 600}), start=day, tz_name=CHICAGO,
    )  # fmt: skip
    assert (found["kw"], found["roll"]) == (2_000, 2_200)


def test_a_demand_interval_that_the_channel_does_not_divide_is_parked() -> None:
    assert measured([power("kw", interval_minutes=30)], imported({0: 1}), minutes=60) == {
        "kw": 0, ("kw", ""): 0, "parked": "no_channel",
    }  # fmt: skip


def test_the_mean_and_the_lowest_power_count_every_slot_of_the_period() -> None:
    spans = windows(spans=lambda season, day_class: [(0, 60, "night"), (60, 1440, "day")])
    found = measured(
        [power("mean", "mean", tou="night"), power("least", "min", tou="night")],
        imported({0: 10, 1: 11, 2: 12, 3: 13, 50: 900}, {0: 20, 1: 20, 2: 20, 3: 20}),
        tou_windows=spans,
    )
    assert found["mean"] == 63  # 126 Wh in 2 hours
    assert found["least"] == 40


@pytest.mark.parametrize(
    ("netting", "taken", "given"),
    [("none", -350, 350), ("interval", 1_050, 1_400), ("hour", 250, 600), ("day", 0, 350)],
)
def test_netting_by_quarter_hour_differs_from_netting_by_hour_and_day(netting: str, taken: int, given: int) -> None:
    found = measured(
        [
            quantity("taken", less_measure="export_energy", netting=netting),
            quantity("given", measure="export_energy", less_measure="import_energy", netting=netting),
        ],
        SUNNY,
    )
    assert (found["taken"], found["given"]) == (taken, given)


def test_net_power_is_netted_by_the_channels_interval_before_its_demand_interval() -> None:
    found = measured(
        [
            power("net", less_measure="export_energy", netting="interval", interval_minutes=60),
            power("whole", less_measure="export_energy", interval_minutes=60),
        ],
        SUNNY,
    )
    assert (found["net"], found["whole"]) == (1_000, 200)


def test_nothing_is_subtracted_where_an_optional_second_channel_is_absent() -> None:
    net = quantity("net", less_measure="export_energy", netting="interval")
    assert measured([net | {"is_less_optional": True}], imported({0: 70}))["net"] == 70
    assert measured([net], imported({0: 70}))["parked"] == "no_channel"
    sums = net | {"netting": "none", "is_less_optional": True}
    assert measured([sums], imported({0: 70}))["net"] == 70


def test_a_missing_day_of_the_second_measure_parks() -> None:
    rate_book = book(
        quantities=[quantity(less_measure="export_energy", netting="interval")],
        components=[component()],
        prices=[price()],
    )
    channels = [channel(), channel(2, measure="export_energy")]
    rows = [day_row(1, MONDAY, 5), day_row(2, MONDAY, 1, worst=8)]
    rated = rate(rating_input(rate_book, [due(MONDAY, MONDAY + timedelta(1))], channels, {15: rows}))
    assert rated.parked.select("reason", "detail").rows() == [
        ("intervals_missing", "channel 2: intervals are missing on 1 days, the first is 2026-06-08")
    ]


def test_a_deducted_register_is_a_difference_of_sums() -> None:
    rate_book = book(
        quantities=[quantity(measure="water_volume", less_measure="gas_volume", unit="m3")],
        components=[component()],
        prices=[price()],
    )
    channels = [
        channel(1, measure="water_volume", interval_minutes=0), channel(2, measure="gas_volume", interval_minutes=0),
    ]  # fmt: skip
    start, end = MONDAY, MONDAY + timedelta(10)
    usage = [usage_row(1, start, end, 9_000), usage_row(2, start, end, 2_500)]
    rated = rate(rating_input(rate_book, [due(start, end)], channels, {}, usage))
    assert rated.lines.select("quantity", "split_method").rows() == [(6_500, "register")]
    netted = book(
        quantities=[quantity(measure="water_volume", less_measure="gas_volume", netting="interval", unit="m3")],
        components=[component()],
        prices=[price()],
    )
    parked = rate(rating_input(netted, [due(start, end)], channels, {}, usage)).parked
    assert parked["detail"].to_list() == [
        "quantity kwh needs intervals (netting), channel 1 is a register without them"
    ]


@pytest.mark.parametrize(
    ("active", "reactive", "apparent"),
    [(300, 400, 500), (1, 1, 1), (1, 2, 2), (2, 2, 3), (0, 7, 7), (2**31 - 1, 2**31 - 1, 3_037_000_499)],
)
def test_apparent_energy_is_the_root_of_both_squares_rounded_half_up(active: int, reactive: int, apparent: int) -> None:
    found = measured(
        [quantity("kvah", measure="apparent_energy"), power("kva", measure="apparent_energy")],
        [{"import_energy": {9: active}, "reactive_energy": {9: reactive}}],
    )
    assert (found["kvah"], found["kva"]) == (apparent, apparent * 4)


def test_apparent_power_of_a_longer_demand_interval_adds_the_parts_first() -> None:
    found = measured(
        [power("kva", measure="apparent_energy"), power("half", measure="apparent_energy", interval_minutes=30)],
        [{"import_energy": {8: 300}, "reactive_energy": {9: 400}}],
    )
    assert (found["kva"], found["half"]) == (1_600, 1_000)


def test_a_block_of_each_interval_and_the_rest_at_the_index() -> None:
    # Published idea: up to the block of each hour a fixed price, above it the price of that hour. 2 kWh is the block of
    # an hour, in four slots of 15 minutes: hour 0 uses 0.5 + 1.5 + 0.5 + 0.5 = 3, hour 1 uses 1, hour 2 uses 5.
    use = {0: 500, 1: 1_500, 2: 500, 3: 500, 4: 1_000, 8: 5_000}
    hourly = {"netting": "hour", "over_quantity": 2_000}
    prices = [spot([CENT, 50 * CENT, 3 * CENT] + [0] * 21)]
    found = measured(
        [
            quantity("block", netting="hour", up_to_quantity=2_000),
            quantity("above", **hourly),
            quantity("band", netting="hour", over_quantity=1_000, up_to_quantity=4_000),
            quantity("slots", over_quantity=600),
            quantity("index", agg="cost", series_id="spot", **hourly),
        ],
        imported(use), series_days=prices,
    )  # fmt: skip
    # 2 + 1 + 2; 1 + 3; 2 + 0 + 3; 0.9 + 0.4 + 4.4; 1 x 0.01 + 3 x 0.03.
    assert (found["block"], found["above"], found["band"], found["slots"]) == (5_000, 4_000, 5_000, 5_700)
    assert found["index"] == 10 * CENT


def test_what_is_below_zero_belongs_to_the_block() -> None:
    # Slots of 0.3 - 0.1, 0.1 - 0.4 and 0.9 kWh; up to 0.5 kWh of each.
    days = [{"import_energy": {0: 300, 1: 100, 2: 900}, "export_energy": {0: 100, 1: 400}}]
    net = {"less_measure": "export_energy"}
    found = measured([quantity("block", up_to_quantity=500, **net), quantity("above", over_quantity=500, **net)], days)
    assert (found["block"], found["above"]) == (200 - 300 + 500, 400)


def test_channels_are_added_before_they_are_parted() -> None:
    rows = [day_row(number, MONDAY, 300) for number in (1, 2)]
    rate_book = book(quantities=[quantity(over_quantity=500)], components=[component()], prices=[price()])
    rated = rate(rating_input(rate_book, [due(MONDAY, MONDAY + timedelta(1))], [channel(), channel(2)], {15: rows}))
    assert rated.lines["quantity"].to_list() == [96 * 100]


def test_a_register_has_no_part_of_each_interval() -> None:
    rate_book = book(quantities=[quantity(over_quantity=500)], components=[component()], prices=[price()])
    usage = [usage_row(1, MONDAY, MONDAY + timedelta(1), 9_000)]
    given = rating_input(
        rate_book, [due(MONDAY, MONDAY + timedelta(1))], [channel(interval_minutes=0)], {}, usage
    )  # fmt: skip
    assert rate(given).parked["detail"].to_list() == [
        "quantity kwh needs intervals (a part of each), channel 1 is a register without them"
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (quantity(measure="apparent_energy", less_measure="export_energy"), "nothing subtracted from apparent"),
        (quantity(less_measure="import_energy"), "two different measures"),
        (quantity(netting="hour"), "a measure that is subtracted"),
        (power("kw", less_measure="export_energy", netting="hour"), "a power netted by interval"),
        (cost(less_measure="export_energy", netting="day"), "a cost netted by interval or hour"),
        (quantity(interval_minutes=30), "no demand interval"),
        (quantity(netting="day", over_quantity=1), "a measure that is subtracted"),
        (power("kw", over_quantity=1), "a part of each slot"),
        (quantity(over_quantity=2, up_to_quantity=2), "ends above where it begins"),
        (power("kw", interval_minutes=1_500), "at most a day"),
        (power("kw", is_rolling=True), "a rolling demand interval"),
        (power("kw", interval_minutes=780, is_rolling=True), "at most 12 hours"),
        (quantity(agg="cost"), "a price series for a cost"),
        (quantity(series_id="spot"), "a price series for a cost"),
        (cost(price_floor_e9=2, price_cap_e9=1), "a floor that is not above the cap"),
        (cost(price_adder_e9=10**18), "at most 9 digits"),
        (cost(price_factor_e9=10**12 + 1), "a factor of at most 1000"),
    ],
)
def test_a_quantity_that_cannot_be_measured_so_is_refused(row: Row, message: str) -> None:
    rate_book = book(quantities=[row], components=[component(quantity_id=row["quantity_id"])], prices=[price()])
    with pytest.raises(TariffError, match=message):
        rate(rating_input(rate_book, [due()], [channel()], {15: []}))


def test_netting_by_day_needs_a_version_without_periods() -> None:
    row = quantity(less_measure="export_energy", netting="day")
    for periods in (
        {"tou_windows": windows(spans=lambda season, day_class: [(0, 1440, "off")])},
        {"event_windows": [called()]},
    ):
        rate_book = book(quantities=[row], components=[component()], prices=[price()], **periods)
        with pytest.raises(TariffError, match="version without periods"):
            rate(rating_input(rate_book, [due()], [channel()], {15: []}))


def test_channels_of_different_lengths_cannot_be_compared_slot_by_slot() -> None:
    rate_book = book(
        quantities=[quantity(less_measure="export_energy", netting="interval")],
        components=[component()],
        prices=[price()],
    )
    channels = [channel(), channel(2, measure="export_energy", interval_minutes=30)]
    days = {15: [day_row(1, MONDAY, 5)], 30: [day_row(2, MONDAY, 1, minutes=30)]}
    rated = rate(rating_input(rate_book, [due(MONDAY, MONDAY + timedelta(1))], channels, days))
    assert rated.parked.select("reason", "detail").rows() == [
        ("no_channel", "quantity kwh needs channels of one interval length, found 15 and 30 minutes")
    ]


def test_an_estimate_of_either_measure_marks_what_is_made_of_both() -> None:
    rate_book = book(
        quantities=[quantity(less_measure="export_energy", netting="interval")],
        components=[component()],
        prices=[price()],
    )
    channels = [channel(), channel(2, measure="export_energy")]
    rows = [day_row(1, MONDAY, 5, seq=3), day_row(2, MONDAY, 1, worst=4, seq=7)]
    rated = rate(rating_input(rate_book, [due(MONDAY, MONDAY + timedelta(1))], channels, {15: rows}))
    assert rated.determinants.select("quantity", "is_estimated", "reads_seq", "split_method").rows() == [
        (384, True, 7, "interval")
    ]
