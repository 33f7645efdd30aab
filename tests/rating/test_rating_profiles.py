"""Rating from days that were added up by kind of day gives what rating from the days gives, to the last column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from random import Random

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rating_rows import (
    book,
    channel,
    component,
    day_rows,
    due,
    peak_hours,
    price,
    quantity,
    rating_input,
    windows,
)
from rating_strategies import make_case

from model.columns import lying_columns
from model.rating import Rated, RatingInput
from model.tariff import RateBook
from rating.profiles import Profiled, added_up, can_be_profiled, day_kinds, profiled
from rating.slot_kernels import add_rows
from rating.stages import rate, rate_profiled

INT32 = {f"c{place}": pl.Int32 for place in range(5)}
OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))
TOU = book(
    tou_windows=windows(spans=peak_hours),
    components=[component(by_tou=True)],
    prices=[price(tou="peak", price_e9=500_000_000), price(tou="off", price_e9=200_000_000)],
)


def cut_by_profiles(given: RatingInput, books: Sequence[RateBook]) -> Profiled:
    kinds = day_kinds(given.due, given.attributes, books, list(given.days))
    assert kinds is not None
    return profiled(given, kinds)


def assert_same(given: RatingInput, books: Sequence[RateBook]) -> int:
    """Compare the two ways on each book; return how many agreements are rated from profiles."""
    cut = cut_by_profiles(given, books)
    assert cut.whole.due.height + cut.rest.due.height == given.due.height
    for one in books:
        parts = [rate_profiled(replace(cut.whole, book=one)), rate(replace(cut.rest, book=one))]
        plain = rate(replace(given, book=one))
        for name in (field.name for field in fields(Rated)):
            found, expected = pl.concat(getattr(part, name) for part in parts), getattr(plain, name)
            order = [column for column, dtype in expected.schema.items() if dtype != pl.List]
            assert_frame_equal(found.sort(order), expected.sort(order))
    return cut.whole.due.height


def test_random_bills_of_sums_are_the_same_from_profiles() -> None:
    cases = [case for case in (make_case(Random(seed)) for seed in range(60)) if can_be_profiled(case.book)]
    assert len(cases) >= 5
    assert sum(assert_same(case, [case.book, TOU]) for case in cases) > 0


def test_a_month_becomes_a_row_for_each_kind_of_day() -> None:
    # Sydney in October 2026: 22 working days and 9 at weekends, of which the 4th has 92 slots.
    row = due(*OCTOBER)
    rows = day_rows(1, *OCTOBER, lambda slot: slot + 1)
    given = rating_input(TOU, [row], [channel()], {15: rows})
    cut = cut_by_profiles(given, [TOU])
    days = cut.whole.days[15].sort("day")
    assert days.select("day", "n", "v00").rows() == [
        (date(2026, 10, 1), 96, 22), (date(2026, 10, 3), 96, 8), (date(2026, 10, 4), 92, 1),
    ]  # fmt: skip
    # From 16:00 to 20:00: slots 64 to 79, of 65 to 80 Wh: 16 x 72.5 = 1,160 Wh on each of 22 days.
    found = rate_profiled(replace(cut.whole, book=TOU)).lines.select("tou", "quantity").rows()
    assert ("peak", 22 * 1160) in found
    assert_same(given, [TOU])


def test_bills_with_a_gap_or_a_part_of_the_cycle_are_rated_from_their_days() -> None:
    gap = {"v40": None, "worst": 8}
    rows = day_rows(1, *OCTOBER, 10) + day_rows(3, *OCTOBER, 30)
    rows += [row | (gap if row["day"] == date(2026, 10, 9) else {}) for row in day_rows(2, *OCTOBER, 20)]
    dues = [
        due(*OCTOBER),
        due(*OCTOBER, account_id="A2", service_point_id="S2"),
        due(date(2026, 10, 7), OCTOBER[1], account_id="A3", service_point_id="S3", cycle_start_date=OCTOBER[0]),
    ]
    given = rating_input(TOU, dues, [channel(), channel(2, "A2-1"), channel(3, "A3-1")], {15: rows})
    assert assert_same(given, [TOU, book()]) == 1


def test_channels_of_two_lengths_and_two_of_one_length_add_up() -> None:
    rows = {15: day_rows(1, *OCTOBER, 10) + day_rows(2, *OCTOBER, 7), 60: day_rows(3, *OCTOBER, 40, minutes=60)}
    channels = [channel(), channel(2), channel(3, interval_minutes=60)]
    assert assert_same(rating_input(TOU, [due(*OCTOBER)], channels, rows), [TOU]) == 1


def test_zones_have_kinds_of_days_of_their_own() -> None:
    # Only Sydney saves daylight: the 4th is a kind of its own there, and a weekend like any other in Brisbane.
    brisbane = "Australia/Brisbane"
    rows = day_rows(1, *OCTOBER, 10) + day_rows(2, *OCTOBER, 7, tz_name=brisbane)
    dues = [due(*OCTOBER), due(*OCTOBER, account_id="A2", service_point_id="S2", tz_name=brisbane)]
    given = rating_input(TOU, dues, [channel(), channel(2, "A2-1")], {15: rows})
    assert assert_same(given, [TOU]) == 2
    cut = cut_by_profiles(given, [TOU])
    assert cut.whole.days[15].group_by("channel_no").len().sort("channel_no").rows() == [(1, 3), (2, 2)]


@pytest.mark.parametrize(
    "given_quantity",
    [{"agg": "max", "unit": "kW"}, {"less_measure": "export_energy", "netting": "interval"}],
)
def test_what_is_no_sum_needs_the_days(given_quantity: dict[str, str]) -> None:
    other = book(quantities=[quantity(**given_quantity)])
    given = rating_input(TOU, [due(*OCTOBER)], [channel()], {15: day_rows(1, *OCTOBER, 10)})
    assert not can_be_profiled(other)
    assert day_kinds(given.due, given.attributes, [TOU, other], [15]) is None


def test_nothing_due_has_no_profiles() -> None:
    nothing = rating_input(TOU, [], [])
    assert day_kinds(nothing.due, nothing.attributes, [TOU], [15]) is None


def test_rows_are_added_where_their_targets_say() -> None:
    random = Random(4)
    # Five columns: four at a time and one; rows of more than one chunk of the kernel.
    values = [[random.randrange(2**31) for _ in range(5_000)] for _ in range(5)]
    targets = [random.randrange(-1, 7) for _ in range(5_000)]
    frame = pl.DataFrame({f"c{place}": column for place, column in enumerate(values)}, schema_overrides=INT32)
    sums = np.zeros((5, 7), dtype=np.int64)
    add_rows(lying_columns(frame), np.array(targets, dtype=np.int64), sums)
    expected = [[0] * 7 for _ in values]
    for place, column in enumerate(values):
        for value, target in zip(column, targets, strict=True):
            if target >= 0:
                expected[place][target] += value
    assert sums.tolist() == expected


def test_days_that_are_not_asked_for_are_passed_by() -> None:
    days = pl.DataFrame({"day": [date(2026, 10, 1), date(2026, 10, 3)], "n": [96, 96], "kind_no": [0, 1]})
    wide = rating_input(TOU, [due(*OCTOBER)], [channel()], {15: day_rows(1, *OCTOBER, 10)}).days[15]
    found = added_up(wide, pl.Series("channel_no", [1]), days, 15)
    assert found.select("day", "v00").rows() == [(date(2026, 10, 1), 10), (date(2026, 10, 3), 10)]


def test_sums_beyond_int32_are_kept() -> None:
    rows = day_rows(1, *OCTOBER, 2**31 - 1)
    given = rating_input(TOU, [due(*OCTOBER)], [channel()], {15: rows})
    assert cut_by_profiles(given, [TOU]).whole.days[15]["v00"].max() == 22 * (2**31 - 1)
