"""Days that are made: slots of two measures compared, or slots added to longer demand intervals.

They are wide days like those that were read, one row per agreement and day, so what finds use and powers in the
ones finds them in the others. Only complete days of the due period are made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from model.reads import slot_columns
from rating.kernels import apparent_energy
from rating.powers import Reading

# Slots by days, as columns lie in memory: turning them into rows would cost more than all that is worked out.
Slots = npt.NDArray[np.int64]

# Agreements made at once: a month of them, slots of 15 minutes as int64, takes 25 MB.
DUES_AT_ONCE = 1_000


@dataclass(frozen=True)
class MadeDays:
    """Made days of some agreements: `wide` and `channels` as `rating.intervals.interval_use` takes them.

    `minutes`: interval length of the channels. `step`: their slots in a slot of `wide`.
    """

    minutes: int
    step: int
    reading: Reading
    wide: pl.DataFrame
    channels: pl.DataFrame


def make_days(
    sources: pl.DataFrame, wanted: pl.DataFrame, channels: pl.DataFrame, good: pl.DataFrame,
    days: Mapping[int, pl.DataFrame],
) -> Iterator[MadeDays]:  # fmt: skip
    """Yield the days of every source that is made slot by slot.

    `sources`: see `rating.sources.made_sources`. `wanted`: cal_no, measure_no, needs_power. `channels`: those of the
    agreements, of plain measures. `good`: their complete days. `days`: what was read, by interval length. A source
    whose demand interval is no multiple of the channel's gives nothing: see `rating.coverage.of_long_intervals`.
    """
    for source in sources.filter(pl.col("kind") == "slots").iter_rows(named=True):
        asking = wanted.filter(pl.col("measure_no") == source["measure_no"]).drop("measure_no")
        read = channels.filter(pl.col("interval_minutes") > 0)
        first = read.filter(pl.col("measure_no") == source["first_no"])
        first = first.drop("needs_power").join(asking, on="cal_no", how="inner", validate="m:1")
        second = read.filter(pl.col("measure_no") == (source["second_no"] if source["second_no"] is not None else -1))
        for minutes in sorted(set(first["interval_minutes"].to_list())):
            if minutes not in days or source["block_minutes"] % minutes:
                continue
            of_length = first.filter(pl.col("interval_minutes") == minutes)
            dues = of_length.select("due_no", "cal_no", "needs_power").unique().sort("due_no")
            for start in range(0, dues.height, DUES_AT_ONCE):
                some = dues[start : start + DUES_AT_ONCE]
                yield _made(source, some, of_length, second, good, days[minutes], minutes)


def _made(
    source: dict[str, Any], dues: pl.DataFrame, first: pl.DataFrame, second: pl.DataFrame, good: pl.DataFrame,
    wide: pl.DataFrame, minutes: int,
) -> MadeDays:  # fmt: skip
    names = slot_columns(minutes)
    days = _combined(dues, first, good, wide, names)
    other = _combined(dues, second.filter(pl.col("interval_minutes") == minutes), good, wide, names)
    both = days.join(other, on=["due_no", "day"], how="left", validate="1:1", suffix="_2").sort("due_no", "day")
    step, is_rolling = _slots_per_block(source, minutes), source["is_rolling"]
    before = _day_before(both)
    windows = partial(_windows, step=step, counts=both["n"].to_numpy(), before=before, is_rolling=is_rolling)
    slots, seconds = _matrix(both, names), _matrix(both, [f"{name}_2" for name in names])
    if source["is_apparent"]:
        slots = apparent_energy(windows(slots), windows(seconds))
    elif source["netting"] in ("hour", "day"):
        slots = np.maximum(windows(slots) - windows(seconds), 0)
    elif source["netting"] == "interval":
        slots = windows(np.maximum(slots - seconds, 0))
    else:
        slots = windows(slots - seconds)
    slots = _part(slots, source["over_quantity"], source["up_to_quantity"])
    made = pl.DataFrame(dict(zip(names, slots, strict=False)))
    if is_rolling:
        made = _without_short_windows(made, step, pl.Series("has_before", before >= 0))
    blocks = 1 if is_rolling else step
    keys = both.select(
        pl.col("due_no").cast(pl.Int32).alias("channel_no"), "day",
        ((pl.col("n").cast(pl.Int32) + (blocks - 1)) // blocks).cast(pl.Int16).alias("n"),
        pl.max_horizontal("worst", "worst_2").alias("worst"), pl.max_horizontal("seq", "seq_2").alias("seq"),
    )  # fmt: skip
    made_channels = dues.select(
        "due_no", "cal_no", pl.col("due_no").cast(pl.Int32).alias("channel_no"),
        pl.lit(source["measure_no"], pl.Int32).alias("measure_no"), "needs_power",
        pl.lit(False).alias("is_shared"),
        pl.lit(None, pl.Date).alias("from_date"), pl.lit(None, pl.Date).alias("to_date"),
    )  # fmt: skip
    reading = Reading(made.columns, source["block_minutes"] or minutes, is_whole=True)
    return MadeDays(minutes, blocks, reading, pl.concat([keys, made], how="horizontal"), made_channels)


def _part(slots: Slots, over: int | None, up_to: int | None) -> Slots:
    """Return of each slot what is above `over`, and of that what is not above `up_to`; None is no bound."""
    below = slots if up_to is None else np.minimum(slots, up_to)
    return below if over is None else np.maximum(below - over, 0)


def _slots_per_block(source: dict[str, Any], minutes: int) -> int:
    """Return how many slots of the channel are in a demand interval, clock hour or day of the source."""
    match source["netting"]:
        case "hour":
            return 60 // minutes
        case "day":
            return len(slot_columns(minutes))
        case _:
            return int(source["block_minutes"]) // minutes or 1


def _combined(
    dues: pl.DataFrame, channels: pl.DataFrame, good: pl.DataFrame, wide: pl.DataFrame, names: list[str]
) -> pl.DataFrame:
    """Return the complete days of the channels added slot by slot: due_no, day, n, worst, seq and the slots."""
    mine = channels.join(dues, on="due_no", how="semi").select("due_no", "channel_no")
    rows = (
        good.join(mine, on=["due_no", "channel_no"], how="semi")
        .select("due_no", "channel_no", "day")
        .join(wide.select("channel_no", "day", "n", "worst", "seq", *names), on=["channel_no", "day"], how="inner",
              validate="m:1")
        .with_columns(pl.col(names).cast(pl.Int64).fill_null(0))
    )  # fmt: skip
    if mine["due_no"].is_unique().all():
        return rows.drop("channel_no")
    return rows.group_by("due_no", "day").agg(
        pl.col("n").first(), pl.col("worst").max(), pl.col("seq").max(), pl.col(names).sum()
    )


def _matrix(days: pl.DataFrame, names: list[str]) -> Slots:
    """Return the slots of the days; the second measure is zero on days on which it is not read."""
    return days.select(pl.col(names).fill_null(0)).to_numpy(order="fortran").astype(np.int64, copy=False).T


def _day_before(days: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Return for each row, in order of agreement and day, the place of its day before; -1 where there is none."""
    follows = (pl.col("due_no") == pl.col("due_no").shift(1)) & (
        pl.col("day").shift(1).dt.offset_by("1d") == pl.col("day")
    )
    place = pl.when(follows.fill_null(False)).then(pl.int_range(pl.len()) - 1).otherwise(-1)
    return days.select(place.cast(pl.Int64)).to_series().to_numpy()


def _windows(
    slots: Slots, *, step: int, counts: npt.NDArray[np.int16], before: npt.NDArray[np.int64], is_rolling: bool
) -> Slots:
    """Return the energy of each block, or of the `step` slots that end with each slot."""
    if step == 1:
        return slots
    width, days = slots.shape
    if not is_rolling:
        padded = np.zeros((-(-width // step) * step, days), dtype=np.int64)
        padded[:width] = slots
        blocks: Slots = padded.reshape(-1, step, days).sum(axis=1)
        return blocks
    places = counts[before].astype(np.int64) + np.arange(1 - step, 0)[:, None]
    tails = np.where(before >= 0, slots[places, before], 0)
    sums = np.cumsum(np.concatenate([np.zeros((1, days), dtype=np.int64), tails, slots]), axis=0)
    ended: Slots = sums[step:] - sums[:-step]
    return ended


def _without_short_windows(made: pl.DataFrame, step: int, has_before: pl.Series) -> pl.DataFrame:
    """Return the windows with null for those that would begin before the first day."""
    return made.with_columns(pl.when(has_before).then(pl.col(name)).alias(name) for name in made.columns[: step - 1])
