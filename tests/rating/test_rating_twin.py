"""Rating against its slow twin, and against itself with the rows in another order."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from rating_rows import day_rows
from rating_strategies import cases, make_case
from twin import differences

from model.rating import RatingInput
from model.tariff import RateBook
from rating.stages import rate


@given(cases())
@settings(max_examples=6, deadline=None)
def test_rating_and_its_slow_twin_are_0_cents_apart(case: RatingInput) -> None:
    assert differences(case, rate(case)) == []


def shuffled(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    order = list(range(len(frame)))
    Random(seed).shuffle(order)
    return frame[order]


@given(st.integers(0, 2**32))
@settings(max_examples=2, deadline=None)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    case = make_case(Random(seed))
    tables = {name: shuffled(frame, seed) for name, frame in case.book.frames().items()}
    other = replace(
        case,
        due=shuffled(case.due, seed),
        channels=shuffled(case.channels, seed),
        days={minutes: shuffled(frame, seed) for minutes, frame in case.days.items()},
        usage=shuffled(case.usage, seed),
        book=RateBook(**tables),  # type: ignore[arg-type]
    )
    first, second = rate(case), rate(other)
    for name in ("segments", "slices", "determinants", "lines", "parked"):
        assert_frame_equal(getattr(first, name), getattr(second, name))


def test_a_bill_is_the_same_whatever_else_its_partition_holds() -> None:
    case = next(case for case in map(make_case, map(Random, range(1000, 1100))) if case.due["bill_id"].n_unique() > 1)
    whole = rate(case)
    parts = [
        rate(replace(case, due=case.due.filter(pl.col("bill_id") == bill))) for bill in sorted(set(case.due["bill_id"]))
    ]
    assert_frame_equal(whole.lines, pl.concat([part.lines for part in parts]))
    assert_frame_equal(whole.parked, pl.concat([part.parked for part in parts]))


def test_reads_of_other_channels_and_other_days_change_nothing() -> None:
    case = make_case(Random(2))
    row = case.due.row(0, named=True)
    extra = day_rows(999, row["start_date"], row["end_date"], 5, tz_name=row["tz_name"])
    more = pl.DataFrame(extra, schema=case.days[15].schema, orient="row")
    other = replace(case, days=case.days | {15: pl.concat([case.days[15], more])})
    assert_frame_equal(rate(case).lines, rate(other).lines)
