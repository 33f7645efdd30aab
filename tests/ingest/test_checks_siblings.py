"""Checks of channels beside their siblings: sums, reactive energy, check meters, registers by time of use."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from check_frames import AFTER, FIRST, check_of, day, judge, places, rule_set, said
from vee_frames import steady

from ingest.checks.places import Places
from ingest.checks.siblings import PAIRS, paired_channels
from ingest.rules.rules import RuleSet

Pair = tuple[int, date, date, int, int]  # channel, from, to, quantity, multiplier


def at_one_point(known: dict[int, dict[str, object]]) -> Places:
    """Channels of one service point."""
    for columns in known.values():
        columns["service_point_id"] = "SP"
    return places(list(known), known=known)


def pairs(*rows: Pair, is_rejected: bool = False) -> pl.DataFrame:
    every = [(*row, is_rejected, 3) for row in rows]
    return pl.DataFrame(every, schema=PAIRS, orient="row")


def finish(
    days: dict[tuple[int, date], list[int]], registers: pl.DataFrame, rules: RuleSet, at: Places
) -> pl.DataFrame:
    checks = check_of(rules, at)
    assert judge(days, rules, at, checks=checks).is_empty()
    return checks.finish(registers)


# V17


def point_with_register() -> Places:
    return at_one_point({1: {}, 2: {"interval_minutes": 0, "suffix": "R"}})


@pytest.mark.parametrize(
    ("register", "found"),
    [
        (240_000, 0),
        (241_200, 0),  # 0.5 % of 241,200 is 1,206
        (241_207, 1),  # 1,207 apart; 0.5 % is 1,206
        (238_799, 1),  # 1,201 apart; 0.5 % is 1,193
    ],
)
def test_v17_intervals_against_the_register(register: int, found: int) -> None:
    days = steady(1, FIRST, 10, 1_000)  # 240,000
    drafts = finish(days, pairs((2, FIRST, day(10), register, 1)), rule_set("sum_check"), point_with_register())
    assert said(drafts) == [(2, day(10), "sum_check", register)][:found]


@pytest.mark.parametrize(("register", "found"), [(3_400, 0), (3_401, 1)])
def test_v17_a_small_difference_is_measured_by_the_last_dial(register: int, found: int) -> None:
    days = steady(1, FIRST, 10, 10)  # 2,400; one unit of the last dial is 1,000
    drafts = finish(days, pairs((2, FIRST, day(10), register, 1)), rule_set("sum_check"), point_with_register())
    assert drafts.height == found


def test_v17_names_a_forgotten_multiplier() -> None:
    days = steady(1, FIRST, 10, 1_000)
    drafts = finish(days, pairs((2, FIRST, day(10), 9_600_000, 40)), rule_set("sum_check"), point_with_register())
    assert drafts["detail"].to_list() == [
        "register 9,600,000 from 2026-10-01 to 2026-10-11, intervals of channel 1 add up to 240,000; they differ by "
        "the multiplier"
    ]


def test_v17_says_nothing_when_a_day_is_incomplete_or_a_pair_refused() -> None:
    days = steady(1, FIRST, 10, 1_000)
    short = {key: slots for key, slots in days.items() if key[1] != day(4)}
    rule, pair = rule_set("sum_check"), (2, FIRST, day(10), 999_999, 1)
    assert finish(short, pairs(pair), rule, point_with_register()).is_empty()
    assert finish(days, pairs(pair, is_rejected=True), rule, point_with_register()).is_empty()
    assert finish(days, pairs(pair), rule, point_with_register()).height == 1


def test_v17_a_pair_that_began_before_the_period_is_added_up_whole() -> None:
    days = steady(1, day(-20), 25, 1_000)
    drafts = finish(days, pairs((2, day(-20), day(5), 600_000, 1)), rule_set("sum_check"), point_with_register())
    assert drafts.is_empty()
    drafts = finish(days, pairs((2, day(-20), day(5), 700_000, 1)), rule_set("sum_check"), point_with_register())
    assert drafts.height == 1


def test_v17_the_same_in_any_division_into_blocks() -> None:
    rules, at = rule_set("sum_check"), point_with_register()
    checks = check_of(rules, at)
    for part in (steady(1, FIRST, 10, 1_000), {}):
        judge(part, rules, at, checks=checks)
    assert checks.finish(pairs((2, FIRST, day(10), 999_999, 1))).height == 1


# V24


def with_reactive() -> Places:
    return at_one_point({1: {}, 2: {"measure": "reactive_energy", "suffix": "Q1"}})


@pytest.mark.parametrize(("reactive", "found"), [(7_200, 0), (7_201, 1)])
def test_v24_reactive_above_a_share_of_active(reactive: int, found: int) -> None:
    days = steady(1, FIRST, 1, 100) | {(2, FIRST): [0] * 23 + [reactive]}  # 300 % of 2,400
    drafts = finish(days, pairs(), rule_set("reactive_share"), with_reactive())
    assert said(drafts) == [(2, FIRST, "reactive_share", 7_201)][:found]


@pytest.mark.parametrize(("reactive", "found"), [(1_000, 0), (1_001, 1)])
def test_v24_reactive_while_there_is_no_active(reactive: int, found: int) -> None:
    days = steady(1, FIRST, 1, 0) | {(2, FIRST): [0] * 23 + [reactive]}
    assert finish(days, pairs(), rule_set("reactive_share"), with_reactive()).height == found


def test_v24_a_day_of_one_without_the_other() -> None:
    days = steady(1, FIRST, 2, 100) | steady(2, day(1), 2, 10)
    drafts = finish(days, pairs(), rule_set("reactive_missing"), with_reactive())
    assert said(drafts) == [(1, FIRST, "reactive_missing", 2_400), (2, day(2), "reactive_missing", 240)]
    assert finish(days, pairs(), rule_set("reactive_missing"), places((1, 2))).is_empty()


# V26


@pytest.mark.parametrize(("check", "found"), [(118_800, 0), (118_799, 1), (121_201, 1)])
def test_v26_main_against_check_meter(check: int, found: int) -> None:
    known = {1: {"check_suffix": "E9"}, 2: {"check_suffix": "E9", "suffix": "E9"}}
    days = steady(1, FIRST, 5, 1_000) | {(2, FIRST): [check - 4 * 24] + [0] * 23}
    days |= {(2, day(number)): [1] * 24 for number in range(1, 5)}
    drafts = finish(days, pairs(), rule_set("main_check"), at_one_point(known))
    assert said(drafts) == [(1, FIRST, "main_check", 120_000)][:found]


# V33


def with_time_of_use(parts: int = 2) -> Places:
    known: dict[int, dict[str, object]] = {
        number: {"interval_minutes": 0, "suffix": f"T{number}", "total_register": "T1"}
        for number in range(1, parts + 2)
    }
    return at_one_point(known)


@pytest.mark.parametrize(("peak", "found"), [(398_000, 0), (397_999, 1)])
def test_v33_registers_by_time_of_use_add_up_to_the_total(peak: int, found: int) -> None:
    # 0.5 % of 1,000,000 is 5,000 and two units of the last dial 2,000: 597,000 + 398,000 is 5,000 short.
    rows = pairs((1, FIRST, AFTER, 1_000_000, 1), (2, FIRST, AFTER, 597_000, 1), (3, FIRST, AFTER, peak, 1))
    drafts = finish({}, rows, rule_set("tou_sum"), with_time_of_use())
    assert said(drafts) == [(1, AFTER, "tou_sum", 1_000_000)][:found]


def test_v33_a_register_that_was_not_read_says_nothing() -> None:
    rows = pairs((1, FIRST, AFTER, 1_000_000, 1), (2, FIRST, AFTER, 5, 1))
    assert finish({}, rows, rule_set("tou_sum"), with_time_of_use()).is_empty()


def test_only_channels_with_a_sibling_are_kept() -> None:
    assert paired_channels(places((1, 2)).channels).is_empty()
    assert paired_channels(point_with_register().channels)["channel_no"].to_list() == [1]
    assert paired_channels(with_reactive().channels)["channel_no"].to_list() == [1, 2]
