from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from flow_files import read_soundly, readings, reasons
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.flows import d0010
from ingest.formats.records import Opening

HEAD = "ZHV|0000900001|D0010002|D|UDMS|X|MRCY|20260602153151||||OPER|"
POINT, METER = "026|1200000000018|V|", "028|S90A 12345|R|"
REGISTER = "030|S|20260601000000|56311.0|||T|N|"


def flow(*body: str, records: int | None = None, points: int | None = None) -> str:
    """Return a flow whose foot counts its body, unless told otherwise."""
    counted = sum(line.startswith("026") for line in body) if points is None else points
    foot = f"ZPT|0000900001|{len(body) if records is None else records}||{counted}|20260602154650|"
    return "\r\n".join([HEAD, *body, foot]) + "\r\n"


def test_a_register_is_read_below_its_meter_and_meter_point() -> None:
    second = "030|01|20260601093000|00012.5|||T|P|"
    records = read_soundly(d0010.read, flow(POINT, "027|01|no access|", METER, REGISTER, "032|03|", second))
    assert reasons(records) == []
    point, meter = "1200000000018", "S90A 12345"
    assert [one[:8] for one in readings(records)] == [
        (point, "01", meter, datetime(2026, 6, 1, 9, 30), "00012.5", "regular", "V/R/T/P", 0),
        (point, "S", meter, datetime(2026, 6, 1), "56311.0", "regular", "V/R/T/N", 0),
    ]
    assert records.series.select("unit", "file_minutes").rows() == [("", 0), ("", 0)]
    assert records.readings["updated_at"].to_list() == [datetime(2026, 6, 2, 15, 31, 51)] * 2


@pytest.mark.parametrize(
    ("status", "letter", "flag", "kind", "quality"),
    [
        ("V", "R", "T", "regular", 0),
        ("U", "S", "T", "regular", 0),
        ("V", "C", "T", "customer", 6),
        ("V", "D", "T", "estimate", 4),
        ("V", "O", "T", "estimate", 4),
        ("V", "F", "T", "removal", 0),
        ("V", "I", "T", "install", 0),
        ("V", "Q", "T", "regular", 1),
        ("F", "R", "T", "regular", 7),  # failed validation
        ("V", "R", "F", "regular", 7),  # this register's reading failed
        ("V", "9", "T", "regular", None),
    ],
)
def test_the_reading_type_tells_kind_and_quality(
    status: str, letter: str, flag: str, kind: str, quality: int | None
) -> None:
    body = [f"026|1200000000018|{status}|", f"028|S90|{letter}|", f"030|S|20260601000000|1|||{flag}|N|"]
    found = readings(read_soundly(d0010.read, flow(*body)))
    assert found[0][5:8] == (kind, f"{status}/{letter}/{flag}/N", quality)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([METER, REGISTER], (3, "no_meter_point")),
        ([POINT, REGISTER], (3, "no_meter")),
        ([POINT, METER, POINT, REGISTER], (5, "no_meter")),  # a meter belongs to the point above it
        ([POINT, METER, "030||20260601000000|1|||T|N|"], (4, "no_channel")),
        ([POINT, METER, "030|S|20260631000000|1|||T|N|"], (4, "bad_date")),
        ([POINT, METER, "030|S|202606|1|||T|N|"], (4, "bad_date")),
        ([POINT, METER, "030|S|20260601000000||||T|N|"], (4, "no_reading")),
        ([POINT, "028|S90|W|", REGISTER], (4, "withdrawn")),
        ([POINT, METER, REGISTER, "3x0|"], (5, "unknown_record")),
    ],
)
def test_a_record_that_does_not_fit_is_rejected_alone(body: list[str], expected: tuple[int, str]) -> None:
    records = read_soundly(d0010.read, flow(*body, POINT, METER, REGISTER))
    assert reasons(records) == [expected]
    assert records.readings.height >= 1


@pytest.mark.parametrize(("records", "points"), [(4, 1), (3, 2), (0, 0)])
def test_a_foot_that_counts_otherwise_is_rejected_and_the_readings_stay(records: int, points: int) -> None:
    found = read_soundly(d0010.read, flow(POINT, METER, REGISTER, records=records, points=points))
    assert reasons(found) == [(5, "record_count")]
    assert found.readings.height == 1


def test_a_flow_that_breaks_off_says_so() -> None:
    text = "\n".join([HEAD, POINT, METER, REGISTER])
    assert reasons(read_soundly(d0010.read, text)) == [(4, "no_end_record")]


def test_a_flow_without_head_or_readings_is_refused() -> None:
    assert reasons(read_soundly(d0010.read, "\n".join([POINT, METER, REGISTER]))) == [(0, "no_header_record")]
    assert reasons(read_soundly(d0010.read, flow(POINT, METER))) == [(0, "no_data")]


READINGS = st.tuples(
    st.sampled_from(["1200000000018", "1900000000027"]),
    st.sampled_from(["S90A 1", "L85"]),
    st.sampled_from(["S", "01", "TO"]),
    st.integers(0, 10**6),
    st.decimals(0, 10**8, places=1).map(str),
)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(READINGS, min_size=1, max_size=6), seed=st.integers(0, 9999))
def test_what_is_written_comes_back_whatever_the_order(rows: list[tuple[str, str, str, int, str]], seed: int) -> None:
    expected = [
        (point, register, meter, datetime(2020, 1, 1) + timedelta(minutes=minutes), value)
        for point, meter, register, minutes, value in rows
    ]
    groups = [
        [f"026|{point}|V|", f"028|{meter}|R|", f"030|{register}|{moment:%Y%m%d%H%M%S}|{value}|||T|N|"]
        for point, register, meter, moment, value in expected
    ]
    random.Random(seed).shuffle(groups)
    records = read_soundly(d0010.read, flow(*(line for group in groups for line in group)))
    assert records.rejects.is_empty()
    assert [one[:5] for one in readings(records)] == sorted(expected, key=str)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damage_anywhere_never_raises(data: st.DataObject) -> None:
    text = flow(POINT, METER, REGISTER, REGISTER.replace("|S|", "|TO|"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(st.sampled_from(["|", "\n", "", "026|", "ZHV|", "ZPT", "9" * 20, "é", "-", '"']))
        text = text[:at] + piece + text[at + data.draw(st.sampled_from([0, 1, 9, 60])) :] or "x"
    records = read_soundly(d0010.read, text if text.strip(" ,\t\r\n") else "ZHV")
    assert records.readings.height <= 3


def test_a_file_is_told_by_its_head() -> None:
    for first, expected in ((HEAD, True), ("ZHV|1|D0150001|", False), (POINT, False), ("ZHD|1|D0010002|", True)):
        assert d0010.matches(Opening(first, (), first.encode())) is expected
