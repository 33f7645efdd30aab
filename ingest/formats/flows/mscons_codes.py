"""Codes of MSCONS: qualities of quantities, and what an OBIS code says of the unit."""

from __future__ import annotations

import polars as pl

from model.codes import Quality, ReadKind

# Qualifier of QTY. Source: EDI@Energy, MSCONS message implementation guide 2.4c, segment QTY; 46 (delivered) is what
# the Swiss messages of D.99A give their intervals.
MSCONS_QUALITY: dict[str, int] = {
    "220": Quality.ACTUAL,
    "46": Quality.ACTUAL,
    "67": Quality.SUBSTITUTED,
    "201": Quality.ESTIMATED,
    "Z18": Quality.ESTIMATED,
    "187": Quality.FORECAST,
    "20": Quality.SUSPECT,
    "Z30": Quality.MISSING,
}
SUMS = ["79", "Z31"]  # sums and delivery notes: no readings of their own
MISSING = "Z30"  # its quantity is a filler, mostly 0
CUSTOMER_READ = "Z83"  # plausibility status: read by the customer
CANCELLATION = "1"  # function of BGM: the message takes back another one
REPORTED_METER = "MG"  # RFF: the meter's number

_ENERGY = r"^1-\d+:(\d+)\.(?:8|9|10|29|30)\."


def unit_of(suffix: pl.Expr) -> pl.Expr:
    """Return the unit of a quantity that states none: by the OBIS code of electricity, else "".

    The market's messages count active energy in kWh and leave the unit out. In OBIS `A-B:C.D.E` A = 1 is electricity, C
    what is measured, D = 8, 9, 10, 29 or 30 a time integral, so energy. Source: EN 62056-61, tables 5 and 6.
    """
    measured = suffix.str.extract(_ENERGY, 1).cast(pl.Int32, strict=False)
    of_phase = pl.when(measured.is_between(1, 80)).then(measured % 20)  # 21-40, 41-60, 61-80: the phases
    return (
        pl.when(of_phase.is_in([1, 2, 15, 16]))
        .then(pl.lit("kWh"))
        .when(of_phase.is_between(3, 8))
        .then(pl.lit("kvarh"))
        .when(of_phase.is_in([9, 10]))
        .then(pl.lit("kVAh"))
        .otherwise(pl.lit(""))
    )


def kind_of(code: pl.Expr, quality: pl.Expr) -> pl.Expr:
    """Return why a register was read, from its codes."""
    return (
        pl.when(code.str.contains(rf"\b{CUSTOMER_READ}\b"))
        .then(pl.lit(ReadKind.CUSTOMER.value))
        .when(quality.is_in([Quality.SUBSTITUTED, Quality.ESTIMATED, Quality.FORECAST]).fill_null(False))
        .then(pl.lit(ReadKind.ESTIMATE.value))
        .otherwise(pl.lit(ReadKind.REGULAR.value))
    )
