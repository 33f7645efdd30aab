"""Lots of `tariff diff --impact`: inputs of several partitions as one, and a part of one."""

from __future__ import annotations

from datetime import date

import polars as pl
from rating_rows import book, channel, component, day_rows, due, price, rating_input

from cycles.quotes.lots import Lot, joined, of_some
from model.rating import RatingInput
from rating.stages import rate

OCTOBER, MIDDLE = (date(2026, 10, 1), date(2026, 11, 1)), date(2026, 10, 15)
BOOK = book(components=[component()], prices=[price()])


def moved() -> list[RatingInput]:
    """Return a place that one customer leaves and another takes, as inputs of two partitions: each brings its days."""
    rows = {15: day_rows(1, *OCTOBER, 10)}
    cycle = {"cycle_start_date": OCTOBER[0], "cycle_end_date": OCTOBER[1], "service_point_id": "S1"}
    first = due(OCTOBER[0], MIDDLE, account_id="A1", **cycle)
    second = due(MIDDLE, OCTOBER[1], account_id="A2", **cycle)
    return [
        rating_input(BOOK, [first], [channel()], rows),
        rating_input(BOOK, [second], [channel(1, "A2-1")], rows),
    ]


def test_a_place_whose_customer_changes_has_its_days_once() -> None:
    inputs = moved()
    whole = joined([Lot(given) for given in inputs])
    assert whole.given.days[15].height == 31
    # 96 slots of 10 Wh, and 92 on the 4th: 13 x 960 + 920 = 13,400 Wh; from the 15th on 17 x 960 = 16,320 Wh.
    found = rate(whole.given).lines.filter(pl.col("unit") == "kWh").group_by("account_id").agg(pl.col("quantity").sum())
    assert sorted(found.rows()) == [("A1", 13_400), ("A2", 16_320)]


def test_extremes_are_joined_and_cut_like_the_days() -> None:
    lots = [Lot(given, {"max": given.days}) for given in moved()]
    whole = joined(lots)
    assert whole.extremes is not None and whole.extremes["max"][15].height == 31
    one = of_some(whole, pl.DataFrame({"account_id": ["A2"]}))
    assert one.given.due["account_id"].to_list() == ["A2"] and one.given.channels.height == 1
    none = of_some(whole, pl.DataFrame({"account_id": ["A3"]}))
    assert none.given.days[15].is_empty() and none.extremes is not None and none.extremes["max"][15].is_empty()
