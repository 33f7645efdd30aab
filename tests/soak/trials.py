"""A command that is hurt, then given again: it must end as one that never was, or there is something to explain."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from nursery import Job, Left
from scenario import STEPS, Month, Step

from store.failpoints import FAULTS

TOLD = {2, 3, 4}  # exit codes of errors that are told with a next step


def hurt_and_repeat(month: Month, step: Step, job: Job) -> tuple[Left, str]:
    """Let a command be hurt, give it again, compare; return what the hurt one left and what nobody can explain."""
    month.before(step)
    hurt = month.nursery.alone(job)
    if wrong := _wrongly_told(job, hurt):
        return hurt, wrong
    again = month.nursery.alone(month.job(step))
    if again.code not in {0, step.again}:
        return hurt, f"the same command again ended with {again.code}: {_last(again)}"
    held, expected = month.held(), month.after(step)
    if held["problems"]:
        return hurt, f"verify: {held['problems'][0]}"
    # A night goes on with its other cycles when one of them fails, so what is done again comes after them.
    went_on = step.name == "night" and hurt.code in TOLD
    may_differ = step.apart | {"table audit" if went_on else "acts, in any order"}
    apart = sorted(
        name for name in held["digest"].keys() | expected["digest"].keys()
        if name not in may_differ and held["digest"].get(name) != expected["digest"].get(name)
    )  # fmt: skip
    return hurt, f"differs from the command that was not hurt: {', '.join(apart[:5])}" if apart else ""


def _wrongly_told(job: Job, hurt: Left) -> str:
    if hurt.code == 0:
        return f"the fault was not told: {_last(hurt)}" if job.fault else ""
    if job.fault == "kill" or job.killed_after:
        return "" if hurt.code == -9 else f"ended with {hurt.code}: {_last(hurt)}"
    if job.fault == "stop":
        return "" if hurt.code == 1 and "StoppedHereError" in hurt.err else f"ended with {hurt.code}: {_last(hurt)}"
    if hurt.code in TOLD and "Traceback" not in hurt.err and "hint:" in hurt.err:
        return ""
    return f"not told with a next step, exit code {hurt.code}: {_last(hurt)}"


def _last(left: Left) -> str:
    lines = (left.err or left.out).strip().splitlines()
    return lines[-1] if lines else "nothing said"


def all_points(month: Month) -> list[tuple[Step, str, int]]:
    """Return the points of every step, and how often the step comes there."""
    return [
        (step, name, sum(name == other for other, _ in month.points[step.name]))
        for step in STEPS
        for name in dict.fromkeys(name for name, _ in month.points[step.name])
    ]


def matrix(month: Month, dice: Random) -> Iterator[tuple[Step, Job]]:
    """Yield every point with every fault, in random order, each name of a point once before any comes again.

    A point that is reached often in a step is hurt at one of these times.
    """
    combinations = [(step, name, hits, fault) for step, name, hits in all_points(month) for fault in FAULTS]
    dice.shuffle(combinations)
    seen: set[tuple[str, str]] = set()
    first, later = [], []
    for item in combinations:
        key = (item[1], item[3])
        (later if key in seen else first).append(item)
        seen.add(key)
    for step, name, hits, fault in first + later:
        yield step, month.job(step, point=name, fault=fault, hit=dice.randint(1, hits))


def rebill_kills(month: Month, dice: Random) -> Iterator[tuple[Step, Job]]:
    """Yield every point that a rebill passes from its plan to its publish, each killed there, in random order."""
    points = [item for item in all_points(month) if item[0].name.startswith("rebill")]
    dice.shuffle(points)
    for step, name, hits in points:
        yield step, month.job(step, point=name, fault="kill", hit=dice.randint(1, hits))


def random_kills(month: Month, dice: Random) -> Iterator[tuple[Step, Job]]:
    """Yield steps that are killed at random moments, without end."""
    while True:
        step = dice.choice(STEPS)
        yield step, month.job(step, killed_after=dice.uniform(0.001, max(0.01, month.seconds[step.name])))


def full_disks(month: Month, dice: Random) -> Iterator[tuple[Step, Job]]:
    """Yield steps in which no file grows beyond a random size: DuckDB and the writer of Parquet run into it."""
    while True:
        step = dice.choice(STEPS)
        yield step, month.job(step, largest_file=int(2 ** dice.uniform(8, 22)))
