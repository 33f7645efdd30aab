"""Rating from days that were added up by kind of day gives what rating from the days gives, to the last column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from itertools import islice
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
from rating.extreme_rows import keep_highest
from rating.profile_needs import can_be_profiled, extremes_asked, needs_days
from rating.profiles import Profiled, added_up, day_kinds, profiled
from rating.slot_kernels import NOTHING, add_rows
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
    return profiled(given, kinds, sorted(set().union(*map(extremes_asked, books))))


def assert_same(given: RatingInput, books: Sequence[RateBook]) -> int:
    """Compare the two ways on each book; return how many agreements are rated from profiles."""
    cut = cut_by_profiles(given, books)
    assert cut.whole.due.height + cut.rest.due.height == given.due.height
    for one in books:
        parts = [rate_profiled(replace(cut.whole, book=one), cut.extremes), rate(replace(cut.rest, book=one))]
        plain = rate(replace(given, book=one))
        for name in (field.name for field in fields(Rated)):
            found, expected = pl.concat(getattr(part, name) for part in parts), getattr(plain, name)
            if name == "determinants":  # the day of a maximum is the first of its kind
                found, expected = found.drop("peak_day"), expected.drop("peak_day")
            order = [column for column, dtype in expected.schema.items() if dtype != pl.List]
            assert_frame_equal(found.sort(order), expected.sort(order))
    return cut.whole.due.height


def test_random_bills_of_sums_are_the_same_from_profiles() -> None:
    drawn = (make_case(Random(seed)) for seed in range(60))
    cases = list(islice((case for case in drawn if can_be_profiled(case.book)), 10))
    assert any(extremes_asked(case.book) for case in cases)
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
    found = rate_profiled(replace(cut.whole, book=TOU), {}).lines.select("tou", "quantity").rows()
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
    ("given_quantity", "why"),
    [
        ({"agg": "nth", "unit": "kW", "n": 3}, "quantity `q` is nth"),
        ({"agg": "mean", "unit": "kW"}, "quantity `q` is mean"),
        ({"agg": "max", "unit": "kW", "interval_minutes": 30}, "quantity `q` is made slot by slot"),
        ({"less_measure": "export_energy", "netting": "interval"}, "quantity `q` is made slot by slot"),
    ],
)
def test_what_is_no_sum_and_no_extreme_needs_the_days(given_quantity: dict[str, object], why: str) -> None:
    other = book(quantities=[quantity(**given_quantity)])
    given = rating_input(TOU, [due(*OCTOBER)], [channel()], {15: day_rows(1, *OCTOBER, 10)})
    assert needs_days(other) == [why.replace("`q`", f"`{other.quantities['quantity_id'][0]}`")]
    assert not can_be_profiled(other)
    assert day_kinds(given.due, given.attributes, [TOU, other], [15]) is None


def demand(agg: str, **words: object) -> RateBook:
    """Return a book that prices a demand by period beside what is used."""
    return book(
        tou_windows=windows(spans=peak_hours),
        quantities=[quantity(), quantity(quantity_id="kw", agg=agg, unit="kW", **words)],
        components=[component(by_tou=True), component(component_id="demand", quantity_id="kw", by_tou=True)],
        prices=[
            price(component_id=name, tou=tou, price_e9=price_e9)
            for name in ("energy", "demand") for tou, price_e9 in (("peak", 500_000_000), ("off", 200_000_000))
        ],
    )  # fmt: skip


@pytest.mark.parametrize("books", [["max"], ["min"], ["max", "min"]])
def test_extremes_by_period_are_those_of_the_days(books: list[str]) -> None:
    # Slot values go up and down by day, and the 4th has no slots of the hour that is skipped.
    random = Random(8)
    rows = [
        row | {f"v{slot:02}": random.randrange(3_000) for slot in range(row["n"])}
        for number in (1, 2, 3, 4) for row in day_rows(number, *OCTOBER, 10)
    ]  # fmt: skip
    dues = [due(*OCTOBER, account_id=f"A{number}", service_point_id=f"S{number}") for number in (1, 2, 3)]
    channels = [channel(), channel(2, "A2-1"), channel(3, "A3-1"), channel(4, "A3-1")]
    given = rating_input(TOU, dues, channels, {15: rows})
    # The third has two channels, whose highest slots may lie on different days: they are added day by day.
    assert assert_same(given, [TOU, *map(demand, books)]) == 2


def test_a_maximum_is_the_highest_slot_of_its_period() -> None:
    # 900 Wh in a quarter of an hour are 3,600 W: on a working day at 17:00 (slot 68), 950 Wh at 21:00 (slot 84).
    rows = day_rows(1, *OCTOBER, 10)
    rows[14] |= {"v68": 900, "v84": 950}
    given = rating_input(TOU, [due(*OCTOBER)], [channel()], {15: rows})
    cut = cut_by_profiles(given, [demand("max")])
    found = rate_profiled(replace(cut.whole, book=demand("max")), cut.extremes).determinants
    assert sorted(found.filter(pl.col("quantity_id") == "kw").select("tou", "quantity").rows()) == [
        ("off", 3_800), ("peak", 3_600),
    ]  # fmt: skip


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


@pytest.mark.parametrize("sign", [1, -1])
def test_the_highest_rows_are_kept_where_their_targets_say(sign: int) -> None:
    random = Random(5)
    values = [[random.randrange(-(2**31), 2**31) for _ in range(5_000)] for _ in range(3)]
    targets = [random.randrange(-1, 7) for _ in range(5_000)]
    frame = pl.DataFrame({f"c{place}": column for place, column in enumerate(values)}, schema_overrides=INT32)
    found = np.full((3, 8), NOTHING, dtype=np.int64)
    keep_highest(lying_columns(frame), np.array(targets, dtype=np.int64), sign, found)
    expected = [
        [max((sign * value for value, at in zip(column, targets, strict=True) if at == target), default=NOTHING)
         for target in range(8)]
        for column in values
    ]  # fmt: skip
    assert found.tolist() == expected


def test_days_that_are_not_asked_for_are_passed_by() -> None:
    days = pl.DataFrame({"day": [date(2026, 10, 1), date(2026, 10, 3)], "n": [96, 96], "kind_no": [0, 1]})
    wide = rating_input(TOU, [due(*OCTOBER)], [channel()], {15: day_rows(1, *OCTOBER, 10)}).days[15]
    found = added_up(wide, pl.Series("channel_no", [1]), days, 15)["sum"]
    assert found.select("day", "v00").rows() == [(date(2026, 10, 1), 10), (date(2026, 10, 3), 10)]


def test_sums_beyond_int32_are_kept() -> None:
    rows = day_rows(1, *OCTOBER, 2**31 - 1)
    given = rating_input(TOU, [due(*OCTOBER)], [channel()], {15: rows})
    assert cut_by_profiles(given, [TOU]).whole.days[15]["v00"].max() == 22 * (2**31 - 1)
