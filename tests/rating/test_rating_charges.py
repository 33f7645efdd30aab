"""Charges, percentages and minimums, worked by hand.

The month is June 2026: 30 days of 96 quarters of 100 Wh make 288 kWh.
"""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import (
    JUNE,
    amounts,
    base,
    book,
    channel,
    component,
    day_rows,
    due,
    peak_hours,
    price,
    quantity,
    rate_flat_days,
    rating_input,
    reasons,
    version,
    windows,
)

from model.errors import TariffError
from rating.stages import rate

CYCLE = {"cycle_start_date": date(2026, 6, 1), "cycle_end_date": date(2026, 7, 1)}


def test_a_flat_price_times_the_energy_is_the_amount() -> None:
    rated = rate_flat_days(book(components=[component()], prices=[price(price_e9=314_160_000)]), 100)
    # 288 kWh x 0.31416 = 90.47808
    assert amounts(rated) == [("energy", "", 0, 288_000, 9048)]
    line = rated.lines.row(0, named=True)
    assert (str(line["amount_exact"]), str(line["rate"])) == ("90.478080000000000", "0.314160000")
    assert (line["period_start_date"], line["period_end_date"]) == JUNE
    assert line["line_id"] == "A1.c.r0/A1-1/energy/2026-06-01///0"


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        (0, [("energy", "", 1, 0, 0)]),                                            # no use keeps its first tier
        (100, [("energy", "", 1, 288_000, 5760)]),                                 # exactly at the edge
        (101, [("energy", "", 1, 288_000, 5760), ("energy", "", 2, 2_880, 86)]),   # 2.88 kWh x 0.30 = 0.864
    ],
)  # fmt: skip
def test_a_tier_ends_at_its_upper_edge_which_is_included(slot: int, expected: list[tuple[object, ...]]) -> None:
    prices = [
        price(price_e9=200_000_000, to_quantity=288_000),
        price(price_e9=300_000_000, tier=2, from_quantity=288_000),
    ]
    rated = rate_flat_days(book(components=[component(tier_method="graduated")], prices=prices), slot)
    assert amounts(rated) == expected


@pytest.mark.parametrize(
    ("tiers_share", "end", "cycle_end", "first_tier"),
    [
        ("day", date(2026, 7, 1), date(2026, 7, 1), 30_030),     # 30 days x 1,001 Wh
        ("day", date(2026, 6, 11), date(2026, 7, 1), 10_010),
        ("cycle", date(2026, 7, 1), date(2026, 7, 1), 1_001),    # the whole cycle: as printed
        ("cycle", date(2026, 6, 16), date(2026, 7, 1), 501),     # 1,001 x 15 / 30 = 500.5, half up
        ("cycle", date(2026, 6, 11), date(2026, 7, 1), 334),     # 333.67
        ("cycle", date(2026, 6, 11), date(2026, 7, 2), 323),     # of 31 days: 322.9
    ],
)  # fmt: skip
def test_tier_edges_are_scaled_to_the_days_billed(
    tiers_share: str, end: date, cycle_end: date, first_tier: int
) -> None:
    charge = component(tier_method="graduated", tiers_share=tiers_share)
    prices = [price(to_quantity=1_001), price(tier=2, from_quantity=1_001)]
    cycle = {"cycle_start_date": date(2026, 6, 1), "cycle_end_date": cycle_end}
    rated = rate_flat_days(book(components=[charge], prices=prices), 100, end_date=end, **cycle)
    assert rated.lines["quantity"].to_list()[0] == first_tier
    assert rated.lines["quantity"].sum() == 9_600 * (end - date(2026, 6, 1)).days


def test_tiers_stand_in_each_period_or_are_shared_over_periods() -> None:
    # 22 working days x 16 quarters x 100 Wh = 35.2 kWh at peak, 252.8 off peak; the first tier holds 144 kWh.
    prices = [
        row
        for tou, dear in (("off", 100_000_000), ("peak", 500_000_000))
        for row in (
            price(tou=tou, price_e9=dear, to_quantity=144_000),
            price(tou=tou, price_e9=2 * dear, tier=2, from_quantity=144_000),
        )
    ]
    tables = {"prices": prices, "tou_windows": windows(spans=peak_hours)}
    each = rate_flat_days(book(components=[component(by_tou=True, tier_method="graduated")], **tables), 100)
    shared = rate_flat_days(book(components=[component(by_tou=True, tier_method="pro_rata")], **tables), 100)
    assert amounts(each) == [
        ("energy", "off", 1, 144_000, 1440), ("energy", "off", 2, 108_800, 2176), ("energy", "peak", 1, 35_200, 1760),
    ]  # fmt: skip
    assert amounts(shared) == [
        ("energy", "off", 1, 126_400, 1264), ("energy", "off", 2, 126_400, 2528),
        ("energy", "peak", 1, 17_600, 880), ("energy", "peak", 2, 17_600, 1760),
    ]  # fmt: skip


def test_a_maximum_is_the_mean_power_of_the_highest_interval_and_only_its_price_is_shared() -> None:
    kw = quantity("kw", agg="max", unit="kW")
    demand = component("demand", quantity_id="kw", is_peak=True)
    rate_book = book(quantities=[kw], components=[demand], prices=[price("demand", 12_000_000_000)])
    # The highest quarter holds 2,500 Wh: 10 kW.
    whole = rate_flat_days(rate_book, lambda i: 2_500 if i == 70 else 100)
    assert amounts(whole) == [("demand", "", 0, 10_000, 12_000)]
    assert whole.determinants["peak_day"].to_list() == [date(2026, 6, 1)]
    part = rate_flat_days(rate_book, lambda i: 2_500 if i == 70 else 100, end_date=date(2026, 6, 12), **CYCLE)
    assert amounts(part) == [("demand", "", 0, 10_000, 4_400)]  # 120.00 x 11/30
    assert part.lines.select("share_part", "share_whole").row(0) == (11, 30)


def test_channels_of_one_measure_add_up_slot_by_slot() -> None:
    rate_book = book(
        quantities=[quantity(), quantity("kw", agg="max", tou="peak", unit="kW")],
        components=[component(), component("demand", quantity_id="kw", is_peak=True, position=2)],
        prices=[price(), price("demand", 1_000_000_000)],
        tou_windows=windows(spans=peak_hours),
    )
    # Peak is 16:00 to 20:00, quarters 64 to 79. The maxima of the channels fall on different quarters.
    days = day_rows(1, *JUNE, lambda i: {64: 900, 70: 500}.get(i, 0))
    days += day_rows(2, *JUNE, lambda i: {63: 9_000, 70: 600}.get(i, 0))
    rated = rate(rating_input(rate_book, [due()], [channel(1), channel(2)], {15: days}))
    assert amounts(rated) == [("energy", "", 0, 330_000, 9_900), ("demand", "", 0, 4_400, 440)]


def test_days_and_cycles_are_charged_for_the_days_billed() -> None:
    charges = [component("supply", kind="daily"), component("meter", kind="cycle", position=2)]
    prices = [price("supply", 1_123_400_000), price("meter", 10_000_000_000)]
    rate_book = book(quantities=[], components=charges, prices=prices)
    whole = rate_flat_days(rate_book, 0)
    assert amounts(whole) == [("supply", "", 0, 30, 3370), ("meter", "", 0, 1, 1000)]
    part = rate_flat_days(rate_book, 0, end_date=date(2026, 6, 8), **CYCLE)
    assert amounts(part) == [("supply", "", 0, 7, 786), ("meter", "", 0, 1, 233)]  # 10.00 x 7/30 = 2.333...
    assert str(part.lines["amount_exact"][1]) == "2.333333333333333"


def test_a_percentage_counts_the_rounded_lines_of_its_base_once() -> None:
    charges = [
        component(), component("supply", kind="daily", position=2),
        component("levy", kind="percent", position=3),
        component("gst", kind="percent", position=4, level=3, category="tax", tax_code="GST"),
    ]  # fmt: skip
    rate_book = book(
        components=charges,
        prices=[price(price_e9=314_160_000), price("supply", 1_001_100_000), price("levy", 2_500_000_000),
                price("gst", 10_000_000_000)],
        bases=[base("levy", "energy"), *(base("gst", name) for name in ("energy", "supply", "levy"))],
    )  # fmt: skip
    # energy 90.48, supply 30.03, levy 2.5 % of 90.48 = 2.262, gst 10 % of 122.77 = 12.277
    assert [row[-2:] for row in amounts(rate_flat_days(rate_book, 100))] == [
        (288_000, 9048), (30, 3003), (9048, 226), (12_277, 1228),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("per", "floor", "days", "expected"),
    [
        ("cycle", "30.00", 30, 120),     # base 28.80
        ("cycle", "28.80", 30, None),    # reached exactly
        ("cycle", "28.81", 30, 1),
        ("cycle", "30.00", 15, 60),      # 15.00 less 14.40
        ("day", "1.00", 15, 60),
    ],
)  # fmt: skip
def test_a_minimum_adds_what_its_base_lacks(per: str, floor: str, days: int, expected: int | None) -> None:
    charges = [component(), component("minimum", kind="minimum", price_share=per, position=2)]
    floor_e9 = int(floor.replace(".", "")) * 10**7
    prices = [price(price_e9=100_000_000), price("minimum", floor_e9)]
    rate_book = book(components=charges, prices=prices, bases=[base("minimum", "energy")])
    rated = rate_flat_days(rate_book, 100, end_date=date.fromordinal(JUNE[0].toordinal() + days), **CYCLE)
    found = [row[-1] for row in amounts(rated) if row[0] == "minimum"]
    assert found == ([] if expected is None else [expected])


def test_a_credit_is_rounded_as_a_debit_is() -> None:
    export = quantity("kwh", measure="export_energy")
    rate_book = book(quantities=[export], components=[component()], prices=[price(price_e9=-314_160_000)])
    days = day_rows(1, *JUNE, 100)
    rated = rate(rating_input(rate_book, [due()], [channel(measure="export_energy")], {15: days}))
    assert amounts(rated) == [("energy", "", 0, 288_000, -9048)]


@given(edges=st.lists(st.integers(1, 10**6), max_size=4, unique=True).map(sorted), slot=st.integers(0, 3_000))
@settings(max_examples=4, deadline=None)
def test_tiers_partition_the_quantity(edges: list[int], slot: int) -> None:
    limits = [0, *edges, None]
    prices = [
        price(tier=place, from_quantity=limits[place - 1], to_quantity=limits[place]) for place in range(1, len(limits))
    ]
    rated = rate_flat_days(book(components=[component(tier_method="graduated")], prices=prices), slot)
    assert rated.lines["quantity"].sum() == slot * 96 * 30


@pytest.mark.parametrize(
    ("price_e9", "expected"), [(10**18 - 1, {"A1-1": "amount_too_large"}), (34_000_000 * 10**9, {})]
)
def test_an_amount_beyond_what_a_line_may_hold_is_parked(price_e9: int, expected: dict[str, str]) -> None:
    # 288 kWh x 34 million = 9.8 x 10^9, just inside the bound of 10^10
    assert reasons(rate_flat_days(book(components=[component()], prices=[price(price_e9=price_e9)]), 100)) == expected


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"quantities": [quantity(unit_size=3)], "components": []}, "divisor of 1000000"),
        ({"components": [component(quantity_id="nothing")]}, "prices quantity `nothing`"),
        ({"components": [component("gst", kind="percent")], "prices": []}, "percent `gst`"),
        ({"components": [component("gst", kind="percent")], "prices": [price("gst", season="dry")]}, "percent `gst`"),
        ({"components": [component()], "prices": [price(factor_id="fuel")]}, "priced by factor `fuel`"),
        ({"versions": [version(valid_to=JUNE[1]), version("t@2", valid_from=JUNE[0])]}, "versions that do not overlap"),
        ({"components": [component()], "prices": [price(to_quantity=5)]}, "the last one open"),
        ({"components": [component()], "prices": [price(from_quantity=5)]}, "begins at 5"),
        ({"components": [component(tier_method="pro_rata", by_tou=True)],
          "prices": [price(tou="a", to_quantity=5), price(tou="a", tier=2, from_quantity=5), price(tou="b")]},
         "same tier edges"),
    ],
)  # fmt: skip
def test_a_rate_book_that_would_rate_wrongly_is_refused(
    tables: dict[str, list[dict[str, object]]], message: str
) -> None:
    with pytest.raises(TariffError, match=message):
        rate_flat_days(book(**tables), 100)
