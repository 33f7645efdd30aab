"""Decimal texts as exact integers and back, wide enough for products and shares: nothing is rounded here."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

# Texts count 10^-24: those of at most 10 digits before the point, so that the sum of a day stays below 2^127.
SCALE = 24
ONE = 10**SCALE
_DIGITS = 10
_FACTOR_PLACES = 6
FACTOR_MAX = 1_000
_TRAILING_ZEROS = r"(\.\d*?)0+$"


def exact(text: pl.Series, places: int = SCALE) -> pl.Series:
    """Return texts x 10^24 as Int128; null where one is no plain decimal, of 10 digits at most and so many places."""
    plain = rf"^[+-]?\d{{1,{_DIGITS}}}(\.\d{{0,{places}}})?$|^[+-]?\.\d{{1,{places}}}$"
    short = text.str.replace(_TRAILING_ZEROS, "${1}") if text.str.ends_with("0").any() else text
    frame = pl.DataFrame({"text": short})
    kept = pl.when(pl.col("text").str.contains(plain)).then("text")
    return frame.select(kept.cast(pl.Decimal(38, SCALE), strict=False).to_physical().alias("exact")).to_series()


def decimal_texts(units: pl.Series) -> pl.Series:
    """Return 10^-24 as decimal text without needless zeros; null stays null."""
    frame = pl.DataFrame({"units": units})
    sign = pl.when(pl.col("units") < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole = (pl.col("units").abs() // ONE).cast(pl.String)
    part = (pl.col("units").abs() % ONE).cast(pl.String).str.zfill(SCALE).str.strip_chars_end("0")
    point = pl.when(part == "").then(pl.lit("")).otherwise(pl.lit("."))
    return frame.select(pl.concat_str(sign, whole, point, part).alias("text")).to_series()


def multiplied_texts(text: pl.Series, factor: Decimal) -> pl.Series:
    """Return each decimal text times `factor` (at most 6 places, at most 1,000), exactly.

    An empty text stays empty. One that is no plain decimal of at most 10 digits and 18 places becomes a text that is
    no number, so that it is refused where numbers are read: a value that was not multiplied must never be taken.

    >>> multiplied_texts(pl.Series(["0.517", "x", ""]), Decimal("0.5")).to_list()
    ['0.2585', 'x x 0.5', '']
    """
    parts = factor.scaleb(_FACTOR_PLACES)
    assert parts == int(parts) and 0 < factor <= FACTOR_MAX, "a factor has at most 6 places and is at most 1,000"
    places = SCALE - _FACTOR_PLACES
    # 10^-18 times millionths are 10^-24 again.
    product = pl.DataFrame({"exact": exact(text, places)}).select(
        pl.col("exact") // 10**_FACTOR_PLACES * pl.lit(int(parts), pl.Int128)
    )
    told = pl.DataFrame({"text": text, "product": decimal_texts(product.to_series())})
    refused = pl.concat_str("text", pl.lit(f" x {factor}"))
    value = pl.when(pl.col("text") == "").then(pl.lit("")).otherwise(pl.coalesce("product", refused))
    return told.select(value.alias("value")).to_series()
