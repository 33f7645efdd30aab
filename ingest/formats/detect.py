"""Which format a meter file has, told by its content alone, and its records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import polars as pl

from ingest.formats.archive import BadArchive, Member, open_members
from ingest.formats.flows import cmep, d0010, mscons
from ingest.formats.nem import nem12, nem13
from ingest.formats.parsed import Source, no_lines
from ingest.formats.records import FileRecords, Opening, refused
from ingest.formats.tables import (
    beacon,
    csv_long,
    csv_wide,
    esb_hdf,
    registers_csv,
    routes,
    smt,
    uk_half_hourly,
    uk_readings,
)
from ingest.formats.text import opening_text, read_source
from ingest.formats.xml import espi, iec61968
from model.errors import InputError

UNKNOWN = "unknown"
ARCHIVE = "archive"
LINE_BYTES_MAX = 10_000_000  # the longest sound one, a NEM12 day of 5-minute values, has some 5,000
_OPENING_BYTES = 64 * 1024
_WEB_PAGE_MARKS = (b"<!doctype html", b"<html")


@dataclass(frozen=True)
class Reading:
    """How files are read whatever their content looks like: by a mapping file, or as the routes of a handheld.

    `named` tells it apart from others, for the load ledger: the same bytes read otherwise are another load.
    """

    named: str
    read: Callable[[Source], FileRecords]


class Reader(Protocol):
    """A module of a format: `matches` looks at the content only, `read` never raises for bad input."""

    FORMAT: str

    def matches(self, opening: Opening) -> bool:
        """Return whether a file that begins so is of this format."""

    def read(self, source: Source) -> FileRecords:
        """Return what the file says."""


# Readers are asked in this order; a more particular format stands before a more general one.
# Formats that state their own encoding or are no text: they read the bytes themselves.
BYTE_READERS: tuple[Reader, ...] = (iec61968, espi)
# Texts whose lines mean nothing and may be as long as the file.
TEXT_READERS: tuple[Reader, ...] = (mscons,)
LINE_READERS: tuple[Reader, ...] = (
    nem13, nem12, d0010, cmep, smt, registers_csv, csv_wide, csv_long, beacon, esb_hdf, routes, uk_readings,
    uk_half_hourly,
)  # fmt: skip


def read_files(name: str, data: bytes, reading: Reading | None = None) -> Iterator[FileRecords]:
    """Yield what a meter file says, or, of a packed one, what each of its members says."""
    for member in open_members(name, data):
        yield read_member(member, reading)


def read_member(
    member: Member | BadArchive, reading: Reading | None = None, *, digest: str | None = None
) -> FileRecords:
    """Return what a file says and what was not taken. It never raises for bad input.

    `reading` reads it whatever its content looks like: by a mapping file, or as the route of a handheld. `digest` is
    the SHA-256 of its bytes, where it is known already.
    """
    digest = digest or hashlib.sha256(member.data).hexdigest()
    if isinstance(member, BadArchive):
        return refused(member.name, digest, ARCHIVE, "bad_archive", member.message)
    if reading is not None:
        source = _source_of_bytes(member, digest)
        found = reading.read(source)
        return found if found.lines.height else replace(found, lines=source.lines)
    return _read_by_content(member, digest)


def _read_by_content(member: Member, digest: str) -> FileRecords:
    opening = _opening(opening_text(member.data[:_OPENING_BYTES]), member.data)
    if _is_web_page(opening):
        detail = "expected meter reads, found a web page: the download was answered with a message or a sign-in form"
        return refused(member.name, digest, UNKNOWN, "html_page", detail)
    for reader in BYTE_READERS:
        if reader.matches(opening):
            return reader.read(_source_of_bytes(member, digest))
    try:
        source = read_source(member.name, digest, member.data)
    except InputError as error:
        return refused(member.name, digest, UNKNOWN, "bad_encoding", error.message)
    if source.lines.is_empty():
        return refused(member.name, digest, UNKNOWN, "empty_file", "expected meter reads, found no text")
    return _read_text(source)


def _read_text(source: Source) -> FileRecords:
    name, digest, lines = source.name, source.sha256, source.lines
    opening = _opening(lines["text"][0], source.data)
    for reader in TEXT_READERS:
        if reader.matches(opening):
            return reader.read(source)
    longest = lines.filter(pl.col("text").str.len_bytes() > LINE_BYTES_MAX).head(1)
    if longest.height:
        found = f"found one of {longest['text'].str.len_bytes().item():,} in line {longest['line'].item()}"
        return refused(name, digest, UNKNOWN, "line_too_long", f"expected lines of at most 10 MB, {found}")
    for reader in LINE_READERS:
        if reader.matches(opening):
            return replace(reader.read(source), lines=lines)
    first = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in opening.first[:60])
    detail = f"expected a format of docs/formats.md, found `{first}` in line {lines['line'][0]}"
    return refused(name, digest, UNKNOWN, "unknown_format", detail)


def _opening(text: str, data: bytes) -> Opening:
    first = next((line.strip() for line in text[:_OPENING_BYTES].splitlines() if line.strip()), "")
    header = tuple(name.strip().strip('"').strip().lower() for name in first.split(","))
    return Opening(first, header, data[:_OPENING_BYTES])


def _is_web_page(opening: Opening) -> bool:
    return opening.first.startswith("<") and any(mark in opening.start[:1_000].lower() for mark in _WEB_PAGE_MARKS)


def _source_of_bytes(member: Member, digest: str) -> Source:
    """Return the file with its lines where it has any, for the text of rejects."""
    try:
        return read_source(member.name, digest, member.data)
    except InputError:
        return Source(member.name, digest, no_lines(), member.data)
