"""From a price and a quantity to an exact amount and its rounding, for every kind of charge."""

from __future__ import annotations

import polars as pl

from model.codes import ParkReason
from rating.parking import park
from rating.ratebook import UNIT_SIZE_SCALE
from rating.rounding import (
    PRODUCT_MAX,
    QUANTITY_MAX,
    SHARE_MAX,
    amount_is_too_large,
    divide_toward_zero,
    int128,
    is_cut,
    rounded_minor,
    rounded_to_step,
    step_e15,
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
    "fixed_e9": pl.Int64(),
    "factor_id": pl.String(),
    "share_part": pl.Int64(),
    "share_whole": pl.Int64(),
    "amount_e15": pl.Int128(),
    "amount_minor": pl.Int64(),
    "split_method": pl.String(),
    "is_estimated": pl.Boolean(),
    "reads_seq": pl.Int64(),
}


def within_bounds(priced: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows whose products cannot wrap, and parks `amount_too_large` for the others.

    Looks at quantity, unit_size, price_e9, fixed_e9, share_part and share_whole.
    """
    fits = (
        (wide("quantity").abs() <= int128(QUANTITY_MAX))
        & ((wide("quantity") * wide("price_e9")).abs() <= int128(PRODUCT_MAX) * wide("unit_size"))
        & (pl.col("share_part").fill_null(0).abs() <= SHARE_MAX)
        & (pl.col("share_whole").fill_null(0) <= SHARE_MAX)
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
    """Add `amount_e15` = price x quantity / unit size x share, and what the tier owes, and whether it was cut.

    A charge by formula has its amount already (`formula_e15`). Without a share the amount is exact when the unit size
    divides 10^6; else the division comes last, toward zero. What a tier owes is shared by `fixed_part`, `fixed_whole`.
    """
    is_shared = pl.col("share_part").is_not_null()
    part = pl.when(is_shared).then(wide("share_part")).otherwise(int128(1))
    whole = pl.when(is_shared).then(wide("share_whole")).otherwise(int128(1))
    # Of the 15 decimals 9 come from the price and 6 from what a unit size leaves of 10^6; a larger one divides.
    more = pl.max_horizontal(int128(UNIT_SIZE_SCALE) // wide("unit_size"), int128(1))
    less = pl.max_horizontal(wide("unit_size") // int128(UNIT_SIZE_SCALE), int128(1))
    numerator, denominator = wide("price_e9") * wide("quantity") * more * part, less * whole
    fixed_e15 = wide("fixed_e9") * int128(UNIT_SIZE_SCALE) * wide("fixed_part").fill_null(int128(1))
    fixed_whole = wide("fixed_whole").fill_null(int128(1))
    by_formula = pl.col("formula_e15").is_not_null()
    return priced.with_columns(
        pl.when(by_formula)
        .then("formula_e15")
        .otherwise(divide_toward_zero(numerator, denominator) + divide_toward_zero(fixed_e15, fixed_whole))
        .alias("amount_e15"),
        ((is_cut(numerator, denominator) | is_cut(fixed_e15, fixed_whole)) & ~by_formula).alias("amount_is_cut"),
    )


def _rounded_once(ruled: pl.DataFrame) -> pl.DataFrame:
    """Return lines of which the sum of each charge and period is rounded, shared over them by largest remainder.

    Of equal remainders the earlier line (season, period, tier) takes the step.
    """
    if ruled.is_empty():
        return ruled.with_columns(pl.lit(None, pl.Int64).alias("amount_minor"))
    keys = ["due_no", "version_id", "component_id", "period_start_date"]
    step = step_e15()
    total = rounded_to_step(wide("amount_e15").sum().over(keys), step, pl.col("round_mode")) // step
    parted = ruled.sort(*keys, "season", "tou", "tier").with_columns(
        total.alias("total_steps"),
        (wide("amount_e15") // step).alias("steps"),
        (wide("amount_e15") % step).alias("rest"),
    )
    return (
        parted.with_columns(
            pl.col("rest").rank("ordinal", descending=True).over(keys).cast(pl.Int128).alias("place"),
            (pl.col("total_steps") - pl.col("steps").sum().over(keys)).alias("left"),
        )
        .with_columns(
            ((pl.col("steps") + (pl.col("place") <= pl.col("left")).cast(pl.Int128)) * wide("round_step_minor"))
            .cast(pl.Int64)
            .alias("amount_minor")
        )
        .drop("total_steps", "steps", "rest", "place", "left")
    )


def rounded(priced: pl.DataFrame, components: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines with `amount_minor`, in the order of CORE_SCHEMA, and parks for amounts that are too large."""
    rules = components.select(
        "version_id", "component_id", "round_mode", "round_step_minor", "currency_exponent", "is_rounded_once"
    )
    ruled = priced.join(rules, on=["version_id", "component_id"], how="left", validate="m:1")
    fits = ruled.filter(~amount_is_too_large())
    each = fits.filter(~pl.col("is_rounded_once")).with_columns(rounded_minor().alias("amount_minor"))
    lines = pl.concat([each, _rounded_once(fits.filter("is_rounded_once"))])
    return (
        lines.select(pl.col(name).cast(dtype) for name, dtype in CORE_SCHEMA.items()),
        _too_large(ruled.filter(amount_is_too_large())),
    )
