"""Prices and tax rates that bring a legacy system's amounts: found in many bills, or they prove nothing."""

from __future__ import annotations

from functools import partial

import polars as pl

from cycles.legacy.match import CELL
from cycles.legacy.variants import FITTED, Variant
from model.money import CURRENCY_EXPONENT
from model.parallel import Cause
from rating.rounding import divide_half_up, int128, wide
from rating.variants import with_prices

_KEY = ["version_id", "component_id", "tou", "tier"]
# A price of so few bills could be made up for any amount; a sheet's price has no more decimals than this.
_VOTES, _DECIMALS, _PERCENT_DECIMALS = 3, 5, 2


def fitted_variants(lines: pl.DataFrame, cells: pl.DataFrame, currency: str) -> list[Variant]:
    """Return the variants of prices and of tax rates that at least three units share.

    `lines`: our lines of units that differ, with unit_no, line and `level`. `cells`: both sides of these units.
    """
    single = _single_lines(lines, cells)
    printed = _voted(_prices(single.filter(pl.col("kind") != "percent"), currency))
    rates = _voted(_percents(single.filter(pl.col("kind") == "percent"), cells))
    taxes = single.filter(pl.col("category") == "tax").select("version_id", "component_id").unique()
    keys = ["version_id", "component_id"]
    prices = pl.concat([printed, rates.join(taxes, on=keys, how="anti")])
    of_taxes = rates.join(taxes, on=keys, how="semi")
    found = [
        ("price", Cause.TARIFF, "has another price", prices),
        ("tax_rate", Cause.TAX, "has another rate of tax", of_taxes),
    ]  # fmt: skip
    return [
        Variant(name, cause, f"{words}: {_told(frame)}", partial(with_prices, found=frame), FITTED)
        for name, cause, words, frame in found
        if frame.height
    ]


def _single_lines(lines: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Return the lines that are alone in a cell which both sides have, and which differs."""
    differing = cells.filter((pl.col("ours_lines") == 1) & (pl.col("ours_minor") != pl.col("legacy_minor")))
    return lines.join(differing.select(*CELL, "legacy_minor"), on=CELL, how="inner", validate="m:1")


def _prices(single: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Return the price with the fewest decimals that brings each amount: _KEY, price_e9."""
    exponent = CURRENCY_EXPONENT[currency]
    plain = single.filter(
        pl.col("share_part").is_null() & (pl.col("fixed") == 0) & (pl.col("quantity") > 0)
        & pl.col("factor_id").is_null() & pl.col("kind").is_in(["quantity", "daily", "cycle"])
    )  # fmt: skip
    price = _fewest(wide("quantity") * 10**exponent, wide("unit_size"), _DECIMALS)
    return plain.select(*_KEY, price.alias("price_e9")).drop_nulls()


def _percents(single: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Return the percentage that brings each amount, where nothing else of the unit differs: _KEY, price_e9."""
    apart = cells.filter(pl.col("ours_minor").ne_missing(pl.col("legacy_minor"))).group_by("unit_no").len()
    alone = single.join(apart.filter(pl.col("len") == 1), on="unit_no", how="semi").filter(pl.col("quantity") > 0)
    rate = _fewest(wide("quantity"), int128(100), _PERCENT_DECIMALS)
    return alone.select(*_KEY, rate.alias("price_e9")).drop_nulls()


def _fewest(size: pl.Expr, whole: pl.Expr, decimals: int) -> pl.Expr:
    """Return the price x 10^9 with the fewest decimals for which price x size / whole rounds to the legacy amount."""
    amount = wide("legacy_minor")
    tried = []
    for places in range(decimals + 1):
        scaled = whole * 10**places
        price = divide_half_up(amount.abs() * scaled, size)
        fits = divide_half_up(price * size, scaled) == amount.abs()
        tried.append(pl.when(fits).then(amount.sign() * price * 10 ** (9 - places)))
    return pl.coalesce(tried).cast(pl.Int64)


def _voted(found: pl.DataFrame) -> pl.DataFrame:
    """Return the number that most units agree on, where enough do."""
    votes = found.group_by(*_KEY, "price_e9").len().filter(pl.col("len") >= _VOTES)
    first = votes.sort(*_KEY, "len", "price_e9", descending=[False] * len(_KEY) + [True, False])
    return first.unique(_KEY, keep="first", maintain_order=True).drop("len")


def _told(found: pl.DataFrame) -> str:
    rows = found.sort(_KEY).select("component_id", "version_id", "tou", "tier", "price_e9").head(6).iter_rows()
    texts = [
        f"{component}{f' {tou}' if tou else ''}{f' tier {tier}' if tier else ''} of {version.split('#')[0]} "
        f"{price / 10**9:.5f}".rstrip("0").rstrip(".")
        for component, version, tou, tier, price in rows
    ]
    return ", ".join(texts)
