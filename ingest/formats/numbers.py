"""Decimal text to integers of the smallest unit, exactly: no float on the way, nothing rounded."""

from __future__ import annotations

import polars as pl

SLOT_MAX = 2**31 - 1  # slots are Int32
READING_MAX = 10**15  # twelve dials of whole printed units, in thousandths
# Text is read as a decimal of nine places: the finest file unit in the smallest unit's terms is 10^-6 (Mvarh, GJ).
SCALE = 9
_ONE = 10**SCALE
_DECIMAL = pl.Decimal(38, SCALE)


def exact_integers(text: pl.Series, smallest_per: int | pl.Series, *, limit: int) -> pl.DataFrame:
    """Return `value` (Int64, smallest units) and `problem` for each text.

    `smallest_per` is how many smallest units are in one printed unit (kWh: 1000; a divisor of 10^9).
    Empty text is a missing value, not a problem. Problems: `bad_number` (not plain decimal text: exponents, NaN
    and signs of currency are refused), `too_precise` (a part of the smallest unit would be lost) and
    `value_too_large` (beyond `limit`).
    """
    per = pl.Series("per", smallest_per) if isinstance(smallest_per, pl.Series) else pl.lit(smallest_per)
    frame = pl.DataFrame({"text": text.fill_null("")})
    step = (pl.lit(_ONE, dtype=pl.Int128) // per.cast(pl.Int128)).alias("step")
    frame = frame.with_columns(_scaled(frame["text"]), step)
    lost = _has_lost_places(frame["text"])
    # Nearly all files have sound values only, and those fit Int64, where the division costs a tenth. What does not
    # fit becomes null, is not fine, and is judged again in full width.
    judged = _judged(frame.with_columns(pl.col("scaled", "step").cast(pl.Int64, strict=False)), lost, limit)
    if judged["is_fine"].all():
        return judged.select("value", pl.lit(None, dtype=pl.String).alias("problem"))
    judged = _judged(frame, lost, limit)
    problem = (
        pl.when(pl.col("scaled").is_null())
        .then(pl.lit("bad_number"))
        .when((pl.col("scaled") % pl.col("step") != 0) | lost)
        .then(pl.lit("too_precise"))
        .otherwise(pl.lit("value_too_large"))
    )
    problems = frame.select(problem.alias("problem")).to_series()
    return judged.select("value", pl.when(~pl.col("is_fine")).then(problems).alias("problem"))


def _judged(frame: pl.DataFrame, lost: pl.Series, limit: int) -> pl.DataFrame:
    """Return the values that are sound, and which texts are sound or empty."""
    value = pl.col("scaled") // pl.col("step")
    is_sound = (pl.col("scaled") % pl.col("step") == 0) & ~lost & value.is_between(-limit, limit)
    return frame.select(
        pl.when(is_sound).then(value).cast(pl.Int64).alias("value"),
        ((pl.col("text") == "") | is_sound.fill_null(False)).alias("is_fine"),
    )


def _scaled(text: pl.Series) -> pl.Series:
    """Return the text x 10^9 as Int128; null where it is not plain decimal text."""
    decimals = text.cast(_DECIMAL, strict=False)
    exponents = text.str.contains("[eE]")  # Polars reads 1e3, and rounds 1e-12 to zero without a word
    if exponents.any():
        decimals = decimals.set(exponents, None)
    return decimals.to_physical().alias("scaled")


def _has_lost_places(text: pl.Series) -> pl.Series:
    """Return where the text has non-zero digits beyond the ninth place, which the cast would have rounded."""
    longest = text.str.len_bytes().max()
    if not isinstance(longest, int) or longest <= SCALE + 1:
        return pl.Series("lost", [False])
    return text.str.contains(rf"\.\d{{{SCALE}}}\d*[1-9]").alias("lost")
