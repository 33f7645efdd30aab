"""Decimal text to integers of the smallest unit, exactly: no float on the way, nothing rounded."""

from __future__ import annotations

import polars as pl

SLOT_MAX = 2**31 - 1  # slots are Int32
READING_MAX = 10**15  # twelve dials of whole printed units, in thousandths
# Text is read as a decimal of nine places: the finest file unit in the smallest unit's terms is 10^-6 (Mvarh, GJ).
SCALE = 9
# Beyond these a value other than zero is too fine or too large in any case, and the powers still fit Int128.
_EXPONENT_MIN, _EXPONENT_MAX = SCALE - 38, SCALE + 38


def exact_integers(text: pl.Series, exponent: int | pl.Series, *, limit: int) -> pl.DataFrame:
    """Return `value` (Int64, smallest units) and `problem` for each text.

    A text of 1 counts 10^`exponent` smallest units (kWh: 3, when the file states no power of its own). Empty text is
    a missing value, not a problem. Problems: `bad_number` (not plain decimal text: exponents, NaN and signs of
    currency are refused), `too_precise` (a part of the smallest unit would be lost) and `value_too_large` (beyond
    `limit`).
    """
    text = text.fill_null("")
    return _integers(scaled(text), text == "", has_lost_places(text), exponent, limit)


def integers_of_billionths(billionths: pl.Series, exponent: int, *, limit: int) -> pl.DataFrame:
    """Return `value` and `problem` as `exact_integers` does, for numbers (Int64) in billionths; null is missing."""
    return _integers(billionths, billionths.is_null(), pl.Series([False]), exponent, limit)


def scaled(text: pl.Series, places: int = SCALE) -> pl.Series:
    """Return the text x 10^places as Int128; null where it is not plain decimal text."""
    decimals = text.cast(pl.Decimal(38, places), strict=False)
    exponents = text.str.contains("[eE]")  # Polars reads 1e3, and rounds 1e-12 to zero without a word
    if exponents.any():
        decimals = decimals.set(exponents, None)
    return decimals.to_physical().alias("scaled")


def has_lost_places(text: pl.Series, places: int = SCALE) -> pl.Series:
    """Return where the text has non-zero digits beyond these places, which the cast would have rounded."""
    longest = text.str.len_bytes().max()
    if not isinstance(longest, int) or longest <= places + 1:
        return pl.Series("lost", [False]).new_from_index(0, len(text))
    return text.str.contains(rf"\.\d{{{places}}}\d*[1-9]").alias("lost")


def _integers(
    found: pl.Series, is_missing: pl.Series, lost: pl.Series, exponent: int | pl.Series, limit: int
) -> pl.DataFrame:
    ratio = _ratio(exponent)
    frame = pl.DataFrame({"scaled": found, "is_missing": is_missing})
    if isinstance(exponent, pl.Series):
        frame = frame.hstack(ratio)
    else:
        frame = frame.with_columns(pl.lit(ratio[name].item()).alias(name) for name in ratio.columns)
    # Nearly all files have sound values only, and those fit Int64, where the division costs a tenth. What does not
    # fit becomes null, is not fine, and is judged again in full width.
    narrow = frame.with_columns(pl.col("scaled", "step", "factor").cast(pl.Int64, strict=False))
    judged = _judged(narrow, lost, limit)
    if judged["is_fine"].all():
        return judged.select("value", pl.lit(None, dtype=pl.String).alias("problem"))
    wide = frame.with_columns(pl.col("scaled", "step", "factor").cast(pl.Int128))
    judged = _judged(wide, lost, limit)
    problem = (
        pl.when(pl.col("scaled").is_null())
        .then(pl.lit("bad_number"))
        .when((pl.col("scaled") % pl.col("step") != 0) | lost)
        .then(pl.lit("too_precise"))
        .otherwise(pl.lit("value_too_large"))
    )
    problems = wide.select(problem.alias("problem")).to_series()
    return judged.select("value", pl.when(~pl.col("is_fine")).then(problems).alias("problem"))


def _ratio(exponent: int | pl.Series) -> pl.DataFrame:
    """Return `step` and `factor`: a value in billionths is divided by the one and multiplied by the other."""
    exponents = exponent if isinstance(exponent, pl.Series) else pl.Series([exponent])
    shift = exponents.cast(pl.Int32).clip(_EXPONENT_MIN, _EXPONENT_MAX) - SCALE
    ten = pl.lit(10, dtype=pl.Int128)
    return pl.DataFrame({"shift": shift}).select(
        ten.pow((-pl.col("shift")).clip(0).cast(pl.UInt32)).alias("step"),
        ten.pow(pl.col("shift").clip(0).cast(pl.UInt32)).alias("factor"),
    )


def _judged(frame: pl.DataFrame, lost: pl.Series, limit: int) -> pl.DataFrame:
    """Return the values that are sound, and which texts are sound or empty."""
    value = pl.col("scaled") // pl.col("step")
    bound = pl.lit(limit) // pl.col("factor")  # compared before the multiplication, which might not fit
    is_sound = (pl.col("scaled") % pl.col("step") == 0) & ~lost & value.is_between(0 - bound, bound)
    return frame.select(
        pl.when(is_sound).then(value * pl.col("factor")).cast(pl.Int64).alias("value"),
        (pl.col("is_missing") | is_sound.fill_null(False)).alias("is_fine"),
    )
