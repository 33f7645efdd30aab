"""Meter files opened and described one after the other, without a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest.describe.facts import FileFacts, describe
from ingest.formats.detect import UNKNOWN, Reading, read_files
from ingest.formats.records import refused
from model.errors import InputError
from store.files import read_bytes


def describe_files(paths: Sequence[Path], reading: Reading | None = None) -> Iterator[FileFacts]:
    """Yield what each file holds, the members of a packed one each by itself; one that cannot be read has a reject.

    `reading` reads them whatever their content looks like, as `read_member` says.
    """
    for path in paths:
        try:
            data = read_bytes(path)
        except InputError as error:
            yield describe(refused(str(path), "", UNKNOWN, "unreadable_file", error.message))
            continue
        for records in read_files(str(path), data, reading):
            yield describe(records)
