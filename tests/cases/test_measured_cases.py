"""Years of hourly load, measured and billed month by month, beside the bills that NREL's tests of SSC state.

The loads are of a year of 365 days that begins on a Monday, by a clock that never changes: 2018, in Etc/GMT+7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path

import polars as pl
import pytest
from pandera.typing.polars import DataFrame
from rating_rows import channel, day_row, due, rating_input

from model.rating import BankBalances, Rated
from rating.stages import rate
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff

WORKED = Path(__file__).parents[3] / "shared" / "conformance" / "worked"
pytestmark = pytest.mark.skipif(not WORKED.is_dir(), reason="the published loads are not beside the project")
NEW_YEAR = date(2018, 1, 1)
MONTHS = [date(2018, month, 1) for month in range(1, 13)] + [date(2019, 1, 1)]
ZONE = "Etc/GMT+7"
YEAR_MINUTES = 365 * 24 * 60
HOUSE = "sam_load_residential_8760_kw.csv"
ROOF = "sam_gen_residential_15min_kw.csv"
ROOF_HOURLY = "sam_gen_residential_year1_8760_kw.csv"
OFFICE = "sam_load_commercial_8760_kw.csv"


@cache
def mean_kw(name: str, minutes: int) -> tuple[float, ...]:
    """Mean kW of each interval of the year; a longer value of the file fills its intervals."""
    kw = [float(line) for line in (WORKED / "data" / name).read_text(encoding="ascii").split()]
    return tuple(value for value in kw for _ in range(YEAR_MINUTES // minutes // len(kw)))


def metered_wh(kw: Sequence[float], minutes: int) -> tuple[int, ...]:
    """Energy of each interval as a register of whole Wh counts it: what is cut off comes with a later interval."""
    register = [0, *(round(total) for total in accumulate(value * 1000 * minutes / 60 for value in kw))]
    return tuple(later - earlier for earlier, later in pairwise(register))


def load_wh(load: str, minutes: int, generation: str | None = None) -> tuple[int, ...]:
    """Import of a house; at night the inverter takes a little, which its file writes as generation below zero."""
    taken = mean_kw(generation, minutes) if generation else (0.0,) * (YEAR_MINUTES // minutes)
    return metered_wh([kw + max(-own, 0) for kw, own in zip(mean_kw(load, minutes), taken, strict=True)], minutes)


def generation_wh(name: str, minutes: int) -> tuple[int, ...]:
    return metered_wh([max(kw, 0) for kw in mean_kw(name, minutes)], minutes)


def billed(
    case: str,
    meters: Mapping[str, Sequence[int]],
    minutes: int,
    periods: Sequence[tuple[date, date]],
    banks: DataFrame[BankBalances] | None = None,
) -> list[Rated]:
    """Return what rating makes of each period; `meters` are measures and the Wh of each interval of the year."""
    path = Path(__file__).parent / f"{case}.toml"
    book = compile_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name))
    per_day = 24 * 60 // minutes
    given = [
        channel(number, measure=measure, interval_minutes=minutes) for number, measure in enumerate(meters, start=1)
    ]
    found = []
    for start, end in periods:
        rows = [
            day_row(
                number,
                NEW_YEAR + timedelta(day),
                lambda slot, wh=wh, first=day * per_day: wh[first + slot],  # type: ignore[misc]
                minutes=minutes,
                tz_name=ZONE,
            )
            for number, wh in enumerate(meters.values(), start=1)
            for day in range((start - NEW_YEAR).days, (end - NEW_YEAR).days)
        ]
        mine = due(start, end, tariff_id=case, tz_name=ZONE, currency="USD")
        work = rating_input(book, [mine], given, {minutes: rows})
        rated = rate(work if banks is None else replace(work, banks=banks))
        assert rated.parked.is_empty(), rated.parked
        found.append(rated)
    return found


def carried_by_month(case: str, meters: Mapping[str, Sequence[int]], minutes: int) -> list[Rated]:
    """Return the bills of the year, each with the banks that the one before left."""
    found: list[Rated] = []
    for period in pairwise(MONTHS):
        banks = found[-1].banks if found else None
        found += billed(case, meters, minutes, [period], banks)
    return found


def by_month(case: str, meters: Mapping[str, Sequence[int]], minutes: int) -> list[Rated]:
    return billed(case, meters, minutes, list(pairwise(MONTHS)))


def with_roof(roof: str, minutes: int) -> dict[str, tuple[int, ...]]:
    return {"import_energy": load_wh(HOUSE, minutes, roof), "export_energy": generation_wh(roof, minutes)}


def owed(rated: Sequence[Rated]) -> float:
    return sum(int(one.lines["amount_minor"].sum()) for one in rated) / 100


def test_time_of_use_over_a_year() -> None:
    assert owed(by_month("S01_sam_residential_tou", {"import_energy": load_wh(HOUSE, 60)}, 60)) == pytest.approx(
        771.8, abs=0.1
    )


def test_energy_by_period_and_month_to_the_watt_hour() -> None:
    june = billed(
        "S01_sam_residential_tou", {"import_energy": load_wh(HOUSE, 60)}, 60, [(date(2018, 6, 1), date(2018, 7, 1))]
    )[0]
    # Published: 526.476251 kWh off peak and 166.215375 on peak; the hours are of whole Wh here, so a few move.
    found = dict(june.lines.select("tou", "quantity").iter_rows())
    assert found == {"off_peak": pytest.approx(526_476, abs=15), "summer_peak": pytest.approx(166_215, abs=15)}


def test_a_surplus_of_the_year_leaves_the_annual_minimum() -> None:
    year = billed("S04_sam_annual_minimum", with_roof(ROOF_HOURLY, 60), 60, [(NEW_YEAR, date(2019, 1, 1))])
    assert owed(year) == 100.00


def test_energy_banks_carry_a_surplus_from_month_to_month() -> None:
    months = carried_by_month("S03_sam_energy_bank", with_roof(ROOF_HOURLY, 60), 60)
    assert owed(months) == pytest.approx(64.04, abs=0.05)
    left = dict(months[-1].banks.select("bank_id", "balance").iter_rows())
    # Worked from the hours: 2491.709 and 525.206 kWh are left, at 9 decimals of a kWh.
    assert left["bank_off_peak"] / 1e9 == pytest.approx(2491.709, abs=0.01)
    assert left["bank_shoulder"] / 1e9 == pytest.approx(525.206, abs=0.01)
    assert left["bank_peak"] == 0


def test_net_billing_by_the_quarter_hour() -> None:
    assert owed(by_month("S05_sam_net_billing_15min", with_roof(ROOF, 15), 15)) == pytest.approx(441.4, abs=0.1)


def test_net_billing_by_the_hour_costs_more() -> None:
    assert owed(by_month("S05_sam_net_billing_15min", with_roof(ROOF_HOURLY, 60), 60)) == pytest.approx(447.82, abs=0.1)


def test_all_generation_is_sold_and_all_load_bought() -> None:
    months = by_month("S07_sam_buyall_sellall", with_roof(ROOF, 15), 15)
    assert owed(months) == pytest.approx(-157.0, abs=0.1)
    hourly = by_month("S07_sam_buyall_sellall", with_roof(ROOF_HOURLY, 60), 60)
    assert owed(hourly) == pytest.approx(-150.02, abs=0.1)
    sold = months[-1].lines.filter(pl.col("component_id") == "sold")["amount_minor"].sum()
    assert -int(sold) / 100 == pytest.approx(45.49, abs=0.1)


def test_april_fills_five_blocks_and_leaves_the_rest_in_the_sixth() -> None:
    office = {"import_energy": load_wh(OFFICE, 60)}
    april = billed("S10_sam_april_block_usage", office, 60, [(date(2018, 4, 1), date(2018, 5, 1))])[0]
    kwh = [quantity / 1000 for quantity in april.lines.sort("tier")["quantity"].to_list()]
    assert kwh[:5] == [10_000] * 5
    assert kwh[5] == pytest.approx(3014.93, abs=0.002)
