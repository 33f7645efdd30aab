from __future__ import annotations

from datetime import date

from rating_rows import (
    base,
    book,
    component,
    factor,
    peak_hours,
    price,
    quantity,
    rate_flat_days,
    windows,
)

from rating.explain import explain_lines, explain_stages, plain
from rating.stages import STAGES


def test_each_line_tells_its_working_from_amount_to_reads() -> None:
    rate_book = book(
        quantities=[quantity(), quantity("kw", agg="max", unit="kW")],
        components=[
            component(by_tou=True, tier_method="graduated", tiers_share="day", clause="4.1"),
            component("demand", quantity_id="kw", is_peak=True, position=2),
            component("fuel", has_factor=True, position=3),
            component("supply", kind="daily", position=4),
            component("minimum", kind="minimum", position=5),
            component("gst", kind="percent", position=6, level=3, category="tax", tax_code="GST"),
        ],
        prices=[
            price(tou="off", price_e9=314_160_000, to_quantity=5_000),
            price(tou="off", price_e9=300_000_000, tier=2, from_quantity=5_000),
            price(tou="peak", price_e9=400_000_000),
            price("demand", 12_000_000_000), price("fuel", None, factor_id="fuel"), price("supply", 1_100_000_000),
            price("minimum", 60_000_000_000), price("gst", 10_000_000_000),
        ],
        bases=[base("minimum", "energy"), base("gst", "energy"), base("gst", "minimum")],
        factors=[factor("fuel", 12_300_000, date(2026, 1, 1))],
        tou_windows=windows(spans=peak_hours),
    )  # fmt: skip
    rated = rate_flat_days(
        rate_book, 100, end=date(2026, 6, 11), cycle_start_date=date(2026, 6, 1), cycle_end_date=date(2026, 7, 1)
    )
    text = explain_lines(rated.lines, rated.determinants, rate_book, rated.slices)
    # Ten days of 96 kWh in all: 8 working days x 1.6 kWh at peak.
    assert text[:6] == [
        "1. energy (off, tier 1), 2026-06-01 to 2026-06-11 (not included): 15.71 AUD",
        "   kwh 50 kWh x 0.31416 AUD/kWh = 15.708 -> 15.71 AUD (half up 0.01)",
        "   tier 1: above 0 up to 5 kWh per day, scaled to the days billed",
        "   tariff t from 2000-01-01, clause 4.1, source: written for a test (version t@1)",
        "   kwh off 83.2 kWh in segment 1 slice 1, 2026-06-01 to 2026-06-11 (not included)",
        "   reads: intervals, cut exactly, loads up to 1",
    ]
    for expected in (
        "   kw 0.4 kW x 12.00 AUD/kW x 10/30 days = 1.60 -> 1.60 AUD (half up 0.01)",
        "   kw off 0.4 kW on 2026-06-01 in segment 1 slice 1, 2026-06-01 to 2026-06-11 (not included)",
        "   price: factor fuel from 2026-01-01, source: test",
        "   10 day x 1.10 AUD/day = 11.00 -> 11.00 AUD (half up 0.01)",
        # energy is 15.71 + 9.96 + 5.12 = 30.79, which reaches 60.00 x 10/30
        "   10 % of 30.79 AUD (energy, minimum) = 3.079 -> 3.08 AUD (half up 0.01)",
    ):
        assert expected in text
    assert not [line for line in text if "minimum," in line and "at least" in line]


def test_without_slices_the_determinants_are_named_by_number() -> None:
    rate_book = book(components=[component()], prices=[price()])
    rated = rate_flat_days(rate_book, 100)
    text = explain_lines(rated.lines, rated.determinants, rate_book)
    assert "   kwh 288 kWh in segment 1 slice 1" in text


def test_a_minimum_tells_floor_and_base() -> None:
    rate_book = book(
        components=[component(), component("minimum", kind="minimum", price_share="day", position=2)],
        prices=[price(price_e9=100_000_000), price("minimum", 1_000_000_000)],
        bases=[base("minimum", "energy")],
    )
    rated = rate_flat_days(rate_book, 100)
    text = explain_lines(rated.lines, rated.determinants, rate_book)
    assert "   at least 1.00 AUD/day x 30 days, less 28.80 AUD (energy) = 1.20 -> 1.20 AUD (half up 0.01)" in text


def test_the_stages_that_run_are_the_stages_that_are_told() -> None:
    assert [line.split(": ")[0] for line in explain_stages()] == [
        f"{place}. {stage.name}" for place, stage in enumerate(STAGES, start=1)
    ]


def test_numbers_lose_the_zeros_at_their_end() -> None:
    from decimal import Decimal

    assert [plain(Decimal(text), 2) for text in ("1.000", "0.31416000", "1234.5")] == ["1.00", "0.31416", "1,234.50"]
