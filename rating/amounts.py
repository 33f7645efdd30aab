"""From a price and a quantity to an exact amount and its rounding, for every kind of charge."""

from __future__ import annotations

import polars as pl

from model.codes import ParkReason
from rating.parking import park
from rating.ratebook import UNIT_SIZE_SCALE
from rating.rounding import (
    PRODUCT_MAX,
    QUANTITY_MAX,
    SHARE_DAYS_MAX,
    amount_is_too_large,
    divide_toward_zero,
    int128,
    is_cut,
    rounded_minor,
    wide,
)

# What charges and taxes hand to `rating.lines`, apart from what follows from agreement, version and component.
CORE_SCHEMA = {
    "due_no": pl.Int64(),
    "version_id": pl.String(),
    "component_id": pl.String(),
    "period_start_date": pl.Date(),
    "period_end_date": pl.Date(),
    "season": pl.String(),
    "tou": pl.String(),
    "tier": pl.Int32(),
    "determinant": pl.String(),
    "quantity": pl.Int64(),
    "unit": pl.String(),
    "unit_size": pl.Int64(),
    "price_e9": pl.Int64(),
    "factor_id": pl.String(),
    "share_days": pl.Int32(),
    "cycle_days": pl.Int32(),
    "amount_e15": pl.Int128(),
    "amount_minor": pl.Int64(),
    "split_method": pl.String(),
    "is_estimated": pl.Boolean(),
    "reads_seq": pl.Int64(),
}


def within_bounds(priced: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows whose products cannot wrap, and parks `amount_too_large` for the others.

    Looks at quantity, price_e9, and, where there, share_days and cycle_days.
    """
    fits = (
        (wide("quantity").abs() <= int128(QUANTITY_MAX))
        & ((wide("quantity") * wide("price_e9")).abs() <= int128(PRODUCT_MAX))
        & (pl.col("share_days").fill_null(0) <= SHARE_DAYS_MAX)
        & (pl.col("cycle_days").fill_null(0) <= SHARE_DAYS_MAX)
    )
    return priced.filter(fits), _too_large(priced.filter(~fits))


def _too_large(frame: pl.DataFrame) -> pl.DataFrame:
    detail = pl.format(
        "charge {}: quantity {} at price {} x 10^-9 is beyond what a line may hold",
        "component_id",
        "quantity",
        "price_e9",
    )
    return park(frame, ParkReason.AMOUNT_TOO_LARGE, detail)


def with_exact_amount(priced: pl.DataFrame) -> pl.DataFrame:
    """Add `amount_e15` = price x quantity / unit size x share of days, and whether it was cut.

    Without a share the amount is exact, since unit sizes divide 10^6. A share is divided last, toward zero.
    """
    share = pl.col("share_days").is_not_null()
    days = pl.when(share).then(wide("share_days")).otherwise(int128(1))
    cycle = pl.when(share).then(wide("cycle_days")).otherwise(int128(1))
    numerator = wide("price_e9") * wide("quantity") * int128(UNIT_SIZE_SCALE) * days
    denominator = wide("unit_size") * cycle
    return priced.with_columns(
        divide_toward_zero(numerator, denominator).alias("amount_e15"),
        is_cut(numerator, denominator).alias("amount_is_cut"),
    )


def rounded(priced: pl.DataFrame, components: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines with `amount_minor`, in the order of CORE_SCHEMA, and parks for amounts that are too large."""
    rules = components.select("version_id", "component_id", "round_mode", "round_step_minor", "currency_exponent")
    ruled = priced.join(rules, on=["version_id", "component_id"], how="left", validate="m:1")
    fits = ruled.filter(~amount_is_too_large())
    lines = fits.with_columns(rounded_minor().alias("amount_minor"))
    return (
        lines.select(pl.col(name).cast(dtype) for name, dtype in CORE_SCHEMA.items()),
        _too_large(ruled.filter(amount_is_too_large())),
    )
