"""Validation and estimation of channel-days.

Slots are hours, and the clock never changes, unless a test says otherwise.
"""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vee_frames import Slots, active, channel_numbers, row_of, slots_of, steady, wide_days

from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee.judge import Judged, judge_days
from model.codes import Method, Quality
from model.reads import slot_columns

SHARED = Path(__file__).parents[3] / "shared"
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


# Straight lines


@pytest.mark.parametrize(("minutes", "longest"), [(5, 24), (10, 12), (15, 8), (30, 4), (60, 2)])
@pytest.mark.parametrize("over", [0, 1])
def test_a_line_fills_up_to_two_hours(minutes: int, longest: int, over: int) -> None:
    days = steady(1, MONDAY, 1, 100, minutes=minutes)
    days[1, MONDAY] = with_gap(days[1, MONDAY], 5, 5 + longest - 1 + over)
    judged = judge(days, minutes=minutes)
    if over:
        assert [row[3:] for row in said(judged)] == [("missing", "fail", "none")]  # no like day is there
        assert judged.edited.is_empty()
    else:
        assert said(judged) == [(MONDAY, 5, 4 + longest, "missing", "warn", "linear")]
        assert slots_of(judged.edited, 1, MONDAY, minutes) == [100] * (1440 // minutes)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (0, 3, [1, 2]),
        (0, 1, [0, 1]),  # 1/3 and 2/3
        (10, 5, [8, 7]),  # 8 1/3 and 6 2/3
        (0, 0, [0, 0]),
        (2**31 - 1, 0, [1431655765, 715827882]),  # two thirds and one third of 2,147,483,647
    ],
)
def test_a_line_is_rounded_to_the_nearest(left: int, right: int, expected: list[int]) -> None:
    values: list[int | None] = [0] * 24
    values[3:7] = [left, None, None, right]
    judged = judge({(1, MONDAY): values})
    assert slots_of(judged.edited, 1, MONDAY)[4:6] == expected


def test_half_is_rounded_up() -> None:
    values: list[int | None] = [1, None, 2] + [0] * 21
    judged = judge({(1, MONDAY): values})
    assert slots_of(judged.edited, 1, MONDAY)[1] == 2


def test_a_line_crosses_midnight() -> None:
    days: Days = {
        (1, MONDAY): with_gap([10] * 24, 23, 23),
        (1, after(1)): [None, *[40] * 23],
    }
    judged = judge(days, to_date=after(2))
    assert slots_of(judged.edited, 1, MONDAY)[23] == 20
    assert slots_of(judged.edited, 1, after(1))[0] == 30
    assert said(judged) == [
        (MONDAY, 23, 23, "missing", "warn", "linear"),
        (after(1), 0, 0, "missing", "warn", "linear"),
    ]


def test_a_gap_of_three_hours_across_midnight_is_no_short_gap() -> None:
    days: Days = {
        (1, MONDAY): with_gap([10] * 24, 22, 23),
        (1, after(1)): [None, *[40] * 23],
        **steady(1, after(-3), 3, 7),  # Friday, Saturday, Sunday
    }
    judged = judge(days, to_date=after(2))
    assert slots_of(judged.edited, 1, MONDAY)[22:] == [7, 7]
    assert slots_of(judged.edited, 1, after(1))[0] == 7


def test_a_line_ends_at_a_day_outside_the_period() -> None:
    days: Days = {(1, after(-1)): [10] * 24, (1, MONDAY): [None, *[30] * 23]}
    judged = judge(days)
    assert slots_of(judged.edited, 1, MONDAY)[0] == 20


def test_a_gap_that_begins_outside_the_period_is_filled_inside_only() -> None:
    days: Days = {(1, after(-1)): with_gap([10] * 24, 23, 23), (1, MONDAY): [None, *[40] * 23]}
    judged = judge(days)
    assert judged.edited["day"].to_list() == [MONDAY]
    assert slots_of(judged.edited, 1, MONDAY)[0] == 30


def test_a_gap_at_the_start_of_the_data_has_no_neighbour() -> None:
    judged = judge({(1, MONDAY): [None, *[30] * 23]})
    assert said(judged) == [(MONDAY, 0, 0, "missing", "fail", "none")]


def test_a_line_never_crosses_channels() -> None:
    days: Days = {(1, MONDAY): with_gap([10] * 24, 23, 23), (2, after(1)): [30] * 24}
    judged = judge(days)
    assert said(judged) == [(MONDAY, 23, 23, "missing", "fail", "none")]


@pytest.mark.parametrize(
    ("quality", "is_filled"),
    [(0, True), (1, True), (2, True), (3, True), (4, False), (5, False), (6, True), (7, False)],
)
def test_only_trusted_values_end_a_line(quality: int, is_filled: bool) -> None:
    marks = bytearray(24)
    marks[9] = quality
    judged = judge({(1, MONDAY): with_gap([10] * 24, 10, 10)}, flags={(1, MONDAY): bytes(marks)})
    assert judged.findings["method"].to_list() == ["linear" if is_filled else "none"]


# Like days


def test_like_days_before_are_preferred_to_nearer_days_after() -> None:
    days: Days = {
        **steady(1, after(-5), 1, 10),  # Wednesday before
        **steady(1, after(-4), 1, 20),
        **steady(1, after(-3), 1, 33),
        **steady(1, after(-2), 2, 900),  # the weekend is not like a Monday
        **steady(1, after(1), 1, 700),
    }
    judged = judge(days)
    assert slots_of(judged.edited, 1, MONDAY) == [21] * 24  # 63 / 3


def test_days_after_complete_the_three() -> None:
    days: Days = {**steady(1, after(-3), 1, 10), **steady(1, after(1), 1, 20), **steady(1, after(2), 2, 30)}
    judged = judge(days)
    assert slots_of(judged.edited, 1, MONDAY) == [20] * 24  # 10, 20, 30


@pytest.mark.parametrize(("day", "before"), [(after(5), 7), (after(6), 7)])
def test_a_saturday_is_like_saturdays_and_a_sunday_like_sundays(day: date, before: int) -> None:
    days: Days = {**steady(1, MONDAY, 5, 999), **steady(1, after(-before, day), 1, 40)}
    judged = judge(days, day, after(1, day))
    assert slots_of(judged.edited, 1, day) == [40] * 24


def test_without_a_like_day_any_three_days_serve() -> None:
    days = {**steady(1, after(1), 1, 10), **steady(1, after(2), 1, 20), **steady(1, after(3), 2, 60)}
    saturday = after(5)
    judged = judge(days, saturday, after(6))
    assert slots_of(judged.edited, 1, saturday) == [47] * 24  # (60 + 60 + 20) / 3 = 46.67


@pytest.mark.parametrize(("distance", "method"), [(28, "like_day"), (29, "none")])
def test_a_like_day_is_at_most_four_weeks_away(distance: int, method: str) -> None:
    judged = judge(steady(1, after(-distance), 1, 10))
    assert judged.findings["method"].to_list() == [method]


def test_holidays_are_like_each_other() -> None:
    rules = RuleSet(holidays=(MONDAY, after(-10)))
    days: Days = {**steady(1, after(-10), 1, 5), **steady(1, after(-5), 3, 100)}
    assert slots_of(judge(days, rules=rules).edited, 1, MONDAY) == [5] * 24


@pytest.mark.parametrize("spoilt", ["gap", "estimate", "negative"])
def test_a_day_that_is_not_whole_and_measured_is_no_reference(spoilt: str) -> None:
    wednesday = [100] * 24
    marks = bytearray(24)
    if spoilt == "estimate":
        marks[3] = Quality.ESTIMATED
    values: list[int | None] = list(wednesday)
    if spoilt != "estimate":
        values[3] = None if spoilt == "gap" else -1
    days: Days = {**steady(1, after(-7), 2, 10), (1, after(-5)): values}
    judged = judge(days, flags={(1, after(-5)): bytes(marks)})
    assert slots_of(judged.edited, 1, MONDAY) == [10] * 24


def test_the_mean_is_rounded_half_up_slot_by_slot() -> None:
    days: Days = {(1, after(-4)): [1] * 24, (1, after(-3)): [2] * 24}
    assert slots_of(judge(days).edited, 1, MONDAY) == [2] * 24


# Days on which the clock changes


def test_the_repeated_hour_takes_the_same_reference_twice() -> None:
    autumn = date(2022, 11, 6)  # America/Chicago: 01:00 to 02:00 comes twice, 25 hours
    days = {(1, after(-7, autumn)): list(range(100, 124))}
    judged = judge(days, autumn, after(1, autumn), tz_name="America/Chicago")
    assert slots_of(judged.edited, 1, autumn) == [100, 101, 101, *range(102, 124)]
    assert row_of(judged.edited, 1, autumn)["n"] == 25


def test_of_a_repeated_hour_the_first_pass_is_the_reference() -> None:
    autumn = date(2022, 11, 6)
    days = {(1, autumn): list(range(100, 125))}  # slots 1 and 2 both show 01:00
    sunday = after(7, autumn)
    judged = judge(days, sunday, after(1, sunday), tz_name="America/Chicago")
    assert slots_of(judged.edited, 1, sunday) == [100, 101, *range(103, 125)]


def test_the_hour_that_never_was_is_not_estimated() -> None:
    spring = date(2022, 3, 13)  # America/Chicago: 02:00 is followed by 03:00, 23 hours
    days = {(1, after(-7, spring)): list(range(100, 124))}
    judged = judge(days, spring, after(1, spring), tz_name="America/Chicago")
    assert slots_of(judged.edited, 1, spring) == [100, 101, *range(103, 124)]


def test_a_reference_without_the_hour_leaves_the_mean_to_the_others() -> None:
    spring = date(2026, 10, 4)  # Australia/Sydney, a Sunday of 23 hours; its slot 2 shows 03:00
    days: Days = {(1, spring): [10] * 23, (1, after(-7, spring)): [20] * 24}
    sunday = after(7, spring)
    judged = judge(days, sunday, after(1, sunday), tz_name="Australia/Sydney")
    assert slots_of(judged.edited, 1, sunday) == [15, 15, 20, *[15] * 21]


def test_a_clock_time_that_no_reference_shows_stays_empty() -> None:
    spring = date(2026, 10, 4)
    sunday = after(7, spring)
    judged = judge({(1, spring): [10] * 23}, sunday, after(1, sunday), tz_name="Australia/Sydney")
    assert slots_of(judged.edited, 1, sunday) == [10, 10, None, *[10] * 21]
    assert said(judged) == [
        (sunday, 0, 1, "missing_day", "warn", "like_day"),
        (sunday, 2, 2, "missing_day", "fail", "none"),
        (sunday, 3, 23, "missing_day", "warn", "like_day"),
    ]
    row = row_of(judged.edited, 1, sunday)
    assert row["worst"] == Quality.MISSING
    assert row["flags"] == bytes([4, 4, 8, *[4] * 21])


def test_a_leap_day_is_a_day() -> None:
    leap = date(2024, 2, 29)  # a Thursday
    judged = judge(steady(1, after(-1, leap), 1, 8), leap, after(1, leap))
    assert slots_of(judged.edited, 1, leap) == [8] * 24


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
