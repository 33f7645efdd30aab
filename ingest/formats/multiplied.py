"""Decimal texts times a decimal: mean power times hours, pulses times their weight. Exact."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

_DECIMAL = pl.Decimal(38, 18)
_PLAIN = r"^[+-]?\d{1,12}(\.\d{0,12})?$|^[+-]?\.\d{1,12}$"


def multiplied_texts(text: pl.Series, factor: Decimal) -> pl.Series:
    """Return each decimal text times `factor` as text without needless zeros.

    What is not plain decimal text of at most 12 digits on either side stays as it is, and is judged where numbers are
    read. `factor` has at most 6 decimals, so that no digit is lost.

    >>> multiplied_texts(pl.Series(["0.517", "x", ""]), Decimal("0.5")).to_list()
    ['0.2585', 'x', '']
    """
    assert factor == factor.quantize(Decimal("0.000001")), "a factor has at most 6 decimals"
    frame = pl.DataFrame({"text": text})
    plain = pl.when(pl.col("text").str.contains(_PLAIN)).then("text")
    product = (plain.cast(_DECIMAL, strict=False) * pl.lit(factor)).cast(pl.String)
    short = product.str.strip_chars_end("0").str.strip_chars_end(".")
    return frame.select(short.fill_null(pl.col("text")).alias("value")).to_series()
