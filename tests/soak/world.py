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
from world_audit import audit, published_rows
from world_files import EARLY, calendar, draw_reads, first_readings, reading_line, reference_data, tariff_text
from world_truth import BRANCHES, END, FIRST, Agreement, Meter, Truth, days_between, draw_truth

FAST = "/dev/shm"
"""Memory, where there is any: what survives a crash is not asked here."""
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
    from model.errors import ConfigError

    account = truth.draw.choice(sorted({a.account_id for a in truth.agreements.values()}))
    try:
        office.exclude(run, account)
    except ConfigError:
        return  # the run has no bill of it
    truth.log.append(f"{account}: kept out of {run}")


def draw_events(truth: Truth, start: date, end: date) -> list[Callable[[Office], None]]:
    """Draw what happens at some points; the truth knows at once, the acts tell Billmill."""
    acts = []
    for point in truth.points.values():
        if truth.draw.random() > 0.12:
            continue
        day = truth.draw.choice(days_between(start + timedelta(days=8), end - timedelta(days=8)))
        drawn = truth.draw.choice([owner_change, empty_days, new_meter, other_rate, other_levy])
        act = drawn(truth, point.point_id, day)
        if act is not None:
            truth.log.append(f"{point.point_id}: {drawn.__name__} on {day}")
            acts.append(act)
    return acts


def reading_of(truth: Truth, point_id: str, day: date) -> dict[str, str]:
    """Return what an event says of the register."""
    point = truth.points[point_id]
    if point.minutes:
        return {}
    meter = point.meter_on(day - timedelta(days=1))
    value = point.shows(meter, day)
    said = {"reading": f"{value // 1000}.{value % 1000:03}"}
    rolls = value < point.shows(meter, max(meter.installed, FIRST)) or value < meter.start
    return said | ({"rollover": "yes"} if rolls else {})


def owner_change(truth: Truth, point_id: str, day: date) -> Callable[[Office], None]:
    """Somebody else pays from a day on."""
    old = truth.current(point_id)
    branch = truth.points[point_id].branch
    account = next(f"A{branch}-{n}" for n in (3, 4, 1, 2) if f"A{branch}-{n}" != old.account_id)
    new = Agreement(f"{old.agreement_id[:4]}-{day}", account, point_id, old.kind, day)
    old.end = day
    truth.agreements[new.agreement_id] = new
    said = {"agreement": old.agreement_id, "account": account, "new_agreement": new.agreement_id}
    said |= reading_of(truth, point_id, day)
    return lambda office: office.event("owner_change", day, **said)


def empty_days(truth: Truth, point_id: str, day: date) -> Callable[[Office], None]:
    """Somebody leaves, and five days later another comes in; nobody pays between."""
    old = truth.current(point_id)
    point, back = truth.points[point_id], day + timedelta(days=5)
    if not point.minutes:
        for some in days_between(day, back):
            point.use[some] = [0]
    new = Agreement(f"{old.agreement_id[:4]}-{back}", f"A{point.branch}-3", point_id, old.kind, back)
    old.end = day
    truth.agreements[new.agreement_id] = new
    out = {"agreement": old.agreement_id} | reading_of(truth, point_id, day)
    into = {"point": point_id, "account": new.account_id, "tariff": f"{new.kind}-{point.book}",
            "agreement": new.agreement_id} | reading_of(truth, point_id, back)  # fmt: skip

    def act(office: Office) -> None:
        office.event("move_out", day, **out)
        office.event("move_in", back, **into)

    return act


def new_meter(truth: Truth, point_id: str, day: date) -> Callable[[Office], None]:
    """A meter is exchanged."""
    point = truth.points[point_id]
    old, new = point.meters[-1], Meter(f"M{point_id}-{day}", day, 0)
    said = {"meter": old.meter_id, "new_meter": new.meter_id} | reading_of(truth, point_id, day)
    if not point.minutes:
        said["new_reading"] = "0.000"
    old.removed = day
    point.meters.append(new)
    return lambda office: office.event("meter_exchange", day, **said)


def other_rate(truth: Truth, point_id: str, day: date) -> Callable[[Office], None] | None:
    """The same account pays by another tariff."""
    old = truth.current(point_id)
    if old.kind not in {"flat", "tou"}:
        return None
    kind = "tou" if old.kind == "flat" else "flat"
    new = Agreement(f"{old.agreement_id[:4]}-{day}", old.account_id, point_id, kind, day, social=list(old.social))
    old.end = day
    truth.agreements[new.agreement_id] = new
    tariff = f"{kind}-{truth.points[point_id].book}"
    said = {"agreement": old.agreement_id, "tariff": tariff, "new_agreement": new.agreement_id}
    return lambda office: office.event("rate_change", day, **said)


def other_levy(truth: Truth, point_id: str, day: date) -> Callable[[Office], None] | None:
    """The levy is waived from a day on, or asked again. The registers are read on that day."""
    agreement, point = truth.current(point_id), truth.points[point_id]
    if agreement.start >= day or not point.minutes:
        return None
    agreement.social.append((day, not agreement.is_social(day)))
    value = "yes" if agreement.is_social(day) else "no"
    row = f"agreement_id,name,value,valid_from,valid_to\n{agreement.agreement_id},social,{value},{day},\n"
    return lambda office: office.take({"agreement_attributes.csv": row})


def money(truth: Truth, office: Office, today: date) -> None:
    """Payments and adjustments come in; a month is closed."""
    came: dict[str, list[tuple[str, int]]] = {"payment": [], "credit_adjustment": [], "debit_adjustment": []}
    for _, account, total in office.standing():
        chance = truth.draw.random()
        if chance < 0.3 and total > 0:
            came["payment"].append((account, total if chance < 0.2 else truth.draw.randint(1, total)))
        elif chance < 0.34:
            came[truth.draw.choice(["credit_adjustment", "debit_adjustment"])].append((account, truth.draw.randint(1, 500)))
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
    for round_ in range(ROUNDS):
        for cycle, _, _ in truth.cycles:
            run = office.plan(cycle, today)
            office.publish(run)
        is_changed = office.rebill(today + timedelta(days=round_), everything=True)
        if not is_changed:
            return
    raise AssertionError(f"after {ROUNDS} rebills there is still something to bill again")


def unexplained(seed: int) -> list[str]:
    """Play a seed; return what nobody can explain, at the end what happened in the world."""
    with tempfile.TemporaryDirectory(dir=FAST if Path(FAST).is_dir() else None) as folder:
        try:
            truth, office = play(seed, Path(folder))
        except Exception:  # noqa: BLE001 a crash is a finding like any other
            return [f"seed {seed}: {traceback.format_exc()}"]
        return [f"seed {seed}: {found}" for found in audit(office.workspace.analytics_path, truth)]


def soak(seed: int, seconds: float) -> list[Count]:
    """Play worlds from a seed on until the time is up."""
    until, done, bad = time.monotonic() + seconds, 0, []
    while not done or time.monotonic() < until:
        bad += [seed + done] if unexplained(seed + done) else []
        done += 1
    note = f"failing seeds: {', '.join(map(str, bad))}" if bad else f"seeds {seed} to {seed + done - 1}"
    return [Count("worlds of two years", done, len(bad), note)]


def main() -> None:
    """Play the seeds that were named."""
    for seed in map(int, sys.argv[1:]):
        begun = time.monotonic()
        found = unexplained(seed)
        print(f"seed {seed}: {len(found)} unexplained, {time.monotonic() - begun:.1f} s", *found[:40], sep="\n", flush=True)


if __name__ == "__main__":
    main()
