"""What a rate book asks to be measured, found once for each book."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from model.schema import checked
from model.tariff import Quantities, RateBook
from rating.costs import with_price_no
from rating.once import once_per_book
from rating.sources import made_sources, measured_parts, power_ways, with_sources


@dataclass(frozen=True)
class Asked:
    """The quantities that are measured, and what follows from them.

    `quantities`: with their sources, `power_no` and `price_no` (`rating.sources.with_sources`,
    `rating.costs.with_price_no`). `parts`, `made`, `ways`: as `rating.sources.measured_parts`, `made_sources` and
    `power_ways` return them.
    """

    quantities: pl.DataFrame
    parts: pl.DataFrame
    made: pl.DataFrame
    ways: pl.DataFrame


@once_per_book
def measured_book(book: RateBook) -> RateBook:
    """Return the book with the quantities that channels measure; the others are found from these."""
    return replace(book, quantities=checked(Quantities, book.quantities.filter(pl.col("kind") == "measured")))


@once_per_book
def asked_of(book: RateBook) -> Asked:
    """Return what a book of measured quantities asks for."""
    quantities = with_price_no(with_sources(book.quantities))
    return Asked(quantities, measured_parts(quantities), made_sources(quantities), power_ways(quantities))
