"""What a meter file holds, told without accounts: channels, readings, exact totals, span, qualities.

Every reading that could be read counts, also one that the file states twice or that no account could take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.describe.blocks import count_block
from ingest.describe.counted import PLACES, Counted, count_intervals, count_readings
from ingest.formats.parsed import Source, gather_rejects
from ingest.formats.records import FileRecords
from model.codes import Quality
from model.reads import Rejects

UNKNOWN_QUALITY = "unknown"  # a code of the file that says nothing known

_QUALITY_NAMES = {int(item): item.name.lower() for item in Quality}
_EXACT = Context(prec=200)
_CHANNEL = ["meter_point", "suffix", "unit", "power", "is_register"]


@dataclass(frozen=True)
class ChannelFacts:
    """A channel as its file names it. `total` counts the file's unit; `raw_total` is before the power of ten.

    `first` and `last` are ISO times: the start of the first interval and the end of the last, with `Z` where the file
    states instants, else on its own clock. `interval_minutes` is 0 for register readings, None when lengths differ.
    """

    meter_point: str
    channel: str
    unit: str
    interval_minutes: int | None
    readings: int
    total: str
    first: str | None
    last: str | None
    quality: Mapping[str, int]
    codes: Mapping[str, int]
    raw_total: str
    power_of_ten: int


@dataclass(frozen=True)
class FileFacts:
    """What one file, or one member of a packed file, holds."""

    name: str
    file_format: str
    channels: tuple[ChannelFacts, ...]
    rejects: DataFrame[Rejects]
    notes: Mapping[str, str]

    @property
    def is_usable(self) -> bool:
        """True unless the file was refused as a whole."""
        return not (self.rejects["line"] == 0).any()


def describe(records: FileRecords) -> FileFacts:
    """Return the facts of a file. A value that is no decimal number is rejected and not counted."""
    source = Source(records.name, records.sha256, records.lines)
    parts = [count_intervals(source, records), count_readings(source, records)]
    parts += [count_block(source, block, records) for block in records.days]
    rejects = gather_rejects([records.rejects, *(part.rejects for part in parts)])
    return FileFacts(records.name, records.file_format, _channels(records, parts), rejects, records.notes)


def _channels(records: FileRecords, parts: list[Counted]) -> tuple[ChannelFacts, ...]:
    sums = pl.concat([part.sums for part in parts if part.sums.height] or [parts[0].sums], how="diagonal_relaxed")
    named = sums.join(
        records.series.select("series_no", "meter_point", "suffix", "unit", "power"),
        on="series_no",
        how="left",
        validate="m:1",
    ).with_columns((pl.col("minutes") == 0).fill_null(False).alias("is_register"))
    grouped = named.group_by(_CHANNEL).agg(
        pl.when(pl.col("minutes").n_unique() == 1).then(pl.col("minutes").first()).alias("minutes"),
        pl.col("series_no").unique(),
        pl.col("readings", "total").sum(),
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("is_utc").all(),
    )
    qualities = _counts([part.qualities for part in parts], "quality")
    codes = _counts([part.codes for part in parts], "code")
    return tuple(
        _facts(row, qualities, codes)
        for row in grouped.sort(_CHANNEL).iter_rows(named=True)  # a row per channel
    )


def _counts(frames: list[pl.DataFrame], name: str) -> Mapping[int, Mapping[object, int]]:
    every = pl.concat([frame.select("series_no", name, "count") for frame in frames], how="vertical_relaxed")
    found: dict[int, dict[object, int]] = {}
    for series_no, label, count in every.sort("series_no", name).iter_rows():  # a row per channel and code
        counts = found.setdefault(series_no, {})
        counts[label] = counts.get(label, 0) + count
    return found


def _facts(
    row: Mapping[str, object], qualities: Mapping[int, Mapping[object, int]], codes: Mapping[int, Mapping[object, int]]
) -> ChannelFacts:
    numbers = [int(str(number)) for number in row["series_no"]]  # type: ignore[attr-defined]  # a list column
    power, total = int(str(row["power"])), Decimal(int(str(row["total"])))
    quality = _added(qualities, numbers)
    return ChannelFacts(
        meter_point=str(row["meter_point"]),
        channel=str(row["suffix"]),
        unit=str(row["unit"]),
        interval_minutes=None if row["minutes"] is None else int(str(row["minutes"])),
        readings=int(str(row["readings"])),
        total=_plain(total, power - PLACES),
        first=_time(row["first"], row["is_utc"]),
        last=_time(row["last"], row["is_utc"]),
        quality={_quality_name(level): count for level, count in quality.items()},
        codes={str(code): count for code, count in _added(codes, numbers).items()},
        raw_total=_plain(total, -PLACES),
        power_of_ten=power,
    )


def _added(counts: Mapping[int, Mapping[object, int]], series: list[int]) -> dict[object, int]:
    """Return the counts of several series together, in order of their labels."""
    found: dict[object, int] = {}
    for number in series:
        for label, count in counts.get(number, {}).items():
            found[label] = found.get(label, 0) + count
    return dict(sorted(found.items(), key=lambda item: (item[0] is not None, str(item[0]))))


def _quality_name(level: object) -> str:
    return UNKNOWN_QUALITY if level is None else _QUALITY_NAMES[int(str(level))]


def _plain(total: Decimal, exponent: int) -> str:
    """Return an exact decimal as plain text without zeros behind: 70457.85, 0."""
    text = f"{total.scaleb(exponent, _EXACT):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(at: object, is_utc: object) -> str | None:
    if not isinstance(at, datetime):
        return None
    return at.isoformat() + ("Z" if is_utc else "")
