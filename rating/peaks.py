"""Maxima and minima by slice and time-of-use period, kept by a kernel while days are added up.

They need one number a period, so no day of them becomes a row. What needs more of a day, or the channels of a measure
added slot by slot first, goes through `rating.powers.powers_by_slice`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.kernels import Int64s
from rating.placed_days import PlacedDays
from rating.powers import POWER_SCHEMA, Powers, Reading
from rating.slot_kernels import NOTHING, Sums

_AGGS = ("max", "min")
_HOUR = 60


@dataclass(frozen=True)
class Peaks:
    """What is kept. `ways`: the powers that are found here, of values of so many `minutes`."""

    minutes: int
    ways: pl.DataFrame

    @classmethod
    def of(cls, asked: Powers, reading: Reading) -> Peaks:
        """Return the maxima and minima that are asked for.

        Values of slots that are no whole part of an hour round to powers, and two of them may be one: not found here.
        """
        is_exact = _HOUR % reading.minutes == 0
        return cls(reading.minutes, asked.ways.filter(pl.col("agg").is_in(_AGGS) & pl.lit(is_exact)))

    def room(self, agg: str, groups: int, periods: int) -> Int64s:
        """Return room for the peaks of groups and periods: for none when nobody asks for this one."""
        is_asked = bool((self.ways["agg"] == agg).any())
        return np.full((groups if is_asked else 0, periods, 2), NOTHING, dtype=np.int64)

    def powers_by_day(self, asked: Powers) -> dict[bool, Powers]:
        """Return the powers that are left to be found day by day, of shared measures and of others."""
        return {True: asked, False: Powers(asked.wanted, asked.ways.join(self.ways, on="power_no", how="anti"))}

    def channels_by_day(self, channels: pl.DataFrame, asked: Powers) -> pl.DataFrame:
        """Return the channels with `needs_power` of those that have powers that are left."""
        if self.ways.height == asked.ways.height:
            return channels.with_columns(pl.col("needs_power") & pl.col("is_shared"))
        left = asked.wanted.join(self.ways, on="power_no", how="anti").select("cal_no", "measure_no").unique()
        marked = channels.join(
            left.with_columns(is_left=pl.lit(True)), on=["cal_no", "measure_no"], how="left", validate="m:1",
            maintain_order="left",
        )  # fmt: skip
        needs = pl.col("needs_power") & (pl.col("is_shared") | pl.col("is_left").fill_null(False))
        return marked.with_columns(needs_power=needs).drop("is_left")

    def as_powers(self, sums: Sums, placed: PlacedDays, tous: list[str], asked: Powers) -> pl.DataFrame:
        """Return what was kept (POWER_SCHEMA)."""
        found = [pl.DataFrame(schema=POWER_SCHEMA)]
        for way in self.ways.iter_rows(named=True):
            values = sums.highest if way["agg"] == "max" else sums.lowest
            group, period = np.nonzero(values[:, :, 0] > NOTHING)
            energy = values[group, period, 0] * (1 if way["agg"] == "max" else -1)
            days = pl.Series("peak_day", values[group, period, 1] + placed.owners.first_day).cast(pl.Int32)
            wanted = asked.wanted.filter(pl.col("power_no") == way["power_no"])
            rows = placed.groups[group].with_columns(
                pl.Series("tou", tous, dtype=pl.String)[period], days.cast(pl.Date),
                pl.Series("quantity", energy * (_HOUR // self.minutes)),
                pl.lit(way["power_no"], pl.Int32).alias("power_no"),
                pl.lit(None, pl.Int32).alias("rank"), pl.lit(None, pl.Int64).alias("minutes"),
            )  # fmt: skip
            found.append(rows.join(wanted, on=["cal_no", "measure_no"], how="semi").select(list(POWER_SCHEMA)))
        return pl.concat(found)
