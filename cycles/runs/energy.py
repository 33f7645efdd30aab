"""The energy control: every interval that was read is billed, parked, or of a measure its tariff does not price."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
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
    begin, end = pl.max_horizontal("start_date", "from_date"), pl.min_horizontal("end_date", "to_date")
    columns = {"agreement_id": pl.String(), "branch_id": pl.String(), "measure": pl.String(), "quantity": pl.Int64()}
    found = [pl.DataFrame(schema=columns)]
    for minutes, days in sorted(given.days.items()):
        owned = given.channels.filter(pl.col("interval_minutes") == minutes)
        placed = owned.join(spans, on="agreement_id", how="inner", validate="m:m")
        places = days.select(_placed_day("day")).to_series()
        assert places.is_sorted(), "days must be in order of channel and day"
        first, after = (
            np.searchsorted(places.to_numpy(), placed.select(_placed_day(end)).to_series().to_numpy())
            for end in (begin, end)
        )
        # What was read up to each day: the days of an agreement are a difference, and no row per day is made.
        until = np.concatenate(
            [np.zeros(1, dtype=np.int64), np.cumsum(_day_totals(days.select(slot_columns(minutes))))]
        )
        read = placed.with_columns(pl.Series("quantity", until[np.maximum(after, first)] - until[first]))
        some = read.filter(pl.Series(after > first))
        found.append(some.group_by("agreement_id", "branch_id", "measure").agg(pl.col("quantity").sum()))
    return pl.concat(found)


def _placed_day(day: pl.Expr | str) -> pl.Expr:
    """Return one integer per channel and day, ascending with both; 2^22 days reach past year 9999."""
    of_day = pl.col(day) if isinstance(day, str) else day
    return pl.col("channel_no").cast(pl.Int64) * 2**22 + of_day.to_physical().cast(pl.Int64)


def _day_totals(slots: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Return the sum of each day's slots; an empty slot adds nothing."""
    totals = np.zeros(slots.height, dtype=np.int64)
    for slot in slots:
        if slot.null_count() < slot.len():
            np.add(totals, slot.fill_null(0).to_numpy(), out=totals)
    return totals


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
