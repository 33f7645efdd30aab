"""Intervals one by one: values in whole smallest units, each slot once, wide days."""

from __future__ import annotations

import polars as pl

from ingest.formats.numbers import SLOT_MAX, exact_integers
from ingest.formats.parsed import Source, reject_rows, split_by_reason
from ingest.landing.days import fold_slots
from model.codes import Quality

_SLOT = ["channel_no", "day", "copy", "slot"]


def with_values(source: Source, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn the text `value` into whole smallest units (Int32) by `exponent`.

    Rejects rows as bad_number, too_precise, value_too_large or bad_quality.
    """
    exponents = rows["exponent"]
    one = exponents.first() if rows.height and exponents.n_unique() == 1 else None
    numbers = exact_integers(rows["value"], one if isinstance(one, int) else exponents, limit=SLOT_MAX)
    judged = rows.with_columns(pl.col("value").alias("found"), numbers["value"].cast(pl.Int32), numbers["problem"])
    reason = pl.coalesce("problem", pl.when(pl.col("quality").is_null()).then(pl.lit("bad_quality")))
    detail = (
        pl.when(pl.col("reason") == "bad_quality")
        .then(pl.format("expected a quality code, found `{}`", "code"))
        .otherwise(
            pl.format(
                "expected a decimal number that whole smallest units hold, found `{}`", pl.col("found").str.head(40)
            )
        )
    )
    good, rejects = split_by_reason(source, judged, reason, detail)
    missing = pl.when(pl.col("value").is_null()).then(int(Quality.MISSING)).otherwise("quality")
    return good.with_columns(missing.cast(pl.UInt8).alias("quality")).drop("found", "problem"), rejects


def days_of_slots(source: Source, slots: pl.DataFrame) -> tuple[dict[int, pl.DataFrame], pl.DataFrame]:
    """Fold rows per slot (see `fold_slots`) into days; a slot that comes twice in one version is rejected.

    The later update time wins, then the later line; the other is rejected as `duplicate_slot`.
    """
    day_number = pl.col("day").to_physical().cast(pl.Int64)
    # One integer per slot finds the few rows that may repeat another; the versions of a day are told apart after.
    identity = (pl.col("channel_no").cast(pl.Int64) * 2**22 + day_number) * 2**9 + pl.col("slot")
    numbers = slots.select(identity.alias("identity")).to_series()
    rises = bool((numbers.diff().drop_nulls() > 0).all())  # in order of channel and time, as most files are
    may_repeat = pl.Series([False]).new_from_index(0, slots.height) if rises else numbers.is_duplicated()
    ordered = slots.filter(may_repeat).sort(
        *_SLOT, "updated_at", "line", descending=[False] * len(_SLOT) + [True, True], nulls_last=True
    )
    is_first = ordered.select(pl.struct(_SLOT).is_first_distinct()).to_series()
    kept = pl.concat([slots.filter(~may_repeat), ordered.filter(is_first)])
    losers = ordered.filter(~is_first)
    winners = ordered.filter(is_first).select(*_SLOT, pl.col("line").alias("winner"))
    told = losers.join(winners, on=_SLOT, how="left", validate="m:1")
    detail = pl.format("expected each interval once; it is taken from line {}", "winner")
    return fold_slots(kept), reject_rows(source, told, "duplicate_slot", detail)
