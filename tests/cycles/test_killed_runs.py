"""Kill the night anywhere, run it again: the same files, rows and invoice numbers as a night that was never killed."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from whole_night import bill_cycle, digest, prepare_books

from demo.night import DemoFiles, prepare
from outputs.query import analytics_frame
from store.workspace import open_workspace

# Kills by where a night starts: from nothing, or from validated reads. Each hand has a core.
KILLS = {"books": 12, "read": 38}
SEED = 7


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    all_files = prepare(tmp_path_factory.mktemp("incoming"), 50, 11)
    # Two branches are enough: what is not read is parked, and a night lasts two seconds.
    reads = [path for path in all_files.reads if path.name.startswith(("MOR", "HAR")) and "history" not in path.name]
    return replace(all_files, reads=reads)


@contextmanager
def nursery(files: DemoFiles, folder: Path) -> Iterator[subprocess.Popen[str]]:
    pickled = folder / "files.pickle"
    pickled.write_bytes(pickle.dumps(files))
    script = Path(__file__).with_name("whole_night.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(pickled)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        yield parent
        parent.stdin.close()


def attempt(parent: subprocess.Popen[str], root: Path, kill_after: float | None) -> tuple[bool, float]:
    """Run the night once; returns whether it came to its end, and how long it took."""
    assert parent.stdin is not None and parent.stdout is not None
    began = time.monotonic()
    parent.stdin.write(f"{root}\n")
    parent.stdin.flush()
    pid = int(parent.stdout.readline())
    if kill_after is not None:
        time.sleep(kill_after)
        with suppress(ProcessLookupError):  # it had ended, or has not become a group of its own yet
            os.killpg(pid, signal.SIGKILL)
    status = int(parent.stdout.readline())
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the night failed by itself: {status}"
    return not os.WIFSIGNALED(status), time.monotonic() - began


def kill_until(
    files: DemoFiles, folder: Path, clean: dict[str, str], kills: int, seed: int, *, start: str
) -> tuple[int, int]:
    """Kill nights at random moments until `kills` were killed; each is finished and compared with the clean one.

    `start` is `books` for a night that begins with nothing, `read` for one that begins with validated reads.
    """
    folder.mkdir()
    dice = random.Random(seed)
    killed = finished = 0
    with nursery(files, folder) as parent:
        unkilled = folder / f"{start}-unkilled"
        if start == "read":
            shutil.copytree(folder.parent / "validated", unkilled)
        _, took = attempt(parent, unkilled, None)
        assert digest(open_workspace(unkilled)) == clean
        while killed < kills:
            root = folder / f"{start}-{finished}"
            if start == "read":
                shutil.copytree(folder.parent / "validated", root)
            done = False
            while not done:
                # The last attempts run to their end; the others die at any moment of what a whole night takes.
                done, _ = attempt(parent, root, dice.uniform(0, took) if killed < kills else None)
                killed += not done
            assert digest(open_workspace(root)) == clean
            finished += 1
    return killed, finished


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and process groups are POSIX")
def test_a_night_killed_fifty_times_ends_in_the_same_bytes(files: DemoFiles, tmp_path: Path) -> None:
    workspace = prepare_books(tmp_path / "clean", files)
    shutil.copytree(workspace.root, tmp_path / "validated")
    bill_cycle(workspace, files, partitions=2)
    clean = digest(workspace)
    with ThreadPoolExecutor(2) as pool:
        results = [
            pool.submit(kill_until, files, tmp_path / start, clean, kills, SEED, start=start)
            for start, kills in KILLS.items()
        ]
        counts = [result.result() for result in results]
    killed, finished = (sum(column) for column in zip(*counts, strict=True))
    print(f"{killed} kills, {finished} nights finished, all equal to the clean one")
    assert killed >= sum(KILLS.values()) == 50
    counted = "SELECT count(*) AS invoices FROM invoices"
    survivor = open_workspace(tmp_path / "books" / "books-0")
    assert analytics_frame(survivor, counted).item() == analytics_frame(workspace, counted).item() > 0
