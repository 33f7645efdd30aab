"""What arrives of the interval channels: one row per channel and day, in the order of the files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from demo import tables
from demo.defects import Delivered, deliver
from demo.draws import BLOCK_POINTS, block_count
from demo.load import Energy, draw_energy
from demo.utility import Utility
from demo.weather import SLOTS
from model.codes import Quality

PRINTED_UNIT = {"E1": "kWh", "B1": "kWh", "Q1": "kvarh"}
QUALITY_LETTER = {int(Quality.ACTUAL): "A", int(Quality.SUBSTITUTED): "S", int(Quality.ESTIMATED): "E"}


@dataclass(frozen=True)
class Deliveries:
    """Channel-days and their slots. `rows`: service_point_id, suffix, channel_id, branch_id, tz_name, unit, meter_id,
    day, slots, worst (of the slots that are there), updated_at. `values` and `quality` have 100 columns."""

    rows: pl.DataFrame
    values: NDArray[np.int32]
    quality: NDArray[np.uint8]

    def where(self, condition: pl.Expr) -> Deliveries:
        """Return the channel-days that meet a condition on `rows`."""
        at = self.rows.select(condition.fill_null(value=False).arg_true()).to_series().to_numpy()
        return Deliveries(self.rows[at], self.values[at], self.quality[at])

    def is_missing(self) -> NDArray[np.bool_]:
        """Tell the slots that have no value: gaps, and columns beyond the day's real slots."""
        beyond = np.arange(SLOTS)[None, :] >= self.rows["slots"].to_numpy()[:, None]
        return np.asarray((self.quality == int(Quality.MISSING)) | beyond)

    def printed_values(self) -> pl.DataFrame:
        """Return the slots as text in the printed unit, three decimals; null where missing. Columns v00..v99."""
        missing = self.is_missing()
        columns = [
            pl.Series(f"v{slot:02d}", self.values[:, slot]).to_frame().select(
                pl.when(~pl.Series(missing[:, slot])).then(pl.col(f"v{slot:02d}")).cast(pl.Decimal(18, 0))
            ).to_series()
            for slot in range(SLOTS)
        ]  # fmt: skip
        return pl.DataFrame(columns).with_columns(pl.all() * pl.lit("0.001").cast(pl.Decimal(18, 3))).cast(pl.String)


def block_energy(utility: Utility, block: int) -> Energy:
    """Return the drawn energy of a block from the first day of history to the end of the period."""
    return draw_energy(
        utility.seed, block, utility.history_start_date, utility.period_end_date,
        period_start_date=utility.period_start_date, period_end_date=utility.period_end_date,
    )  # fmt: skip


def _channel_days(utility: Utility, energy: Energy) -> pl.DataFrame:
    """Return the rows of a block's channel-days in order of channel and day, with their indexes in the arrays."""
    channel_count, day_count = energy.slots.shape
    channel = np.repeat(np.arange(channel_count, dtype=np.uint32), day_count)
    day = np.tile(np.arange(day_count, dtype=np.uint32), channel_count)
    exchanged = (pl.col("event") == "meter_exchange").fill_null(value=False) & (pl.col("day") >= pl.col("event_date"))
    last_point = utility.points
    return energy.channels.select(
        "point_no", "letter", "service_point_id", "suffix", "channel_id", "branch_id", "tz_name", "event", "event_date"
    )[channel].with_columns(
        pl.Series("channel", channel),
        pl.Series("day_index", day),
        pl.Series("day", energy.days, dtype=pl.Date).gather(day),
        pl.Series("slots", energy.slots.ravel()),
    ).filter(pl.col("point_no") < last_point).with_columns(
        unit=pl.col("suffix").replace_strict(PRINTED_UNIT, return_dtype=pl.String),
        meter_id=pl.when(exchanged).then(tables.meter_id(2)).otherwise(tables.meter_id(1)),
    )  # fmt: skip


def _taken(
    rows: pl.DataFrame, values: NDArray[np.int32], quality: NDArray[np.uint8], updated_at: pl.Expr
) -> Deliveries:
    channel, day = rows["channel"].to_numpy(), rows["day_index"].to_numpy()
    taken = quality[channel, day]
    worst = np.where(taken == int(Quality.MISSING), 0, taken).max(axis=1, initial=0).astype(np.uint8)
    dated = rows.with_columns(pl.Series("worst", worst), updated_at=updated_at.cast(pl.Datetime("us")))
    return Deliveries(dated.drop("channel", "day_index"), values[channel, day], taken)


def block_deliveries(utility: Utility, block: int) -> tuple[Deliveries, Deliveries]:
    """Return what arrives of a block: the nightly files, and the file that later corrects some of their days."""
    energy = block_energy(utility, block)
    given: Delivered = deliver(utility.seed, block, energy)
    rows = _channel_days(utility, energy)
    at = (rows["channel"].to_numpy(), rows["day_index"].to_numpy())
    nightly = rows.filter(pl.Series(given.is_present[at]))
    corrected = rows.filter(pl.Series(given.is_resent[at]))
    # The provider reads at night: the day's values are updated at 05:20 of the next.
    next_morning = pl.col("day").cast(pl.Datetime("us")) + pl.duration(days=1, hours=5, minutes=20)
    later = pl.lit(utility.period_end_date + timedelta(days=1)).cast(pl.Datetime("us")) + pl.duration(
        hours=5, minutes=30
    )
    actual = np.zeros_like(given.quality)
    return _taken(nightly, given.values, given.quality, next_morning), _taken(corrected, energy.values, actual, later)


def joined(parts: list[Deliveries]) -> Deliveries:
    """Return deliveries one after the other."""
    return Deliveries(
        pl.concat([part.rows for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.quality for part in parts]),
    )


def all_blocks(utility: Utility) -> range:
    """Return the blocks that hold the utility's points."""
    assert utility.points >= 0, f"points: expected 0 or more of {BLOCK_POINTS} a block, found {utility.points}"
    return range(block_count(utility.points))
