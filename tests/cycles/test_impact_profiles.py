"""`tariff diff --impact` by days that are added up, kept from one proposal to the next: the amounts of the days."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from whole_night import PLANNED, RECEIVED

from cycles.quotes import rated_twice
from cycles.quotes.impact import Asked, Impact, find_impact, last_cycle
from ingest.landing.write import write_days
from store.control import control, transaction
from store.kept import keep_frames, kept_frames, sweep_kept
from store.lake import lake_files, register_files, scan_lake
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace
from tariffs.comparison import sides_of_tariffs

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "tariffs" / "res-tou.toml"
PROPOSALS = {
    "another price": [("peak = 0.4730", "peak = 0.4980")],
    "Saturday as a working day": [('"mon-fri"', '"mon-sat"'), ('"sat-sun"', '"sun"')],
}


def proposed(workspace: Workspace, name: str) -> Path:
    """Write what is proposed in place of `res-tou`, without its worked bills."""
    text = SAMPLE.read_text(encoding="utf-8").split("[[examples]]", maxsplit=1)[0]
    for old, new in PROPOSALS[name]:
        assert old in text
        text = text.replace(old, new)
    path = workspace.root / "proposed.toml"
    path.write_text(text, encoding="utf-8")
    return path


def impact(workspace: Workspace, proposal: Path) -> Impact:
    asked = Asked(None, (), PLANNED)
    cycle = last_cycle(workspace, asked)
    old, new = sides_of_tariffs(lambda: workspace, "res-tou", str(proposal), cycle.period_start_date)
    return find_impact(workspace, old, new, cycle, asked)


def test_amounts_are_those_of_the_days(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = proposed(workspace, "Saturday as a working day")
    found = impact(workspace, proposal)
    assert any(workspace.profiles.iterdir())
    monkeypatch.setattr(rated_twice, "day_kinds", lambda *_: None)
    by_days = impact(workspace, proposal)
    assert by_days.accounts.drop_nulls().height > 5
    for name in ("accounts", "charges", "parked"):
        assert_frame_equal(getattr(found, name), getattr(by_days, name))


def test_what_was_kept_serves_until_a_read_comes_in_its_place(workspace: Workspace) -> None:
    proposal = proposed(workspace, "another price")
    before = impact(workspace, proposal).accounts
    for path in workspace.profiles.glob("*-kinds-*.parquet"):
        wrong = pl.read_parquet(path).with_columns(pl.col("v40") + 100_000)
        wrong.write_parquet(path)
    planted = impact(workspace, proposal).accounts
    assert planted["new_minor"].sum() > before["new_minor"].sum(), "the second time reads what was kept"
    land_again(workspace, more_wh=0)
    assert_frame_equal(impact(workspace, proposal).accounts, before)
    land_again(workspace, more_wh=50_000)
    assert impact(workspace, proposal).accounts["new_minor"].sum() > before["new_minor"].sum()


def land_again(workspace: Workspace, more_wh: int) -> None:
    """Land a day of every channel once more, with so much more in a slot."""
    with control(workspace, purpose="test") as connection:
        files, seq = lake_files(connection, "reads_day_15"), next_seq(connection)
    day = scan_lake(workspace, files).filter(pl.col("day") == pl.date(2026, 10, 20)).collect()
    later = pl.lit(PLANNED).cast(day.schema["updated_at"])
    day = day.unique(["channel_no", "day"], keep="first").sort("channel_no").with_columns(
        pl.col("v40") + more_wh, seq=pl.lit(seq, pl.Int64), updated_at=later
    )  # fmt: skip
    written = write_days(workspace, {15: day})
    with control(workspace, purpose="test") as connection, transaction(connection):
        register_files(connection, written, owner=f"load:{seq}")
        record_load(connection, Load(seq, "land", f"again {seq}", f"{seq:064d}", RECEIVED, day.height * 96, 0, ""))


def test_the_oldest_of_what_is_kept_goes_first(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, 2, 3]})
    for key in ("old", "new"):
        keep_frames(tmp_path / "kept", key, {"a": frame})
    size = (tmp_path / "kept" / "new-a.parquet").stat().st_size
    assert kept_frames(tmp_path / "kept", "old", ["a"]) is not None, "what is used is no longer the oldest"
    sweep_kept(tmp_path / "kept", size)
    assert kept_frames(tmp_path / "kept", "new", ["a"]) is None
    kept = kept_frames(tmp_path / "kept", "old", ["a"])
    assert kept is not None and kept["a"].equals(frame)
    assert kept_frames(tmp_path / "kept", "old", ["a", "b"]) is None, "all or nothing"


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("in the way")
    keep_frames(tmp_path / "kept", "key", {"a": pl.DataFrame({"n": [1]})})
    sweep_kept(tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "in the way"
