"""Two years of a drawn utility, done by Billmill and audited from outside. The seed says all.

python -m world 17 18 19        plays these seeds and tells what nobody can explain
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from counts import Count
from world_acts import Office, open_office
from world_audit import audit, money_in_full, published_rows
from world_events import draw_events
from world_files import EARLY, calendar, draw_reads, first_readings, reference_data, tariff_text
from world_truth import BRANCHES, END, FIRST, Truth, draw_truth

from model.errors import ConfigError

FAST = "/dev/shm"
"""Memory, where there is any: what survives a crash is not asked here."""
REGRESSIONS = (4,)
"""Seeds that once failed: 4, days that went to another agreement after they were billed, billed twice by a plan."""
ROUNDS = 4
"""Rebills that may follow each other at the end until nothing becomes another."""


def play(
    seed: int, root: Path, *, partitions: int | None = None, workers: int = 1, is_shuffled: bool = False
) -> tuple[Truth, Office]:
    """Live a world from its first day to the last correction; return what is true, and the office with its books."""
    truth = draw_truth(seed)
    office = open_office(
        root, partitions=partitions, workers=workers, shuffle=random.Random(-seed) if is_shuffled else None
    )
    office.take(reference_data(truth))
    office.tariffs({name: tariff_text(name, versions) for name, versions in truth.prices.items()})
    office.waiting.append(first_readings(truth))
    seen: dict[str, set[str]] = {}
    for number in range(len(truth.cycles)):
        live_a_cycle(truth, office, number)
        rows = published_rows(office.workspace.analytics_path)
        for table, before in seen.items():
            assert before <= rows[table], f"{table}: {len(before - rows[table])} published rows have changed"
        seen = rows
    put_right(truth, office)
    return truth, office


def live_a_cycle(truth: Truth, office: Office, number: int) -> None:
    """What happens in a period, and what the office makes of it after the period's end."""
    draw, (cycle, start, end) = truth.draw, truth.cycles[number]
    today = end + timedelta(days=EARLY)
    office.on(today)
    late = [act for act in draw_events(truth, start, end) if not tell(act, office, draw.random() < 0.6)]
    office.waiting += draw_reads(truth, start, end)
    office.land_what_came(today)
    held = draw.choice(sorted({a.account_id for a in truth.agreements.values()})) if draw.random() < 0.3 else None
    if held:
        truth.log.append(f"{held}: held in {cycle}")
        office.hold(held, is_held=True)
    if draw.random() < 0.25:
        office.night(today)
    else:
        office.validate(truth.cycles[max(0, number - 1)][1], end)
        bill_by_hand(truth, office, cycle, today)
    if held:
        office.hold(held, is_held=False)
    for act in late:
        act(office)
    money(truth, office, today)
    correct(truth, office, number, today)


def tell(act: Callable[[Office], None], office: Office, is_early: bool) -> bool:
    """Do an act when it is known before the bills; return whether it was."""
    if is_early:
        act(office)
    return is_early


def bill_by_hand(truth: Truth, office: Office, cycle: str, today: date) -> None:
    """Plan, run, exclude somebody, publish: all branches at once, or in two runs."""
    draw = truth.draw
    branches = [f"B{branch}" for branch in BRANCHES]
    cut = draw.choice([0, 0, draw.randint(1, 8)])
    for some in filter(None, (branches[:cut], branches[cut:])):
        run = office.plan(cycle, today, some if cut else ())
        if run and draw.random() < 0.3:
            exclude_one(truth, office, run)
        office.publish(run)


def exclude_one(truth: Truth, office: Office, run: str) -> None:
    """Keep one account's bill out, where the run has any."""
    account = truth.draw.choice(sorted({a.account_id for a in truth.agreements.values()}))
    try:
        office.exclude(run, account)
    except ConfigError:
        return  # the run has no bill of it
    truth.log.append(f"{account}: kept out of {run}")


def money(truth: Truth, office: Office, today: date) -> None:
    """Payments and adjustments come in; a month is closed."""
    came: dict[str, list[tuple[str, int]]] = {"payment": [], "credit_adjustment": [], "debit_adjustment": []}
    for _, account, total in office.standing():
        chance = truth.draw.random()
        if chance < 0.3 and total > 0:
            came["payment"].append((account, total if chance < 0.2 else truth.draw.randint(1, total)))
        elif chance < 0.34:
            came[truth.draw.choice(["credit_adjustment", "debit_adjustment"])].append(
                (account, truth.draw.randint(1, 500))
            )
    for kind, rows in came.items():
        if rows:
            office.post(kind, rows, today)
            truth.postings += [(account, minor if kind == "debit_adjustment" else -minor) for account, minor in rows]
    if truth.draw.random() < 0.5:
        before = today.replace(day=1) - timedelta(days=1)
        office.close(f"{before:%Y-%m}")


def correct(truth: Truth, office: Office, number: int, today: date) -> None:
    """Bills are taken back and made again; a price is corrected that held long ago; late reads are looked for."""
    draw = truth.draw
    if draw.random() < 0.3:
        bills = [bill for bill, *_ in office.standing()]
        if bills:
            bill = draw.choice(bills)
            truth.log.append(f"{bill}: taken back on {today}")
            office.cancel(bill, today)
    if draw.random() < 0.2:
        name = draw.choice(sorted(truth.prices))
        price = truth.prices[name][0]
        price.supply += 1
        truth.log.append(f"{name}: supply {price.supply} instead, told on {today}")
        office.tariffs({name: tariff_text(name, truth.prices[name])})
    if number and draw.random() < 0.35:
        office.validate(truth.cycles[number - 1][1], truth.cycles[number][2])
        office.rebill(today, since=draw.choice([None, truth.cycles[number - 1][1]]))


def put_right(truth: Truth, office: Office) -> None:
    """After the last day: what is late arrives, what was left is billed, and what became another is billed again."""
    today = END + timedelta(days=200)
    office.on(today)
    office.land_what_came(today)
    office.take({"cycles.csv": "\n".join(calendar(truth, 3000)) + "\n"})
    office.validate(FIRST, END)
    for later in range(ROUNDS):
        for cycle, _, _ in truth.cycles:
            office.publish(office.plan(cycle, today))
        if not office.rebill(today + timedelta(days=later)):
            break
    else:
        raise AssertionError(f"after {ROUNDS} rebills there is still something to bill again")
    assert not office.rebill(today + timedelta(days=ROUNDS), everything=True), "a bill became another unnoticed"


def unexplained(seed: int) -> list[str]:
    """Play a seed; return what nobody can explain, at the end what happened in the world."""
    with tempfile.TemporaryDirectory(dir=FAST if Path(FAST).is_dir() else None) as folder:
        try:
            truth, office = play(seed, Path(folder))
        except Exception:  # a crash is a finding like any other
            return [f"seed {seed}: {traceback.format_exc()}"]
        return [f"seed {seed}: {found}" for found in audit(office.workspace.analytics_path, truth)]


def differently(seed: int) -> list[str]:
    """Play a seed in 1, 2 and 5 partitions, with two workers, files and lines mixed; tell what is not the same."""
    ways = [{"partitions": 1}, {"partitions": 2, "is_shuffled": True}, {"partitions": 5, "workers": 2}]
    with tempfile.TemporaryDirectory(dir=FAST if Path(FAST).is_dir() else None) as folder:
        bills = []
        for number, way in enumerate(ways):
            _, office = play(seed, Path(folder) / str(number), **way)  # type: ignore[arg-type]
            bills.append(money_in_full(office.workspace.analytics_path))
    return [f"seed {seed}: {way} bills otherwise" for way, lines in zip(ways, bills, strict=True) if lines != bills[0]]


def soak(seed: int, seconds: float) -> list[Count]:
    """Play worlds from a seed on, then those that once failed, and on until the time is up; one in several ways."""
    until, done, bad, ways = time.monotonic() + seconds, 0, [], 0
    seeds = [seed, *REGRESSIONS]
    while not done or time.monotonic() < until:
        begun = time.monotonic()
        now = seeds[done] if done < len(seeds) else seed + done - len(REGRESSIONS)
        bad += [now] if unexplained(now) else []
        done += 1
        if not ways and time.monotonic() + 4 * (time.monotonic() - begun) < until:
            ways, apart = 3, differently(seed)
    note = f"failing seeds: {', '.join(map(str, bad))}" if bad else f"from seed {seed} on"
    counts = [Count("worlds of two years", done, len(bad), note)]
    return [*counts, Count("ways to do the same world", ways, len(apart), "; ".join(apart))] if ways else counts


def main() -> None:
    """Play the seeds that were named."""
    for seed in map(int, sys.argv[1:]):
        begun = time.monotonic()
        found = unexplained(seed)
        print(
            f"seed {seed}: {len(found)} unexplained, {time.monotonic() - begun:.1f} s",
            *found[:40],
            sep="\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
