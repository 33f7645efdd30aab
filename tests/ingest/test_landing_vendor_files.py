"""Vendors' files through landing: energy is conserved through the days the clock changes, and lies in its slot."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from csv_sources import source_of
from meter_files import channel_table, reasons, shared_file, slots_of

from ingest.formats.detect import read_files
from ingest.formats.mapped.mapped import read_mapped
from ingest.formats.mapped.mapping import parse_mapping
from ingest.formats.tables.routes import read_route
from ingest.landing.parsed import ParsedFile
from ingest.landing.place import parse_file, place_records
from ingest.routes.builtin import builtin_layout
from model.zones import day_slots, day_start_utc

LONDON, DUBLIN, CHICAGO = "Europe/London", "Europe/Dublin", "America/Chicago"
DAYS = [date(2026, 3, 29), date(2026, 10, 25), date(2024, 2, 29)]
CHANNELS = channel_table(
    ("17", "kWh", "import_energy", 30, LONDON),  # 1
    ("10", "Active Import Interval (kWh)", "import_energy", 30, DUBLIN),  # 2
    ("303022", "flow", "water_gallons", 60, CHICAGO),  # 3
    ("303022", "read", "water_cubic_feet", 0, CHICAGO),  # 4
    ("P1", "E1", "import_energy", 60, CHICAGO),  # 5
    ("W1", "V", "water_volume", 0, LONDON),  # 6
    ("G1", "V", "gas_volume", 60, "Europe/Berlin@06:00"),  # 7
)


def land(text: str | bytes) -> ParsedFile:
    return parse_file("file.csv", text if isinstance(text, bytes) else text.encode(), CHANNELS)


def labels(tz_name: str, day: date, minutes: int, form: str, *, ends: bool) -> list[str]:
    """The labels that the clock of a zone shows at the starts or ends of the intervals of a day."""
    step = timedelta(minutes=minutes)
    first = day_start_utc(tz_name, day) + (step if ends else timedelta())
    instants = pl.Series([first + n * step for n in range(day_slots(tz_name, day, minutes))])
    return instants.dt.convert_time_zone(tz_name).dt.strftime(form).to_list()


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("ends", [False, True], ids=["starts", "ends"])
def test_british_readings_fill_their_day(day: date, ends: bool) -> None:
    rows = [f"17,{label},{n}" for n, label in enumerate(labels(LONDON, day, 30, "%d/%m/%Y %H:%M", ends=ends))]
    parsed = land("\n".join(["MPAN,Datetime,kWh", *rows]) + "\n")
    assert slots_of(parsed, 30, 1, day) == [n * 1000 for n in range(len(rows))]
    assert reasons(parsed) == []


def test_instants_are_carried_by_the_days_of_their_service_point() -> None:
    """Two days of Chicago, each of 24 hours of 1.0005 kWh: 24.012 kWh; by days of UTC it would be 24.013."""
    rows = [f"P1,E1,kWh,2026-07-0{1 + (n + 5) // 24}T{(n + 5) % 24:02}:00:00Z,1.0005,A" for n in range(48)]
    data = "\n".join(["meter_point,channel,unit,start,value,quality", *rows, ""]).encode()
    (records,) = read_files("file.csv", data)
    parsed = place_records(records, CHANNELS, is_carried=True)
    for day in (date(2026, 7, 1), date(2026, 7, 2)):
        assert sum(value or 0 for value in slots_of(parsed, 60, 5, day)) == 24_012
    assert reasons(parsed) == []
    assert reasons(place_records(records, CHANNELS))[0] == (2, "too_precise")


def test_gas_is_carried_by_its_gas_days() -> None:
    """Gas days of Berlin begin at six, in July at 04:00 UTC: each of 24 hours of 1.0005 m3 is 24.012 m3."""
    rows = [f"G1,V,m3,2026-07-0{1 + (n + 4) // 24}T{(n + 4) % 24:02}:00:00Z,1.0005,A" for n in range(48)]
    data = "\n".join(["meter_point,channel,unit,start,value,quality", *rows, ""]).encode()
    (records,) = read_files("file.csv", data)
    parsed = place_records(records, CHANNELS, is_carried=True)
    for day in (date(2026, 7, 1), date(2026, 7, 2)):
        assert sum(value or 0 for value in slots_of(parsed, 60, 7, day)) == 24_012
    assert reasons(parsed) == []


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_end_labels_that_are_counted_on_from_the_starts_fill_their_day_as_well(day: date) -> None:
    starts = labels(LONDON, day, 30, "%Y-%m-%d %H:%M", ends=False)
    counted = [datetime.fromisoformat(start) + timedelta(minutes=30) for start in starts]
    rows = [f"17,{label:%d/%m/%Y %H:%M},{n}" for n, label in enumerate(counted)]
    parsed = land("\n".join(["MPAN,Datetime,kWh", *rows]) + "\n")
    assert slots_of(parsed, 30, 1, day) == [n * 1000 for n in range(len(rows))]
    assert reasons(parsed) == []


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_british_days_of_50_columns_fill_their_day(day: date) -> None:
    count = day_slots(LONDON, day, 30)
    values = [str(n) for n in range(count)] + [""] * (50 - count)
    head = ",".join(["MPAN", "Date", *(f"HH{n}" for n in range(1, 51))])
    parsed = land("\n".join([head, ",".join(["17", day.strftime("%d/%m/%Y"), *values])]))
    assert slots_of(parsed, 30, 1, day) == [n * 1000 for n in range(count)]


def test_days_of_utc_are_cut_into_civil_days() -> None:
    clock = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 1440, 30)]
    days = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)]
    rows = [",".join(["17", day.isoformat(), *["1"] * 48]) for day in days]
    parsed = land("\n".join([",".join(["MPAN", "Date (UTC)", *clock]), *rows]))
    sums = {day: sum(value or 0 for value in slots_of(parsed, 30, 1, day)) for day in days}
    # On 29 March London has 46 half hours, and the day ends at 23:00 UTC; the next lacks its last two here.
    assert sums == {days[0]: 48_000, days[1]: 46_000, days[2]: 48_000}


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_hdf_fills_its_day_newest_first(day: date) -> None:
    kind = "Active Import Interval (kWh)"
    rows = [f"10,1,{n},{kind},{end}" for n, end in enumerate(labels(DUBLIN, day, 30, "%d-%m-%Y %H:%M", ends=True))]
    head = "MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time"
    parsed = land("\n".join([head, *rows[::-1]]))
    assert slots_of(parsed, 30, 2, day) == [n * 1000 for n in range(len(rows))]


def test_the_real_beacon_file_lands() -> None:
    parsed = land(shared_file("vendor_csv/beacon-360-report.csv").read_bytes())
    assert slots_of(parsed, 60, 3, date(2024, 8, 1))[:3] == [5000, 5000, None]  # thousandths of a gallon
    # 227.6 CCF in thousandths of a cubic foot; of the readings of a day one is kept.
    assert parsed.registers.select("meter_id", "reading").rows() == [("1470158170", 22_760_000)]


# The four ways to say when, each on the clock of Chicago, whose days change at another hour than London's.
LONG = """
minutes = 60
meter_point = {{ column = "point" }}
channel = {{ constant = "E1" }}
unit = {{ constant = "kWh" }}
value = {{ column = "value" }}
stamp = {{ column = "at", format = "%Y-%m-%d %H:%M{z}", marks = "{marks}", clock = "{clock}" }}
"""


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1), date(2024, 2, 29)], ids=str)
@pytest.mark.parametrize("marks", ["start", "end"])
@pytest.mark.parametrize("clock", ["offset", CHICAGO, "local"])
def test_mapped_hours_fill_their_day(day: date, marks: str, clock: str) -> None:
    form = "%Y-%m-%d %H:%M" + ("%z" if clock == "offset" else "")
    stamps = labels(CHICAGO, day, 60, form, ends=marks == "end")
    text = "\n".join(["point,at,value", *(f"P1,{stamp},{n}" for n, stamp in enumerate(stamps))])
    mapping = parse_mapping(LONG.format(marks=marks, clock=clock, z="%z" if clock == "offset" else ""), "chicago")
    parsed = place_records(read_mapped(source_of(text), mapping), CHANNELS)
    if clock == "local" and marks == "end" and day == date(2026, 3, 8):
        # Without a zone nobody can tell the end that jumps over the skipped hour from a gap: that hour is refused.
        assert reasons(parsed) == [(3, "no_such_slot")]
        return
    assert slots_of(parsed, 60, 5, day) == [n * 1000 for n in range(len(stamps))]
    assert reasons(parsed) == []


def test_values_finer_than_the_unit_land_only_where_they_are_carried() -> None:
    text = "point,at,value\n" + "".join(f"P1,2026-07-01 {hour:02d}:00,0.0004\n" for hour in range(24))
    refusing = LONG.format(marks="start", clock="local", z="")
    refused = place_records(read_mapped(source_of(text), parse_mapping(refusing, "m")), CHANNELS)
    assert {reason for _, reason in reasons(refused)} == {"too_precise"}
    carrying = parse_mapping('precision = "carry"\n' + refusing, "m")
    carried = place_records(read_mapped(source_of(text), carrying), CHANNELS)
    slots = slots_of(carried, 60, 5, date(2026, 7, 1))
    assert sum(value or 0 for value in slots) == round(Decimal("0.4") * 24)
    assert slots[:5] == [0, 1, 0, 1, 0]  # 0.4, 0.8, 1.2, 1.6, 2.0 Wh in all


def test_a_route_of_another_layout_lands() -> None:
    line = f"00000010{'W1':<15}{'V':<9}{'m3':<6}{'M1':<10}{'1790':>10}0106{'R':<2}"
    records = read_route(source_of(line), builtin_layout("autoread"), date(2026, 1, 5))
    (row,) = place_records(records, CHANNELS).registers.iter_rows(named=True)
    assert (row["meter_id"], row["read_date"], row["reading"]) == ("M1", date(2026, 1, 6), 1_790_000)


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("uk_amr_csv/amr_data__row-per-day__valid.csv", "uk_half_hourly"),
        ("uk_amr_csv/amr_upload_data_files__with-mixed-line-endings.csv", "uk_half_hourly"),
        ("uk_amr_csv/amr_highlands__example.csv", "uk_readings"),
        ("uk_amr_csv/amr_upload_data_files__with-nulls-empty-lines-invalid-chars.csv", "uk_readings"),
        ("vendor_csv/beacon-360-report.csv", "beacon"),
    ],
)
def test_vendors_files_are_known_by_their_content(name: str, file_format: str) -> None:
    (records,) = read_files("anything", shared_file(name).read_bytes())
    assert records.file_format == file_format


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("amr_data__row-per-reading__empty.csv", "empty_file"),
        ("amr_data__row-per-reading__empty-msft.csv", "empty_file"),
        ("amr_highlands__empty.csv", "empty_file"),
        ("amr_data__row-per-reading__empty-with-header.csv", "no_data"),
        ("amr_upload_data_files__energy_assets_invalid.csv", "html_page"),
        # UTF-16 that somebody saved as UTF-8: every other byte is null, and the marks at the beginning are lost.
        ("amr_upload_data_files__with-nulls-and-empty-lines.csv", "bad_encoding"),
    ],
)
def test_british_files_without_readings_are_refused_as_a_whole(name: str, reason: str) -> None:
    (records,) = read_files("anything", shared_file(f"uk_amr_csv/{name}").read_bytes())
    assert records.rejects.select("line", "reason").rows() == [(0, reason)]
