"""From a price and a quantity to an exact amount and its rounding, for every kind of charge."""

from __future__ import annotations

import polars as pl

from model.codes import ParkReason
from rating.parking import apart, park
from rating.ratebook import UNIT_SIZE_SCALE
from rating.rounding import (
    PRODUCT_MAX,
    QUANTITY_MAX,
    SHARE_MAX,
    amount_is_too_large,
    int128,
    rounded_minor,
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
    small, large = apart(priced, fits)
    return small, _too_large(large)


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
    Added as well: `floor_e15` and `rest` of `rest_whole`, which are the amount without any cut.
    """
    part, whole = wide("share_part").fill_null(int128(1)), wide("share_whole").fill_null(int128(1))
    # Of the 15 decimals 9 come from the price and 6 from what a unit size leaves of 10^6; a larger one divides.
    more = (UNIT_SIZE_SCALE // pl.col("unit_size")).clip(lower_bound=1).cast(pl.Int128)
    less = (pl.col("unit_size") // UNIT_SIZE_SCALE).clip(lower_bound=1).cast(pl.Int128)
    # Each term is worked out once for all that it stands in: divisions of 128 bits are most of this.
    terms = priced.with_columns(
        (wide("price_e9") * wide("quantity") * more * part).alias("numerator"), (less * whole).alias("denominator")
    )
    parted = _with_fixed(terms) if (terms["fixed_e9"] != 0).any() else _of_price_alone(terms)
    by_formula = pl.col("formula_e15").is_not_null()
    return parted.with_columns(
        pl.when(by_formula).then("formula_e15").otherwise("floor_e15").alias("floor_e15"),
        pl.when(by_formula).then(int128(0)).otherwise("rest").alias("rest"),
    ).with_columns(*_cut_toward_zero()).drop("numerator", "denominator")  # fmt: skip


def _of_price_alone(terms: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with `floor_e15` and `rest` of `rest_whole`, where no tier owes anything beside its price."""
    numerator, denominator = pl.col("numerator"), pl.col("denominator")
    return terms.with_columns(
        (numerator // denominator).alias("floor_e15"), (numerator % denominator).alias("rest"),
        denominator.alias("rest_whole"),
    )  # fmt: skip


def _with_fixed(terms: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with `floor_e15` and `rest` of `rest_whole`, of price and of what the tier owes together."""
    numerator, denominator = pl.col("numerator"), pl.col("denominator")
    fixed_e15 = wide("fixed_e9") * int128(UNIT_SIZE_SCALE) * wide("fixed_part").fill_null(int128(1))
    fixed_whole = wide("fixed_whole").fill_null(int128(1))
    # Two fractions added before anything is cut: (3 x 0.05 + 0.10) x 7 / 30 may be a tie, and must be found one.
    rests = (numerator % denominator) * fixed_whole + (fixed_e15 % fixed_whole) * denominator
    both = terms.with_columns(rests.alias("rest"), (denominator * fixed_whole).alias("rest_whole"))
    return both.with_columns(
        (numerator // denominator + fixed_e15 // fixed_whole + pl.col("rest") // pl.col("rest_whole"))
        .alias("floor_e15"),
        (pl.col("rest") % pl.col("rest_whole")).alias("rest"),
    )  # fmt: skip


def _cut_toward_zero() -> list[pl.Expr]:
    """Return `amount_e15` and `amount_cut`, from floor_e15 and what is left of it, `rest` of `rest_whole`."""
    was_cut = pl.col("rest") > 0
    amount = pl.col("floor_e15") + (was_cut & (pl.col("floor_e15") < 0)).cast(pl.Int128)
    side = pl.when(~was_cut).then(0).when(pl.col("floor_e15") < 0).then(-1).otherwise(1)
    return [amount.alias("amount_e15"), side.cast(pl.Int8).alias("amount_cut")]


def _rounded_once(ruled: pl.DataFrame) -> pl.DataFrame:
    """Return lines of which the sum of each charge and period is rounded, shared over them by largest remainder.

    The sum is exact. Remainders are those of the lines as printed; of equal ones the earlier line (season, period,
    tier) takes the step.
    """
    if ruled.is_empty():
        return ruled.with_columns(pl.lit(None, pl.Int64).alias("amount_minor"))
    keys = ["due_no", "version_id", "component_id", "period_start_date"]
    step = step_e15()
    whole = pl.col("rest_whole").first()
    sums = (
        ruled.group_by(keys)
        .agg(
            (pl.col("floor_e15").sum() + pl.col("rest").sum() // whole).alias("floor_e15"),
            (pl.col("rest").sum() % whole).alias("rest"),
            pl.col("round_mode", "round_step_minor", "currency_exponent").first(),
        )
        .with_columns(*_cut_toward_zero())
        .select(*keys, (rounded_minor() // pl.col("round_step_minor")).cast(pl.Int128).alias("total_steps"))
    )
    parted = (
        ruled.join(sums, on=keys, how="left", validate="m:1")
        .sort(*keys, "season", "tou", "tier")
        .with_columns((wide("amount_e15") // step).alias("steps"), (wide("amount_e15") % step).alias("remainder"))
    )
    return (
        parted.with_columns(
            pl.col("remainder").rank("ordinal", descending=True).over(keys).cast(pl.Int128).alias("place"),
            (pl.col("total_steps") - pl.col("steps").sum().over(keys)).alias("left"),
        )
        .with_columns(
            ((pl.col("steps") + (pl.col("place") <= pl.col("left")).cast(pl.Int128)) * wide("round_step_minor"))
            .cast(pl.Int64)
            .alias("amount_minor")
        )
        .select(*ruled.columns, "amount_minor")
    )


def rounded(priced: pl.DataFrame, components: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines with `amount_minor`, in the order of CORE_SCHEMA, and parks for amounts that are too large.

    A charge over others has one line, so there is nothing to share where it is rounded once.
    """
    rules = components.select(
        "version_id", "component_id", "round_mode", "round_step_minor", "currency_exponent", "is_rounded_once"
    )
    needed = [
        name for name in [*CORE_SCHEMA, "amount_cut", "floor_e15", "rest", "rest_whole"] if name in priced.columns
    ]
    ruled = priced.select(needed).join(rules, on=["version_id", "component_id"], how="left", validate="m:1")
    fits, too_large = apart(ruled, ~amount_is_too_large())
    columns = [pl.col(name).cast(dtype) for name, dtype in CORE_SCHEMA.items()]
    of_one_line = "rest" not in priced.columns
    each = fits if of_one_line else fits.filter(~pl.col("is_rounded_once"))
    stepped = each.with_columns(step_e15().alias("step_e15"))
    lines = stepped.with_columns(rounded_minor(pl.col("step_e15")).alias("amount_minor")).select(columns)
    if not of_one_line:
        lines = pl.concat([lines, _rounded_once(fits.filter("is_rounded_once")).select(columns)])
    return lines, _too_large(too_large)
