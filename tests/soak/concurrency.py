"""Two to four processes give the same or conflicting commands at once: one wins, others are told, nothing is broken.

The same command several times must leave what it leaves alone. Of conflicting ones nothing may come twice.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from counts import Count
from nursery import Job, Left
from process_faults import month_played
from scenario import BEGIN, STEPS, Month, Step

SAME = tuple(step for step in STEPS if not step.again and step.name != "rebuild in place")
# Commands that cannot all have their way, by the step before which they are given, and how often they may end well.
CONFLICTS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    # Three partitions of so few accounts may be cut as two are, and then it is the same plan.
    ("plan", ("cycle plan 2026-06 --business-date 2026-07-02 --partitions 2",
              "cycle plan 2026-06 --business-date 2026-07-02 --partitions 1"), 1),
    ("run", ("cycle run {plan} --workers 1 --parked-limit 100", "cycle abandon {plan}"), 2),
    ("publish", ("cycle publish {plan}", "cycle abandon {plan}"), 1),
    ("publish", ("cycle publish {plan}", "backup --to {box}/copies", "reads land {in}/late.csv"), 3),
    ("adjustment", ("ledger import {in}/payments.csv", "cycle approve {plan} --by mira",
                    "ledger post write_off --account A2 --item A2.2026-06.r0/I --amount 61.60 --why gone "
                    "--business-date 2026-07-20"), 3),
    ("cancel", ("bill cancel A2.2026-06.r0 --business-date 2026-07-20 --why meter",
                "bill cancel A1.2026-06.r0 A2.2026-06.r0 --business-date 2026-07-20 --why both",
                "bill cancel A2.2026-06.r0 --business-date 2026-07-20 --sequence 2 --why meter"), 3),
    ("cancel published", ("cycle publish {cancel}", "cycle abandon {cancel}"), 1),
    ("rebill published", ("cycle publish {rebill plan}",
                          "bill cancel A1.2026-06.r0 --business-date 2026-07-22 --why other"), 2),
    ("night", ("cycle night --business-date 2026-08-02 --inbox {in}/inbox --workers 1",
               "reads land {in}/inbox/july.csv",
               "cycle night --business-date 2026-08-02 --inbox {in}/inbox --workers 1",
               "cycle plan 2026-07 --business-date 2026-08-02"), 4),
)  # fmt: skip
REFUSED = {2, 4, 75}


def soak(seed: int, seconds: float) -> list[Count]:
    """Let commands run at once for so many seconds; the time that playing the month takes is not counted."""
    with month_played() as month:
        return [at_once(month, seed, seconds)]


def at_once(month: Month, seed: int, seconds: float, most: int = 1_000_000) -> Count:
    """Let rounds of commands run at once, the same and conflicting ones in turn."""
    until, dice, rounds, unexplained = time.monotonic() + seconds, Random(seed), 0, []
    ended: Counter[int] = Counter()
    while time.monotonic() < until and rounds < most:
        wrong, codes = _same(month, dice) if rounds % 2 == 0 else _conflicting(month, dice)
        rounds += 1
        ended.update(codes)
        if wrong:
            unexplained.append(f"round {rounds}: {wrong}")
            print(f"UNEXPLAINED at once, seed {seed}: {unexplained[-1]}", flush=True)
    told = f"{ended.total()} commands: {ended[0]} done, {ended[75]} told to wait (75), " + (
        f"{ended[4]} blocked (4), {ended[2]} refused (2)"
    )
    return Count("rounds of commands at once", rounds, len(unexplained), unexplained[0] if unexplained else told)


def _same(month: Month, dice: Random) -> tuple[str, list[int]]:
    step = dice.choice(SAME)
    month.before(step)
    longest = month.seconds[step.name]
    job = month.job(step)
    jobs = [Job(job.words, delay=dice.uniform(0, longest)) for _ in range(dice.randint(2, 4))]
    left = month.nursery.together(jobs)
    codes = [one.code for one in left]
    if wrong := _untold(step.name, left):
        return wrong, codes
    if 0 not in codes:
        return f"{step.name}: none of {len(jobs)} won: {codes}", codes
    held, expected = month.held(), month.after(step)
    if held["problems"] or held["digest"] != expected["digest"]:
        apart = [name for name in expected["digest"] if held["digest"].get(name) != expected["digest"][name]]
        return f"{step.name} {len(jobs)} times, delays {_delays(jobs)}: {held['problems'][:1]} {apart[:5]}", codes
    return "", codes


def _conflicting(month: Month, dice: Random) -> tuple[str, list[int]]:
    name, texts, most = dice.choice(CONFLICTS)
    step: Step = next(step for step in STEPS if step.name == name)
    month.before(step)
    clock = BEGIN + timedelta(minutes=STEPS.index(step))
    longest = month.seconds[name]
    jobs = [Job(month.words(text, clock), delay=dice.uniform(0, longest)) for text in texts]
    left = month.nursery.together(jobs)
    codes = [one.code for one in left]
    if wrong := _untold(name, left):
        return wrong, codes
    if not 1 <= codes.count(0) <= most:
        return f"{name}: {codes.count(0)} of {len(jobs)} ended well, {texts}, delays {_delays(jobs)}", codes
    problems = month.held()["problems"]
    return (f"{name}: {problems[0]}, {texts}, delays {_delays(jobs)}" if problems else ""), codes


def _untold(name: str, left: Sequence[Left]) -> str:
    for one in left:
        if one.code != 0 and (one.code not in REFUSED or "hint:" not in one.err or "Traceback" in one.err):
            said = json.dumps(one.err.strip().splitlines()[-2:])
            return f"{name}: exit code {one.code}: {said}"
    return ""


def _delays(jobs: Sequence[Job]) -> str:
    return ", ".join(f"{job.delay:.3f}" for job in jobs)
