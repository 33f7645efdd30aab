"""Days, seasons, versions and factors. Unless said otherwise every quarter of an hour holds 100 Wh."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import (
    CHICAGO,
    JUNE,
    SYDNEY,
    amounts,
    book,
    channel,
    component,
    day_rows,
    due,
    factor,
    peak_hours,
    price,
    quantity,
    rate_flat_days,
    rating_input,
    reasons,
    season_days,
    version,
    windows,
)

from model.tariff import RateBook
from rating.calendar import build_masks
from rating.stages import rate


def night_book(from_minute: int, to_minute: int) -> RateBook:
    """Energy by period, with a night between two clock times of every day."""
    spans = [(0, from_minute, "day"), (from_minute, to_minute, "night"), (to_minute, 1440, "day")]
    return book(
        components=[component(by_tou=True)],
        prices=[price(tou="day"), price(tou="night")],
        tou_windows=windows(spans=lambda season, day_class: [span for span in spans if span[0] < span[1]]),
    )


@pytest.mark.parametrize(
    ("tz_name", "day", "window", "night", "total"),
    [
        (CHICAGO, date(2022, 11, 6), (0, 120), 12, 100),    # 01:00 to 02:00 comes twice: 3 hours
        (CHICAGO, date(2022, 11, 6), (60, 120), 8, 100),
        (CHICAGO, date(2022, 11, 6), (120, 180), 4, 100),
        (CHICAGO, date(2022, 3, 13), (60, 180), 4, 92),     # 02:00 to 03:00 does not come
        (CHICAGO, date(2022, 3, 13), (120, 180), 0, 92),
        (CHICAGO, date(2022, 3, 13), (180, 240), 4, 92),
        (SYDNEY, date(2026, 10, 4), (60, 240), 8, 92),
        (SYDNEY, date(2026, 4, 5), (120, 180), 8, 100),
        (SYDNEY, date(2024, 2, 29), (120, 180), 4, 96),     # a leap day is a day
    ],
)  # fmt: skip
def test_periods_follow_the_clock_on_the_wall_when_it_changes(
    tz_name: str, day: date, window: tuple[int, int], night: int, total: int
) -> None:
    rated = rate_flat_days(night_book(*window), 100, start=day, end=day + timedelta(days=1), tz_name=tz_name)
    found = {row[1]: row[3] for row in amounts(rated)}
    assert found.get("night", 0) == night * 100
    assert sum(found.values()) == total * 100


def test_a_day_of_25_hours_needs_its_100_quarters() -> None:
    day = date(2022, 11, 6)
    rows = day_rows(1, day, day + timedelta(days=1), 100, tz_name=CHICAGO)
    row = due(day, day + timedelta(days=1), tz_name=CHICAGO)
    short = [rows[0] | {"n": 96}]
    assert reasons(rate(rating_input(night_book(0, 120), [row], [channel()], {15: short}))) == {
        "A1-1": "intervals_missing"
    }
    assert reasons(rate(rating_input(night_book(0, 120), [row], [channel()], {15: rows}))) == {}


def test_a_holiday_is_its_own_kind_of_day() -> None:
    tables = {
        "components": [component(by_tou=True)],
        "prices": [price(tou="peak"), price(tou="off")],
        "tou_windows": windows(spans=peak_hours),
    }
    monday = {"start": date(2026, 6, 8), "end": date(2026, 6, 9)}
    plain = rate_flat_days(book(**tables), 100, **monday)
    holiday = rate_flat_days(book(**tables, holidays=[{"version_id": "t@1", "day": date(2026, 6, 8)}]), 100, **monday)
    assert [row[1] for row in amounts(plain)] == ["off", "peak"]
    assert [row[1] for row in amounts(holiday)] == ["off"]


def test_a_season_that_changes_in_the_cycle_splits_the_charge_by_season_only() -> None:
    rate_book = book(
        components=[component(by_season=True), component("grid", position=2)],
        prices=[price(season="dry", price_e9=200_000_000), price(season="wet", price_e9=100_000_000), price("grid")],
        season_days=season_days(season=lambda month, day: "dry" if (month, day) < (6, 15) else "wet"),
        tou_windows=windows(seasons=["dry", "wet"]),
    )
    rated = rate_flat_days(rate_book, 100)
    found = rated.lines.select("component_id", "season", "period_start_date", "period_end_date", "quantity").rows()
    assert found == [
        ("energy", "dry", date(2026, 6, 1), date(2026, 6, 15), 14 * 9_600),
        ("energy", "wet", date(2026, 6, 15), date(2026, 7, 1), 16 * 9_600),
        ("grid", "", date(2026, 6, 1), date(2026, 7, 1), 288_000),
    ]
    assert rated.slices["days"].to_list() == [14, 16]


def test_a_price_change_in_the_cycle_cuts_the_energy_on_its_day() -> None:
    change = date(2026, 6, 11)
    rate_book = book(
        versions=[version(valid_to=change), version("t@2", valid_from=change)],
        quantities=[quantity(), quantity(version_id="t@2")],
        components=[component(), component(version_id="t@2")],
        prices=[price(price_e9=100_000_000), price(price_e9=200_000_000, version_id="t@2")],
        season_days=season_days() + season_days("t@2"),
        tou_windows=windows() + windows("t@2"),
    )
    rated = rate_flat_days(rate_book, 100)
    # 96 kWh at 0.10 and 192 kWh at 0.20
    assert rated.lines.select("version_id", "quantity", "amount_minor").rows() == [
        ("t@1", 96_000, 960), ("t@2", 192_000, 3840),
    ]  # fmt: skip
    assert rated.segments.select("segment_no", "days", "cycle_days").rows() == [(1, 10, 30), (2, 20, 30)]
    assert rated.lines["split_method"].to_list() == ["interval", "interval"]


@given(change=st.dates(date(2026, 6, 1), date(2026, 7, 1)), slot=st.integers(0, 2_000))
@settings(max_examples=4, deadline=None)
def test_a_version_that_changes_nothing_keeps_the_energy(change: date, slot: int) -> None:
    split = book(
        versions=[version(valid_to=change), version("t@2", valid_from=change)],
        quantities=[quantity(), quantity(version_id="t@2")],
        components=[component(), component(version_id="t@2")],
        prices=[price(), price(version_id="t@2")],
        season_days=season_days() + season_days("t@2"),
        tou_windows=windows() + windows("t@2"),
    )
    assert rate_flat_days(split, slot).lines["quantity"].sum() == slot * 96 * 30


@pytest.mark.parametrize(("end", "is_billed"), [(None, True), (date(2026, 7, 1), True), (date(2026, 6, 30), False)])
def test_a_dated_factor_is_the_price_from_its_day_and_needs_every_day(end: date | None, is_billed: bool) -> None:
    rate_book = book(
        components=[component(has_factor=True)],
        prices=[price(price_e9=None, factor_id="fuel")],
        factors=[
            factor("fuel", 100_000_000, date(2026, 1, 1), date(2026, 6, 21)),
            factor("fuel", 50_000_000, date(2026, 6, 21), end),
        ],
    )
    rated = rate_flat_days(rate_book, 100)
    if not is_billed:
        assert rated.parked.select("reason", "detail").row(0) == (
            "no_factor", "factor fuel has no value on 1 days, the first is 2026-06-30",
        )  # fmt: skip
        return
    assert rated.lines.select("period_start_date", "quantity", "amount_minor", "factor_id").rows() == [
        (date(2026, 6, 1), 192_000, 1920, "fuel"), (date(2026, 6, 21), 96_000, 480, "fuel"),
    ]  # fmt: skip


def test_a_maximum_reached_twice_stands_on_its_earliest_day() -> None:
    rate_book = book(
        quantities=[quantity("kw", agg="max", unit="kW")],
        components=[component("demand", quantity_id="kw", is_peak=True)],
        prices=[price("demand")],
    )
    days = day_rows(1, *JUNE, 100)
    days[11]["v40"] = days[20]["v10"] = 700
    rated = rate(rating_input(rate_book, [due()], [channel()], {15: days[::-1]}))
    assert rated.determinants.select("quantity", "peak_day").row(0) == (2_800, date(2026, 6, 12))


def test_an_agreement_that_changes_tariff_in_the_cycle_is_one_agreement_on_one_bill() -> None:
    rate_book = book(
        versions=[version(), version("u@1", tariff_id="u")],
        quantities=[quantity(), quantity(version_id="u@1")],
        components=[component(), component(version_id="u@1")],
        prices=[price(), price(version_id="u@1")],
        season_days=season_days() + season_days("u@1"),
        tou_windows=windows() + windows("u@1"),
    )
    cycle = {"cycle_start_date": JUNE[0], "cycle_end_date": JUNE[1]}
    change = date(2026, 6, 21)
    dues = [due(JUNE[0], change, **cycle), due(change, JUNE[1], tariff_id="u", **cycle)]
    rated = rate(rating_input(rate_book, dues, [channel()], {15: day_rows(1, *JUNE, 100)}))
    assert rated.lines.select("line_no", "tariff_id", "quantity").rows() == [(1, "t", 192_000), (2, "u", 96_000)]
    assert rated.segments.select("segment_no", "start_date").rows() == [(1, JUNE[0]), (2, change)]
    assert rated.determinants["segment_no"].to_list() == [1, 2]


def test_equal_days_of_different_versions_share_one_mask() -> None:
    days = pl.DataFrame(
        {
            "cal_no": [1, 1, 2], "tz_name": [SYDNEY] * 3, "day": [date(2026, 6, 1), date(2026, 6, 6), date(2026, 6, 1)],
            "segment_no": [1, 1, 1], "slice_no": [1, 1, 1], "version_id": ["t@1", "t@1", "t@2"], "season": [""] * 3,
            "day_class": [1, 6, 1],
        },
        schema_overrides={"cal_no": pl.Int64, "segment_no": pl.Int32, "slice_no": pl.Int32, "day_class": pl.Int8},
    )  # fmt: skip
    tables = book(tou_windows=windows(spans=peak_hours) + windows("t@2", spans=peak_hours))
    masked, masks = build_masks(days, tables, 30)
    assert len(masks) == 2
    assert sorted(len(mask.slots.get("peak", ())) for mask in masks) == [0, 8]
    assert masked.sort("cal_no", "day")["mask_no"].to_list()[0] == masked.sort("cal_no", "day")["mask_no"].to_list()[2]
