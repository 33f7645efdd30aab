"""Slots to wide days: worst quality, slot flags where they differ, one row per channel and day of a file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingest.formats.parsed import Source, reject_rows
from ingest.versions import DAY_KEY, best_first
from model.codes import Quality
from model.reads import ReadDays, slot_columns
from model.schema import column_names

Qualities = npt.NDArray[np.uint8]


def assemble_days(keys: pl.DataFrame, values: pl.Series, quality: Qualities, interval_minutes: int) -> pl.DataFrame:
    """Return wide days of one length: ReadDays, slots, `line`.

    `keys` has line, channel_no, day, raw_code, updated_at; `values` (Int32, null is missing) holds the slots of all
    days one after the other, `quality` the same as a matrix of days x n. A missing slot has quality 8 and the other
    way round: what the file itself calls missing is not used.
    """
    rows, count = quality.shape
    assert len(values) == rows * count == keys.height * count, "each day needs n values and n qualities"
    missing = values.is_null().to_numpy().reshape(rows, count)
    quality = np.where(missing, np.uint8(Quality.MISSING), quality)
    unused = quality == Quality.MISSING
    if (unused & ~missing).any():
        values = values.set(pl.Series(unused.reshape(-1)), None)
    worst = quality.max(axis=1, initial=0)
    names = slot_columns(interval_minutes)
    slots = values.to_frame("value").select(
        pl.col("value").gather_every(count, slot).alias(names[slot]) for slot in range(count)
    )
    absent = [pl.lit(None, dtype=pl.Int32).alias(name) for name in names[count:]]
    days = keys.with_columns(
        pl.lit(count, dtype=pl.Int16).alias("n"),
        pl.Series("worst", worst, dtype=pl.UInt8),
        _flags(quality, worst),
        pl.lit(0, dtype=pl.Int64).alias("seq"),
        *slots.iter_columns(),
        *absent,
    )
    return days.select(*column_names(ReadDays), *names, "line")


def _flags(quality: Qualities, worst: Qualities) -> pl.Series:
    """Return one byte a slot for the days whose slots differ, null for the others."""
    rows, count = quality.shape
    differs = (quality != worst[:, None]).any(axis=1)
    flags = pl.Series("flags", [None], dtype=pl.Binary).new_from_index(0, rows)
    if not differs.any():
        return flags.alias("flags")
    chosen = np.ascontiguousarray(quality[differs])
    # Arrow reads the matrix as it lies: no Python object per day.
    packed = pa.Array.from_buffers(pa.binary(count), len(chosen), [None, pa.py_buffer(chosen)])
    several = pl.Series(pl.from_arrow(packed.cast(pa.large_binary())))
    return flags.scatter(np.flatnonzero(differs), several).alias("flags")


def fold_slots(slots: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Return wide days of rows per slot: line, channel_no, day, copy, slot, value, quality, code, updated_at, n.

    `copy` tells apart several versions of one day in a file. Each (channel_no, day, copy, slot) comes once. Slots
    that no row speaks of are missing. A day carries its first line, its last update time and its codes.
    """
    by_length: dict[int, list[pl.DataFrame]] = {}
    for (minutes, count), group in slots.partition_by(["interval_minutes", "n"], as_dict=True).items():
        by_length.setdefault(int(str(minutes)), []).append(_fold(group, int(str(minutes)), int(str(count))))
    return {minutes: pl.concat(parts) for minutes, parts in sorted(by_length.items())}


def _fold(group: pl.DataFrame, minutes: int, count: int) -> pl.DataFrame:
    identity = ["channel_no", "day", "copy"]
    keys = (
        group.group_by(identity)
        .agg(
            pl.col("line").min(),
            pl.col("code").unique().sort().str.join(",").alias("raw_code"),
            pl.col("updated_at").max(),
        )
        .sort(identity)
        .with_row_index("row")
    )
    placed = group.join(keys.select("row", *identity), on=identity, how="left", validate="m:1")
    at = placed.select(pl.col("row").cast(pl.Int64) * count + pl.col("slot")).to_series().to_numpy()
    quality = np.full(keys.height * count, Quality.MISSING, dtype=np.uint8)
    quality[at] = placed["quality"].to_numpy()
    filled = np.zeros(keys.height * count, dtype=np.int32)
    filled[at] = placed["value"].fill_null(0).to_numpy()
    has_value = np.zeros(keys.height * count, dtype=bool)
    has_value[at] = placed["value"].is_not_null().to_numpy()
    values = pl.DataFrame({"value": filled, "has": has_value}).select(pl.when("has").then("value")).to_series()
    return assemble_days(keys.drop("row", "copy"), values, quality.reshape(-1, count), minutes)


def settle_days(source: Source, days: dict[int, pl.DataFrame]) -> tuple[dict[int, pl.DataFrame], list[pl.DataFrame]]:
    """Keep one row per channel and day, sorted; the others are rejected as `duplicate_day`.

    The better rank wins, then the later update time, then the later line: a file that repeats a day corrects itself.
    """
    kept: dict[int, pl.DataFrame] = {}
    rejects: list[pl.DataFrame] = []
    for minutes, frame in days.items():
        ordered = best_first(frame, DAY_KEY, quality="worst", latest="line")
        is_first = ordered.select(pl.struct(DAY_KEY).is_first_distinct()).to_series()
        kept[minutes] = ordered.filter(is_first)
        winners = kept[minutes].select(*DAY_KEY, pl.col("line").alias("winner"))
        losers = ordered.filter(~is_first).join(winners, on=DAY_KEY, how="left", validate="m:1")
        detail = pl.format("expected each channel and day once; {} is taken from line {}", "day", "winner")
        rejects.append(reject_rows(source, losers, "duplicate_day", detail))
    return kept, rejects
