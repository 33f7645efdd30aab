"""The series of an ESPI feed: each meter reading of a usage point, with what its reading type says of the values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ingest.formats.xml.cim_codes import REGISTER_ACCUMULATIONS, direction_of, unit_of
from ingest.formats.xml.elements import Elements
from ingest.formats.xml.espi_links import (
    AmbiguousLinkError,
    Entries,
    Family,
    Resource,
    last_part,
    meter_point_name,
)

MINUTES_MAX = 400 * 24 * 60  # a reading of more than a year is a slip


@dataclass(frozen=True)
class EspiSeries:
    """A series as the feed describes it; `seconds` is the stated length of its intervals, None when it states none."""

    line: int
    meter_point: str
    suffix: str
    reading_address: str
    unit: str
    power: int
    seconds: int | None
    quality_code: str
    is_register: bool
    usage_point_row: int


@dataclass(frozen=True)
class SeriesOfBlocks:
    """The series, and for each block (by row of its element) its series, -1 for a block that was not joined.

    `wrong` tells for a block that was not joined the reason and the detail.
    """

    series: list[EspiSeries]
    block_rows: npt.NDArray[np.int64]
    series_no: npt.NDArray[np.int64]
    wrong: dict[int, tuple[str, str]]


@dataclass(frozen=True)
class Feed:
    """The resources of a feed that describe others."""

    entries: Entries
    usage_points: Family
    meter_readings: Family
    reading_types: Family
    clocks: Family

    @classmethod
    def of(cls, elements: Elements) -> Feed:
        """Return the resources of a feed."""
        entries = Entries.of(elements)
        return cls(
            entries,
            *(
                Family(entries.resources(kind))
                for kind in ("UsagePoint", "MeterReading", "ReadingType", "LocalTimeParameters")
            ),
        )


def join_blocks(feed: Feed) -> SeriesOfBlocks:
    """Return the series of each block of a feed."""
    blocks = feed.entries.blocks()
    numbers: dict[tuple[object, ...], int] = {}
    series: list[EspiSeries] = []
    of_block, wrong = [], {}
    for block in blocks:
        try:
            reading, kind, point = _ancestry(block, feed)
        except AmbiguousLinkError:
            wrong[block.row] = ("ambiguous_link", "expected links to one meter reading, reading type and usage point")
            of_block.append(-1)
            continue
        key = tuple(found and (found.address or found.row) for found in (reading, kind, point))
        if key not in numbers:
            made = _series(block, reading, kind, point)
            if made is None:
                wrong[block.row] = ("bad_power", "expected powerOfTenMultiplier from -12 to 12 in its reading type")
                of_block.append(-1)
                continue
            numbers[key] = len(series)
            series.append(made)
        of_block.append(numbers[key])
    rows = np.array([block.row for block in blocks], dtype=np.int64)
    return SeriesOfBlocks(_told_apart(series), rows, np.array(of_block, dtype=np.int64), wrong)


def _ancestry(block: Resource, feed: Feed) -> tuple[Resource | None, Resource | None, Resource | None]:
    """Return the meter reading, reading type and usage point of a block.

    Raises:
        AmbiguousLinkError: one of them cannot be told.
    """
    reading = feed.meter_readings.parent_of(block)
    kind = feed.reading_types.related_to(reading or block)
    return reading, kind, feed.usage_points.parent_of(reading or block)


def _series(
    block: Resource, reading: Resource | None, kind: Resource | None, point: Resource | None
) -> EspiSeries | None:
    fields = kind.fields if kind else {}
    unit = unit_of(fields.get("uom", ""), fields.get("powerOfTenMultiplier", ""))
    if unit is None:
        return None
    length = fields.get("intervalLength", "")
    seconds = int(length) if length.isdecimal() and 0 < int(length) <= MINUTES_MAX * 60 else None
    return EspiSeries(
        line=(reading or block).line,
        meter_point=meter_point_name(point),
        suffix=direction_of(fields.get("flowDirection", "")),
        reading_address=(reading or kind or block).address,
        unit=unit[0],
        power=unit[1],
        seconds=seconds,
        quality_code=fields.get("defaultQuality", ""),
        is_register=fields.get("accumulationBehaviour", "") in REGISTER_ACCUMULATIONS,
        usage_point_row=point.row if point else -1,
    )


def _told_apart(series: list[EspiSeries]) -> list[EspiSeries]:
    """Add the number of the meter reading to suffixes that several series of a usage point would share.

    Where that does not tell them apart either (one meter reading, two reading types), the number of the series.
    """
    readings = [last_part(one.reading_address) for one in series]
    return _numbered(_numbered(series, readings), [str(number) for number in range(len(series))])


def _numbered(series: list[EspiSeries], numbers: list[str]) -> list[EspiSeries]:
    counts = Counter((one.meter_point, one.suffix) for one in series)
    return [
        replace(one, suffix=f"{one.suffix}/{number}") if counts[one.meter_point, one.suffix] > 1 and number else one
        for one, number in zip(series, numbers, strict=True)
    ]
