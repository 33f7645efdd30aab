"""Kill the night anywhere, run it again: the same files, rows and invoice numbers as a night that was never killed.

Each step of the night is killed at random moments, 25 times in all; `make soak` kills at every named point.
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
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

BILLING = ("plan", "run", "approve", "publish")
# Where a night starts (nothing, or validated reads), its steps, and how often it must die in each.
STEPS = {"books": ("init", "accounts", "tariffs", "land", "vee", *BILLING), "read": BILLING}
KILLS = {"books": 1, "read": 4}
SEED = 7
LONGEST = 120  # seconds


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
    # The night is that of this source tree, also where another one is installed.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, str(script), str(pickled)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    ) as parent:  # fmt: skip
        assert parent.stdin is not None and parent.stdout is not None
        assert parent.stdout.readline() == "idle\n"
        yield parent
        parent.stdin.close()


def attempt(parent: subprocess.Popen[str], root: Path, aim: str = "", after: float = 0) -> tuple[str, dict[str, float]]:
    """Run the night, and kill it `after` seconds in the step `aim`.

    Returns the step in which it died, empty when it came to its end, and when each step began.
    """
    assert parent.stdin is not None and parent.stdout is not None
    parent.stdin.write(f"{root}\n")
    parent.stdin.flush()
    pid, began = 0, {}

    def kill() -> None:
        with suppress(ProcessLookupError):  # it had ended
            os.killpg(pid, signal.SIGKILL)

    patience = threading.Timer(LONGEST, kill)  # a night that hangs shall fail
    patience.start()
    for line in parent.stdout:
        match line.split():
            case ["pid", number]:
                pid = int(number)
            case ["ended", number]:
                patience.cancel()
                began["end"] = time.monotonic()
                status = int(number)
                assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the night failed by itself: {status}"
                return list(began)[-2] if os.WIFSIGNALED(status) else "", began
            case [step]:
                began[step] = time.monotonic()
                if step == aim:
                    time.sleep(after)
                    kill()
    raise AssertionError("the nursery is gone")


def kill_until(files: DemoFiles, folder: Path, clean: dict[str, str], start: str) -> tuple[Counter[str], int]:
    """Kill nights at random moments of each step until enough died there; each is finished and compared with the clean.

    Returns the deaths by step, and how many nights were finished.
    """
    folder.mkdir()
    dice = random.Random(SEED)
    deaths: Counter[str] = Counter()
    with nursery(files, folder) as parent:
        unkilled = new_root(folder, start, 0)
        _, began = attempt(parent, unkilled)
        lengths = {step: after - at for (step, at), after in zip(began.items(), [*began.values()][1:], strict=False)}
        assert tuple(lengths) == STEPS[start]
        assert digest(open_workspace(unkilled)) == clean
        for finished in range(1, 6 * KILLS[start]):
            root, died = new_root(folder, start, finished), "not yet"
            for step in STEPS[start]:
                if died and deaths[step] < KILLS[start]:
                    died, _ = attempt(parent, root, step, dice.uniform(0, lengths[step]))
                    deaths.update([died] if died else [])
            if died:
                assert attempt(parent, root)[0] == ""
            assert digest(open_workspace(root)) == clean
            if all(deaths[step] >= KILLS[start] for step in STEPS[start]):
                break
    return deaths, finished


def new_root(folder: Path, start: str, number: int) -> Path:
    root = folder / f"{start}-{number}"
    if start == "read":
        shutil.copytree(folder.parent / "validated", root)
    return root


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and process groups are POSIX")
def test_a_night_killed_in_any_step_ends_in_the_same_bytes(files: DemoFiles, tmp_path: Path) -> None:
    workspace = prepare_books(tmp_path / "clean", files)
    shutil.copytree(workspace.root, tmp_path / "validated")
    bill_cycle(workspace, files, partitions=2)
    clean = digest(workspace)
    with ThreadPoolExecutor(len(STEPS)) as pool:
        hands = {start: pool.submit(kill_until, files, tmp_path / start, clean, start) for start in STEPS}
        results = {start: hand.result() for start, hand in hands.items()}
    for start, (deaths, finished) in results.items():
        print(
            f"{start}: {deaths.total()} kills, {finished} nights finished, all equal to the clean one: {dict(deaths)}"
        )
        assert all(deaths[step] >= KILLS[start] for step in STEPS[start])
    assert sum(deaths.total() for deaths, _ in results.values()) >= 25
    counted = "SELECT count(*) AS invoices FROM invoices"
    survivor = open_workspace(tmp_path / "books" / "books-1")
    assert analytics_frame(survivor, counted).item() == analytics_frame(workspace, counted).item() > 0
