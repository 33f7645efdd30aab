"""What happens at the points of a drawn world: the truth knows at once, Billmill when it is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from world_acts import Office
from world_truth import FIRST, Agreement, Meter, Truth, days_between


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
