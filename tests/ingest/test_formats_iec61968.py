"""IEC 61968-9 messages: end stamps, reading types of eighteen parts, qualities of three."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from iec_files import EXPORT, QUARTER_HOURS, REGISTER, block, interval, message, meter, records, register

from ingest.formats.records import FileRecords, Opening
from ingest.formats.xml import iec61968
from ingest.formats.xml.iec61968_types import read_type
from model.codes import Quality


def utc(hour: int, minute: int = 0, day: int = 10) -> datetime:
    return datetime(2024, 3, day, hour, minute, tzinfo=UTC)


def reasons(found: FileRecords) -> list[str]:
    return found.rejects["reason"].to_list()


def test_the_stamp_of_an_interval_is_its_end() -> None:
    found = records(message(meter(block([interval("2024-03-10T00:15:00-05:00", "1.25")]))))
    assert found.series.select("meter_point", "suffix", "unit", "power", "file_minutes").rows() == [
        ("UP1", QUARTER_HOURS, "Wh", 3, 15)
    ]
    assert found.intervals.select("start_utc", "minutes", "value", "quality").rows() == [
        (utc(5), None, "1.25", Quality.ACTUAL)
    ]
    assert found.notes["stamps"] == "end of the interval"


def test_a_source_that_stamps_starts_is_read_as_such() -> None:
    text = message(meter(block([interval("2024-03-10T00:15:00-05:00")])))
    found = records(text, is_end_stamped=False)
    assert found.intervals["start_utc"].to_list() == [utc(5, 15)]
    assert found.notes["stamps"] == "start of the interval"


def test_the_day_the_clock_jumps_has_no_gap_in_utc() -> None:
    stamps = ["2024-03-10T01:45:00-05:00", "2024-03-10T02:00:00-05:00", "2024-03-10T03:15:00-04:00"]
    found = records(message(meter(block([interval(stamp) for stamp in stamps]))))
    assert found.intervals["start_utc"].to_list() == [utc(6, 30), utc(6, 45), utc(7)]


def test_midnight_may_be_written_as_24_hours() -> None:
    found = records(message(meter(block([interval("2024-03-10T24:00:00Z")]))))
    assert found.intervals["start_utc"].to_list() == [utc(23, 45)]


def test_a_period_says_start_and_end_outright() -> None:
    period = ("2024-03-10T00:00:00Z", "2024-03-10T01:30:00Z")
    found = records(message(meter(block([interval("", period=period)]))))
    assert found.intervals.select("start_utc", "minutes").rows() == [(utc(0), 90)]


def test_intervals_of_a_type_without_length_take_it_from_their_periods() -> None:
    daily = "11.0.0.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
    days = [interval("", period=(f"2024-03-{day}T05:00:00Z", f"2024-03-{day + 1}T05:00:00Z")) for day in (10, 11)]
    found = records(message(meter(block(days, daily))))
    assert found.series["file_minutes"].to_list() == [1440]
    assert found.intervals["start_utc"].to_list() == [utc(5), utc(5, day=11)]


@pytest.mark.parametrize("end", ["2024-03-10T00:00:00Z", "2024-03-09T00:00:00Z", "2024-03-10T00:15:30Z"])
def test_a_period_of_no_whole_minutes_is_rejected(end: str) -> None:
    found = records(message(meter(block([interval("", period=("2024-03-10T00:00:00Z", end))]))))
    assert reasons(found) == ["bad_duration"]


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        ("2024-03-10T00:15:00", "no_offset"),
        ("2024-03-10", "bad_date"),
        ("2024-02-30T00:15:00Z", "bad_date"),
        ("1024-02-28T00:15:00Z", "bad_date"),
        ("2024-03-10T00:15:00+0500", "bad_date"),
        ("", "bad_date"),
    ],
)
def test_a_stamp_that_is_no_instant_is_rejected(stamp: str, reason: str) -> None:
    text = message(meter(block([interval(stamp), interval("2024-03-10T00:15:00Z")])))
    found = records(text)
    assert reasons(found) == [reason]
    assert found.intervals.height == 1
    line = next(number for number, line in enumerate(text.split("\n"), 1) if line.startswith("<IntervalReadings>"))
    assert found.rejects["line"].to_list() == [line]


@pytest.mark.parametrize(
    ("codes", "quality"),
    [
        ([], Quality.ACTUAL),
        (["1.0.0"], Quality.ACTUAL),
        (["3.0.0"], Quality.ACTUAL),
        (["1.2.32"], Quality.ACTUAL),  # the power failed: what was used was used
        (["1.4.2"], Quality.SUSPECT),  # a partial interval
        (["1.4.4"], Quality.MISSING),  # a skipped one
        (["2.5.259"], Quality.MISSING),
        (["3.5.257"], Quality.SUSPECT),
        (["3.6.0"], Quality.SUSPECT),
        (["3.7.0"], Quality.EDITED),
        (["3.8.1"], Quality.ESTIMATED),
        (["3.11.0"], Quality.SUBSTITUTED),
        (["3.12.0"], Quality.FORECAST),
        (["3.0.0", "3.7.0", "1.2.32"], Quality.EDITED),  # the worst of several counts
        (["3.0.0", "9.99.9"], None),
        (["valid"], None),
    ],
)
def test_qualities_of_three_parts_are_mapped_and_the_worst_wins(codes: list[str], quality: int | None) -> None:
    found = records(message(meter(block([interval("2024-03-10T00:15:00Z", codes=codes)]))))
    assert found.intervals.select("code", "quality").rows() == [(" ".join(codes), quality)]


def test_a_reading_known_to_be_missing_has_no_value() -> None:
    found = records(message(meter(block([interval("2024-03-10T00:15:00Z", None, ["2.5.259"])]))))
    assert found.intervals.select("value", "quality").rows() == [("", Quality.MISSING)]


def test_cumulative_values_are_register_readings_on_the_clock_as_written() -> None:
    found = records(message(meter(register("2024-03-10T00:00:00-05:00", "12345.6", codes=["3.0.0"]))))
    assert found.series.select("suffix", "unit", "power", "file_minutes").rows() == [(REGISTER, "Wh", 3, 0)]
    assert found.readings.select("meter_id", "read_at", "value", "kind", "code", "quality").rows() == [
        ("M1", datetime(2024, 3, 10), "12345.6", "regular", "3.0.0", Quality.ACTUAL)
    ]


def test_cumulative_values_in_blocks_are_no_use_of_intervals() -> None:
    code = "0.0.2.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
    found = records(message(meter(block([interval("2024-03-10T00:15:00-05:00", "100")], code))))
    assert found.intervals.is_empty()
    assert found.readings["value"].to_list() == ["100"]


def test_a_register_read_in_utc_has_no_day() -> None:
    found = records(message(meter(register("2024-03-10T00:00:00Z"))))
    assert reasons(found) == ["no_local_time"]


def test_deltas_outside_of_blocks_are_intervals_too() -> None:
    found = records(message(meter(register("2024-03-10T00:15:00Z", "3", QUARTER_HOURS))))
    assert found.intervals.select("start_utc", "value").rows() == [(utc(0), "3")]


def test_a_delta_of_a_length_that_is_not_told_is_rejected() -> None:
    rolling = "0.0.57.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
    found = records(message(meter(block([interval("2024-03-10T00:15:00Z")], rolling))))
    assert reasons(found) == ["bad_duration"]


def test_each_reading_type_of_a_point_is_a_series() -> None:
    stamp = "2024-03-10T00:15:00-05:00"
    found = records(
        message(
            meter(block([interval(stamp, "1")]), block([interval(stamp, "2")], EXPORT), register(stamp, "3")),
            meter(block([interval(stamp, "4")]), point="UP2"),
            meter(block([interval("2024-03-10T00:30:00-05:00", "5")])),
        )
    )
    assert found.series.select("series_no", "meter_point", "suffix").rows() == [
        (0, "UP1", QUARTER_HOURS),
        (1, "UP1", EXPORT),
        (2, "UP1", REGISTER),
        (3, "UP2", QUARTER_HOURS),
    ]
    assert found.intervals.select("series_no", "value").rows() == [(0, "1"), (1, "2"), (3, "4"), (0, "5")]


def test_a_reading_names_its_point_by_usage_point_or_meter() -> None:
    one = block([interval("2024-03-10T00:15:00Z")])
    named = "<UsagePoint><Names><name>House 7</name></Names></UsagePoint>"
    found = records(message(meter(one, point="", serial="M9"), meter(one, named, point="", serial="")))
    assert found.series["meter_point"].to_list() == ["M9", "House 7"]


def test_singular_names_of_elements_are_known_too() -> None:
    text = message(meter(block([interval("2024-03-10T00:15:00Z", "7")])))
    singular = text.replace("IntervalReadings>", "IntervalReading>").replace("IntervalBlocks>", "IntervalBlock>")
    assert records(singular).intervals["value"].to_list() == ["7"]


def test_a_message_on_one_line_keeps_its_readings_apart() -> None:
    stamps = ["2024-03-10T00:15:00Z", "2024-03-10T00:30:00Z", "soon", "later"]
    found = records(message(meter(block([interval(stamp) for stamp in stamps]))).replace("\n", ""))
    assert found.intervals["line"].n_unique() == 2
    assert reasons(found) == ["bad_date", "bad_date"]


def test_reading_types_are_told_in_words() -> None:
    stamp = "2024-03-10T00:15:00-05:00"
    found = records(message(meter(block([interval(stamp)]), register(stamp))))
    assert found.notes[f"reading type {QUARTER_HOURS}"] == "15 minutes, delta, delivered, electricity, Wh x 10^3"
    assert found.notes[f"reading type {REGISTER}"] == ("no interval, bulk quantity, delivered, electricity, Wh x 10^3")
    assert found.notes["created"] == "2024-03-11T04:00:00Z"


@pytest.mark.parametrize(
    ("part", "minutes"),
    [
        ("0", None),
        ("1", 10),
        ("2", 15),
        ("3", 1),
        ("4", 1440),
        ("5", 30),
        ("6", 5),
        ("7", 60),
        ("31", 20),
        ("57", None),
    ],
)
def test_the_third_part_is_the_length_of_intervals(part: str, minutes: int | None) -> None:
    kind = read_type(f"0.0.{part}.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0")
    assert kind is not None
    assert kind.minutes == minutes


@pytest.mark.parametrize(
    ("parts", "unit", "power", "direction", "commodity"),
    [
        ("4.1.1.12.0.0.0.0.0.0.0.0.0.72.0", "Wh", 0, "delivered", "1"),
        ("4.19.1.12.0.0.0.0.0.0.0.0.3.73.0", "varh", 3, "received", "1"),
        ("4.1.7.58.0.0.0.0.0.0.0.0.0.42.0", "m3", 0, "delivered", "7"),
        ("4.1.9.58.0.0.0.0.0.0.0.0.0.134.0", "L", 0, "delivered", "9"),
        ("4.1.7.12.0.0.0.0.0.0.0.0.-3.169.0", "therm", -3, "delivered", "7"),
    ],
)
def test_unit_power_direction_and_commodity_are_parts(
    parts: str, unit: str, power: int, direction: str, commodity: str
) -> None:
    kind = read_type(f"0.0.7.{parts}")
    assert kind is not None
    assert (kind.unit, kind.power, kind.direction, kind.commodity) == (unit, power, direction, commodity)


@pytest.mark.parametrize("code", ["", "0.0.2.4", QUARTER_HOURS + ".0", QUARTER_HOURS.replace("72", "Wh"), "a"])
def test_a_type_that_is_no_code_of_eighteen_parts_is_rejected(code: str) -> None:
    found = records(message(meter(block([interval("2024-03-10T00:15:00Z")], code))))
    assert reasons(found) == ["bad_reading_type"]
    assert found.series.is_empty()


@pytest.mark.parametrize(
    "wrong",
    [
        "<IntervalReadings><timeStamp>2024-03-10T00:15:00Z</timeStamp><value>1</value><value>2</value></IntervalReadings>",
        "<IntervalReadings><timeStamp>2024-03-10T00:15:00Z</timeStamp><value>1<x/></value></IntervalReadings>",
        "<IntervalReadings><timeStamp>2024-03-10T00:15:00Z</timeStamp><timeStamp>2024-03-10T00:30:00Z</timeStamp>"
        "<value>1</value></IntervalReadings>",
    ],
)
def test_a_reading_that_says_something_twice_is_rejected(wrong: str) -> None:
    found = records(message(meter(block([wrong]))))
    assert reasons(found) == ["bad_reading"]
    assert found.intervals.is_empty()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (message(), "no_data"),
        (message(meter(block([interval("2024-03-10T00:15:00Z")])))[:-30], "bad_xml"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><EventMessage>&b;</EventMessage>', "bad_xml"),
    ],
)
def test_a_message_without_readings_or_end_is_refused_as_a_whole(text: str, reason: str) -> None:
    found = records(text)
    assert found.rejects.select("line", "reason").rows() == [(0, reason)]
    assert found.series.is_empty()


@pytest.mark.parametrize(
    ("start", "is_one"),
    [
        (message()[:200], True),
        ('<MeterReadings xmlns="http://iec.ch/TC57/2011/MeterReadings#">', True),
        ('<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><x xmlns="http://iec.ch/TC57/2011/x">', True),
        ('<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">', False),
        ('<feed xmlns="http://www.w3.org/2005/Atom">', False),
        ("<html><body>EventMessage", False),
        ("100,NEM12,202410020000,MDP,RETAILER", False),
    ],
)
def test_a_message_is_told_by_its_root(start: str, is_one: bool) -> None:
    assert iec61968.matches(Opening(start.partition("\n")[0], (), start.encode())) is is_one


def test_every_quarter_hour_of_a_year_is_kept() -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    ends = [first + timedelta(minutes=15 * at) for at in range(1, 366 * 96 + 1)]
    text = message(meter(block([interval(end.isoformat(), str(at)) for at, end in enumerate(ends)])))
    found = records(text)
    assert found.intervals["start_utc"].to_list() == [end - timedelta(minutes=15) for end in ends]
    assert found.intervals["value"].to_list() == [str(at) for at in range(len(ends))]
