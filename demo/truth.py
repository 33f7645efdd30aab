"""What was really drawn, beside what the files say: tests and demonstrations compare it with what landed."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from demo.defects import deliver, final_quantities
from demo.deliveries import all_blocks, block_energy
from demo.registers import draw_register_use
from demo.tables import REGISTER_SUFFIX, point_id
from demo.utility import Utility


@dataclass(frozen=True)
class Truth:
    """Quantities by channel and day, in smallest units.

    `intervals` has the columns of `demo.defects.final_quantities`; `registers` channel_id, day, drawn (use of the
    day, after the multiplier).
    """

    intervals: pl.DataFrame
    registers: pl.DataFrame


def draw_truth(utility: Utility) -> Truth:
    """Return the truth of a utility: intervals from the first day of history, registers of the period."""
    intervals, registers = [], []
    channels = utility.channels.select("channel_id")
    for block in all_blocks(utility):
        energy = block_energy(utility, block)
        intervals.append(final_quantities(energy, deliver(utility.seed, block, energy)))
        registers.append(_register_use(utility, block))
    mine = {"how": "semi", "on": "channel_id"}
    return Truth(
        intervals=pl.concat(intervals).join(channels, **mine).sort("channel_id", "day"),  # type: ignore[arg-type]
        registers=pl.concat(registers).join(channels, **mine).sort("channel_id", "day"),  # type: ignore[arg-type]
    )


def _register_use(utility: Utility, block: int) -> pl.DataFrame:
    start, end = utility.period_start_date, utility.period_end_date
    drawn = draw_register_use(utility.seed, block, start, end, period_start_date=start, period_end_date=end)
    suffix = pl.col("letter").replace_strict(REGISTER_SUFFIX, return_dtype=pl.String)
    ids = drawn.points.select(channel_id=pl.concat_str(point_id(), suffix, separator="/"))
    wide = pl.concat(
        [ids, pl.DataFrame(drawn.use, schema=[str(day) for day in drawn.days], orient="row")], how="horizontal"
    )
    return wide.unpivot(index="channel_id", variable_name="day", value_name="drawn").with_columns(
        pl.col("day").str.to_date("%Y-%m-%d"), pl.col("drawn").cast(pl.Int64)
    )
