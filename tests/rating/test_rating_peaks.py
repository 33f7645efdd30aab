"""Maxima and minima kept by kernels, against a twin that looks at one slot after the other in plain Python."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rating_intervals import CALENDAR, DAYS, FIRST, MASKS, NAMES, NO_PRICES, SLICE, wide_days

from model.codes import Quality
from rating import intervals
from rating.intervals import interval_use
from rating.powers import Powers, Reading

# Calendar 4 asks both measures for the highest; 9 asks measure 0 for both ends, and for its two highest.
ASKED = Powers(
    pl.DataFrame(
        [(4, 0, 0), (4, 1, 0), (9, 0, 0), (9, 0, 1), (9, 0, 2)],
        schema={"cal_no": pl.Int64, "measure_no": pl.Int32, "power_no": pl.Int32},
        orient="row",
    ),
    pl.DataFrame(
        [("max", None, None, 0), ("min", None, None, 1), ("nth", 2, False, 2)],
        schema={"agg": pl.String, "n": pl.Int32, "distinct_days": pl.Boolean, "power_no": pl.Int32},
        orient="row",
    ),
)
WANTED = {(4, 0): ["max"], (4, 1): ["max"], (9, 0): ["max", "min", "nth"]}
LARGEST = 2**31 - 1


@st.composite
def drawn(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    from_days, to_days = (st.sampled_from([None, None, None, *DAYS[part]]) for part in (slice(3), slice(3, 5)))
    channels = draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(0, 1), from_days, to_days),
            min_size=1, max_size=5, unique_by=lambda row: (row[0], row[1]),
        )
    )  # fmt: skip
    # Few distinct values, so that several days have the highest; and the ends of what a slot can hold.
    value = st.sampled_from([3, 3, 4, 4, 5, 0, -1, -LARGEST - 1, LARGEST])
    rows = []
    for channel in range(1, 5):
        for day in DAYS:
            usual = 23 if day == DAYS[1] else 24
            n = draw(st.sampled_from([usual, usual, usual, usual, 0, 23, 25]))
            slots: list[int | None] = list(draw(st.lists(value, min_size=n, max_size=n)))
            if n and draw(st.integers(0, 5)) == 0:
                slots[draw(st.integers(0, n - 1))] = None
            if n:
                rows.append((channel, day, n, int(Quality.ACTUAL), 1, slots))
    measures = [(due, measure) for due, _, measure, _, _ in channels]
    listed = [
        (due, [4, 9, 9][due], channel, measure, True, measures.count((due, measure)) > 1, *dates)
        for due, channel, measure, *dates in channels
    ]
    return wide_days(rows), pl.DataFrame(listed, schema=SLICE, orient="row")


def twin(wide: pl.DataFrame, channels: pl.DataFrame) -> set[tuple[Any, ...]]:
    """Return due, segment, measure, period, agg, rank, power in W and its day, slot by slot."""
    places = {(row["cal_no"], row["day"]): row for row in CALENDAR.iter_rows(named=True)}
    read = {(row["channel_no"], row["day"]): row for row in wide.iter_rows(named=True)}
    slots: dict[tuple[Any, ...], list[int]] = {}
    for channel in channels.iter_rows(named=True):
        for day in DAYS:
            place, row = places.get((channel["cal_no"], day)), read.get((channel["channel_no"], day))
            if place is None or row is None or row["n"] != place["mask_n"]:
                continue
            values = [row[name] for name in NAMES[: row["n"]]]
            inside = (channel["from_date"] or FIRST) <= day < (channel["to_date"] or date.max)
            if inside and None not in values:
                key = (channel["due_no"], channel["cal_no"], channel["measure_no"], day)
                slots[key] = [one + two for one, two in zip(slots.get(key, [0] * len(values)), values, strict=True)]
    of_period: dict[tuple[Any, ...], list[tuple[int, date]]] = {}
    for (due, cal, measure, day), values in slots.items():
        place = places[cal, day]
        for tou, numbers in MASKS[place["mask_no"]].slots.items():
            told = of_period.setdefault((due, place["segment_no"], measure, tou, cal), [])
            told += [(values[number], day) for number in numbers]
    found = set()
    for (*key, cal), told in of_period.items():
        highest_first = sorted(told, key=lambda one: (-one[0], one[1]))
        ends = {"max": highest_first[:1], "min": sorted(told)[:1], "nth": highest_first[:2]}
        for agg in WANTED.get((cal, key[2]), []):
            ranked = enumerate(ends[agg], 1)
            found |= {(*key, agg, rank if agg == "nth" else None, *value) for rank, value in ranked}
    return found


@given(drawn(), st.sampled_from([1, 3, 65_536]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_powers_are_what_their_slots_say(case: tuple[pl.DataFrame, pl.DataFrame], block: int, is_chunked: bool) -> None:
    wide, channels = case
    if is_chunked:
        wide = pl.concat([wide[:7], wide[7:]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "_ROWS_AT_ONCE", block)
        found = interval_use(wide, channels, CALENDAR, MASKS, Reading(NAMES, 60), ASKED, NO_PRICES).powers
    named = found.join(ASKED.ways, on="power_no", how="left", validate="m:1")
    columns = ["due_no", "segment_no", "measure_no", "tou", "agg", "rank", "quantity", "peak_day"]
    assert found.height == named.select(columns[:6]).n_unique()
    assert set(named.select(columns).rows()) == twin(wide, channels)


def test_of_days_alike_the_first_has_the_peak_though_its_day_is_short() -> None:
    # The clock skips an hour on day 1, so day 1 is looked at after or before all others; each peaks at 9 Wh in an hour.
    wide = wide_days([(1, day, n, 0, 1, [9] * n) for day, n in zip(DAYS[1:3], (23, 24), strict=True)])
    channels = pl.DataFrame([(8, 9, 1, 0, True, False, None, None)], schema=SLICE, orient="row")
    powers = interval_use(wide, channels, CALENDAR, MASKS, Reading(NAMES, 60), ASKED, NO_PRICES).powers
    highest = powers.filter(pl.col("power_no") == 0).select("tou", "quantity", "peak_day")
    assert sorted(highest.rows()) == [("off", 9, DAYS[1]), ("peak", 9, DAYS[1])]


@pytest.mark.parametrize(("minutes", "factor"), [(15, 4), (30, 2), (60, 1)])
def test_energy_of_an_interval_is_power_by_its_length(minutes: int, factor: int) -> None:
    wide = wide_days([(1, DAYS[0], 24, 0, 1, [7, *[1] * 23])])
    channels = pl.DataFrame([(8, 9, 1, 0, True, False, None, None)], schema=SLICE, orient="row")
    powers = interval_use(wide, channels, CALENDAR, MASKS, Reading(NAMES, minutes), ASKED, NO_PRICES).powers
    at_night = powers.filter((pl.col("tou") == "off") & (pl.col("power_no") == 0))
    assert at_night["quantity"].to_list() == [7 * factor]


def test_no_demand_interval_ends_at_an_empty_slot_of_a_whole_day() -> None:
    wide = wide_days([(1, DAYS[0], 24, 0, 1, [None, *[-5] * 23])]).with_columns(pl.col(NAMES).cast(pl.Int64))
    channels = pl.DataFrame([(8, 9, 1, 0, True, False, None, None)], schema=SLICE, orient="row")
    reading = Reading(NAMES, 60, is_whole=True)
    powers = interval_use(wide, channels, CALENDAR, MASKS, reading, ASKED, NO_PRICES).powers
    ends = powers.filter((pl.col("tou") == "off") & pl.col("power_no").is_in([0, 1]))
    assert ends.sort("power_no")["quantity"].to_list() == [-5, -5]
