"""Quantities that are given: the same lines as measured ones make, shared by days where the period is cut."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_rows import (
    amounts,
    book,
    component,
    due,
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

from model.rating import DueAgreements, DueAttributes, Rated
from model.schema import arranged, empty, polars_schema
from model.tariff import RateBook
from rating.aggregates import aggregate
from rating.calendar import lay_out
from rating.given import GivenQuantities, given_determinants
from rating.parking import first_parks
from rating.segments import calendars, cut_segments, number_due
from rating.stages import rate_given

TWO_VERSIONS = {
    "versions": [version(valid_to=date(2026, 6, 11)), version("t@2", valid_from=date(2026, 6, 11))],
    "quantities": [quantity(), quantity(version_id="t@2")],
    "components": [component(), component(version_id="t@2")],
    "prices": [price(), price(version_id="t@2")],
    "season_days": season_days() + season_days("t@2"),
    "tou_windows": windows() + windows("t@2"),
}


def rated(rate_book: RateBook, *quantities: tuple[str, str, int], **period: Any) -> Rated:
    dues = arranged(DueAgreements, pl.DataFrame([due(**period)], schema=polars_schema(DueAgreements), orient="row"))
    rows = [("A1-1", *row) for row in quantities]
    frame = pl.DataFrame(rows, schema=polars_schema(GivenQuantities), orient="row")
    return rate_given(dues, rate_book, arranged(GivenQuantities, frame))


def test_a_given_quantity_makes_the_line_that_a_measured_one_makes() -> None:
    rate_book = book(components=[component()], prices=[price(price_e9=314_160_000)])
    measured = rate_flat_days(rate_book, 100)
    columns = ["line_id", "component_id", "quantity", "rate", "amount_exact", "amount_minor"]
    assert rated(rate_book, ("kwh", "", 288_000)).lines.select(columns).equals(measured.lines.select(columns))


def test_by_period_each_quantity_keeps_its_period() -> None:
    rate_book = book(
        components=[component(by_tou=True)],
        prices=[price(tou="off", price_e9=200_000_000), price(tou="peak", price_e9=400_000_000)],
        tou_windows=windows(spans=peak_hours),
    )
    found = rated(rate_book, ("kwh", "peak", 10_000), ("kwh", "off", 30_000))
    assert amounts(found) == [("energy", "off", 0, 30_000, 600), ("energy", "peak", 0, 10_000, 400)]


def test_a_cut_period_shares_a_sum_by_days_and_the_largest_remainder_gets_the_rest() -> None:
    # 10 and 20 of 30 days: 100 x 10 / 30 = 33.33 and 66.67, so the second part gets the unit left over.
    found = rated(book(**TWO_VERSIONS), ("kwh", "", 100))
    assert found.determinants["quantity"].to_list() == [33, 67]
    assert found.determinants["split_method"].to_list() == ["days", "days"]


def test_an_even_remainder_goes_to_the_first_part() -> None:
    tables = TWO_VERSIONS | {
        "versions": [version(valid_to=date(2026, 6, 16)), version("t@2", valid_from=date(2026, 6, 16))]
    }
    assert rated(book(**tables), ("kwh", "", 101)).determinants["quantity"].to_list() == [51, 50]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**12))
def test_no_unit_is_lost_in_sharing(total: int) -> None:
    assert rated(book(**TWO_VERSIONS), ("kwh", "", total)).determinants["quantity"].sum() == total


def test_a_maximum_is_the_same_in_each_part() -> None:
    of_max = {"agg": "max", "unit": "kW"}
    tables = TWO_VERSIONS | {
        "quantities": [quantity(**of_max), quantity(version_id="t@2", **of_max)],
        "components": [component(is_peak=True), component(version_id="t@2", is_peak=True)],
    }
    assert rated(book(**tables), ("kwh", "", 5_000)).determinants["quantity"].to_list() == [5_000, 5_000]


def test_a_period_of_one_season_is_shared_within_that_season() -> None:
    # Peak hours in June alone; the period is 20 days of June and 10 of July.
    rate_book = book(
        components=[component(by_tou=True, by_season=True)],
        prices=[
            price(season="june", tou="off"), price(season="june", tou="peak"), price(season="july", tou="off"),
        ],
        season_days=season_days(season=lambda month, day: "june" if month == 6 else "july"),
        tou_windows=windows(
            seasons=("june", "july"),
            spans=lambda season, kind: peak_hours(season, kind) if season == "june" else [(0, 1440, "off")],
        ),
    )  # fmt: skip
    found = rated(
        rate_book, ("kwh", "peak", 900), ("kwh", "off", 300), start=date(2026, 6, 11), end=date(2026, 7, 11)
    ).determinants
    assert found.sort("slice_no", "tou").select("slice_no", "tou", "quantity").rows() == [
        (1, "off", 200), (1, "peak", 900), (2, "off", 100),
    ]  # fmt: skip


BY_TOU = {
    "components": [component(by_tou=True)],
    "prices": [price(tou="off"), price(tou="peak")],
    "tou_windows": windows(spans=peak_hours),
}


@pytest.mark.parametrize(
    ("tables", "quantities", "reason"),
    [
        ({}, [], "no_channel"),
        ({}, [("kwh", "", 1), ("kvarh", "", 1)], "no_price"),
        ({}, [("kwh", "", 1), ("kwh", "peak", 1)], "no_price"),
        (BY_TOU, [("kwh", "", 1)], "no_channel"),
    ],
    ids=["missing", "not priced", "period that does not occur", "one number for periods"],
)
def test_what_is_missing_or_has_no_place_parks(
    tables: dict[str, Any], quantities: list[tuple[str, str, int]], reason: str
) -> None:
    rate_book = book(**({"components": [component()], "prices": [price()]} | tables))
    assert reasons(rated(rate_book, *quantities)) == {"A1-1": reason}


def test_an_optional_quantity_that_is_not_given_has_no_line() -> None:
    rate_book = book(
        quantities=[quantity(), quantity("export", measure="export_energy", is_optional=True)],
        components=[component(), component("credit", quantity_id="export", position=2)],
        prices=[price(), price("credit", -50_000_000)],
    )
    assert amounts(rated(rate_book, ("kwh", "", 1_000))) == [("energy", "", 0, 1_000, 30)]


def test_given_powers_hold_in_every_slice_and_given_costs_are_shared_by_days() -> None:
    # Two seasons, 10 and 20 days; an event period that occurs in no usual window.
    rate_book = book(
        quantities=[
            quantity("top", agg="mean_of_n", n=3, unit="kW"),
            quantity("mean", agg="mean", tou="critical", unit="kW"),
            quantity("cost", agg="cost", series_id="spot"),
        ],
        season_days=season_days(season=lambda month, day: "dry" if (month, day) < (6, 11) else "wet"),
        tou_windows=windows(seasons=["dry", "wet"]),
        event_windows=[{"version_id": "t@1", "tou": "critical", "event_series": "op", "position": 1}],
    )
    one = arranged(DueAgreements, pl.DataFrame([due()], schema=polars_schema(DueAgreements), orient="row"))
    dues = number_due(one, empty(DueAttributes), rate_book)
    calendar, _ = lay_out(cut_segments(calendars(dues), rate_book.versions), rate_book)
    rows = [("A1-1", "top", "", 5_000), ("A1-1", "mean", "", 3_001), ("A1-1", "cost", "", 900)]
    frame = pl.DataFrame(rows, schema=polars_schema(GivenQuantities), orient="row")
    found, parks = given_determinants(
        dues, calendar, rating_input(rate_book, [due()], []), arranged(GivenQuantities, frame)
    )
    assert first_parks(parks).is_empty()
    of_slices = (
        found.filter(pl.col("quantity_id") == "cost").select("slice_no", "tou", "quantity").sort("slice_no").rows()
    )
    assert of_slices == [(1, "", 300), (2, "", 600)]
    values = aggregate(found, ["quantity_id"]).sort("quantity_id").select("quantity_id", "quantity").rows()
    assert values == [("cost", 900), ("mean", 3_001), ("top", 5_000)]
