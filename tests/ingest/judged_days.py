"""Days that are judged as a run of VEE judges them: slots are hours, unless a test says otherwise."""

from __future__ import annotations

from datetime import date, timedelta

from vee_frames import Slots, active, channel_numbers, wide_days

from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee.judge import Judged, judge_days

MONDAY = date(2026, 10, 5)
TUESDAY = date(2026, 10, 6)
Days = dict[tuple[int, date], Slots]


def after(count: int, start: date = MONDAY) -> date:
    return start + timedelta(days=count)


def judge(
    days: Days,
    from_date: date = MONDAY,
    to_date: date = TUESDAY,
    *,
    channels: tuple[int, ...] = (1,),
    tz_name: str = "Australia/Brisbane",
    minutes: int = 60,
    rules: RuleSet = DEFAULT_RULES,
    flags: dict[tuple[int, date], bytes] | None = None,
) -> Judged:
    return judge_days(
        wide_days(days, minutes, flags),
        channel_numbers(channels, tz_name, minutes),
        minutes,
        from_date,
        to_date,
        rules=rules,
        active=active(channels, from_date, to_date),
    )


def said(judged: Judged) -> list[tuple[object, ...]]:
    return judged.findings.select("day", "first_slot", "last_slot", "reason", "severity", "method").rows()


def with_gap(values: Slots, first: int, last: int) -> list[int | None]:
    return [None if first <= slot <= last else value for slot, value in enumerate(values)]
