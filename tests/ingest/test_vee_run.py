"""Runs of VEE over a workspace: what is written, and that repeating changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from vee_frames import Slots, channel_numbers, steady, wide_days

from ingest.vee.lake import BlockReads, overlapping
from ingest.vee.report import VeeReport
from ingest.vee.run import run_vee
from ingest.versions import current_days
from model.accounts import Agreements, ChannelNumbers, Meters
from model.errors import ConfigError
from model.reads import RegisterReads
from model.schema import arranged
from store.control import control, insert, query, transaction
from store.facts import record_facts
from store.lake import LakeFile, lake_files, register_files, scan_lake, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace, create_workspace

OCTOBER = date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def after(count: int, start: date = OCTOBER) -> date:
    return start + timedelta(days=count)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Channels 1 to 3 by the hour, channel 4 a register; meters since September, agreements since October."""
    made = create_workspace(tmp_path / "utility", name="test")
    channels = channel_numbers((1, 2, 3, 4)).with_columns(
        interval_minutes=pl.when(pl.col("channel_no") == 4).then(0).otherwise(60).cast(pl.Int32)
    )
    points = [f"SP{number}" for number in (1, 2, 3, 4)]
    meters = pl.DataFrame({"service_point_id": points}).with_columns(
        meter_id=pl.lit("M") + pl.col("service_point_id"),
        installed_date=date(2026, 9, 1),
        removed_date=None,
        dials=5,
        multiplier=1,
    )
    agreements = pl.DataFrame({"service_point_id": points}).with_columns(
        agreement_id=pl.lit("A") + pl.col("service_point_id"),
        account_id=pl.lit("ACC"),
        tariff_id=pl.lit("T"),
        start_date=OCTOBER,
        end_date=None,
    )
    with control(made, purpose="test") as connection, transaction(connection):
        insert(connection, "channel_number", arranged(ChannelNumbers, channels))
        record_facts(connection, "meters", arranged(Meters, meters), recorded_at=NOW)
        record_facts(connection, "agreements", arranged(Agreements, agreements), recorded_at=NOW)
    return made


def land(workspace: Workspace, days: dict[tuple[int, date], Slots]) -> int:
    """Land days as one load and return its sequence."""
    with control(workspace, purpose="test") as connection, transaction(connection):
        seq = next_seq(connection)
        frame = wide_days(days, seq=seq).sort("channel_no", "day")
        file = write_lake_file(workspace, "reads_day_60", "reads_day_60", frame)
        register_files(connection, [file], owner=f"load:{seq}")
        record_load(connection, Load(seq, "land", "file", file.sha256, NOW, frame.height, 0, ""))
    return seq


def run(workspace: Workspace, channels_per_block: int = 5_000) -> VeeReport:
    return run_vee(
        workspace, from_date=OCTOBER, to_date=NOVEMBER, received_at=NOW, channels_per_block=channels_per_block
    )


def lake(workspace: Workspace, table: str) -> pl.DataFrame:
    with control(workspace, purpose="test") as connection:
        files = lake_files(connection, table)
    return scan_lake(workspace, files).collect() if files else pl.DataFrame()


def state(workspace: Workspace) -> tuple[list[str], list[int]]:
    """Every file in the lake, registered or not, and every sequence taken."""
    with control(workspace, purpose="test") as connection:
        loads = query(connection, "SELECT seq FROM load ORDER BY seq")["seq"].to_list()
    return sorted(path.name for path in workspace.lake.rglob("*.parquet")), loads


def month(channels: Sequence[int] = (1, 2, 3)) -> dict[tuple[int, date], Slots]:
    days: dict[tuple[int, date], Slots] = {}
    for channel in channels:
        days |= steady(channel, OCTOBER, 31, 10 * channel)
    return days


def faulty_month() -> dict[tuple[int, date], Slots]:
    """A two-hour gap on channel 1, a missing day on 2, nothing wrong on 3."""
    days = month()
    days[1, after(4)] = [10, None, None, *[10] * 21]
    del days[2, after(20)]
    return days


def test_a_month_is_judged_and_its_totals_meet(workspace: Workspace) -> None:
    land(workspace, faulty_month())
    report = run(workspace)
    assert report.seq == 2
    assert (report.days_judged, report.days_complete, report.days_estimated, report.days_missing) == (93, 91, 2, 0)
    assert report.slots_by_method == {"linear": 2, "like_day": 24}
    assert report.findings == {("missing", "warn"): 1, ("missing_day", "warn"): 1}
    whole = 31 * 24 * (10 + 20 + 30)
    assert report.quantity_before == {"import_energy": whole - 20 - 480}
    assert report.quantity_after == {"import_energy": whole}
    assert report.units == {"import_energy": "Wh"}
    assert report.rows_written == 2
    written = lake(workspace, "vee_day_60")
    assert written.select("channel_no", "day", "seq", "base_seq").rows() == [(1, after(4), 2, 1), (2, after(20), 2, 0)]
    assert lake(workspace, "findings")["seq"].to_list() == [2, 2]


def test_what_was_written_counts_as_current(workspace: Workspace) -> None:
    land(workspace, faulty_month())
    run(workspace)
    with control(workspace, purpose="test") as connection:
        landed = scan_lake(workspace, lake_files(connection, "reads_day_60"))
        judged = scan_lake(workspace, lake_files(connection, "vee_day_60"))
    current = current_days(landed, judged, 60)
    assert current.height == 93
    assert current["worst"].max() == 4


def test_running_twice_changes_nothing(workspace: Workspace) -> None:
    land(workspace, faulty_month())
    first = run(workspace)
    before = state(workspace)
    again = run(workspace)
    assert state(workspace) == before
    assert (again.seq, again.rows_written, again.findings) == (None, 0, {})
    assert replace(again, seq=first.seq, rows_written=2, findings=first.findings) == first


def test_the_size_of_blocks_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    land(workspace, faulty_month())
    run(workspace, channels_per_block=1)
    names, _ = state(workspace)
    run(workspace, channels_per_block=2)
    assert state(workspace)[0] == names


def test_an_estimate_stands_when_better_references_land(workspace: Workspace) -> None:
    land(workspace, {**steady(1, after(1), 1, 10), **month((2, 3))})
    run_vee(workspace, from_date=OCTOBER, to_date=after(1), received_at=NOW)
    first = lake(workspace, "vee_day_60")
    assert first.select("channel_no", "day", "v00").rows() == [(1, OCTOBER, 10)]
    land(workspace, steady(1, after(4), 2, 99))  # Monday and Tuesday would now be averaged with Friday
    again = run_vee(workspace, from_date=OCTOBER, to_date=after(1), received_at=NOW)
    assert again.seq is None
    assert again.slots_by_method == {"like_day": 24}
    assert again.quantity_after == {"import_energy": 240 + 480 + 720}
    assert lake(workspace, "vee_day_60").equals(first)


def test_a_day_that_lands_later_is_judged_anew(workspace: Workspace) -> None:
    land(workspace, faulty_month())
    run(workspace)
    seq = land(workspace, {(1, after(4)): [10, None, 13, *[10] * 21]})
    report = run(workspace)
    assert report.rows_written == 1
    rows = lake(workspace, "vee_day_60").filter(channel_no=1).sort("seq")
    assert rows.select("base_seq", "v01").rows() == [(1, 10), (seq, 12)]  # (10 + 13) / 2 = 11.5
    assert report.findings == {("missing", "warn"): 1}


def test_what_was_left_empty_is_tried_again(workspace: Workspace) -> None:
    land(workspace, {(1, OCTOBER): [-5, *[10] * 23], **month((2, 3))})
    first = run_vee(workspace, from_date=OCTOBER, to_date=after(1), received_at=NOW)
    assert (first.days_missing, first.rows_written) == (1, 1)
    assert first.quantity_after == {"import_energy": 230 + 480 + 720}
    assert first.findings == {("negative", "fail"): 1}
    land(workspace, steady(1, after(1), 1, 40))
    again = run_vee(workspace, from_date=OCTOBER, to_date=after(1), received_at=NOW)
    assert (again.days_missing, again.rows_written) == (0, 1)
    newest = lake(workspace, "vee_day_60").sort("seq").row(-1, named=True)
    assert (newest["v00"], newest["worst"], newest["base_seq"]) == (40, 4, 1)
    assert again.findings == {("negative", "fail"): 1, ("estimate_spike", "warn"): 1}  # 40 beside hours of 10
    assert run_vee(workspace, from_date=OCTOBER, to_date=after(1), received_at=NOW).seq is None


def test_days_before_the_agreement_are_references_but_not_expected(workspace: Workspace) -> None:
    land(workspace, {**steady(1, date(2026, 9, 10), 3, 70), **month((2, 3))})
    report = run_vee(workspace, from_date=date(2026, 9, 1), to_date=after(1), received_at=NOW)
    assert report.days_judged == 3
    assert lake(workspace, "vee_day_60").select("channel_no", "day", "v00").rows() == [(1, OCTOBER, 70)]


def test_findings_about_registers_are_kept_once(workspace: Workspace) -> None:
    land(workspace, month())
    rows = pl.DataFrame({"read_date": [OCTOBER, NOVEMBER], "reading": [5_000, 4_000], "read_kind": "regular"})
    reads = rows.with_columns(channel_no=4, meter_id=pl.lit("MSP4"), quality=0, seq=1, raw_code=None, updated_at=None)
    with control(workspace, purpose="test") as connection, transaction(connection):
        file = write_lake_file(workspace, "register_reads", "register_reads", arranged(RegisterReads, reads))
        register_files(connection, [file], owner="load:1")
    report = run(workspace)
    assert report.findings == {("read_decreased", "fail"): 1}
    assert report.rows_written == 0
    assert lake(workspace, "findings").select("channel_no", "day", "rule", "seq").rows() == [(4, NOVEMBER, "V19", 2)]
    assert run(workspace).seq is None


def test_nothing_landed_finds_every_day_missing(workspace: Workspace) -> None:
    report = run(workspace)
    assert (report.days_judged, report.days_missing, report.rows_written) == (93, 93, 0)
    assert report.findings == {("missing_day", "fail"): 93}
    assert run(workspace).seq is None


def test_a_utility_without_channels_has_nothing_to_judge(tmp_path: Path) -> None:
    report = run(create_workspace(tmp_path / "empty", name="empty"))
    assert report == VeeReport(seq=None)


def test_an_empty_period_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="is empty"):
        run_vee(workspace, from_date=OCTOBER, to_date=OCTOBER, received_at=NOW)


def test_a_run_of_some_channels_reads_no_rows_of_those_between_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels 1 and 3 lack an hour of the 5th; channel 2 lacks a day, which this run must not see."""
    days = steady(1, OCTOBER, 31, 10) | steady(2, OCTOBER, 31, 20) | steady(3, OCTOBER, 31, 30)
    for number, value in ((1, 10), (3, 30)):
        days[(number, after(4))] = [*[value] * 6, None, *[value] * 17]
    del days[(2, after(9))]
    land(workspace, days)
    seen: list[pl.DataFrame] = []
    landed = BlockReads.landed

    def kept(self: BlockReads) -> pl.DataFrame:
        seen.append(landed(self))
        return seen[-1]

    monkeypatch.setattr(BlockReads, "landed", kept)
    report = run_vee(workspace, from_date=OCTOBER, to_date=NOVEMBER, received_at=NOW, only=[1, 3])
    assert [rows["channel_no"].unique().sort().to_list() for rows in seen] == [[1, 3]]
    assert (report.days_judged, report.days_estimated) == (62, 2)
    made = lake(workspace, "vee_day_60").sort("channel_no").select("channel_no", "day", "v05", "v06").rows()
    assert made == [(1, after(4), 10, 10), (3, after(4), 30, 30)]


@pytest.mark.parametrize(
    ("low", "high", "from_date", "to_date", "is_taken"),
    [
        (10, 20, after(5), after(9), True),
        (1, 9, after(5), after(9), False),
        (1, 10, after(5), after(9), True),
        (20, 30, after(5), after(9), True),
        (21, 30, after(5), after(9), False),
        (10, 20, after(9), after(12), False),  # the file's last day is the eighth
        (10, 20, after(8), after(12), True),
        (10, 20, after(1), after(5), False),
        (10, 20, after(1), after(6), True),
    ],
)
def test_only_files_that_may_hold_the_days_are_opened(
    low: int, high: int, from_date: date, to_date: date, is_taken: bool
) -> None:
    file = LakeFile("reads_day_60", "f", "0", 1, 1, 10, 20, after(5), after(8), 1)
    assert (overlapping([file], low, high, from_date, to_date) == [file]) == is_taken
