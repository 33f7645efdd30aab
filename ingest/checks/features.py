"""What the checks need of each channel-day: sums, extremes, runs, night flow, energy by part of the day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.checks.kernels import GROUPS, NO_NIGHT, Features, day_features
from ingest.vee.matrix import Ints, channel_places, placed_kinds, real_slots
from ingest.vee.slot_kernels import Screened, columns_of_days, screened_columns

GROUP_COLUMNS = [f"g{group}" for group in range(GROUPS)]
PAST_DAYS: dict[str, pl.DataType] = {
    "channel_no": pl.Int32(), "day": pl.Date(), "n": pl.Int16(), "worst": pl.UInt8(), "base_seq": pl.Int64(),
    "slots": pl.Int16(), "present": pl.Int32(), "total": pl.Int64(), "lowest": pl.Int64(), "highest": pl.Int64(),
    "night_low": pl.Int64(), **dict.fromkeys(GROUP_COLUMNS, pl.Int64()),
}  # fmt: skip
"""What is asked of a day before the period: less than of a day that is judged."""

_OF_CHANNEL = ["channel_no", "measure", "revenue_class", "interval_minutes", "capacity_w", "generation"]


@dataclass(frozen=True)
class Measured:
    """What was measured of the days of some channels."""

    days: pl.DataFrame
    """Days of the period: `measured_days` of its landed rows."""
    past: Sequence[pl.DataFrame] = ()
    """Days before it: `PAST_DAYS`; each part has its rows in order, and no channel-day comes in two."""


def measured(
    landed: pl.DataFrame, before: Iterable[pl.DataFrame], channels: pl.DataFrame, interval_minutes: int
) -> Measured:
    """Measure the landed rows of the period, and those of days before it, which are read part by part."""
    past = [past_days(rows, channels, interval_minutes) for rows in before]
    return Measured(measured_days(landed, channels, interval_minutes), past)


def feature_days(landed: pl.DataFrame, channels: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Return a row for each landed one of a known channel, in order.

    channel_no, day, n, worst, base_seq; slots (by the clock of the zone), present, total, lowest, highest, third;
    same_slots and same_first (longest run of one value, not zero); night_low (null without values at night); g0..g7
    (sums by three hours); row (place in `landed`); and what `with_channels` adds. `channels` has the columns of
    `Places.channels`.
    """
    return with_channels(measured_days(landed, channels, interval_minutes), channels)


def past_days(landed: pl.DataFrame, channels: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Return what is asked of days before the period: `PAST_DAYS`, in the order of the rows."""
    return measured_days(landed, channels, interval_minutes, is_past=True).select(list(PAST_DAYS))


def measured_days(
    landed: pl.DataFrame, channels: pl.DataFrame, interval_minutes: int, *, is_past: bool = False
) -> pl.DataFrame:
    """Return `feature_days` without what is told of the channel; of days of the past without runs of one value."""
    zones = channels.select("channel_no", "tz_name")
    # The slots are many, and stay where they are.
    keys = landed.select("channel_no", "day", "n", "worst", "seq").with_row_index("row")
    rows = keys.filter(pl.col("channel_no").is_in(zones["channel_no"].implode())).rechunk()
    kinds, kind_of, slots = placed_kinds(rows, zones, interval_minutes)
    rows = rows.with_columns(pl.Series("slots", slots, dtype=pl.Int16))
    known = landed if rows.height == landed.height else landed[rows["row"]]
    # Slots beyond the clock's day have no time: another check speaks of them.
    slots_real = real_slots(pl.Series(rows.select(pl.min_horizontal("n", "slots")).to_series()))
    screened, found = _screen_parts(known, slots_real, kind_of, kinds.clock_of_slot, interval_minutes, is_past)
    measured = rows.select("channel_no", "day", "n", "worst", "slots", "row", base_seq="seq").with_columns(
        pl.Series("present", screened.present, dtype=pl.Int32),
        pl.Series("total", screened.total, dtype=pl.Int64),
        pl.Series("lowest", screened.lowest, dtype=pl.Int64),
        pl.Series("highest", screened.highest, dtype=pl.Int64),
        pl.Series("third", screened.third, dtype=pl.Int64),
        pl.Series("same_slots", found.same_slots, dtype=pl.Int32),
        pl.Series("same_first", found.same_first, dtype=pl.Int32),
        pl.Series("night_low", found.night_low, dtype=pl.Int64),
        *[pl.Series(name, found.groups[group], dtype=pl.Int64) for group, name in enumerate(GROUP_COLUMNS)],
    )
    return measured.with_columns(night_low=pl.when(pl.col("night_low") < NO_NIGHT).then(pl.col("night_low")))


def with_channels(measured: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Add measure, revenue_class, interval_minutes, capacity_w and generation of each row's channel."""
    ordered = channels.select(_OF_CHANNEL).sort("channel_no")
    places = channel_places(ordered["channel_no"].to_numpy(), measured["channel_no"].to_numpy())
    return pl.concat([measured, ordered.drop("channel_no")[places]], how="horizontal")


def _screen_parts(
    days: pl.DataFrame, slots_real: Ints, kinds: Ints, clock_of_slot: Ints, interval_minutes: int, is_past: bool
) -> tuple[Screened, Features]:
    """Return sums, extremes and features of wide days, of some rows after the other."""
    clocks = 24 * 60 // interval_minutes
    screened, found = [], []
    for first, columns in columns_of_days(days, interval_minutes):
        rows = slice(first, first + columns.rows)
        screened.append(screened_columns(columns, slots_real[rows]))
        found.append(day_features(columns, slots_real[rows], kinds[rows], clock_of_slot, clocks, with_runs=not is_past))
    return (
        Screened(*(np.concatenate(column) for column in zip(*(vars(one).values() for one in screened), strict=True))),
        Features(
            *(np.concatenate(column, axis=-1) for column in zip(*(vars(one).values() for one in found), strict=True))
        ),
    )


def is_complete() -> pl.Expr:
    """Return whether every slot of the clock's day has a value."""
    return (pl.col("present") == pl.col("slots")) & (pl.col("n") == pl.col("slots"))
