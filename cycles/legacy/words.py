"""What a difference is, in words: the cause, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from cycles.legacy.variants import Variant
from model.parallel import Cause


def with_words(told: pl.DataFrame, variants: Mapping[str, Variant], parked: pl.DataFrame) -> pl.DataFrame:
    """Add `explanation` to differences; `parked`: account_id, service_point_id, parked (why we billed nothing)."""
    keys = ["account_id", "service_point_id"]
    sentences = {text: _sentence(text, variants) for text in told["variants"].unique().to_list()}
    joined = told.join(parked, on=keys, how="left", validate="m:1", maintain_order="left").with_columns(
        pl.col("variants").replace_strict(sentences, return_dtype=pl.String).alias("said")
    )
    cause = pl.col("cause")
    quantities = pl.when(
        cause.is_in([Cause.READ.value, Cause.SEVERAL.value]) & pl.col("legacy_quantity").is_not_null()
        & (pl.col("legacy_quantity") != pl.col("ours_quantity"))
    ).then(
        pl.format(" Quantity: {} {} here, {} there.", _printed("ours_quantity"), "unit", _printed("legacy_quantity"))
    ).otherwise(pl.lit(""))  # fmt: skip
    words = (
        pl.when((cause == Cause.MISSING_HERE.value) & pl.col("parked").is_not_null())
        .then(pl.format("We billed nothing here: {}.", "parked"))
        .when((cause == Cause.MISSING_HERE.value) & pl.col("bill_id").is_null())
        .then(pl.lit("No service point of this account was due for these days."))
        .when(cause == Cause.MISSING_HERE.value)
        .then(pl.format("Legacy line `{}` has no line of ours.", "codes"))
        .when(cause == Cause.MISSING_THERE.value)
        .then(pl.lit("The legacy file has no such line."))
        .when(cause == Cause.UNEXPLAINED.value)
        .then(pl.lit("Nothing that was tried brings the legacy amount."))
        .otherwise(pl.concat_str(pl.col("said"), quantities))
    )
    return joined.with_columns(words.alias("explanation")).drop("said", "parked")


def _printed(name: str) -> pl.Expr:
    """Return a quantity in printed units as text, without trailing zeros."""
    size = pl.col("unit_size").cast(pl.Int128)
    whole, rest = pl.col(name).abs() // size, (pl.col(name).abs() % size) * 1_000_000 // size
    decimals = rest.cast(pl.String).str.zfill(6).str.strip_chars_end("0")
    sign = pl.when(pl.col(name) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    dot = pl.when(decimals == "").then(pl.lit("")).otherwise(pl.lit("."))
    return pl.concat_str(sign, whole.cast(pl.String), dot, decimals)


def _sentence(text: str, variants: Mapping[str, Variant]) -> str:
    names = [name for name in text.split(",") if name]
    if not names:
        return "It follows from lines that differ."
    said = "; it ".join(variants[name].words for name in names if name in variants)
    return f"The legacy system {said}."
