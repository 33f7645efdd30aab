"""Routes of handhelds: what goes out, what comes back, dates without a year, codes, other layouts."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from csv_sources import named_series, opening_of, reasons, source_of
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.records import FileRecords
from ingest.formats.tables import routes
from ingest.routes.builtin import AUTOREAD, BILLMILL, BUILTIN, builtin_layout
from ingest.routes.layout import RouteLayout, parse_layout
from ingest.routes.records import RouteFile, route_file
from ingest.routes.sheet import route_rows
from model.errors import ConfigError, InputError

DAY = date(2026, 1, 5)
ROUTES = {
    "service_points": {
        "service_point_id": ["W2", "W1", "W3"],
        "premise_id": ["P2", "P1", "P1"],
        "commodity": ["water"] * 3,
        "tz_name": ["Europe/Paris"] * 3,
        "route": ["NORTH", "NORTH", "SOUTH"],
        "route_sequence": [20, 10, 5],
    },
    "premises": {
        "premise_id": ["P1", "P2"],
        "branch_id": ["B1", "B1"],
        "address": ["1 Rue de l'Église", "2 A very long street name that no handheld shows"],
        "city": ["Orléans", "Tours"],
        "postcode": ["1", "2"],
    },
    "meters": {
        "meter_id": ["M1", "M2", "M3", "OLD"],
        "service_point_id": ["W1", "W2", "W3", "W1"],
        "installed_date": [date(2020, 1, 1)] * 4,
        "removed_date": [None, None, None, date(2021, 1, 1)],
        "dials": [5, 4, 6, 5],
        "multiplier": [1] * 4,
    },
    "channels": {
        "channel_id": ["W1/V", "W2/V", "W3/V", "W1/I"],
        "service_point_id": ["W1", "W2", "W3", "W1"],
        "suffix": ["V", "V", "V", "I"],
        "measure": ["water_volume"] * 4,
        "interval_minutes": [0, 0, 0, 60],
        "start_date": [None, None, None, None],
        "end_date": [None, None, None, None],
    },
    "agreements": {
        "service_point_id": ["W1", "W2"],
        "account_id": ["A1", "A2"],
        "start_date": [date(2020, 1, 1)] * 2,
        "end_date": [None, None],
    },
    "accounts": {"account_id": ["A1", "A2"], "customer_id": ["C1", "C2"], "bill_group": ["G1", "G2"]},
    "customers": {"customer_id": ["C1", "C2"], "name": ["Zoë", "Bob"]},
    "cycles": {"cycle_id": ["2026-01"], "bill_group": ["G2"]},
}
DATES = {"removed_date": pl.Date, "start_date": pl.Date, "end_date": pl.Date}


def known() -> dict[str, pl.DataFrame]:
    return {
        table: pl.DataFrame(columns, schema_overrides={name: DATES[name] for name in columns if name in DATES})
        for table, columns in ROUTES.items()
    }


def readings(*rows: tuple[str, str, date, int]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["channel_id", "meter_id", "read_date", "reading"], orient="row")
    return frame.with_columns(pl.col("reading").cast(pl.Int64), pl.lit(0, pl.UInt8).alias("quality"))


# W1: 730 m3 in 365 days to 2025-12-06, 30 days before the route: 60 m3 are expected, 30 to 120 allowed.
# W2: 9990 of 4 dials after 100 m3 in 10 days to the day before: 10 m3 expected, so the dials may go round.
PAST = readings(
    ("W1/V", "M1", date(2024, 12, 6), 1_000_000),
    ("W1/V", "M1", date(2025, 12, 6), 1_730_500),
    ("W2/V", "M2", date(2025, 12, 25), 9_890_000),
    ("W2/V", "M2", date(2026, 1, 4), 9_990_000),
)


def rows(route: str | None = None, cycle: str | None = None) -> pl.DataFrame:
    return route_rows(known(), PAST, day=DAY, route=route, cycle=cycle)


def test_a_route_is_walked_in_its_order_with_last_readings_and_limits() -> None:
    found = rows("NORTH").select("sequence", "service_point", "meter", "unit", "dials", "previous_reading")
    assert found.rows() == [(10, "W1", "M1", "m3", 5, 1730), (20, "W2", "M2", "m3", 4, 9990)]
    # 730.5 m3 x 30 / 365 = 60.041..., half of it from 1730.5 is 1760.5, twice it is 1850.58...
    assert rows("NORTH").select("low_limit", "high_limit").rows() == [(1760, 1851), (9995, 10)]


def test_a_register_without_past_may_show_anything() -> None:
    found = rows("SOUTH").select("previous_reading", "low_limit", "high_limit", "account", "name")
    assert found.rows() == [(None, 0, 999_999, None, None)]


def test_a_cycle_takes_what_it_bills_and_an_unknown_one_is_refused() -> None:
    assert rows(cycle="2026-01")["service_point"].to_list() == ["W2"]
    assert rows("SOUTH", cycle="2026-01").is_empty()
    with pytest.raises(ConfigError, match="cycle `2027-01` is not in the calendar"):
        rows(cycle="2027-01")


def out(layout: RouteLayout, frame: pl.DataFrame | None = None) -> RouteFile:
    return route_file(rows("NORTH") if frame is None else frame, layout, DAY)


def test_our_layout_puts_each_field_into_its_columns() -> None:
    written = out(builtin_layout("billmill"))
    head, first, second, tail, end = written.text.split("\r\n")
    assert (head, tail, end) == ("HDRBILLMILL1NORTH       20260105", "TRL000002", "")
    assert len(first) == len(second) == 172
    assert first == (
        "RDG" + "NORTH       " + "000010" + "W1                  " + "V       " + "M1              " + "m3    " + "05"
        + "000000001730" + "20251206" + "000000001760" + "000000001851"
        + "1 Rue de l'Eglise             " + "Zoe                      "
    )  # fmt: skip
    assert second[117:147] == "2 A very long street name that"
    assert (written.records, written.aside.height) == (2, 0)


def test_the_autoread_record_has_155_columns_as_its_manual_draws_them() -> None:
    first = out(builtin_layout("autoread")).text.split("\r\n")[0]
    assert len(first) == 155
    # Positions of the manual: account 29 to 43, type 104, previous read 105, low 115, high 125, serial number 146.
    assert (first[28:43].strip(), first[103], first[145:155].strip()) == ("W1", "W", "M1")
    assert (first[104:114], first[114:124], first[124:134]) == ("0000001730", "0000001760", "0000001851")
    assert first[134:145] == " " * 11


def test_a_key_that_does_not_fit_keeps_its_register_out_and_no_other() -> None:
    frame = rows("NORTH").with_columns(
        pl.when(pl.col("service_point") == "W1").then(pl.lit("M-12345678901")).otherwise("meter").alias("meter")
    )
    written = out(builtin_layout("autoread"), frame)
    assert written.aside.rows() == [
        ("W1", "V", "does_not_fit", "expected meter of at most 10 plain letters or digits, found `M-12345678901`")
    ]
    assert written.records == 1


def test_an_unknown_reading_is_blank_and_not_zero() -> None:
    record = out(builtin_layout("billmill"), rows("SOUTH")).text.split("\r\n")[1]
    assert record[73:93] == " " * 20


def back(*records: str, count: int | None = None, day: str = "20260105") -> str:
    trailer = f"TRL{len(records) if count is None else count:06d}"
    return "\r\n".join([f"HDRBILLMILL1NORTH       {day}", *records, trailer]) + "\r\n"


def record(reading: str = "1790", month_day: str = "0105", time: str = "0930", code: str = "K", note: str = "") -> str:
    keys = f"RDG{'NORTH':<12}000010{'W1':<20}{'V':<8}{'M1':<16}{'m3':<6}"
    return f"{keys}{reading:>12}{month_day:<4}{time:<4}{code:<1}{note:<2}"


def read(text: str) -> FileRecords:
    source = source_of(text)
    assert routes.matches(opening_of(source))
    return routes.read(source)


def test_a_route_that_comes_back_is_readings() -> None:
    records = read(back(record("000000001790"), record("1791", code="C", time="")))
    assert named_series(records) == [("W1", "V", "m3")]
    assert records.readings.select("value", "meter_id", "read_at", "kind", "code", "quality").rows() == [
        ("000000001790", "M1", datetime(2026, 1, 5, 9, 30), "regular", "K", 0),
        ("1791", "M1", datetime(2026, 1, 5), "customer", "C", 6),
    ]
    assert records.notes == {"route": "2 records, 2 read"}
    assert reasons(records) == []


def test_what_was_not_read_is_told_with_its_code() -> None:
    records = read(
        back(record(""), record("", note="02", code=""), record("", code="", note="99"), record("5", note="11"))
    )
    assert reasons(records) == [(2, "not_read"), (3, "not_read"), (4, "not_read")]
    said = records.rejects["detail"].to_list()
    assert said[1] == "expected a reading of meter `M1` at `W1`, found none; code 02: dog"
    assert said[2].endswith("code 99: not in the layout")
    assert records.readings.select("value", "code").rows() == [("5", "K/11")]


@pytest.mark.parametrize(
    ("route_day", "month_day", "expected"),
    [
        ("20260105", "1231", date(2025, 12, 31)),
        ("20251230", "0102", date(2026, 1, 2)),
        ("20240301", "0229", date(2024, 2, 29)),
        ("20260701", "0701", date(2026, 7, 1)),
    ],
)
def test_a_date_without_year_is_the_one_nearest_to_the_route(route_day: str, month_day: str, expected: date) -> None:
    records = read(back(record(month_day=month_day), day=route_day))
    assert records.readings["read_at"].dt.date().to_list() == [expected]


def test_damage_is_rejected_by_line() -> None:
    broken = [record(month_day="0230"), record(code="Z"), record() + "more", "RDG", record()[:60].replace("W1", "  ")]
    records = read(back(*broken, record(), count=7))
    assert reasons(records) == [
        (2, "bad_time"), (3, "bad_read_code"), (4, "wrong_length"), (5, "no_meter_point"), (6, "no_meter_point"),
        (8, "wrong_count"),
    ]  # fmt: skip
    assert records.readings.height == 1


def test_a_file_without_end_says_that_it_may_be_cut_off() -> None:
    assert reasons(read("\n".join(back(record()).splitlines()[:-1]))) == [(2, "wrong_count")]


def test_another_layout_needs_the_date_of_its_route() -> None:
    layout = builtin_layout("autoread")
    line = f"00000010{'W1':<15}{'V':<9}{'m3':<6}{'M1':<10}{'1790':>10}0106{'R':<2}"
    source = source_of(line + "\n")
    assert not routes.matches(opening_of(source))
    assert reasons(routes.read_route(source, layout)) == [(0, "no_route_date")]
    records = routes.read_route(source, layout, DAY)
    assert records.readings.select("value", "read_at").rows() == [("1790", datetime(2026, 1, 6))]


def test_digits_may_imply_decimals() -> None:
    text = BILLMILL.replace('field = "reading", start = 72', 'field = "reading", decimals = 1, start = 72')
    layout = parse_layout(text + '[read_codes]\nK = "regular"\n', "tenths")
    found = [routes.read_route(source_of(back(record(value))), layout).readings["value"][0] for value in ("17905", "5")]
    assert found == ["1790.5", "0.5"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("start = 4, length = 12", "start = 2, length = 12", "`constant` and `route` overlapping"),
        (
            "back_width = 94",
            "back_width = 90",
            "expected fields of `back` within 90 columns, found `note_code` up to 94",
        ),
        ('field = "reading"', 'field = "city"', "none of reading"),
        ('"K" = "regular"', '"K" = "often"', "read_codes.K"),
        ("framed = true", "frame = true", "key `frame`"),
        ("name =", "name", "expected TOML"),
    ],
)
def test_a_layout_that_does_not_hold_together_is_refused(old: str, new: str, expected: str) -> None:
    text = BILLMILL + '[read_codes]\n"K" = "regular"\n'
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_layout(text.replace(old, new), "ours.toml")
    assert caught.value.message.startswith("layout `ours.toml`: ")
    assert expected in caught.value.message


def test_the_layouts_that_come_with_billmill_are_whole() -> None:
    assert {name: builtin_layout(name).name for name in BUILTIN} == {"billmill": "billmill", "autoread": "autoread"}
    assert "155" in AUTOREAD


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**12 - 1), st.dates(date(2025, 7, 10), date(2026, 6, 30)), st.times())
def test_what_a_handheld_writes_is_what_is_read(reading: int, day: date, time: object) -> None:
    line = record(f"{reading:012d}", f"{day:%m%d}", f"{time:%H%M}")
    records = read(back(line))
    assert records.readings["value"].to_list() == [f"{reading:012d}"]
    assert records.readings["read_at"].dt.date().to_list() == [day]


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="RDGTLH0123456789 W1Vm\n\r\t", max_size=400))
def test_no_text_stops_the_reader(text: str) -> None:
    routes.read(source_of("HDRBILLMILL1NORTH       20260105\n" + text))
    routes.read_route(source_of(text), builtin_layout("autoread"), DAY)


def test_the_layout_on_the_page_is_whole() -> None:
    page = (Path(__file__).parents[2] / "docs" / "routes.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    layout = parse_layout(text, "ours.toml")
    line = f"{'W1':<12}{'V':<6}{'m3':<5}{'M1':<10}{'17905':>8}202601060930K"
    records = routes.read_route(source_of(line), layout)
    assert records.readings.select("value", "read_at").rows() == [("1790.5", datetime(2026, 1, 6, 9, 30))]


def test_the_table_on_the_page_is_our_layout() -> None:
    page = (Path(__file__).parents[2] / "docs" / "routes.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    columns = [row for row in rows if len(row) == 5 and row[0] != "out"]
    layout = builtin_layout("billmill")
    for places, cell in ((layout.out, 1), (layout.back, 4)):
        spans = [f"{place.start}-{place.end}" if place.length > 1 else f"{place.start}" for place in places]
        assert [row[cell] for row in columns if row[cell]] == spans
