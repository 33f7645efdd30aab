"""Days that the estimation of gaps looks at: with them alone it says what it says with all of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from vee_frames import Slots, active, channel_numbers, wide_days

from ingest.checks.refusals import NO_REFUSALS, Refusals
from ingest.estimates.estimate import EDIT_SCHEMA, NOTHING, OUTAGE_SCHEMA, SPAN_SCHEMA, Beside
from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee import judge as judging
from ingest.vee.judge import Judged, judge_days, judge_doubtful, survey_days
from ingest.vee.matrix import day_kinds, day_positions, placed_kinds
from ingest.vee.needed import needed_days
from model.codes import Quality

FIRST = date(2026, 10, 5)  # a Monday
AFTER = FIRST + timedelta(days=14)
BEFORE, BEYOND = FIRST - timedelta(days=30), AFTER + timedelta(days=10)
TZ = "Australia/Melbourne"  # its clock goes forward on 4 October
CHANNELS = (1, 2, 3)
Needed = Callable[[pl.DataFrame, RuleSet, Refusals, Beside], np.ndarray]


def every_day(screened: pl.DataFrame, rules: RuleSet, refusals: Refusals, beside: Beside) -> np.ndarray:
    return np.ones(screened.height, np.bool_)


def drawn_days(draw: random.Random) -> pl.DataFrame:
    """Days of three channels with faults of all kinds, in and around the period."""
    days: dict[tuple[int, date], Slots] = {}
    flags: dict[tuple[int, date], bytes] = {}
    level = {channel: draw.choice([50, 400, 4_000]) for channel in CHANNELS}
    for channel in CHANNELS:
        for number in range((BEYOND - BEFORE).days):
            day = BEFORE + timedelta(days=number)
            slots = 23 if day == date(2026, 10, 4) else 24
            values: list[int | None] = [draw.randint(1, 9) * level[channel] for _ in range(slots)]
            kind = draw.randrange(24)
            at = draw.randrange(slots)
            if kind == 0:
                continue  # not delivered
            if kind in (1, 2):
                length = draw.randint(1, 12)
                values = [None if at <= slot < at + length else value for slot, value in enumerate(values)]
            if kind == 3:
                values[at] = -7
            if kind == 4:
                values[at] = 10_000_000
            marks = bytearray(slots)
            if kind == 5:
                marks = bytearray([Quality.ESTIMATED] * slots)
            if kind == 6:
                marks[at] = draw.choice([Quality.ESTIMATED, Quality.SUBSTITUTED])
            days[channel, day] = values
            flags[channel, day] = bytes(marks)
    return wide_days(days, 60, flags)


def drawn_rules(draw: random.Random) -> RuleSet:
    return replace(
        DEFAULT_RULES,
        like_days=draw.randint(1, 4),
        like_days_within=draw.choice([3, 9, 28]),
        multi_weeks=draw.randint(1, 4),
        linear_minutes_max=draw.choice([60, 120, 3_000]),
        methods=draw.choice(
            [DEFAULT_RULES.methods, ("linear", "multi_week", "hold"), ("hold", "like_day"), ("multi_week", "like_day")]
        ),
        missing_period_percent_max=draw.choice([100, 100, 10]),
        missing_day_percent_max=draw.choice([100, 40]),
        holidays=(FIRST + timedelta(days=draw.randrange(14)),),
    )


def drawn_beside(draw: random.Random) -> Beside:
    start = FIRST + timedelta(days=draw.randrange(5))
    spans = [(1, start, start + timedelta(days=7), 500_000, 1_000)] if draw.random() < 0.5 else []
    outages = [(2, start, 3, 9)] if draw.random() < 0.5 else []
    edits = [(3, start, 4, 7, draw.choice(["value", "accept", "estimate"]), 55)] if draw.random() < 0.5 else []
    return replace(
        NOTHING,
        spans=pl.DataFrame(spans, schema=SPAN_SCHEMA, orient="row"),
        outages=pl.DataFrame(outages, schema=OUTAGE_SCHEMA, orient="row"),
        edits=pl.DataFrame(edits, schema=EDIT_SCHEMA, orient="row"),
    )


def same(one: Judged, other: Judged) -> None:
    assert one.edited.equals(other.edited)
    assert one.findings.equals(other.findings)
    assert one.estimates.equals(other.estimates)
    assert one.days.equals(other.days)
    assert one.touched.equals(other.touched)
    assert one.scaled.equals(other.scaled)


@pytest.mark.parametrize("seed", range(40))
def test_the_days_that_are_needed_give_what_all_days_give(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    days, rules, beside = drawn_days(draw), drawn_rules(draw), drawn_beside(draw)
    spans = active(CHANNELS, FIRST, AFTER)

    def judged(needed: Needed) -> Judged:
        monkeypatch.setattr(judging, "needed_days", needed)
        channels = channel_numbers(CHANNELS, TZ)
        return judge_days(days, channels, 60, FIRST, AFTER, rules=rules, active=spans, beside=beside)

    same(judged(needed_days), judged(every_day))


@pytest.mark.parametrize("seed", range(12))
def test_a_survey_and_its_doubtful_channels_give_what_a_judgement_of_all_gives(seed: int) -> None:
    draw = random.Random(100 + seed)
    days = drawn_days(draw)
    channels, spans = channel_numbers(CHANNELS, TZ), active(CHANNELS, FIRST, AFTER)
    inside = pl.col("day").is_between(FIRST, AFTER, closed="left")
    whole = judge_days(days, channels, 60, FIRST, AFTER, rules=DEFAULT_RULES, active=spans)
    survey = survey_days(days.filter(inside), channels, 60, FIRST, AFTER, rules=DEFAULT_RULES, active=spans)
    around = days.filter(~inside & pl.col("channel_no").is_in(survey.doubtful.implode()))
    judged = judge_doubtful(survey, around, 60, rules=DEFAULT_RULES)
    order = ["channel_no", "day", "first_slot", "rule", "finding_id"]
    findings = pl.concat([survey.good.findings, judged.findings]).sort(order)
    every_day = pl.concat([survey.good.days, judged.days]).sort("channel_no", "day")
    same(replace(judged, findings=findings, days=every_day), replace(whole, findings=whole.findings.sort(order)))


def test_a_gap_needs_the_days_beside_it_like_days_and_weeks_before_and_no_other() -> None:
    whole: Slots = [100] * 24
    gap = date(2026, 10, 14)  # a Wednesday
    days = {(1, BEFORE + timedelta(days=number)): whole for number in range(60)}
    days[1, gap] = [None] * 10 + [100] * 14
    rows = wide_days(days)
    asked: list[tuple[pl.DataFrame, np.ndarray]] = []

    def kept(screened: pl.DataFrame, rules: RuleSet, refusals: Refusals, beside: Beside) -> np.ndarray:
        asked.append((screened, needed_days(screened, rules, refusals, beside)))
        return asked[0][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "needed_days", kept)
        judge_days(
            rows, channel_numbers((1,)), 60, FIRST, FIRST + timedelta(days=12), rules=DEFAULT_RULES,
            active=active((1,), FIRST, FIRST + timedelta(days=12)),
        )  # fmt: skip
    screened, needed = asked[0]
    # The day itself, both beside it, the three nearest working days before it, and four weeks back.
    like = [gap - timedelta(days=back) for back in (1, 2, 5)]
    weeks = [gap - timedelta(days=7 * back) for back in (1, 2, 3, 4)]
    expected = {gap, gap - timedelta(days=1), gap + timedelta(days=1), *like, *weeks}
    assert set(screened.filter(pl.Series(needed))["day"]) == expected


def test_all_days_are_needed_where_what_is_missing_of_a_period_counts() -> None:
    rows = pl.DataFrame({"channel_no": [1, 1]})
    rules = replace(DEFAULT_RULES, missing_period_percent_max=50)
    assert needed_days(rows, rules, NO_REFUSALS, NOTHING).tolist() == [True, True]


def test_positions_of_days_among_others() -> None:
    days = pl.DataFrame(
        {"channel_no": [1, 1, 3], "day": [FIRST, AFTER, FIRST]}, schema_overrides={"channel_no": pl.Int32}
    )
    wanted = pl.DataFrame(
        {"channel_no": [3, 1, 2, 1], "day": [FIRST, AFTER, FIRST, BEFORE]}, schema_overrides={"channel_no": pl.Int32}
    )
    assert day_positions(wanted, days).tolist() == [2, 1, -1, -1]
    assert day_positions(wanted, days.clear()).tolist() == [-1] * 4
    assert day_positions(wanted.clear(), days).tolist() == []


def test_kinds_found_by_number_are_those_found_by_name() -> None:
    zones = pl.DataFrame({"channel_no": [7, 2, 5], "tz_name": [TZ, "Europe/Berlin", TZ]})
    days = pl.DataFrame({"channel_no": [2, 2, 5, 7], "day": [date(2026, 10, 25), FIRST, date(2026, 10, 4), FIRST]})
    kinds, kind, slots = placed_kinds(days, zones, 60)
    named = day_kinds(days.join(zones, on="channel_no", maintain_order="left"), 60)
    assert kinds.table.equals(named.table)
    assert slots.tolist() == [25, 24, 23, 24]
    assert len(set(kind.tolist())) == 3  # an ordinary day is one kind in both zones
    assert placed_kinds(days.clear(), zones, 60)[1].tolist() == []
