"""Ratchets and averages of cases from real earlier cycles, instead of values that an example states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from rating_rows import channel, day_row, due, rating_input, usage_row

from model.rating import BankBalances, History, Rated
from model.schema import arranged, polars_schema
from rating.stages import rate
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff

KGAL_SIZE = 1_000_000
ZONE = "America/Chicago"


def month_after(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def earlier(kgal: Mapping[date, str]) -> pl.DataFrame:
    """Gallons (in thousands) of earlier months, as quantities of service point S1."""
    rows = [
        {
            "service_point_id": "S1", "quantity_id": "kgal", "period_start_date": month,
            "period_end_date": month_after(month), "quantity": int(Decimal(value) * KGAL_SIZE),
            "unit_size": KGAL_SIZE, "is_estimated": False, "source": "bill",
        }
        for month, value in kgal.items()
    ]  # fmt: skip
    return arranged(History, pl.DataFrame(rows, schema=polars_schema(History), orient="row"))


def sewer_bill(case: str, month: date, history: pl.DataFrame, kgal: int = 12) -> Rated:
    path = Path(__file__).parent / f"{case}.toml"
    book = compile_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name))
    end = month_after(month)
    water = channel(measure="water_gallons", interval_minutes=0)
    mine = due(month, end, tariff_id=case, tz_name=ZONE, currency="USD", commodity="water")
    used = usage_row(1, month, end, kgal * KGAL_SIZE)
    return rate(replace(rating_input(book, [mine], [water], usage=[used]), history=history))


def owed(rated: Rated) -> dict[str, int]:
    assert rated.parked.is_empty(), rated.parked
    return dict(rated.lines.group_by("component_id").agg(pl.col("amount_minor").sum()).iter_rows())


WINTER = {date(2010, 12, 1): "7.0", date(2011, 1, 1): "6.8", date(2011, 2, 1): "6.9"}


def test_the_mean_of_three_winter_months_is_billed_in_summer() -> None:
    # Longview's page: 7,000, 6,800 and 6,900 gallons, mean 6,900; 4.9 x 3.85 = 18.87, and the minimum of 12.25.
    months = WINTER | {date(2011, 3, 1): "11.0", date(2011, 4, 1): "12.0", date(2011, 5, 1): "13.0"}
    assert owed(sewer_bill("W07_longview_sewer_old", date(2011, 6, 1), earlier(months))) == {
        "minimum": 1225,
        "excess": 1887,
    }


@pytest.mark.parametrize(
    ("month", "kgal"),
    [
        (date(2011, 2, 1), "6"),    # the winter of 2011 is not known before March, and there is none before it
        (date(2011, 3, 1), "6.9"),  # its three months are: (7.0 + 6.8 + 6.9) / 3
        (date(2012, 2, 1), "6.9"),  # until the next February
    ],
)  # fmt: skip
def test_a_winter_counts_from_march_for_a_year(month: date, kgal: str) -> None:
    known = WINTER | {date(2011, 12, 1): "9.9", date(2012, 1, 1): "9.9"}
    history = earlier({day: value for day, value in known.items() if day < month})
    excess = (Decimal(kgal) - 2) * Decimal("3.85")
    found = owed(sewer_bill("W07_longview_sewer_old", month, history))
    assert found["excess"] == int((excess * 100).to_integral_value(rounding="ROUND_HALF_UP"))


def test_a_new_customer_counts_as_the_citys_average() -> None:
    assert owed(sewer_bill("W13_mulvane_default", date(2020, 6, 1), earlier({}))) == {"sewer": 4200}


def test_what_a_month_used_is_kept_for_the_next() -> None:
    kept = sewer_bill("W07_longview_sewer_old", date(2011, 1, 1), earlier({})).history
    assert kept.select("service_point_id", "quantity_id", "quantity", "unit_size").rows() == [
        ("S1", "kgal", 12 * KGAL_SIZE, KGAL_SIZE)
    ]


def ratchet_bill(month: date, kw_before: Mapping[date, int]) -> dict[str, int]:
    """Bill 1000 kW on peak and 900 off peak under the ratchet of APS, after months with these on-peak demands."""
    path = Path(__file__).parent / "E14_aps_e32l_ratchet.toml"
    book = compile_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name))
    end, zone = month_after(month), "America/Phoenix"
    # The second Tuesday of a month lies between the 8th and the 14th.
    tuesday = next(month.replace(day=day) for day in range(8, 15) if month.replace(day=day).isoweekday() == 2)
    peaks = {(tuesday, 16): 1_000_000, (tuesday, 8): 900_000}
    days = [date.fromordinal(day) for day in range(month.toordinal(), end.toordinal())]
    rows = [
        day_row(1, day, lambda slot, day=day: peaks.get((day, slot), 1_000), minutes=60, tz_name=zone)  # type: ignore[misc]
        for day in days
    ]
    kept = [
        {
            "service_point_id": "S1", "quantity_id": "kw_on", "period_start_date": first,
            "period_end_date": month_after(first), "quantity": kw * 1000, "unit_size": 1000, "is_estimated": False,
            "source": "bill",
        }
        for first, kw in kw_before.items()
    ]  # fmt: skip
    mine = due(month, end, tariff_id="E14_aps_e32l_ratchet", tz_name=zone, currency="USD")
    given = rating_input(book, [mine], [channel(interval_minutes=60)], {60: rows})
    history = arranged(History, pl.DataFrame(kept, schema=polars_schema(History), orient="row"))
    return owed(rate(replace(given, history=history)))


FEBRUARY_TO_DECEMBER = {date(2017, month, 1): 600 for month in range(2, 13)}


def test_a_summer_peak_of_the_eleven_months_before_is_billed_at_80_percent() -> None:
    # 0.80 x 1300 = 1040 kW: 100 x 17.766 + 940 x 12.053.
    found = ratchet_bill(date(2018, 1, 1), FEBRUARY_TO_DECEMBER | {date(2017, 8, 1): 1300})
    assert found == {"demand_off": 356_780, "demand_on": 1_310_642}


@pytest.mark.parametrize(
    ("month", "kw_before"),
    [
        (date(2018, 1, 1), FEBRUARY_TO_DECEMBER | {date(2017, 2, 1): 1300}),  # February is no summer month
        (date(2018, 1, 1), {date(2016, 8, 1): 1300}),                         # long ago, and nothing since
        (date(2018, 8, 1), {date(2017, month, 1): 600 for month in range(9, 13)}
         | {date(2018, month, 1): 600 for month in range(1, 8)} | {date(2017, 8, 1): 1300}),  # twelve months before
    ],
)  # fmt: skip
def test_a_peak_outside_the_ratchet_is_not_billed(month: date, kw_before: Mapping[date, int]) -> None:
    # The month's own 1000 kW: 100 x 17.766 + 900 x 12.053.
    assert ratchet_bill(month, kw_before)["demand_on"] == 1_262_430


def bank(as_of_date: date, **given: object) -> dict[str, object]:
    """A balance of 100 kWh."""
    row = {"agreement_id": "A1-1", "bank_id": "carried", "tou": "", "balance": 100 * 10**9, "as_of_date": as_of_date}
    return row | given


def april(*banks: dict[str, object]) -> Rated:
    """April with 400 kWh of import."""
    case = "F45_energy_bank"
    path = Path(__file__).parent / f"{case}.toml"
    book = compile_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name))
    month, end = date(2024, 4, 1), date(2024, 5, 1)
    mine = due(month, end, tariff_id=case, tz_name="America/Los_Angeles", currency="USD")
    given = rating_input(book, [mine], [channel(interval_minutes=0)], usage=[usage_row(1, month, end, 400_000)])
    held = arranged(BankBalances, pl.DataFrame(list(banks), schema=polars_schema(BankBalances), orient="row"))
    return rate(replace(given, banks=held))


@pytest.mark.parametrize(
    ("banks", "energy_minor"),
    [
        ([], 10_000),  # no bank yet: 400 x 0.25
        ([bank(date(2024, 4, 1))], 7_500),  # 300 x 0.25
        ([bank(date(2024, 2, 1), agreement_id="A2-1")], 10_000),
        ([bank(date(2024, 2, 1), bank_id="of an earlier tariff")], 10_000),
    ],
)
def test_a_bank_pays_where_it_was_left_on_the_first_day(banks: list[dict[str, object]], energy_minor: int) -> None:
    assert owed(april(*banks))["energy"] == energy_minor


@pytest.mark.parametrize("left", [date(2024, 3, 1), date(2024, 5, 1), date(2024, 4, 2)])
def test_a_bank_that_was_left_on_another_day_parks(left: date) -> None:
    parked = april(bank(left)).parked.select("stage", "reason", "detail", "owner").rows()
    detail = f"bank carried: expected a balance of 2024-04-01, the first day that is due, found one of {left}"
    assert parked == [("determinants", "bank_out_of_order", detail, "accounts")]
