"""Gaps that are filled: straight lines, like days, and days on which the clock changes.

Slots are hours, and the clock never changes, unless a test says otherwise.
"""

from __future__ import annotations

from datetime import date

import pytest
from judged_days import MONDAY, Days, after, judge, said, with_gap
from vee_frames import row_of, slots_of, steady

from ingest.rules.rules import RuleSet
from model.codes import Quality

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
