"""Masks of daylight saving, decoded by hand from the table of bits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ingest.formats.xml.espi_clock import EspiClock, read_clock, read_rule

NEW_YORK = {"tzOffset": "-18000", "dstOffset": "3600", "dstStartRule": "360E2000", "dstEndRule": "B40E2000"}


def mask(month: int, operator: int, day: int, weekday: int, hour: int, second: int = 0) -> str:
    """Return a mask: bits 28 month, 25 operator, 20 day, 17 weekday, 12 hour, 0 second."""
    return f"{month << 28 | operator << 25 | day << 20 | weekday << 17 | hour << 12 | second:08X}"


# South of the equator: from the first Sunday of October to the first of April, 03:00 on the summer clock.
SYDNEY = {
    "tzOffset": "36000",
    "dstOffset": "3600",
    "dstStartRule": mask(10, 2, 0, 7, 2),
    "dstEndRule": mask(4, 2, 0, 7, 3),
}


def local(fields: dict[str, str], *instants: datetime) -> list[datetime]:
    return read_clock(fields).local(pl.Series(list(instants), dtype=pl.Datetime("us", "UTC"))).to_list()


@pytest.mark.parametrize(
    ("bits", "year", "day", "text"),
    [
        ("360E2000", 2024, date(2024, 3, 10), "second Sunday of March, 02:00"),
        ("B40E2000", 2024, date(2024, 11, 3), "first Sunday of November, 02:00"),
        (mask(3, 7, 0, 7, 1), 2024, date(2024, 3, 31), "last Sunday of March, 01:00"),  # the fifth
        (mask(10, 7, 0, 7, 1), 2026, date(2026, 10, 25), "last Sunday of October, 01:00"),  # the fourth
        (mask(3, 4, 0, 5, 1, 2700), 2024, date(2024, 3, 15), "third Friday of March, 01:45"),
        (mask(3, 6, 0, 1, 0), 2024, date(2024, 3, 25), "fifth Monday of March, 00:00"),  # there is none: the last
        (mask(4, 0, 1, 0, 0), 2024, date(2024, 4, 1), "1 April, 00:00"),
        (mask(9, 1, 22, 6, 0), 2024, date(2024, 9, 28), "Saturday on or after 22 September, 00:00"),
        (mask(9, 1, 28, 6, 0), 2024, date(2024, 9, 28), "Saturday on or after 28 September, 00:00"),
    ],
)
def test_a_mask_tells_a_day_of_each_year(bits: str, year: int, day: date, text: str) -> None:
    rule = read_rule(bits)
    assert rule is not None
    assert rule.date_in(year) == day
    assert rule.text() == text


def test_all_bits_set_is_no_daylight_saving() -> None:
    assert read_rule("FFFFFFFF") is None
    assert read_clock({"tzOffset": "3600"}) == EspiClock(3600, 0, None, None)


@pytest.mark.parametrize(
    "bits",
    [
        "",
        "G",
        "1FFFFFFFF",
        "-1",
        mask(0, 2, 0, 7, 2),
        mask(13, 2, 0, 7, 2),
        mask(3, 2, 0, 0, 2),
        mask(3, 0, 0, 0, 2),
        mask(2, 0, 30, 0, 2),
        mask(3, 2, 0, 7, 24),
        mask(3, 2, 0, 7, 2, 3600),
    ],
)
def test_a_mask_that_is_none_is_refused(bits: str) -> None:
    with pytest.raises(ValueError, match=r"expected|invalid"):
        read_rule(bits)


@pytest.mark.parametrize("fields", [{"tzOffset": "x"}, {"tzOffset": "99999"}, {"dstOffset": "9000"}])
def test_offsets_that_are_none_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expected|invalid"):
        read_clock(fields)


@pytest.mark.parametrize(("fields", "zone"), [(NEW_YORK, "America/New_York"), (SYDNEY, "Australia/Sydney")])
def test_a_clock_agrees_with_its_zone_in_every_hour_of_a_year(fields: dict[str, str], zone: str) -> None:
    hours = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * at) for at in range(2 * 24 * 366)]
    assert local(fields, *hours) == [hour.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for hour in hours]


def test_no_instants_have_no_local_times() -> None:
    assert local(NEW_YORK) == []
