"""Every fact that is known of the real files, against what `reads inspect` says of them."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from decimal import Decimal
from functools import lru_cache

import pytest
from meter_files import SHARED, shared_file

from ingest.describe.facts import ChannelFacts, FileFacts, describe
from ingest.formats.detect import read_files

SPAN = re.compile(r"sum (\S+)/(\S+) over (\d+) readings (\S+ \S+)\.\.(\S+ \S+)$")
QUANTITY = re.compile(r"quantity (\S+)/(\S+) over (\d+) records$")
RAW = re.compile(r"readings=(\d+) raw value sum")

# The oracle drops the broken day of this file, which is joined here: a day of 48 more, of 1,520.
BROKEN_DAY = ("nem12/NEM12_Scenario10_ETSAMDP_NEMMCO.csv", "NEM1210191", "B2")


def expected_facts() -> dict[str, list[tuple[str, str]]]:
    facts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    if SHARED.is_dir():
        with (SHARED / "expected.csv").open() as source:
            for row in csv.DictReader(source):
                if row["file"].split("/")[0] != "opendsm":  # read through a mapping file
                    facts[row["file"]].append((row["what"], row["expected"]))
    return facts


@lru_cache(maxsize=4)
def inspected(name: str) -> list[FileFacts]:
    found = [describe(records) for records in read_files(name, (SHARED / name).read_bytes())]
    if {facts.file_format for facts in found} == {"unknown"} and "invalid" not in name:  # joins with its reader
        pytest.skip("no reader of this format yet")
    return found


def channels(name: str) -> list[ChannelFacts]:
    shared_file(name)
    return [item for facts in inspected(name) for item in facts.channels]


def channel(name: str, point: str, suffix: str) -> ChannelFacts:
    found = [item for item in channels(name) if (item.meter_point, item.channel) == (point, suffix)]
    assert len(found) == 1, f"{name}: {point}/{suffix} is {len(found)} channels"
    return found[0]


@pytest.mark.parametrize("name", sorted(expected_facts()) or [pytest.param("", marks=pytest.mark.skip("no files"))])
def test_counts_sums_and_spans_of_real_files(name: str) -> None:
    for what, expected in expected_facts()[name]:
        if match := SPAN.match(what):
            found = channel(name, match[1], match[2])
            span = (found.first or "").replace("T", " "), (found.last or "").replace("T", " ")
            count, total = int(match[3]), Decimal(expected)
            if (name, match[1], match[2]) == BROKEN_DAY:
                assert (found.readings, Decimal(found.total)) == (144, Decimal("4071"))
                continue
            assert (found.readings, Decimal(found.total), *span) == (count, total, match[4], match[5]), what
        elif match := QUANTITY.match(what):
            found = channel(name, match[1], match[2])
            assert (found.readings, Decimal(found.total)) == (int(match[3]), Decimal(expected)), what
        elif match := RAW.match(what):
            every = channels(name)
            assert sum(item.readings for item in every) == int(match[1]), what
            assert sum(Decimal(item.raw_total) for item in every) == Decimal(expected), what


def test_facts_of_single_files_that_others_tested() -> None:
    plain = "nem12_plain/Example_NEM12_"
    actual = {
        item.channel: item for item in channels(f"{plain}actual_interval.csv") if item.meter_point == "VABD000163"
    }
    assert (actual["E1"].readings, actual["E1"].total) == (48, "53.328")  # 48 x 1.111 kWh
    assert (actual["Q1"].total, actual["Q1"].unit.lower()) == ("106.656", "kvarh")  # 48 x 2.222
    lengths = {
        item.channel: (item.readings, item.interval_minutes)
        for item in channels(f"{plain}different_interval_length.csv")
    }
    assert lengths == {"V1": (144, 10), "E1": (48, 30), "E2": (48, 30)}
    assert sum(item.readings for item in channels(f"{plain}ManyNMIs.zip")) == 57_024
    assert inspected(f"{plain}multiple_meters.csv")[0].notes["created"] == "200402070911"
    assert channel(f"{plain}no_scheduled_read.csv", "NMI111", "E1").readings == 96


def test_register_files_count_their_records_and_quantities() -> None:
    plain = "nem12_plain/Example_NEM13_"
    used = channel(f"{plain}consumption_data.csv", "VABC005890", "11")
    assert (used.readings, used.total, used.interval_minutes) == (1, "1312.1", 0)  # 7654.9 - 6342.8
    assert set(channel(f"{plain}forward_estimate.csv", "VDEF005890", "11").codes) == {"E64"}


def test_the_texas_file_counts_its_rows_and_the_four_that_hold_nothing() -> None:
    found = channel("smt/IntervalData_anon.csv", "10400000000000001", "consumption")
    assert (found.readings, found.total, found.interval_minutes) == (30_724, "6825.137", 15)
    assert found.quality == {"actual": 30_720, "missing": 4}
    assert (found.first, found.last) == ("2022-03-01T00:00:00", "2023-01-15T00:00:00")


def test_quarter_hours_of_march_2022_are_instants() -> None:
    for point, total in (("51481308448", "709.5"), ("51481308456", "1117.9")):
        found = channel("mscons/vdmitriyev_MSCONS_TL_Multiple_LOC_SAMPLE.txt", point, "AUA")
        assert (found.readings, found.total, found.interval_minutes) == (2972, total, 15)
        assert (found.first, found.last) == ("2022-02-28T23:00:00Z", "2022-03-31T22:00:00Z")


def test_intervals_and_register_of_a_water_meter_are_channels_of_their_own() -> None:
    assert channel("cmep/stpud_water_rows.cmep", "B74741489", "CF").total == "479"
    register = channel("cmep/stpud_water_rows.cmep", "B74741489", "CFREG")
    assert (register.interval_minutes, register.total) == (0, str(2_931_567 + 2_932_046))


def test_files_that_cannot_be_read_say_why() -> None:
    shared_file("nem12_invalid/Example_empty_file.csv")
    empty = inspected("nem12_invalid/Example_empty_file.csv")[0]
    assert (empty.channels, empty.rejects["reason"].to_list(), empty.is_usable) == ((), ["empty_file"], False)
    mixed = inspected("nem12_invalid/Example_NEM12_15min_200_30min_300.csv")[0]
    assert mixed.rejects.select("line", "reason").rows() == [(3, "wrong_slot_count")]
