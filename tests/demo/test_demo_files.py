"""The files: their layouts, their bytes, and that what lands is what was drawn."""

from __future__ import annotations

import csv
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from demo.csv_text import long_lines, wide_lines
from demo.deliveries import Deliveries
from demo.files import read_files, write_files
from demo.nem12_text import nem12_lines
from demo.night import DEMO_BUSINESS_DATE, prepare
from demo.truth import draw_truth
from demo.utility import draw_utility

SEED = 7
POINTS = 60


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return dict(read_files(draw_utility(POINTS, SEED)))


@pytest.fixture(scope="module")
def town() -> dict[str, bytes]:
    """The files of 400 points: every branch has some."""
    return dict(read_files(draw_utility(400, SEED)))


def _one_day(zone: str, day: date, slots: int, quality: dict[int, int] | None = None) -> Deliveries:
    """Return one channel-day whose slot i is i Wh; `quality` changes single slots."""
    flags = np.zeros((1, 100), dtype=np.uint8)
    for slot, code in (quality or {}).items():
        flags[0, slot] = code
    rows = pl.DataFrame(
        {
            "service_point_id": ["WTE0000001"], "suffix": ["E1"], "unit": ["kWh"], "meter_id": ["E0000001-1"],
            "tz_name": [zone], "day": [day], "slots": [slots], "worst": [max(int(code) % 8 for code in flags[0])],
            "updated_at": [datetime(2026, 11, 2, 5, 30)],
        },
        schema_overrides={"slots": pl.Int16, "worst": pl.UInt8},
    )  # fmt: skip
    return Deliveries(rows, np.arange(100, dtype=np.int32)[None, :], flags)


def test_the_same_utility_gives_the_same_bytes(files: dict[str, bytes]) -> None:
    assert dict(read_files(draw_utility(POINTS, SEED))) == files


def test_each_branch_sends_its_layout(files: dict[str, bytes]) -> None:
    heads = {name: data[:11] for name, data in files.items()}
    assert {name[:3] for name, head in heads.items() if head.startswith(b"100,NEM12,")} <= {"MOR", "COR", "DAR"}
    assert all(head == b"meter_point" for name, head in heads.items() if "-nem12-" not in name)
    assert any("-wide-" in name for name in files)
    assert any("-registers" in name for name in files)


def test_a_nem12_day_has_ranges_only_where_quality_varies() -> None:
    given = _one_day("Australia/Brisbane", date(2026, 10, 4), 96, {4: 4, 5: 4, 95: 8})
    lines = nem12_lines(given, datetime(2026, 11, 1, 6, 0), "WATTLEMD").to_list()
    assert lines[0] == "100,NEM12,202611010600,WATTLEMD,BILLMILL"
    assert lines[1] == "200,WTE0000001,E1,E1,E1,N1,E0000001-1,KWH,15,"
    day = lines[2].split(",")
    assert day[:4] == ["300", "20261004", "0.000", "0.001"]
    assert day[96:] == ["0.094", "0", "V", "", "", "20261102053000", ""]
    assert lines[3:] == ["400,1,4,A,,", "400,5,6,E52,,", "400,7,95,A,,", "400,96,96,N,,", "900"]


def test_a_uniform_nem12_day_has_its_flag_and_reason() -> None:
    given = _one_day("Australia/Brisbane", date(2026, 10, 4), 96, dict.fromkeys(range(100), 2))
    lines = nem12_lines(given, datetime(2026, 11, 1, 6, 0), "WATTLEMD").to_list()
    assert lines[2].split(",")[98:] == ["S14", "76", "", "20261102053000", ""]
    assert lines[3] == "900"


def test_nem12_lines_end_as_windows_writes_them(files: dict[str, bytes]) -> None:
    nem12 = [data for name, data in files.items() if "-nem12-" in name]
    assert nem12
    assert all(data.count(b"\n") == data.count(b"\r\n") for data in nem12)


def test_a_wide_line_of_23_hours_leaves_the_last_four_values_empty() -> None:
    given = _one_day("Australia/Sydney", date(2026, 10, 4), 92, {7: 8})
    header, line = wide_lines(given, with_update=False).to_list()
    fields = line.split(",")
    assert header.split(",")[:6] == ["meter_point", "channel", "unit", "date", "quality", "v1"]
    assert len(fields) == len(header.split(",")) == 5 + 96
    assert fields[:7] == ["WTE0000001", "E1", "kWh", "2026-10-04", "A", "0.000", "0.001"]
    assert fields[12] == ""  # slot 7 is missing
    assert fields[96:] == ["0.091", "", "", "", ""]


def test_a_wide_line_of_25_hours_has_100_values() -> None:
    given = _one_day("Australia/Sydney", date(2026, 4, 5), 100)
    header, line = wide_lines(given, with_update=True).to_list()
    assert len(header.split(",")) == len(line.split(",")) == 6 + 100
    assert line.endswith(",0.099")


def test_long_lines_step_over_the_hour_that_the_clock_skips() -> None:
    given = _one_day("Australia/Sydney", date(2026, 10, 4), 92, {0: 8})
    lines = long_lines(given).to_list()
    assert len(lines) == 1 + 91  # the missing interval has no line
    assert lines[7] == "WTE0000001,E1,kWh,2026-10-04T01:45:00+10:00,0.007,A,2026-11-02T05:30:00"
    assert lines[8] == "WTE0000001,E1,kWh,2026-10-04T03:00:00+11:00,0.008,A,2026-11-02T05:30:00"


def test_long_lines_tell_the_repeated_hour_by_its_offset() -> None:
    lines = long_lines(_one_day("Australia/Sydney", date(2026, 4, 5), 100)).to_list()
    starts = [line.split(",")[3] for line in lines[1:]]
    assert starts[8] == "2026-04-05T02:00:00+11:00"
    assert starts[12] == "2026-04-05T02:00:00+10:00"
    assert len(set(starts)) == 100


def test_negative_values_and_thousands_keep_their_digits() -> None:
    given = _one_day("Australia/Sydney", date(2026, 10, 5), 96)
    given.values[0, :3] = [-125, 1_234_567, 0]
    assert wide_lines(given, with_update=False)[1].split(",")[5:8] == ["-0.125", "1234.567", "0.000"]


def test_wide_files_carry_the_energy_that_was_drawn(files: dict[str, bytes]) -> None:
    utility = draw_utility(POINTS, SEED)
    truth = draw_truth(utility).intervals.filter(pl.col("worst") == 0)
    expected = {(row[0], row[1]): row[2] for row in truth.select("channel_id", "day", "delivered").iter_rows()}
    found: dict[tuple[str, date], int] = {}
    for name, data in files.items():
        if "-wide-" in name:
            for row in list(csv.reader(StringIO(data.decode())))[1:]:
                values = row[6:] if "corrections" in name else row[5:]
                if row[4] == "A" and "fault" not in values and "" not in values[:92]:
                    wh = sum(Decimal(value or 0) for value in values) * 1_000
                    found[f"{row[0]}/{row[1]}", date.fromisoformat(row[3])] = int(wh)
    shared = expected.keys() & found.keys()
    assert len(shared) > 500
    assert all(found[key] == expected[key] for key in shared)


def test_one_register_file_comes_twice(town: dict[str, bytes]) -> None:
    assert town["TAM-registers-again.csv"] == town["TAM-registers.csv"]


def test_some_files_end_with_lines_that_nobody_can_use(town: dict[str, bytes]) -> None:
    bad = {name for name, data in town.items() if b"WTE9999999" in data}
    assert {name[:3] for name in bad} == {"MOR", "HAR", "BAS"}
    assert {name.split("-", 1)[1] for name in bad} >= {
        "registers.csv", "nem12-corrections.csv", "wide-corrections.csv", "long-corrections.csv",
    }  # fmt: skip


def test_files_are_written_where_they_are_said_to_be(tmp_path: Path) -> None:
    kept: dict[Path, bytes] = {}
    written = write_files(draw_utility(20, SEED), tmp_path, write=kept.__setitem__)
    assert set(kept) == {*written.accounts.values(), *written.reads}
    assert written.reads == sorted(written.reads)
    first = kept[written.accounts["branches"]].splitlines()[0]
    assert first == b"branch_id,name"


def test_a_utility_without_points_has_headers_and_no_reads(tmp_path: Path) -> None:
    written = write_files(draw_utility(0, SEED), tmp_path)
    assert written.reads == []
    assert written.accounts["meters"].read_text().startswith("meter_id,service_point_id,")


def test_the_night_has_all_that_the_chain_takes(tmp_path: Path) -> None:
    night = prepare(tmp_path, points=40, seed=SEED)
    assert night.cycle_id == "2026-10"
    assert night.business_date == DEMO_BUSINESS_DATE == date(2026, 11, 4)
    assert all(path.exists() for path in night.reads)
    assert (night.accounts_dir / "agreements.csv").exists()
    assert night.factors.name == "factors.csv"
    assert {path.stem for path in night.tariffs} <= {
        "res-flat", "res-tou", "res-block", "biz-demand", "gas-home", "water-home", "heat-home",
    }  # fmt: skip
