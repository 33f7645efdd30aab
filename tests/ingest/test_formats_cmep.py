from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from flow_files import intervals, read_soundly, readings, reasons, total
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import shared_file

from ingest.formats.flows import cmep
from ingest.formats.records import Opening

NIGHT = ZoneInfo("America/Los_Angeles")


def row(
    *triples: str,
    unit: str = "KWH",
    constant: str = "1.0",
    interval: str = "00000100",
    meter: str = "M1",
    purpose: str = "OK",
    created: str = "202606031515",
    count: str | None = None,
) -> str:
    """Return a MEPMD01 record of these triples."""
    head = f"MEPMD01,20080501,SENSUS,U:1,7,{meter},{created},{meter},{purpose},E,{unit},{constant},{interval}"
    return ",".join([head, str(len(triples)) if count is None else count, *triples])


def test_the_stamp_of_an_interval_is_its_end() -> None:
    records = read_soundly(cmep.read, row("202606020800,R0,8", "202606020900,R0,9"))
    assert reasons(records) == []
    assert intervals(records) == [
        ("M1", "KWH", "KWH", datetime(2026, 6, 2, 7), 60, "8", "R0", 0),
        ("M1", "KWH", "KWH", datetime(2026, 6, 2, 8), 60, "9", "R0", 0),
    ]
    assert records.intervals["updated_at"].to_list() == [datetime(2026, 6, 3, 15, 15)] * 2


def test_the_hours_of_a_day_add_up_to_the_register() -> None:
    # Fact of expected.csv: 24 hourly CF values sum 479 = 2932046 - 2931567. The readings are of 07:00 and 07:00, so the
    # hour stamped 08:00 is the first one, and a stamp is an end.
    records = read_soundly(cmep.read, shared_file("cmep/stpud_water_rows.cmep").read_bytes())
    assert records.rejects.is_empty()
    register = readings(records)
    assert [(point[0], point[1], point[4]) for point in register] == [
        ("B74741489", "CFREG", "2931567"),
        ("B74741489", "CFREG", "2932046"),
    ]
    hours = records.intervals.filter(pl.col("line") == 1)
    assert (hours.height, total(hours["value"])) == (24, Decimal(479))
    first, last = register[0][3], register[1][3]
    assert isinstance(last, datetime)
    assert hours["start_local"].min() == first
    assert hours["start_local"].max() == last - timedelta(hours=1)
    assert records.series.select("suffix", "unit", "file_minutes").rows() == [
        ("CF", "CF", 60),
        ("CFREG", "CF", 0),
        ("CF", "CF", 60),
    ]


def test_a_time_left_out_follows_the_one_before() -> None:
    records = read_soundly(cmep.read, row("202606020815,R0,1", ",R0,2", ",E0,3", interval="00000015"))
    starts = [found[3] for found in intervals(records)]
    assert starts == [datetime(2026, 6, 2, 8), datetime(2026, 6, 2, 8, 15), datetime(2026, 6, 2, 8, 30)]


@pytest.mark.parametrize(
    ("code", "value", "quality"),
    [
        ("R0", "5", 0),
        ("", "5", 0),
        ("V", "5", 0),
        ("D0", "5", 0),
        ("A0", "5", 1),
        ("M0", "5", 1),
        ("E0", "5", 4),
        ("N1", "", 8),  # the value beside it is a filler
        ("R64", "5", 0),  # summer time in force: says nothing against the value
        ("R512", "5", 7),  # bit 9: overflow
        ("R8192", "5", 7),  # bit 13: the register rolled over
        ("Q0", "5", None),
        ("Rx", "5", None),
    ],
)
def test_letter_and_flags_give_the_quality(code: str, value: str, quality: int | None) -> None:
    found = intervals(read_soundly(cmep.read, row(f"202606020800,{code},5")))
    assert found[0][5:] == (value, code, quality)


@pytest.mark.parametrize(
    ("constant", "power", "value"),
    [
        ("", 0, "1.25"),
        ("1", 0, "1.25"),
        ("10", 1, "1.25"),
        ("0.01", -2, "1.25"),
        ("80", 0, "100"),  # 1.25 x 80
        ("0.5", 0, "0.625"),
    ],
)
def test_the_constant_is_applied_exactly(constant: str, power: int, value: str) -> None:
    records = read_soundly(cmep.read, row("202606020800,R0,1.25", constant=constant))
    assert (records.series["power"][0], records.intervals["value"][0]) == (power, value)


def test_a_negative_value_keeps_its_sign_beside_a_constant() -> None:
    found = intervals(read_soundly(cmep.read, row("202606020800,R0,-0.005", "202606020900,R0,x", constant="3")))
    assert [one[5] for one in found] == ["-0.015"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (row("202606020800,R0,1", count="2"), "wrong_field_count"),
        (row(count="0"), "wrong_field_count"),
        (row("202606020800,R0,1", count="x"), "wrong_field_count"),
        (row("202606020800,R0,1", meter=""), "no_meter_point"),
        (row("202606020800,R0,1", unit=""), "no_channel"),
        (row("202606020800,R0,1", interval="01000000"), "bad_interval"),
        (row("202606020800,R0,1", interval="00000000"), "bad_interval"),
        (row("202606020800,R0,1", constant="-1"), "bad_multiplier"),
        (row("202606020800,R0,1", constant="1e3"), "bad_multiplier"),
        (row("202606020800,R0,x", constant="3"), "bad_number"),
        (row("202606020800,R0,1", purpose="SUMMARY"), "not_reads"),
        (row("202606020800,R0,1", created="yesterday"), "bad_date"),
        (row("202606312800,R0,1"), "bad_date"),
        (row(",R0,1"), "bad_date"),
        ("MEPAD01,20080501,SENSUS", "unsupported_record"),
    ],
)
def test_a_line_that_does_not_fit_is_rejected_alone(text: str, reason: str) -> None:
    records = read_soundly(cmep.read, f"{row('202606020800,R0,8')}\n{text}\n")
    assert reasons(records) == [(2, reason)]
    assert records.intervals.height == 1


def test_a_file_without_meter_data_is_refused() -> None:
    assert reasons(read_soundly(cmep.read, "MEPAD01,20080501,SENSUS")) == [(0, "no_data")]


@pytest.mark.parametrize("minutes", [15, 30, 60])
@pytest.mark.parametrize("day", [datetime(2026, 3, 8), datetime(2026, 11, 1), datetime(2026, 6, 7)])
def test_starts_run_on_through_the_nights_of_the_clock_change(day: datetime, minutes: int) -> None:
    first = day.replace(tzinfo=NIGHT).timestamp()
    instants = [datetime.fromtimestamp(first + 60 * minutes * step, NIGHT) for step in range(4 * 60 // minutes + 1)]
    ends = [f"{instant:%Y%m%d%H%M},R0,1" for instant in instants[1:]]
    found = read_soundly(cmep.read, row(*ends, interval=f"0000{minutes // 60:02d}{minutes % 60:02d}"))
    assert found.intervals["start_local"].to_list() == [instant.replace(tzinfo=None) for instant in instants[:-1]]


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["M1", "M2"]),
            st.sampled_from(["KWH", "CFREG"]),
            st.lists(
                st.tuples(
                    st.integers(0, 10**5),
                    st.sampled_from(["R0", "E0", "A0"]),
                    st.decimals(-(10**6), 10**9, places=3).map(str),
                ),
                min_size=1,
                max_size=4,
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 9999),
)
def test_what_is_written_comes_back_whatever_the_order(
    rows: list[tuple[str, str, list[tuple[int, str, str]]]], seed: int
) -> None:
    begin = datetime(2026, 4, 1)  # no clock change for 69 days
    lines, expected = [], []
    for meter, unit, triples in rows:
        stamps = [(begin + timedelta(minutes=minutes), code, value) for minutes, code, value in triples]
        lines.append(
            row(*(f"{moment:%Y%m%d%H%M},{code},{value}" for moment, code, value in stamps), unit=unit, meter=meter)
        )
        shift = timedelta(hours=0 if unit == "CFREG" else 1)
        expected += [(meter, unit, moment - shift, value, code) for moment, code, value in stamps]
    random.Random(seed).shuffle(lines)
    records = read_soundly(cmep.read, "\n".join(lines))
    assert records.rejects.is_empty()
    curve = [(one[0], one[1], one[3], one[5], one[6]) for one in intervals(records)]
    register = [(one[0], one[1], one[3], one[4], one[6]) for one in readings(records)]
    assert sorted(curve + register, key=str) == sorted(expected, key=str)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damage_anywhere_never_raises(data: st.DataObject) -> None:
    text = "\n".join(
        [
            row("202606020800,R0,8", ",E0,9"),
            row("202606020700,R0,293", unit="KWHREG"),
            row("202606020800,R0,8", constant="3"),
        ]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(st.sampled_from([",", "\n", "", "MEPMD01,", "9" * 30, "é", '"', "-", "REG", "1e9"]))
        text = text[:at] + piece + text[at + data.draw(st.sampled_from([0, 1, 9, 80])) :] or "x"
    records = read_soundly(cmep.read, text if text.strip(" ,\t\n") else "MEPMD01")
    assert records.intervals.height + records.readings.height <= 6


def test_a_file_is_told_by_its_first_record() -> None:
    for first, expected in ((row(), True), ("MEPAD01,1", False), ("ZHV|1", False), ('"MEPMD01",1', True)):
        assert cmep.matches(Opening(first, (), first.encode())) is expected
