"""What each charge uses: its formulas, the quantities that these need, and dated factors."""

from __future__ import annotations

import polars as pl

from model.tariff import RateBook
from rating.once import once_per_book

_OF_COMPONENT = ("amount_id", "scale_id", "times_id")
_OF_PRICE = ("price_id", "edge_id")


@once_per_book
def component_formulas(book: RateBook) -> pl.DataFrame:
    """Return the formulas of each component, apart from its condition: version_id, component_id, formula_id."""
    keys = ["version_id", "component_id", "formula_id"]
    return pl.concat([own_formulas(book), price_formulas(book).select(keys)]).unique()


@once_per_book
def own_formulas(book: RateBook) -> pl.DataFrame:
    """Return the formulas of components that are no prices or edges: version_id, component_id, formula_id."""
    keys = ["version_id", "component_id"]
    parts = [book.components.select(*keys, pl.col(name).alias("formula_id")) for name in _OF_COMPONENT]
    return pl.concat(parts).drop_nulls().unique()


@once_per_book
def price_formulas(book: RateBook) -> pl.DataFrame:
    """Return prices and edges by formula: version_id, component_id, season, key, tou, formula_id."""
    keys = ["version_id", "component_id", "season", "key", "tou"]
    parts = [book.prices.select(*keys, pl.col(name).alias("formula_id")) for name in _OF_PRICE]
    return pl.concat(parts).drop_nulls().unique()


@once_per_book
def reached_quantities(book: RateBook) -> pl.DataFrame:
    """Return for each quantity itself and those that its formula needs: version_id, name, needed."""
    quantities = book.quantities.select("version_id", pl.col("quantity_id").alias("name"), "formula_id", "level")
    direct = quantities.join(
        book.operands.filter(pl.col("kind") == "quantity").select(
            "version_id", "formula_id", pl.col("name").alias("needed")
        ),
        on=["version_id", "formula_id"], how="inner", validate="m:m",
    ).select("version_id", "name", "needed").unique()  # fmt: skip
    reach = quantities.select("version_id", "name", pl.col("name").alias("needed"))
    for _ in range(quantities.select(pl.col("level").max().fill_null(0)).item()):
        further = reach.join(
            direct.rename({"name": "needed", "needed": "further"}), on=["version_id", "needed"], how="inner",
            validate="m:m",
        )  # fmt: skip
        reach = pl.concat([reach, further.select("version_id", "name", pl.col("further").alias("needed"))]).unique()
    return reach


@once_per_book
def component_quantities(book: RateBook) -> pl.DataFrame:
    """Return every quantity that a component prices, or that its formulas need: version_id, component_id, quantity_id.

    What its condition needs is left out.
    """
    keys = ["version_id", "component_id"]
    priced = book.components.filter(pl.col("quantity_id").is_not_null()).select(*keys, pl.col("quantity_id"))
    named = (
        component_formulas(book)
        .join(book.operands.filter(pl.col("kind") == "quantity"), on=["version_id", "formula_id"], how="inner",
              validate="m:m")
        .select(*keys, pl.col("name").alias("quantity_id"))
    )  # fmt: skip
    return (
        pl.concat([priced, named])
        .unique()
        .join(reached_quantities(book), left_on=["version_id", "quantity_id"], right_on=["version_id", "name"],
              how="inner", validate="m:m")
        .select(*keys, pl.col("needed").alias("quantity_id"))
        .unique()
    )  # fmt: skip


@once_per_book
def needed_now(book: RateBook) -> pl.DataFrame:
    """Return the quantities that charges, conditions or banks need: version_id, quantity_id.

    Left out are those that are only kept for later cycles.
    """
    asking = pl.concat(
        [
            book.components.select("version_id", pl.col("when_id").alias("formula_id")).drop_nulls(),
            book.banks.select("version_id", "formula_id"),
        ]
    ).unique()
    named = (
        asking.join(book.operands.filter(pl.col("kind") == "quantity"), on=["version_id", "formula_id"], how="inner",
                    validate="1:m")
        .select("version_id", "name")
        .unique()
        .join(reached_quantities(book), on=["version_id", "name"], how="inner", validate="1:m")
    )  # fmt: skip
    return pl.concat(
        [
            component_quantities(book).select("version_id", "quantity_id"),
            named.select("version_id", pl.col("needed").alias("quantity_id")),
        ]
    ).unique()


@once_per_book
def component_factors(book: RateBook) -> pl.DataFrame:
    """Return the dated factors of each component: version_id, component_id, factor_id, by.

    They make its price or quantity; its condition is asked of a whole period, so factors there do not count. `by`: text
    attribute that completes the name of the series; null where the name is whole.
    """
    keys = ["version_id", "component_id"]
    of_price = book.prices.filter(pl.col("factor_id").is_not_null()).select(
        *keys, "factor_id", pl.lit(None, pl.String).alias("by")
    )
    factors = book.operands.filter(pl.col("kind") == "factor").select(
        "version_id", "formula_id", pl.col("name").alias("factor_id"), "by"
    )
    if factors.is_empty():
        return of_price.unique().sort(*keys, "factor_id")
    quantities = component_quantities(book).join(
        book.quantities.select("version_id", "quantity_id", "formula_id"), on=["version_id", "quantity_id"],
        how="inner", validate="m:1",
    )  # fmt: skip
    of_quantities = quantities.filter(pl.col("formula_id").is_not_null()).select(*keys, "formula_id")
    formulas = pl.concat([component_formulas(book), of_quantities])
    of_formulas = formulas.join(factors, on=["version_id", "formula_id"], how="inner", validate="m:m")
    return pl.concat([of_price, of_formulas.select(*keys, "factor_id", "by")]).unique().sort(*keys, "factor_id")


@once_per_book
def named_texts(book: RateBook) -> pl.DataFrame:
    """Return the text attributes by which versions choose their dated factors: version_id, by."""
    of_split = book.quantities.filter(pl.col("split_by").is_not_null()).select(
        "version_id", pl.col("split_by").alias("by")
    )
    of_factors = used_factors(book).filter(pl.col("by").is_not_null()).select("version_id", "by")
    return pl.concat([of_factors, of_split]).unique()


@once_per_book
def used_factors(book: RateBook) -> pl.DataFrame:
    """Return all dated factors of each version: version_id, factor_id, by."""
    of_prices = book.prices.filter(pl.col("factor_id").is_not_null()).select(
        "version_id", "factor_id", pl.lit(None, pl.String).alias("by")
    )
    named = book.operands.filter(pl.col("kind") == "factor").select(
        "version_id", pl.col("name").alias("factor_id"), "by"
    )
    return pl.concat([of_prices, named]).unique().sort("version_id", "factor_id")
