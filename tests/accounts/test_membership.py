"""Accounts that change bill groups: no day is billed by two cycles, and none by no cycle."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.membership import members
from model.events import GroupChanges
from model.schema import polars_schema

FIRST = {"a": 1, "b": 16, "c": 10}


def _calendar() -> pl.DataFrame:
    rows = []
    for group, day in FIRST.items():
        starts = [date(2025 + month // 12, month % 12 + 1, day) for month in range(30)]
        rows += [(group, start, after) for start, after in itertools.pairwise(starts)]
    return pl.DataFrame(rows, schema=["bill_group", "period_start_date", "period_end_date"], orient="row")


CALENDAR = _calendar()


def changes_of(groups: list[str], days: list[date], firsts: list[str]) -> pl.DataFrame:
    rows = [
        ("A", day, before, after, first)
        for day, before, after, first in zip(days, groups, groups[1:], firsts, strict=False)
    ]
    return pl.DataFrame(rows, schema=polars_schema(GroupChanges), orient="row")


def days_billed(last_group: str, changes: pl.DataFrame) -> Counter[date]:
    accounts = pl.DataFrame({"account_id": ["A"], "bill_group": [last_group]})
    found: Counter[date] = Counter()
    for row in CALENDAR.iter_rows(named=True):
        due = members(row["bill_group"], row["period_start_date"], accounts, changes, CALENDAR)
        for mine in due.iter_rows(named=True):
            after = min(mine["member_to"], row["period_end_date"])
            found.update(mine["member_from"] + timedelta(days=n) for n in range((after - mine["member_from"]).days))
    return found


@settings(max_examples=60, deadline=None)
@given(
    offsets=st.lists(st.integers(70, 150), min_size=1, max_size=4),
    picks=st.lists(st.integers(1, 2), min_size=4, max_size=4),
    firsts=st.lists(st.sampled_from(["short", "long"]), min_size=4, max_size=4),
)
def test_every_day_is_billed_by_one_cycle(offsets: list[int], picks: list[int], firsts: list[str]) -> None:
    days, day = [], date(2025, 3, 1)
    for offset in offsets:
        day += timedelta(days=offset)
        days.append(day)
    names = [0]
    for pick in picks[: len(days)]:
        names.append((names[-1] + pick) % 3)
    groups = ["abc"[name] for name in names]
    found = days_billed(groups[-1], changes_of(groups, days, firsts))
    span = [date(2025, 3, 1) + timedelta(days=n) for n in range(600)]
    assert [(day, found[day]) for day in span if found[day] != 1] == []


def test_a_long_first_bill_begins_on_the_day_of_the_change() -> None:
    changes = changes_of(["a", "b"], [date(2025, 6, 1)], ["long"])
    accounts = pl.DataFrame({"account_id": ["A"], "bill_group": ["b"]})
    entered = members("b", date(2025, 5, 16), accounts, changes, CALENDAR)
    following = members("b", date(2025, 6, 16), accounts, changes, CALENDAR)
    assert entered.is_empty()
    assert following["member_from"].to_list() == [date(2025, 6, 1)]
