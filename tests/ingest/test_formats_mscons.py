from __future__ import annotations

import random
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module

import polars as pl
import pytest
from flow_files import intervals, read_soundly, readings, reasons, source_of, total
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import shared_file

from ingest.formats.flows import mscons
from ingest.formats.flows.edifact import cut_segments
from ingest.formats.records import Opening
from model.errors import InputError

POINT = "DE0071373163400000E000A0014996748"
CURVE = [f"LOC+172+{POINT}", "LIN+1", "PIA+5+1-1?:1.29.0:SRW"]


def message(*body: str, reference: str = "M1", kind: str = "MSCONS", function: str = "9") -> list[str]:
    """Return the segments of a message with these between its head and its UNT."""
    head = [f"UNH+{reference}+{kind}:D:04B:UN:2.4c", f"BGM+7+B{reference}+{function}", "DTM+137:202506010815?+00:303"]
    return [*head, *body, f"UNT+{len(head) + len(body) + 1}+{reference}"]


def interchange(*messages: list[str], una: str = "UNA:+.? '", end: str = "'") -> str:
    """Return messages as an interchange whose counts are right."""
    segments = ["UNB+UNOC:3+99:500+98:500+250601:0815+I1", *(line for lines in messages for line in lines)]
    return una + end.join([*segments, f"UNZ+{len(messages)}+I1", ""])


def quarter(start: str, stop: str, value: str = "1.5", status: str = "220", unit: str = ":KWH") -> list[str]:
    """Return a quantity of a period, its times in UTC."""
    return [f"QTY+{status}:{value}{unit}", f"DTM+163:{start}?+00:303", f"DTM+164:{stop}?+00:303"]


FIRST = quarter("202506010000", "202506010015")
SECOND = quarter("202506010015", "202506010030", "2.25")


def test_an_interval_starts_at_its_instant_and_keeps_its_code() -> None:
    records = read_soundly(mscons.read, interchange(message(*CURVE, *FIRST, *SECOND)))
    assert reasons(records) == []
    assert intervals(records) == [
        (POINT, "1-1:1.29.0", "KWH", datetime(2025, 6, 1, 0, 0), 15, "1.5", "220", 0),
        (POINT, "1-1:1.29.0", "KWH", datetime(2025, 6, 1, 0, 15), 15, "2.25", "220", 0),
    ]
    assert records.intervals["updated_at"].to_list() == [datetime(2025, 6, 1, 8, 15)] * 2


def test_an_offset_moves_the_instant_and_no_offset_leaves_it_local() -> None:
    older = ["QTY+220:1", "DTM+163:201512010000?+01:303", "DTM+164:201512010015?+01:303"]
    local = ["QTY+220:2", "DTM+163:201512010000:203", "DTM+164:201512010015:203"]
    records = read_soundly(mscons.read, interchange(message(*CURVE, *older, *local)))
    assert records.intervals["start_utc"].to_list() == [datetime(2015, 11, 30, 23, 0, tzinfo=UTC), None]
    assert records.intervals["start_local"].to_list() == [None, datetime(2015, 12, 1)]
    assert records.series["unit"].to_list() == ["kWh"]  # none stated: OBIS 1.29 is active energy


@pytest.mark.parametrize(
    ("obis", "unit"),
    [
        ("1-1?:1.29.0", "kWh"),
        ("1-1?:2.8.0", "kWh"),
        ("1-1?:5.29.0*255", "kvarh"),
        ("1-1?:21.29.0", "kWh"),
        ("1-1?:9.8.0", "kVAh"),
        ("1-1?:1.6.0", ""),  # a maximum is power
        ("7-1?:3.0.0", ""),  # gas: a volume, in a unit that the file must state
        ("AUA", ""),
    ],
)
def test_a_unit_that_is_not_stated_follows_from_the_obis_code(obis: str, unit: str) -> None:
    body = [f"LOC+172+{POINT}", "LIN+1", f"PIA+5+{obis}:SRW", *quarter("202506010000", "202506010015", unit="")]
    assert read_soundly(mscons.read, interchange(message(*body))).series["unit"].to_list() == [unit]


@pytest.mark.parametrize(
    ("status", "value", "quality"),
    [
        ("220", "1", 0),
        ("67", "1", 2),
        ("201", "1", 4),
        ("Z18", "1", 4),
        ("187", "1", 5),
        ("20", "1", 7),
        ("Z30", "", 8),
    ],
)
def test_each_status_has_its_quality_and_a_missing_value_is_empty(status: str, value: str, quality: int) -> None:
    quantity = quarter("202506010000", "202506010015", "1", status)
    found = intervals(read_soundly(mscons.read, interchange(message(*CURVE, *quantity))))
    assert found[0][5:] == (value, status, quality)


def test_an_unknown_status_is_kept_without_a_quality() -> None:
    quantity = quarter("202506010000", "202506010015", "1", "Z99")
    found = intervals(read_soundly(mscons.read, interchange(message(*CURVE, *quantity))))
    assert found[0][6:] == ("Z99", None)


def test_reasons_stand_behind_the_status_and_sums_are_no_readings() -> None:
    substitute = [*quarter("202506010000", "202506010015", "1", "67"), "STS+Z32++Z92", "STS+Z40++Z74"]
    records = read_soundly(mscons.read, interchange(message(*CURVE, *substitute, "QTY+79:1:KWH")))
    assert [row[6] for row in intervals(records)] == ["67/Z92/Z74"]
    assert records.notes == {"sums": "1 quantities are sums (79, Z31), not readings"}


def test_a_register_is_read_on_the_clock_of_the_market() -> None:
    # 22:00 UTC on 31 May is midnight in Berlin, summer time: the reading is that of 1 June.
    body = ["QTY+67:2729.000", "DTM+7:202505312200?+00:303", "STS+Z32++Z92"]
    read = ["QTY+220:2800", "DTM+9:20250701:102", "STS+Z33++Z83"]
    segments = [f"LOC+172+{POINT}", "RFF+MG:1LGZ0056829358", "LIN+1", "PIA+5+1-1?:1.8.0:SRW", *body, *read]
    records = read_soundly(mscons.read, interchange(message(*segments)))
    june, july = readings(records)
    assert june[2:8] == ("1LGZ0056829358", datetime(2025, 6, 1), "2729.000", "estimate", "67/Z92", 2)
    assert july[2:8] == ("1LGZ0056829358", datetime(2025, 7, 1), "2800", "customer", "220/Z83", 0)
    assert records.series.select("unit", "file_minutes").rows() == [("kWh", 0)]


def test_use_over_a_month_is_a_reading_with_a_quantity() -> None:
    month = quarter("202504302200", "202505312200", "310.5")
    found = readings(read_soundly(mscons.read, interchange(message(*CURVE, *month))))
    assert found[0][3:5] == (datetime(2025, 6, 1), "")
    assert found[0][8:] == (datetime(2025, 5, 1), None, "310.5")


def test_quantities_without_times_follow_each_other() -> None:
    body = [
        "LOC+172+::87:CH1022201234500000000000000022079",
        "DTM+163:201303240000?+01:303",
        "DTM+672:15:806",
        "LIN+1",
        "PIA+5+1-1?:1.29.0:SRW",
        "QTY+46:1:KWH",
        "QTY+46:2:KWH",
        "QTY+79:3:KWH",
        "LIN+2",
        "PIA+5+1-1?:2.29.0:SRW",
        "QTY+46:4:KWH",
    ]
    found = intervals(read_soundly(mscons.read, interchange(message(*body))))
    assert [(row[1], row[3], row[4], row[5]) for row in found] == [
        ("1-1:1.29.0", datetime(2013, 3, 23, 23, 0), 15, "1"),
        ("1-1:1.29.0", datetime(2013, 3, 23, 23, 15), 15, "2"),
        ("1-1:2.29.0", datetime(2013, 3, 23, 23, 0), 15, "4"),
    ]
    assert found[0][0] == "CH1022201234500000000000000022079"


def test_intervals_of_different_lengths_keep_their_own() -> None:
    pair = [
        *quarter("201512011900", "201512011916", "1"),
        *quarter("201512011916", "201512011930", "2"),
    ]
    records = read_soundly(mscons.read, interchange(message(*CURVE, *pair)))
    assert records.series["file_minutes"].to_list() == [None]
    assert records.intervals["minutes"].to_list() == [16, 14]


def test_other_delimiters_line_ends_and_a_decimal_comma_say_the_same() -> None:
    plain = interchange(message(*CURVE, *FIRST, *SECOND))
    expected = intervals(read_soundly(mscons.read, plain))
    lines = plain.replace("'", "'\r\n")
    comma = plain.replace("UNA:+.? '", "UNA:+,? '").replace("1.5:", "1,5:").replace("2.25:", "2,25:")
    swapped = plain.replace("?+", "plus").translate(str.maketrans({"+": "*", ":": "<", "'": "~", "?": "\\"}))
    swapped = swapped.replace("plus", "+").replace("\\<", ":")
    silent = plain.removeprefix("UNA:+.? '")
    wrapped = "\n".join(plain[at : at + 70] for at in range(0, len(plain), 70))
    for text in (lines, comma, silent, wrapped):
        assert intervals(read_soundly(mscons.read, text)) == expected
    assert intervals(read_soundly(mscons.read, swapped)) == expected


def test_a_terminator_can_be_the_line_end() -> None:
    text = interchange(message(*CURVE, *FIRST), una="UNA:+.? \n", end="\n")
    assert len(intervals(read_soundly(mscons.read, text))) == 1


def test_a_released_delimiter_is_text() -> None:
    body = ["LOC+172+A?+B??C?'D?:E", *CURVE[1:], *FIRST]
    assert read_soundly(mscons.read, interchange(message(*body))).series["meter_point"].to_list() == ["A+B?C'D:E"]


def test_a_message_with_a_wrong_count_is_refused_and_the_next_one_taken() -> None:
    first, second = message(*CURVE, *FIRST), message(*CURVE, *SECOND, reference="M2")
    first[-1] = "UNT+99+M1"
    records = read_soundly(mscons.read, interchange(first, second))
    assert reasons(records) == [(3, "segment_count")]
    assert [row[5] for row in intervals(records)] == ["2.25"]


def test_a_swiss_message_counts_a_quantity_with_its_times_as_one() -> None:
    body = message(*CURVE, *FIRST, *SECOND)
    body[-1] = "UNT+8+M1"  # UNH, BGM, DTM, LOC, LIN, PIA and two quantities; UNT is not counted
    assert len(intervals(read_soundly(mscons.read, interchange(body)))) == 2


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("UNT+10+M1", "UNT+10+M9", [(3, "message_reference")]),
        ("MSCONS:D", "UTILMD:D", [(3, "unsupported_message")]),
        ("UNT+10+M1'", "", [(3, "no_message_end")]),
        ("UNZ+1", "UNZ+2", [(13, "message_count")]),
        ("UNZ+1+I1", "UNZ+1+I2", [(13, "interchange_reference")]),
        ("UNZ+1+I1'", "", [(12, "no_end_record")]),
        ("UNZ+1+I1'", "UNZ+1+I1", [(13, "no_end_record"), (13, "unterminated_segment")]),
        ("UNB+UNOC:3+99:500+98:500+250601:0815+I1'", "", [(2, "no_interchange")]),
        ("UNH+", "FTX+x'UNH+", [(3, "no_message")]),
        ("BGM+7+BM1+9", "BGM+7+BM1+1", [(3, "cancellation")]),
        (POINT, "", [(9, "no_meter_point")]),
        ("PIA+5+1-1?:1.29.0:SRW", "PIA+5", [(9, "no_channel")]),
        ("DTM+164:202506010015?+00:303", "DTM+164:202506010000?+00:303", [(9, "bad_date")]),
        ("DTM+164:202506010015?+00:303", "DTM+164:202513010015?+00:303", [(9, "bad_date")]),
        ("DTM+164:202506010015?+00:303", "DTM+164:202506010015?+99:303", [(9, "bad_date")]),
        ("DTM+164:202506010015?+00:303", "DTM+164:202506010015?+00:999", [(9, "bad_date")]),
        ("DTM+164:202506010015?+00:303", "DTM+163:202506010015?+00:303", [(9, "bad_date")]),
    ],
)
def test_what_does_not_fit_is_rejected_by_its_reason(old: str, new: str, expected: list[tuple[int, str]]) -> None:
    text = interchange(message(*CURVE, *FIRST))
    assert old in text
    assert reasons(read_soundly(mscons.read, text.replace(old, new, 1))) == expected


@pytest.mark.parametrize("una", ["UNA++.? '", "UNA:+.+ '", "UNA:+.? A", "UNA", "UNA:+x? '"])
def test_delimiters_that_are_none_refuse_the_file(una: str) -> None:
    assert reasons(read_soundly(mscons.read, interchange(message(*CURVE, *FIRST), una=una))) == [(0, "bad_interchange")]


def test_a_truncated_interchange_keeps_its_whole_messages() -> None:
    text = interchange(message(*CURVE, *FIRST), message(*CURVE, *SECOND, reference="M2"))
    records = read_soundly(mscons.read, text[: text.index("2.25")])
    assert [reason for _, reason in reasons(records)] == ["no_message_end", "no_end_record", "unterminated_segment"]
    assert [row[5] for row in intervals(records)] == ["1.5"]


def test_the_reject_shows_the_segment_as_written() -> None:
    text = interchange(message(*CURVE, "QTY+220:1:KWH", "DTM+163:2025?+00:303"))
    rejects = read_soundly(mscons.read, text).rejects
    assert rejects["text"].to_list() == ["QTY+220:1:KWH"]


def test_the_month_of_the_clock_change_holds() -> None:
    # Expected values: expected.csv, sums over 2972 quarter hours each.
    records = read_soundly(mscons.read, shared_file("mscons/vdmitriyev_MSCONS_TL_Multiple_LOC_SAMPLE.txt").read_bytes())
    by_point = {row["meter_point"]: row["series_no"] for row in records.series.iter_rows(named=True)}
    for point, expected in (("51481308448", "709.5"), ("51481308456", "1117.9")):
        curve = records.intervals.filter(pl.col("series_no") == by_point[point]).sort("start_utc")
        assert (curve.height, total(curve["value"])) == (2972, Decimal(expected))
        assert curve["start_utc"][0] == datetime(2022, 2, 28, 23, 0, tzinfo=UTC)
        assert curve["start_utc"][-1] == datetime(2022, 3, 31, 21, 45, tzinfo=UTC)
    assert records.series["file_minutes"].to_list() == [15, 15]
    assert records.rejects.is_empty()


def test_a_month_with_odd_intervals_loses_only_the_one_that_ends_before_it_starts() -> None:
    records = read_soundly(mscons.read, shared_file("mscons/vdmitriyev_MSCONS_TL_SAMPLE02.txt").read_bytes())
    assert records.intervals.height + records.rejects.height == 2976
    assert reasons(records) == [(5677, "bad_date")]
    lengths = dict(records.intervals["minutes"].value_counts().iter_rows())
    assert (lengths[14], lengths[16], lengths[25], lengths[5]) == (31, 31, 3, 3)


@pytest.mark.parametrize("number", ["842", "843", "844", "845"])
def test_a_swiss_day_has_96_quarter_hours_from_local_midnight(number: str) -> None:
    folder = shared_file("mscons")
    (path,) = folder.glob(f"derrickoswald*ESLEVU14572{number}*")
    records = read_soundly(mscons.read, path.read_bytes())
    assert (records.intervals.height, records.rejects.height) == (96, 0)
    assert records.intervals["start_utc"].min() == datetime(2019, 12, 13, 23, 0, tzinfo=UTC)
    assert records.series["unit"].to_list() == ["kvarh"]


@pytest.mark.parametrize(
    "name", ["vdmitriyev_MSCONS_TL_Multiple_LOC_SAMPLE.txt", "vdmitriyev_MSCONS_TL_SAMPLE02.txt", "ESLEVU14572842"]
)
def test_quantities_are_those_that_pydifact_finds(name: str) -> None:
    segmentcollection = import_module("pydifact.segmentcollection")
    (path,) = shared_file("mscons").glob(f"*{name}*")
    text = path.read_text()
    if text.startswith("UNA:+,"):
        text = text.replace("UNA:+,", "UNA:+.", 1)  # pydifact leaves the decimal mark to its callers anyway
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            segment.elements[0]
            for one in segmentcollection.Interchange.from_str(text).get_messages()
            for segment in one.segments
            if segment.tag == "QTY"
        ]
    records = read_soundly(mscons.read, path.read_bytes())
    ours = records.intervals.select("code", "value").rows() + [("220", "0.074")] * records.rejects.height
    assert sorted(ours) == sorted((element[0], element[1].replace(",", ".")) for element in found)


VALUES = st.decimals(min_value=0, max_value=10**6, places=3).map(str)
STATUSES = st.sampled_from([("220", 0), ("67", 2), ("201", 4), ("187", 5), ("20", 7)])
START = datetime(2024, 3, 30, 23, 0, tzinfo=UTC)


@st.composite
def curves(draw: st.DrawFn) -> list[tuple[str, str, datetime, int, str, str, int]]:
    """Return intervals of a few channels: point, suffix, start, minutes, value, status, quality."""
    names = st.text("AB19?+:'", min_size=1, max_size=6)
    channels = draw(st.lists(st.tuples(names, names), min_size=1, max_size=3, unique=True))
    rows = []
    for point, suffix in channels:
        moment = START
        for value, (status, quality), minutes in draw(
            st.lists(st.tuples(VALUES, STATUSES, st.sampled_from([5, 15, 60])), min_size=1, max_size=4)
        ):
            rows.append((point, suffix, moment, minutes, value, status, quality))
            moment += timedelta(minutes=minutes)
    return rows


def rendered(rows: list[tuple[str, str, datetime, int, str, str, int]], order: random.Random) -> str:
    """Return the rows as an interchange, a message per channel, messages and quantities in any order."""
    channels = sorted({row[:2] for row in rows}, key=lambda _: order.random())
    messages = []
    for number, (point, suffix) in enumerate(channels):
        own = sorted((row for row in rows if row[:2] == (point, suffix)), key=lambda _: order.random())
        body = [f"LOC+172+{released(point)}", "LIN+1", f"PIA+5+{released(suffix)}:SRW"]
        for _, _, start, minutes, value, status, _ in own:
            stop = start + timedelta(minutes=minutes)
            offset = order.choice([0, 1, 2, -5])
            first, last = (stamp_of(moment, offset) for moment in (start, stop))
            body += [f"QTY+{status}:{value}:KWH", f"DTM+163:{first}:303", f"DTM+164:{last}:303"]
        messages.append(message(*body, reference=f"R{number}"))
    return interchange(*messages)


def released(text: str) -> str:
    return "".join(f"?{letter}" if letter in "?+:'" else letter for letter in text)


def stamp_of(moment: datetime, offset: int) -> str:
    sign = "?+" if offset >= 0 else "-"
    return f"{moment + timedelta(hours=offset):%Y%m%d%H%M}{sign}{abs(offset):02d}"


@settings(max_examples=80, deadline=None)
@given(rows=curves(), seed=st.integers(0, 9999))
def test_what_is_written_comes_back_whatever_the_order(rows: list[tuple[object, ...]], seed: int) -> None:
    records = read_soundly(mscons.read, rendered(rows, random.Random(seed)))  # type: ignore[arg-type]
    assert records.rejects.is_empty()
    expected = [
        (point, suffix, "KWH", start.replace(tzinfo=None), minutes, value, status, quality)  # type: ignore[attr-defined]
        for point, suffix, start, minutes, value, status, quality in rows
    ]
    assert intervals(records) == sorted(expected, key=str)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_anywhere_never_raises(data: st.DataObject) -> None:
    text = interchange(message(*CURVE, *FIRST, *SECOND), message(*CURVE, *SECOND, reference="M2"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(
            st.sampled_from(["'", "+", ":", "?", "", "\x01", "\n", "QTY+220", "UNH+", "UNZ", "99", "é", "UNA"])
        )
        text = text[:at] + piece + text[at + data.draw(st.sampled_from([0, 1, 7, 60])) :] or "UNA"
    records = read_soundly(mscons.read, text if text.strip(" ,\t\n") else "UNA")
    assert records.intervals.height <= 4


def test_an_interchange_of_level_c_may_be_latin_1() -> None:
    text = interchange(message("NAD+MS+1::9++Stadtwerke Köln", *CURVE, *FIRST))
    assert len(intervals(read_soundly(mscons.read, text.encode("latin-1")))) == 1
    assert len(intervals(read_soundly(mscons.read, text.encode()))) == 1
    with pytest.raises(InputError, match="expected text in UTF-8"):
        source_of(b"meter;K\xf6ln")


def test_a_file_is_told_by_its_first_segment() -> None:
    for first, expected in (
        ("UNABLE TO SERVE", False),
        ("UNA:+.? 'UNB", True),
        ("UNB+UNOC", True),
        ("100,NEM12", False),
        ("unable", False),
    ):
        assert mscons.matches(Opening(first, (), first.encode())) is expected


def test_segments_are_numbered_from_una() -> None:
    with_una = cut_segments(source_of(interchange(message(*CURVE, *FIRST))))
    assert with_una.segments.row(0)[:2] == (2, "UNB")
