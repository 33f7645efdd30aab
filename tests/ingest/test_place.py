"""Records to landed days and readings, whatever format they came from: zones, clocks, powers of ten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from meter_files import ADELAIDE, BRISBANE, CHICAGO, SYDNEY, channel_table, nem12, parse, reasons, slots_of

from ingest.formats.records import DayBlock, FileRecords, IntervalRecords, ReadingRecords, Series
from ingest.landing.parsed import ParsedFile
from ingest.landing.place import place_records
from model.reads import slot_columns
from model.schema import arranged, empty
from model.zones import day_slots, day_start_utc, zone

SPRING, AUTUMN, PLAIN = date(2022, 3, 13), date(2022, 11, 6), date(2022, 6, 1)
LORD_HOWE = "Australia/Lord_Howe"  # moves its clock by half an hour


def series(minutes: int | None, unit: str = "kWh", power: int = 0) -> pl.DataFrame:
    row = {
        "series_no": 0, "line": 1, "meter_point": "N", "suffix": "E1", "unit": unit, "power": power,
        "file_minutes": minutes,
    }  # fmt: skip
    return arranged(Series, pl.DataFrame([row], infer_schema_length=None, schema_overrides={"file_minutes": pl.Int32}))


def records(minutes: int | None, rows: list[dict[str, Any]], power: int = 0, unit: str = "kWh") -> FileRecords:
    """Return intervals; each row needs a start and a value, and is otherwise plain and on a line of its own."""
    plain = {"series_no": 0, "code": "A", "quality": 0, "value": "1"}
    full = [{**plain, "line": line, **row} for line, row in enumerate(rows, start=1)]
    frame = pl.DataFrame(full, infer_schema_length=None)
    return FileRecords(
        "f", "0" * 64, "test", series(minutes, unit, power), parse("x").rejects.clear(),
        intervals=arranged(IntervalRecords, frame),
    )  # fmt: skip


def place(found: FileRecords, tz_name: str, minutes: int, measure: str = "import_energy") -> ParsedFile:
    return place_records(found, channel_table(("N", "E1", measure, minutes, tz_name)))


def local_starts(tz_name: str, day: date, minutes: int) -> list[datetime]:
    """Return what the clock on the wall shows at the start of each slot of a day."""
    first = day_start_utc(tz_name, day)
    count = day_slots(tz_name, day, minutes)
    clocks = [(first + timedelta(minutes=minutes * slot)).astimezone(zone(tz_name)) for slot in range(count)]
    return [clock.replace(tzinfo=None) for clock in clocks]


@pytest.mark.parametrize("day", [SPRING, AUTUMN, PLAIN])
@pytest.mark.parametrize("runs_backwards", [False, True])
@pytest.mark.parametrize(("tz_name", "minutes"), [(CHICAGO, 15), (CHICAGO, 60), (LORD_HOWE, 30), (SYDNEY, 5)])
def test_local_times_go_by_the_order_in_which_the_clock_shows_them(
    tz_name: str, minutes: int, runs_backwards: bool, day: date
) -> None:
    rows = [
        {"start_local": start, "value": str(slot)} for slot, start in enumerate(local_starts(tz_name, day, minutes))
    ]
    parsed = place(records(minutes, rows[::-1] if runs_backwards else rows), tz_name, minutes)
    assert reasons(parsed) == []
    assert slots_of(parsed, minutes, 1, day) == [slot * 1000 for slot in range(len(rows))]


def test_which_pass_of_the_repeated_hour_may_be_stated() -> None:
    one = datetime(2022, 11, 6, 1)
    parsed = place(
        records(60, [{"start_local": one, "fold": 1, "value": "2"}, {"start_local": one, "fold": 0, "value": "1"}]),
        CHICAGO,
        60,
    )
    assert slots_of(parsed, 60, 1, AUTUMN)[:4] == [None, 1000, 2000, None]


def test_a_time_that_the_clock_skips_holds_no_interval() -> None:
    two = datetime(2022, 3, 13, 2)
    rows = [
        {"start_local": two, "value": ""},
        {"start_local": two, "value": "0"},
        {"start_local": datetime(2022, 3, 13)},
    ]
    parsed = place(records(60, rows), CHICAGO, 60)
    assert reasons(parsed) == [(2, "no_such_slot")]
    assert slots_of(parsed, 60, 1, SPRING) == [1000, *[None] * 22]


def test_an_interval_stated_twice_on_the_wall_clock_counts_once() -> None:
    rows = [
        {"start_local": datetime(2022, 6, 1, hour), "value": value} for hour, value in ((0, "1"), (0, "2"), (1, "3"))
    ]
    parsed = place(records(60, rows), CHICAGO, 60)
    assert reasons(parsed) == [(1, "duplicate_slot")]
    assert slots_of(parsed, 60, 1, PLAIN)[:2] == [2000, 3000]


@pytest.mark.parametrize(
    ("minutes", "seconds", "slot"),
    [
        (15, 180, 1),  # the most that a clock may be late
        (15, 181, None),
        (15, -180, 1),
        (15, -181, None),
        (5, 60, 1),  # of short intervals a fifth
        (5, 61, None),
        (60, 180, 1),
        (60, 181, None),
    ],
)
def test_a_clock_that_is_a_little_off_is_moved_to_the_grid(minutes: int, seconds: int, slot: int | None) -> None:
    start = datetime(2022, 6, 1) + timedelta(minutes=minutes, seconds=seconds)
    local = place(records(minutes, [{"start_local": start}]), CHICAGO, minutes)
    instant = (start.replace(tzinfo=zone(CHICAGO))).astimezone(zone("UTC"))
    by_instant = place(records(minutes, [{"start_utc": instant}]), CHICAGO, minutes)
    for parsed in (local, by_instant):
        if slot is None:
            assert reasons(parsed) == [(1, "off_grid")]
            continue
        assert reasons(parsed) == []
        assert slots_of(parsed, minutes, 1, PLAIN)[:3] == [None, 1000, None]
        assert parsed.days[minutes]["raw_code"].to_list() == ["A (clock)"]
        assert parsed.notes == {"clock_drift": f"1 starts moved to the grid, by {abs(seconds)} s at most"}


def test_a_start_is_not_moved_onto_an_interval_that_stands_there() -> None:
    rows = [{"start_local": datetime(2022, 6, 1, 0, 0)}, {"start_local": datetime(2022, 6, 1, 0, 1), "value": "9"}]
    parsed = place(records(15, rows), CHICAGO, 15)
    assert reasons(parsed) == [(2, "off_grid")]
    assert slots_of(parsed, 15, 1, PLAIN)[:2] == [1000, None]


def test_a_clock_early_before_midnight_belongs_to_the_next_day() -> None:
    instant = day_start_utc(CHICAGO, PLAIN) - timedelta(seconds=90)
    for row in ({"start_utc": instant}, {"start_local": datetime(2022, 5, 31, 23, 58, 30)}):
        parsed = place(records(15, [row]), CHICAGO, 15)
        assert slots_of(parsed, 15, 1, PLAIN)[:2] == [1000, None]


@pytest.mark.parametrize(
    ("value", "power", "unit", "expected"),
    [
        ("1500", -3, "Wh", "too_precise"),  # 1.5 Wh
        ("2000", -3, "Wh", 2),
        ("7", 3, "Wh", 7_000),
        ("1.5", 3, "kWh", 1_500_000),
        ("2147483647", 0, "Wh", 2_147_483_647),
        ("2147484", 3, "Wh", "value_too_large"),
        ("1", 120, "Wh", "value_too_large"),
        ("1", -120, "Wh", "too_precise"),
        ("0", 120, "Wh", 0),
    ],
)
def test_a_power_of_ten_is_applied_exactly(value: str, power: int, unit: str, expected: int | str) -> None:
    parsed = place(records(60, [{"start_local": datetime(2022, 6, 1), "value": value}], power, unit), CHICAGO, 60)
    if isinstance(expected, str):
        assert reasons(parsed) == [(1, expected)]
    else:
        assert slots_of(parsed, 60, 1, PLAIN)[0] == expected


def test_an_interval_of_another_length_and_an_unknown_quality_are_told() -> None:
    start = datetime(2022, 6, 1)
    rows = [
        {"start_local": start, "minutes": 60},
        {"start_local": start, "minutes": 17},  # a clock that was set: the interval is still this one
        {"start_local": start + timedelta(minutes=15), "quality": None, "code": "?"},
    ]
    parsed = place(records(None, rows), CHICAGO, 15)
    assert reasons(parsed) == [(1, "interval_mismatch"), (3, "bad_quality")]


def nem_month(minutes: int, first: date, days: int) -> tuple[str, list[int]]:
    """Return a NEM12 file of days in market time, values 1, 2, 3 and so on, and these values in order of time."""
    per_day = 1440 // minutes
    values = list(range(1, days * per_day + 1))
    texts = [f"0.{value:06d}" for value in values]
    records_of = [
        f"300,{first + timedelta(days=day):%Y%m%d},{','.join(texts[day * per_day : (day + 1) * per_day])},A,,,,"
        for day in range(days)
    ]
    return nem12(f"200,N,E1,,E1,,,MWh,{minutes},", *records_of), values


@pytest.mark.parametrize("tz_name", [SYDNEY, ADELAIDE, LORD_HOWE, BRISBANE, "Australia/Darwin"])
@pytest.mark.parametrize("first", [date(2026, 4, 2), date(2026, 10, 1), date(2026, 1, 10), date(2026, 7, 10)])
@pytest.mark.parametrize("minutes", [5, 30])
def test_market_days_become_civil_days_and_every_interval_keeps_its_instant(
    tz_name: str, first: date, minutes: int
) -> None:
    text, values = nem_month(minutes, first, 6)
    table = channel_table(("N", "E1", "import_energy", minutes, tz_name))
    parsed = parse(text, table=table)
    assert reasons(parsed) == []
    begin = datetime(first.year, first.month, first.day, tzinfo=zone("UTC")) - timedelta(hours=10)
    expected: dict[date, dict[int, int]] = {}
    for number, value in enumerate(values):
        instant = begin + timedelta(minutes=minutes * number)
        day = instant.astimezone(zone(tz_name)).date()
        slot = (instant - day_start_utc(tz_name, day)) // timedelta(minutes=minutes)
        expected.setdefault(day, {})[slot] = value
    found = {
        row["day"]: {slot: row[name] for slot, name in enumerate(slot_columns(minutes)) if row[name] is not None}
        for row in parsed.days[minutes].iter_rows(named=True)
    }
    assert found == expected
    assert sum(sum(slots.values()) for slots in found.values()) == sum(values)
    counts = {day: day_slots(tz_name, day, minutes) for day in expected}
    assert dict(parsed.days[minutes].select("day", "n").iter_rows()) == counts


def test_a_market_day_told_twice_is_cut_once() -> None:
    first, second = (f"300,20260110,{','.join([value] * 24)},A,,,," for value in ("1", "2"))
    parsed = parse(nem12("200,NMI2,E1,,E1,,,kWh,60,", first, second))
    assert reasons(parsed) == [(3, "duplicate_day")]
    assert slots_of(parsed, 60, 4, date(2026, 1, 10)) == [None] + [2000] * 23
    assert slots_of(parsed, 60, 4, date(2026, 1, 11)) == [2000] + [None] * 23


def test_a_block_of_texts_is_landed_as_one_of_numbers() -> None:
    rows = pl.DataFrame(
        {"series_no": [0, 0], "line": [2, 3], "day": [PLAIN, AUTUMN], "code": ["A", "E"], "updated_at": [None, None]},
        schema_overrides={"series_no": pl.Int32, "updated_at": pl.Datetime("us")},
    )
    quality = np.array([[0] * 25, [4] * 25], dtype=np.uint8)
    texts = ["0.5"] * 24 + [""] + ["2"] * 25
    for values in (pl.Series(texts), pl.Series([None if text == "" else int(float(text) * 10**9) for text in texts])):
        found = FileRecords(
            "f", "0" * 64, "test", series(None), parse("x").rejects.clear(), days=(DayBlock(rows, values, quality, 25),)
        )
        parsed = place(found, CHICAGO, 60)
        assert reasons(parsed) == []
        assert slots_of(parsed, 60, 1, PLAIN) == [500] * 24
        assert slots_of(parsed, 60, 1, AUTUMN) == [2000] * 25
        assert parsed.days[60]["worst"].to_list() == [0, 4]


def readings(*rows: dict[str, Any]) -> FileRecords:
    plain = {"series_no": 0, "meter_id": "M", "kind": "regular", "code": "A", "quality": 0}
    frame = pl.DataFrame([{**plain, "line": line, **row} for line, row in enumerate(rows, 1)], infer_schema_length=None)
    return FileRecords(
        "f", "0" * 64, "test", series(0), parse("x").rejects.clear(), empty(IntervalRecords),
        arranged(ReadingRecords, frame),
    )  # fmt: skip


def test_a_record_of_two_readings_gives_both_and_the_next_repeats_nothing() -> None:
    first = {
        "read_at": datetime(2026, 2, 1), "value": "150", "from_at": datetime(2026, 1, 1), "from_value": "100",
        "from_code": "E64", "from_quality": 4, "quantity": "50",
    }  # fmt: skip
    second = {
        "read_at": datetime(2026, 2, 28, 23, 59, 59), "value": "170", "from_at": datetime(2026, 2, 1),
        "from_value": "150", "from_code": "A", "from_quality": 0, "quantity": "20",
    }  # fmt: skip
    alone = {"read_at": datetime(2026, 4, 1), "value": "", "quantity": "5"}
    parsed = place(readings(first, second, alone), BRISBANE, 0)
    assert parsed.registers.select("read_date", "reading", "quality", "read_kind", "raw_code").rows() == [
        (date(2026, 1, 1), 100_000, 4, "estimate", "E64"),
        (date(2026, 2, 1), 150_000, 0, "regular", "A"),
        (date(2026, 3, 1), 170_000, 0, "regular", "A"),  # taken as the day ended
    ]
    assert reasons(parsed) == [(3, "no_reading")]


GAS = "Europe/Berlin@06:00"


# The clock changes at two on Sunday morning, which belongs to the gas day that began on Saturday at six.
@pytest.mark.parametrize(
    ("day", "count"),
    [(date(2026, 3, 28), 23), (date(2026, 10, 24), 25), (date(2026, 3, 29), 24), (date(2028, 2, 29), 24)],
)
@pytest.mark.parametrize("states_instants", [False, True])
def test_a_gas_day_runs_from_six_to_six_and_keeps_all_of_its_hours(
    day: date, count: int, states_instants: bool
) -> None:
    first = datetime(day.year, day.month, day.day, 6, tzinfo=zone(GAS)).astimezone(UTC)
    instants = [first + timedelta(hours=hour) for hour in range(-1, count + 1)]
    clocks = [instant.astimezone(zone(GAS)).replace(tzinfo=None) for instant in instants]
    key = "start_utc" if states_instants else "start_local"
    rows = [{key: start, "value": str(number)} for number, start in enumerate(instants if states_instants else clocks)]
    placed = place(records(60, rows, unit="m3"), GAS, 60, "gas_volume")
    found = {row["day"]: row for row in placed.days[60].iter_rows(named=True)}
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    assert [found[day][name] for name in slot_columns(60)[:count]] == [hour * 1000 for hour in range(1, count + 1)]
    assert found[day]["n"] == count
    # The hour before is the last one of the day before, the hour after the first one of the day after.
    assert found[before][slot_columns(60)[found[before]["n"] - 1]] == 0
    assert found[after][slot_columns(60)[0]] == (count + 1) * 1000
    assert placed.rejects.is_empty()
