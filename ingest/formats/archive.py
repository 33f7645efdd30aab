"""Packed meter files: zip and gzip, also inside each other, unpacked within bounds."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from model.errors import InputError

# A member above these is refused before a byte of it is unpacked: no meter file is that large or packs that well.
MEMBER_BYTES_MAX = 2 * 1024**3
RATIO_MAX = 200
MEMBERS_MAX = 10_000
DEPTH_MAX = 3  # a zip of zips of gzips; what is packed deeper was packed to harm
_SMALL_BYTES = 64 * 1024  # what every file may unpack to, so that tiny ones need no ratio
_ZIP_MARK = b"PK\x03\x04"
_EMPTY_ZIP_MARK = b"PK\x05\x06"
_GZIP_MARK = b"\x1f\x8b\x08"


@dataclass(frozen=True)
class Member:
    """A file as it came, or unpacked from a zip: its name then is `archive.zip/member.csv`."""

    name: str
    data: bytes


@dataclass(frozen=True)
class BadArchive:
    """A file, or a member that is itself packed, that cannot be unpacked, and why."""

    name: str
    data: bytes
    message: str


@dataclass
class _Budget:
    """How many bytes may still be unpacked from one file: many small steps must not add up to a bomb."""

    left: int

    def spend(self, name: str, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise InputError(
                f"`{name}` unpacks to more than {RATIO_MAX} times its size",
                hint="unpack it yourself, check it, and land the members",
            )


def is_archive(data: bytes) -> bool:
    """Return whether the bytes are a zip or gzip file, whatever its name says."""
    return data.startswith((_ZIP_MARK, _EMPTY_ZIP_MARK, _GZIP_MARK))


def open_members(name: str, data: bytes) -> Iterator[Member | BadArchive]:
    """Yield the files in a file, one after the other: itself when it is not packed, else its members, unpacked.

    What cannot be unpacked (damaged, encrypted, empty, too large, packed too tightly or too deeply) is yielded as a
    BadArchive in its place; the members beside it come all the same.
    """
    budget = _Budget(min(2 * MEMBER_BYTES_MAX, RATIO_MAX * len(data) + _SMALL_BYTES))
    yield from _opened(name, data, budget, depth=0)


def _opened(name: str, data: bytes, budget: _Budget, *, depth: int) -> Iterator[Member | BadArchive]:
    if not is_archive(data):
        yield Member(name, data)
        return
    if depth == DEPTH_MAX:
        yield BadArchive(name, data, f"`{name}` is packed more than {DEPTH_MAX} times over")
        return
    members = _gunzip(name, data, budget) if data.startswith(_GZIP_MARK) else _unzip(name, data, budget)
    try:
        for member in members:
            yield from _opened(member.name, member.data, budget, depth=depth + 1)
    except InputError as error:
        yield BadArchive(name, data, error.message)


def _unzip(name: str, data: bytes, budget: _Budget) -> Iterator[Member]:
    """Yield the members of a zip in order of name; folders are passed over."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = sorted((entry for entry in archive.infolist() if not entry.is_dir()), key=lambda e: e.filename)
            _check(name, entries)
            for entry in entries:
                budget.spend(name, entry.file_size)
                yield Member(f"{name}/{entry.filename}", archive.read(entry))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"zip `{name}` cannot be unpacked: {error}", hint="pack it again") from error


def _gunzip(name: str, data: bytes, budget: _Budget) -> Iterator[Member]:
    """Yield what a gzip file holds; several streams one after the other are one file."""
    parts: list[bytes] = []
    rest = data
    try:
        while rest:
            stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            parts.append(stream.decompress(rest, max(min(budget.left, MEMBER_BYTES_MAX), 0) + 1))
            budget.spend(name, len(parts[-1]))
            if not stream.eof:
                raise InputError(f"gzip `{name}` cannot be unpacked: it is cut off", hint="fetch it again")
            rest = stream.unused_data.lstrip(b"\x00")
    except zlib.error as error:
        raise InputError(f"gzip `{name}` cannot be unpacked: {error}", hint="pack it again") from error
    yield Member(name, b"".join(parts))


def _check(name: str, entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise InputError(f"zip `{name}`: expected a meter file, found none", hint="check what was packed")
    if len(entries) > MEMBERS_MAX:
        raise InputError(f"zip `{name}`: expected at most {MEMBERS_MAX} members, found {len(entries)}", hint="split it")
    for entry in entries:
        ratio = entry.file_size // max(entry.compress_size, 1)
        if entry.file_size > MEMBER_BYTES_MAX or ratio > RATIO_MAX:
            raise InputError(
                f"zip `{name}`: member `{entry.filename}` has {entry.file_size} bytes, packed {ratio} to 1; expected "
                f"at most {MEMBER_BYTES_MAX} and {RATIO_MAX} to 1",
                hint="unpack it yourself, check it, and land the member",
            )
