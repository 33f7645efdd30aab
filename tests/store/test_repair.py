"""A write-ahead log that is cut anywhere, or of which a bit is turned: refused and repaired to a prefix, nothing lost
in silence."""

from __future__ import annotations

import os
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from model.errors import ControlError
from store.audit import broken_entries, record
from store.control import control, query, transaction
from store.facts import facts, record_facts
from store.repair import repair_control, wal_path
from store.workspace import Workspace, create_workspace, open_workspace

ACTS = 12
CUTS = int(os.environ.get("BILLMILL_WAL_FAULTS", "25"))
NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as a power cut leaves it: twelve acts, all of them in the write-ahead log."""
    root = tmp_path_factory.mktemp("torn") / "w"
    workspace = create_workspace(root, name="x")
    act(workspace, 0)
    connection = duckdb.connect(str(workspace.control_path))  # keeps the log from being written into the file
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    connection.execute("SET TimeZone = 'UTC'")
    for number in range(1, ACTS):
        one_act(connection, number)
    copy = root.with_name("torn")
    shutil.copytree(root, copy)
    connection.close()
    with control(open_workspace(root), purpose="test"):
        pass  # the log of the audit follows
    shutil.copyfile(root / "audit.log", copy / "audit.log")
    return copy


def act(workspace: Workspace, number: int) -> None:
    with control(workspace, purpose="test") as connection:
        one_act(connection, number)


def one_act(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    at = NOON + timedelta(minutes=number)
    with transaction(connection):
        branches = pl.DataFrame({"branch_id": [f"B{number:02d}", "ALL"], "name": ["one", f"known in act {number}"]})
        record_facts(connection, "branches", branches, recorded_at=at)
        record(connection, at=at, actor="ana", action="import", subject=f"act {number}", detail="2 branches")


def acts_there(workspace: Workspace) -> int:
    """Return how many acts the books hold; they are whole acts, from the first on."""
    with control(workspace, purpose="test", though_behind=True) as connection:
        assert broken_entries(connection) == []
        entries = query(connection, "SELECT subject FROM audit WHERE action = 'import' ORDER BY entry_no")["subject"]
        rows = facts(connection, "branches")
    assert entries.to_list() == [f"act {number}" for number in range(len(entries))]
    assert sorted(rows["branch_id"].to_list()) == sorted([f"B{number:02d}" for number in range(len(entries))] + ["ALL"])
    assert rows.filter(pl.col("branch_id") == "ALL")["name"].item() == f"known in act {len(entries) - 1}"
    return len(entries)


def damaged(torn: Path, tmp_path: Path, data: bytes, number: int) -> Workspace:
    shutil.copytree(torn, tmp_path / f"w{number}")
    workspace = open_workspace(tmp_path / f"w{number}")
    wal_path(workspace).write_bytes(data)
    return workspace


def check_repair(workspace: Workspace) -> int:
    """Open a damaged workspace: all is there, or it is refused until it is repaired. Returns the acts lost."""
    originals = {path.name: path.read_bytes() for path in (workspace.control_path, wal_path(workspace))}
    try:
        with control(workspace, purpose="test"):
            pass
    except ControlError as error:
        assert "billmill repair" in str(error)
    else:
        assert acts_there(workspace) == ACTS  # nothing was lost
        return 0
    done = repair_control(workspace, at=NOON + timedelta(days=1), actor="mira")
    assert done.kept is not None
    assert {name: (done.kept / name).read_bytes() for name in originals} == originals
    there = acts_there(workspace)
    assert [entry["subject"] for entry in done.lost] == [f"act {number}" for number in range(there, ACTS)]
    with control(workspace, purpose="test") as connection:
        told = query(connection, "SELECT detail FROM audit WHERE action = 'repair'").item()
    assert all(f"import of act {number} by ana" in told for number in range(there, ACTS))
    act(workspace, there)  # it goes on
    assert acts_there(workspace) == there + 1
    assert repair_control(workspace, at=NOON, actor="mira").kept is None  # again changes nothing
    return ACTS - there


def test_a_log_that_is_cut_anywhere(torn: Path, tmp_path: Path) -> None:
    data = (torn / "control.duckdb.wal").read_bytes()
    dice = random.Random(3)
    lost = [check_repair(damaged(torn, tmp_path, data[: dice.randrange(len(data))], number)) for number in range(CUTS)]
    print(f"{CUTS} cuts: lost acts {sorted(lost)}, each told")
    assert max(lost) > 6


def test_a_log_of_which_a_bit_is_turned(torn: Path, tmp_path: Path) -> None:
    data = (torn / "control.duckdb.wal").read_bytes()
    dice = random.Random(4)
    lost = []
    for number in range(CUTS):
        turned = bytearray(data)
        turned[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        lost.append(check_repair(damaged(torn, tmp_path, bytes(turned), number)))
    print(f"{CUTS} bits: lost acts {sorted(lost)}, each told")
    assert max(lost) > 6


def test_books_that_open_are_left_as_they_are(torn: Path, tmp_path: Path) -> None:
    workspace = damaged(torn, tmp_path, (torn / "control.duckdb.wal").read_bytes(), 0)
    before = wal_path(workspace).read_bytes()
    assert repair_control(workspace, at=NOON, actor="mira").kept is None
    assert wal_path(workspace).read_bytes() == before and acts_there(workspace) == ACTS


def test_what_is_not_the_log_is_not_repaired(torn: Path, tmp_path: Path) -> None:
    workspace = damaged(torn, tmp_path, b"", 0)
    workspace.control_path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(ControlError, match="cannot be repaired") as refused:
        repair_control(workspace, at=NOON, actor="mira")
    assert "billmill restore" in str(refused.value)
    assert workspace.control_path.read_bytes() == b"no database at all" * 1000
