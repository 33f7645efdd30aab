"""Faults of a run on many machines, played on this one, each done to a whole run whose published bytes are known.

`python -m cluster_faults` prints the tables of docs/cluster.md: the digests of all runners, what each fault came to.
Needs Ray; the cut link and the machine with other code need Linux and root, for namespaces.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from bucket_machines import bill_on_a_bucket
from ray_machines import FAR, MODULES, Machines, machines, may_use_namespaces
from whole_night import PLANNED, digest, prepare_books, request

from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runners.attempts import Told, attempts
from cycles.runners.chosen import LOCAL, Runner, runner_asked
from cycles.runners.runner import run_locally
from cycles.runners.tasks import Receipt, Task, task_folder
from cycles.runners.watch import UNWATCHED, Watch
from cycles.runs.folders import read_manifest
from cycles.runs.one_partition import compute_alone
from cycles.runs.plan import Planned, plan_cycle
from cycles.runs.run import commit_run, missing_partitions, run_cycle
from demo.night import DemoFiles, prepare
from model.codes import RunnerName, RunState
from model.errors import BillmillError
from model.ids import content_hash
from model.progress import Silent
from store.workspace import Workspace, open_workspace

PARTITIONS = 8
SLOW = 1.0  # seconds that a partition takes longer, so that a fault finds it at work


@dataclass(frozen=True)
class Hurt:
    """Computes a partition, slowly, with a fault where `fault` says so."""

    compute: Callable[[Task], Receipt]
    fault: str = ""
    meet: str = ""
    """A machine that must have begun with a partition before one is computed, so that the fault finds it at work."""

    def __call__(self, task: Task) -> Receipt:
        time.sleep(SLOW)
        until = time.monotonic() + 60.0
        while self.meet and not _has_begun(task, self.meet) and time.monotonic() < until:
            time.sleep(0.2)
        if self.fault == "die" and task.partition == 1 and task.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "hang" and socket.gethostname() == FAR:
            time.sleep(600.0)  # as a disk behind the same link would let it
        if os.environ.get("BILLMILL_FULL_DISK"):
            with _no_room():
                return self.compute(task)
        return self.compute(task)


def _has_begun(task: Task, host: str) -> bool:
    folder = task_folder(open_workspace(Path(task.workspace)), task)
    return any(note.host == host for note in attempts(folder))


@contextmanager
def _no_room() -> Iterator[None]:
    """Let no file grow above 4 kB: what a full disk is to who writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def hurting(runner: Runner, fault: str = "", meet: str = "") -> Runner:
    """Return a runner whose partitions are slow, and one of them faulty."""

    def run(compute: Told, tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED) -> Iterator[Any]:
        return runner.run(
            replace(compute, compute=Hurt(compute.compute, fault, meet)), tasks, workers=workers, watch=watch
        )

    return Runner(runner.name, run)  # type: ignore[arg-type]  # it is given nothing but `Told`


@dataclass
class Case:
    """One run, planned; what is done to it, and what its bytes must be in the end."""

    workspace: Workspace
    planned: Planned
    expected: dict[str, str]

    def run(self, runner: Runner, workers: int = 2) -> int:
        """Compute what is left; return how many partitions that were."""
        return run_cycle(
            self.workspace, self.planned.run_id, workers=workers, progress=Silent(), at=PLANNED, actor="night",
            runner=runner,
        ).computed  # fmt: skip

    def outcome(self, reason: str = "") -> str:
        """Publish what is computed and say whether it has the bytes; or why there is nothing to publish."""
        run_id = self.planned.run_id
        if missing_partitions(self.planned):
            assert not (self.planned.folder / "manifest.json").exists()
            return f"nothing published: {reason}"
        assert commit_run(self.workspace, run_id, at=PLANNED, actor="night").state == RunState.VALIDATED
        approve_run(self.workspace, run_id, at=PLANNED, actor="mira")
        publish_run(self.workspace, run_id, at=PLANNED, actor="night")
        return "the same bytes" if digest(self.workspace) == self.expected else "OTHER BYTES"

    def told(self) -> str:
        """Return how many attempts there were, and the reasons of those that left nothing."""
        noted = attempts(self.planned.folder)
        return f"{len(noted)} for {PARTITIONS}"

    def causes(self) -> list[str]:
        return [note.failure for note in attempts(self.planned.folder) if note.failure]


@dataclass(frozen=True)
class Ground:
    """Books with validated reads, copied for each case, and the bytes that a run of one process leaves of them."""

    books: Path
    files: DemoFiles
    folder: Path
    expected: dict[str, str]

    @contextmanager
    def case(self) -> Iterator[Case]:
        root = Path(tempfile.mkdtemp(dir=self.folder)) / "w"
        workspace = open_workspace(Path(shutil.copytree(self.books, root)))
        try:
            yield Case(workspace, plan_cycle(workspace, request(self.files, partitions=PARTITIONS)), self.expected)
        finally:
            shutil.rmtree(root.parent)


def make_ground(books: Path, files: DemoFiles, folder: Path) -> Ground:
    """Bill a copy of books by one process, without a fault."""
    ground = Ground(books, files, folder, {})
    with ground.case() as case:
        case.run(LOCAL, workers=1)
        case.outcome()
        return replace(ground, expected=digest(case.workspace))


# What is done, on which runners, and the function that does it: it returns what came of it.
def killed_worker(case: Case, ray: Machines) -> str:
    case.run(hurting(ray.runner(), "die"))
    assert len(case.causes()) >= 1, "nobody died"
    return case.outcome()


def killed_machine(case: Case, ray: Machines) -> str:
    gone = Thread(target=_when_both_work, args=(case, ray.take_one_away))
    gone.start()
    case.run(hurting(ray.runner()))
    gone.join()
    ray.add()
    assert case.causes(), "the machine had nothing to do"
    return case.outcome()


def cut_link(case: Case, ray: Machines) -> str:
    with ray.far_machine() as cut:
        gone = Thread(target=when_receipts, args=(case, 1, cut))
        gone.start()
        case.run(hurting(ray.runner(), "hang", meet=FAR), workers=3)
        gone.join()
        assert case.causes(), "the machine behind the link had nothing to do"
        return case.outcome()


def killed_driver(case: Case, ray: Machines | None, then: str) -> str:
    """Kill the driver when two partitions are done; another runner computes the rest."""
    with driver_elsewhere(case, "local" if ray is None else ray.address) as driver:
        when_receipts(case, 2, driver.kill)
    done = PARTITIONS - len(missing_partitions(case.planned))
    if then == "array":
        for number in missing_partitions(case.planned):
            compute_alone(case.workspace, case.planned.run_id, number)
    else:
        assert case.run(LOCAL) <= PARTITIONS - 2
    return f"{case.outcome()}; {done} of {PARTITIONS} were done when it was killed"


def full_disk(case: Case, ray: Machines) -> str:
    with ray.extra(BILLMILL_FULL_DISK="1"):
        case.run(hurting(ray.runner(), meet=FAR), workers=3)
    assert case.causes(), "the machine with the full disk had nothing to do"
    return case.outcome()


def two_drivers(case: Case, ray: Machines | None) -> str:
    with driver_elsewhere(case, "local" if ray is None else ray.address) as driver:
        when_receipts(case, 1, lambda: None)
        try:
            case.run(LOCAL)
            raise AssertionError("both drove it")
        except BillmillError as error:
            refused = type(error).__name__
        assert driver.wait() == 0
    return f"{case.outcome()}; the second driver: {refused}"


def other_code(case: Case, ray: Machines) -> str:
    with ray.other_code():
        try:
            case.run(hurting(ray.runner(), meet=FAR), workers=3)
        except BillmillError as error:
            return case.outcome(error.message)
    raise AssertionError("the machine with other code had nothing to do")


FAULTS: dict[str, tuple[str, Callable[[Case, Machines], str]]] = {
    "killed worker": ("SIGKILL while it computes partition 1", killed_worker),
    "killed machine": ("its raylet and workers are killed while it computes", killed_machine),
    "cut link": ("the link of its network namespace is set down while it computes", cut_link),
    "killed driver, then local": ("SIGKILL of a Ray driver when 2 are done", partial(killed_driver, then="local")),
    "killed driver, then array": (
        "SIGKILL of a local driver when 2 are done",
        lambda case, _: killed_driver(case, None, "array"),
    ),
    "full disk on one machine": ("no file of its workers may grow above 4 kB", full_disk),
    "two drivers at once": ("the second while the first computes on Ray", two_drivers),
    "machine with other code": ("a copy of Billmill, one line edited, mounted in its place", other_code),
}


def when_receipts(case: Case, count: int, act: Callable[[], None]) -> None:
    """Act as soon as so many partitions are done; in any case after two minutes."""
    until = time.monotonic() + 120.0
    while PARTITIONS - len(missing_partitions(case.planned)) < count and time.monotonic() < until:
        time.sleep(0.05)
    act()


def _when_both_work(case: Case, act: Callable[[], None]) -> None:
    """Act as soon as two machines of one processor each are at work."""
    until = time.monotonic() + 120.0
    while sum(note.is_open for note in attempts(case.planned.folder)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    act()


@contextmanager
def driver_elsewhere(case: Case, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process drive the run."""
    words = [sys.executable, "-m", "cluster_faults", "--drive", address, str(case.workspace.root), case.planned.run_id]
    process = subprocess.Popen(words, env=os.environ | MODULES)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def drive(address: str, root: str, run_id: str) -> None:
    """Compute a run as another process: `here` by itself, on this machine (`local`), or on Ray."""
    runner = LOCAL if address in {"here", "local"} else runner_asked(RunnerName.RAY, address)
    workspace, workers = open_workspace(Path(root)), 1 if address == "here" else 2
    run_cycle(
        workspace, run_id, workers=workers, progress=Silent(), at=PLANNED, actor="night", runner=hurting(runner)
    )  # fmt: skip


def runners_table(ground: Ground, ray: Machines) -> Iterator[tuple[str, str, str]]:
    """Yield each runner with the digests of its manifest and of all that it published."""
    ways: dict[str, Callable[[Case], object]] = {
        "local, 1 worker": lambda case: case.run(LOCAL, workers=1),
        "local, 2 workers": lambda case: case.run(Runner(RunnerName.LOCAL, run_locally), workers=2),
        "Ray, 2 machines": lambda case: case.run(ray.runner()),
        "array": lambda case: [
            compute_alone(case.workspace, case.planned.run_id, number) for number in reversed(range(PARTITIONS))
        ],
    }
    for name, way in ways.items():
        with ground.case() as case:
            way(case)
            assert case.outcome() == "the same bytes", name
            yield name, str(read_manifest(case.planned.folder)["digest"])[:16], _of_all(digest(case.workspace))
    if may_use_namespaces():
        manifest, published = bill_on_a_bucket(Path(tempfile.mkdtemp(dir=ground.folder)), ground.files, PARTITIONS)
        yield "Ray, a machine that shares a bucket alone", manifest[:16], _of_all(published)


def _of_all(published: dict[str, str]) -> str:
    return content_hash(*sorted(f"{name}={found}" for name, found in published.items()))[:16]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cluster_faults", description=__doc__)
    parser.add_argument("--drive", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=FAULTS, action="append", help="one fault; may be repeated")
    parser.add_argument("--points", type=int, default=60, help="service points of the utility that is billed")
    asked = parser.parse_args()
    if asked.drive:
        drive(*asked.drive)
        return
    with tempfile.TemporaryDirectory(prefix="billmill-cluster-") as folder, machines(2) as ray:
        home = Path(folder)
        files = prepare(home / "incoming", asked.points, 5)
        ground = make_ground(prepare_books(home / "books", files).root, files, home)
        if not asked.only:
            print("| runner | manifest | published |\n|---|---|---|")
            for row in runners_table(ground, ray):
                print("|", " | ".join(row), "|", flush=True)
            print()
        print("| fault | how | attempts | outcome | seconds |\n|---|---|--:|---|--:|")
        for name, (how, fault) in FAULTS.items():
            if asked.only and name not in asked.only:
                continue
            with ground.case() as case:
                began = time.monotonic()
                outcome = fault(case, ray)
                print(f"| {name} | {how} | {case.told()} | {outcome} | {time.monotonic() - began:.0f} |", flush=True)
                for cause in case.causes():
                    print(f"    {cause}", file=sys.stderr)


if __name__ == "__main__":
    main()
