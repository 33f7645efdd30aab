from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import BRISBANE, CHICAGO, SYDNEY, channel_table, nem12, parse

from ingest.formats.numbers import SLOT_MAX, exact_integers
from model.reads import slot_columns
from model.zones import day_slots, day_start_utc, zone

VALUES = st.one_of(st.none(), st.integers(-SLOT_MAX, SLOT_MAX), st.integers(0, 3000))
QUALITIES = st.sampled_from(list("ASFE"))
LEVELS = {"A": 0, "S": 2, "F": 3, "E": 4}
DAYS = {CHICAGO: [date(2022, 3, 13), date(2022, 11, 6)], SYDNEY: [date(2026, 10, 4), date(2024, 2, 29)]}


def text_of(value: int | None) -> str:
    """Return Wh as kWh with as many decimals as it needs."""
    if value is None:
        return ""
    whole, part = divmod(abs(value), 1000)
    return f"{'-' if value < 0 else ''}{whole}.{part:03d}".rstrip("0").rstrip(".")


def flags_of(values: list[int | None], level: int) -> tuple[int, bytes | None]:
    """Return the worst quality and the flags that the day must have."""
    slots = bytes(8 if value is None else level for value in values)
    return max(slots), None if len(set(slots)) == 1 else slots


def landed(text: str, minutes: int, table: object) -> list[tuple[list[int | None], int, bytes | None]]:
    parsed = parse(text, table=table)  # type: ignore[arg-type]
    assert parsed.rejects.is_empty()
    days = parsed.days[minutes].sort("channel_no", "day")
    return [
        (list(row)[:n], worst, flags)
        for row, n, worst, flags in zip(
            days.select(slot_columns(minutes)).iter_rows(), days["n"], days["worst"], days["flags"], strict=True
        )
    ]


@settings(max_examples=12, deadline=None)
@given(data=st.data(), minutes=st.sampled_from([5, 15, 30, 60]), quality=QUALITIES)
def test_nem12_days_come_back_equal(data: st.DataObject, minutes: int, quality: str) -> None:
    count = 1440 // minutes
    days = [data.draw(st.lists(VALUES, min_size=count, max_size=count)) for _ in range(2)]
    table = channel_table(("N", "E1", "import_energy", minutes, BRISBANE))
    records = [
        f"300,2024010{number},{','.join(map(text_of, values))},{quality},,,," for number, values in enumerate(days, 1)
    ]
    found = landed(nem12(f"200,N,E1,,E1,,,kWh,{minutes},", *records), minutes, table)
    assert found == [(values, *flags_of(values, LEVELS[quality])) for values in days]


@settings(max_examples=12, deadline=None)
@given(data=st.data(), tz_name=st.sampled_from([CHICAGO, SYDNEY]), minutes=st.sampled_from([15, 30, 60]))
def test_long_and_wide_say_the_same_as_what_was_written(data: st.DataObject, tz_name: str, minutes: int) -> None:
    day = data.draw(st.sampled_from(DAYS[tz_name]))
    count = day_slots(tz_name, day, minutes)
    values = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    quality = data.draw(QUALITIES)
    table = channel_table(("N", "E1", "import_energy", minutes, tz_name))
    first = day_start_utc(tz_name, day)
    stamps = [
        (first + slot * timedelta(minutes=minutes)).astimezone(zone(tz_name)).isoformat() for slot in range(count)
    ]
    lines = [f"N,E1,kWh,{stamp},{text_of(value)},{quality}" for stamp, value in zip(stamps, values, strict=True)]
    shuffled = data.draw(st.permutations(lines))
    long = "\n".join(["meter_point,channel,unit,start,value,quality", *shuffled])
    width = 1500 // minutes
    header = ",".join(f"v{slot}" for slot in range(1, width + 1))
    cells = [*map(text_of, values), *[""] * (width - count)]
    wide = f"meter_point,channel,unit,date,quality,{header}\nN,E1,kWh,{day},{quality},{','.join(cells)}"
    expected = [(values, *flags_of(values, LEVELS[quality]))]
    assert landed(long, minutes, table) == expected
    assert landed(wide, minutes, table) == expected


@settings(max_examples=120, deadline=None)
@given(
    whole=st.integers(-(10**12), 10**12),
    places=st.text("0123456789", max_size=14),
    per=st.sampled_from([1, 1000, 10**6]),
)
def test_a_number_is_exact_or_refused(whole: int, places: str, per: int) -> None:
    text = f"{whole}.{places}" if places else str(whole)
    digits = places.rstrip("0")
    scale = len(str(per)) - 1
    magnitude = abs(whole) * per + int((digits + "0" * scale)[:scale] or "0")
    exact = -magnitude if text.startswith("-") else magnitude
    row = exact_integers(pl.Series([text]), scale, limit=SLOT_MAX).row(0)
    if len(digits) > scale:
        assert row == (None, "too_precise")
    elif magnitude > SLOT_MAX:
        assert row == (None, "value_too_large")
    else:
        assert row == (exact, None)


@pytest.mark.parametrize(
    "text", ["1e3", "1E3", "NaN", "inf", "-", ".", "1,5", "1_000", "0x10", "--1", "1.2.3", "١", "1 2"]
)
def test_what_is_not_plain_decimal_text_is_refused(text: str) -> None:
    assert exact_integers(pl.Series([text]), 3, limit=SLOT_MAX).row(0) == (None, "bad_number")


@pytest.mark.parametrize(
    ("text", "value"), [(".5", 500), ("-.5", -500), ("+1", 1000), ("1.", 1000), ("007", 7000), ("", None)]
)
def test_spellings_of_plain_decimals_are_read(text: str, value: int | None) -> None:
    assert exact_integers(pl.Series([text]), 3, limit=SLOT_MAX).row(0) == (value, None)
