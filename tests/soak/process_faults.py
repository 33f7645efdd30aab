"""The month of `scenario`, hurt at every named point, killed at random moments, on full disks, from a seed."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from counts import Count
from nursery import Job, nursery
from scenario import STEPS, Month, Step, play_month
from trials import all_points, full_disks, hurt_and_repeat, matrix, random_kills, rebill_kills

Trials = Callable[[Month, Random], Iterator[tuple[Step, Job]]]
MEMORY = Path("/dev/shm")
# Shares of the time.
PARTS: tuple[tuple[str, Trials, float], ...] = (
    ("points x faults", matrix, 0.6), ("points of a rebill, killed", rebill_kills, 0.1),
    ("random kills", random_kills, 0.15), ("full disks", full_disks, 0.15),
)  # fmt: skip


@contextmanager
def month_played(folder: Path | None = None) -> Iterator[Month]:
    """Give the month, played in memory where there is some: a sync then costs nothing, and a kill loses the same."""
    base = Path(tempfile.mkdtemp(prefix="soak-", dir=folder or (MEMORY if MEMORY.is_dir() else None)))
    try:
        with nursery(base / "said") as begun:
            yield play_month(begun, base)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def soak(seed: int, seconds: float) -> list[Count]:
    """Hurt the month in all ways for so many seconds; the time that playing it takes is not counted."""
    with month_played() as month:
        return [tried(month, what, trials, seed, share * seconds) for what, trials, share in PARTS]


def tried(month: Month, what: str, trials: Trials, seed: int, seconds: float, most: int | None = None) -> Count:
    """Do trials until the time is over, or `most` are done."""
    until, done, hurt, unexplained, points = time.monotonic() + seconds, 0, 0, [], set[str]()
    for step, job in itertools.islice(trials(month, Random(seed)), most):
        if time.monotonic() > until:
            break
        left, wrong = hurt_and_repeat(month, step, job)
        done, hurt = done + 1, hurt + (left.code != 0)
        points.add(job.point)
        if wrong:
            unexplained.append(f"{step.name}, {_how(job)}: {wrong}")
            print(f"UNEXPLAINED {what}, seed {seed}: {unexplained[-1]}", flush=True)
    return Count(what, done, len(unexplained), _note(month, what, hurt, points, unexplained))


def _note(month: Month, what: str, hurt: int, points: set[str], unexplained: list[str]) -> str:
    if unexplained:
        return unexplained[0]
    if what == PARTS[1][0]:
        return f"{len(points)} points, of {sum(item[0].name.startswith('rebill') for item in all_points(month))}"
    if what != PARTS[0][0]:
        return f"{hurt} hit a command at work, {len(STEPS)} commands"
    named = {name for _, name, _ in all_points(month)}
    return f"{len(points)} of {len(named)} named points; all combinations of commands: {4 * len(all_points(month))}"


def _how(job: Job) -> str:
    if job.fault:
        return f"{job.fault}@{job.point}#{job.hit}"
    return f"killed after {job.killed_after:.3f} s" if job.killed_after else f"files up to {job.largest_file} bytes"


def list_points() -> None:
    """Print every point by the command that comes there."""
    with month_played() as month:
        points = all_points(month)
    for step, name, hits in points:
        print(f"{step.name:18} {name}" + (f" ({hits} times)" if hits > 1 else ""))
    print(f"{len({name for _, name, _ in points})} points, {len(points)} with the commands that come there")
