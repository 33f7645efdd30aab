"""Days of the NEM (UTC+10 all year) cut into the civil days of other zones, most of which save daylight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
import polars as pl

from ingest.formats.parsed import Source, reject_rows
from ingest.landing.days import SlotMatrix, assemble_days
from ingest.versions import DAY_KEY, best_first
from model.codes import Quality
from model.zones import day_of, day_start_utc

_DAY = timedelta(days=1)
_OFFSET = timedelta(hours=10)  # Eastern Standard Time
_PIECES = pl.Schema(
    {
        "tz_name": pl.String(),
        "day": pl.Date(),
        "civil_day": pl.Date(),
        "n": pl.Int16(),
        "first": pl.Int16(),
        "count": pl.Int16(),
        "civil_first": pl.Int16(),
    }
)


@lru_cache(maxsize=65_536)
def is_civil_day(tz_name: str, day: date) -> bool:
    """Return whether this day of the NEM is the civil day of the zone: always in Brisbane, in winter in Sydney."""
    begin = _nem_start(day)
    return day_start_utc(tz_name, day) == begin and day_start_utc(tz_name, day + timedelta(days=1)) == begin + _DAY


def fits_nem_days(tz_name: str, interval_minutes: int) -> bool:
    """Return whether intervals of the NEM are intervals of civil days: not of 60 minutes in Adelaide, at UTC+9:30."""
    seasons = (date(2024, month, 1) for month in (1, 4, 7, 10))
    step = timedelta(minutes=interval_minutes)
    return all((_nem_start(day) - day_start_utc(tz_name, day)) % step == timedelta() for day in seasons)


def civil_days_of_nem(
    source: Source, rows: pl.DataFrame, slots: SlotMatrix, interval_minutes: int
) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return the civil days that the days of the NEM reach into, as wide days, and rejects of repeated days.

    `rows` has line, channel_no, tz_name, day, code, updated_at. In summer a civil day takes its slots from two days
    of the NEM; what the file does not hold of it stays missing, and is filled when the day beside it lands.
    """
    told = rows.select("line", "channel_no", "tz_name", "day", "code", "updated_at").with_row_index("at")
    kept, duplicates = _settled(source, told, slots)
    named = ["tz_name", "day"]
    keys = kept.select(named).unique().sort(named)
    # A few zones times the days of the file.
    table = [piece for tz_name, day in keys.iter_rows() for piece in _pieces(tz_name, day, interval_minutes)]
    pieces = kept.join(
        pl.DataFrame(table, schema=_PIECES, orient="row"), on=named, how="inner", validate="m:m", maintain_order="left"
    )
    targets = (
        pieces.group_by("channel_no", "civil_day", "n")
        .agg(
            pl.col("line").min(),
            pl.col("code").unique().sort().str.join(",").alias("raw_code"),
            pl.col("updated_at").max(),
        )
        .sort("channel_no", "civil_day")
    )
    days: list[pl.DataFrame] = []
    for (n,), group in targets.partition_by("n", as_dict=True, maintain_order=True).items():
        matrix = _scattered(pieces, slots, group, int(str(n)))
        days.append(assemble_days(group.rename({"civil_day": "day"}), matrix, interval_minutes))
    return days, duplicates


def _scattered(pieces: pl.DataFrame, slots: SlotMatrix, targets: pl.DataFrame, n: int) -> SlotMatrix:
    shape = (targets.height, n)
    values, missing = np.zeros(shape, dtype=np.int32), np.ones(shape, dtype=np.bool_)
    quality = np.full(shape, Quality.MISSING, dtype=np.uint8)
    key = ["channel_no", "civil_day", "n"]
    placed = pieces.join(
        targets.select(key).with_row_index("target"), on=key, how="inner", validate="m:1", maintain_order="left"
    )
    # Pieces of one shape are moved together: there are two in summer, and one or two more when the clock changes.
    shapes = placed.partition_by(["first", "count", "civil_first"], as_dict=True, maintain_order=True)
    for (first, count, civil_first), group in shapes.items():
        here = slice(int(str(first)), int(str(first)) + int(str(count)))
        there = slice(int(str(civil_first)), int(str(civil_first)) + int(str(count)))
        at, target = group["at"].to_numpy(), group["target"].to_numpy()
        values[target, there] = slots.values[at, here]
        missing[target, there] = slots.missing[at, here]
        quality[target, there] = slots.quality[at, here]
    return SlotMatrix(values, missing, quality)


def _settled(source: Source, rows: pl.DataFrame, slots: SlotMatrix) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep one row per channel and day of the NEM, as `settle_days` does for civil days."""
    quality = np.where(slots.missing, np.uint8(Quality.MISSING), slots.quality)
    judged = rows.with_columns(pl.Series("worst", quality.max(axis=1, initial=0), dtype=pl.UInt8))
    ordered = best_first(judged, DAY_KEY, quality="worst", latest="line")
    is_first = ordered.select(pl.struct(DAY_KEY).is_first_distinct()).to_series()
    winners = ordered.filter(is_first)
    told = winners.select(*DAY_KEY, pl.col("line").alias("winner"))
    losers = ordered.filter(~is_first).join(told, on=DAY_KEY, how="left", validate="m:1")
    detail = pl.format("expected each channel and day once; {} is taken from line {}", "day", "winner")
    return winners, reject_rows(source, losers, "duplicate_day", detail)


def _nem_start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - _OFFSET


def _pieces(tz_name: str, day: date, minutes: int) -> list[tuple[str, date, date, int, int, int, int]]:
    """Return the pieces of a day of the NEM: civil day, its slots, first slot and count here, first slot there."""
    step = timedelta(minutes=minutes)
    begin, end = _nem_start(day), _nem_start(day) + _DAY
    at = begin
    found: list[tuple[str, date, date, int, int, int, int]] = []
    while at < end:
        civil = day_of(tz_name, at)
        civil_begin, civil_end = day_start_utc(tz_name, civil), day_start_utc(tz_name, civil + _DAY)
        until = min(end, civil_end)
        slots = (civil_end - civil_begin) // step
        found.append(
            (tz_name, day, civil, slots, (at - begin) // step, (until - at) // step, (at - civil_begin) // step)
        )
        at = until
    return found
