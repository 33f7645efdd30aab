"""What is learned from the past: levels, steps, shapes, night flow, stopped and exchanged meters.

Slots are hours. The past is eight weeks before October 2026; channels are alike unless a test says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from check_frames import FIRST, check_of, day, judge, places, rule_set, said
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.history_levels import class_moves
from ingest.checks.places import Places
from ingest.rules.rules import RuleSet

Days = dict[tuple[int, date], list[int]]
PAST = -56
OCTOBER = 31


def days_of(channel: int, first: int, count: int, of_day: Callable[[int], list[int]]) -> Days:
    return {(channel, day(number)): of_day(number) for number in range(first, first + count)}


def flat(total: int) -> list[int]:
    return [total // 24] * 24


def history(channel: int = 1, total: int = 24_000, *, wobble: int = 0) -> Days:
    """Eight weeks of the same total, give or take a wobble from day to day."""
    return days_of(channel, PAST, 56, lambda number: flat(total + (24 * wobble if number % 2 else -24 * wobble)))


def learn(days: Days, rules: RuleSet, at: Places | None = None) -> pl.DataFrame:
    """Drafts of a run over all of October: of the days themselves, and of what is known when all blocks are judged."""
    checks = check_of(rules, at)
    first = judge(days, rules, at, checks=checks)
    return pl.concat([first, checks.finish(no_pairs())])


def no_pairs() -> pl.DataFrame:
    from ingest.checks.siblings import PAIRS

    return pl.DataFrame(schema=PAIRS)


# V15, intervals


@pytest.mark.parametrize(("total", "found"), [(48_000, 0), (48_024, 1)])
def test_v15_use_above_twice_the_past(total: int, found: int) -> None:
    days = history() | days_of(1, 0, OCTOBER, lambda _: flat(total))
    drafts = learn(days, rule_set("use_above_past"))
    assert said(drafts) == [(1, FIRST, "use_above_past", OCTOBER * total)][:found]
    if found:
        assert drafts["detail"].item() == (
            "1,488,744 used on 31 days from 2026-10-01 to 2026-10-31, 200 % of the 744,000 expected: its own past says "
            "744,000, its class stood at 100 %"
        )


@pytest.mark.parametrize(("total", "found"), [(12_000, 0), (11_976, 1), (0, 0)])
def test_v15_use_below_half_of_the_past_but_not_nothing(total: int, found: int) -> None:
    days = history() | days_of(1, 0, OCTOBER, lambda _: flat(total))
    drafts = learn(days, rule_set("use_below_past"))
    assert said(drafts) == [(1, FIRST, "use_below_past", OCTOBER * total)][:found]


def test_v15_the_floor_keeps_small_users_out() -> None:
    days = history(total=1_200) | days_of(1, 0, OCTOBER, lambda _: flat(3_192))
    assert learn(days, rule_set("use_above_past")).is_empty()  # 1,992 a day more; 2,000 is the floor
    days = history(total=1_200) | days_of(1, 0, OCTOBER, lambda _: flat(3_216))
    assert learn(days, rule_set("use_above_past")).height == 1


@pytest.mark.parametrize(("wobble", "found"), [(900, 1), (950, 0)])
def test_v15_a_past_that_varies_says_less(wobble: int, found: int) -> None:
    # 31 days, 25,000 a day more; six spreads of 24 x wobble, by the root of 31: 23,276 for 900 and 24,569 for 950.
    # Working days alone, and weekends alone, vary as much.
    days = history(wobble=wobble) | days_of(1, 0, OCTOBER, lambda _: flat(48_024))
    assert learn(days, rule_set("use_above_past")).height == found


def test_v15_weekends_are_compared_with_weekends() -> None:
    def week(number: int) -> list[int]:
        return flat(2_400 if day(number).isoweekday() < 6 else 48_000)

    days = days_of(1, PAST, 56 + OCTOBER, week)
    rules = rule_set("use_above_past")
    assert learn(days, rules).is_empty()
    # Working days at four times their own past, weekends as ever: 22 x 9,600 + 9 x 48,000 of 22 x 2,400 + 432,000.
    drafts = learn(days | days_of(1, 0, OCTOBER, lambda n: flat(9_600) if day(n).isoweekday() < 6 else week(n)), rules)
    assert drafts.is_empty()  # 643,200 of 484,800: 132 %


def test_v15_a_past_of_less_than_two_weeks_says_nothing() -> None:
    short = days_of(1, -13, 13, lambda _: flat(24_000))
    now = days_of(1, 0, OCTOBER, lambda _: flat(96_000))
    assert learn(short | now, rule_set("use_above_past")).is_empty()
    assert learn(short | days_of(1, -14, 1, lambda _: flat(24_000)) | now, rule_set("use_above_past")).height == 1


def class_of(count: int, now: int) -> tuple[Days, Places]:
    """Channels 2 and up of one class, which all moved to `now` from 24,000."""
    days: Days = {}
    for number in range(2, 2 + count):
        days |= history(number) | days_of(number, 0, OCTOBER, lambda _: flat(now))
    numbers = range(1, 2 + count)
    return days, places(list(numbers), known={number: {"revenue_class": "residential"} for number in numbers})


@pytest.mark.parametrize(("count", "found"), [(19, 0), (18, 1)])
def test_what_the_class_does_is_taken_out(count: int, found: int) -> None:
    # With the channel itself 20 or 19 channels: 20 are enough to say how a class moved.
    others, at = class_of(count, 33_600)  # 140 %
    days = others | history() | days_of(1, 0, OCTOBER, lambda _: flat(52_800))  # 220 %, 157 % of its class
    drafts = learn(days, rule_set("use_above_past"), at)
    assert drafts["channel_no"].to_list() == [1][:found]


def test_a_class_that_moved_beyond_weather_is_not_taken_out_whole() -> None:
    others, at = class_of(25, 120_000)
    drafts = learn(others | history() | days_of(1, 0, OCTOBER, lambda _: flat(24_000)), rule_set("use_above_past"), at)
    assert drafts.height == 25  # 500 % against 150 %: 333 %


# H01


@pytest.mark.parametrize(("from_day", "found"), [(24, 1), (25, 0)])
def test_h01_a_step_down_of_a_week_to_the_end(from_day: int, found: int) -> None:
    days = history() | days_of(1, 0, OCTOBER, lambda number: flat(24_000 if number < from_day else 9_600))
    drafts = learn(days, rule_set("step_down"))
    assert said(drafts) == [(1, day(24), "step_down", 67_200)][:found]
    if found:
        assert drafts["detail"].item() == (
            "use fell on 2026-10-25 and stayed low for 7 days: 67,200 used, 40 % of the 168,000 expected (its class "
            "stood at 100 %), at night 16,800 of 42,000; before that day: 100 %"
        )


def test_h01_a_fall_that_ended_is_none() -> None:
    days = history() | days_of(1, 0, OCTOBER, lambda number: flat(9_600 if 5 < number < 30 else 24_000))
    assert learn(days, rule_set("step_down")).is_empty()


@pytest.mark.parametrize(("total", "found"), [(14_400, 0), (14_376, 1), (0, 0)])
def test_h01_below_the_share_but_not_stopped(total: int, found: int) -> None:
    days = history() | days_of(1, 0, OCTOBER, lambda number: flat(24_000 if number < 20 else total))
    assert learn(days, rule_set("step_down")).height == found


def at_night(night: int, by_day: int) -> list[int]:
    """A day that uses so much in each hour before 6 o'clock, and so much in each after."""
    return [night] * 6 + [by_day] * 18


@pytest.mark.parametrize(("night", "found"), [(560, 1), (561, 0)])
def test_h01_who_is_away_leaves_the_night_as_it_was(night: int, found: int) -> None:
    # The night's share of its 6,000 may be 12 points above the day's of its 24,000: 56 % where 10,560 are 44 %.
    days = history() | days_of(1, 0, OCTOBER, lambda n: flat(24_000) if n < 20 else at_night(night, 400))
    assert learn(days, rule_set("step_down")).height == found


def test_h01_who_drifts_with_the_season_does_not_step() -> None:
    # 55 % of the past at the end, but 85 % and less just before: 55 / 85 is 65 %, above the limit of 60.
    days = history() | days_of(1, 0, OCTOBER, lambda n: flat(20_400 if n < 20 else 13_200))
    assert learn(days, rule_set("step_down")).is_empty()
    days = history() | days_of(1, 0, OCTOBER, lambda n: flat(24_000 if n < 20 else 13_200))
    assert learn(days, rule_set("step_down")).height == 1


def test_h01_a_step_is_not_told_of_twice() -> None:
    rules = rule_set("step_down")
    both = RuleSet(name="test", rules=(*rules.rules, *rule_set("use_below_past").rules))
    days = history() | days_of(1, 0, OCTOBER, lambda _: flat(4_800))
    assert learn(days, both)["reason"].to_list() == ["step_down"]


# H02


@pytest.mark.parametrize(("nights", "flow", "found"), [(3, 40, 1), (2, 40, 0), (3, 30, 0), (3, 31, 1)])
def test_h02_night_flow_that_rose_and_stayed(nights: int, flow: int, found: int) -> None:
    def usual(low: int) -> list[int]:
        return [300] + [low] * 4 + [300] * 19

    days = days_of(1, PAST, 56 + OCTOBER, lambda number: usual(flow if number >= OCTOBER - nights else 20))
    drafts = learn(days, rule_set("night_flow"))  # above 150 % of 20, and 10 more
    assert said(drafts) == [(1, day(OCTOBER - nights), "night_flow", flow)][:found]
    if (nights, flow) == (3, 40):
        assert drafts["detail"].item() == (
            "between 1 and 5 o'clock never below 40 an interval since 2026-10-29 (3 nights); on nine of ten of the 56 "
            "nights before it fell to 20 or less"
        )


def test_h02_a_night_that_ended_dry_is_no_leak() -> None:
    days = days_of(1, PAST, 56 + OCTOBER, lambda number: flat(24_000 if 10 <= number < 30 else 0))
    assert learn(days, rule_set("night_flow")).is_empty()


# H03


@pytest.mark.parametrize(("zeros", "past", "found"), [(3, 24_000, 1), (2, 24_000, 0), (3, 960, 0), (3, 1_008, 1)])
def test_h03_a_channel_in_use_that_reads_zero(zeros: int, past: int, found: int) -> None:
    days = days_of(1, PAST, 56 + OCTOBER, lambda number: flat(0 if number >= OCTOBER - zeros else past))
    drafts = learn(days, rule_set("stopped"))
    assert said(drafts) == [(1, day(OCTOBER - zeros), "stopped", 0)][:found]


# H04


def morning(share: int) -> list[int]:
    """A day of 24,000 of which so many thousandths fall on the hour from 7, the rest on the one from 19."""
    return [24 * share if hour == 7 else 24 * (1_000 - share) if hour == 19 else 0 for hour in range(24)]


@pytest.mark.parametrize(("share", "found"), [(450, 0), (449, 1), (950, 0), (951, 1)])
def test_h04_energy_that_moved_to_other_hours(share: int, found: int) -> None:
    days = days_of(1, PAST, 56, lambda _: morning(700)) | days_of(1, 0, OCTOBER, lambda _: morning(share))
    drafts = learn(days, rule_set("shape_changed"))
    assert said(drafts) == [(1, day(24), "shape_changed", 168_000)][:found]


def test_h04_a_shape_that_always_drifted_says_less() -> None:
    # The halves of the past lie 100 per mille apart, now 300 from their mean: less than four times as far.
    past = days_of(1, PAST, 56, lambda number: morning(600 if number < -28 else 700))
    days = past | days_of(1, 0, OCTOBER, lambda _: morning(350))
    assert learn(days, rule_set("shape_changed")).is_empty()
    assert learn(days, rule_set("shape_changed", spreads=2)).height == 1


# H05


def shaped(total: int, hour: int) -> list[int]:
    return [total if place == hour else 0 for place in range(24)]


def exchanged() -> tuple[Days, Places]:
    """Channels 1 and 3 take over each other's days in October; 2 goes on."""
    days: Days = {}
    for number, (total, hour) in {1: (9_000, 7), 2: (5_000, 13), 3: (30_000, 19)}.items():
        days |= days_of(number, PAST, 56, lambda _, of=(total, hour): shaped(*of))  # type: ignore[misc]
        other = {1: (30_500, 19), 2: (5_000, 13), 3: (9_100, 7)}[number]
        days |= days_of(number, 0, OCTOBER, lambda _, of=other: shaped(*of))  # type: ignore[misc]
    return days, places((1, 2, 3))


def test_h05_two_channels_that_exchange_level_and_shape() -> None:
    days, at = exchanged()
    drafts = learn(days, rule_set("swapped"), at)
    assert drafts.select("channel_no", "day", "rule", "subject").rows() == [
        (1, day(24), "H05", "channel 3"),
        (3, day(24), "H05", "channel 1"),
    ]
    # 500 of 30,500 and 100 of 9,100 are 16 and 10 per mille.
    assert "its last 7 days lie 16 per mille from the past of channel 3" in drafts["detail"][0]


def test_h05_explains_level_and_shape_so_they_are_not_told_of() -> None:
    days, at = exchanged()
    names = ("shape_changed", "use_above_past", "use_below_past", "step_down", "swapped")
    rules = RuleSet(name="test", rules=tuple(rule for name in names for rule in rule_set(name).rules))
    assert learn(days, rules, at)["reason"].unique().to_list() == ["swapped"]
    alone = RuleSet(name="test", rules=rules.rules[:-1])
    assert learn(days, alone, at)["reason"].unique().sort().to_list() == [
        "shape_changed",
        "step_down",
        "use_above_past",
    ]


def test_h05_meters_of_two_branches_are_not_exchanged() -> None:
    days, _ = exchanged()
    at = places((1, 2, 3), known={3: {"branch_id": "B2"}})
    assert learn(days, rule_set("swapped"), at).is_empty()


def test_h05_the_season_of_the_class_is_taken_out() -> None:
    days, at = exchanged()
    for number in range(4, 24):
        days |= days_of(number, PAST, 56, lambda _: shaped(10_000, 10))
        days |= days_of(number, 0, OCTOBER, lambda _: shaped(7_000, 10))
    for key, slots in list(days.items()):
        if key[0] in (1, 2, 3) and key[1] >= FIRST:
            days[key] = [value * 7 // 10 for value in slots]
    at = places(list(range(1, 24)), known={number: {"revenue_class": "public"} for number in range(1, 24)})
    # Without the class's move 21,350 of 30,000 would lie 288 per mille away; its median bin is that of 70 %.
    drafts = learn(days, rule_set("swapped", per_mille=50), at)
    assert drafts["channel_no"].to_list() == [1, 3]


# H06


def humps(shift: int) -> list[int]:
    """A day with a hump of nine hours at noon, a smaller one at night, so many hours late."""
    usual = [600] * 3 + [0] * 6 + [2_000] * 9 + [300] * 6
    return [usual[(hour - shift) % 24] for hour in range(24)]


@pytest.mark.parametrize(("shift", "hours"), [(6, 6), (7, 7), (12, 12), (20, -4), (2, None), (0, None)])
def test_h06_a_clock_that_is_hours_off(shift: int, hours: int | None) -> None:
    days = days_of(1, PAST, 56, lambda _: humps(0)) | days_of(1, 0, OCTOBER, lambda _: humps(shift))
    drafts = learn(days, rule_set("clock_shifted"))
    assert said(drafts) == ([] if hours is None else [(1, day(24), "clock_shifted", 7 * 21_600)])
    if hours is not None:
        assert f"when {hours} hours are taken off their clock" in drafts["detail"].item()


def test_h06_a_new_habit_is_no_clock() -> None:
    days = days_of(1, PAST, 56, lambda _: humps(0)) | days_of(1, 0, OCTOBER, lambda _: [2_000] * 6 + humps(0)[6:])
    assert learn(days, rule_set("clock_shifted")).is_empty()


# Laws


def test_blocks_and_row_order_change_nothing() -> None:
    days, at = exchanged()
    others, _ = class_of(0, 0)
    names = ("shape_changed", "use_above_past", "use_below_past", "step_down", "swapped", "stopped")
    rules = RuleSet(name="test", rules=tuple(rule for name in names for rule in rule_set(name).rules))
    together = learn(days | others, rules, at)
    checks = check_of(rules, at)
    for number in (3, 1, 2):
        judge({key: slots for key, slots in days.items() if key[0] == number}, rules, at, checks=checks)
    assert checks.finish(no_pairs()).equals(together)


def test_estimated_days_teach_nothing() -> None:
    days = history() | days_of(1, 0, OCTOBER, lambda _: flat(96_000))
    flags = {key: bytes([4] * 24) for key in days if key[1] >= FIRST}
    rules = rule_set("use_above_past")
    checks = check_of(rules)
    judge(days, rules, checks=checks, flags=flags)
    assert checks.finish(no_pairs()).is_empty()


@given(st.lists(st.tuples(st.sampled_from(["B1", "B2"]), st.integers(0, 400), st.integers(1, 9)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_median_of_bins_is_that_of_the_channels(counts: list[tuple[str, int, int]]) -> None:
    moves = pl.DataFrame(
        [("import_energy", None, branch, FIRST, place, count) for branch, place, count in counts],
        schema={
            "measure": pl.String, "revenue_class": pl.String, "branch_id": pl.String, "day": pl.Date, "bin": pl.Int32,
            "channels": pl.Int64,
        },
        orient="row",
    )  # fmt: skip
    found = {row["branch_id"]: row["move"] for row in class_moves(moves).iter_rows(named=True)}
    spread = {
        name: [place for branch, place, count in counts if branch == name for _ in range(count)] for name in found
    }
    every = sorted(place for places_ in spread.values() for place in places_)
    for name, bins in spread.items():
        ranked = sorted(bins) if len(bins) >= 20 else every if len(every) >= 20 else None
        middle = 1_000 if ranked is None else ranked[(len(ranked) - 1) // 2] * 10 + 5
        assert found[name] == min(max(middle, 667), 1_500)


def test_every_sentence_gives_numbers() -> None:
    days, at = exchanged()
    names = ("shape_changed", "use_above_past", "step_down")
    rules = RuleSet(name="test", rules=tuple(rule for name in names for rule in rule_set(name).rules))
    for sentence in learn(days, rules, at)["detail"]:
        assert len(re.findall(r"\d+", sentence)) >= 4, sentence
