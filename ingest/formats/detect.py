"""Which format a meter file has, told by its content, and its parser."""

from __future__ import annotations

import hashlib

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats import csv_long, csv_wide, nem12, registers_csv, smt
from ingest.formats.archive import is_archive, unpack
from ingest.formats.csv_table import header_names
from ingest.formats.days import settle_days
from ingest.formats.parsed import ParsedFile, Source, gather_rejects, refused
from ingest.formats.text import read_source
from ingest.versions import current_registers
from model.accounts import ChannelNumbers
from model.errors import InputError

UNKNOWN = "unknown"
ARCHIVE = "zip"

_BY_HEADER = {
    smt.FORMAT: (smt.REQUIRED, smt.parse_smt),
    registers_csv.FORMAT: (registers_csv.REQUIRED, registers_csv.parse_registers),
    csv_wide.FORMAT: (csv_wide.REQUIRED, csv_wide.parse_wide),
    csv_long.FORMAT: (csv_long.REQUIRED, csv_long.parse_long),
}


def parse_file(name: str, data: bytes, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    """Return what a meter file holds, in the landed layout, and what was not taken. It never raises for bad input.

    Formats: NEM12, Smart Meter Texas, our long, wide and register CSV, and zip files of these (their members are
    taken together, as one file).
    """
    digest = hashlib.sha256(data).hexdigest()
    if not is_archive(data):
        return _parse_text(name, digest, data, channels)
    try:
        members = unpack(name, data)
    except InputError as error:
        return refused(name, digest, ARCHIVE, "bad_archive", error.message)
    parts = [
        _parse_text(member.name, hashlib.sha256(member.data).hexdigest(), member.data, channels) for member in members
    ]
    return parts[0] if len(parts) == 1 else _combined(name, digest, parts)


def _parse_text(name: str, digest: str, data: bytes, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    try:
        source = read_source(name, digest, data)
    except InputError as error:
        return refused(name, digest, UNKNOWN, "bad_encoding", error.message)
    if source.lines.is_empty():
        return refused(name, digest, UNKNOWN, "empty_file", "expected meter reads, found no text")
    return _parse_source(source, channels)


def _parse_source(source: Source, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    first = source.lines["text"][0].strip()
    if first[:3].isdigit() and first[3:4] in {",", ""}:
        return nem12.parse_nem12(source, channels)
    header = set(header_names(source))
    for file_format, (required, parse) in _BY_HEADER.items():
        if header.issuperset(required):
            if source.lines.height == 1:
                return refused(source.name, source.sha256, file_format, "no_data", "expected reads below the header")
            return parse(source, channels)
    return refused(
        source.name,
        source.sha256,
        UNKNOWN,
        "unknown_format",
        "expected NEM12, Smart Meter Texas, or a long, wide or register CSV by its header, "
        f"found `{first[:60]}` in line {source.lines['line'][0]}",
    )


def _combined(name: str, digest: str, parts: list[ParsedFile]) -> ParsedFile:
    """Return the members of a zip as one file; unusable members leave their reject, the others count."""
    lengths = sorted({minutes for part in parts for minutes in part.days})
    days = {minutes: pl.concat(part.days[minutes] for part in parts if minutes in part.days) for minutes in lengths}
    no_lines = pl.DataFrame(schema={"line": pl.Int64, "text": pl.String})
    kept, duplicates = settle_days(Source(name, digest, no_lines), days)
    rejects = gather_rejects([*(part.rejects for part in parts), *duplicates])
    registers = current_registers(pl.concat(part.registers for part in parts))
    return ParsedFile(name, digest, ARCHIVE, rejects, kept, registers)
