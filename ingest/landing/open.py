"""Files opened in groups of bounded bytes: the next group is read when the one before has been written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from ingest.formats.archive import BadArchive, Member, open_members
from ingest.formats.detect import UNKNOWN
from ingest.formats.parsed import reject_file
from ingest.landing.parsed import ParsedFile
from model.errors import InputError
from store.files import read_bytes

# Parsing takes several times the bytes of a group in memory; a single larger file is a group of its own.
GROUP_BYTES = 256 * 1024**2
GROUP_FILES = 2_000  # many tiny files: the tables of each cost more than its bytes

Opened: TypeAlias = Member | BadArchive | ParsedFile


def opened_groups(paths: Sequence[Path]) -> Iterator[tuple[list[Opened], int]]:
    """Yield groups of files in order of name, packed ones as their members, and how many of `paths` end in each.

    What cannot be opened is refused in its place.
    """
    group: list[Opened] = []
    size, ended = 0, 0
    for path in sorted(paths, key=lambda path: (path.name, str(path))):
        for file in _opened(path):
            bytes_of = 0 if isinstance(file, ParsedFile) else len(file.data)
            if group and (size + bytes_of > GROUP_BYTES or len(group) == GROUP_FILES):
                yield group, ended
                group, size, ended = [], 0, 0
            group.append(file)
            size += bytes_of
        ended += 1
    if group:
        yield group, ended


def _opened(path: Path) -> Iterator[Opened]:
    try:
        data = read_bytes(path)
    except InputError as error:
        yield ParsedFile(str(path), "", UNKNOWN, reject_file(str(path), "", "unreadable_file", error.message))
        return
    yield from open_members(str(path), data)
