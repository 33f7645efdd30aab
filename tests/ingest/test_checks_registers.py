"""Checks of register readings that a rule set asks for: each on both sides of its edge."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from check_frames import places, rule_set
from pandera.typing.polars import DataFrame
from test_registers import channels, meter, reads

from ingest.checks.registers import idle_drafts
from ingest.rules.rules import RuleSet
from ingest.vee.registers import JudgedRegisters, judge_registers, usage_between_reads
from model.accounts import Meters
from model.reads import RegisterReads
from model.schema import arranged

START = date(2024, 1, 1)


def after(days: int) -> date:
    return START + timedelta(days=days)


def every_ten_days(*readings: int, quality: int = 0) -> DataFrame[RegisterReads]:
    """Readings of a meter of five dials (100,000,000 smallest units)."""
    kinds = ["install"] + ["regular"] * (len(readings) - 1)
    rows = [
        ("M1", after(10 * place), kind, reading)
        for place, (kind, reading) in enumerate(zip(kinds, readings, strict=True))
    ]
    return reads(*rows, quality=quality)


def hung() -> DataFrame[Meters]:
    return arranged(Meters, pl.DataFrame([meter()]))


def judged(frame: DataFrame[RegisterReads], rules: RuleSet) -> JudgedRegisters:
    return judge_registers(frame, hung(), channels(), rules)


def said(found: JudgedRegisters) -> list[tuple[object, ...]]:
    return found.drafts.select("rule", "reason", "day", "severity").rows()


@pytest.mark.parametrize(("use", "found"), [(1_000, 0), (999, 1), (50_000, 0), (50_001, 1)])
def test_v16_use_a_day_outside_fixed_limits(use: int, found: int) -> None:
    result = judged(every_ten_days(0, use), rule_set("delta_outside", low=100, high=5_000))
    assert said(result) == [("V16", "delta_outside", after(10), "warn")][:found]


def test_v16_a_rule_that_fails_refuses_the_pair_and_bills_nothing() -> None:
    rules = rule_set("delta_outside", high=5_000, severity="fail")
    usage, findings = usage_between_reads(every_ten_days(0, 60_000, 70_000), hung(), channels(), rules)
    assert usage.select("quantity", "is_rejected").rows() == [(0, True), (10_000, False)]
    assert findings.select("reason", "severity", "rule_set").rows() == [("delta_outside", "fail", "test.v1")]


@pytest.mark.parametrize(("second", "found"), [(20_000, 0), (20_001, 1), (6_667, 0), (6_666, 1)])
def test_v16_use_against_the_pair_before(second: int, found: int) -> None:
    # 100 x |20,000 - 10,000| / 20,000 is 50; below: 100 x |6,667 - 10,000| / 6,667 is 49.99.
    result = judged(every_ten_days(0, 10_000, 10_000 + second), rule_set("delta_change", percent=50))
    assert len(said(result)) == found


@pytest.mark.parametrize(("last", "found"), [(2_000, 0), (1_999, 1)])
def test_v15_use_below_a_share_of_the_median_of_the_others(last: int, found: int) -> None:
    # 20 % of the median (10,000 of 9,000, 10,000 and 11,000).
    result = judged(every_ten_days(0, 9_000, 19_000, 30_000, 30_000 + last), rule_set("usage_low"))
    assert said(result) == [("V15", "usage_low", after(40), "warn")][:found]
    if found:
        assert "half of the channel's 3 other readings had 1,000 a day or more" in result.drafts["detail"].item()


def test_v15_two_others_do_not_say_what_is_usual() -> None:
    assert said(judged(every_ten_days(0, 9_000, 19_000, 19_001), rule_set("usage_low"))) == []


@pytest.mark.parametrize(("count", "found"), [(3, 0), (4, 1)])
@pytest.mark.parametrize("quality", [4, 5, 6])
def test_v29_more_estimated_readings_in_a_row_than_allowed(quality: int, count: int, found: int) -> None:
    frame = every_ten_days(*range(0, 6_000, 1_000))
    marks = [0] + [quality] * count + [0] * (5 - count)
    frame = arranged(RegisterReads, frame.with_columns(pl.Series("quality", marks, dtype=pl.UInt8)))
    assert said(judged(frame, rule_set("reads_estimated"))) == [("V29", "reads_estimated", after(40), "warn")][:found]


def test_v31_a_pair_that_begins_where_a_refused_one_ended() -> None:
    # 90,000 then 40,000 is refused; the pair from 40,000 on may start from a wrong reading.
    frame = every_ten_days(80_000_000, 90_000_000, 40_000_000, 41_000_000, 42_000_000)
    result = judged(frame, rule_set("previous_refused"))
    assert said(result) == [
        ("V19", "read_decreased", after(20), "fail"),
        ("V31", "previous_refused", after(30), "warn"),
    ]
    assert result.pairs["is_rejected"].to_list() == [False, True, False, False]
    strict = judged(frame, rule_set("previous_refused", severity="fail"))
    assert strict.pairs["is_rejected"].to_list() == [False, True, True, False]
    assert strict.pairs["use"].to_list() == [10_000_000, 0, 0, 1_000_000]


def test_a_rule_for_a_class_judges_that_class_alone() -> None:
    rules = rule_set("delta_outside", high=1, classes=["public"])
    frame = every_ten_days(0, 60_000)
    assert judged(frame, rules).drafts.is_empty()
    classes = pl.DataFrame({"channel_no": [1], "revenue_class": ["public"]}, schema_overrides={"channel_no": pl.Int32})
    assert judge_registers(frame, hung(), channels(), rules, classes=classes).drafts.height == 1


def idle(
    frame: DataFrame[RegisterReads], rules: RuleSet, *supplied: tuple[date, date | None]
) -> list[tuple[object, ...]]:
    pairs = judge_registers(frame, hung(), channels(), rules).pairs
    spans = [(1, *span) for span in supplied]
    drafts = idle_drafts(pairs, places((1,), minutes=60, supplied=spans), rules, START, after(400))
    return drafts.select("rule", "reason", "day", "found").rows()


@pytest.mark.parametrize(("days", "found"), [(30, 1), (31, 0)])
def test_v08_a_register_that_stands_still_while_supplied(days: int, found: int) -> None:
    frame = every_ten_days(500, 1_000, 1_000, 1_000, 1_000, 2_000)
    rows = idle(frame, rule_set("register_zero", days=days), (START, None))
    assert rows == [("V08", "register_zero", after(40), 1_000)][:found]


def test_v08_says_nothing_where_nobody_was_supplied_for_a_while() -> None:
    frame = every_ten_days(1_000, 1_000, 1_000, 1_000, 1_000)
    spans = ((START, after(15)), (after(16), None))
    assert idle(frame, rule_set("register_zero", days=30), *spans) == []
    # Two agreements that follow each other supply every day.
    together = ((START, after(15)), (after(15), None), (after(3), after(20)))
    assert len(idle(frame, rule_set("register_zero", days=30), *together)) == 1


@pytest.mark.parametrize(("use", "found"), [(10_000, 0), (10_001, 1)])
def test_v09_a_register_that_moves_while_nobody_is_supplied(use: int, found: int) -> None:
    rows = idle(every_ten_days(0, use), rule_set("register_inactive"))
    assert rows == [("V09", "vacant_use", after(10), use)][:found]
    assert idle(every_ten_days(0, use), rule_set("register_inactive"), (after(9), None)) == []


@pytest.mark.parametrize(("until", "found"), [(10, 1), (9, 0)])
def test_v09_a_register_that_moves_while_disconnected(until: int, found: int) -> None:
    pairs = judge_registers(every_ten_days(0, 20_000), hung(), channels(), rule_set("register_inactive")).pairs
    at = places((1,), minutes=60, off=[(1, START, after(until))])
    drafts = idle_drafts(pairs, at, rule_set("register_inactive"), START, after(400))
    assert drafts.select("reason", "found").rows() == [("disconnected_use", 20_000)][:found]


def test_thresholds_of_rollover_and_high_use_follow_the_rule_set() -> None:
    # From 99,000,000 over the end to 4,000,001: 5,000,001 of 100,000,000.
    over = reads(("M1", after(0), "install", 99_000_000), ("M1", after(10), "regular", 4_000_001))
    assert said(judged(over, rule_set("usage_low"))) == [("V19", "read_decreased", after(10), "fail")]
    wider = rule_set("rollover", max_percent=6, measures=["import_energy"])
    assert said(judged(over, wider)) == [("V18", "rollover", after(10), "info")]
    assert said(judged(over, rule_set("rollover", max_percent=6, measures=["heat_energy"])))[0][1] == "read_decreased"
    high = every_ten_days(0, 1_000, 2_000, 3_000, 6_001)  # 3,001 after three times 1,000
    assert said(judged(high, rule_set("usage_low"))) == []
    assert said(judged(high, rule_set("usage_high", ratio=3))) == [("V15", "usage_high", after(40), "warn")]
    assert said(judged(high, rule_set("usage_high", ratio=3, others_min=4))) == []
