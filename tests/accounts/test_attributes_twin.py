"""Cutting at attributes beside a slow twin: day by day, what holds is looked up from the rows."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attributes import OF_AGREEMENT, OF_POINT

from accounts.attributes import cut_at_attributes

FIRST = date(2026, 6, 1)
DAYS = 12
Fact = tuple[str, str, str, date, date | None]


@st.composite
def dated_values(draw: st.DrawFn, owners: tuple[str, ...]) -> list[Fact]:
    """Draw values that do not overlap: some begin before the period, some end in it, some leave gaps."""
    facts: list[Fact] = []
    for owner in owners:
        for name in ("care", "size"):
            starts = sorted(draw(st.sets(st.integers(-3, DAYS + 2), max_size=4)))
            for place, start in enumerate(starts):
                following = starts[place + 1] if place + 1 < len(starts) else DAYS + 9
                end = draw(st.none() | st.integers(start + 1, following))
                value = draw(st.sampled_from(["1", "2"]))
                last = None if end is None else FIRST + timedelta(days=end)
                facts.append((owner, name, value, FIRST + timedelta(days=start), last))
    return facts


def held_on(day: date, facts: list[Fact], owner: str) -> dict[str, str]:
    """Return what holds for an owner on a day; a value without an end holds until the next of its name."""
    found = {}
    for whose, name, value, start, end in facts:
        later = [row[3] for row in facts if row[:2] == (whose, name) and row[3] > start]
        until = end or min(later, default=date.max)
        if whose == owner and start <= day < until:
            found[name] = value
    return found


@settings(max_examples=60, deadline=None)
@given(of_agreements=dated_values(("G1", "G2")), of_points=dated_values(("S1", "S2")))
def test_each_day_has_what_holds_on_it_and_parts_differ_from_their_neighbours(
    of_agreements: list[Fact], of_points: list[Fact]
) -> None:
    end = FIRST + timedelta(days=DAYS)
    due = pl.DataFrame({
        "agreement_id": ["G1", "G2"], "service_point_id": ["S1", "S2"],
        "start_date": [FIRST] * 2, "end_date": [end] * 2, "tariff_id": ["a", "b"],
    })  # fmt: skip
    parts, attributes = cut_at_attributes(
        due,
        pl.DataFrame(of_agreements, schema=OF_AGREEMENT, orient="row"),
        pl.DataFrame(of_points, schema=OF_POINT, orient="row"),
        pl.DataFrame(
            [(tariff, name) for tariff in "ab" for name in ("care", "size")], schema=["tariff_id", "name"], orient="row"
        ),
    )
    for agreement, point in (("G1", "S1"), ("G2", "S2")):
        mine = parts.filter(pl.col("agreement_id") == agreement).select("start_date", "end_date").rows()
        assert [mine[0][0], *(part[1] for part in mine)] == [*(part[0] for part in mine), end], "the days are covered"
        told = []
        for start, after in mine:
            rows = attributes.filter((pl.col("agreement_id") == agreement) & (pl.col("start_date") == start))
            told.append(dict(rows.select("name", "text").rows()))
            for step in range((after - start).days):
                day = start + timedelta(days=step)
                assert told[-1] == held_on(day, of_points, point) | held_on(day, of_agreements, agreement)
        assert all(before != following for before, following in pairwise(told))
