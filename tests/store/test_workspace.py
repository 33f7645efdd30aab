"""Workspaces, facts in two times, the lake, the lock, the audit chain."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from model.errors import ConfigError, ControlError, LockedError
from store.audit import broken_entries, record
from store.backup import keep_backup
from store.control import control, insert, query, transaction
from store.facts import FactCounts, facts, record_facts
from store.lake import lake_files, register_files, scan_lake, verify_file, write_lake_file
from store.lock import hold
from store.workspace import Workspace, create_workspace, open_workspace

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "books", name='Wattle "&" Tide')


def test_a_workspace_opens_with_its_name(workspace: Workspace) -> None:
    assert open_workspace(workspace.root) == workspace


def test_a_folder_without_configuration_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a workspace") as error:
        open_workspace(tmp_path)
    assert "billmill init" in str(error.value)


def test_a_folder_with_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(ConfigError, match=r"is not empty: it holds `thesis\.doc`"):
        create_workspace(tmp_path, name="x")


def test_a_second_init_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="is a workspace already"):
        create_workspace(workspace.root, name="x")


def test_a_creation_that_was_cut_before_its_end_is_finished_by_the_next(workspace: Workspace) -> None:
    (workspace.root / "billmill.toml").unlink()
    again = create_workspace(workspace.root, name="again")
    with control(again, purpose="test") as connection:
        assert query(connection, "SELECT count(*) FROM run").item() == 0


def test_a_changed_fact_keeps_what_was_known_before(workspace: Workspace) -> None:
    before = pl.DataFrame({"branch_id": ["n", "s"], "name": ["North", "South"]})
    after = pl.DataFrame({"branch_id": ["n", "w"], "name": ["Far North", "West"]})
    with control(workspace, purpose="test") as connection, transaction(connection):
        assert record_facts(connection, "branches", before, recorded_at=FIRST) == FactCounts(new=2, changed=0, same=0)
        assert record_facts(connection, "branches", after, recorded_at=SECOND) == FactCounts(new=1, changed=1, same=0)
        assert record_facts(connection, "branches", after, recorded_at=SECOND) == FactCounts(new=0, changed=0, same=2)
        assert facts(connection, "branches")["name"].to_list() == ["Far North", "South", "West"]
        assert facts(connection, "branches", known_at=FIRST)["name"].to_list() == ["North", "South"]
        assert facts(connection, "branches", known_at=SECOND)["name"].to_list() == ["Far North", "South", "West"]


def test_a_failed_transaction_leaves_nothing(workspace: Workspace) -> None:
    with control(workspace, purpose="test") as connection:
        with pytest.raises(ZeroDivisionError), transaction(connection):
            insert(connection, "invoice_series", pl.DataFrame({"series": ["n-2026"], "last_no": [7]}))
            raise ZeroDivisionError
        assert query(connection, "SELECT count(*) FROM invoice_series").item() == 0


def test_only_registered_files_count_and_changed_ones_are_noticed(workspace: Workspace) -> None:
    frame = pl.DataFrame({"channel_no": [3, 5], "day": [date(2026, 1, 1), date(2026, 1, 9)], "seq": [4, 4]})
    file = write_lake_file(workspace, "reads_day_15", "reads", frame)
    assert (file.channel_min, file.channel_max, file.day_max, file.seq_max) == (3, 5, date(2026, 1, 9), 4)
    assert write_lake_file(workspace, "reads_day_15", "reads", frame) == file
    with control(workspace, purpose="test") as connection:
        assert lake_files(connection, "reads_day_15") == []
        with transaction(connection):
            register_files(connection, [file], owner="load:4")
            register_files(connection, [file], owner="load:4")
        assert lake_files(connection, "reads_day_15") == [file]
        assert lake_files(connection, "reads_day_15", seq_max=3) == []
    assert scan_lake(workspace, [file]).collect().equals(frame)
    verify_file(workspace, file)
    (workspace.root / file.path).write_bytes(b"other")
    with pytest.raises(ControlError, match="is not the one that was registered"):
        verify_file(workspace, file)


def test_a_second_process_is_told_who_holds_the_workspace(workspace: Workspace) -> None:
    script = (
        "import sys; from pathlib import Path; from store.lock import hold\n"
        "with hold(Path(sys.argv[1]), purpose='cycle publish'):\n print('held', flush=True); sys.stdin.read()"
    )
    path = workspace.root / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        told = rf"process {other.pid} on .* \(cycle publish\)"
        with pytest.raises(LockedError, match=told) as error, hold(path, purpose="test", wait_seconds=0.1):
            pass
        assert int(error.value.exit_code) == 75
        other.kill()
        other.wait()
        with hold(path, purpose="test", wait_seconds=5):
            pass  # the system freed the lock of the killed process


def test_a_database_of_something_else_is_not_worked_on(workspace: Workspace) -> None:
    workspace.control_path.unlink()
    with duckdb.connect(str(workspace.control_path)) as other:
        other.execute("CREATE TABLE recipe (name VARCHAR)")
    refused = pytest.raises(ControlError, match="is another database: it has no audit")
    with refused, control(workspace, purpose="test"):
        pass


def test_a_changed_audit_entry_shows(workspace: Workspace) -> None:
    with control(workspace, purpose="test") as connection:
        with transaction(connection):
            for number in range(3):
                record(connection, at=FIRST, actor="ana", action="plan", subject=f"run {number}", detail="")
        assert broken_entries(connection) == []
        connection.execute("UPDATE audit SET actor = 'bob' WHERE entry_no = 2")
        assert broken_entries(connection) == [2]


def test_the_last_three_backups_are_kept_and_open(workspace: Workspace) -> None:
    kept = [keep_backup(workspace, f"run-{number}") for number in range(4)]
    assert [path.exists() for path in kept] == [False, True, True, True]


def test_the_log_of_an_unfinished_attempt_does_not_meet_the_new_database(workspace: Workspace) -> None:
    (workspace.root / "billmill.toml").unlink()
    (workspace.root / "control.duckdb.wal").write_bytes(b"of another file")
    again = create_workspace(workspace.root, name="again")
    with control(again, purpose="test") as connection:
        assert query(connection, "SELECT count(*) FROM run").item() == 0
