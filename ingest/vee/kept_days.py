"""What was measured of days, kept in the workspace: the next validation reads its past in a few columns a day.

A row says what was measured of one landed row by the clock of its zone, and nothing of whether that row counts. It is
found by its channel, its day and its `source`, a hash of the landed file and of the clock; its file's name says by
which code it was measured. So what comes in a day's place, another file or another clock finds no row, and nothing
that is kept has to be made stale: what is not found is measured again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from ingest.checks.features import PAST_DAYS
from ingest.vee.matrix import Ints
from model.zones import slot_clock_minutes
from store.code import code_version
from store.kept import keep_sealed, remove_sealed, sealed_frame, sealed_stems
from store.lake import LakeFile

IDENTITY = ["channel_no", "day", "source"]
LANDED = ["n", "worst", "base_seq"]
"""What the landed row says itself."""
KEPT_DAYS: dict[str, pl.DataType] = {
    **{name: dtype for name, dtype in PAST_DAYS.items() if name not in LANDED}, "source": pl.Int64(),
}  # fmt: skip
NO_SOURCE = 0
"""Of rows whose file is not known: nothing is kept of them."""

_STEM = re.compile(r"days-(\d+)-(\d+)-(\d+)-(\d{8})-(\d{8})-([0-9a-f]{16})-[0-9a-f]{16}")
_SMALL = 2**31 - 1


class _Kept(NamedTuple):
    """What the name of a kept frame says: its channels and days (both ends included), and by which code."""

    stem: str
    interval_minutes: int
    low: int
    high: int
    first: date
    last: date
    code: str


def sources_of(files: Sequence[LakeFile], zones: Sequence[str], interval_minutes: int) -> Ints:
    """Return the source of rows by file and zone, int64 [file, zone]; behind the last file that of rows without one."""
    sources = [[_source(file, tz_name, interval_minutes) for tz_name in zones] for file in files]
    return np.array([*sources, [NO_SOURCE] * len(zones)], np.int64)


def kept_days(
    folder: Path, interval_minutes: int, channels: tuple[int, int], first: date, after: date, columns: Sequence[str]
) -> pl.DataFrame:
    """Return some columns of what is kept of channels (both ends included) on the days in [first, after).

    Of one division into blocks the rows come in order; a row may come twice.
    """
    low, high = channels
    days = pl.col("day").is_between(first, after, closed="left")
    own = pl.col("channel_no").is_between(low, high)
    parts = []
    for kept in _listed(folder):
        if (kept.interval_minutes, kept.code) != (interval_minutes, _code()):
            continue
        if kept.high < low or kept.low > high or kept.last < first or kept.first >= after:
            continue
        found = sealed_frame(folder, kept.stem, list(columns))
        if found is not None:
            is_inside = low <= kept.low and kept.high <= high and first <= kept.first and kept.last < after
            some = found if is_inside else found.filter(own & days)
            parts.append(some.cast({name: KEPT_DAYS[name] for name in columns}))
    return pl.concat(parts) if parts else pl.DataFrame(schema={name: KEPT_DAYS[name] for name in columns})


def keep_days(folder: Path, interval_minutes: int, days: pl.DataFrame) -> None:
    """Keep days: `KEPT_DAYS`, in order of channel and day."""
    days = days.filter(pl.col("source") != NO_SOURCE)
    if days.is_empty():
        return
    numbers = days["channel_no"]
    first, last = days.select(first=pl.col("day").min(), last=pl.col("day").max()).row(0)
    stem = f"days-{interval_minutes}-{numbers[0]}-{numbers[-1]}-{first:%Y%m%d}-{last:%Y%m%d}-{_code()}"
    keep_sealed(folder, stem, _narrow(days.select(list(KEPT_DAYS))))


def sweep_days(folder: Path, before: date) -> None:
    """Remove what is kept of days before a date alone, and what other code kept."""
    for kept in _listed(folder):
        if kept.last < before or kept.code != _code():
            remove_sealed(folder, kept.stem)


def _listed(folder: Path) -> list[_Kept]:
    """Return what is kept, in order of interval length, channels and days."""
    found = []
    for stem in sealed_stems(folder):
        if (named := _STEM.fullmatch(stem)) is not None:
            minutes, low, high, first, last, code = named.groups()
            days = (date.fromisoformat(first), date.fromisoformat(last))
            found.append(_Kept(stem, int(minutes), int(low), int(high), *days, code))
    return sorted(found, key=lambda kept: kept[1:])


def _narrow(days: pl.DataFrame) -> pl.DataFrame:
    """Return the days with their sums as 32-bit numbers where all are: half the bytes, and mostly they are."""
    wide = [name for name, dtype in days.schema.items() if dtype == pl.Int64() and name != "source"]
    largest = days.select(pl.max_horizontal(pl.col(wide).min().abs(), pl.col(wide).max().abs())).item()
    return days if largest is None or largest > _SMALL else days.cast(dict.fromkeys(wide, pl.Int32()))


def _source(file: LakeFile, tz_name: str, interval_minutes: int) -> int:
    if file.day_min is None or file.day_max is None:
        return NO_SOURCE
    text = f"{file.sha256} {_clock(tz_name, file.day_min, file.day_max, interval_minutes)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


@lru_cache(maxsize=4_096)
def _clock(tz_name: str, first: date, last: date, interval_minutes: int) -> str:
    """Return a hash of what the clock on the wall shows in each slot of some days."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    shown = [slot_clock_minutes(tz_name, day, interval_minutes) for day in days]
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def _code() -> str:
    return code_version()[:16]
