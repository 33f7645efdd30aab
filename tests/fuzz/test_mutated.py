"""A short run of the fuzzer's mutations with fixed seeds, and what longer runs have found."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random

import mutations
import oracle
import polars as pl
import pytest
import seeds
from meter_files import SYDNEY, channel_table, nem12, nem12_day, parse

from ingest.formats.dates import of_full_width
from ingest.formats.detect import BYTE_READERS, LINE_READERS, TEXT_READERS, read_files

INPUTS = 40
DEEP_EVERY = 10  # describing and placing take several times as long as reading
SECONDS_MAX = 10
TARGETS = seeds.targets()


def test_every_reader_is_fuzzed() -> None:
    assert {reader.FORMAT for reader in (*BYTE_READERS, *TEXT_READERS, *LINE_READERS)} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_sound_is_read_and_what_is_damaged_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    for data in target.seeds:
        for found in target.records(data):
            assert oracle.check(found).readings, "a seed that says nothing tests nothing"
    draw = Random(f"fuzz {name}")
    for turn in range(INPUTS):
        data = mutations.mutated(draw.choice(target.seeds), draw, target.seeds)
        began = time.perf_counter()
        for found in target.records(data):
            oracle.check(found, deep=turn % DEEP_EVERY == 0)
        assert time.perf_counter() - began < SECONDS_MAX


def test_days_of_another_zone_none_of_whose_values_fit_are_rejected() -> None:
    # A hundredth of a watt-hour, in a zone whose days have to be cut out of those of the NEM.
    text = nem12("200,N,E1,1,E1,N1,M,Wh,60,", "300,20241101," + ",".join(["0.01"] * 24) + ",A,,,,")
    parsed = parse(text, table=channel_table(("N", "E1", "import_energy", 60, SYDNEY)))
    assert (parsed.days, parsed.rejects["reason"].to_list()) == ({}, ["too_precise"])


@pytest.mark.parametrize("day", ["99991231", "00010101", "20263101"])
def test_a_route_of_a_day_that_is_none_is_refused(day: str) -> None:
    text = f"HDRBILLMILL1{'NORTH':<12}{day}\r\nRDG\r\nTRL000001\r\n"
    (found,) = read_files("file", text.encode())
    assert found.rejects["reason"].to_list() == ["no_route_date"]


def test_a_parquet_file_damaged_anywhere_is_read_or_refused() -> None:
    target = TARGETS["mapped_parquet"]
    (data,) = target.seeds
    for at in range(4, len(data), 7):
        for found in target.records(data[:at] + bytes([data[at] ^ 0x51]) + data[at + 1 :]):
            oracle.check(found, deep=False)


@pytest.mark.parametrize("name", ["smt", "long", "nem13", "d0010", "uk_readings", "registers"])
def test_a_reading_that_is_lost_or_changed_is_seen(name: str) -> None:
    (found,) = TARGETS[name].records(TARGETS[name].seeds[0])
    table = "intervals" if found.intervals.height else "readings"
    rows = getattr(found, table)
    with pytest.raises(AssertionError, match="neither read nor rejected"):
        oracle.check(replace(found, **{table: rows.slice(1)}), deep=False)
    changed = rows.with_columns(pl.lit("77.125").alias("value"))
    with pytest.raises(AssertionError, match="read `77"):
        oracle.check(replace(found, **{table: changed}), deep=False)


@pytest.mark.parametrize("name", ["nem12", "wide"])
def test_a_day_that_is_lost_or_changed_is_seen(name: str) -> None:
    (found,) = TARGETS[name].records(TARGETS[name].seeds[0])
    (block,) = found.days
    less = replace(block, rows=block.rows.slice(1), values=block.values.slice(block.count), quality=block.quality[1:])
    with pytest.raises(AssertionError, match="neither read nor rejected"):
        oracle.check(replace(found, days=(less,)), deep=False)
    with pytest.raises(AssertionError, match="other values than the line has"):
        oracle.check(replace(found, days=(replace(block, values=block.values.reverse()),)), deep=False)


HEADERS = {
    "beacon": "Account_ID,Estimated_Flag,Flow,Flow_Time,Flow_Unit,Read,Read_Time,Read_Unit",
    "esb_hdf": "MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time",
    "uk_readings": "MPRN,ReadDatetime,kWh",
    "uk_half_hourly": "MPAN,Date," + ",".join(seeds.HALF_HOURS),
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("damage", ["behind a quote", "comma in quotes", "blanks in quotes"])
def test_a_header_with_broken_quotes_is_refused_and_no_row_taken_for_it(name: str, damage: str) -> None:
    names = HEADERS[name].split(",")
    first = {
        "behind a quote": [*names[:-1], f'"{names[-1]}"x', f'"{names[-1]}"'],
        "comma in quotes": [f'"{names[0]}', f'{names[1]}"', *names[2:]],
        "blanks in quotes": [names[0], f'" {names[1]} "', *names[2:]],
    }[damage]
    (found,) = read_files("file", "\n".join([",".join(first), HEADERS[name], HEADERS[name], ""]).encode())
    # A blank in quotes is none of the name for who reads strictly; for the others the header is sound.
    sound = damage == "blanks in quotes" and found.rejects["line"].to_list() == [2, 3]
    assert sound or found.rejects["reason"].to_list() in (["bad_header"], ["unknown_format"])


def test_a_mapping_takes_no_row_for_a_broken_header() -> None:
    text = '"point"x,at,value\npoint,at,value\nP1,2026-01-12 00:00,1\n'
    (found,) = TARGETS["mapped_long"].records(text.encode())
    assert found.rejects["reason"].to_list() == ["bad_mapping"]


@pytest.mark.parametrize("text", ["2024101", "2024 101", "+20241001", "020241001", "202410011"])
def test_a_day_of_nem12_that_lacks_a_digit_is_no_other_day(text: str) -> None:
    (found,) = read_files("file", nem12("200,N,E1,1,E1,N1,M,kWh,30,", nem12_day(text)).encode())
    assert found.rejects.select("line", "reason").rows() == [(3, "bad_date")]


def test_a_day_of_a_route_without_its_zero_is_no_other_day() -> None:
    # 105 is 5 January with a blank for its zero; it must not become 5 October.
    (found,) = TARGETS["route"].records(TARGETS["route"].seeds[0].replace(b"01050930K", b" 1050930K"))
    assert (2, "bad_time") in found.rejects.select("line", "reason").rows()


@pytest.mark.parametrize(
    ("form", "text", "is_whole"),
    [
        ("%Y%m%d", "20241001", True),
        ("%Y%m%d", "2024101", False),
        ("%Y%m%d %H%M", "20241001 0930", True),
        ("%Y%m%d %H%M", "20241001 930", False),
        ("%d.%m. %H%M%S", "1.10. 093000", True),
        ("%d.%m. %H%M%S", "1.10. 93000", False),
        ("%Y-%m-%d", "2024-1-1", True),
    ],
)
def test_fields_of_digits_side_by_side_are_written_in_full(form: str, text: str, is_whole: bool) -> None:
    found = pl.DataFrame({"text": [text]}).select(of_full_width(pl.col("text"), form)).item()
    assert found == (text if is_whole else None)


def test_intervals_that_the_days_of_a_zone_split_are_refused_by_channel() -> None:
    text = "meter_point,channel,unit,start,value,quality\nN,E1,kWh,2026-10-04T00:00:00+10:30,1,A\n"
    island = "Australia/Lord_Howe"
    for minutes, expected in ((60, ["zone_splits_intervals"]), (30, [])):
        parsed = parse(text, table=channel_table(("N", "E1", "import_energy", minutes, island)))
        assert parsed.rejects["reason"].to_list() == expected
