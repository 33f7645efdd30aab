"""Amounts and quantities as text in a column: exact, with the decimals of their currency or unit."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from model.money import CURRENCY_EXPONENT
from model.units import READABLE_UNIT, smallest_per

_EXPONENTS = sorted(set(CURRENCY_EXPONENT.values()))


def amount_text(amount: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """Return amounts in minor units as major units with their currency: 123456 AUD is `1234.56 AUD`."""
    exponent = currency.replace_strict(CURRENCY_EXPONENT, return_dtype=pl.Int32)
    text: pl.Expr = pl.lit(None, dtype=pl.String)
    for places in _EXPONENTS:
        text = pl.when(exponent == places).then(_shifted(amount, places)).otherwise(text)
    return pl.format("{} {}", text, currency)


def quantity_text(quantity: pl.Expr, unit: pl.Expr) -> pl.Expr:
    """Return quantities in smallest units in the unit that a person reads: 12500 Wh is `12.500 kWh`."""
    text: pl.Expr = pl.format("{} {}", quantity, unit)
    for smallest, readable in READABLE_UNIT.items():
        places = len(str(smallest_per(readable))) - 1
        text = pl.when(unit == smallest).then(pl.format(f"{{}} {readable}", _shifted(quantity, places))).otherwise(text)
    return text


def _shifted(value: pl.Expr, places: int) -> pl.Expr:
    point = pl.lit(Decimal(1).scaleb(-places), dtype=pl.Decimal(38, places))
    return (value.cast(pl.Decimal(38, 0)) * point).cast(pl.String)
