"""Checks of days: for each rule one case that it speaks of, and one that lies just on its edge.

Slots are hours and days have 24 of them, unless a test says otherwise; the period is October 2026.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from check_frames import AFTER, FIRST, check_of, day, judge, places, rule_set, said
from vee_frames import steady, wide_days

from ingest.rules.rule_file import parse_rules
from model.codes import RuleSource

ONE_OFF = [0] * 23 + [1]


def changed(values: list[int], slot: int, value: int) -> list[int]:
    return [value if place == slot else old for place, old in enumerate(values)]


# V05


def test_v05_a_day_with_another_number_of_slots_than_its_clock_is_refused() -> None:
    days = {(1, day(0)): [5] * 23, (1, day(1)): [5] * 24}
    drafts = judge(days, rule_set("slot_count"))
    assert drafts.select("rule", "day", "severity", "first_slot", "last_slot").rows() == [
        ("V05", day(0), "fail", 0, 22)
    ]
    assert drafts["detail"].to_list() == ["the day came with 23 slots, its clock has 24"]


@pytest.mark.parametrize(("slots", "found"), [(23, 0), (24, 1)])
def test_v05_the_day_the_clock_goes_forward_has_23_hours(slots: int, found: int) -> None:
    sunday = date(2026, 10, 4)
    at = places(tz_name="Australia/Sydney")
    assert judge({(1, sunday): [5] * slots}, rule_set("slot_count"), at).height == found


# V08


@pytest.mark.parametrize(("count", "found"), [(6, 0), (7, 1)])
def test_v08_a_week_of_zeros_while_supplied(count: int, found: int) -> None:
    days = steady(1, FIRST, 3, 5) | steady(1, day(3), count, 0) | steady(1, day(3 + count), 2, 5)
    drafts = judge(days, rule_set("zero_use"))
    assert said(drafts) == [(1, day(3), "zero_use", 0)][:found]


def test_v08_a_run_that_began_before_the_period_counts_whole() -> None:
    days = steady(1, day(-5), 6, 0)
    assert judge(days, rule_set("zero_use")).height == 0
    drafts = judge(steady(1, day(-5), 7, 0), rule_set("zero_use"))
    assert said(drafts) == [(1, day(-5), "zero_use", 0)]
    assert drafts["detail"].item() == "nothing used on 7 days from 2026-09-26 to 2026-10-02 while supplied"


def test_v08_a_missing_slot_or_day_ends_the_run() -> None:
    days: dict[tuple[int, date], list[int | None]] = {key: list(v) for key, v in steady(1, FIRST, 7, 0).items()}
    days[1, day(3)] = [None] + [0] * 23
    assert judge(days, rule_set("zero_use")).is_empty()
    del days[1, day(3)]
    assert judge(days, rule_set("zero_use")).is_empty()


def test_v08_says_nothing_of_days_without_supply() -> None:
    days = steady(1, FIRST, 7, 0)
    assert judge(days, rule_set("zero_use"), supplied=(day(1), AFTER)).is_empty()


def test_the_rule_of_a_run_is_the_one_of_its_last_day() -> None:
    days = steady(1, FIRST, 7, 0)
    assert judge(days, rule_set("zero_use", **{"from": date(2026, 10, 7)})).height == 1
    assert judge(days, rule_set("zero_use", **{"from": date(2026, 10, 8)})).is_empty()


# V09


def test_v09_use_while_nobody_is_supplied_and_while_no_meter_hangs() -> None:
    at = places(
        (1, 2, 3),
        supplied=[(1, FIRST, None), (2, FIRST, day(2)), (3, FIRST, None)],
        hung=[(1, FIRST, None), (2, FIRST, None), (3, FIRST, day(2))],
    )
    days = steady(1, day(2), 2, 50) | steady(2, day(2), 2, 50) | steady(3, day(2), 2, 50)
    drafts = judge(days, rule_set("inactive_use"), at, supplied=(FIRST, day(2)))
    assert said(drafts) == [(2, day(2), "vacant_use", 2_400), (3, day(2), "uninstalled_use", 2_400)]
    assert (
        "2,400 used on 2 days from 2026-10-03 to 2026-10-04 while nobody has an agreement" in drafts["detail"].to_list()
    )


def test_v09_use_while_supply_is_disconnected() -> None:
    at = places((1,), off=[(1, day(1), day(3))])
    drafts = judge(steady(1, FIRST, 4, 50), rule_set("inactive_use"), at)
    assert said(drafts) == [(1, day(1), "disconnected_use", 2_400)]
    assert "while supply is disconnected" in drafts["detail"][0]


@pytest.mark.parametrize(("last", "found"), [(1_000, 0), (1_001, 1)])
def test_v09_a_day_up_to_the_floor_is_standing_loss(last: int, found: int) -> None:
    at = places(supplied=[])
    days = {(1, FIRST): [0] * 23 + [last]}
    assert judge(days, rule_set("inactive_use"), at, supplied=(AFTER, day(40))).height == found


# V11


@pytest.mark.parametrize(("hours", "found"), [(5, 0), (6, 1)])
def test_v11_the_same_value_for_six_hours(hours: int, found: int) -> None:
    values = [7] * 3 + [9] * hours + [10 + slot for slot in range(21 - hours)]
    drafts = judge({(1, FIRST): values}, rule_set("stuck_value"))
    assert drafts.select("first_slot", "last_slot", "found", "severity").rows() == [(3, 8, 54, "warn")][:found]


def test_v11_zeros_are_not_stuck() -> None:
    assert judge(steady(1, FIRST, 1, 0), rule_set("stuck_value")).is_empty()


def test_v11_the_limit_is_in_minutes_whatever_the_interval() -> None:
    values = [9] * 23 + list(range(100, 173))
    rules = rule_set("stuck_value")
    assert judge({(1, FIRST): values}, rules, places(minutes=15), minutes=15).is_empty()
    longer = [9] * 24 + list(range(100, 172))
    assert judge({(1, FIRST): longer}, rules, places(minutes=15), minutes=15).height == 1


@pytest.mark.parametrize(("third", "found"), [(1, 1), (0, 0)])
def test_v11_flow_that_never_stops_for_three_days(third: int, found: int) -> None:
    days = {(1, FIRST): [2] * 24, (1, day(1)): [1] * 24, (1, day(2)): [third] * 24}
    drafts = judge(days, rule_set("never_zero"))
    assert said(drafts) == [(1, FIRST, "never_zero", 96)][:found]
    if found:
        assert "at least 1 in every slot, 96 in all" in drafts["detail"].item()


# V12


def test_v12_power_above_the_connection_is_refused_slot_by_slot() -> None:
    at = places(known={1: {"capacity_w": 10_000}})
    # 110 % of 10 kW over an hour is 11,000 Wh.
    values = changed(changed(changed([500] * 24, 4, 11_001), 5, 12_000), 9, 11_000)
    drafts = judge({(1, FIRST): values}, rule_set("over_capacity"), at)
    assert drafts.select("first_slot", "last_slot", "found", "severity", "rule").rows() == [
        (4, 5, 23_001, "fail", "V12")
    ]
    assert drafts["detail"].item() == "power up to 12,000 W, the connection carries 10,000 W"


def test_v12_quarter_hours_hold_a_quarter_of_the_power() -> None:
    at = places(minutes=15, known={1: {"capacity_w": 10_000}})
    values = changed(changed([100] * 96, 8, 2_750), 20, 2_751)
    drafts = judge({(1, FIRST): values}, rule_set("over_capacity"), at, minutes=15)
    assert drafts.select("first_slot", "last_slot").rows() == [(20, 20)]


def test_v12_says_nothing_where_no_capacity_is_known() -> None:
    assert judge({(1, FIRST): [10**9] * 24}, rule_set("over_capacity")).is_empty()


# V13


def test_v13_a_step_above_the_share_and_the_floor() -> None:
    values = changed(changed([1_000] * 24, 6, 3_001), 12, 3_000)
    drafts = judge({(1, FIRST): values}, rule_set("demand_step", percent=200))
    assert drafts.select("first_slot", "last_slot", "found").rows() == [(6, 6, 3_001)]
    assert judge({(1, FIRST): values}, rule_set("demand_step", percent=200, floor=3_001)).is_empty()


# V14


@pytest.mark.parametrize(("peak", "found"), [(6_000, 0), (6_001, 1)])
def test_v14_the_peak_against_that_of_as_many_days_before(peak: int, found: int) -> None:
    days = steady(1, day(-10), 10, 2_000) | {(1, FIRST): changed([100] * 24, 3, peak)}
    drafts = judge(days, rule_set("peak_change"), to_date=day(10))
    assert said(drafts) == [(1, FIRST, "peak_change", peak)][:found]


def test_v14_a_window_that_is_hardly_there_says_nothing() -> None:
    days = steady(1, day(-7), 7, 2_000) | {(1, FIRST): [9_000] * 24}
    assert judge(days, rule_set("peak_change"), to_date=day(10)).is_empty()  # 7 of 10 days; 8 are wanted
    assert judge(days | steady(1, day(-8), 1, 2_000), rule_set("peak_change"), to_date=day(10)).height == 1


# V21


@pytest.mark.parametrize(("generation", "measure", "last", "found"), [
    ("none", "export_energy", 1, 1),
    ("none", "export_energy", 0, 0),
    ("solar", "export_energy", 1, 0),
    (None, "export_energy", 1, 0),
    ("none", "import_energy", 1, 0),
])  # fmt: skip
def test_v21_energy_sent_back_where_nothing_generates(
    generation: str | None, measure: str, last: int, found: int
) -> None:
    at = places(known={1: {"generation": generation, "measure": measure}})
    assert judge({(1, FIRST): [0] * 23 + [last]}, rule_set("reverse_flow"), at).height == found


# V28


@pytest.mark.parametrize(("low", "high", "found"), [(52, 100, 0), (53, 100, 1), (0, 51, 1)])
def test_v28_the_mean_as_a_share_of_the_peak(low: int, high: int, found: int) -> None:
    days = {(1, FIRST): [10] * 12 + [5] * 6 + [0] * 6, (1, day(1)): [10] * 10 + [0] * 14}
    # 150 + 100 over 48 hours: 52 % of 10.
    drafts = judge(days, rule_set("load_factor", low_percent=low, high_percent=high))
    assert said(drafts) == [(1, FIRST, "load_factor", 250)][:found]


# V29


@pytest.mark.parametrize(("quality", "count", "found"), [(4, 5, 1), (5, 5, 1), (4, 4, 0), (3, 5, 0)])
def test_v29_days_that_came_estimated_one_after_the_other(quality: int, count: int, found: int) -> None:
    days = steady(1, FIRST, 8, 10)
    flags = {(1, day(number)): bytes([quality] * 24) for number in range(count)}
    drafts = judge(days, rule_set("estimated_long"), flags=flags)
    assert said(drafts) == [(1, FIRST, "estimated_long", 240 * count)][:found]


# V30


@pytest.mark.parametrize(("earlier", "found"), [(4_800, 0), (4_799, 1), (14_401, 1), (9_600, 0)])
def test_v30_a_later_file_that_says_another_total(earlier: int, found: int) -> None:
    # 7,200 now; half of 4,800 is 2,400, half of 14,401 is 7,200.5: 7,201 above it.
    replaced = pl.DataFrame(
        {"channel_no": [1], "day": [FIRST], "earlier": [earlier]}, schema_overrides={"channel_no": pl.Int32}
    )
    drafts = judge(steady(1, FIRST, 1, 300), rule_set("replaced"), replaced=replaced)
    assert drafts.height == found


# V32


@pytest.mark.parametrize(("number", "total", "found"), [(5, 2_401, 1), (5, 2_400, 0), (11, 2_401, 1), (12, 2_401, 0)])
def test_v32_use_on_the_first_days_after_nobody_was_supplied(number: int, total: int, found: int) -> None:
    days = {(1, day(number)): [100] * 23 + [total - 2_300]}
    again = [(1, FIRST - timedelta(days=90), FIRST), (1, day(5), None)]
    drafts = judge(days, rule_set("reconnected_use", daily_max=2_400), places(supplied=again))
    assert said(drafts) == [(1, day(number), "reconnected_use", total)][:found]


def test_v32_says_nothing_of_a_move_or_a_new_connection() -> None:
    days, rules = steady(1, day(5), 3, 1_000), rule_set("reconnected_use", daily_max=2_400)
    moved = [(1, FIRST - timedelta(days=90), day(5)), (1, day(5), None)]
    assert judge(days, rules, places(supplied=moved)).is_empty()
    new = places(supplied=[(1, day(5), None)], hung=[(1, day(5), None)])
    assert judge(days, rules, new).is_empty()
    assert judge(days, rules, places(supplied=[(1, day(5), None)])).height == 3


# Sources, severities


def test_terminate_silences_the_checks_that_stand_later() -> None:
    head = 'rule_set = "test"\nversion = 1\n'
    stuck = '[[rules]]\ncheck = "stuck_value"\n'
    capacity = '[[rules]]\ncheck = "over_capacity"\n'
    at = places(known={1: {"capacity_w": 1_000}})
    days = {(1, FIRST): [5_000] * 24, (1, day(1)): [900] * 24}
    both = judge(days, parse_rules(head + stuck + capacity, "t"), at)
    assert said(both) == [
        (1, FIRST, "stuck_value", 120_000),
        (1, FIRST, "over_capacity", 120_000),
        (1, day(1), "stuck_value", 21_600),
    ]
    ended = judge(days, parse_rules(head + stuck + 'severity = "terminate"\n' + capacity, "t"), at)
    assert [row[2] for row in said(ended)] == ["stuck_value", "stuck_value"]


def test_an_estimate_is_judged_by_the_rules_of_estimates() -> None:
    at = places(known={1: {"capacity_w": 1_000}})
    edited = wide_days({(1, FIRST): [1_101] * 24})
    rules = rule_set("over_capacity", sources=["estimate"])
    drafts = check_of(rules, at).checks.judge_again(edited, 60, RuleSource.ESTIMATE)
    # It would fail a value that was read; an estimate stays and is looked at.
    assert drafts.select("reason", "subject", "severity").rows() == [("over_capacity", "estimate", "warn")]
    assert drafts["detail"].item() == "estimate value: power up to 1,101 W, the connection carries 1,000 W"
    assert check_of(rules, at).checks.judge_again(edited, 60, RuleSource.MANUAL).is_empty()
    assert judge({(1, FIRST): [1_101] * 24}, rules, at).is_empty()


def test_row_order_and_blocks_change_nothing() -> None:
    rules = rule_set("zero_use")
    both = steady(1, FIRST, 9, 0) | steady(2, FIRST, 9, 0)
    reverse = dict(reversed(list(both.items())))
    at = places((1, 2))
    together = judge(both, rules, at)
    assert together.equals(judge(reverse, rules, at))
    apart = [judge(steady(number, FIRST, 9, 0), rules, at) for number in (1, 2)]
    assert together.equals(pl.concat(apart))


def test_a_set_without_rules_says_nothing() -> None:
    assert judge(steady(1, FIRST, 31, 0), parse_rules('rule_set = "none"\nversion = 1', "t")).is_empty()
