from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl
import pytest
from tariff_sheets import SAMPLE_FILES, SAMPLES

from model.tariff import RateBook
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff
from tariffs.outside import taken_from_outside


@lru_cache
def book_of(name: str) -> RateBook:
    path = SAMPLES / f"{name}.toml"
    return compile_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name), is_alone=True)


def prices(book: RateBook, component: str) -> list[tuple[object, ...]]:
    rows = book.prices.filter(pl.col("component_id") == component)
    return rows.select("season", "tou", "tier", "from_quantity", "to_quantity", "price_e9").rows()


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_every_sample_is_named_as_its_file_and_compiles(path: Path) -> None:
    file = parse_tariff(path.read_text(encoding="utf-8"), path.name)
    assert file.tariff == path.stem
    assert compile_tariff(file, is_alone=True).versions.height == len(file.versions)


# A rider, which charges what its tariffs do not.
@pytest.mark.parametrize(
    "path", [path for path in SAMPLE_FILES if path.stem != "green-energy"], ids=lambda path: path.stem
)
def test_every_sample_charges_use_and_supply_under_the_same_names(path: Path) -> None:
    names = set(book_of(path.stem).components["component_id"])
    assert {"energy", "supply"} <= names
    assert ("gst" in names) == (path.stem != "tx-res-tou")


def test_the_samples_are_those_that_the_documentation_speaks_of() -> None:
    assert [path.stem for path in SAMPLE_FILES] == [
        "biz-demand", "biz-large", "gas-home", "gas-network", "green-energy", "heat-home", "heat-network", "nem-flat",
        "res-block", "res-flat", "res-green", "res-tou", "tx-res-tou", "water-home", "water-sewer",
    ]  # fmt: skip


def test_a_flat_price_by_season_is_in_billionths_of_the_major_unit() -> None:
    assert prices(book_of("res-flat"), "energy") == [
        ("mild", "", 1, 0, None, 298_500_000),
        ("summer", "", 1, 0, None, 324_500_000),
    ]


def test_a_price_change_makes_two_versions_that_meet() -> None:
    versions = book_of("res-tou").versions.sort("valid_from").select("valid_from", "valid_to").rows()
    assert versions == [(date(2026, 1, 1), date(2026, 10, 16)), (date(2026, 10, 16), None)]


def test_time_of_use_is_by_kind_of_day() -> None:
    book = book_of("res-tou")
    version = book.versions.sort("valid_from")["version_id"][0]
    windows = book.tou_windows.filter(pl.col("version_id") == version)
    days = {
        day: windows.filter(pl.col("day_class") == day).select("from_minute", "to_minute", "tou").rows()
        for day in range(1, 9)
    }
    weekday = [
        (0, 420, "off_peak"), (420, 840, "shoulder"), (840, 1200, "peak"), (1200, 1320, "shoulder"),
        (1320, 1440, "off_peak"),
    ]  # fmt: skip
    weekend = [(0, 420, "off_peak"), (420, 1320, "shoulder"), (1320, 1440, "off_peak")]
    assert days == dict.fromkeys(range(1, 6), weekday) | dict.fromkeys((6, 7, 8), weekend)
    assert date(2026, 10, 5) in book.holidays["day"].to_list()


def test_tier_edges_are_in_smallest_units() -> None:
    assert prices(book_of("res-block"), "energy") == [
        ("", "", 1, 0, 11_000, 258_500_000),
        ("", "", 2, 11_000, 25_000, 299_200_000),
        ("", "", 3, 25_000, None, 347_600_000),
    ]
    assert prices(book_of("gas-home"), "energy")[0] == ("", "", 1, 0, 1_200, 1_468_500_000)
    per = {
        name: book_of(name).components.filter(pl.col("component_id") == "energy")
        for name in ("res-block", "water-home")
    }
    assert per["res-block"].select("tier_method", "tiers_share").row(0) == ("graduated", "day")
    assert per["water-home"].select("tier_method", "tiers_share").row(0) == ("graduated", "cycle")


def test_a_business_tariff_resolves_tags_and_orders_what_counts_what() -> None:
    book = book_of("biz-demand")
    levels = dict(book.components.select("component_id", "level").rows())
    assert levels == {
        "energy": 1, "demand": 1, "reactive": 1, "fuel": 1, "supply": 1, "levy": 2, "minimum": 3, "gst": 4,
    }  # fmt: skip
    counted = book.bases.filter(pl.col("component_id") == "levy")["base_component_id"].to_list()
    assert sorted(counted) == ["demand", "energy", "fuel", "reactive"]
    demand = book.components.filter(pl.col("component_id") == "demand").row(0, named=True)
    assert (demand["is_peak"], demand["quantity_id"]) == (True, "kw_peak")
    quantity = book.quantities.filter(pl.col("quantity_id") == "kw_peak").row(0, named=True)
    assert (quantity["agg"], quantity["tou"], quantity["unit_size"]) == ("max", "peak", 1_000)


def test_a_fuel_clause_is_a_dated_factor_without_a_printed_price() -> None:
    book = book_of("biz-demand")
    fuel = book.prices.filter(pl.col("component_id") == "fuel").row(0, named=True)
    assert (fuel["price_e9"], fuel["factor_id"]) == (None, "fuel_clause_aud_kwh")
    file = parse_tariff((SAMPLES / "biz-demand.toml").read_text(encoding="utf-8"), "biz-demand.toml")
    outside = taken_from_outside(file, file.versions[0])
    assert (outside.factors, outside.events, outside.prices) == (("fuel_clause_aud_kwh",), (), ())


def test_a_heating_season_by_dates_ends_before_its_last_day() -> None:
    seasons = {(row[0], row[1]): row[2] for row in book_of("heat-home").season_days.drop("version_id").rows()}
    edges = [(4, 30), (5, 1), (9, 30), (10, 1)]
    assert [seasons[day] for day in edges] == ["summer", "heating", "heating", "summer"]


def test_the_texas_tariff_has_on_peak_hours_in_summer_only_as_its_sheet_says() -> None:
    book = book_of("tx-res-tou")
    assert prices(book, "energy") == [
        ("summer", "off_peak", 1, 0, None, 58_183_000),
        ("summer", "on_peak", 1, 0, None, 124_929_000),
        ("winter", "off_peak", 1, 0, None, 58_183_000),
    ]
    on_peak = book.tou_windows.filter(pl.col("tou") == "on_peak")
    spans = on_peak.select("season", "day_class", "from_minute", "to_minute").rows()
    assert spans == [("summer", day, 780, 1140) for day in range(1, 6)]
    assert book.versions["valid_from"][0] <= date(2022, 3, 1)
    assert book.holidays.is_empty()


@pytest.mark.parametrize(
    ("name", "account"), [("res-flat", "440"), ("gas-home", "480"), ("water-home", "460"), ("heat-home", "462")]
)
def test_revenue_goes_to_the_account_of_the_commodity_and_tax_to_taxes_payable(name: str, account: str) -> None:
    components = book_of(name).components
    by_category = components.group_by("category").agg(pl.col("gl_account").unique()).sort("category").rows()
    assert by_category == [("charge", [account]), ("tax", ["241"])]
