"""Money: int64 minor units, exact amounts in fixed point, one rounding."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum

# Exact amounts are integers of 10^-15 major units (Int128 in frames, DECIMAL(38,15) in files). A rate has at
# most 9 decimals and a quantity 3 or 6, so a product is exact; a share of days leaves an error below 10^-15,
# which cannot move a rounding: a value that is no tie lies at least 1 / (2 x days x 10^12) from one.
EXACT_DECIMALS = 15
RATE_DECIMALS = 9

# Minor units per major unit, as a power of ten. Source: ISO 4217 (2024-06), table A.1, "Mnr Unt".
CURRENCY_EXPONENT: dict[str, int] = {
    "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2, "HUF": 2,
    "INR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2, "MYR": 2, "NOK": 2, "NZD": 2, "PHP": 2, "PLN": 2,
    "SEK": 2, "SGD": 2, "THB": 2, "TND": 3, "TWD": 2, "USD": 2, "ZAR": 2,
}  # fmt: skip


class RoundMode(StrEnum):
    """How a tariff rounds. `half_up` is half away from zero, as bills print it."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"
    UP = "up"


_DECIMAL_MODE = {
    RoundMode.HALF_UP: ROUND_HALF_UP,
    RoundMode.HALF_EVEN: ROUND_HALF_EVEN,
    RoundMode.DOWN: ROUND_DOWN,
}


def round_to_step(amount: Decimal, step: Decimal, mode: RoundMode) -> Decimal:
    """Round `amount` to a multiple of `step`, symmetric in sign.

    The slow twin of `rating.rounding`; used where single amounts are read from text.

    >>> round_to_step(Decimal("-0.125"), Decimal("0.01"), RoundMode.HALF_UP)
    Decimal('-0.13')
    """
    steps = amount / step
    if mode is RoundMode.UP:
        whole = steps.to_integral_value(ROUND_FLOOR if amount < 0 else ROUND_CEILING)
    else:
        whole = steps.to_integral_value(_DECIMAL_MODE[mode])
    return whole * step


def format_minor(amount_minor: int, currency: str) -> str:
    """Return an amount as a person reads it: 123456 USD -> '1,234.56'."""
    exponent = CURRENCY_EXPONENT[currency]
    value = Decimal(amount_minor).scaleb(-exponent)
    return f"{value:,.{exponent}f}"
