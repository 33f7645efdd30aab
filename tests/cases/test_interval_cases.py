"""Cases from intervals to bill: demand intervals, events, apparent energy, hours of a schedule. Amounts are by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
from rating_rows import channel, day_row, due, factor, rating_input

from model.rating import DueAttributes, Rated
from model.schema import arranged, polars_schema
from model.tariff import Events, Factors, RateBook, SeriesDays
from model.zones import zone
from rating.stages import rate
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff

PROJECT = Path(__file__).parents[2]
JUNE = (date(2024, 6, 1), date(2024, 7, 1))
JULY = (date(2024, 7, 1), date(2024, 8, 1))
Load = Callable[[date, int], int]
"""Day and slot -> Wh (varh)."""


def book_of(name: str) -> RateBook:
    folders = (PROJECT / "tests" / "cases", PROJECT / "data" / "samples" / "tariffs")
    path = next(folder / f"{name}.toml" for folder in folders if (folder / f"{name}.toml").is_file())
    return compile_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name))


def with_rows(book: RateBook, **tables: list[dict[str, object]]) -> RateBook:
    kinds = {"events": Events, "factors": Factors, "series_days": SeriesDays}
    zoned = {"events", "series_days"}
    place = {"tz_name": book.versions["tz_name"][0]}
    tables = {name: [row | place if name in zoned else row for row in rows] for name, rows in tables.items()}
    frames = {
        name: arranged(kinds[name], pl.DataFrame(rows, schema=polars_schema(kinds[name]), orient="row"))
        for name, rows in tables.items()
    }
    return replace(book, **frames)


def event(series: str, day: date, start: int, end: int) -> dict[str, object]:
    """An event between two full hours of a day."""
    return {"event_series": series, "day": day, "from_minute": start * 60, "to_minute": end * 60}


def billed(
    book: RateBook,
    period: tuple[date, date],
    loads: Mapping[str, Load],
    minutes: int,
    attributes: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """Return the amounts by charge, and by period as `energy.peak`, in minor units.

    `loads` are by measure; `import_energy#2` is a second channel of the same.
    """
    version = book.versions.row(0, named=True)
    names = {"tariff_id": version["tariff_id"], "tz_name": version["tz_name"], "currency": version["currency"]}
    assert zone(version["tz_name"]), "a case has a zone"
    days = [period[0] + timedelta(n) for n in range((period[1] - period[0]).days)]
    rows = [
        day_row(number, day, lambda slot, load=load, day=day: load(day, slot), minutes=minutes,
                tz_name=version["tz_name"])
        for number, load in enumerate(loads.values(), start=1)
        for day in days
    ]  # fmt: skip
    channels = [
        channel(number, measure=name.split("#")[0], interval_minutes=minutes)
        for number, name in enumerate(loads, start=1)
    ]
    said = [
        {"agreement_id": "A1-1", "start_date": period[0], "name": name, "number": Decimal(value), "text": None}
        for name, value in (attributes or {}).items()
    ]
    given = rating_input(book, [due(*period, **names)], channels, {minutes: rows})
    contract = arranged(DueAttributes, pl.DataFrame(said, schema=polars_schema(DueAttributes), orient="row"))
    rated = rate(replace(given, attributes=contract))
    assert rated.parked.is_empty(), rated.parked
    return amounts(rated)


def amounts(rated: Rated) -> dict[str, int]:
    sums = rated.lines.group_by("component_id", "tou").agg(pl.col("amount_minor").sum())
    return {f"{charge}.{tou}" if tou else charge: amount for charge, tou, amount in sums.rows()}


def test_a_rolling_half_hour_finds_what_no_clock_half_hour_holds() -> None:
    # 20 kWh from 10:15 and 20 from 10:30: 40 kWh in half an hour, 80 kW. Half hours of the clock hold 21 kWh, 42 kW.
    def load(day: date, slot: int) -> int:
        return 20_000 if day == date(2024, 6, 10) and slot in (41, 42) else 1_000

    assert billed(book_of("F07_rolling_demand"), JUNE, {"import_energy": load}, 15) == {"demand": 242_400}


def test_the_three_highest_hours_are_of_three_days() -> None:
    # 5.0 and 4.9 on the 3rd count once: (5.0 + 4.7 + 4.5) / 3 = 4.733 kW, the second step; the second highest is 4.7.
    peaks = {(3, 18): 5_000, (3, 19): 4_900, (8, 7): 4_700, (20, 8): 4_500}
    found = billed(
        book_of("F08_norway_daily_maxima"),
        JUNE,
        {"import_energy": lambda day, slot: peaks.get((day.day, slot), 500)},
        60,
    )
    assert found == {"capacity": 20_000, "second_highest": 470}


def test_off_peak_demand_counts_where_it_exceeds_the_other() -> None:
    # 200 kW on Monday 10 June at 13:00, 260 at 22:00: 200 x 14.50 and 60 x 3.20.
    peaks = {(10, 13): 200_000, (10, 22): 260_000}
    found = billed(
        book_of("F09_excess_off_peak_demand"),
        JUNE,
        {"import_energy": lambda day, slot: peaks.get((day.day, slot), 0)},
        60,
    )
    assert found == {"on_peak_demand": 290_000, "excess_demand": 19_200}


def test_two_meters_of_a_place_are_one() -> None:
    # Monday 10 June: 200 + 100 kW at 13:00, 0 + 250 at 14:00: the highest of both together is 300 kW; x 14.50.
    second = {(10, 13): 100_000, (10, 14): 250_000}
    loads: dict[str, Load] = {
        "import_energy": lambda day, slot: 200_000 if (day.day, slot) == (10, 13) else 0,
        "import_energy#2": lambda day, slot: second.get((day.day, slot), 0),
    }
    found = billed(book_of("F09_excess_off_peak_demand"), JUNE, loads, 60)
    assert found["on_peak_demand"] == 435_000


def test_kilovoltamperes_come_from_each_interval() -> None:
    # 3 kWh and 4 kvarh in each quarter: 12 kW, 20 kVA, power factor 0.6, 8,640 kWh and 11,520 kvarh.
    # max(12, 18) x 10; 12 x 0.9 / 0.6 x 10; 12 x 1.35 x 10; (11520 - 4320) x 0.015.
    loads: dict[str, Load] = {"import_energy": lambda day, slot: 3_000, "reactive_energy": lambda day, slot: 4_000}
    assert billed(book_of("F11_power_factor_forms"), JUNE, loads, 15) == {
        "apparent": 18_000,
        "target": 18_000,
        "points": 16_200,
        "reactive": 10_800,
    }


def test_hours_of_an_event_leave_their_normal_period() -> None:
    # 23 working days have 115 peak hours, two of them in the event; 744 - 115 hours are off peak. 1 kWh an hour:
    # 2 x 0.85; 113 x 0.31; 629 x 0.22.
    book = with_rows(book_of("F35_critical_peak"), events=[event("critical_peak_events", date(2024, 7, 10), 17, 19)])
    assert billed(book, JULY, {"import_energy": lambda day, slot: 1_000}, 60) == {
        "energy.critical": 170,
        "energy.peak": 3_503,
        "energy.off_peak": 13_838,
    }


def test_a_rebate_pays_what_an_event_saved_against_the_baseline() -> None:
    # 1.21 + 1.00 kWh in the two hours: 3.67 + 1.1 - 2.21 = 2.56.
    used = {(10, 17): 1_210, (10, 18): 1_000}
    book = with_rows(book_of("E22_portland_ptr"), events=[event("peak_time_events", date(2024, 7, 10), 17, 19)])
    found = billed(
        book,
        JULY,
        {"import_energy": lambda day, slot: used.get((day.day, slot), 700)},
        60,
        {"baseline_kwh": "3.67", "weather_kwh": "1.1"},
    )
    assert found == {"rebate": -256}


def test_demand_at_the_systems_peak_is_the_mean_of_its_hours() -> None:
    # 200 and 220 kW: 210 x 1.11085 = 233.2785 -> 233.28; x 4.50 = 1049.76.
    hours = [
        event("system_peak_hours", date(2024, 6, 20), 16, 17),
        event("system_peak_hours", date(2024, 6, 21), 17, 18),
    ]
    scale = factor("capacity_scale", 1_110_850_000, date(2024, 1, 1))
    used = {(20, 16): 200_000, (21, 17): 220_000}
    book = with_rows(book_of("F15_coincident_peak"), events=hours, factors=[scale])
    assert billed(book, JUNE, {"import_energy": lambda day, slot: used.get((day.day, slot), 300_000)}, 60) == {
        "capacity": 104_976
    }


def test_demand_is_measured_in_the_hours_of_its_own_schedule() -> None:
    # Tuesday 2 June 2026: 37.5 kWh in each quarter from 10:00 to 10:30, 150 kW; four times that at 23:00, when the
    # schedule of demand rests. 150 kW x 11.85; the minimum of 15 x 200 tops it up.
    def load(day: date, slot: int) -> int:
        if day != date(2026, 6, 2):
            return 1_000
        return 37_500 if slot in (40, 41) else 150_000 if slot in (92, 93) else 1_000

    book = with_rows(book_of("biz-large"), factors=[factor("fuel_clause_aud_kwh", 0, date(2026, 1, 1))])
    loads: dict[str, Load] = {"import_energy": load, "reactive_energy": lambda day, slot: 0}
    found = billed(book, (date(2026, 6, 1), date(2026, 7, 1)), loads, 15, {"contract_kw": "200"})
    assert (found["demand"], found["minimum"]) == (177_750, 122_250)


def test_a_tax_rate_that_changes_inside_a_bill_counts_by_its_days() -> None:
    # 720 kWh x 0.50 = 360.00; 15 days at 6 % and 15 at 6.5 %: 6.25 % = 22.50.
    rates = [
        factor("sales_tax_percent", 6_000_000_000, date(2024, 1, 1), date(2024, 4, 16)),
        factor("sales_tax_percent", 6_500_000_000, date(2024, 4, 16)),
    ]
    book = with_rows(book_of("F66_dated_tax_rate"), factors=rates)
    april = (date(2024, 4, 1), date(2024, 5, 1))
    assert billed(book, april, {"import_energy": lambda day, slot: 1_000}, 60) == {"energy": 36_000, "sales_tax": 2_250}


def test_two_schedules_cut_the_same_hours_in_their_own_ways() -> None:
    # 1 kWh in each half hour of January 2024: 1488 half hours, 23 weekdays (1 January is no holiday of this file) of
    # 26 peak half hours and 6 evening ones. 598 x 0.30 and 890 x 0.22; 138 x 0.12 and 1350 x 0.04; 2 kW x 2.00.
    january = (date(2024, 1, 1), date(2024, 2, 1))
    loads: dict[str, Load] = {"import_energy": lambda day, slot: 1_000}
    assert billed(book_of("F34_seasons_and_schedules"), january, loads, 30) == {
        "energy.peak": 17_940,
        "energy.off_peak": 19_580,
        "grid_energy.evening": 1_656,
        "grid_energy.other": 5_400,
        "grid_demand": 400,
        "metering": 300,
    }


def test_a_holiday_is_off_peak_and_the_low_season_has_no_evening() -> None:
    # May 2024 has 23 weekdays, the 1st a holiday: 22 x 26 = 572 peak half hours x 0.24, 916 x 0.20; 1488 x 0.04.
    may = (date(2024, 5, 1), date(2024, 6, 1))
    found = billed(book_of("F34_seasons_and_schedules"), may, {"import_energy": lambda day, slot: 1_000}, 30)
    assert found == {"energy.peak": 13_728, "energy.off_peak": 18_320, "grid_energy.other": 5_952, "metering": 200}


def test_each_hour_costs_its_own_price_within_floor_and_cap() -> None:
    # 1 kWh an hour, 720 hours: 718 at 0.10 x 1.05 + 0.012 = 0.117, one at -0.20 (the floor of -0.10), one at 0.50 (the
    # cap of 0.40): 84.006 - 0.10 + 0.40 = 84.306. The grid takes 720 x 0.09.
    def price_e9(day: int, hour: int) -> int:
        return {(9, 13): -200_000_000, (20, 19): 500_000_000}.get((day, hour), 100_000_000)

    days = [
        {
            "series_id": "day_ahead_eur_kwh",
            "day": date(2024, 6, day),
            "interval_minutes": 60,
            "values_e9": [price_e9(day, hour) for hour in range(24)],
        }
        for day in range(1, 31)
    ]
    book = with_rows(book_of("F36_index_price"), series_days=days)
    found = billed(book, JUNE, {"import_energy": lambda day, slot: 1_000}, 60)
    assert found == {"energy": 8_431, "grid": 6_480}


def test_each_hour_has_a_block_and_the_rest_costs_the_exchanges_price() -> None:
    # 1.5 kWh in each of 720 hours, but 5 kWh at noon: 690 x 1.5 + 30 x 2 = 1095 kWh in the block, x 0.08 = 87.60. The
    # 3 kWh above cost 0.20 at noon of each of 30 days: 18.00. The quarters of an hour are added before.
    days = [
        {
            "series_id": "day_ahead_eur_kwh",
            "day": date(2024, 6, day),
            "interval_minutes": 60,
            "values_e9": [200_000_000 if hour == 12 else 900_000_000 for hour in range(24)],
        }
        for day in range(1, 31)
    ]
    book = with_rows(book_of("F37_block_and_index"), series_days=days)
    hours = {"import_energy": lambda day, slot: 5_000 if slot == 12 else 1_500}
    quarters = {"import_energy": lambda day, slot: (0, 5_000, 0, 0)[slot % 4] if slot // 4 == 12 else 375}
    assert billed(book, JUNE, hours, 60) == {"block": 8_760, "index": 1_800}
    assert billed(book, JUNE, quarters, 15) == {"block": 8_760, "index": 1_800}


IN_TIME = """
tariff    = "in_time"
title     = "Tiers filled as the month goes on"
commodity = "electricity"
currency  = "USD"
timezone  = "America/Los_Angeles"
rounding  = { line = "half_up 0.01" }
[windows]
peak     = { days = "mon-fri", from = 16:00:00, to = 21:00:00 }
off_peak = { else = "peak" }
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
[[versions]]
valid_from = 2024-01-01
source     = "Written for this test"
[versions.charges.energy]
of          = "kwh"
by          = "tou"
tiers_per   = "cycle"
tier_method = "chronological"
tiers.peak     = [{ to = 48, price = 0.30 }, { price = 0.50 }]
tiers.off_peak = [{ to = 48, price = 0.20 }, { price = 0.40 }]
"""


def test_the_first_tier_is_used_up_by_who_comes_first() -> None:
    # 1 kWh an hour from Saturday, 1 June, on: the 48 kWh of the weekend, all off peak, fill the first tier. Then come
    # 20 working days with 5 peak hours: 100 kWh x 0.50; 720 - 48 - 100 = 572 kWh x 0.40.
    book = compile_tariff(parse_tariff(IN_TIME, "in_time.toml"))
    found = billed(book, JUNE, {"import_energy": lambda day, slot: 1_000}, 60)
    assert found == {"energy.off_peak": 48 * 20 + 572 * 40, "energy.peak": 100 * 50}
