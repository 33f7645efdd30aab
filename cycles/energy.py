"""The energy control: every interval that was read is billed, parked, or of a measure its tariff does not price."""

from __future__ import annotations

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from ledger.quantities import billed_quantities
from model.codes import Measure
from model.controls import EnergyControls
from model.rating import Rated, RatingInput
from model.reads import slot_columns
from model.schema import arranged

_KEYS = ["branch_id", "measure"]


def energy_controls(given: RatingInput, rated: Rated, partition: int) -> DataFrame[EnergyControls]:
    """Return read, billed, parked and unpriced energy by branch and measure of interval channels.

    What was read is summed from the slots themselves, apart from rating; what was billed from its determinants.
    """
    read = _read_by_agreement(given)
    parked = rated.parked.select("agreement_id")
    priced = _priced_measures(given, rated)
    of_billed = read.join(parked, on="agreement_id", how="anti")
    unpriced = of_billed.join(priced, on=["agreement_id", "measure"], how="anti")
    of_parked = read.join(parked, on="agreement_id", how="semi")
    intervals = rated.determinants.filter(pl.col("split_method") == "interval")
    billed = billed_quantities(intervals, rated.segments, given.book.quantities, given.due)
    sums = [
        _summed(frame, name)
        for frame, name in ((read, "read"), (billed, "billed"), (of_parked, "parked"), (unpriced, "unpriced"))
    ]
    keys = pl.concat([frame.select(_KEYS) for frame in sums]).unique().sort(_KEYS)
    for frame in sums:
        keys = keys.join(frame, on=_KEYS, how="left", validate="1:1")
    filled = keys.with_columns(pl.col("read", "billed", "parked", "unpriced").fill_null(0), partition=pl.lit(partition))
    return arranged(EnergyControls, filled)


def _read_by_agreement(given: RatingInput) -> pl.DataFrame:
    spans = given.due.select("agreement_id", "branch_id", "start_date", "end_date")
    is_read = (pl.col("day") >= pl.col("from_date")).fill_null(True) & (pl.col("day") < pl.col("to_date")).fill_null(
        True
    )
    columns = {"agreement_id": pl.String(), "branch_id": pl.String(), "measure": pl.String(), "quantity": pl.Int64()}
    found = [pl.DataFrame(schema=columns)]
    for minutes, days in sorted(given.days.items()):
        totals = days.select("channel_no", "day", _day_totals(days.select(slot_columns(minutes))))
        owned = given.channels.filter(pl.col("interval_minutes") == minutes)
        placed = (
            totals.join(owned, on="channel_no", how="inner", validate="m:m")
            .join(spans, on="agreement_id", how="inner", validate="m:m")
            .filter(pl.col("day").is_between("start_date", "end_date", closed="left"), is_read)
        )
        found.append(placed.group_by("agreement_id", "branch_id", "measure").agg(pl.col("quantity").sum()))
    return pl.concat(found)


def _day_totals(slots: pl.DataFrame) -> pl.Series:
    """Return the sum of each day's slots; an empty slot adds nothing."""
    totals = np.zeros(slots.height, dtype=np.int64)
    for slot in slots:
        if slot.null_count() < slot.len():
            np.add(totals, slot.fill_null(0).to_numpy(), out=totals)
    return pl.Series("quantity", totals)


def _priced_measures(given: RatingInput, rated: Rated) -> pl.DataFrame:
    # What is made of two measures is no energy of its own: see ledger.quantities.
    sums = given.book.quantities.filter(
        pl.col("agg") == "sum", pl.col("tou") == "", pl.col("less_measure").is_null(),
        pl.col("measure") != Measure.APPARENT_ENERGY,
    )  # fmt: skip
    return (
        rated.segments.select("agreement_id", "version_id")
        .join(sums.select("version_id", "measure"), on="version_id", how="inner", validate="m:m")
        .select("agreement_id", "measure")
        .unique()
    )


def _summed(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.group_by(_KEYS).agg(pl.col("quantity").sum().alias(name))
