"""What the tests of checks judge: days of a few channels, the places where they hang, a rule set of one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl
from vee_frames import Slots, active, channel_numbers, wide_days

from ingest.checks.checks import Checks, Left, checks_of
from ingest.checks.features import measured
from ingest.checks.places import Places
from ingest.rules.rule_file import parse_rules
from ingest.rules.rules import RuleSet
from ingest.vee.judge import expected_days

FIRST = date(2026, 10, 1)
AFTER = date(2026, 11, 1)
Days = Mapping[tuple[int, date], Slots]

_KNOWN = {
    "revenue_class": pl.String, "capacity_w": pl.Int64, "generation": pl.String, "check_suffix": pl.String,
    "total_register": pl.String,
}  # fmt: skip
_SPANS = {"channel_no": pl.Int32, "from_date": pl.Date, "to_date": pl.Date}


def day(number: int) -> date:
    """Return the day so many days after the first of the period."""
    return FIRST + timedelta(days=number)


def rule_set(check: str, **keys: object) -> RuleSet:
    """Return a rule set of one rule; dates and numbers as keys of its table."""
    lines = [f"{key} = {_toml(value)}" for key, value in keys.items()]
    text = "\n".join(['rule_set = "test"', "version = 1", "[[rules]]", f'check = "{check}"', *lines])
    return parse_rules(text, "test.toml")


def _toml(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return "[" + ", ".join(_toml(item) for item in value) + "]" if isinstance(value, list) else str(value)


def places(
    channels: Sequence[int] = (1,),
    *,
    minutes: int = 60,
    tz_name: str = "Australia/Brisbane",
    supplied: Sequence[tuple[int, date, date | None]] | None = None,
    hung: Sequence[tuple[int, date, date | None]] | None = None,
    known: Mapping[int, Mapping[str, object]] | None = None,
    off: Sequence[tuple[int, date, date | None]] = (),
) -> Places:
    """Return channels that are supplied and hang all the time unless said otherwise; `known` overrides columns."""
    frame = channel_numbers(channels, tz_name, minutes).with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in _KNOWN.items()
    )
    for number, columns in (known or {}).items():
        here = pl.col("channel_no") == number
        frame = frame.with_columns(
            pl.when(here).then(pl.lit(value, dtype=frame.schema[name])).otherwise(name).alias(name)
            for name, value in columns.items()
        )
    always = [(number, date(2020, 1, 1), None) for number in channels]
    spans = [
        pl.DataFrame(list(always if given is None else given), schema=_SPANS, orient="row")
        for given in (hung, supplied, off)
    ]
    return Places(frame, spans[0], spans[1], spans[2])


class RunChecks:
    """The checks of a run, with what its blocks have left so far."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self.left: list[Left] = []

    def finish(self, registers: pl.DataFrame) -> pl.DataFrame:
        return self.checks.finish(self.left, registers)


def check_of(rules: RuleSet, at: Places | None = None, from_date: date = FIRST, to_date: date = AFTER) -> RunChecks:
    return RunChecks(checks_of(rules, at or places(), from_date, to_date))


def judge(
    days: Days,
    rules: RuleSet,
    at: Places | None = None,
    *,
    minutes: int = 60,
    from_date: date = FIRST,
    to_date: date = AFTER,
    supplied: tuple[date, date] | None = None,
    flags: Mapping[tuple[int, date], bytes] | None = None,
    replaced: pl.DataFrame | None = None,
    checks: RunChecks | None = None,
) -> pl.DataFrame:
    """Return the drafts about days; those before the period are its history. `supplied`: when days are expected."""
    at = at or places(minutes=minutes)
    checks = checks or check_of(rules, at, from_date, to_date)
    first, after = supplied or (from_date - timedelta(days=400), to_date)
    numbers = at.channels["channel_no"].to_list()
    zones = at.channels.select("channel_no", "tz_name")
    expected = expected_days(active(numbers, first, after), zones, first, after)
    in_period = {key: slots for key, slots in days.items() if from_date <= key[1] < to_date}
    before = {key: slots for key, slots in days.items() if key[1] < from_date}
    landed, earlier = wide_days(in_period, minutes, flags), wide_days(before, minutes, flags)
    found = measured(landed, [earlier], at.channels, minutes)
    drafts, left = checks.checks.judge(landed, found, expected, minutes, replaced)
    checks.left.append(left)
    return drafts


def said(drafts: pl.DataFrame) -> list[tuple[object, ...]]:
    return drafts.sort("channel_no", "day", "first_slot").select("channel_no", "day", "reason", "found").rows()
