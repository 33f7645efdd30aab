from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from meter_files import BRISBANE, channel_table, channels, nem12, nem12_day

from ingest.landing.land import land_files
from ingest.landing.report import LandStatus
from ingest.landing.write import days_table
from ingest.versions import current_days
from store.control import control, insert, query
from store.lake import lake_files, scan_lake
from store.workspace import Workspace, create_workspace

RECEIVED = datetime(2026, 11, 1, 3, tzinfo=UTC)
E1 = "200,NMI1,E1,1,E1,N1,METER1,kWh,30,20241201"
REGISTERS = "meter_point,channel,meter,unit,read_date,reading,kind,quality"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = create_workspace(tmp_path / "books", name="test")
    with control(made, purpose="test") as connection:
        insert(connection, "channel_number", channels())
    return made


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def put(inbox: Path, name: str, text: str | bytes) -> Path:
    path = inbox / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def day(number: int, value: str = "1", quality: str = "A", updated: str = "") -> str:
    return nem12_day(f"202410{number:02d}", values=[value] * 48, tail=f"{quality},,,{updated},")


def landed_days(workspace: Workspace) -> pl.DataFrame:
    with control(workspace, purpose="test") as connection:
        files = lake_files(connection, days_table(30))
    return scan_lake(workspace, files).collect()


def loads(workspace: Workspace) -> list[tuple[int, str, int, int]]:
    with control(workspace, purpose="test") as connection:
        rows = query(connection, "SELECT seq, source_name, rows, rejected FROM load ORDER BY seq").rows()
    return [(seq, Path(name).name, count, rejected) for seq, name, count, rejected in rows]


def tree(workspace: Workspace) -> dict[str, bytes]:
    return {str(path.relative_to(workspace.root)): path.read_bytes() for path in workspace.lake.rglob("*.parquet")}


def test_files_land_once_in_order_of_name_whatever_the_order_given(workspace: Workspace, inbox: Path) -> None:
    second = put(inbox, "b.csv", nem12(E1, day(2), "200,NMI9,E1,,E1,,,kWh,30,", day(2)))
    first = put(inbox, "a.csv", nem12(E1, day(1, "0.5"), nem12_day("20241105")))
    report = land_files(workspace, [second, first], received_at=RECEIVED)
    assert [(Path(file.name).name, file.status, file.seq) for file in report.files] == [
        ("a.csv", LandStatus.LANDED, 1),
        ("b.csv", LandStatus.LANDED, 2),
    ]
    assert (report.days, report.rejected, report.energy) == (3, 1, {"kWh": "120.000"})
    assert report.files[0].energy == {"kWh": "72.000"}
    assert (report.files[0].first_day, report.files[0].last_day) == (date(2024, 10, 1), date(2024, 11, 5))
    assert loads(workspace) == [(1, "a.csv", 2, 0), (2, "b.csv", 1, 1)]
    assert landed_days(workspace).select("channel_no", "day", "seq").rows() == [
        (1, date(2024, 10, 1), 1),
        (1, date(2024, 10, 2), 2),
        (1, date(2024, 11, 5), 1),
    ]
    assert sorted(path.split("/")[2] for path in tree(workspace) if "reads_day_30" in path) == ["2024-10", "2024-11"]


def test_landing_the_same_bytes_again_changes_nothing(workspace: Workspace, inbox: Path) -> None:
    path = put(inbox, "a.csv", nem12(E1, day(1)))
    land_files(workspace, [path], received_at=RECEIVED)
    before = tree(workspace), loads(workspace)
    copy = put(inbox, "copy-of-a.csv", path.read_bytes())
    report = land_files(workspace, [path, copy, copy], received_at=RECEIVED)
    assert [file.status for file in report.files] == [LandStatus.ALREADY_LANDED] * 3
    assert [file.message for file in report.files] == ["already landed as load 1"] * 3
    assert (tree(workspace), loads(workspace)) == before


def test_the_same_bytes_twice_in_one_call_land_once(workspace: Workspace, inbox: Path) -> None:
    paths = [put(inbox, name, nem12(E1, day(1))) for name in ("a.csv", "b.csv")]
    report = land_files(workspace, paths, received_at=RECEIVED)
    assert [file.status for file in report.files] == [LandStatus.LANDED, LandStatus.ALREADY_LANDED]


def test_days_that_repeat_what_counts_are_counted_and_not_landed(workspace: Workspace, inbox: Path) -> None:
    land_files(workspace, [put(inbox, "a.csv", nem12(E1, day(1), day(2)))], received_at=RECEIVED)
    again = put(inbox, "b.csv", nem12(E1, day(1), day(2, "3"), day(3)))
    back = put(inbox, "c.csv", nem12(E1, day(1, "9"), day(2, "3"), day(3, "9")))
    twice = put(inbox, "d.csv", nem12(E1, day(1), day(3, "9"), day(4), "500,O,S1,20241001000000,1"))
    report = land_files(workspace, [again, back, twice], received_at=RECEIVED)
    assert [(file.days, file.unchanged) for file in report.files] == [(2, 1), (2, 1), (2, 1)]
    days = current_days(landed_days(workspace).lazy(), None, 30)
    assert days.select("day", "seq", "v00").rows() == [
        (date(2024, 10, 1), 4, 1000),
        (date(2024, 10, 2), 2, 3000),
        (date(2024, 10, 3), 3, 9000),
        (date(2024, 10, 4), 4, 1000),
    ]


def test_equal_values_with_a_later_update_time_are_news(workspace: Workspace, inbox: Path) -> None:
    land_files(workspace, [put(inbox, "a.csv", nem12(E1, day(1, updated="20241003000000")))], received_at=RECEIVED)
    later = put(inbox, "b.csv", nem12(E1, day(1, updated="20241009000000")))
    between = put(inbox, "c.csv", nem12(E1, day(1, "5", updated="20241005000000")))
    report = land_files(workspace, [later, between], received_at=RECEIVED)
    assert [file.days for file in report.files] == [1, 1]
    assert current_days(landed_days(workspace).lazy(), None, 30)["v00"].to_list() == [1000]


def test_one_unusable_file_does_not_keep_the_others_out(workspace: Workspace, inbox: Path) -> None:
    page = put(inbox, "a.csv", "<html>session expired</html>")
    good = put(inbox, "b.csv", nem12(E1, day(1)))
    report = land_files(workspace, [page, good, inbox / "absent.csv"], received_at=RECEIVED)
    assert [(file.status, file.seq) for file in report.files] == [
        (LandStatus.UNUSABLE, None),
        (LandStatus.UNUSABLE, None),
        (LandStatus.LANDED, 1),
    ]
    assert report.files[0].reasons == {"html_page": 1}
    assert report.files[1].reasons == {"unreadable_file": 1}
    assert "absent.csv" in report.files[1].message
    assert loads(workspace) == [(1, "b.csv", 1, 0)]
    assert report.files[0].quarantine is not None
    assert "html_page" in report.files[0].quarantine.read_text()


def test_rejects_are_kept_in_the_lake_and_for_people(workspace: Workspace, inbox: Path) -> None:
    path = put(inbox, "a.csv", nem12(E1, day(1), day(2, "1e5"), day(3)))
    report = land_files(workspace, [path], received_at=RECEIVED)
    with control(workspace, purpose="test") as connection:
        rejects = scan_lake(workspace, lake_files(connection, "rejects")).collect()
    assert rejects.select("line", "reason").rows() == [(4, "bad_number")]
    assert rejects["text"][0].startswith("300,20241002,1e5")
    quarantine = report.files[0].quarantine
    assert quarantine is not None
    assert quarantine.name == f"{report.files[0].sha256[:12]}.rejects.csv"
    assert pl.read_csv(quarantine).select("line", "reason").rows() == [(4, "bad_number")]


def test_members_of_a_zip_land_as_files_of_their_own(workspace: Workspace, inbox: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/b.csv", nem12(E1, day(2)))
        archive.writestr("a.csv", nem12(E1, day(1)))
    path = put(inbox, "both.zip", buffer.getvalue())
    assert land_files(workspace, [path], received_at=RECEIVED).days == 2
    alone = put(inbox, "a.csv", nem12(E1, day(1)))
    assert land_files(workspace, [path, alone], received_at=RECEIVED).count(LandStatus.ALREADY_LANDED) == 3


def test_register_readings_land_and_repeats_do_not(workspace: Workspace, inbox: Path) -> None:
    first = put(inbox, "a.csv", f"{REGISTERS}\nWAT1,W1,M1,kL,2026-10-01,5,regular,A\n")
    more = put(
        inbox, "b.csv", f"{REGISTERS}\nWAT1,W1,M1,kL,2026-10-01,5,regular,A\nWAT1,W1,M1,kL,2026-11-01,9,regular,A\n"
    )
    assert land_files(workspace, [first], received_at=RECEIVED).readings == 1
    report = land_files(workspace, [more], received_at=RECEIVED)
    assert (report.readings, report.unchanged) == (1, 1)
    with control(workspace, purpose="test") as connection:
        reads = scan_lake(workspace, lake_files(connection, "register_reads")).collect()
    assert sorted(reads["reading"].to_list()) == [5000, 9000]


def test_files_with_nothing_new_are_still_remembered(workspace: Workspace, inbox: Path) -> None:
    land_files(workspace, [put(inbox, "a.csv", nem12(E1, day(1)))], received_at=RECEIVED)
    report = land_files(workspace, [put(inbox, "b.csv", nem12(E1, day(1), "500,O,,,"))], received_at=RECEIVED)
    assert (report.files[0].status, report.days, report.unchanged) == (LandStatus.LANDED, 0, 1)
    assert loads(workspace)[-1] == (2, "b.csv", 0, 0)


def test_lines_of_a_channel_that_was_unknown_land_when_it_is_known(workspace: Workspace, inbox: Path) -> None:
    path = put(
        inbox, "a.csv", nem12(E1, day(1), "200,NEW1,E1,1,E1,N1,METER9,kWh,30,20241201", day(1, "2"), day(2, "x"))
    )
    first = land_files(workspace, [path], received_at=RECEIVED).files[0]
    assert (first.days, first.reasons) == (1, {"bad_number": 1, "unknown_channel": 1})
    again = land_files(workspace, [path], received_at=RECEIVED).files[0]
    assert (again.rejected, again.message) == (2, "already landed as load 1; 2 lines are still rejected")
    assert (again.status, loads(workspace)) == (LandStatus.ALREADY_LANDED, [(1, "a.csv", 1, 2)])
    assert audited(workspace) == [("loads 1 to 1", "1 files, 2 lines rejected")]
    # A correction of the day that landed comes before the channel is known: the old file must not undo it.
    land_files(workspace, [put(inbox, "b.csv", nem12(E1, day(1, "7")))], received_at=RECEIVED)
    known = channel_table(("NEW1", "E1", "import_energy", 30, BRISBANE))
    with control(workspace, purpose="test") as connection:
        insert(connection, "channel_number", known.with_columns(pl.lit(99, dtype=pl.Int32).alias("channel_no")))
    retried = land_files(workspace, [path, path], received_at=RECEIVED)
    assert [file.status for file in retried.files] == [LandStatus.LANDED, LandStatus.ALREADY_LANDED]
    assert (retried.files[0].days, retried.files[0].reasons) == (1, {"bad_number": 1})
    assert loads(workspace) == [(1, "a.csv", 1, 2), (2, "b.csv", 1, 0), (3, "a.csv", 1, 1)]
    days = current_days(landed_days(workspace).lazy(), None, 30)
    assert days.select("channel_no", "seq", "v00").rows() == [(1, 2, 7000), (99, 3, 2000)]
    assert land_files(workspace, [path], received_at=RECEIVED).files[0].message == (
        "already landed as load 3; 1 line is still rejected"
    )


def audited(workspace: Workspace) -> list[tuple[str, str]]:
    with control(workspace, purpose="test") as connection:
        return query(connection, "SELECT subject, detail FROM audit WHERE action = 'land' ORDER BY entry_no").rows()


def test_no_files_land_nothing(workspace: Workspace) -> None:
    assert land_files(workspace, [], received_at=RECEIVED).files == ()
    assert loads(workspace) == []
