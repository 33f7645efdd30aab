"""Records of a file to the landed layout: the one path that all formats take."""

from __future__ import annotations

import hashlib

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.detect import ARCHIVE, read_files
from ingest.formats.parsed import Source, gather_rejects, no_lines
from ingest.formats.precision import carry_fractions
from ingest.formats.records import FileRecords
from ingest.landing.channels import resolve_series
from ingest.landing.days import settle_days
from ingest.landing.parsed import ParsedFile
from ingest.landing.place_days import place_days
from ingest.landing.place_intervals import PlacedIntervals, place_intervals
from ingest.landing.place_readings import place_readings
from ingest.versions import current_registers
from model.accounts import ChannelNumbers
from model.reads import RegisterReads
from model.schema import arranged


def place_records(records: FileRecords, channels: DataFrame[ChannelNumbers], *, is_carried: bool = False) -> ParsedFile:
    """Return what a file says of known channels in the landed layout, and what was not taken.

    `is_carried` carries what is finer than the smallest unit from interval to interval, by days of the zone of each
    channel; otherwise such values are refused.
    """
    if not records.is_usable:
        return ParsedFile(records.name, records.sha256, records.file_format, records.rejects, notes=records.notes)
    source = Source(records.name, records.sha256, records.lines)
    resolved = resolve_series(source, records, channels)
    if is_carried:
        records = carry_fractions(records, resolved.series["tz_name"])
    blocks, block_rejects = place_days(source, records.days, resolved)
    singly = place_intervals(source, records, resolved)
    lengths = sorted({*blocks, *singly.days})
    every = {
        minutes: pl.concat(part[minutes] for part in (blocks, singly.days) if minutes in part) for minutes in lengths
    }
    days, duplicates = settle_days(source, every)
    reads, read_rejects = place_readings(source, records, resolved)
    rejects = [records.rejects, resolved.rejects, *block_rejects, *singly.rejects, *duplicates, *read_rejects]
    return ParsedFile(
        records.name,
        records.sha256,
        records.file_format,
        gather_rejects(rejects),
        {minutes: frame for minutes, frame in days.items() if frame.height},
        arranged(RegisterReads, reads),
        {**records.notes, **_drift_note(singly)},
    )


def parse_file(name: str, data: bytes, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    """Return what a meter file holds, in the landed layout, and what was not taken. It never raises for bad input.

    The members of a packed file are taken together, as one file.
    """
    parts = [place_records(records, channels) for records in read_files(name, data)]
    return parts[0] if len(parts) == 1 else _combined(name, hashlib.sha256(data).hexdigest(), parts)


def _combined(name: str, digest: str, parts: list[ParsedFile]) -> ParsedFile:
    """Return the members of a zip as one file; unusable members leave their reject, the others count."""
    lengths = sorted({minutes for part in parts for minutes in part.days})
    days = {minutes: pl.concat(part.days[minutes] for part in parts if minutes in part.days) for minutes in lengths}
    kept, duplicates = settle_days(Source(name, digest, no_lines()), days)
    rejects = gather_rejects([*(part.rejects for part in parts), *duplicates])
    registers = current_registers(pl.concat(part.registers for part in parts))
    return ParsedFile(name, digest, ARCHIVE, rejects, kept, registers)


def _drift_note(placed: PlacedIntervals) -> dict[str, str]:
    if not placed.moved:
        return {}
    return {"clock_drift": f"{placed.moved} starts moved to the grid, by {placed.moved_seconds_max} s at most"}
