"""Where a damaged file is damaged: the byte when it can be told, the row group and column of Parquet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# A flipped bit is looked for by turning each bit back and hashing: half a second of work, then it is given up.
SEARCH_BYTES = 400_000_000
# A flipped bit can make a column that no index leads to, and a time that no calendar has.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, IndexError, OverflowError)


@dataclass(frozen=True)
class _Chunk:
    """A column of a row group: its bytes in the file, begin included."""

    row_group: int
    column: str
    begin: int
    end: int

    def __str__(self) -> str:
        return f"row group {self.row_group}, column {self.column}"


def where_damaged(path: Path, expected_sha256: str, expected_bytes: int | None, good: Path | None = None) -> str:
    """Return in words where a file differs from the one that had this hash; `good` is a copy of that one.

    Without a copy a single flipped bit is found in small files, and in small columns of larger ones.
    """
    data = path.read_bytes()
    if expected_bytes is not None and len(data) != expected_bytes:
        return f"{len(data):,} bytes"
    chunks, suspects = _suspects(path)
    if good is not None and hashlib.sha256(original := good.read_bytes()).hexdigest() == expected_sha256:
        at = next(place for place, (ours, theirs) in enumerate(zip(data, original, strict=True)) if ours != theirs)
        return _at(at, original[at], data[at], chunks)
    regions = [(chunk.begin, chunk.end) for chunk in suspects] or [(0, len(data))]
    if suspects:  # the footer may name what is sound wrongly
        regions.append((max(chunk.end for chunk in chunks), len(data)))
    for begin, end in regions:
        found = _flipped_bit(data, expected_sha256, begin, end)
        if found is not None:
            return _at(found[0], found[1], data[found[0]], chunks)
    if suspects:
        return f"{suspects[0]} cannot be read as it was written"
    return "other bytes; a copy tells where: --against BACKUP"


def _at(place: int, expected: int, found: int, chunks: list[_Chunk]) -> str:
    inside = next((f" ({chunk})" for chunk in chunks if chunk.begin <= place < chunk.end), "")
    return f"byte {place:,} is 0x{found:02x}, not 0x{expected:02x}{inside}"


def _suspects(path: Path) -> tuple[list[_Chunk], list[_Chunk]]:
    """Return the columns of a Parquet file's row groups, and those that no longer decode to what its footer says."""
    if path.suffix != ".parquet":
        return [], []
    try:
        file = pq.ParquetFile(path)
        chunks = list(_chunks(file))
    except _UNREADABLE:
        return [], []  # the footer itself
    return chunks, [chunk for chunk in chunks if not _decodes(file, chunk)]


def _chunks(file: pq.ParquetFile) -> Iterator[_Chunk]:
    for group in range(file.metadata.num_row_groups):
        columns = file.metadata.row_group(group)
        for number in range(columns.num_columns):
            found = columns.column(number)
            begin = found.dictionary_page_offset or found.data_page_offset
            yield _Chunk(group, found.path_in_schema, begin, begin + found.total_compressed_size)


def _decodes(file: pq.ParquetFile, chunk: _Chunk) -> bool:
    """Tell whether a column of a row group decodes, and to values that its statistics allow."""
    group = file.metadata.row_group(chunk.row_group)
    number = next(n for n in range(group.num_columns) if group.column(n).path_in_schema == chunk.column)
    statistics = group.column(number).statistics
    try:
        values = file.read_row_group(chunk.row_group, columns=[chunk.column]).column(0)
        values.validate(full=True)
        if statistics is None:
            return True
        if statistics.has_null_count and values.null_count != statistics.null_count:
            return False
        if not statistics.has_min_max or not pa.types.is_primitive(values.type):
            return True
        bounds = pc.min_max(values).as_py()
        return bool(bounds == {"min": statistics.min, "max": statistics.max})
    except _UNREADABLE:
        return False


def _flipped_bit(data: bytes, expected_sha256: str, begin: int, end: int) -> tuple[int, int] | None:
    """Return the byte between `begin` and `end` of which one bit is turned, and what it was; None when none is."""
    work = 8 * sum(len(data) - place for place in range(begin, end))
    if work > SEARCH_BYTES:
        return None
    before = hashlib.sha256(data[:begin])
    for place in range(begin, end):
        rest = data[place + 1 :]
        for bit in range(8):
            attempt = before.copy()
            byte = data[place] ^ (1 << bit)
            attempt.update(bytes((byte,)))
            attempt.update(rest)
            if attempt.hexdigest() == expected_sha256:
                return place, byte
        before.update(data[place : place + 1])
    return None
