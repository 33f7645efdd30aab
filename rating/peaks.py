"""Maxima and minima by slice and time-of-use period, kept by a kernel while days are added up.

They need one number a period, so no day of them becomes a row. What needs more of a day, or the channels of a measure
added slot by slot first, goes through `rating.powers.powers_by_slice`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from model.columns import Numbers, lying_columns
from rating.bands import BandedDays
from rating.kernels import Int32s, Int64s
from rating.placed_days import PlacedDays
from rating.powers import POWER_SCHEMA, Powers, Reading
from rating.slot_kernels import NOTHING, added_bands, lowest_in_bands, peak_days

_AGGS = ("max", "min")
_HOUR = 60


@dataclass(frozen=True)
class Peaks:
    """What is kept. `ways`: the powers that are found here. `values`: by agg the peaks of groups and periods."""

    reading: Reading
    ways: pl.DataFrame
    values: dict[str, Int64s]

    @classmethod
    def of(cls, asked: Powers, reading: Reading, groups: int, periods: int) -> Peaks:
        """Return room for the maxima and minima that are asked for.

        Values of slots that are no whole part of an hour round to powers, and two of them may be one: not found here.
        """
        is_exact = _HOUR % reading.minutes == 0
        ways = asked.ways.filter(pl.col("agg").is_in(_AGGS) & pl.lit(is_exact))
        empty = np.full((groups, periods, 2), NOTHING, dtype=np.int64)
        return cls(reading, ways, {agg: empty.copy() for agg in ways["agg"].unique().to_list()})

    def powers_by_day(self, asked: Powers) -> dict[bool, Powers]:
        """Return the powers that are left to be found day by day, of shared measures and of others."""
        return {True: asked, False: Powers(asked.wanted, asked.ways.join(self.ways, on="power_no", how="anti"))}

    def channels_by_day(self, channels: pl.DataFrame, asked: Powers) -> pl.DataFrame:
        """Return the channels with `needs_power` of those that have powers that are left."""
        left = asked.wanted.join(self.ways, on="power_no", how="anti").select("cal_no", "measure_no").unique()
        marked = channels.join(
            left.with_columns(is_left=pl.lit(True)), on=["cal_no", "measure_no"], how="left", validate="m:1",
            maintain_order="left",
        )  # fmt: skip
        needs = pl.col("needs_power") & (pl.col("is_shared") | pl.col("is_left").fill_null(False))
        return marked.with_columns(needs_power=needs).drop("is_left")

    def keep(self, some: BandedDays, highest: Numbers, placed: PlacedDays, lines: slice, masks: Int32s) -> None:
        """Look at some rows. `highest`: the highest slot of each band; `lines`: the channels among the rows."""
        owners = placed.channels[lines].select(pl.col("needs_power") & ~pl.col("is_shared")).to_series().to_numpy()
        mine = placed.lines[lines][owners]
        if not len(mine):
            return
        # A day that counts has nulls only where no demand interval ends: there is nothing there, and not zero.
        has_gaps = self.reading.is_whole and any(slot.null_count() for slot in some.slots)
        for agg, peaks in self.values.items():
            sign = 1 if agg == "max" else -1
            values = highest
            if sign < 0:
                values = lowest_in_bands(lying_columns(some.slots, -NOTHING if has_gaps else 0), some.bands.starts)
            elif has_gaps:
                _, values = added_bands(lying_columns(some.slots, NOTHING), some.bands.starts)
            peak_days(
                some.first_row, some.rows[0], mine, placed.calendar, some.bands.periods, values, sign, masks, peaks
            )

    def as_powers(self, placed: PlacedDays, tous: list[str], asked: Powers) -> pl.DataFrame:
        """Return what was kept (POWER_SCHEMA)."""
        found = [pl.DataFrame(schema=POWER_SCHEMA)]
        for way in self.ways.iter_rows(named=True):
            values = self.values[way["agg"]]
            group, period = np.nonzero(values[:, :, 0] > NOTHING)
            energy = values[group, period, 0] * (1 if way["agg"] == "max" else -1)
            days = pl.Series("peak_day", values[group, period, 1] + placed.first_day).cast(pl.Int32).cast(pl.Date)
            wanted = asked.wanted.filter(pl.col("power_no") == way["power_no"])
            rows = placed.groups[group].with_columns(
                pl.Series("tou", tous, dtype=pl.String)[period], days,
                pl.Series("quantity", energy * (_HOUR // self.reading.minutes)),
                pl.lit(way["power_no"], pl.Int32).alias("power_no"),
                pl.lit(None, pl.Int32).alias("rank"), pl.lit(None, pl.Int64).alias("minutes"),
            )  # fmt: skip
            found.append(rows.join(wanted, on=["cal_no", "measure_no"], how="semi").select(list(POWER_SCHEMA)))
        return pl.concat(found)
