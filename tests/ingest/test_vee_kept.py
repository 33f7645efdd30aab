"""What was measured of days is kept: a past that is read from it is what the slots tell, whatever came since."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
import test_vee_run
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from test_vee_run import NOVEMBER, NOW, OCTOBER, after, land
from vee_frames import Slots, channel_numbers, wide_days

from ingest.checks.features import Measured, measured_days, past_days
from ingest.rules.rule_store import standard_rules
from ingest.vee import kept_days, past
from ingest.vee.lake import BlockReads, LengthFiles
from ingest.vee.run import run_vee
from store.control import control, transaction
from store.kept import keep_sealed, sealed_frame, sealed_stems
from store.lake import LakeFile, write_lake_file
from store.workspace import Workspace

workspace = test_vee_run.workspace  # the fixture
PLACES = {
    "revenue_class": pl.lit(None, pl.String), "capacity_w": pl.lit(None, pl.Int64),
    "generation": pl.lit(None, pl.String),
}  # fmt: skip
DAYS = 12
"""Of September, before a period in October."""
Rows = dict[tuple[int, date], Slots]


class Lake:
    """Landed files of channels 1 to 3 by the hour, and what was measured of them."""

    def __init__(self, root: Path, tz_name: str = "Australia/Brisbane") -> None:
        self.workspace = Workspace(root, "test")
        self.tz_name = tz_name
        self.files: list[LakeFile] = []

    def land(self, days: Rows) -> None:
        frame = wide_days(days, seq=len(self.files) + 1).sort("channel_no", "day")
        self.files.append(write_lake_file(self.workspace, "reads_day_60", "reads_day_60", frame))

    def measure(self, low: int = 1, high: int = 3) -> Measured:
        lake, channels = self._block(low, high)
        return past.measured_block(lake, lake.landed(), channels, timedelta(days=DAYS))

    def from_slots(self, low: int = 1, high: int = 3) -> Measured:
        lake, channels = self._block(low, high)
        before = lake._current(pl.lit(value=True), OCTOBER - timedelta(days=DAYS), OCTOBER)
        return Measured(measured_days(lake.landed(), channels, 60), [past_days(before, channels, 60)])

    def _block(self, low: int, high: int) -> tuple[BlockReads, pl.DataFrame]:
        channels = channel_numbers(range(low, high + 1), self.tz_name)
        files = LengthFiles(list(self.files), [])
        return BlockReads(self.workspace, files, channels, 60, OCTOBER, NOVEMBER), channels.with_columns(**PLACES)


def assert_same(found: Measured, expected: Measured) -> None:
    assert_frame_equal(found.days, expected.days)
    key = ["channel_no", "day"]
    assert_frame_equal(pl.concat(found.past).sort(key), pl.concat(expected.past).sort(key))


def plain(value: int) -> list[int]:
    """A day that begins with a value and counts up, so that its parts differ."""
    return [value + 3 * slot for slot in range(24)]


one_day = st.tuples(
    st.integers(1, 3), st.integers(-DAYS, 1), st.integers(0, 50), st.sampled_from(["whole", "gap", "estimated"])
)
loads = st.lists(st.lists(one_day, min_size=1, max_size=12), min_size=1, max_size=3)


@given(drawn=loads, blocks=st.lists(st.sampled_from([(1, 3), (1, 2), (3, 3), (2, 3)]), min_size=1, max_size=2))
@settings(max_examples=8, deadline=None)
def test_whatever_lands_in_a_days_place_the_past_is_that_of_the_slots(
    drawn: list[list[tuple[int, int, int, str]]], blocks: list[tuple[int, int]]
) -> None:
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        for load in drawn:
            rows: Rows = {}
            for channel, number, value, kind in load:
                slots: list[int | None] = [*plain(value)]
                if kind == "gap":
                    slots[5] = None
                rows[channel, after(number)] = slots
            lake.land(rows)
            for low, high in blocks:
                assert_same(lake.measure(low, high), lake.from_slots(low, high))


def past_of(lake: Lake) -> pl.DataFrame:
    return pl.concat(lake.measure().past).sort("channel_no", "day")


def september(lake: Lake) -> list[str]:
    """Land days before the period and have them measured; return what is kept."""
    lake.land({(channel, after(-number)): plain(channel) for channel in (1, 2, 3) for number in range(1, DAYS)})
    lake.measure()
    return sealed_stems(lake.workspace.measured)


def doubled(folder: Path) -> None:
    """Put other totals into what is kept, under names of their bytes."""
    for stem in sealed_stems(folder):
        frame = sealed_frame(folder, stem)
        assert frame is not None
        keep_sealed(folder, stem[: stem.rindex("-")], frame.with_columns(pl.col("total") * 2))
        (folder / f"{stem}.parquet").unlink()


def test_days_that_are_kept_are_not_measured_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    kept = september(lake)
    assert len(kept) == 1
    before = past_of(lake)
    assert sealed_stems(lake.workspace.measured) == kept, "nothing new was measured"
    doubled(lake.workspace.measured)
    assert past_of(lake)["total"].to_list() == [2 * total for total in before["total"]]
    lake.land({(2, after(-3)): plain(40)})
    changed = past_of(lake).filter((pl.col("channel_no") == 2) & (pl.col("day") == after(-3)))
    assert changed.select("total", "g0", "night_low").row(0) == (24 * 40 + 3 * 276, 3 * 40 + 9, 43)


@pytest.mark.parametrize("harm", ["cut", "changed", "gone", "other code", "other clock", "other file"])
def test_what_cannot_be_trusted_is_measured_again(harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    (stem,) = september(lake)
    path = lake.workspace.measured / f"{stem}.parquet"
    data = path.read_bytes()
    if harm in ("cut", "changed"):
        path.write_bytes(data[:-9] if harm == "cut" else data[:200] + bytes([data[200] ^ 1]) + data[201:])
    elif harm == "gone":
        path.unlink()
    else:
        doubled(lake.workspace.measured)
        if harm == "other code":
            monkeypatch.setattr(kept_days, "code_version", lambda: "f" * 64)
        elif harm == "other clock":
            lake.tz_name = "Pacific/Auckland"  # the clock goes forward on 27 September
        else:  # the books were brought back to an earlier day, and another file took the sequence
            lake.files.clear()
            lake.land({(channel, after(-number)): plain(7) for channel in (1, 2, 3) for number in range(1, DAYS)})
    assert_same(lake.measure(), lake.from_slots())


def test_a_folder_that_cannot_be_written_only_takes_time(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.workspace.measured.write_text("a file in the folder's place", encoding="utf-8")
    assert september(lake) == []
    assert_same(lake.measure(), lake.from_slots())


def test_days_long_before_the_past_are_removed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    frame = pl.DataFrame({"n": [1]})
    last = OCTOBER - timedelta(days=DAYS) - past.KEPT_FOR
    for ends in (last, last - timedelta(days=1)):
        keep_sealed(lake.workspace.measured, f"days-60-1-3-20260701-{ends:%Y%m%d}-{kept_days._code()}", frame)
    lake.land({(1, OCTOBER): plain(1)})
    lake.measure()
    ends = {stem.split("-")[5] for stem in sealed_stems(lake.workspace.measured)}
    assert ends == {f"{last:%Y%m%d}", f"{OCTOBER:%Y%m%d}"}


def test_sums_beyond_32_bits_are_kept_whole(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.land({(1, after(-1)): [2**31 - 1] * 24, (2, after(-1)): [-5] * 24})
    lake.measure()
    assert_same(lake.measure(), lake.from_slots())
    assert past_of(lake)["total"].to_list() == [24 * (2**31 - 1), -120]


def months(first: date) -> Rows:
    """Days since one until November that differ from weekday to weekday."""
    days = [first + timedelta(days=number) for number in range((NOVEMBER - first).days)]
    return {(channel, day): plain(200 * channel + 5 * day.weekday()) for channel in (1, 2, 3) for day in days}


def test_findings_and_estimates_are_the_same_with_a_kept_past(workspace: Workspace) -> None:
    days = months(after(-60))
    days |= {(1, after(number)): [0] * 24 for number in range(20, 31)}  # it stopped
    days[2, after(9)] = [*plain(400)[:10], None, None, *plain(400)[12:]]
    land(workspace, days)
    with control(workspace, purpose="test") as connection, transaction(connection):
        connection.execute("UPDATE meters SET installed_date = DATE '2026-07-01'")
        connection.execute("UPDATE agreements SET start_date = DATE '2026-07-01'")
    judged_apart = workspace.root.parent / "apart"
    shutil.copytree(workspace.root, judged_apart)
    found = []
    for books, is_kept in ((workspace, True), (Workspace(judged_apart, "test"), False)):
        reports = []
        for _ in range(2):
            reports.append(run_vee(books, from_date=OCTOBER, to_date=NOVEMBER, received_at=NOW, rules=standard_rules()))
            if not is_kept:
                shutil.rmtree(books.measured)
            # Late reads make it another past, from which the month departs.
            land(books, {(3, after(-number)): plain(5_000) for number in range(1, 50)})
        found.append((sorted(path.name for path in books.lake.rglob("*.parquet")), reports))
    assert found[0] == found[1]
    before, later = found[0][1]
    assert ("stopped", "warn") in before.findings
    assert list(later.findings) == [("step_down", "warn")]
