"""What a rate book needs of days that are added up by kind (`rating.profiles`), and why it may need them one by one."""

from __future__ import annotations

import polars as pl

from model.schema import checked
from model.tariff import Quantities, RateBook
from rating.sources import with_sources

# The highest of a kind's days is the highest of them, whatever period its slots are in; so is the lowest.
EXTREMES = ("max", "min")


def can_be_profiled(book: RateBook) -> bool:
    """Say whether all that the versions of a book measure is found in sums and extremes of slots by kind of day."""
    return not needs_days(book)


def needs_days(book: RateBook) -> list[str]:
    """Return why a book needs the days one by one, a sentence for each charge or quantity; none when it does not."""
    by_time = book.components.filter(pl.col("tier_method") == "chronological")["component_id"].unique().sort()
    measured = _measured(book)
    is_plain = pl.col("agg").is_in(["sum", *EXTREMES])
    by_slot = measured.filter(is_plain & (pl.col("kind") == "slots"))["quantity_id"].unique().sort()
    others = measured.filter(~is_plain).select("quantity_id", "agg").unique().sort("quantity_id", "agg")
    return [
        *(f"charge `{name}` fills its tiers in the order of time" for name in by_time),
        *(f"quantity `{name}` is made slot by slot" for name in by_slot),
        *(f"quantity `{name}` is {agg}" for name, agg in others.iter_rows()),
    ]


def extremes_asked(book: RateBook) -> set[str]:
    """Return the extremes that a book counts."""
    return set(_measured(book)["agg"].unique().to_list()) & set(EXTREMES)


def _measured(book: RateBook) -> pl.DataFrame:
    return with_sources(checked(Quantities, book.quantities.filter(pl.col("kind") == "measured")))
