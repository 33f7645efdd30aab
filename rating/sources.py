"""What a quantity is measured on: a measure as its channels are read, or one made of two measures or of blocks.

A source has a number, `measure_no`. That of a plain measure is its place in `model.codes.Measure`; sources that are
made have numbers from `FIRST_MADE_NO`, in the order of what they are made of.
"""

from __future__ import annotations

import polars as pl

from model.codes import Measure
from rating.ratebook import MEASURE_NO

FIRST_MADE_NO = 1000
POWERS = ("max", "min", "nth", "mean_of_n", "mean")
_IN_BLOCKS = ("max", "min", "nth", "mean_of_n")
_MADE_OF = [
    "kind", "first", "second", "is_apparent", "netting", "block_minutes", "is_rolling", "over_quantity",
    "up_to_quantity",
]  # fmt: skip


def with_sources(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return quantities with what they are measured on, and with `power_no` of the ways to find a power.

    Added: first and second (measures; second '' for none), is_apparent, block_minutes (0: the channel's interval),
    kind and measure_no. Kinds: plain; sums (a difference of sums, which needs no intervals); slots (made slot by
    slot). `power_no` numbers the distinct (agg, n, distinct_days) of powers; null for sums and costs.
    """
    is_apparent = pl.col("measure") == Measure.APPARENT_ENERGY
    in_blocks = pl.col("agg").is_in(_IN_BLOCKS)
    read = quantities.with_columns(
        is_apparent.alias("is_apparent"),
        pl.when(is_apparent).then(pl.lit(Measure.IMPORT_ENERGY.value)).otherwise("measure").alias("first"),
        pl.when(is_apparent)
        .then(pl.lit(Measure.REACTIVE_ENERGY.value))
        .otherwise(pl.col("less_measure").fill_null(""))
        .alias("second"),
        pl.when(in_blocks).then("interval_minutes").otherwise(0).alias("block_minutes"),
    )
    differs = (pl.col("second") != "") & ~pl.col("is_apparent")
    is_part = pl.col("over_quantity").is_not_null() | pl.col("up_to_quantity").is_not_null()
    kind = (
        pl.when((pl.col("second") == "") & (pl.col("block_minutes") == 0) & ~is_part)
        .then(pl.lit("plain"))
        .when(differs & (pl.col("netting") == "none") & (pl.col("agg") == "sum") & ~is_part)
        .then(pl.lit("sums"))
        .otherwise(pl.lit("slots"))
    )
    read = read.with_columns(
        kind.alias("kind"),
        pl.when(differs | is_part).then("netting").otherwise(pl.lit("none")).alias("netting"),
        (pl.col("is_rolling") & (pl.col("block_minutes") > 0)).alias("is_rolling"),
    )
    made = read.filter(pl.col("kind") != "plain").select(_MADE_OF).unique().sort(_MADE_OF)
    made = made.with_columns((pl.int_range(pl.len()) + FIRST_MADE_NO).cast(pl.Int32).alias("made_no"))
    plain_no = pl.col("first").replace_strict(MEASURE_NO, return_dtype=pl.Int32)
    return _with_power_no(
        read.join(made, on=_MADE_OF, how="left", validate="m:1", nulls_equal=True)
        .with_columns(pl.coalesce("made_no", plain_no).alias("measure_no"))
        .drop("made_no")
    )


def _with_power_no(quantities: pl.DataFrame) -> pl.DataFrame:
    ways = power_ways(quantities)
    return quantities.join(ways, on=["agg", "n", "distinct_days"], how="left", validate="m:1")


def power_ways(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct ways to find a power: agg, n, distinct_days, power_no."""
    ways = quantities.filter(pl.col("agg").is_in(POWERS)).select("agg", "n", "distinct_days").unique()
    return ways.sort("agg", "n", "distinct_days").with_columns(pl.int_range(pl.len()).cast(pl.Int32).alias("power_no"))


def made_sources(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return the sources that are made: measure_no, kind, first_no, second_no (null: none), and how they are made."""
    return (
        quantities.filter(pl.col("kind") != "plain")
        .select(
            "measure_no", "kind", "is_apparent", "netting", "block_minutes", "is_rolling", "over_quantity",
            "up_to_quantity",
            pl.col("first").replace_strict(MEASURE_NO, return_dtype=pl.Int32).alias("first_no"),
            pl.col("second").replace_strict(MEASURE_NO | {"": None}, return_dtype=pl.Int32).alias("second_no"),
        )
        .unique()
        .sort("measure_no")
    )  # fmt: skip


def measured_parts(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each measure that a quantity is read on, with `measure_no` of the plain measure.

    `by_slot`: its channels must have intervals of one length, since slots are compared or added.
    """
    by_slot = (pl.col("kind") == "slots") | pl.col("agg").is_in(POWERS)
    is_part = pl.col("over_quantity").is_not_null() | pl.col("up_to_quantity").is_not_null()
    quantities = quantities.with_columns(is_part.alias("is_part"))
    columns = ["version_id", "quantity_id", "agg", "tou", "block_minutes", "kind", "is_part"]
    first = quantities.select(
        *columns, pl.col("first").alias("measure"), "is_optional", by_slot.alias("by_slot"),
        pl.lit(True).alias("is_first"),
    )  # fmt: skip
    second = quantities.filter(pl.col("second") != "").select(
        *columns, pl.col("second").alias("measure"), pl.col("is_less_optional").alias("is_optional"),
        by_slot.alias("by_slot"), pl.lit(False).alias("is_first"),
    )  # fmt: skip
    return pl.concat([first, second]).with_columns(
        pl.col("measure").replace_strict(MEASURE_NO, return_dtype=pl.Int32).alias("measure_no")
    )
