"""Files are there whole or not at all, and the first of two writers wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import InputError
from store.files import create_only, read_bytes, sweep_temporaries, write_bytes_atomic, written_aside


def test_a_file_that_fails_half_way_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes_atomic(path, b"old")
    with pytest.raises(ZeroDivisionError), written_aside(path) as aside:
        aside.write_bytes(b"ne")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_the_first_receipt_wins_and_the_second_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "receipts" / "p1.json"
    assert create_only(path, b"first")
    assert not create_only(path, b"second")
    assert path.read_bytes() == b"first"


def test_sweeping_removes_what_killed_writers_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".bills.77.tmp").write_bytes(b"half")
    (tmp_path / "bills.parquet").write_bytes(b"whole")
    assert sweep_temporaries(tmp_path) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["bills.parquet"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"file `.*nowhere\.csv` cannot be read: No such file"):
        read_bytes(tmp_path / "nowhere.csv")
