"""NEM12 writes N and 0 where a channel is not read yet, or no longer: there is nothing to estimate there."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from meter_files import BRISBANE, channel_table, nem12, nem12_day, parse, slots_of

E1 = "200,NMI1,E1,1,E1,N1,METER1,kWh,30,20241201"
FIRST, LAST, AFTER = date(2024, 10, 1), date(2024, 10, 3), date(2024, 10, 4)
ZERO, USED, GAP = [0] * 24, [1000] * 24, [None] * 24


def half_days(
    day: date, *halves: tuple[str, str], start: date | None = FIRST, end: date | None = AFTER
) -> list[int | None]:
    """Return the slots of a day of 48 whose halves are (quality, value), on a channel read in [start, end)."""
    table = channel_table(("NMI1", "E1", "import_energy", 30, BRISBANE)).with_columns(
        start_date=pl.lit(start, dtype=pl.Date), end_date=pl.lit(end, dtype=pl.Date)
    )
    values = [value for _, value in halves for _ in range(24)]
    ranges = [f"400,{24 * at + 1},{24 * at + 24},{quality},," for at, (quality, _) in enumerate(halves)]
    record = nem12_day(f"{day:%Y%m%d}", values=values, tail="V,,,20241101000000,")
    parsed = parse(nem12(E1, record, *ranges), table=table)
    assert parsed.rejects.is_empty()
    return slots_of(parsed, 30, 1, day)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 9, 30), GAP + USED),  # the day before the first: nothing is known of it
        (FIRST, ZERO + USED),
        (date(2024, 10, 2), GAP + USED),  # the day after the first: a gap
        (LAST, GAP + USED),  # on the last day only what follows the last reading is outside its life
    ],
)
def test_before_its_first_reading_a_channel_used_nothing(day: date, expected: list[int | None]) -> None:
    assert half_days(day, ("N", "0"), ("A", "1")) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (FIRST, USED + GAP),  # on the first day only what comes before the first reading is outside its life
        (date(2024, 10, 2), USED + GAP),
        (LAST, USED + ZERO),
        (AFTER, USED + GAP),  # the end is not included
    ],
)
def test_after_its_last_reading_a_channel_used_nothing(day: date, expected: list[int | None]) -> None:
    assert half_days(day, ("A", "1"), ("N", "0")) == expected


def test_a_value_other_than_zero_that_is_called_missing_stays_missing() -> None:
    assert half_days(FIRST, ("N", "1"), ("A", "1")) == GAP + USED


def test_only_zeros_of_quality_n_are_meant() -> None:
    assert half_days(FIRST, ("E", "0"), ("N", "0")) == ZERO + GAP


def test_a_channel_of_one_day_is_open_on_both_sides() -> None:
    assert half_days(FIRST, ("N", "0"), ("A", "1"), end=date(2024, 10, 2)) == ZERO + USED
    assert half_days(FIRST, ("A", "1"), ("N", "0"), end=date(2024, 10, 2)) == USED + ZERO


def test_a_channel_without_a_beginning_or_an_end_has_gaps() -> None:
    assert half_days(FIRST, ("N", "0"), ("A", "1"), start=None, end=None) == GAP + USED


def test_a_gap_between_readings_of_the_first_day_stays_a_gap() -> None:
    table = channel_table(("NMI1", "E1", "import_energy", 30, BRISBANE)).with_columns(start_date=pl.lit(FIRST))
    record = nem12_day("20241001", values=["0"] * 20 + ["1"] * 10 + ["0"] * 8 + ["1"] * 10, tail="V,,,,")
    ranges = ["400,1,20,N,,", "400,21,30,A,,", "400,31,38,N,,", "400,39,48,A,,"]
    found = slots_of(parse(nem12(E1, record, *ranges), table=table), 30, 1, FIRST)
    assert found == [0] * 20 + [1000] * 10 + [None] * 8 + [1000] * 10
