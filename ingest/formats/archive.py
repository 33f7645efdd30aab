"""Zip files of meter files: each member is a file of its own."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

from model.errors import InputError

# A member above these is refused before a byte of it is unpacked: no meter file is that large or packs that well.
MEMBER_BYTES_MAX = 2 * 1024**3
RATIO_MAX = 200
MEMBERS_MAX = 10_000
_ZIP_MARK = b"PK\x03\x04"
_EMPTY_ZIP_MARK = b"PK\x05\x06"


@dataclass(frozen=True)
class Member:
    """A file as it came, or unpacked from a zip: its name then is `archive.zip/member.csv`."""

    name: str
    data: bytes


def is_archive(data: bytes) -> bool:
    """Return whether the bytes are a zip file, whatever its name says."""
    return data.startswith((_ZIP_MARK, _EMPTY_ZIP_MARK))


def unpack(name: str, data: bytes) -> list[Member]:
    """Return the members of a zip in order of name; folders are passed over.

    Raises:
        InputError: it is damaged, encrypted, empty, or a member is too large or packed too tightly.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = sorted((entry for entry in archive.infolist() if not entry.is_dir()), key=lambda e: e.filename)
            _check(name, entries)
            return [Member(f"{name}/{entry.filename}", archive.read(entry)) for entry in entries]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"zip `{name}` cannot be unpacked: {error}", hint="pack it again") from error


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
