"""What the checks need of each channel-day: sums, extremes, runs, night flow, energy by part of the day."""

from __future__ import annotations

import polars as pl

from ingest.checks.kernels import GROUPS, NO_NIGHT, day_features
from ingest.vee.kernels import screen_days
from ingest.vee.matrix import Ints, day_kinds, real_slots, value_matrix

GROUP_COLUMNS = [f"g{group}" for group in range(GROUPS)]

_OF_CHANNEL = ["channel_no", "measure", "revenue_class", "interval_minutes", "capacity_w", "generation"]


def feature_days(landed: pl.DataFrame, channels: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Return a row for each landed one of a known channel, in order.

    channel_no, day, n, worst, base_seq; slots (by the clock of the zone), present, total, lowest, highest, third;
    same_slots and same_first (longest run of one value, not zero); night_low (null without values at night); g0..g7
    (sums by three hours); measure, revenue_class, interval_minutes, capacity_w, generation, row (place in `landed`).
    `channels` has the columns of `Places.channels`.
    """
    zones = channels.select("channel_no", "tz_name")
    # Joins go over keys alone: the slots are many, and stay where they are.
    keys = landed.select("channel_no", "day", "n", "worst", "seq").with_row_index("row")
    rows = keys.join(zones, how="inner", on="channel_no", validate="m:1", maintain_order="left")
    kinds = day_kinds(rows, interval_minutes)
    rows = rows.join(kinds.table, how="left", on=["tz_name", "day"], validate="m:1", maintain_order="left")
    values = value_matrix(landed if rows.height == landed.height else landed[rows["row"]], interval_minutes)
    # Slots beyond the clock's day have no time: another check speaks of them.
    slots_real = real_slots(pl.Series(rows.select(pl.min_horizontal("n", "slots")).to_series()))
    screened = screen_days(values, slots_real)
    clocks = 24 * 60 // interval_minutes
    found = day_features(values, slots_real, kinds_of(rows), kinds.clock_of_slot, clocks)
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
    measured = measured.with_columns(night_low=pl.when(pl.col("night_low") < NO_NIGHT).then(pl.col("night_low")))
    return measured.join(
        channels.select(_OF_CHANNEL), how="left", on="channel_no", validate="m:1", maintain_order="left"
    )


def kinds_of(rows: pl.DataFrame) -> Ints:
    """Return the kind of each row's day as the kernels want it."""
    kinds: Ints = rows["kind"].cast(pl.Int64).to_numpy()
    return kinds


def is_complete() -> pl.Expr:
    """Return whether every slot of the clock's day has a value."""
    return (pl.col("present") == pl.col("slots")) & (pl.col("n") == pl.col("slots"))
