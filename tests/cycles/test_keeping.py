"""Backup, restore, rebuild: after any loss the books come back, and the next cycle gives the same bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from storage_faults import copied, files_of
from whole_night import PLANNED, bill_cycle, digest

from cycles.verify.rebuild import rebuild_books, replace_control
from cycles.verify.restore import restore
from cycles.verify.workspace import verify_workspace
from demo.night import DemoFiles
from model.errors import ControlError
from model.progress import Silent
from store.audit import record
from store.control import control, transaction
from store.copies import find_backups, make_backup, object_path
from store.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def sound(books: Path, files: DemoFiles, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = copied(open_workspace(books), tmp_path_factory.mktemp("sound") / "w")
    bill_cycle(workspace, files)
    return workspace


def problems(workspace: Workspace) -> list[tuple[str, str]]:
    found = verify_workspace(workspace, deep=False, against=None, progress=Silent()).problems
    return list(found.select("kind", "subject").iter_rows())


def test_the_drill_what_was_restored_verifies_and_bills_the_same_bytes(
    books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    before = copied(open_workspace(books), tmp_path / "w")
    made = make_backup(before, tmp_path / "backup", progress=Silent())
    assert make_backup(before, tmp_path / "backup", progress=Silent()).copied == 0
    done = restore(tmp_path / "backup", tmp_path / "drill", progress=Silent())
    assert len(done.put_back) == len(made.files) and done.kept is None
    drill = open_workspace(tmp_path / "drill")
    assert problems(drill) == []
    bill_cycle(before, files)
    bill_cycle(drill, files)
    assert digest(drill) == digest(before)


def test_a_second_backup_copies_only_what_is_new(books: Path, files: DemoFiles, tmp_path: Path) -> None:
    workspace = copied(open_workspace(books), tmp_path / "w")
    first = make_backup(workspace, tmp_path / "backup", progress=Silent())
    bill_cycle(workspace, files)
    second = make_backup(workspace, tmp_path / "backup", progress=Silent())
    old = {file.sha256 for file in first.files}
    assert second.copied == len({file.sha256 for file in second.files} - old)
    assert [backup.entry_no for backup in find_backups(tmp_path / "backup")] == [first.entry_no, second.entry_no]


def test_a_damaged_file_never_takes_a_good_ones_place(sound: Workspace, tmp_path: Path) -> None:
    workspace = copied(sound, tmp_path / "w")
    path = next(workspace.lake.rglob("bills-*.parquet"))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ControlError, match="is not the one that was registered"):
        make_backup(workspace, tmp_path / "backup", progress=Silent())


def test_a_damaged_backup_is_not_restored(sound: Workspace, tmp_path: Path) -> None:
    made = make_backup(sound, tmp_path / "backup", progress=Silent())
    file = next(file for file in made.files if "/bills-" in file.path)
    damaged = object_path(tmp_path / "backup", file.sha256)
    damaged.chmod(0o600)
    damaged.write_bytes(b"x")
    with pytest.raises(ControlError, match=rf"the copy of `{file.path}` is damaged or gone"):
        restore(tmp_path / "backup", tmp_path / "drill", progress=Silent())
    assert not (tmp_path / "drill" / "billmill.toml").exists()  # what is half restored is no workspace


def test_files_that_are_gone_or_damaged_are_put_back_and_what_was_there_is_kept(
    sound: Workspace, tmp_path: Path
) -> None:
    workspace = copied(sound, tmp_path / "w")
    make_backup(workspace, tmp_path / "backup", progress=Silent())
    gone, damaged = sorted(workspace.lake.rglob("*.parquet"))[:2]
    gone.unlink()
    damaged.chmod(0o600)
    damaged.write_bytes(b"other")
    assert len(problems(workspace)) == 2
    done = restore(tmp_path / "backup", workspace.root, progress=Silent())
    assert set(done.put_back) == {path.relative_to(workspace.root).as_posix() for path in (gone, damaged)}
    assert done.kept is not None and (done.kept / damaged.name).read_bytes() == b"other"
    assert problems(workspace) == []


def test_the_books_are_made_again_from_parquet_and_are_the_same(sound: Workspace, tmp_path: Path) -> None:
    workspace = copied(sound, tmp_path / "w")
    done = rebuild_books(workspace, tmp_path / "rebuilt")
    assert done.compared["is_same"].all() and done.gone == ()
    rows = dict(done.compared.select("table_name", "rebuilt").iter_rows())
    assert rows["posted_line"] == 0 and rows["segment_key"] == 60 and rows["accounts"] == 35


def test_a_row_that_was_changed_shows_against_the_rebuilt_books(sound: Workspace, tmp_path: Path) -> None:
    workspace = copied(sound, tmp_path / "w")
    with control(workspace, purpose="test") as connection:
        connection.execute("UPDATE segment_key SET revision = 9 WHERE bill_id = (SELECT min(bill_id) FROM segment_key)")
    compared = rebuild_books(workspace, tmp_path / "rebuilt").compared
    different = [row for row in compared.iter_rows(named=True) if not row["is_same"]]
    assert [row["table_name"] for row in different] == ["segment_key"]
    assert "control" in different[0]["first"]


def test_from_the_lake_alone_come_the_books_and_it_is_told_what_does_not(sound: Workspace, tmp_path: Path) -> None:
    workspace = copied(sound, tmp_path / "w")
    shutil.rmtree(workspace.backups)
    compared = rebuild_books(workspace, tmp_path / "rebuilt")
    same = {row["table_name"]: row["is_same"] for row in compared.compared.iter_rows(named=True)}
    books = ("posted_line", "posted_item", "segment_key", "invoice_series", "run", "audit", "quantity_history")
    assert all(same[table] for table in books)
    assert not same["accounts"] and "table accounts: the lake does not hold it" in compared.gone


def test_after_the_loss_of_the_control_database_everything_published_is_back(
    books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    """The backup is older than the run; the lake, the kept books and the log have the rest."""
    workspace = copied(open_workspace(books), tmp_path / "w")
    make_backup(workspace, tmp_path / "backup", progress=Silent())
    bill_cycle(workspace, files)
    before = digest(workspace)
    with control(workspace, purpose="test") as connection, transaction(connection):  # an act after the last publish
        record(connection, at=PLANNED, actor="ana", action="import", subject="accounts.csv", detail="1 new")
    workspace.control_path.unlink()
    restore(tmp_path / "backup", workspace.root, progress=Silent())
    with pytest.raises(ControlError, match="acts, first: plan of"), control(workspace, purpose="test"):
        pass
    done = rebuild_books(workspace, tmp_path / "rebuilt")
    assert done.gone == ("entry 24, import of accounts.csv by ana",)
    kept = replace_control(workspace, done, at=PLANNED, actor="mira")
    assert kept is not None and (kept / "control.duckdb").is_file()
    assert problems(workspace) == []
    after = digest(workspace)
    assert {name for name in before if after[name] != before[name]} == {"audit"}
    assert bill_cycle(workspace, files) == "bill-2026-10-20261104-1"  # it stands; nothing is billed a second time
    assert {name for name in before if digest(workspace)[name] != before[name]} == {"audit"}


def test_nothing_of_a_backup_may_lie_outside_of_the_workspace(sound: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="is inside the workspace"):
        make_backup(sound, sound.lake / "copy", progress=Silent())
    assert not any("copy" in path.parts for path in files_of(sound))
