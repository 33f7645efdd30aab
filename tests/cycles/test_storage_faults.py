"""What a disk can do to a workspace is found and named, and never becomes a wrong total."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from storage_faults import copied, make_writable, storage_faults
from whole_night import bill_cycle

from cycles.verify.workspace import verify_workspace
from demo.night import DemoFiles
from model.progress import Silent
from store.copies import make_backup
from store.workspace import Workspace, open_workspace

# Each kind of file twice; with BILLMILL_FAULTS=90 each kind with each fault, and so on.
COUNT = int(os.environ.get("BILLMILL_FAULTS", "18"))


@pytest.fixture(scope="module")
def sound(books: Path, files: DemoFiles, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A published workspace without anything wrong."""
    workspace = copied(open_workspace(books), tmp_path_factory.mktemp("sound") / "w")
    bill_cycle(workspace, files)
    return workspace


def problems(workspace: Workspace, **options: object) -> list[dict[str, str]]:
    chosen = {"deep": False, "against": None, "progress": Silent()} | options
    return verify_workspace(workspace, **chosen).problems.to_dicts()  # type: ignore[arg-type]


def test_nothing_is_wrong_with_a_sound_workspace_also_when_its_bills_are_computed_again(sound: Workspace) -> None:
    found = verify_workspace(sound, deep=True, against=None, progress=Silent())
    assert found.problems.is_empty() and found.orphans == ()
    assert found.counts["runs"] == 1 and found.counts["files"] > 60


def test_every_fault_of_the_disk_is_found_and_named(sound: Workspace, tmp_path: Path) -> None:
    told = storage_faults(sound, tmp_path, seed=17, count=COUNT)
    print(dict(told))
    assert [what for what in told if what.startswith("UNEXPLAINED")] == []
    assert sum(told.values()) - told["not there"] > COUNT * 0.9


def flipped(workspace: Workspace, pattern: str, place: int) -> str:
    make_writable(workspace)
    path = sorted(workspace.root.glob(pattern))[0]
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)
    return path.relative_to(workspace.root).as_posix()


def test_a_flipped_byte_is_named_with_its_place(sound: Workspace, tmp_path: Path) -> None:
    workspace = copied(sound, tmp_path / "w")
    name = flipped(workspace, "lake/runs/*/tables/open_items-*.parquet", 100)
    found = [row for row in problems(workspace) if row["subject"] == name]
    assert [row["kind"] for row in found] == ["altered"]
    assert "byte 100 is 0x" in found[0]["found"] and "row group 0, column " in found[0]["found"]


def test_a_backup_tells_the_byte_of_a_large_file_too(sound: Workspace, tmp_path: Path) -> None:
    workspace = copied(sound, tmp_path / "w")
    make_backup(workspace, tmp_path / "backup", progress=Silent())
    large = max(workspace.lake.rglob("*.parquet"), key=lambda path: path.stat().st_size)
    name = flipped(workspace, large.relative_to(workspace.root).as_posix(), large.stat().st_size // 2)
    found = [row["found"] for row in problems(workspace, against=tmp_path / "backup") if row["subject"] == name]
    assert len(found) == 1 and f"byte {large.stat().st_size // 2:,} is 0x" in found[0]


def test_a_file_that_a_killed_command_left_is_told_apart_from_a_foreign_one(sound: Workspace, tmp_path: Path) -> None:
    workspace = copied(sound, tmp_path / "w")
    from polars import DataFrame

    from store.lake import write_lake_file

    orphan = write_lake_file(workspace, "bills", "runs/bill-2026-10-20261104-1/tables", DataFrame({"a": [1]}))
    (workspace.lake / "notes.txt").write_text("mine")
    found = verify_workspace(workspace, deep=False, against=None, progress=Silent())
    assert found.orphans == (orphan.path,)
    assert found.problems.select("kind", "subject").rows() == [("extra", "lake/notes.txt")]
