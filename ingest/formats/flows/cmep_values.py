"""Values of CMEP: the calculation constant applied exactly."""

from __future__ import annotations

import polars as pl

_CONSTANT_MAX = 10**6  # with values below 10^23 the product stays inside Int128
_VALUE = r"^[+-]?\d{1,14}(\.\d{0,9})?$|^[+-]?\.\d{1,9}$"
_PLACES, _CONSTANT_PLACES = 9, 6
_ONE = 10 ** (_PLACES + _CONSTANT_PLACES)


def power_of(constant: pl.Expr) -> pl.Expr:
    """Return n where the constant is 10^n, as text: 1.0, 10, 0.001, or nothing (1); null for any other.

    >>> pl.select(power_of(pl.Series(["", "1.0", "100", "0.01", "80"])).alias("n"))["n"].to_list()
    [0, 0, 2, -2, None]
    """
    zeros = constant.str.extract(r"^0*1(0*)(?:\.0*)?$", 1).str.len_bytes().cast(pl.Int8)
    behind = constant.str.extract(r"^0*\.(0*)10*$", 1).str.len_bytes().cast(pl.Int8)
    return pl.when(constant == "").then(pl.lit(0, dtype=pl.Int8)).otherwise(zeros.fill_null(-1 - behind))


def is_multiplier(constant: pl.Expr) -> pl.Expr:
    """Return whether a constant is a positive decimal of six places at most, or a power of ten."""
    size = constant.cast(pl.Decimal(38, _CONSTANT_PLACES), strict=False)
    plain = constant.str.contains(r"^\d{1,7}(\.\d{0,6})?$") & (size > 0) & (size <= _CONSTANT_MAX)
    return plain.fill_null(False) | power_of(constant).is_between(-9, 9).fill_null(False)


def multiplied(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with `value` times `constant` where `power` is null; null where the value is no plain decimal."""
    if rows["power"].null_count() == 0:
        return rows
    sound = pl.when(pl.col("value").str.contains(_VALUE)).then("value")
    product = (
        sound.cast(pl.Decimal(38, _PLACES), strict=False).to_physical()
        * pl.col("constant").cast(pl.Decimal(38, _CONSTANT_PLACES), strict=False).to_physical()
    )
    size = product.abs()
    text = pl.concat_str(
        pl.when(product < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        (size // _ONE).cast(pl.String),
        pl.lit("."),
        (size % _ONE).cast(pl.String).str.zfill(_PLACES + _CONSTANT_PLACES),
    ).str.strip_chars_end("0")
    is_scaled = pl.col("power").is_null()
    scaled = pl.when(pl.col("value") == "").then(pl.lit("")).otherwise(text.str.strip_chars_end("."))
    return rows.with_columns(
        pl.when(is_scaled).then(scaled).otherwise("value").alias("value"),
        pl.col("power").fill_null(0),
    )
