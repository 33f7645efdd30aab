"""British half-hourly CSV: headers, dates, the days the clock changes, and the real files."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from csv_sources import days_of, named_series, opening_of, read_with, reasons, source_of, starts_of, total_of
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import shared_file

from ingest.formats.stamps import local_times
from ingest.formats.tables import uk_half_hourly, uk_readings
from ingest.formats.tables.quoted_fields import read_fields
from model.codes import Quality
from model.zones import day_slots

STARTS = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 1440, 30)]
ENDS = [f"[{minute // 60:02d}:{minute % 60:02d}]" for minute in range(30, 1470, 30)]
SPRING, AUTUMN, ORDINARY = "31/03/2019", "27/10/2019", "01/04/2019"
SPRING_DAY, AUTUMN_DAY = date(2019, 3, 31), date(2019, 10, 27)


def wide(columns: list[str], *rows: tuple[str, list[str]], date_name: str = "Date") -> str:
    lines = [",".join(["MPAN", date_name, *columns])]
    return "\n".join([*lines, *(",".join(["2200", day, *values]) for day, values in rows)]) + "\n"


def numbers(count: int, width: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)] + [""] * (width - count)


@pytest.mark.parametrize(
    "columns",
    [
        STARTS,
        ENDS,
        [f"HH{n}" for n in range(1, 49)],
        [f"kWh_{n}" for n in range(1, 49)],
        [f"hh{n:02d}" for n in range(1, 49)],
    ],
    ids=["starts", "ends", "HH1", "kWh_1", "hh01"],
)
def test_a_row_holds_a_day_whatever_its_columns_are_called(columns: list[str]) -> None:
    records = read_with(uk_half_hourly, wide(columns, (ORDINARY, numbers(48, 48))))
    assert days_of(records) == {date(2019, 4, 1): numbers(48, 48)}
    assert named_series(records) == [("2200", "kWh", "kWh")]
    assert records.series["file_minutes"].to_list() == [30]


def test_a_file_without_header_has_point_serial_number_date_and_values() -> None:
    records = read_with(uk_half_hourly, "2200,S123,01/04/17," + ",".join(["1.5"] * 48) + "\n")
    assert days_of(records) == {date(2017, 4, 1): ["1.5"] * 48}
    assert named_series(records) == [("2200", "kWh", "kWh")]


def test_a_second_channel_is_a_series_of_its_own() -> None:
    columns = [f"kWh_{n}" for n in range(1, 49)] + [f"kVArh_{n}" for n in range(1, 49)]
    records = read_with(uk_half_hourly, wide(columns, (ORDINARY, ["2"] * 48 + ["3"] * 48)))
    assert sorted(named_series(records)) == [("2200", "kVArh", "kVArh"), ("2200", "kWh", "kWh")]
    totals = {suffix: total_of(records, no) for no, suffix in enumerate(records.series["suffix"])}
    assert totals == {"kWh": Decimal(96), "kVArh": Decimal(144)}


def test_a_type_beside_each_value_is_its_quality() -> None:
    columns = [name for n in range(1, 49) for name in (f"HH{n}", f"Type{n}")]
    values = [text for n in range(48) for text in ("1", "E" if n == 3 else "A")]
    records = read_with(uk_half_hourly, wide(columns, (ORDINARY, values)))
    (block,) = records.days
    expected = [int(Quality.ACTUAL)] * 48
    expected[3] = int(Quality.ESTIMATED)
    assert block.quality.tolist() == [expected]
    assert block.rows["code"].to_list() == ["A,E"]


def test_an_unknown_type_rejects_its_row_and_no_other() -> None:
    columns = [name for clock in STARTS for name in (clock, "Type")]
    good, bad = ["1", "A"] * 48, ["1", "A"] * 47 + ["1", "?"]
    records = read_with(uk_half_hourly, wide(columns, (ORDINARY, bad), ("02/04/2019", good)))
    assert reasons(records) == [(2, "bad_quality")]
    assert days_of(records) == {date(2019, 4, 2): ["1"] * 48}


# The clock goes from 01:00 to 02:00: 46 half hours. Column 3 and 4 are those of 01:00 and 01:30.
SKIPPED_EMPTY = ["1", "2", "", "", *[str(n) for n in range(3, 47)]]
SKIPPED_ZERO = ["1", "2", "0", "0.0", *[str(n) for n in range(3, 47)]]


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        (STARTS, numbers(46, 48)),
        (STARTS, SKIPPED_EMPTY),
        (STARTS, SKIPPED_ZERO),
        (ENDS, SKIPPED_EMPTY),
        ([f"HH{n}" for n in range(1, 51)], numbers(46, 50)),
        ([f"HH{n}" for n in range(1, 49)], SKIPPED_EMPTY),
    ],
    ids=["last empty", "skipped empty", "skipped zero", "ends", "50 columns", "numbered, skipped empty"],
)
def test_both_habits_of_the_short_day_give_its_46_half_hours(columns: list[str], values: list[str]) -> None:
    records = read_with(uk_half_hourly, wide(columns, (SPRING, values)))
    assert days_of(records) == {SPRING_DAY: numbers(46, 46)}
    assert reasons(records) == []


def test_a_short_day_of_48_values_is_refused() -> None:
    records = read_with(uk_half_hourly, wide(STARTS, (SPRING, numbers(48, 48))))
    assert reasons(records) == [(2, "wrong_slot_count")]
    assert "expected 46 half hours on 2019-03-31" in records.rejects["detail"][0]
    assert days_of(records) == {}


def test_a_short_day_in_a_gap_is_placed_by_the_names_of_the_columns() -> None:
    # Both the skipped hour and the last one are empty: of the last hour nothing is known, or the clock is followed.
    values = ["1", "2", "", "", *["5"] * 42, "", ""]
    clock = days_of(read_with(uk_half_hourly, wide(STARTS, (SPRING, values))))
    assert clock == {SPRING_DAY: ["1", "2", *["5"] * 42, "", ""]}
    numbered = days_of(read_with(uk_half_hourly, wide([f"HH{n}" for n in range(1, 49)], (SPRING, values))))
    assert numbered == {SPRING_DAY: ["1", "2", "", "", *["5"] * 42]}


def test_the_long_day_fills_columns_49_and_50() -> None:
    columns = [f"HH{n}" for n in range(1, 51)]
    records = read_with(uk_half_hourly, wide(columns, (AUTUMN, numbers(50, 50)), (ORDINARY, numbers(48, 50))))
    assert days_of(records) == {AUTUMN_DAY: numbers(50, 50), date(2019, 4, 1): numbers(48, 48)}
    assert total_of(records) == Decimal(50 * 51 // 2 + 48 * 49 // 2)


def test_a_long_day_of_48_values_is_refused() -> None:
    columns = [f"HH{n}" for n in range(1, 51)]
    fifty = read_with(uk_half_hourly, wide(columns, (AUTUMN, numbers(48, 50))))
    assert reasons(fifty) == [(2, "wrong_slot_count")]
    assert reasons(read_with(uk_half_hourly, wide(STARTS, (AUTUMN, numbers(48, 48))))) == [(2, "wrong_slot_count")]


def test_a_day_without_any_value_is_missing_however_long_it_is() -> None:
    columns = [f"HH{n}" for n in range(1, 51)]
    for day, count in ((SPRING, 46), (ORDINARY, 48), (AUTUMN, 50)):
        assert list(days_of(read_with(uk_half_hourly, wide(columns, (day, [""] * 50)))).values()) == [[""] * count]
    assert list(days_of(read_with(uk_half_hourly, wide(STARTS, (AUTUMN, [""] * 48)))).values()) == [[""] * 50]


@pytest.mark.parametrize(
    ("behind", "expected"), [(["", ""], []), (["0", "0.00"], []), (["", "1"], [(2, "wrong_slot_count")])]
)
def test_behind_an_ordinary_day_stands_nothing(behind: list[str], expected: list[tuple[int, str]]) -> None:
    columns = [f"HH{n}" for n in range(1, 51)]
    assert reasons(read_with(uk_half_hourly, wide(columns, (ORDINARY, ["1"] * 48 + behind)))) == expected


def test_days_of_utc_are_instants() -> None:
    records = read_with(uk_half_hourly, wide(STARTS, (SPRING, numbers(48, 48)), date_name="Date (UTC)"))
    start = datetime(2019, 3, 31)
    assert starts_of(records) == [(start + timedelta(minutes=30 * n), str(n + 1)) for n in range(48)]
    assert records.days == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("31/12/2019", datetime(2019, 12, 31)),
        ("31/12/19", datetime(2019, 12, 31)),
        ("05/06/19", datetime(2019, 6, 5)),
        ("Nov 13 2019 12:00AM", datetime(2019, 11, 13)),
        ("Nov 13 2019 12:30PM", datetime(2019, 11, 13, 12, 30)),
        ("03 Dec 2019 00:30:00", datetime(2019, 12, 3, 0, 30)),
        ("2019-12-03", datetime(2019, 12, 3)),
        ("2019-12-03T23:30", datetime(2019, 12, 3, 23, 30)),
        ("43802", datetime(2019, 12, 3)),  # 25569 is 1970-01-01, and 18233 days later is this day
        ("43802.0208333333", datetime(2019, 12, 3, 0, 30)),
        ("31/12/2019 24:00", datetime(2020, 1, 1)),
        ("31/12/2019 12:24:00", datetime(2019, 12, 31, 12, 24)),
        ("KABOOM", None),
        ("31/02/2019", None),
        ("01/01/0019", None),
    ],
)
def test_dates_come_in_many_spellings(text: str, expected: datetime | None) -> None:
    assert local_times(pl.Series("text", [text])).to_list() == [expected]


def test_a_comma_between_quotes_belongs_to_its_field() -> None:
    fields = read_fields(source_of('a,b,c\n"x, y","say ""hi""",\n1,2\n"a"b,2,3\n,,3,,\n'))
    assert fields.rows["fields"].to_list() == [["x, y", 'say "hi"', ""], ["", "", "3", "", ""]]
    told = pl.concat(fields.rejects).sort("line")
    assert list(told.select("line", "reason").iter_rows()) == [(3, "wrong_field_count"), (4, "bad_quotes")]


def readings(*stamps: str, kind: str = "Actual") -> str:
    return "MPR,ReadDatetime,kWh,ReadType\n" + "".join(f"17,{stamp},1,{kind}\n" for stamp in stamps)


def test_stamps_that_close_days_from_0030_to_0000_are_ends() -> None:
    records = read_with(uk_readings, readings("26 Aug 2019 00:30:00", "26 Aug 2019 01:00:00", "27 Aug 2019 00:00:00"))
    assert records.notes["stamps"] == "ends of the half hours"
    # 00:30 in London in August ends the half hour that begins at 00:00, 23:00 UTC of the day before.
    assert starts_of(records)[0] == (datetime(2019, 8, 25, 23, 0), "1")


def test_stamps_that_close_days_from_0000_to_2330_are_starts() -> None:
    records = read_with(uk_readings, readings("03 Dec 2019 00:00:00", "03 Dec 2019 23:30:00"))
    assert records.notes["stamps"] == "starts of the half hours"
    assert [start for start, _ in starts_of(records)] == [datetime(2019, 12, 3), datetime(2019, 12, 3, 23, 30)]


def test_stamps_that_close_no_day_are_said_to_be_ambiguous() -> None:
    records = read_with(uk_readings, readings("03 Dec 2019 08:00:00", "03 Dec 2019 08:30:00"))
    assert records.notes["stamps"].startswith("ambiguous")


def london_ends(first: datetime, count: int) -> list[str]:
    """The labels that a clock in London shows at the ends of half hours that follow each other from an instant."""
    ends = pl.Series([first + timedelta(minutes=30 * n) for n in range(1, count + 1)])
    return (
        ends.dt.replace_time_zone("UTC")
        .dt.convert_time_zone("Europe/London")
        .dt.strftime("%d %b %Y %H:%M:%S")
        .to_list()
    )


@pytest.mark.parametrize(
    ("first", "count"),
    [(datetime(2019, 10, 26, 23), 50), (datetime(2019, 3, 31, 0), 46), (datetime(2020, 2, 29), 48)],
    ids=["long day", "short day", "leap day"],
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_end_stamps_give_every_half_hour_of_the_days_the_clock_changes(
    first: datetime, count: int, newest_first: bool
) -> None:
    labels = london_ends(first, count)
    records = read_with(uk_readings, readings(*(reversed(labels) if newest_first else labels)))
    found = sorted(start for start, _ in starts_of(records))
    assert found == [first + timedelta(minutes=30 * n) for n in range(count)]
    assert reasons(records) == []


def test_a_value_at_a_time_that_the_clock_skips_is_refused_and_an_empty_one_is_nothing() -> None:
    rows = ["17,31/03/2019 00:00,1", "17,31/03/2019 01:00,2", "17,31/03/2019 01:30,", "17,31/03/2019 02:00,1"]
    records = read_with(uk_readings, "\n".join(["MPR,ReadDatetime,kWh", *rows]))
    assert reasons(records) == [(3, "no_such_time")]
    assert len(starts_of(records)) == 2


def test_rows_with_damage_are_rejected_and_the_others_stay() -> None:
    rows = [",03 Dec 2019 00:00:00,1,A", "17,KABOOM,1,A", "17,03 Dec 2019 00:30:00,1,?", "17,04 Dec 2019 00:00:00,1,A"]
    records = read_with(uk_readings, "\n".join(["MPR,ReadDatetime,kWh,ReadType", *rows]))
    assert reasons(records) == [(2, "no_meter_point"), (3, "bad_time"), (4, "bad_quality")]
    assert len(starts_of(records)) == 1


# Counted in the files by hand: lines, empty fields. The totals are the files' own "Total Units".
REAL = {
    "amr_data__row-per-day__all-missing-readings.csv": (1, 28, []),
    "amr_data__row-per-day__malformed.csv": (1, 48, [(3, "wrong_field_count")]),
    "amr_data__row-per-day__no-readings.csv": (1, 0, []),
    "amr_data__row-per-day__valid.csv": (1, 48, []),
    "amr_data__row-per-day__empty-with-header.csv": (0, 0, [(0, "no_data")]),
    "amr_upload_data_files__banes-bad-example-date-file.csv": (0, 0, [(2, "bad_date")]),
    "amr_upload_data_files__banes-example-file.csv": (5, 240, []),
    "amr_upload_data_files__example-bad-sheffield-file.csv": (2, 96, []),
    "amr_upload_data_files__with-mixed-line-endings.csv": (3, 144, []),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_of_a_row_per_day(name: str) -> None:
    records = read_with(uk_half_hourly, shared_file(f"uk_amr_csv/{name}").read_bytes())
    rows, values, rejects = REAL[name]
    found = sum(int((block.values != "").sum()) for block in records.days)
    assert (sum(block.rows.height for block in records.days), found, reasons(records)) == (rows, values, rejects)
    for block in records.days:
        missing = (block.values == "").to_numpy().reshape(-1, block.count)
        assert np.array_equal(block.quality == int(Quality.MISSING), missing)


def test_the_values_of_a_real_day_add_up_to_the_total_that_its_file_states() -> None:
    records = read_with(
        uk_half_hourly, shared_file("uk_amr_csv/amr_upload_data_files__banes-example-file.csv").read_bytes()
    )
    stated = ["226.103", "162.183", "376.7", "89.94", "259.503"]
    assert [total_of(records, number) for number in range(5)] == [Decimal(text) for text in stated]
    assert list(days_of(records)) == [date(2019, 11, 13)]


@pytest.mark.parametrize(
    ("name", "count", "marks"),
    [
        ("amr_data__row-per-reading__some-missing-readings.csv", 94, "starts"),
        ("amr_highlands__example-missing-half-hours.csv", 526, "ends"),
        ("amr_highlands__example-offset.csv", 382, "starts"),
        ("amr_highlands__example.csv", 480, "ends"),
        ("amr_upload_data_files__example-highlands-file.csv", 48, "ends"),
        ("amr_upload_data_files__with-nulls-empty-lines-invalid-chars.csv", 6, "ends"),
    ],
)
def test_real_files_of_a_row_per_reading(name: str, count: int, marks: str) -> None:
    records = read_with(uk_readings, shared_file(f"uk_amr_csv/{name}").read_bytes())
    assert (records.intervals.height, records.notes["stamps"]) == (count, f"{marks} of the half hours")
    assert reasons(records) == []


@pytest.mark.parametrize("header", ["id,datetime,kWh", "meter,datetime,kWh", "MPAN,kWh", "MPAN,datetime,kWh,kVArh"])
def test_a_time_and_kwh_alone_are_no_british_file(header: str) -> None:
    assert not uk_readings.matches(opening_of(source_of(header + "\n")))


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_the_rows_changes_nothing(order: list[int]) -> None:
    rows = [(f"{day:02d}/04/2019", [str(day)] * 48) for day in range(1, 7)]
    found = days_of(read_with(uk_half_hourly, wide(STARTS, *(rows[place] for place in order))))
    assert sorted(found.items()) == [(date(2019, 4, day), [str(day)] * 48) for day in range(1, 7)]


@pytest.mark.parametrize("header", ["meter_point,channel,unit,date,quality," + ",".join(f"v{n}" for n in range(1, 49))])
def test_the_wide_csv_of_our_own_is_another_format(header: str) -> None:
    assert not uk_half_hourly.matches(opening_of(source_of(header + "\n")))


@settings(max_examples=60, deadline=None)
@given(
    st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    st.lists(st.one_of(st.just(""), st.decimals("0", "999", places=3).map(str)), min_size=48, max_size=48),
)
def test_reading_what_was_rendered_gives_the_same_day(day: date, values: list[str]) -> None:
    records = read_with(uk_half_hourly, wide(ENDS, (day.strftime("%d/%m/%Y"), values)))
    if day_slots("Europe/London", day, 30) == 48:
        assert days_of(records) == {day: values}


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='0123456789,."/:\n abcMPRkWh[]-', max_size=400))
def test_nothing_that_follows_a_header_stops_the_reader(text: str) -> None:
    for module, header in ((uk_half_hourly, "MPAN,Date," + ",".join(STARTS)), (uk_readings, "MPR,ReadDatetime,kWh")):
        records = read_with(module, f"{header}\n{text}\n")
        assert records.rejects.height <= len(text) + 1
