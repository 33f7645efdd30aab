"""Matrices of slots to wide days: worst quality, flags where slots differ, a row per channel and day of a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingest.formats.parsed import Source, reject_rows
from ingest.formats.runs import runs_of
from ingest.versions import DAY_KEY, best_first
from model.codes import Quality
from model.reads import ReadDays, slot_columns
from model.schema import column_names

Qualities = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SlotMatrix:
    """Slots of whole days, a row a day: values in smallest units, whether one is missing, canonical quality."""

    values: npt.NDArray[np.int32]
    missing: npt.NDArray[np.bool_]
    quality: Qualities

    def rows(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> SlotMatrix:
        """Return the matrix of some of its days."""
        return SlotMatrix(self.values[chosen], self.missing[chosen], self.quality[chosen])

    def first(self, count: int) -> SlotMatrix:
        """Return the matrix of the first `count` slots of each day."""
        return SlotMatrix(self.values[:, :count], self.missing[:, :count], self.quality[:, :count])


def assemble_days(keys: pl.DataFrame, slots: SlotMatrix, interval_minutes: int) -> pl.DataFrame:
    """Return wide days of one length: ReadDays, slots, `line`.

    `keys` has line, channel_no, day, raw_code, updated_at, a row for each row of `slots`. A missing slot has quality 8
    and the other way round: what the file itself calls missing is not used.
    """
    rows, count = slots.values.shape
    assert keys.height == rows, "each day needs its slots"
    missing = slots.missing | (slots.quality == Quality.MISSING)
    quality = np.where(missing, np.uint8(Quality.MISSING), slots.quality) if missing.any() else slots.quality
    worst = quality.max(axis=1, initial=0)
    names = slot_columns(interval_minutes)
    days = keys.with_columns(
        pl.lit(count, dtype=pl.Int16).alias("n"),
        pl.Series("worst", worst, dtype=pl.UInt8),
        _flags(quality, worst),
        pl.lit(0, dtype=pl.Int64).alias("seq"),
        *_columns(slots.values, missing, names),
        *[pl.lit(None, dtype=pl.Int32).alias(name) for name in names[count:]],
    )
    return days.select(*column_names(ReadDays), *names, "line")


def _columns(values: npt.NDArray[np.int32], missing: npt.NDArray[np.bool_], names: list[str]) -> list[pl.Series]:
    across = np.ascontiguousarray(values.T)
    is_holed = np.atleast_1d(missing.any(axis=0))
    return [
        pl.Series(name, column).set(pl.Series(missing[:, slot]), None) if holed else pl.Series(name, column)
        for slot, (name, column, holed) in enumerate(zip(names, across, is_holed, strict=False))
    ]


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
    runs = runs_of(group, identity)
    of_runs = group.select(identity)[runs.first].join(
        keys.select("row", *identity), on=identity, how="left", validate="m:1", maintain_order="left"
    )
    placed = group.select("slot", "value", "quality", row=runs.spread(of_runs["row"]))
    at = placed.select(pl.col("row").cast(pl.Int64) * count + pl.col("slot")).to_series().to_numpy()
    cells = keys.height * count
    values, missing = np.zeros(cells, dtype=np.int32), np.ones(cells, dtype=np.bool_)
    quality = np.full(cells, Quality.MISSING, dtype=np.uint8)
    values[at] = placed["value"].fill_null(0).to_numpy()
    missing[at] = placed["value"].is_null().to_numpy()
    quality[at] = placed["quality"].to_numpy()
    shape = (keys.height, count)
    matrix = SlotMatrix(values.reshape(shape), missing.reshape(shape), quality.reshape(shape))
    return assemble_days(keys.drop("row", "copy"), matrix, minutes)


def settle_days(source: Source, days: dict[int, pl.DataFrame]) -> tuple[dict[int, pl.DataFrame], list[pl.DataFrame]]:
    """Keep one row per channel and day, sorted; the others are rejected as `duplicate_day`.

    The better rank wins, then the later update time, then the later line: a file that repeats a day corrects itself.
    """
    kept: dict[int, pl.DataFrame] = {}
    rejects: list[pl.DataFrame] = []
    for minutes, frame in days.items():
        # The order is found on the few columns that decide it: the slots are moved at most once.
        keys = frame.select(*DAY_KEY, "worst", "updated_at", "line").with_row_index("at")
        ordered = best_first(keys, DAY_KEY, quality="worst", latest="line")
        is_first = ordered.select(pl.struct(DAY_KEY).is_first_distinct()).to_series()
        winners = ordered.filter(is_first)
        is_same = winners.height == frame.height and (winners["at"] == keys["at"]).all()
        kept[minutes] = frame if is_same else frame[winners["at"]]
        told = winners.select(*DAY_KEY, pl.col("line").alias("winner"))
        losers = ordered.filter(~is_first).join(told, on=DAY_KEY, how="left", validate="m:1")
        detail = pl.format("expected each channel and day once; {} is taken from line {}", "day", "winner")
        rejects.append(reject_rows(source, losers, "duplicate_day", detail))
    return kept, rejects
