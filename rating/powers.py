"""Powers: maxima and minima, the n highest, and means over time, by slice and time-of-use period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rating.calendar import Mask

SLICE_KEYS = ["due_no", "segment_no", "slice_no"]
POWER_SCHEMA = {
    "due_no": pl.Int64(),
    "segment_no": pl.Int32(),
    "slice_no": pl.Int32(),
    "measure_no": pl.Int32(),
    "tou": pl.String(),
    "power_no": pl.Int32(),
    "rank": pl.Int32(),
    "quantity": pl.Int64(),
    "minutes": pl.Int64(),
    "peak_day": pl.Date(),
}
_KEYS = [*SLICE_KEYS, "measure_no", "tou", "power_no"]


@dataclass(frozen=True)
class Reading:
    """How the slots of wide days are read.

    `names`: their columns. `minutes`: the time whose energy a slot holds. `is_whole`: no slot of a day is missing; a
    null slot then is one at which no demand interval ends.
    """

    names: list[str]
    minutes: int
    is_whole: bool = False


@dataclass(frozen=True)
class Powers:
    """Which powers are asked for. `wanted`: cal_no, measure_no, power_no. `ways`: see `rating.sources.power_ways`."""

    wanted: pl.DataFrame
    ways: pl.DataFrame


def slots_by_period(mask: Mask) -> list[tuple[str, str, list[int]]]:
    """Return for each period of a mask: a column name for its values, its name, its slots."""
    return [(f"t{place}", tou, list(slots)) for place, (tou, slots) in enumerate(mask.slots.items())]


def mean_power(energy: pl.Expr, minutes: pl.Expr) -> pl.Expr:
    """Return energy by time as power, Wh and minutes to W, rounded half up to the smallest unit."""
    return (energy * 120 + minutes) // (minutes * 2)


def powers_by_slice(
    rows: pl.DataFrame, wide: pl.DataFrame, mask: Mask, reading: Reading, asked: Powers
) -> pl.DataFrame:
    """Return the powers of the rows of one mask (POWER_SCHEMA).

    Several channels of a measure are added slot by slot first.
    """
    if rows.is_empty():
        return pl.DataFrame(schema=POWER_SCHEMA)
    names = reading.names[: mask.n]
    slots = wide.select(names)[rows["row"]].with_columns(pl.col(names).cast(pl.Int64))
    day_keys = [*SLICE_KEYS, "cal_no", "measure_no", "day"]
    needed = pl.concat([rows.select(*day_keys, "is_shared"), slots], how="horizontal")
    alone = needed.filter(~pl.col("is_shared")).select(*day_keys, *names)
    together = needed.filter("is_shared").group_by(day_keys).agg(pl.col(names).sum()).select(*day_keys, *names)
    days = pl.concat([alone, together])
    found = [pl.DataFrame(schema=POWER_SCHEMA)]
    for way in asked.ways.iter_rows(named=True):
        wanted = asked.wanted.filter(pl.col("power_no") == way["power_no"])
        mine = days.join(wanted, on=["cal_no", "measure_no"], how="semi")
        found.append(_by_day(mine, mask, reading, way).with_columns(pl.lit(way["power_no"], pl.Int32).alias("power_no"))
                     .pipe(_kept, way))  # fmt: skip
    return pl.concat(found)


def kept_powers(powers: pl.DataFrame, asked: Powers) -> pl.DataFrame:
    """Return what counts of the powers of several masks: the highest, as many as are asked for, or the whole."""
    if powers.is_empty():
        return powers
    found = [pl.DataFrame(schema=POWER_SCHEMA)]
    for way in asked.ways.iter_rows(named=True):
        found.append(_kept(powers.filter(pl.col("power_no") == way["power_no"]), way))
    return pl.concat(found)


def _by_day(days: pl.DataFrame, mask: Mask, reading: Reading, way: dict[str, Any]) -> pl.DataFrame:
    """Return the values of each day and period: one, or the n highest where a day counts more than once."""
    periods = slots_by_period(mask)
    of_many = way["agg"] in ("nth", "mean_of_n") and not way["distinct_days"]
    keys = [*SLICE_KEYS, "measure_no", "day"]
    found = []
    for _, tou, numbers in periods:
        names = [reading.names[slot] for slot in numbers]
        values = _highest(days, names, way["n"]) if of_many else days.select(*keys, _value(names, way["agg"]))
        time = pl.lit(len(numbers) * reading.minutes if way["agg"] == "mean" else None, pl.Int64)
        found.append(values.select(*keys, "quantity", pl.lit(tou).alias("tou"), time.alias("minutes")))
    long = pl.concat(found).filter(pl.col("quantity").is_not_null())
    is_mean = way["agg"] == "mean"
    power = pl.col("quantity") if is_mean else mean_power(pl.col("quantity"), pl.lit(reading.minutes, pl.Int64))
    return long.with_columns(
        power.alias("quantity"), (pl.lit(None, pl.Date) if is_mean else pl.col("day")).alias("peak_day")
    )


def _value(names: list[str], agg: str) -> pl.Expr:
    """Return the one value of a day and period: the energy of `mean`, or that of the highest or lowest slot."""
    horizontal = {"mean": pl.sum_horizontal, "min": pl.min_horizontal}.get(agg, pl.max_horizontal)
    return horizontal(names).alias("quantity")


def _highest(days: pl.DataFrame, names: list[str], n: int) -> pl.DataFrame:
    """Return the n highest slots of each day, a row for each; null where a day has fewer."""
    lowest = np.iinfo(np.int64).min
    slots = days.select(pl.col(names).fill_null(lowest)).to_numpy()
    if n < len(names):
        slots = np.partition(slots, len(names) - n, axis=1)[:, len(names) - n :]
    place = np.repeat(np.arange(days.height), slots.shape[1])
    value = pl.Series("quantity", slots.ravel(), dtype=pl.Int64)
    return days[place].with_columns(value).with_columns(pl.col("quantity").replace(lowest, None))


def _kept(powers: pl.DataFrame, way: dict[str, Any]) -> pl.DataFrame:
    """Return what counts of the powers of one way."""
    if way["agg"] in ("nth", "mean_of_n"):
        days = powers
        if way["distinct_days"]:
            days = powers.group_by(*_KEYS, "peak_day").agg(pl.col("quantity").max())
        kept = ranked(days.with_columns(pl.lit(None, pl.Int64).alias("minutes")), _KEYS)
        return kept.filter(pl.col("rank") <= pl.lit(way["n"])).select(list(POWER_SCHEMA))
    value = pl.col("quantity")
    of_agg = {"max": value.max(), "min": value.min(), "mean": value.sum()}[way["agg"]]
    return (
        powers.group_by(_KEYS)
        .agg(
            pl.col("peak_day").filter(value == of_agg).min().alias("peak_day"),
            of_agg,
            pl.col("minutes").sum() if way["agg"] == "mean" else pl.lit(None, pl.Int64).alias("minutes"),
        )
        .with_columns(pl.lit(None, pl.Int32).alias("rank"))
        .select(list(POWER_SCHEMA))
    )


def ranked(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return the rows of each group from the highest quantity down, the earlier day first, with `rank` from 1."""
    return frame.sort(*keys, "quantity", "peak_day", descending=[*(False for _ in keys), True, False]).with_columns(
        (pl.int_range(pl.len()).over(keys) + 1).cast(pl.Int32).alias("rank")
    )
