"""Days added up by slice and period, against a twin that goes from slot to slot in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.codes import Quality
from model.reads import slot_columns
from rating import intervals
from rating.calendar import Mask
from rating.costs import SlotPrices
from rating.intervals import IntervalUse, interval_use
from rating.powers import Powers, Reading

NAMES = slot_columns(60)
FIRST = date(2026, 3, 28)
DAYS = [FIRST + timedelta(days=number) for number in range(5)]
SLICE = {"due_no": pl.Int64, "cal_no": pl.Int64, "channel_no": pl.Int32, "measure_no": pl.Int32,
         "needs_power": pl.Boolean, "is_shared": pl.Boolean, "from_date": pl.Date, "to_date": pl.Date}  # fmt: skip
NO_POWERS = Powers(
    pl.DataFrame(schema={"cal_no": pl.Int64, "measure_no": pl.Int32, "power_no": pl.Int32}),
    pl.DataFrame(schema={"agg": pl.String, "n": pl.Int32, "distinct_days": pl.Boolean, "power_no": pl.Int32}),
)
NO_PRICES = SlotPrices(
    pl.DataFrame(schema={"cal_no": pl.Int64, "measure_no": pl.Int32, "price_no": pl.Int32, "tz_name": pl.String}),
    pl.DataFrame(schema={"price_no": pl.Int32, "tz_name": pl.String, "day": pl.Date, "count": pl.Int64,
                         "price_row": pl.Int64}),
    np.zeros((0, 0, 4), dtype=np.int64),
)  # fmt: skip
# A working day, a day of rest, and the day on which an hour is lost.
MASKS = [
    Mask(0, {"off": (*range(7), *range(21, 24)), "peak": tuple(range(7, 21))}, 24),
    Mask(1, {"off": tuple(range(24))}, 24),
    Mask(2, {"off": (*range(6), 22), "peak": tuple(range(6, 22))}, 23),
]
MASK_OF_DAY = [0, 2, 0, 1, 0]
CALENDAR = pl.DataFrame(
    [(cal, day, 1 if place < 3 else 2, 1, MASKS[mask].n, mask)
     for cal in (4, 9) for place, (day, mask) in enumerate(zip(DAYS, MASK_OF_DAY, strict=True)) if cal == 9 or place],
    schema={"cal_no": pl.Int64, "day": pl.Date, "segment_no": pl.Int32, "slice_no": pl.Int32, "mask_n": pl.Int16,
            "mask_no": pl.Int32}, orient="row",
)  # fmt: skip


def wide_days(rows: Sequence[tuple[int, date, int, int, int, list[int | None]]]) -> pl.DataFrame:
    """Rows of channel, day, n, worst quality, load and slots."""
    schema = {"channel_no": pl.Int32, "day": pl.Date, "n": pl.Int16, "worst": pl.UInt8, "seq": pl.Int64}
    padded = [(*row[:5], *row[5], *[None] * (len(NAMES) - len(row[5]))) for row in rows]
    return pl.DataFrame(padded, schema=schema | dict.fromkeys(NAMES, pl.Int32), orient="row")


def channel_rows(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows of agreement, calendar, channel, measure, and the days from and to which it is read."""
    return pl.DataFrame([(*row[:4], False, False, *row[4:]) for row in rows], schema=SLICE, orient="row")


def found_in(wide: pl.DataFrame, channels: pl.DataFrame) -> IntervalUse:
    return interval_use(wide, channels, CALENDAR, MASKS, Reading(NAMES, 60), NO_POWERS, NO_PRICES)


def twin(wide: pl.DataFrame, channels: pl.DataFrame) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """Return use (due, segment, measure, period, quantity, estimated, load) and good days, slot by slot."""
    calendar = {(row["cal_no"], row["day"]): row for row in CALENDAR.iter_rows(named=True)}
    use: dict[tuple[Any, ...], list[Any]] = {}
    good = set()
    for channel in channels.iter_rows(named=True):
        for row in wide.filter(pl.col("channel_no") == channel["channel_no"]).iter_rows(named=True):
            place = calendar.get((channel["cal_no"], row["day"]))
            if place is None or row["n"] != place["mask_n"] or row["worst"] == Quality.MISSING:
                continue
            if row["day"] < (channel["from_date"] or FIRST) or row["day"] >= (channel["to_date"] or date.max):
                continue
            slots = [row[name] for name in NAMES[: row["n"]]]
            if None in slots:
                continue
            good.add((channel["due_no"], channel["channel_no"], place["segment_no"], row["day"]))
            group = (channel["due_no"], place["segment_no"], channel["measure_no"])
            told = use.setdefault(group, [{}, False, 0])
            told[1] = told[1] or row["worst"] >= Quality.SUBSTITUTED
            told[2] = max(told[2], row["seq"])
            for tou, numbers in MASKS[place["mask_no"]].slots.items():
                told[0][tou] = told[0].get(tou, 0) + sum(slots[number] for number in numbers)
    flat = {(*group, tou, energy, told[1], told[2]) for group, told in use.items() for tou, energy in told[0].items()}
    return flat, good


def as_sets(found: IntervalUse) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    columns = ["due_no", "segment_no", "measure_no", "tou", "quantity", "is_estimated", "reads_seq"]
    assert found.use.height == found.use.select(columns[:4]).n_unique()
    return set(found.use.select(columns).rows()), set(found.good.rows())


@st.composite
def drawn(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    days = st.sampled_from([None, *DAYS])
    channels = draw(
        st.lists(
            st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(0, 1), days, days),
            max_size=5, unique_by=lambda row: (row[0], row[1]),
        )
    )  # fmt: skip
    rows = []
    for channel in range(1, 5):
        for day in DAYS:
            if not draw(st.booleans()):
                continue
            n = draw(st.sampled_from([23, 24, 24, 25]))
            worst = int(draw(st.sampled_from([Quality.ACTUAL, Quality.SUBSTITUTED, Quality.MISSING])))
            slots: list[int | None] = list(draw(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=n, max_size=n)))
            if draw(st.integers(0, 5)) == 0:
                slots[draw(st.integers(0, n - 1))] = None
            rows.append((channel, day, n, worst, draw(st.integers(1, 9)), slots))
    # Agreements 0 and 1 have a calendar that begins a day later; agreement 3 one that has no days at all.
    cals = [4, 4, 9, 77]
    return wide_days(rows), channel_rows([(due, cals[due], *rest) for due, *rest in channels])


@given(drawn(), st.randoms(use_true_random=False), st.sampled_from([1, 3, 32_768]))
@settings(max_examples=60, deadline=None)
def test_days_come_to_what_their_slots_come_to(case: tuple[pl.DataFrame, pl.DataFrame], order: Any, block: int) -> None:
    wide, channels = case
    shuffled = order.sample(range(wide.height), wide.height)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "_ROWS_AT_ONCE", block)
        assert as_sets(found_in(wide[shuffled], channels)) == twin(wide, channels)


def test_two_meters_of_a_place_add_up_and_each_keeps_its_days() -> None:
    day = [10] * 24
    wide = wide_days([(1, DAYS[0], 24, 0, 5, day), (1, DAYS[2], 24, 0, 6, day), (2, DAYS[2], 24, 0, 7, day)])
    channels = channel_rows([(8, 9, 1, 0, None, DAYS[2]), (8, 9, 2, 0, DAYS[2], None)])
    found = found_in(wide, channels)
    # Day 0 of the first meter and day 2 of the second: 2 x 10 h off peak and 2 x 14 h at peak, 10 Wh each.
    assert sorted(found.use.select("tou", "quantity", "reads_seq").rows()) == [("off", 200, 7), ("peak", 280, 7)]
    assert found.good.select("channel_no", "day").rows() == [(1, DAYS[0]), (2, DAYS[2])]


def test_a_day_that_comes_twice_is_a_mistake() -> None:
    wide = wide_days([(1, DAYS[0], 24, 0, 1, [1] * 24)] * 2)
    with pytest.raises(AssertionError, match="one row per channel and day"):
        found_in(wide, channel_rows([(8, 9, 1, 0, None, None)]))
