"""What another process reads of a run without the lock: receipts, stage, last error."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from cycles.runs.progress import Computed, computed, last_error, stage_of, told
from model.errors import ControlError


def receipt(folder: Path, number: int, *, due: int, bills: int, parked: int, at: float) -> None:
    path = folder / "receipts" / f"p{number:05d}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"counts": {"due": due, "bills": bills, "parked": parked}}), encoding="utf-8")
    os.utime(path, (at, at))


def test_receipts_say_how_far_and_how_fast_it_goes(tmp_path: Path) -> None:
    assert computed(tmp_path) == Computed(0, 0, 0, 0, None, 0, None)
    receipt(tmp_path, 0, due=100, bills=90, parked=2, at=1_000.0)
    assert computed(tmp_path).seconds is None
    receipt(tmp_path, 2, due=40, bills=40, parked=0, at=1_010.0)
    receipt(tmp_path, 1, due=60, bills=59, parked=1, at=1_020.0)
    # 100 agreements came in the 20 seconds after the first receipt.
    assert computed(tmp_path) == Computed(3, 200, 189, 3, 20.0, 100, 1_020.0)


def test_a_stage_is_told_as_long_as_it_lasts(tmp_path: Path) -> None:
    with told(tmp_path, "rating"):
        assert stage_of(tmp_path) == "rating"
    assert stage_of(tmp_path) == ""


def test_an_error_is_kept_until_an_attempt_ends_well(tmp_path: Path) -> None:
    with pytest.raises(ControlError), told(tmp_path, "rating"):
        raise ControlError("3 controls do not meet", hint="look")
    assert (stage_of(tmp_path), last_error(tmp_path)) == ("", "3 controls do not meet")
    with told(tmp_path, "rating"):
        pass
    assert last_error(tmp_path) == ""


def test_a_stage_whose_process_was_killed_is_over(tmp_path: Path) -> None:
    dead = {"stage": "rating", "pid": 2**22 + 1, "host": socket.gethostname()}  # above any pid of Linux
    (tmp_path / ".stage").write_text(json.dumps(dead), encoding="utf-8")
    assert stage_of(tmp_path) == ""
    (tmp_path / ".stage").write_text(json.dumps(dead | {"host": "elsewhere"}), encoding="utf-8")
    assert stage_of(tmp_path) == "rating"  # nobody can tell from here
