"""A year of cycles: expected days are counted on a paper calendar of 2027 (1 January 2027 is a Friday)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.calendar import CalendarRules, group_names, make_calendar, weekdays_of
from accounts.calendar_dates import unfit_dates
from accounts.holidays import read_holidays
from accounts.reading import LINE
from model.errors import ConfigError, InputError

HOLIDAYS = """date,name,branch
2027-01-01,New Year,
2027-03-26,Good Friday,
2027-03-29,Easter Monday,
2027-03-17,St Patrick,DUB
"""
ONE = CalendarRules(2027, ("G01",))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "holidays.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_periods_run_from_reading_day_to_reading_day(tmp_path: Path) -> None:
    cycles = make_calendar(ONE, read_holidays(written(tmp_path, HOLIDAYS)))
    assert cycles.height == 12
    january = cycles.row(0, named=True)
    assert january == {
        "cycle_id": "2027-01-G01", "bill_group": "G01", "branch_id": None,
        "period_start_date": date(2026, 12, 1),  # Tuesday, the first working day of December
        "period_end_date": date(2027, 1, 4),  # 1 January is a holiday, 2 and 3 a weekend
        "read_from_date": date(2027, 1, 4), "read_to_date": date(2027, 1, 6),  # two working days
        "window_open_date": date(2027, 1, 5),
        "window_close_date": date(2027, 1, 13),  # 5, 6, 7, 8, 11, 12: six working days
        "estimate_date": date(2027, 1, 8),  # three working days after the 5th
        "bill_date": date(2027, 1, 5), "due_date": None,
    }  # fmt: skip
    ends = cycles.sort("cycle_id")["period_end_date"].to_list()
    assert cycles.sort("cycle_id")["period_start_date"].to_list()[1:] == ends[:-1]


def test_a_calendar_month_is_billed_in_the_month_after() -> None:
    december = make_calendar(replace(ONE, by_month=True, due_days=21)).sort("cycle_id").row(-1, named=True)
    assert (december["period_start_date"], december["period_end_date"]) == (date(2027, 12, 1), date(2028, 1, 1))
    assert december["read_from_date"] == date(2028, 1, 3)  # 1 January 2028 is a Saturday
    assert december["window_open_date"] == date(2028, 1, 4)
    assert december["due_date"] == date(2028, 1, 25)  # 4 January and 21 days, a Tuesday


@pytest.mark.parametrize(
    ("branch", "opened"),
    [("CORK", date(2027, 3, 17)), ("DUB", date(2027, 3, 18))],  # St Patrick's day is a holiday in Dublin's branch
)
def test_a_branch_has_its_own_holidays(tmp_path: Path, branch: str, opened: date) -> None:
    only = CalendarRules(2027, ("G01",), (branch,), open_after=12)
    march = make_calendar(only, read_holidays(written(tmp_path, HOLIDAYS))).filter(cycle_id=f"2027-03-G01-{branch}")
    # Monday 1 March is the reading day; twelve working days later is Wednesday the 17th.
    assert march["window_open_date"].to_list() == [opened]
    assert march["branch_id"].to_list() == [branch]


def test_twenty_groups_are_read_one_a_day() -> None:
    february = make_calendar(CalendarRules(2027, group_names(20))).filter(pl.col("cycle_id").str.starts_with("2027-02"))
    # February 2027 begins on a Monday and has 28 days: exactly 20 working days.
    assert february["read_from_date"].n_unique() == 20
    assert february["read_from_date"].dt.weekday().max() == 5


def test_a_weekend_can_be_friday_and_saturday() -> None:
    cycles = make_calendar(replace(ONE, weekend=weekdays_of(["fri", "sat"])))
    assert not {5, 6} & set(cycles["window_open_date"].dt.weekday().to_list())


@settings(max_examples=30, deadline=None)
@given(
    groups=st.integers(1, 25), window_days=st.integers(1, 12), closed=st.sets(st.integers(0, 364), max_size=25),
    by_month=st.booleans(),
)  # fmt: skip
def test_every_calendar_can_be_imported_and_repeats_itself(
    groups: int, window_days: int, closed: set[int], by_month: bool
) -> None:
    rules = CalendarRules(
        2027, group_names(groups), by_month=by_month, window_days=window_days, estimate_after=window_days - 1
    )
    days = [date(2027, 1, 1) + timedelta(days=number) for number in sorted(closed)]
    schema = {"date": pl.Date, "name": pl.String, "branch_id": pl.String}
    holidays = pl.DataFrame({"date": days, "name": ["x"] * len(days), "branch_id": [None] * len(days)}, schema=schema)
    cycles = make_calendar(rules, holidays)
    assert cycles.height == cycles["cycle_id"].n_unique() == 12 * groups
    assert unfit_dates(cycles.with_row_index(LINE).with_columns(pl.col(LINE).cast(pl.Int64))).is_empty()
    assert not set(cycles["window_open_date"]) & set(days)
    assert cycles.equals(make_calendar(rules, holidays))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (replace(ONE, window_days=3), "--estimate-after 3: expected fewer working days than --window-days 3"),
        (replace(ONE, groups=("A", "A")), "--group: a group is named twice"),
        (replace(ONE, due_days=2), "--due-days 2: bills would be due on 2027-01-06, while they are still made until"),
        (replace(ONE, weekend=frozenset(range(7))), "--weekend: no working day is left"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(rules: CalendarRules, message: str) -> None:
    with pytest.raises(ConfigError) as told:
        make_calendar(rules)
    assert message in told.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,name\n2027-13-01,None\n", "line 2: expected a date like 2027-01-01, found `2027-13-01`"),
        ("day,name\n2027-01-01,New Year\n", "expected the columns date, name and perhaps branch, found day, name"),
        ("", "is not readable as CSV"),
    ],
)
def test_a_bad_file_of_holidays_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as told:
        read_holidays(written(tmp_path, text))
    assert message in told.value.message


@pytest.mark.parametrize(
    ("column", "value", "is_fit"),
    [
        ("due_date", date(2027, 1, 13), True),  # on the day after the window's last
        ("due_date", date(2027, 1, 12), False),
        ("estimate_date", date(2027, 1, 12), True),  # the window's last day
        ("estimate_date", date(2027, 1, 13), False),
        ("bill_date", date(2027, 1, 4), False),  # before the window
        ("read_to_date", date(2027, 1, 4), False),  # nobody reads
    ],
)
def test_dates_of_a_cycle_stand_in_order(tmp_path: Path, column: str, value: date, is_fit: bool) -> None:
    january = make_calendar(ONE, read_holidays(written(tmp_path, HOLIDAYS))).head(1)
    changed = january.with_columns(pl.lit(value).alias(column), pl.lit(1, pl.Int64).alias(LINE))
    assert unfit_dates(changed).is_empty() == is_fit
