"""`tariff diff --impact` by days that are added up, kept from one proposal to the next: the amounts of the days."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from whole_night import PLANNED, RECEIVED

from cycles.quotes import found_lots
from cycles.quotes.impact import Asked, Impact, find_impact, last_cycle
from ingest.landing.write import write_days
from store.control import control, transaction
from store.kept import keep_frames, kept_frames, sweep_kept
from store.lake import lake_files, register_files, scan_lake
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace
from tariffs.comparison import sides_of_tariffs

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "tariffs" / "res-tou.toml"
DEMAND = """[versions.charges.demand]
of = "kw"
price = 3.10
text = "Demand"
"""
PROPOSALS = {
    "another price": [("peak = 0.4730", "peak = 0.4980")],
    "Saturday as a working day": [('"mon-fri"', '"mon-sat"'), ('"sat-sun"', '"sun"')],
    "the highest demand at peak times": [
        ("[quantities]", '[quantities]\nkw = { measure = "import_energy", agg = "max", unit = "kW", window = "peak" }'),
        ("[versions.charges.supply]", DEMAND + "[versions.charges.supply]"),
    ],
    "the third highest demand": [
        ("[quantities]", '[quantities]\nkw = { measure = "import_energy", agg = "nth", n = 3, unit = "kW" }'),
        ("[versions.charges.supply]", DEMAND + "[versions.charges.supply]"),
    ],
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


def by_days(workspace: Workspace, proposal: Path) -> Impact:
    """Return the impact with nothing kept and no days added up."""
    shutil.rmtree(workspace.profiles, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(found_lots, "day_kinds", lambda *_: None)
        return impact(workspace, proposal)


def assert_same(found: Impact, expected: Impact) -> None:
    assert_frame_equal(found.accounts.drop("is_by_kind"), expected.accounts.drop("is_by_kind"))
    for name in ("charges", "parked"):
        assert_frame_equal(getattr(found, name), getattr(expected, name))


def test_amounts_are_those_of_the_days_at_first_and_when_they_were_kept(workspace: Workspace) -> None:
    names = ["another price", "Saturday as a working day", "the highest demand at peak times"]
    expected = {name: by_days(workspace, proposed(workspace, name)) for name in names}
    shutil.rmtree(workspace.profiles)
    for name in [*names, *names[1:]]:
        found = impact(workspace, proposed(workspace, name))
        assert_same(found, expected[name])
        assert found.accounts.drop_nulls()["is_by_kind"].all()
        changed = found.accounts.drop_nulls().filter(pl.col("new_minor") != pl.col("old_minor"))
        assert changed.height > 5
    for path in workspace.profiles.glob("*-totals.parquet"):
        pl.read_parquet(path).with_columns(pl.col("amount_minor") + 1).write_parquet(path)
    planted = impact(workspace, proposed(workspace, "another price")).accounts.drop_nulls()
    before = expected["another price"].accounts.drop_nulls()
    assert planted["old_minor"].to_list() == (before["old_minor"] + 1).to_list(), "what was kept is read"


def test_it_says_that_days_were_read_one_by_one_and_why(workspace: Workspace) -> None:
    found = impact(workspace, proposed(workspace, "the third highest demand"))
    told = found.as_dict()["days"]
    assert told == {
        "added_up": 0, "one_by_one": found.accounts.height, "because": ["the new version: quantity `kw` is nth"],
    }  # fmt: skip


def test_lots_that_are_damaged_or_gone_are_made_again(workspace: Workspace) -> None:
    proposal = proposed(workspace, "another price")
    before = impact(workspace, proposal)
    for change in (lambda path: path.write_bytes(b"no Parquet"), lambda path: path.unlink()):
        for path in [*workspace.profiles.glob("*-0-days-15.parquet"), *workspace.profiles.glob("*-totals.parquet")]:
            change(path)
        assert_same(impact(workspace, proposal), before)


def test_what_was_kept_serves_until_a_read_comes_in_its_place(workspace: Workspace) -> None:
    proposal = proposed(workspace, "another price")
    before = impact(workspace, proposal).accounts
    for path in workspace.profiles.glob("*-totals.parquet"):
        path.unlink()
    for path in workspace.profiles.glob("*-0-days-15.parquet"):
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
