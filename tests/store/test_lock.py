"""The queue beside a lock: first come first served, and nobody waits for who is gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store.lock import hold

GREEDY = """
import sys, time
from pathlib import Path
from store.lock import hold
path, turns = Path(sys.argv[1]), 0
while turns < 200 and not path.with_name("enough").exists():
    with hold(path, purpose="greedy"):
        turns += 1
        with path.with_name("turns").open("a") as told:
            told.write("x")
        time.sleep(0.03)
"""
NOBODY = 2**22 + 1  # above any process number of Linux


def turns(path: Path) -> int:
    told = path.with_name("turns")
    return told.stat().st_size if told.exists() else 0


def ticket(path: Path, *, pid: int, lasts: float = 60.0) -> Path:
    queue = path.with_name(path.name + ".queue")
    queue.mkdir(exist_ok=True)
    until = time.time_ns() + round(lasts * 1e9)
    made = queue / f"{1:020d}-{until:020d}-{pid}-1-{socket.gethostname()}"
    made.touch()
    return made


def test_who_takes_the_lock_again_and_again_lets_others_have_it(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with subprocess.Popen([sys.executable, "-c", GREEDY, str(path)]) as greedy:
        while turns(path) < 2:
            time.sleep(0.01)
        for _ in range(3):
            before = turns(path)
            with hold(path, purpose="test"):
                had = turns(path) - before
            assert had <= 3, "it was taken again before those who waited had it"  # 200 turns without a queue, at worst
            time.sleep(0.05)
        path.with_name("enough").touch()
        assert greedy.wait() == 0
    assert not list(path.with_name(".lock.queue").iterdir())


def test_tickets_of_the_gone_and_of_those_who_gave_up_hold_nobody_back(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    gone, late = ticket(path, pid=NOBODY), ticket(path, pid=os.getpid(), lasts=-1.0)
    with hold(path, purpose="test"):
        assert not gone.exists() and not late.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="nobody knows there who is alive")
def test_a_free_lock_is_left_to_who_waits_and_a_holder_may_take_it_again(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with hold(path, purpose="test"):
        first = ticket(path, pid=os.getpid())
        with hold(path, purpose="again"):  # its own, although somebody waits
            pass
    with hold(path, purpose="test", wait_seconds=0.0):  # who does not wait does not queue
        pass
    began = time.monotonic()
    with hold(path, purpose="test", wait_seconds=0.3):  # the one before never came: at last it is free
        assert time.monotonic() - began > 0.25
    assert [left.name for left in first.parent.iterdir()] == [first.name]
