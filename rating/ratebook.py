"""The rate book made ready for rating: what rating relies on is checked, and columns that follow are added.

The checks are those whose breach would give a wrong amount instead of a parked account.
"""

from __future__ import annotations

import polars as pl

from model.codes import Measure
from model.errors import TariffError
from model.tariff import ANY, RateBook
from rating.groups import with_group_keys
from rating.once import once_per_book
from rating.quantity_rules import refused_quantities
from rating.rounding import PRICE_E9_MAX

# A price has at most 9 decimals and amounts 15, so units of up to 10^6 smallest units give exact products.
UNIT_SIZE_SCALE = 10**6

MEASURE_NO: dict[str, int] = {measure.value: place for place, measure in enumerate(Measure)}

_OVER_BASE = ["percent", "minimum", "maximum"]


def _refuse(found: pl.DataFrame, expected: str, hint: str) -> None:
    """Raise when `found` has rows; it names `version_id` and `thing`."""
    if found.is_empty():
        return
    version_id, thing = found.sort("version_id", "thing").select("version_id", "thing").row(0)
    raise TariffError(f"rate book version `{version_id}`: {thing}: {expected}", hint=hint)


@once_per_book
def check_book(book: RateBook) -> None:
    """Refuse a rate book that would rate wrongly.

    Raises:
        TariffError: a unit size is no divisor of 10^6; a price or factor is beyond DECIMAL(18, 9); a percentage or
            minimum has no or several prices, or one by season, period or factor; a charge prices a quantity that
            its version lacks; a quantity is measured in a way that does not exist (see
            `rating.quantity_rules`); a charge by factor is not declared so; tiers do not follow each other, or differ
            between the periods over which they are shared, or owe something beside their price there; two versions of
            a tariff overlap.
    """
    _check_quantities(book)
    for found, expected, hint in refused_quantities(book):
        _refuse(found, expected, hint)
    _check_numbers(book)
    _check_factors(book)
    _check_versions(book)
    _check_tiers(book)
    _check_percentages(book)
    _check_shared_tiers(book)


def _check_quantities(book: RateBook) -> None:
    _refuse(
        book.quantities.filter(
            (pl.col("kind") == "measured") & (UNIT_SIZE_SCALE % pl.col("unit_size") != 0)
        ).with_columns(
            pl.format("quantity `{}` has {} smallest units in its unit", "quantity_id", "unit_size").alias("thing")
        ),
        "expected a divisor of 1000000",
        "use a unit of the list in model.units",
    )
    named = pl.format("charge `{}` prices quantity `{}`", "component_id", pl.col("quantity_id").fill_null(""))
    _refuse(
        book.components.filter(pl.col("kind") == "quantity")
        .join(book.quantities, on=["version_id", "quantity_id"], how="anti")
        .with_columns(named.alias("thing")),
        "expected a quantity of the version, found none of that name",
        "declare the quantity in the tariff file",
    )


def _check_numbers(book: RateBook) -> None:
    _refuse(
        book.prices.filter(pl.col("price_e9").abs() > PRICE_E9_MAX).with_columns(
            pl.format("charge `{}` has price {} x 10^-9", "component_id", "price_e9").alias("thing")
        ),
        "expected at most 9 digits before the point",
        "print the price per a smaller unit",
    )
    _refuse(
        book.factors.filter(pl.col("value_e9").abs() > PRICE_E9_MAX).select(
            pl.lit("(all)").alias("version_id"),
            pl.format("factor `{}` has value {} x 10^-9", "factor_id", "value_e9").alias("thing"),
        ),
        "expected at most 9 digits before the point",
        "give the factor per a smaller unit",
    )


def _check_factors(book: RateBook) -> None:
    declared = book.components.select("version_id", "component_id", "has_factor")
    undeclared = book.prices.filter(pl.col("factor_id").is_not_null()).join(
        declared.filter("has_factor"), on=["version_id", "component_id"], how="anti"
    )
    _refuse(
        undeclared.with_columns(
            pl.format("charge `{}` is priced by factor `{}`", "component_id", "factor_id").alias("thing")
        ),
        "expected has_factor, so that it is cut where the factor changes",
        "compile the tariff again",
    )


def _check_versions(book: RateBook) -> None:
    following = book.versions.sort("tariff_id", "valid_from").with_columns(
        pl.col("valid_from").shift(-1).over("tariff_id").alias("next_from")
    )
    _refuse(
        following.filter(pl.col("next_from") < pl.col("valid_to").fill_null(pl.col("next_from"))).with_columns(
            pl.format("holds to {}, the next version begins on {}", "valid_to", "next_from").alias("thing")
        ),
        "expected versions that do not overlap",
        "end the version where the next one begins",
    )


def _check_tiers(book: RateBook) -> None:
    of_price = ["version_id", "component_id", "key", "season", "tou"]
    # Edges by formula are known for each agreement only: rating keeps them in order.
    numbers = book.prices.filter(pl.col("edge_id").is_null().all().over(of_price))
    following = numbers.sort(*of_price, "tier").with_columns(
        pl.col("to_quantity").shift(1).over(of_price).fill_null(0).alias("lower"),
        (pl.col("tier") == pl.col("tier").max()).over(of_price).alias("is_last"),
    )
    fits = (
        (pl.col("from_quantity") == pl.col("lower"))
        & (pl.col("to_quantity").is_null() == pl.col("is_last"))
        & (pl.col("to_quantity").is_null() | (pl.col("to_quantity") > pl.col("from_quantity")))
    )
    _refuse(
        following.filter(~fits).with_columns(
            pl.format("tier {} of charge `{}` begins at {}", "tier", "component_id", "from_quantity").alias("thing")
        ),
        "expected tiers that ascend from 0 without a gap, the last one open",
        "write the edges in order, and no edge for the last tier",
    )


def _check_percentages(book: RateBook) -> None:
    counts = book.prices.group_by("version_id", "component_id").agg(
        pl.len().alias("count"),
        (
            (pl.col("season") == ANY)
            & (pl.col("tou") == ANY)
            & (pl.col("price_e9").is_not_null() | pl.col("price_id").is_not_null())
        )
        .all()
        .alias("plain"),
    )
    over_base = book.components.filter(pl.col("kind").is_in(_OVER_BASE)).join(
        counts, on=["version_id", "component_id"], how="left", validate="1:1"
    )
    _refuse(
        over_base.filter((pl.col("count").fill_null(0) != 1) | ~pl.col("plain").fill_null(False)).with_columns(
            pl.format("{} `{}`", "kind", "component_id").alias("thing")
        ),
        "expected one printed number, found none, several, or one by season, period or factor",
        "write one charge for each number, or a version for each date",
    )
    _refuse(
        over_base.filter(pl.col("level") < 2).with_columns(
            pl.format("{} `{}` stands at level {}", "kind", "component_id", "level").alias("thing")
        ),
        "expected a level above its base",
        "compile the tariff again",
    )


def _check_shared_tiers(book: RateBook) -> None:
    of_total = pl.col("tier_method").is_in(["pro_rata", "chronological"])
    shared = book.components.filter(of_total).select("version_id", "component_id")
    edges = (
        book.prices.join(shared, on=["version_id", "component_id"], how="inner", validate="m:1")
        .sort("version_id", "component_id", "key", "season", "tou", "tier")
        .group_by("version_id", "component_id", "key", "season", "tou", maintain_order=True)
        .agg(
            pl.format(
                "{}-{}-{}",
                "from_quantity",
                pl.col("to_quantity").cast(pl.String).fill_null(""),
                pl.col("edge_id").fill_null(""),
            ).alias("edges")
        )
        .with_columns(pl.col("edges").list.join(" "))
        .group_by("version_id", "component_id", "key", "season")
        .agg(pl.col("edges").n_unique())
    )
    _refuse(
        edges.filter(pl.col("edges") > 1).with_columns(
            pl.format("charge `{}` shares tiers over periods", "component_id").alias("thing")
        ),
        "expected the same tier edges in every period, found different ones",
        "give all periods the same edges, or use tier_method = graduated",
    )
    parted = book.components.filter((pl.col("tier_method") == "pro_rata") & pl.col("by_tou"))
    owing = book.prices.filter(pl.col("fixed_e9") != 0).join(parted, on=["version_id", "component_id"], how="semi")
    _refuse(
        owing.with_columns(pl.format("charge `{}` shares tiers over periods", "component_id").alias("thing")),
        "expected tiers that owe nothing beside their price, found one that does",
        "write what is owed once as a charge of its own",
    )


@once_per_book
def ready_components(book: RateBook) -> pl.DataFrame:
    """Return the components with `currency_exponent` of their version, and what `rating.groups` adds.

    The rounding of the sum comes after everything else, whatever its version counts.
    """
    exponents = book.versions.select("version_id", "currency_exponent")
    prices = (
        book.prices.sort("version_id", "component_id", "key", "season", "tou", "tier")
        .group_by("version_id", "component_id", maintain_order=True)
        .agg(pl.col("price_e9").first().alias("single_price_e9"))
    )
    top = pl.col("level").max() + 1
    components = (
        book.components.join(exponents, on="version_id", how="left", validate="m:1")
        .join(prices, on=["version_id", "component_id"], how="left", validate="1:1")
        .with_columns(pl.when(pl.col("kind") == "rounding").then(top).otherwise("level").alias("level"))
    )
    return with_group_keys(components, book)
