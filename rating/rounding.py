"""Exact amounts as Int128 fixed point (10^-15 major units) and their one rounding to minor units.

Polars rounds products of decimals, so products are made of integers; it has no `round` that is right for money,
so rounding is whole-number arithmetic on the magnitude, which makes it symmetric in sign.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from model.money import EXACT_DECIMALS, RATE_DECIMALS, RoundMode

# |price_e9 x quantity| of one smallest unit in a printed one: 10^10 major units. Times 10^6 for the 15 decimals of an
# amount and at most 10^8 for its share it stays below 2^127 = 1.7 x 10^38.
PRODUCT_MAX = 10**19
# |quantity| that is rated, in smallest units: 10^15 kWh, or 10^9 of what carries 9 decimals. Times any int64 price it
# fits Int128.
QUANTITY_MAX = 10**18
SHARE_MAX = 10**8
# |price_e9|: what DECIMAL(18, 9) holds.
PRICE_E9_MAX = 10**18 - 1
# |amount| of a line in major units: as minor units, millions of such lines still add up inside int64.
AMOUNT_MAX_MAJOR = 10**10

_RATE_UNIT = Decimal(1).scaleb(-RATE_DECIMALS)
_EXACT_UNIT = Decimal(1).scaleb(-EXACT_DECIMALS)


def int128(value: int) -> pl.Expr:
    """Return a whole number as an Int128 literal."""
    return pl.lit(value, dtype=pl.Int128)


def wide(column: str) -> pl.Expr:
    """Return a column as Int128, so that products of it are exact."""
    return pl.col(column).cast(pl.Int128)


def divide_half_up(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Return numerator / denominator rounded half up; both are Int128, not negative and above zero."""
    return (numerator * 2 + denominator) // (denominator * 2)


def divide_toward_zero(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Return numerator / denominator cut toward zero; Int128, denominator above zero."""
    return numerator.sign() * (numerator.abs() // denominator)


def cut_of(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Return on which side of `divide_toward_zero` the true value lies: -1 below, 1 above, 0 where nothing is left."""
    left = (numerator % denominator) != 0
    return pl.when(left).then(numerator.sign()).otherwise(int128(0)).cast(pl.Int8)


def rounded_to_step(value: pl.Expr, step: pl.Expr, mode: pl.Expr) -> pl.Expr:
    """Return an exact Int128 value as a multiple of `step` (Int128, above zero), rounded by `mode`."""
    size = value.abs()
    whole, rest = size // step, size % step
    goes_up = (
        pl.when(mode == RoundMode.HALF_UP.value)
        .then(rest * 2 >= step)
        .when(mode == RoundMode.HALF_EVEN.value)
        .then((rest * 2 > step) | ((rest * 2 == step) & (whole % 2 == 1)))
        .when(mode == RoundMode.UP.value)
        .then(rest > 0)
        .otherwise(pl.lit(False))
    )
    return value.sign() * (whole + goes_up.cast(pl.Int128)) * step


def step_e15() -> pl.Expr:
    """Return the rounding step of a row in 10^-15 major units, from `round_step_minor` and `currency_exponent`."""
    return wide("round_step_minor") * minor_e15()


def minor_e15() -> pl.Expr:
    """Return one minor unit of a row in 10^-15 major units, as Int128, from `currency_exponent`."""
    return power_of_ten(EXACT_DECIMALS - pl.col("currency_exponent").cast(pl.Int64))


def power_of_ten(exponent: pl.Expr) -> pl.Expr:
    """Return 10 to a whole number from 0 to 18, as Int128."""
    return pl.lit(10, dtype=pl.Int64).pow(exponent).cast(pl.Int128)


def rounded_minor(step: pl.Expr | None = None) -> pl.Expr:
    """Return `amount_e15` rounded to minor units by `round_mode` and `round_step_minor`, once.

    `step`: where `step_e15` stands already; it is asked for five times.

    `amount_cut` says where the true amount is further from zero than `amount_e15` by less than 10^-15: below (-1) or
    above (1), also where what is kept is zero; it then is no tie, and no whole step.
    Bounds: `amount_is_too_large` must have been asked before.
    """
    step = step_e15() if step is None else step
    size = wide("amount_e15").abs()
    whole, rest = size // step, size % step
    cut = pl.col("amount_cut") != 0
    above = (rest * 2 > step) | ((rest * 2 == step) & cut)
    tie = (rest * 2 == step) & ~cut
    goes_up = (
        pl.when(pl.col("round_mode") == RoundMode.HALF_UP.value)
        .then(above | tie)
        .when(pl.col("round_mode") == RoundMode.HALF_EVEN.value)
        .then(above | (tie & (whole % 2 == 1)))
        .when(pl.col("round_mode") == RoundMode.UP.value)
        .then((rest > 0) | cut)
        .otherwise(pl.lit(False))
    )
    steps = whole + goes_up.cast(pl.Int128)
    sign = pl.when(pl.col("amount_e15") == 0).then(wide("amount_cut")).otherwise(wide("amount_e15").sign())
    return (sign * steps * wide("round_step_minor")).cast(pl.Int64)


def amount_is_too_large() -> pl.Expr:
    """Return whether `amount_e15` is above what a line may hold."""
    return wide("amount_e15").abs() > int128(AMOUNT_MAX_MAJOR * 10**EXACT_DECIMALS)


def exact_decimal(column: str) -> pl.Expr:
    """Return an Int128 fixed point column as DECIMAL(38, 15) major units."""
    return pl.col(column).cast(pl.Decimal(38, 0)) * pl.lit(_EXACT_UNIT, dtype=pl.Decimal(38, 15))


def rate_decimal(column: str) -> pl.Expr:
    """Return a price x 10^9 as DECIMAL(18, 9)."""
    scaled = pl.col(column).cast(pl.Decimal(38, 0)) * pl.lit(_RATE_UNIT, dtype=pl.Decimal(38, 9))
    return scaled.cast(pl.Decimal(18, 9))
