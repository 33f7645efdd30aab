"""What follows from a rate book is found once for it, and never taken for another book."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from rating_rows import book, component, price

from model.errors import TariffError
from model.tariff import RateBook
from rating.once import is_same_book, once_per_book
from rating.ratebook import check_book, ready_components


def test_a_book_is_looked_at_once_while_two_are_in_use() -> None:
    looked: list[int] = []

    @once_per_book
    def prices(book: RateBook) -> int:
        looked.append(book.prices.height)
        return book.prices.height

    one, other = book(prices=[price()]), book(prices=[price(), price(component_id="second")])
    assert [prices(one), prices(other), prices(replace(one)), prices(other)] == [1, 2, 1, 2]
    assert looked == [1, 2]


def test_a_book_with_another_table_is_another_book() -> None:
    one = book(components=[component()], prices=[price()])
    assert is_same_book(one, replace(one))
    changed = one.components.with_columns(pl.lit("Other text").alias("line_text"))
    other = replace(one, components=changed)  # type: ignore[arg-type]
    assert not is_same_book(one, other)
    assert ready_components(one)["line_text"].to_list() != ["Other text"]
    assert ready_components(other)["line_text"].to_list() == ["Other text"]


def test_a_book_that_is_refused_is_refused_again() -> None:
    beyond = book(prices=[price(price_e9=10**18)])
    for _ in range(2):
        with pytest.raises(TariffError, match="at most 9 digits"):
            check_book(beyond)
