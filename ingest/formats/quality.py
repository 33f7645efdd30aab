"""Quality codes of file formats, mapped onto one scale (model.codes.Quality)."""

from __future__ import annotations

import polars as pl

from model.codes import Quality, ReadKind

# NEM12 quality flags; V (varies within the day) is resolved by 400 records. Source: MDFF specification, appendix C.
NEM12_QUALITY: dict[str, int] = {
    "A": Quality.ACTUAL,
    "S": Quality.SUBSTITUTED,
    "F": Quality.FINAL_SUBSTITUTED,
    "E": Quality.ESTIMATED,
    "N": Quality.MISSING,
}

# Our own CSV layouts: a letter or the word. Empty says nothing against the value: it is taken as read.
CSV_QUALITY: dict[str, int] = {
    "": Quality.ACTUAL,
    "a": Quality.ACTUAL,
    "m": Quality.EDITED,
    "s": Quality.SUBSTITUTED,
    "f": Quality.FINAL_SUBSTITUTED,
    "e": Quality.ESTIMATED,
    "p": Quality.FORECAST,
    "c": Quality.CUSTOMER,
    "x": Quality.SUSPECT,
    "n": Quality.MISSING,
    **{item.name.lower(): item for item in Quality},
}

# Smart Meter Texas: actual or estimated; a value without a flag is not trusted.
SMT_QUALITY: dict[str, int] = {"": Quality.SUSPECT, "a": Quality.ACTUAL, "e": Quality.ESTIMATED}

# A reading's kind says how good it is when the file gives no quality code.
KIND_QUALITY: dict[str, int] = {
    ReadKind.REGULAR: Quality.ACTUAL,
    ReadKind.INSTALL: Quality.ACTUAL,
    ReadKind.REMOVAL: Quality.ACTUAL,
    ReadKind.CUSTOMER: Quality.CUSTOMER,
    ReadKind.ESTIMATE: Quality.ESTIMATED,
}


def quality_of(code: pl.Expr, codes: dict[str, int]) -> pl.Expr:
    """Return the canonical quality of a code, UInt8; null where the code is not one of `codes`."""
    return code.replace_strict(
        list(codes), [int(value) for value in codes.values()], default=None, return_dtype=pl.UInt8
    )
