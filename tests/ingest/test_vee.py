"""Validation of channel-days: completeness, negative values, spikes, laws, a real year.

Slots are hours, and the clock never changes.
"""

from __future__ import annotations

import csv
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_days import MONDAY, Days, after, judge, said, with_gap
from vee_frames import active, channel_numbers, row_of, slots_of, steady, wide_days

from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee.judge import judge_days
from model.codes import Method, Quality
from model.reads import slot_columns

SHARED = Path(__file__).parents[3] / "shared"


# Completeness


def test_a_complete_day_is_left_alone() -> None:
    judged = judge(steady(1, MONDAY, 1, 100))
    assert judged.edited.is_empty()
    assert judged.findings.is_empty()
    assert judged.days.rows() == [(1, MONDAY, 7, 24, 24, 2400)]


def test_a_day_that_never_came_is_found_and_estimated() -> None:
    days = steady(1, after(-7), 7, 100)  # Monday to Sunday before
    judged = judge(days)
    assert said(judged) == [(MONDAY, 0, 23, "missing_day", "warn", "like_day")]
    row = row_of(judged.edited, 1, MONDAY)
    assert (row["base_seq"], row["seq"], row["n"], row["worst"], row["flags"]) == (0, 0, 24, Quality.ESTIMATED, None)
    assert row["methods"] == bytes([Method.LIKE_DAY] * 24)
    assert slots_of(judged.edited, 1, MONDAY) == [100] * 24


def test_a_day_that_came_empty_keeps_its_load() -> None:
    days = steady(1, after(-7), 7, 100) | {(1, MONDAY): [None] * 24}
    judged = judge(days)
    assert said(judged) == [(MONDAY, 0, 23, "missing_day", "warn", "like_day")]
    assert row_of(judged.edited, 1, MONDAY)["base_seq"] == 7


def test_without_any_reference_a_day_stays_missing() -> None:
    judged = judge({})
    assert said(judged) == [(MONDAY, 0, 23, "missing_day", "fail", "none")]
    assert judged.edited.is_empty()
    assert judged.days.rows() == [(1, MONDAY, 0, 24, 0, 0)]


def test_a_channel_that_never_read_does_not_hinder_another() -> None:
    judged = judge(steady(2, MONDAY, 1, 5), channels=(1, 2))
    assert judged.findings["channel_no"].to_list() == [1]
    assert judged.days["quantity"].to_list() == [0, 120]


def test_days_outside_the_active_time_are_not_expected() -> None:
    judged = judge_days(
        wide_days({}),
        channel_numbers((1,)),
        60,
        MONDAY,
        after(10),
        rules=DEFAULT_RULES,
        active=active((1,), after(2), after(4)),
    )
    assert judged.days["day"].to_list() == [after(2), after(3)]


def test_overlapping_active_times_expect_a_day_once() -> None:
    twice = pl.concat([active((1,), MONDAY, after(2)), active((1,), after(1), after(3))])
    judged = judge_days(wide_days({}), channel_numbers((1,)), 60, MONDAY, after(9), rules=DEFAULT_RULES, active=twice)
    assert judged.days["day"].to_list() == [MONDAY, after(1), after(2)]


def test_nothing_active_gives_nothing() -> None:
    judged = judge_days(
        wide_days({}),
        channel_numbers((1,)),
        60,
        MONDAY,
        after(9),
        rules=DEFAULT_RULES,
        active=active((), MONDAY, MONDAY),
    )
    assert judged.days.is_empty()
    assert judged.edited.is_empty()
    assert judged.findings.is_empty()


# Negative values


@pytest.mark.parametrize(("value", "reasons"), [(0, []), (-1, ["negative"])])
def test_a_value_below_zero_is_refused(value: int, reasons: list[str]) -> None:
    values = [10] * 24
    values[5] = value
    judged = judge({(1, MONDAY): values})
    assert judged.findings["reason"].to_list() == reasons
    if reasons:
        assert judged.findings.select("rule", "severity", "found", "used", "method").row(0) == (
            "V07", "fail", -1, 10, "linear",
        )  # fmt: skip
        assert slots_of(judged.edited, 1, MONDAY)[5] == 10
        assert row_of(judged.edited, 1, MONDAY)["flags"] == bytes([*[0] * 5, 4, *[0] * 18])


def test_a_refused_value_that_cannot_be_estimated_is_emptied() -> None:
    judged = judge({(1, MONDAY): [-4, *[10] * 23]})
    assert said(judged) == [(MONDAY, 0, 0, "negative", "fail", "none")]
    assert judged.findings["used"].to_list() == [None]
    assert slots_of(judged.edited, 1, MONDAY) == [None, *[10] * 23]
    assert row_of(judged.edited, 1, MONDAY)["worst"] == Quality.MISSING


def test_a_gap_and_a_refused_value_beside_it_are_one_gap_and_two_findings() -> None:
    values: list[int | None] = [10] * 24
    values[5:7] = [None, -3]
    judged = judge({(1, MONDAY): values})
    assert [row[1:5] for row in said(judged)] == [(5, 5, "missing", "warn"), (6, 6, "negative", "fail")]
    assert judged.findings["method"].to_list() == ["linear", "linear"]


# Spikes


def spiky(highest: int, third: int = 100) -> list[int]:
    return [*[50] * 5, highest, *[50] * 5, third, third, *[50] * 11]


@pytest.mark.parametrize(
    ("highest", "severities"),
    [
        (280, []),  # exactly 180 % above 100
        (281, ["warn"]),
        (1200, ["warn"]),  # exactly 12 times the day's third and the other days' highest
        (1201, ["fail"]),
    ],
)
def test_a_spike_is_warned_and_only_a_wild_one_refused(highest: int, severities: list[str]) -> None:
    judged = judge({(1, after(-1)): spiky(100), (1, MONDAY): spiky(highest)})
    assert judged.findings["severity"].to_list() == severities
    assert judged.edited.height == severities.count("fail")
    if severities == ["fail"]:
        assert slots_of(judged.edited, 1, MONDAY)[5] == 50
        assert judged.findings.select("rule", "first_slot", "found", "used").row(0) == ("V10", 5, 1201, 50)
    if severities == ["warn"]:
        assert judged.findings.select("first_slot", "found", "used", "method").row(0) == (5, highest, None, "none")


@pytest.mark.parametrize(("other", "severity"), [(417, "warn"), (416, "fail")])
def test_a_spike_that_another_day_explains_is_kept(other: int, severity: str) -> None:
    judged = judge({(1, after(-1)): spiky(other, other), (1, MONDAY): spiky(5000)})  # 12 x 417 = 5004
    assert judged.findings.filter(pl.col("day") == MONDAY)["severity"].to_list() == [severity]


def test_the_same_peak_on_two_days_is_no_spike() -> None:
    judged = judge({**steady(1, after(-2), 1, 100), (1, after(-1)): spiky(9000), (1, MONDAY): spiky(9000)})
    assert judged.edited.is_empty()


@pytest.mark.parametrize(("highest", "severity"), [(1000, "warn"), (1001, "fail")])
def test_small_values_are_never_refused(highest: int, severity: str) -> None:
    days: Days = {(1, after(-1)): [10] * 24, (1, MONDAY): [highest, *[10] * 23]}
    judged = judge(days)
    assert judged.findings["severity"].to_list() == [severity]


def test_on_an_idle_meter_nothing_says_what_a_spike_is() -> None:
    judged = judge({(1, after(-1)): [0] * 24, (1, MONDAY): [90_000, *[0] * 23]})
    assert judged.edited.is_empty()


def test_a_single_day_has_no_other_days_to_judge_by() -> None:
    judged = judge({(1, MONDAY): spiky(90_000)})
    assert judged.findings["severity"].to_list() == ["warn"]


# Laws


hours = st.lists(
    st.one_of(st.none(), st.integers(-3, 5000), st.integers(0, 50), st.integers(0, 50)), min_size=24, max_size=24
)


@given(weeks=st.lists(hours, min_size=5, max_size=9), absent=st.sets(st.integers(0, 8)))
@settings(max_examples=25, deadline=None)
def test_good_values_never_change_and_estimates_stay_between(weeks: list[list[int | None]], absent: set[int]) -> None:
    days: Days = {(1, after(place)): values for place, values in enumerate(weeks) if place not in absent}
    judged = judge(days, to_date=after(len(weeks)))
    refused = {
        (row["day"], slot)
        for row in judged.findings.filter(severity="fail").iter_rows(named=True)
        for slot in range(row["first_slot"], row["last_slot"] + 1)
    }
    highest = max((value for values in weeks for value in values if value is not None), default=0)
    for row in judged.edited.iter_rows(named=True):
        landed = days.get((1, row["day"]), [None] * 24)
        for slot, name in enumerate(slot_columns(60)[:24]):
            if row["methods"][slot] != Method.NONE:
                assert landed[slot] is None or (row["day"], slot) in refused
                assert 0 <= row[name] <= highest
            elif (row["day"], slot) not in refused:
                assert row[name] == landed[slot]
            else:
                assert row[name] is None


@given(data=st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_row_order_changes_nothing(data: random.Random) -> None:
    days = {**steady(1, after(-8), 9, 10), **steady(2, after(-8), 9, 20), (3, MONDAY): [5, None, 9, *[1] * 21]}
    del days[1, MONDAY], days[2, after(-3)]
    frame = wide_days(days)
    channels, spans = channel_numbers((1, 2, 3)), active((1, 2, 3), after(-8), after(1))
    order = list(range(frame.height))
    data.shuffle(order)
    first = judge_days(frame, channels, 60, after(-8), after(1), rules=DEFAULT_RULES, active=spans)
    again = judge_days(frame[order], channels[::-1], 60, after(-8), after(1), rules=DEFAULT_RULES, active=spans[::-1])
    assert first.edited.equals(again.edited)
    assert first.findings.equals(again.findings)


def test_ids_of_findings_are_those_of_their_content() -> None:
    days: Days = {(1, MONDAY): with_gap([10] * 24, 4, 5)}
    first, again = judge(days).findings, judge(days).findings
    assert first.equals(again)
    assert first["finding_id"].str.len_chars().to_list() == [16]
    other = judge(days, rules=RuleSet(version=2)).findings
    assert other["finding_id"].to_list() != first["finding_id"].to_list()
    assert other["rule_set"].to_list() == ["standard.v2"]


# The Texas file


def texas_days() -> Days:
    """Days of the file, read by the csv module: order decides the slot, empty rows are no slots."""
    path = SHARED / "meterdata" / "smt" / "IntervalData_anon.csv"
    if not path.is_file():
        pytest.skip("the Texas interval file is not beside the project")
    days: dict[tuple[int, date], list[int | None]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["USAGE_KWH"]:
                month, day, year = (int(part) for part in row["USAGE_DATE"].split("/"))
                value = int(Decimal(row["USAGE_KWH"]) * 1000)
                days.setdefault((1, date(year, month, day)), []).append(value)
    return dict(days)


def test_a_real_year_of_a_household_is_not_edited() -> None:
    days = texas_days()
    first, last = min(day for _, day in days), max(day for _, day in days)
    judged = judge(days, first, after(1, last), tz_name="America/Chicago", minutes=15)
    landed = judged.days.filter(pl.col("base_seq") == 7)
    assert landed.height == 320
    assert landed["quantity"].sum() == 6_825_137
    assert landed.filter(pl.col("slots") != pl.col("slots_valued")).is_empty()
    assert judged.edited.filter(pl.col("base_seq") == 7).is_empty()
    spikes = judged.findings.filter(pl.col("rule") == "V10")
    assert set(spikes["severity"]) == {"warn"}
    assert spikes.height == 8


def test_a_generated_spike_in_a_real_year_is_refused() -> None:
    days = texas_days()
    day = date(2022, 6, 15)
    values = list(days[1, day])
    place = max(range(len(values)), key=lambda slot: values[slot] or 0)
    days[1, day] = [(value or 0) * 40 if slot == place else value for slot, value in enumerate(values)]
    judged = judge(days, date(2022, 6, 1), date(2022, 7, 1), tz_name="America/Chicago", minutes=15)
    assert judged.edited["day"].to_list() == [day]
    assert judged.findings.filter(severity="fail").select("day", "first_slot", "reason").rows() == [
        (day, place, "spike")
    ]
