from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest
from meter_files import CHICAGO, SYDNEY, channel_table, parse, reasons, shared_file, slots_of

from model.reads import slot_columns
from model.zones import day_slots, day_start_utc, zone

LONG = "meter_point,channel,unit,start,value,quality"
WIDE = "meter_point,channel,unit,date,quality," + ",".join(f"v{slot}" for slot in range(1, 101))
REGISTERS = "meter_point,channel,meter,unit,read_date,reading,kind,quality"
SMT = (
    "ESIID,USAGE_DATE,REVISION_DATE,USAGE_START_TIME,USAGE_END_TIME,USAGE_KWH,ESTIMATED_ACTUAL,"
    "CONSUMPTION_SURPLUSGENERATION"
)


def starts(tz_name: str, day: date, minutes: int) -> list[str]:
    """Return the ISO local starts, with offset, of all slots of a day."""
    first = day_start_utc(tz_name, day)
    return [
        (first + timedelta(minutes=minutes * slot)).astimezone(zone(tz_name)).isoformat()
        for slot in range(day_slots(tz_name, day, minutes))
    ]


def long_rows(point: str, tz_name: str, day: date, minutes: int) -> list[str]:
    return [f"{point},E1,kWh,{start},0.{slot:03d},A" for slot, start in enumerate(starts(tz_name, day, minutes))]


def wide_row(point: str, day: str, values: list[str], quality: str = "A", columns: int = 100) -> str:
    return f"{point},E1,kWh,{day},{quality}," + ",".join(values + [""] * (columns - len(values)))


def smt_rows(
    day: str, labels: list[tuple[str, str]], value: str = ".5", revision: str = "11/07/2022 09:40:14"
) -> list[str]:
    return [f"'ESI1,{day},{revision},{start},{end},{value},A,Consumption" for start, end in labels]


def quarter_hours() -> list[tuple[str, str]]:
    clocks = [f"{slot // 4:02d}:{slot % 4 * 15:02d}" for slot in range(96)]
    return list(zip(clocks, [*clocks[1:], "00:00"], strict=True))


@pytest.mark.parametrize(
    ("point", "channel_no", "tz_name", "day", "minutes", "count"),
    [
        ("NMI3", 5, CHICAGO, date(2022, 3, 13), 15, 92),
        ("NMI3", 5, CHICAGO, date(2022, 11, 6), 15, 100),
        ("NMI3", 5, CHICAGO, date(2024, 2, 29), 15, 96),
        ("NMI2", 4, SYDNEY, date(2026, 10, 4), 60, 23),
        ("NMI2", 4, SYDNEY, date(2026, 4, 5), 60, 25),
    ],
)
def test_a_long_day_keeps_the_order_of_instants(
    point: str, channel_no: int, tz_name: str, day: date, minutes: int, count: int
) -> None:
    rows = long_rows(point, tz_name, day, minutes)
    for order in (rows, rows[::-1]):
        parsed = parse("\n".join([LONG, *order]))
        assert reasons(parsed) == []
        assert slots_of(parsed, minutes, channel_no, day) == list(range(count))
        assert parsed.days[minutes]["worst"].to_list() == [0]


def test_a_long_start_in_utc_or_without_seconds_is_the_same_instant() -> None:
    rows = ["NMI2,E1,kWh,2026-10-04T00:00+10:00,1,A", "NMI2,E1,kWh,2026-10-03T15:00:00Z,2,A"]
    parsed = parse("\n".join([LONG, *rows]))
    assert slots_of(parsed, 60, 4, date(2026, 10, 4))[:3] == [1000, 2000, None]


def test_absent_and_empty_slots_are_missing_and_flags_say_so() -> None:
    rows = long_rows("NMI2", SYDNEY, date(2026, 7, 1), 60)
    rows[3] = rows[3].replace("0.003,A", ",")
    rows[4] = rows[4].replace(",A", ",E")
    del rows[10]
    parsed = parse("\n".join([LONG, *rows]))
    row = parsed.days[60].row(0, named=True)
    flags = [0] * 24
    flags[3] = flags[10] = 8
    flags[4] = 4
    assert (row["flags"], row["worst"], row["raw_code"]) == (bytes(flags), 8, ",A,E")
    assert slots_of(parsed, 60, 4, date(2026, 7, 1))[3] is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("NMI3,E1,kWh,2022-03-13 00:00,1,A", "bad_time"),  # no offset
        ("NMI3,E1,kWh,,1,A", "bad_time"),
        ("NMI3,E1,kWh,0001-01-01T00:00:00+10:00,1,A", "bad_time"),
        ("NMI3,E1,kWh,9999-12-31T23:00:00-10:00,1,A", "bad_time"),
        ("NMI3,E1,kWh,2022-03-13T00:07:00-06:00,1,A", "off_grid"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,one,A", "bad_number"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,inf,A", "bad_number"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,1.00001,A", "too_precise"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,0.0000000000001,A", "too_precise"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,99999999,A", "value_too_large"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,1,Z", "bad_quality"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,1", "wrong_field_count"),
        ("NMI3,E1,kWh,2022-03-13T00:00:00-06:00,1,A,x", "wrong_field_count"),
        ("NMI3,E2,kWh,2022-03-13T00:00:00-06:00,1,A", "unknown_channel"),
        ("NMI3,E1,L,2022-03-13T00:00:00-06:00,1,A", "unit_mismatch"),
        ("NMI3,E1,,2022-03-13T00:00:00-06:00,1,A", "unknown_unit"),
        ("WAT1,W1,L,2022-03-13T00:00:00-06:00,1,A", "interval_mismatch"),
    ],
)
def test_a_long_line_that_cannot_be_used_is_rejected_alone(row: str, reason: str) -> None:
    good = "NMI3,E1,kWh,2022-03-13T01:00:00-06:00,1.5000000000000,A"
    parsed = parse("\n".join([LONG, good, row]))
    assert reasons(parsed) == [(3, reason)]
    assert slots_of(parsed, 15, 5, date(2022, 3, 13))[4] == 1500


def test_the_later_update_of_a_repeated_interval_counts_then_the_later_line() -> None:
    rows = [
        "NMI2,E1,kWh,2026-07-01T00:00:00+10:00,1,A,2026-07-03T00:00:00",
        "NMI2,E1,kWh,2026-07-01T00:00:00+10:00,2,A,2026-07-02T00:00:00",
        "NMI2,E1,kWh,2026-07-01T01:00:00+10:00,3,A,",
        "NMI2,E1,kWh,2026-07-01T01:00:00+10:00,4,A,",
        "NMI2,E1,kWh,2026-07-01T02:00:00+10:00,4,A,soon",
    ]
    parsed = parse("\n".join([LONG + ",updated_at", *rows]))
    assert slots_of(parsed, 60, 4, date(2026, 7, 1))[:2] == [1000, 4000]
    assert reasons(parsed) == [(3, "duplicate_slot"), (4, "duplicate_slot"), (6, "bad_time")]
    assert parsed.days[60]["updated_at"].to_list() == [datetime(2026, 7, 3)]


@pytest.mark.parametrize(("day", "count"), [("2022-03-13", 92), ("2022-11-06", 100), ("2022-06-01", 96)])
def test_a_wide_day_has_the_slots_of_its_civil_day_in_order(day: str, count: int) -> None:
    parsed = parse("\n".join([WIDE, wide_row("NMI3", day, [str(slot) for slot in range(count)])]))
    assert reasons(parsed) == []
    assert slots_of(parsed, 15, 5, date.fromisoformat(day)) == [slot * 1000 for slot in range(count)]
    assert parsed.days[15]["n"].to_list() == [count]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (wide_row("NMI3", "2022-03-13", ["1"] * 93), "wrong_slot_count"),
        (wide_row("NMI3", "2022-06-01", ["1"] * 97), "wrong_slot_count"),
        (wide_row("NMI3", "2022-02-29", ["1"] * 96), "bad_date"),
        (wide_row("NMI3", "0001-01-01", ["1"] * 96), "bad_date"),
        (wide_row("NMI3", "9999-12-31", ["1"] * 96), "bad_date"),
        (wide_row("NMI3", "2022-06-01", ["1"] * 96, quality="V"), "bad_quality"),
        (wide_row("NMI3", "2022-06-01", ["1", "1,5"]), "wrong_field_count"),
        (wide_row("NMI3", "2022-06-01", ["x"] * 96), "bad_number"),
        (wide_row("NMI3", "2022-06-01", ["1.0001"]), "too_precise"),
        (wide_row("NMI3", "2022-06-01", ["-2147483.648"]), "value_too_large"),
    ],
)
def test_a_wide_line_that_cannot_be_used_is_rejected_alone(row: str, reason: str) -> None:
    good = wide_row("NMI3", "2022-06-02", ["-2147483.647"], quality="S")
    parsed = parse("\n".join([WIDE, row, good]))
    assert reasons(parsed) == [(2, reason)]
    day = parsed.days[15].row(0, named=True)
    assert (day["v00"], day["v01"], day["flags"]) == (-2147483647, None, bytes([2] + [8] * 95))


def test_a_wide_file_with_too_few_columns_for_a_long_day_does_not_guess() -> None:
    header = ",".join(WIDE.split(",")[: 5 + 96])
    rows = [
        wide_row("NMI3", "2022-11-05", ["1"] * 96, columns=96),
        wide_row("NMI3", "2022-11-06", ["1"] * 96, columns=96),
    ]
    parsed = parse("\n".join([header, *rows]))
    assert reasons(parsed) == [(3, "wrong_slot_count")]
    assert parsed.days[15]["day"].to_list() == [date(2022, 11, 5)]


def test_a_wide_file_whose_columns_are_out_of_order_is_refused() -> None:
    assert reasons(parse("meter_point,channel,unit,date,quality,v2,v1\nNMI3,E1,kWh,2022-06-01,A,1,2")) == [
        (0, "bad_header")
    ]


def test_the_repeated_hour_of_a_texas_file_goes_by_end_and_order() -> None:
    labels = quarter_hours()
    # As the real file has it: the second 01:00 hour begins with a line labelled 02:00 to 01:15.
    second = [("02:00", "01:15"), *labels[5:8]]
    rows = smt_rows("11/06/2022", labels[:8] + second + labels[8:])
    for slot in range(100):
        rows[slot] = rows[slot].replace(",.5,", f",.{slot:03d},")
    parsed = parse("\n".join([SMT, *rows]))
    assert reasons(parsed) == []
    assert slots_of(parsed, 15, 6, date(2022, 11, 6)) == list(range(100))


def test_the_hour_that_spring_lacks_is_no_interval_but_a_value_in_it_is_told() -> None:
    rows = smt_rows("03/13/2022", quarter_hours())
    for slot in range(8, 12):
        rows[slot] = rows[slot].replace(",.5,A,", ",,,")
    rows[11] = rows[11].replace(",,,Con", ",.1,A,Con")
    rows[20] = rows[20].replace(",.5,A,", ",,,")
    parsed = parse("\n".join([SMT, *rows]))
    slots = slots_of(parsed, 15, 6, date(2022, 3, 13))
    assert reasons(parsed) == [(13, "no_such_slot")]
    assert len(slots) == 92
    assert [slot for slot, value in enumerate(slots) if value is None] == [16]


def test_surplus_is_export_and_a_revised_day_replaces_the_first() -> None:
    first = smt_rows("06/01/2022", quarter_hours(), value="1", revision="06/02/2022 06:00:00")
    revised = smt_rows("06/01/2022", quarter_hours(), value="2", revision="06/05/2022 06:00:00")
    surplus = [row.replace("Consumption", "Surplus Generation") for row in first]
    parsed = parse("\n".join([SMT, *revised, *first, *surplus]))
    assert slots_of(parsed, 15, 6, date(2022, 6, 1)) == [2000] * 96
    assert slots_of(parsed, 15, 7, date(2022, 6, 1)) == [1000] * 96
    assert reasons(parsed) == [(98, "duplicate_day")]
    assert parsed.days[15]["updated_at"].to_list() == [datetime(2022, 6, 5, 6), datetime(2022, 6, 2, 6)]


def test_one_interval_revised_later_does_not_split_the_day() -> None:
    rows = smt_rows("06/01/2022", quarter_hours())
    rows[5] = rows[5].replace("11/07/2022", "11/09/2022")
    parsed = parse("\n".join([SMT, *rows]))
    assert slots_of(parsed, 15, 6, date(2022, 6, 1)) == [500] * 96
    assert parsed.days[15]["updated_at"].to_list() == [datetime(2022, 11, 9, 9, 40, 14)]


def test_the_real_texas_file_keeps_every_interval_and_its_energy() -> None:
    table = channel_table(("10400000000000001", "consumption", "import_energy", 15, CHICAGO))
    data = shared_file("smt/IntervalData_anon.csv").read_bytes()
    days = parse(data, table=table).days[15]
    sums = days.select("day", pl.sum_horizontal(slot_columns(15)).alias("sum"), "n")
    assert parse(data, table=table).rejects.is_empty()
    assert (sums["sum"].sum(), sums["n"].cast(pl.Int64).sum()) == (6_825_137, 30_724 - 4)
    assert sums.filter(pl.col("day") == date(2022, 11, 6)).row(0)[1:] == (3_701, 100)
    assert sums.filter(pl.col("day") == date(2022, 3, 13))["n"].item() == 92
    assert slots_of(parse(data, table=table), 15, 1, date(2022, 11, 6))[4:12] == [41, 34, 44, 44, 34, 42, 44, 41]
    assert days["worst"].to_list() == [0] * 320


def test_register_readings_land_with_kind_unit_and_quality() -> None:
    rows = [
        "WAT1,W1,M1,kL,2026-10-01,00123.456,regular,A",
        "WAT1,W1,M1,L,2026-10-15,130000,removal,",
        "WAT1,W1,M2,m3,2026-10-15,0,INSTALL,",
        "WAT1,W1,M2,m3,2026-10-20,5,customer,",
        "WAT1,W1,M2,m3,2026-11-01,6,estimate,",
        "WAT1,W1,M2,m3,2026-11-01,6.5,regular,S",
    ]
    parsed = parse("\n".join([REGISTERS, *rows]))
    assert reasons(parsed) == []
    assert parsed.registers.select("meter_id", "read_date", "read_kind", "reading", "quality", "raw_code").rows() == [
        ("M1", date(2026, 10, 1), "regular", 123_456, 0, "A"),
        ("M1", date(2026, 10, 15), "removal", 130_000, 0, ""),
        ("M2", date(2026, 10, 15), "install", 0, 0, ""),
        ("M2", date(2026, 10, 20), "customer", 5_000, 6, ""),
        ("M2", date(2026, 11, 1), "estimate", 6_000, 4, ""),
        ("M2", date(2026, 11, 1), "regular", 6_500, 2, "S"),
    ]


@pytest.mark.parametrize(
    ("measure", "unit", "reading", "smallest"),
    [
        ("water_gallons", "kgal", "12.345678", 12_345_678),
        ("water_gallons", "GAL", "7", 7_000),
        ("water_cubic_feet", "HCF", "12.5", 1_250_000),
        ("gas_cubic_feet", "Ccf", "37", 3_700_000),
        ("gas_cubic_feet", "MCF", "0.001", 1_000),
    ],
)
def test_gallons_and_cubic_feet_are_counted_in_thousandths(
    measure: str, unit: str, reading: str, smallest: int
) -> None:
    table = channel_table(("US1", "R", measure, 0, CHICAGO))
    parsed = parse(f"{REGISTERS}\nUS1,R,M1,{unit},2026-10-01,{reading},regular,A", table=table)
    assert reasons(parsed) == []
    assert parsed.registers["reading"].to_list() == [smallest]


@pytest.mark.parametrize("unit", ["L", "m3", "ft3"])
def test_a_meter_of_gallons_is_not_read_in_another_unit(unit: str) -> None:
    table = channel_table(("US1", "R", "water_gallons", 0, CHICAGO))
    assert reasons(parse(f"{REGISTERS}\nUS1,R,M1,{unit},2026-10-01,1,regular,A", table=table)) == [(2, "unit_mismatch")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("WAT1,W1,,kL,2026-10-01,1,regular,A", "no_meter"),
        ("WAT1,W1,M1,kL,01/10/2026,1,regular,A", "bad_date"),
        ("WAT1,W1,M1,kL,2026-10-01,,regular,A", "no_reading"),
        ("WAT1,W1,M1,kL,2026-10-01,-1,regular,A", "negative_reading"),
        ("WAT1,W1,M1,kL,2026-10-01,1.0001,regular,A", "too_precise"),
        ("WAT1,W1,M1,kL,2026-10-01,1000000000001,regular,A", "value_too_large"),
        ("WAT1,W1,M1,kL,2026-10-01,1,check,A", "bad_kind"),
        ("WAT1,W1,M1,kL,2026-10-01,1,regular,Q", "bad_quality"),
        ("WAT1,W1,M1,kWh,2026-10-01,1,regular,A", "unit_mismatch"),
        ("NMI1,E1,M1,kWh,2026-10-01,1,regular,A", "interval_mismatch"),
        ("WAT2,W1,M1,kL,2026-10-01,1,regular,A", "unknown_channel"),
    ],
)
def test_a_reading_that_cannot_be_used_is_rejected_alone(row: str, reason: str) -> None:
    good = "WAT1,W1,M1,kL,2026-09-01,1000000000000,regular,A"
    parsed = parse("\n".join([REGISTERS, row, good]))
    assert reasons(parsed) == [(2, reason)]
    assert parsed.registers["reading"].to_list() == [10**15]


def test_a_reading_told_twice_counts_once() -> None:
    rows = ["WAT1,W1,M1,kL,2026-10-01,1,regular,A", "WAT1,W1,M1,kL,2026-10-01,2,regular,A"]
    parsed = parse("\n".join([REGISTERS, *rows]))
    assert reasons(parsed) == [(2, "duplicate_reading")]
    assert parsed.registers["reading"].to_list() == [2000]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty_file"),
        (b"<!DOCTYPE html>\n<html>Sign in</html>", "html_page"),
        (b"date,kwh\n2026-10-01,1", "unknown_format"),
        (b"meter_point;channel;unit;start;value;quality\nx", "unknown_format"),
        (b"caf\xe9,1\n", "bad_encoding"),
        (b"\x00\x01\x02", "bad_encoding"),
        (LONG.encode(), "no_data"),
        (b"PK\x03\x04broken", "bad_archive"),
    ],
)
def test_a_file_that_is_none_of_the_formats_is_refused_whole(data: bytes, reason: str) -> None:
    parsed = parse(data)
    assert reasons(parsed) == [(0, reason)]
    assert not parsed.is_usable


def test_headers_in_any_order_case_and_quotes_and_a_separator_line_are_read() -> None:
    text = (
        'sep=,\r\n"Quality","VALUE",start,unit,channel,meter_point\r\nA,"1.5",2026-07-01T00:00:00+10:00,KWH,E1,NMI2\r\n'
    )
    parsed = parse(b"\xef\xbb\xbf" + text.encode())
    assert reasons(parsed) == []
    assert slots_of(parsed, 60, 4, date(2026, 7, 1))[0] == 1500
    assert parsed.days[60]["line"].to_list() == [3]
