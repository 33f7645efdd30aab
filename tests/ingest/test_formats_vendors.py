"""Files of ESB Networks and of Beacon 360: end stamps, power and energy, both passes of the repeated hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from csv_sources import named_series, read_with, reasons, starts_of, total_of
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import shared_file

from ingest.formats.decimal_texts import multiplied_texts
from ingest.formats.tables import beacon, esb_hdf
from model.codes import Quality
from model.units import PRINTED_UNITS, printed_unit

HDF_HEAD = "MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time"


def hdf(rows: list[tuple[str, str]], kind: str = "Active Import Interval (kWh)") -> str:
    return (
        "\n".join([HDF_HEAD, *(f"10000000001,000000000031415926,{value},{kind},{end}" for end, value in rows)]) + "\n"
    )


def dublin_ends(first: datetime, count: int) -> list[str]:
    """The labels that a clock in Dublin shows at the ends of half hours that follow each other from an instant."""
    ends = pl.Series([first + timedelta(minutes=30 * n) for n in range(1, count + 1)])
    local = ends.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Dublin")
    return local.dt.strftime("%d-%m-%Y %H:%M").to_list()


@pytest.mark.parametrize(
    ("first", "count"),
    [(datetime(2023, 10, 28, 23), 50), (datetime(2023, 3, 26, 0), 46), (datetime(2024, 3, 31, 0), 46)],
    ids=["2023-10-29", "2023-03-26", "2024-03-31"],
)
def test_hdf_runs_backwards_through_the_days_the_clock_changes(first: datetime, count: int) -> None:
    labels = dublin_ends(first, count)
    rows = [(label, str(number)) for number, label in enumerate(labels)]
    records = read_with(esb_hdf, hdf(rows[::-1]))
    expected = [(first + timedelta(minutes=30 * n), str(n)) for n in range(count)]
    assert sorted(starts_of(records)) == expected
    assert total_of(records) == Decimal(count * (count - 1) // 2)


def test_the_labels_that_come_twice_are_0100_and_0130() -> None:
    labels = dublin_ends(datetime(2023, 10, 28, 23), 50)
    assert {label[-5:] for label in labels if labels.count(label) == 2} == {"01:00", "01:30"}


def test_half_of_the_power_of_half_an_hour_is_its_energy() -> None:
    records = read_with(esb_hdf, hdf([("05-11-2023 00:00", "0.517")], "Active Import Interval (kW)"))
    assert starts_of(records) == [(datetime(2023, 11, 4, 23, 30), "0.2585")]
    assert named_series(records) == [("10000000001", "Active Import Interval (kW)", "kWh")]


def test_import_and_export_are_series_of_their_own_and_registers_are_readings() -> None:
    text = hdf([("05-11-2023 00:00", "1")]) + hdf([("05-11-2023 00:00", "2")], "Active Export Interval (kWh)")[
        len(HDF_HEAD) + 1 :
    ] + hdf([("05-11-2023 00:00", "4711")], "24 Hr Active Import Register (kWh)")[len(HDF_HEAD) + 1 :]  # fmt: skip
    records = read_with(esb_hdf, text)
    assert [suffix for _, suffix, _ in named_series(records)] == [
        "Active Import Interval (kWh)", "Active Export Interval (kWh)", "24 Hr Active Import Register (kWh)",
    ]  # fmt: skip
    assert [total_of(records, number) for number in (0, 1)] == [1, 2]
    assert records.readings.select("value", "meter_id", "read_at").rows() == [
        ("4711", "000000000031415926", datetime(2023, 11, 5))
    ]


def test_hdf_rejects_a_type_without_unit_a_bad_time_and_a_time_that_is_skipped() -> None:
    rows = hdf([("05-11-2023 00:00", "1")], "Import") + "\n".join(
        f"1,2,3,Active Import Interval (kWh),{end}" for end in ("yesterday", "26-03-2023 01:30")
    )
    assert reasons(read_with(esb_hdf, rows)) == [(2, "bad_read_type"), (3, "bad_time"), (4, "no_such_time")]


BEACON_HEAD = "Account_ID,Estimated_Flag,Flow,Flow_Time,Flow_Unit,Location_ID,Meter_SN,Read,Read_Time,Read_Unit"


def test_the_real_beacon_file_has_two_hours_of_flow_and_two_reads() -> None:
    records = read_with(beacon, shared_file("vendor_csv/beacon-360-report.csv").read_bytes())
    assert named_series(records) == [("303022", "flow", "Gallons"), ("303022", "read", "CCF")]
    assert starts_of(records) == [(datetime(2024, 8, 1, 0), "5.0"), (datetime(2024, 8, 1, 1), "5.0")]
    assert records.readings.select("read_at", "value").rows() == [
        (datetime(2024, 8, 1, 0, 59), "227.6"),
        (datetime(2024, 8, 1, 1, 59), "227.6"),
    ]
    assert records.series["file_minutes"].to_list() == [60, 0]
    assert [PRINTED_UNITS[printed_unit(unit)][0] for unit in records.series["unit"]] == ["mgal", "mft3"]
    assert reasons(records) == []


def beacon_row(time: str, *, flag: str = "0", place: str = "L1", flow: str = "5") -> str:
    return f"A1,{flag},{flow},{time},Gallons,{place},M1,227.6,{time},CCF"


@pytest.mark.parametrize(
    ("times", "minutes", "starts"),
    [
        (["2024-08-01 00:59", "2024-08-01 01:00"], 60, [(0, 0), (0, 0)]),
        (["2024-08-01 00:14", "2024-08-01 00:59"], 15, [(0, 0), (0, 45)]),
        (["2024-08-01 00:15", "2024-08-01 01:00"], 15, [(0, 0), (0, 45)]),
    ],
)
def test_a_stamp_of_the_last_minute_or_of_the_end_names_the_same_interval(
    times: list[str], minutes: int, starts: list[tuple[int, int]]
) -> None:
    records = read_with(beacon, "\n".join([BEACON_HEAD, *(beacon_row(time) for time in times)]))
    assert records.series["file_minutes"][0] == minutes
    assert [(start.hour, start.minute) for start, _ in starts_of(records)] == starts


def test_the_repeated_hour_of_a_last_minute_stamp_comes_twice() -> None:
    times = ["2024-11-03 00:59", "2024-11-03 01:59", "2024-11-03 01:59", "2024-11-03 02:59"]
    records = read_with(beacon, "\n".join([BEACON_HEAD, *(beacon_row(time) for time in times)]))
    assert [start.hour for start, _ in starts_of(records)] == [0, 1, 1, 2]


def test_beacon_flags_places_and_damage() -> None:
    rows = [
        beacon_row("2024-08-01 00:59", flag="1", place=""),
        beacon_row("2024-08-01 01:59", flag="maybe"),
        beacon_row("soon"),
        beacon_row("2024-08-01 03:59", flow=""),
    ]
    records = read_with(beacon, "\n".join([BEACON_HEAD, *rows]))
    assert reasons(records) == [(3, "bad_quality"), (4, "bad_time")]
    assert records.series["meter_point"].unique().sort().to_list() == ["A1", "L1"]
    levels = records.intervals.sort("line")["quality"].to_list()
    assert levels == [int(Quality.ESTIMATED), int(Quality.MISSING)]
    assert records.readings.sort("line")["kind"].to_list() == ["estimate", "regular"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.decimals(-(10**10) + 1, 10**10 - 1, places=18).map(lambda value: f"{value:f}"), max_size=5),
    st.decimals("0.000001", 1000, places=6),
)
def test_texts_times_a_factor_are_exact(texts: list[str], factor: Decimal) -> None:
    found = multiplied_texts(pl.Series("text", texts, dtype=pl.String), factor).to_list()
    assert [Fraction(product) for product in found] == [Fraction(text) * Fraction(factor) for text in texts]


def test_what_cannot_be_multiplied_is_no_number_any_more() -> None:
    texts = ["", ".5", "-0", "+2.", "0.2500000000000000000000", "1e3", "nan", "12,5", "1" * 11, "0." + "1" * 19]
    refused = [f"{text} x 0.5" for text in texts[5:]]
    assert multiplied_texts(pl.Series(texts), Decimal("0.5")).to_list() == ["", "0.25", "0", "1", "0.125", *refused]


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet='0123456789,."-:\n aInterval(kW)', max_size=300))
def test_nothing_that_follows_a_header_stops_the_readers(text: str) -> None:
    for module, header in ((esb_hdf, HDF_HEAD), (beacon, BEACON_HEAD)):
        read_with(module, f"{header}\n{text}\n")
