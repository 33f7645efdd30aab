"""Charts of a finding's day, drawn by hand: what is used, what came, and days on which the clock changes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from model.zones import slot_clock_minutes
from outputs.day_chart import LEGEND, chart_title, text_day_chart
from outputs.day_curves import DayCurve, DayStory, Slots, aligned, grouped, like_mean, slots_text
from outputs.day_plot import svg_day_plot

SYDNEY = "Australia/Sydney"
PLAIN, SPRING, AUTUMN = date(2026, 6, 10), date(2026, 10, 4), date(2026, 4, 5)


def story(
    day: date, found: Slots, used: Slots, first: int, last: int, *, minutes: int = 60, **beside: object
) -> DayStory:
    clocks = slot_clock_minutes(SYDNEY, day, minutes)
    return DayStory(minutes, "Wh", day, clocks, found, used, first, last, **beside)  # type: ignore[arg-type]


def curve(day: date, values: Slots, minutes: int = 60) -> DayCurve:
    return DayCurve(day, slot_clock_minutes(SYDNEY, day, minutes), values)


def test_a_refused_value_is_an_arrow_and_its_estimate_is_shaded() -> None:
    used = (1000,) * 12 + (3000,) + (6000,) * 11
    found = (*used[:12], 40_000, *used[13:])
    shown = text_day_chart(story(PLAIN, found, used, 12, 12))
    # 6 kWh are six rows, so 1 kWh is one and 3 kWh are three; an hour is two columns.
    assert shown == [
        "      6 kWh ┤" + " " * 24 + "↑↑" + "█" * 22,
        "            ┤" + " " * 26 + "█" * 22,
        "            ┤" + " " * 26 + "█" * 22,
        "            ┤" + " " * 24 + "▒▒" + "█" * 22,
        "            ┤" + " " * 24 + "▒▒" + "█" * 22,
        "            ┤" + "█" * 24 + "▒▒" + "█" * 22,
        "          0 └" + "─" * 48,
        "             00      04      08      12      16      20      24",
        "             " + " " * 24 + "^^",
        "",
        "    the day  " + "▁" * 24 + "▄▄" + "█" * 22 + "  81 kWh",
    ]


def test_a_value_within_the_scale_is_a_cross_and_nothing_a_dot() -> None:
    used = (None,) * 4 + (2000,) * 20
    found = (None,) * 4 + (1000, *(2000,) * 19)
    shown = text_day_chart(story(PLAIN, found, used, 0, 4))
    # 1 kWh of 2 kWh is the third of six rows.
    assert shown[0] == "      2 kWh ┤" + " " * 8 + "▒▒" + "█" * 38
    assert shown[3] == "            ┤" + " " * 8 + "××" + "█" * 38
    assert shown[5] == "            ┤" + "·" * 8 + "▒▒" + "█" * 38
    assert shown[8].strip() == "^" * 10


def test_the_day_that_the_clock_cuts_has_23_hours() -> None:
    values = (1000,) * 23
    like = curve(date(2026, 9, 27), tuple(range(0, 2400, 100)))
    spring = story(SPRING, values, values, 2, 2, like=(like,))
    assert chart_title(spring) == "Sunday 4 October 2026, 23 hours: the clock changes; marked: 03:00 to 04:00"
    # The clock goes from 01:59 to 03:00, so the third slot is compared with 03:00 of the other day.
    assert like_mean(spring)[:4] == (0, 100, 300, 400)
    shown = text_day_chart(spring)
    assert shown[6] == "          0 └" + "─" * 46
    assert shown[7] == "             00    04      08      12      16      20      24"
    assert shown[8] == "             " + " " * 4 + "^^"


def test_the_repeated_hour_is_compared_with_the_same_clock_twice() -> None:
    values = (1000,) * 25
    like = curve(date(2026, 3, 29), tuple(range(0, 2400, 100)))
    autumn = story(AUTUMN, values, values, 3, 3, like=(like,))
    assert chart_title(autumn) == "Sunday 5 April 2026, 25 hours: the clock changes; marked: 02:00 to 03:00"
    assert like_mean(autumn)[:5] == (0, 100, 200, 200, 300)
    # The other way round the first pass of the hour stands for it.
    assert aligned(curve(AUTUMN, tuple(range(25))), slot_clock_minutes(SYDNEY, PLAIN, 60))[:5] == (0, 1, 2, 4, 5)
    shown = text_day_chart(autumn)
    assert shown[6] == "          0 └" + "─" * 50
    assert shown[7] == "             00        04      08      12      16      20      24"


@pytest.mark.parametrize("minutes", [5, 10, 15, 30, 60])
@pytest.mark.parametrize("day", [PLAIN, SPRING, AUTUMN])
def test_every_interval_length_and_day_fits_80_columns(minutes: int, day: date) -> None:
    slots = len(slot_clock_minutes(SYDNEY, day, minutes))
    values: Slots = (123_456,) * slots
    days = {name: curve(day, values, minutes) for name in ("before", "after")}
    like = tuple(curve(day - timedelta(days=step), values, minutes) for step in (7, 14, 21)) if day == PLAIN else ()
    shown = text_day_chart(story(day, (None,) * slots, values, 0, slots - 1, minutes=minutes, like=like, **days))
    assert [line for line in [*shown, *LEGEND] if len(line) > 80] == []
    # Half an hour a column: 48, or 46 and 50 where the clock changes.
    assert shown[6].count("─") == {PLAIN: 48, SPRING: 46, AUTUMN: 50}[day]


def test_a_day_without_anything_is_drawn_empty() -> None:
    shown = text_day_chart(story(PLAIN, (None,) * 24, (None,) * 24, 0, 23))
    assert shown[5] == "            ┤" + "·" * 48 and shown[-1].endswith("  nothing")


def test_sums_and_means_leave_out_what_is_not_known() -> None:
    assert grouped((1, 2, None, 4, 5), 2) == (3, None, 5)
    two = story(PLAIN, (0,) * 24, (0,) * 24, 0, 0, like=(curve(PLAIN, (1, None) * 12), curve(PLAIN, (2, None) * 12)))
    assert like_mean(two)[:2] == (2, None)  # 1.5, half up
    assert slots_text(story(PLAIN, (0,) * 24, (0,) * 24, 23, 23)) == "23:00 to 24:00"
    assert slots_text(story(PLAIN, (0,) * 24, (0,) * 24, 0, 23)) == "the whole day"


def test_a_plot_marks_the_slots_and_draws_to_scale() -> None:
    used = (1000,) * 12 + (2000,) * 12
    found = (*used[:12], 90_000, *used[13:])
    plot = svg_day_plot(story(PLAIN, found, used, 12, 12), label='spike of "A & B"')
    # 24 slots on 446 points from 62: slot 12 begins in the middle, at 285, and is 18.6 wide.
    assert '<rect class="concerned" x="285.0" y="16" width="18.6"' in plot
    assert 'aria-label="spike of &quot;A &amp; B&quot;"' in plot
    # The scale ends at 2 kWh; 1 kWh lies in the middle: 152 points high, 8 % left above.
    assert ">2 kWh<" in plot and ">1 kWh<" in plot and "came 90 kWh" in plot
    assert 'class="used" d="M62.0 97.6H80.6' in plot


def test_a_plot_of_the_day_the_clock_changes_names_each_hour_once() -> None:
    plot = svg_day_plot(story(AUTUMN, (1,) * 25, (1,) * 25, 0, 0), label="x")
    assert [plot.count(f">{hour:02}:00<") for hour in (0, 4, 8, 12, 16, 20, 24)] == [1] * 7
