"""Determinants from quantities that are given for a whole period, instead of measured."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.formula import FORMULA_SCALE
from model.rating import RatingInput
from model.schema import checked, column
from rating.calendar import Calendar
from rating.determinants import FOUND, filled, slice_quantities
from rating.parking import park
from rating.powers import SLICE_KEYS
from rating.rounding import int128, wide


class GivenQuantities(pa.DataFrameModel):
    """Quantities of a whole due period. Grain: agreement_id, quantity_id, tou."""

    agreement_id: str = column("Service agreement")
    quantity_id: str = column("Quantity of the tariff version")
    tou: str = column("Time-of-use period; empty when the quantity is not given by period")
    quantity: pl.Int64 = column("Value in smallest units: Wh, varh, L, kJ, or W for a maximum")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "quantity_id", "tou"]}


def given_determinants(
    due: pl.DataFrame, calendar: Calendar, given: RatingInput, quantities: DataFrame[GivenQuantities]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the determinants of the numbered agreements, as `rating.determinants.find_determinants` does, and parks.

    Parked are agreements for which a quantity that is not optional is missing, one that is priced by period is not
    given by period, or one is given that no part of the period prices.
    """
    mine = quantities.rename({"tou": "given_tou"}).join(
        due.select("due_no", "agreement_id"), on="agreement_id", how="inner", validate="m:1"
    )
    # A quantity of one period is not wanted in a season in which that period does not occur.
    wanted = slice_quantities(due, calendar, given, given.book.quantities).filter(pl.col("tou").is_not_null())
    placed = _placed(mine, wanted, given)
    parks = [_not_given(due, mine, wanted), _not_by_period(mine, wanted, given), _not_priced(mine, placed)]
    found = (
        _shared(placed)
        .group_by(*SLICE_KEYS, "quantity_id", "tou", "agg", "n", "distinct_days")
        .agg(
            pl.when(_is_shared(pl.col("agg").first())).then(pl.col("quantity").sum()).otherwise(pl.col("quantity").max()),
            pl.lit(None, pl.Int32).alias("rank"),
            # The mean power of an hour is its energy.
            pl.when(pl.col("agg").first() == "mean").then(60).cast(pl.Int64).alias("minutes"),
            pl.lit(None, pl.Date).alias("peak_day"),
            pl.lit(False).alias("is_estimated"),
            pl.when(pl.col("is_cut").any()).then(pl.lit("days")).otherwise(pl.lit("register")).alias("split_method"),
            pl.lit(0, pl.Int64).alias("reads_seq"),
        )
        .select(*SLICE_KEYS, *FOUND)
    )  # fmt: skip
    return filled(found, due, calendar, given, given.book.quantities), parks


def of_channels(
    due: pl.DataFrame, given: RatingInput, quantities: DataFrame[GivenQuantities]
) -> DataFrame[GivenQuantities]:
    """Return the given quantities without those that the agreement's own tariff takes from history or a bank."""
    carried = given.book.quantities.filter(pl.col("kind").is_in(["history", "bank"])).join(
        given.book.versions.select("version_id", "tariff_id"), on="version_id", how="left", validate="m:1"
    )
    theirs = due.select("agreement_id", "tariff_id").join(
        carried.select("tariff_id", "quantity_id").unique(), on="tariff_id", how="inner", validate="m:m"
    )
    return checked(GivenQuantities, quantities.join(theirs, on=["agreement_id", "quantity_id"], how="anti"))


def given_carried(
    due: pl.DataFrame, given: RatingInput, quantities: DataFrame[GivenQuantities], carried: pl.DataFrame
) -> pl.DataFrame:
    """Return what earlier cycles left, with given values in place of histories and banks of the same name."""
    kinds = given.book.quantities.filter(pl.col("kind").is_in(["history", "bank"])).select(
        "version_id", "quantity_id", "unit_size"
    )
    stated = (
        quantities.join(due.select("due_no", "agreement_id", "tariff_id"), on="agreement_id", how="inner",
                        validate="m:1")
        .join(given.book.versions.select("version_id", "tariff_id"), on="tariff_id", how="inner", validate="m:m")
        .join(kinds, on=["version_id", "quantity_id"], how="inner", validate="m:1")
        .select("due_no", "version_id", pl.col("quantity_id").alias("name"),
                (wide("quantity") * int128(FORMULA_SCALE) // wide("unit_size")).alias("value"))
    )  # fmt: skip
    keys = ["due_no", "version_id", "name"]
    return pl.concat([stated, carried.join(stated, on=keys, how="anti")])


def _placed(mine: pl.DataFrame, wanted: pl.DataFrame, given: RatingInput) -> pl.DataFrame:
    """Return the given quantities in each slice that prices them and in which their period occurs."""
    names = (
        given.book.period_names.filter(pl.col("tou") != "")
        .group_by("version_id", "schedule", "season_part", pl.col("tou").alias("given_tou"))
        .agg(pl.col("tou_part").min().alias("part"))
    )
    named = wanted.join(
        names, left_on=["version_id", "schedule", "season"], right_on=["version_id", "schedule", "season_part"],
        how="inner", validate="m:m",
    ).with_columns(pl.col("part").alias("tou"))  # fmt: skip
    places = pl.concat([wanted.with_columns(pl.lit("").alias("given_tou")), named], how="diagonal").select(
        *SLICE_KEYS, "days", "quantity_id", "agg", "n", "distinct_days", "tou", "given_tou"
    )
    return mine.join(places, on=["due_no", "quantity_id", "given_tou"], how="inner", validate="1:m")


def _shared(placed: pl.DataFrame) -> pl.DataFrame:
    """Return sums shared over their slices by days, the remainders going to the largest parts that were cut off."""
    whole = ["due_no", "quantity_id", "given_tou"]
    days = pl.col("days").cast(pl.Int64).sum().over(whole).cast(pl.Int128)
    exact = wide("quantity") * wide("days")
    return (
        placed.with_columns(
            (exact // days).cast(pl.Int64).alias("part"),
            (exact % days).cast(pl.Int64).alias("rest"),
            (pl.len().over(whole) > 1).alias("is_cut"),
        )
        .sort(*whole, "rest", "segment_no", "slice_no", descending=[False, False, False, True, False, False])
        .with_columns(
            (pl.col("quantity") - pl.col("part").sum().over(whole)).alias("left"),
            pl.int_range(pl.len()).over(whole).alias("place"),
        )
        .with_columns(
            pl.when(_is_shared(pl.col("agg")))
            .then(pl.col("part") + (pl.col("place") < pl.col("left")).cast(pl.Int64))
            .otherwise("quantity")
            .alias("quantity")
        )
    )


def _is_shared(agg: pl.Expr) -> pl.Expr:
    """Return whether a quantity is shared over slices by days; powers hold in each of them."""
    return agg.is_in(["sum", "cost"])


def _not_given(due: pl.DataFrame, mine: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    missing = wanted.filter(~pl.col("is_optional")).join(mine, on=["due_no", "quantity_id"], how="anti")
    detail = pl.format("quantity {} is not optional; expected it among the given quantities, found none", "quantity_id")
    return park(missing.join(due, on="due_no", how="semi"), ParkReason.NO_CHANNEL, detail)


def _not_by_period(mine: pl.DataFrame, wanted: pl.DataFrame, given: RatingInput) -> pl.DataFrame:
    by_tou = given.book.components.filter("by_tou").select("version_id", "quantity_id").unique()
    periods = given.book.tou_windows.filter(pl.col("tou") != "").select("version_id").unique()
    split = (
        wanted.join(by_tou, on=["version_id", "quantity_id"], how="semi")
        .join(periods, on="version_id", how="semi")
        .join(mine.filter(pl.col("given_tou") == ""), on=["due_no", "quantity_id"], how="semi")
    )
    detail = pl.format("quantity {} is priced by period; expected it by period, found one number", "quantity_id")
    return park(split, ParkReason.NO_CHANNEL, detail)


def _not_priced(mine: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    lost = mine.join(placed, on=["due_no", "quantity_id", "given_tou"], how="anti")
    detail = pl.format(
        "quantity {}, period `{}`: expected a day on which it is priced, found none", "quantity_id", "given_tou"
    )
    return park(lost, ParkReason.NO_PRICE, detail)
