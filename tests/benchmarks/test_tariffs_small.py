"""The benchmark of tariffs on a small draw: its results are right, and a tariff costs rating no Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
from rich.console import Console

from benchmarks.tariff_due import due_agreements, given_quantities
from benchmarks.tariff_files import SHAPES, tariff_id, tariff_text
from benchmarks.tariff_sql import connection_of, sql_lines
from benchmarks.tariffs import Portfolio, check_same, run
from model.rating import DueAttributes, Rated
from model.schema import empty
from model.tariff import RateBook
from rating.calendar import build_masks, lay_out
from rating.segments import calendars, cut_segments, number_due
from rating.stages import rate_given
from tariffs.compile import compile_tariffs
from tariffs.file import parse_tariff

TARIFFS, AGREEMENTS = 300, 3_000
# Of 200,000 calls a few hundred differ from run to run. The least that is done for a tariff in Python, one expression
# on a frame, is some fifty calls: for 300 tariffs that is 15,000.
MORE_CALLS_AT_MOST = 5_000


def book_of(tariffs: int) -> RateBook:
    return compile_tariffs([parse_tariff(tariff_text(number), f"{number}.toml") for number in range(tariffs)])


def rated_over(tariffs: int, book: RateBook) -> Rated:
    held = Portfolio.over(range(tariffs), book, AGREEMENTS, seed=7)
    return rate_given(held.due, held.book, held.given)


def calls_in(work: Callable[[], Any]) -> int:
    """Return how many functions, Python's own included, `work` calls in this thread: a count no busy machine moves."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_rating_over_three_hundred_tariffs_calls_no_more_python_than_over_one_of_each_shape() -> None:
    few, many = book_of(len(SHAPES)), book_of(TARIFFS)
    assert rated_over(TARIFFS, many).parked.is_empty()  # and what is worked out at the first call only is worked out
    over_few, over_many = calls_in(lambda: rated_over(len(SHAPES), few)), calls_in(lambda: rated_over(TARIFFS, many))
    assert over_many < over_few + MORE_CALLS_AT_MOST


def test_a_tariff_is_rated_alike_alone_and_among_three_hundred() -> None:
    many, one = book_of(TARIFFS), book_of(2)
    due = due_agreements([tariff_id(number) for number in range(TARIFFS)], AGREEMENTS)
    whole = rate_given(due, many, given_quantities(due, 7)).lines
    its = due.filter(pl.col("tariff_id") == tariff_id(1))
    given = given_quantities(due, 7).join(its, on="agreement_id", how="semi")
    alone = rate_given(its, one, given).lines
    assert alone.height == AGREEMENTS // TARIFFS * 5
    assert alone.equals(whole.join(its, on="agreement_id", how="semi"))


def test_bills_of_sql_are_those_of_billmill() -> None:
    numbers = [number for number in range(70) if SHAPES[number % len(SHAPES)] != "formula"]
    held = Portfolio.over(numbers, book_of(70), 600, seed=7)
    in_sql = sql_lines(connection_of(held.due, held.book, held.given))
    lines = rate_given(held.due, held.book, held.given).lines
    check_same(lines, in_sql)
    assert in_sql["agreement_id"].n_unique() == 600


def test_the_report_counts_tariffs_agreements_and_lines() -> None:
    report = run(14, 70, 1, 7, Console(quiet=True))
    rated = report["measured"][2]
    assert (rated["name"], rated["units"]) == ("Billmill, 14 tariffs", 70)
    assert rated["lines"] >= 70 * 4  # every shape has energy, supply, franchise and tax
    assert set(report["cpu_ratio"]) == {"one tariff of each shape", "a single tariff"}


def test_tariffs_with_the_same_hours_share_the_layout_of_their_days() -> None:
    flat = range(0, 300 * len(SHAPES), len(SHAPES))

    def laid(numbers: Sequence[int]) -> tuple[pl.DataFrame, RateBook]:
        book = compile_tariffs([parse_tariff(tariff_text(number), f"{number}.toml") for number in numbers])
        due = number_due(due_agreements([tariff_id(number) for number in numbers], 300), empty(DueAttributes), book)
        return lay_out(cut_segments(calendars(due), book.versions), book)[0].days, book

    one, many = laid(flat[:1]), laid(flat)
    assert len(build_masks(*many, 15)[1]) == 1
    over_one, over_many = calls_in(lambda: build_masks(*one, 15)), calls_in(lambda: build_masks(*many, 15))
    assert over_many < over_one + 1_000
