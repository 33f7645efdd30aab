"""Green Button feeds made by hand: joined by links, timed in seconds, in any shape that the standard allows."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from espi_files import (
    POINT,
    block,
    clock,
    entry,
    feed,
    house,
    meter_reading,
    reading,
    reading_type,
    records,
    summary,
    total,
    usage_point,
)

from ingest.formats.records import FileRecords, Opening
from ingest.formats.xml import espi
from model.codes import Quality

NOON = 1_720_000_800  # 2024-07-03T10:00:00Z
HOUR = 3600


def first_hours(*values: int) -> list[str]:
    return [reading(NOON + HOUR * at, value) for at, value in enumerate(values)]


def reasons(found: FileRecords) -> list[str]:
    return found.rejects["reason"].to_list()


def test_a_feed_gives_a_series_with_its_unit_and_its_intervals() -> None:
    found = records(house(reading_type(), block(first_hours(450, 430))))
    assert found.series.select("series_no", "meter_point", "suffix", "unit", "power", "file_minutes").rows() == [
        (0, POINT, "delivered", "Wh", 0, 60)
    ]
    assert found.intervals.select("series_no", "start_utc", "minutes", "value", "code", "quality").rows() == [
        (0, datetime(2024, 7, 3, 10, tzinfo=UTC), None, "450", "", Quality.ACTUAL),
        (0, datetime(2024, 7, 3, 11, tzinfo=UTC), None, "430", "", Quality.ACTUAL),
    ]
    assert found.rejects.is_empty()


def test_each_interval_has_the_line_of_its_element() -> None:
    text = house(reading_type(), block(first_hours(450, 430)))
    lines = [number for number, line in enumerate(text.split("\n"), start=1) if line.startswith("<IntervalReading>")]
    assert records(text).intervals["line"].to_list() == lines


def test_a_feed_on_one_line_counts_elements_instead_of_lines() -> None:
    text = house(reading_type(), block([*first_hours(450, 430), reading("soon", 1)])).replace("\n", "")
    found = records(text)
    assert found.intervals["value"].to_list() == ["450", "430"]
    assert found.intervals["line"].n_unique() == 2
    assert "count its elements" in found.notes["lines"]
    assert found.rejects.select("reason", "text").rows() == [("bad_date", None)]


@pytest.mark.parametrize(
    ("uom", "power", "unit", "expected_power"),
    [
        (72, 0, "Wh", 0),
        (72, 3, "Wh", 3),
        (169, -3, "therm", -3),
        (42, 0, "m3", 0),
        (119, 2, "ft3", 2),
        (128, 0, "gal", 0),
        (134, 0, "L", 0),
        (132, 5, "Btu", 5),
        (31, 6, "kJ", 3),  # a megajoule is a thousand of the kilojoules that we write
        (38, 0, "W", 0),
        (61, 0, "VA", 0),
        (63, 0, "var", 0),
        (71, 0, "VAh", 0),
        (73, 0, "varh", 0),
        (23, 0, "uom 23", 0),  # degrees Celsius: nothing that is billed, and said so
        ("", "", "", 0),
    ],
)
def test_units_are_told_by_their_number(uom: int, power: int, unit: str, expected_power: int) -> None:
    found = records(house(reading_type(uom=uom, powerOfTenMultiplier=power), block(first_hours(1))))
    assert found.series.select("unit", "power").rows() == [(unit, expected_power)]


@pytest.mark.parametrize("power", ["3.5", "x", "99", "1e2", "--3"])
def test_a_power_that_is_no_small_integer_rejects_the_block(power: str) -> None:
    found = records(house(reading_type(powerOfTenMultiplier=power), block(first_hours(1))))
    assert reasons(found) == ["bad_power"]
    assert found.intervals.is_empty()


@pytest.mark.parametrize(
    ("direction", "suffix"),
    [
        ("1", "delivered"),
        ("19", "received"),
        ("4", "net"),
        ("20", "total"),
        ("0", "usage"),
        ("", "usage"),
        ("9", "flow9"),
    ],
)
def test_the_direction_of_the_flow_becomes_the_suffix(direction: str, suffix: str) -> None:
    found = records(house(reading_type(flowDirection=direction), block(first_hours(1))))
    assert found.series["suffix"].to_list() == [suffix]


def test_two_meter_readings_of_one_direction_are_told_apart_by_their_numbers() -> None:
    found = records(
        feed(
            usage_point(),
            *(meter_reading(number, number) for number in ("1", "2", "3")),
            reading_type("1"),
            reading_type("2", intervalLength=900),
            reading_type("3", flowDirection=19),
            *(block(first_hours(int(number)), of=f"{POINT}/MeterReading/{number}") for number in ("1", "2", "3")),
        )
    )
    assert found.series["suffix"].to_list() == ["delivered/1", "delivered/2", "received"]
    assert found.intervals["value"].to_list() == ["1", "2", "3"]
    assert found.intervals["series_no"].to_list() == [0, 1, 2]


def test_resources_are_joined_by_links_wherever_they_stand() -> None:
    other = "RetailCustomer/8/UsagePoint/1"
    found = records(
        feed(
            block(first_hours(5), of=f"{other}/MeterReading/1"),
            reading_type("2", uom=169),
            meter_reading("1", "2", other),
            block(first_hours(7)),
            usage_point(other),
            usage_point(),
            reading_type("1"),
            meter_reading(),
        )
    )
    told = found.intervals.join(found.series, on="series_no", how="left", validate="m:1")
    assert told.select("meter_point", "unit", "value").sort("value").rows() == [
        (other, "therm", "5"),
        (POINT, "Wh", "7"),
    ]


def test_a_resource_that_is_repeated_is_one() -> None:
    parts = [usage_point(), meter_reading(), reading_type(), block(first_hours(5))]
    again = [usage_point(), meter_reading(), reading_type(), block([reading(NOON + HOUR, 6)], "2")]
    told = summary(total("overallConsumptionLastPeriod", 11), period=(NOON, 2 * HOUR))
    found = records(feed(*parts, *again, told))
    assert found.series.height == 1
    assert found.intervals["value"].to_list() == ["5", "6"]
    assert any("11 Wh: equals" in text for text in found.notes.values())


def test_what_a_customer_gives_back_is_no_consumption() -> None:
    told = summary(total("overallConsumptionLastPeriod", 5), period=(NOON, HOUR))
    found = records(house(reading_type(flowDirection=19), block(first_hours(5)), told))
    assert any("no intervals in its unit" in text for text in found.notes.values())


def test_links_with_and_without_host_are_the_same() -> None:
    text = house(reading_type(), block(first_hours(5)), usage_point("RetailCustomer/9/UsagePoint/9"))
    hosted = text.replace('href="/espi', 'href="https://utility.example/espi', 3)
    found = records(hosted)
    assert found.series["meter_point"].to_list() == [POINT]


def test_a_block_listed_by_its_own_address_needs_no_link_up() -> None:
    reading_address = "v1/UsagePoint/A/MeterReading/1"
    found = records(
        feed(
            entry("<UsagePoint/>", "v1/UsagePoint/A", [reading_address], up=""),
            entry(
                "<MeterReading/>", reading_address, ["v1/ReadingType/0", f"{reading_address}/IntervalBlock/1"], up=""
            ),
            reading_type().replace("ReadingType/1", "v1/ReadingType/0"),
            block(first_hours(5), of=reading_address),
            usage_point("v1/UsagePoint/B", []),
        )
    )
    assert found.series["meter_point"].to_list() == ["v1/UsagePoint/A"]


def test_a_file_without_usage_point_or_links_takes_the_only_reading_type() -> None:
    text = feed(entry(inner(reading_type())), entry(inner(block(first_hours(5, 6)))))
    found = records(text)
    assert found.series.select("meter_point", "suffix", "unit").rows() == [("", "delivered", "Wh")]
    assert found.intervals.height == 2


def inner(text: str) -> str:
    """Return the resource in an entry."""
    return text.partition("<content>\n")[2].partition("\n</content>")[0]


def test_several_blocks_in_one_content_are_one_series() -> None:
    both = inner(block(first_hours(5))) + "\n" + inner(block([reading(NOON + 2 * HOUR, 6)]))
    found = records(house(reading_type(), entry(both, f"{POINT}/MeterReading/1/IntervalBlock/1")))
    assert found.intervals["value"].to_list() == ["5", "6"]
    assert found.series.height == 1


def test_a_block_by_itself_is_a_file() -> None:
    found = records('<IntervalBlock xmlns="http://naesb.org/espi">' + "\n".join(first_hours(5, 6)) + "</IntervalBlock>")
    assert found.series.select("meter_point", "unit", "file_minutes").rows() == [("", "", 60)]
    assert found.intervals.height == 2


def test_a_block_that_two_meter_readings_may_own_is_rejected() -> None:
    found = records(
        feed(
            usage_point(), reading_type(), meter_reading("1"), meter_reading("2"), block(first_hours(5), of="Elsewhere")
        )
    )
    assert reasons(found) == ["ambiguous_link"]
    assert found.intervals.is_empty()


def test_prefixes_are_free() -> None:
    text = (
        '<a:feed xmlns:a="http://www.w3.org/2005/Atom" xmlns:n="http://naesb.org/espi"><a:entry><a:content>'
        "<n:IntervalBlock><n:IntervalReading><n:timePeriod><n:duration>900</n:duration><n:start>1720000800</n:start>"
        "</n:timePeriod><n:value>12</n:value></n:IntervalReading></n:IntervalBlock></a:content></a:entry></a:feed>"
    )
    assert records(text).intervals["value"].to_list() == ["12"]


def test_starts_may_have_a_fraction() -> None:
    found = records(house(reading_type(), block([reading("1721154384.66136", 5)])))
    # 1721154384 is 2024-07-16T18:26:24Z
    assert found.intervals["start_utc"].to_list() == [datetime(2024, 7, 16, 18, 26, 24, 661360, tzinfo=UTC)]


@pytest.mark.parametrize("start", ["", "-1", "1e9", "soon", "99999999999", "1.1234567", "4" * 30])
def test_a_start_that_is_none_is_rejected(start: str) -> None:
    found = records(house(reading_type(), block([reading(start or " ", 5), reading(NOON, 6)])))
    assert reasons(found) == ["bad_date"]
    assert found.intervals["value"].to_list() == ["6"]


def test_readings_without_times_follow_each_other_from_the_start_of_their_block() -> None:
    timeless = [reading(None, value, None) for value in (5, 6, 7)]
    found = records(house(reading_type(intervalLength=900), block(timeless, start=NOON, seconds=2700)))
    assert found.intervals["start_utc"].dt.epoch("s").to_list() == [NOON, NOON + 900, NOON + 1800]
    assert found.series["file_minutes"].to_list() == [15]


def test_a_lone_reading_without_length_has_that_of_its_block() -> None:
    found = records(house(reading_type(intervalLength=""), block([reading(NOON, 5, None)], start=NOON, seconds=7200)))
    assert found.series["file_minutes"].to_list() == [120]


@pytest.mark.parametrize("seconds", [0, 59, 90, 86_400 * 401])
def test_a_length_of_no_whole_minutes_is_rejected(seconds: int) -> None:
    found = records(house(reading_type(), block([reading(NOON, 5, seconds)])))
    assert reasons(found) == ["bad_duration"]


def test_days_of_23_and_25_hours_keep_their_own_length() -> None:
    days = [(1_710_046_800, 82_800), (1_710_129_600, 86_400), (1_730_606_400, 90_000)]
    rows = [reading(start, 10, seconds) for start, seconds in days]
    found = records(house(reading_type(intervalLength=86_400), block(rows)))
    assert found.series["file_minutes"].to_list() == [1440]
    assert found.intervals["minutes"].to_list() == [1380, None, 1500]


@pytest.mark.parametrize(
    ("codes", "code", "quality"),
    [
        ([], "", Quality.ACTUAL),
        (["0"], "0", Quality.ACTUAL),
        (["7"], "7", Quality.EDITED),
        (["8"], "8", Quality.SUBSTITUTED),
        (["9"], "9", Quality.SUBSTITUTED),
        (["10"], "10", Quality.SUSPECT),
        (["11"], "11", Quality.SUBSTITUTED),
        (["12"], "12", Quality.FORECAST),
        (["14"], "14", Quality.SUSPECT),
        (["17"], "17", Quality.EDITED),
        (["18"], "18", Quality.ACTUAL),
        (["19"], "19", Quality.ACTUAL),
        (["0", "12"], "0 12", Quality.FORECAST),  # the worst of several counts
        (["99"], "99", None),
        (["0", "99"], "0 99", None),
    ],
)
def test_qualities_are_mapped_and_the_worst_wins(codes: list[str], code: str, quality: int | None) -> None:
    found = records(house(reading_type(), block([reading(NOON, 5, qualities=codes), reading(NOON + HOUR, 6)])))
    assert found.intervals.select("code", "quality").rows() == [(code, quality), ("", Quality.ACTUAL)]


def test_a_reading_without_quality_has_that_of_its_type() -> None:
    rows = [reading(NOON, 5), reading(NOON + HOUR, 6, qualities=["19"])]
    found = records(house(reading_type(defaultQuality=8), block(rows)))
    assert found.intervals.select("code", "quality").rows() == [("8", Quality.SUBSTITUTED), ("19", Quality.ACTUAL)]


def test_a_reading_with_two_values_is_rejected_and_one_without_is_missing() -> None:
    rows = [reading(NOON, "5</value><value>6"), reading(NOON + HOUR, "7<x/>"), reading(NOON + 2 * HOUR, "")]
    found = records(house(reading_type(), block(rows)))
    assert reasons(found) == ["bad_reading", "bad_reading"]
    assert found.intervals["value"].to_list() == [""]


def test_costs_are_added_up_in_the_notes() -> None:
    rows = [reading(NOON, 5, cost="974"), reading(NOON + HOUR, 6, cost="938"), reading(NOON + 2 * HOUR, 7)]
    assert records(house(reading_type(), block(rows))).notes["cost_raw_total"] == "1912"


def test_cumulative_values_are_register_readings_on_the_local_clock() -> None:
    rows = [reading(1_710_053_999, 100, 0), reading(1_710_054_000, 101, 0)]  # the second before 07:00Z, and 07:00Z
    found = records(house(reading_type(accumulationBehaviour=3), block(rows)))
    assert found.series["file_minutes"].to_list() == [0]
    assert found.intervals.is_empty()
    assert found.readings.select("read_at", "value", "kind", "quality").rows() == [
        (datetime(2024, 3, 10, 1, 59, 59), "100", "regular", Quality.ACTUAL),
        (datetime(2024, 3, 10, 3, 0), "101", "regular", Quality.ACTUAL),  # the clock jumps from 02:00 to 03:00
    ]


def test_a_register_without_local_clock_is_rejected() -> None:
    found = records(
        feed(usage_point(), meter_reading(), reading_type(accumulationBehaviour=3), block([reading(NOON, 100, 0)]))
    )
    assert reasons(found) == ["no_local_time"]


@pytest.mark.parametrize(
    ("stated", "verdict", "reason"),
    [
        (11, "equals", []),
        (12, "differs", ["total_differs"]),
    ],
)
def test_a_stated_total_of_the_last_period_is_compared(stated: int, verdict: str, reason: list[str]) -> None:
    told = summary(total("overallConsumptionLastPeriod", stated), period=(NOON, 2 * HOUR))
    found = records(house(reading_type(), block(first_hours(5, 6, 70)), told))
    note = next(text for name, text in found.notes.items() if name.startswith("overallConsumptionLastPeriod"))
    assert note.startswith(f"{stated} Wh: {verdict}")
    assert reasons(found) == reason
    assert found.intervals.height == 3  # a total that is wrong takes nothing away


def test_the_current_total_runs_from_the_end_of_the_period_to_its_stamp() -> None:
    told = summary(
        total("currentBillingPeriodOverAllConsumption", 13, stamp=NOON + 3 * HOUR, power=-0), period=(NOON, HOUR)
    )
    found = records(house(reading_type(), block(first_hours(5, 6, 7, 80)), told))
    assert "equals" in found.notes[next(name for name in found.notes if name.startswith("currentBilling"))]


def test_totals_and_readings_may_differ_in_their_power_of_ten() -> None:
    told = summary(total("overallConsumptionLastPeriod", 5, power=3), period=(NOON, HOUR))
    found = records(house(reading_type(powerOfTenMultiplier=2), block(first_hours(50)), told))
    assert found.rejects.is_empty()
    assert any(text.startswith("5000 Wh: equals") for text in found.notes.values())


def test_a_total_of_a_period_that_is_not_in_the_file_is_not_checked() -> None:
    told = summary(total("overallConsumptionLastPeriod", 99), period=(NOON, 4 * HOUR))
    found = records(house(reading_type(), block(first_hours(5, 6)), told))
    assert any("not checked, intervals cover 7200 of 14400 seconds" in text for text in found.notes.values())
    assert found.rejects.is_empty()


def test_starts_that_repeat_are_all_kept_and_counted() -> None:
    rows = [reading(NOON, 5), reading(NOON, 5), reading(NOON, 6)]
    found = records(house(reading_type(), block(rows)))
    assert found.intervals["value"].to_list() == ["5", "5", "6"]
    assert found.notes["readings with a start that came before"] == "2"


def test_markup_that_is_no_element_is_no_reading() -> None:
    aside = "<!-- <IntervalReading><value>9</value></IntervalReading> --><![CDATA[<value>9</value>]]><?say <value>?>"
    odd = entry("<UsagePoint/>", title="a > b & 'c'").replace("<entry>", '<entry note="x>y" other=\'a">b\'>')
    value = "<![CDATA[4]]><!-- 9 -->2"
    found = records(house(odd, reading_type(), aside, block([reading(NOON, value), reading(NOON + HOUR, "&#52;3")])))
    assert found.intervals["value"].to_list() == ["42", "43"]


BOMB = """<?xml version="1.0"?>
<!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&b;</title></feed>"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&x;</title></feed>"""


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (BOMB, "expected XML without a document type, found DOCTYPE `feed` in line 2"),
        (OUTSIDE, "expected XML without a document type, found DOCTYPE `feed` in line 2"),
        ("<feed>\n<entry>\n</feed>", "expected well-formed XML, found mismatched tag in line 3, column 3"),
        ("<feed>\n<entry>", "expected well-formed XML, found no element found in line 2, column 8"),
        ("<feed>&nbsp;</feed>", "expected well-formed XML, found undefined entity in line 1, column 7"),
        ("<a>" * 65 + "</a>" * 65, "expected at most 64 nested elements, found 65"),
    ],
)
def test_what_is_not_plain_sound_xml_is_refused_as_a_whole(text: str, detail: str) -> None:
    found = records(text)
    assert found.rejects.select("line", "reason", "detail").rows() == [(0, "bad_xml", detail)]
    assert found.intervals.is_empty()
    assert found.series.is_empty()


def test_a_feed_without_readings_is_refused() -> None:
    found = records('<ServiceCategory xmlns="http://naesb.org/espi"><kind>9</kind></ServiceCategory>')
    assert found.rejects.select("line", "reason").rows() == [(0, "no_data")]


def test_large_texts_are_no_reason_to_refuse() -> None:
    found = records(house(entry("<UsagePoint/>", title="x" * 12_000_000), reading_type(), block(first_hours(5))))
    assert found.intervals["value"].to_list() == ["5"]


def test_utf16_is_read_whatever_the_declaration_says() -> None:
    text = house(reading_type(), block(first_hours(5))).replace("UTF-8", "UTF-16")
    assert records(text.encode("utf-16")).intervals["value"].to_list() == ["5"]


@pytest.mark.parametrize(
    ("start", "is_one"),
    [
        ('<?xml version="1.0"?>\n<!-- a > b -->\n<feed xmlns="http://www.w3.org/2005/Atom">', True),
        ("\ufeff<a:feed xmlns:a='http://www.w3.org/2005/Atom'>", True),
        ('<espi:IntervalBlock xmlns:espi="http://naesb.org/espi">', True),
        ("<!DOCTYPE html>\n<html><body>503 naesb.org/espi</body></html>", False),
        ('<html xmlns="http://www.w3.org/1999/xhtml"><body>', False),
        ('<EventMessage xmlns="http://iec.ch/TC57/2011/schema/message">', False),
        ("200,NMI1,E1,1,E1,N1,METER1,kWh,30,", False),
        ("<!-- no root yet", False),
    ],
)
def test_a_feed_is_told_by_its_root(start: str, is_one: bool) -> None:
    assert espi.matches(Opening(start.partition("\n")[0], (), start.encode())) is is_one


def test_the_clock_is_told_in_words() -> None:
    found = records(house(reading_type(), block(first_hours(5))))
    assert found.notes[f"clock of {POINT}"] == (
        "UTC-05:00, 60 minutes of daylight saving from second Sunday of March, 02:00, "
        "to first Sunday of November, 02:00"
    )


def test_a_clock_that_cannot_be_read_is_told_and_takes_no_intervals() -> None:
    found = records(feed(usage_point(), clock("F60E2000"), meter_reading(), reading_type(), block(first_hours(5))))
    assert "not readable" in found.notes[f"clock of {POINT}"]
    assert found.intervals.height == 1


def test_the_order_of_entries_changes_nothing() -> None:
    parts = [usage_point(), clock(), meter_reading(), reading_type(), block(first_hours(5, 6))]
    columns = ["start_utc", "value", "code", "quality"]
    forward, backward = records(feed(*parts)), records(feed(*reversed(parts)))
    assert forward.intervals.select(columns).equals(backward.intervals.select(columns))
    assert forward.series.drop("line").equals(backward.series.drop("line"))
    assert isinstance(forward.intervals, pl.DataFrame)
