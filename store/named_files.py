"""Files that somebody named with a hash, checked against the disk: in threads, as fast as it reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model.problems import ProblemKind
from model.progress import Progress
from store.copies import object_path
from store.damage import where_damaged
from store.files import file_sha256
from store.mount import bucket_of

_PUT_BACK = "billmill restore BACKUP puts the file back; nothing that rests on it can be trusted before"
_GET_AGAIN = "remove it: the next command that needs it gets it from the bucket again"


@dataclass(frozen=True)
class NamedFile:
    """A file as something names it: by hash, and by what else is known of it. `path` is below the workspace."""

    path: str
    sha256: str
    named_by: str
    bytes: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Problem:
    """A row of model.problems.Problems."""

    kind: ProblemKind
    subject: str
    expected: str
    found: str
    next_step: str


def check_files(
    root: Path, files: Sequence[NamedFile], *, against: Path | None, progress: Progress
) -> tuple[list[Problem], int]:
    """Return what is wrong with files below `root`, and how many bytes were read.

    `against` is the folder of a backup; its copies tell which byte was changed.
    """
    progress.begin("verify", len(files), "files")
    problems: list[Problem] = []
    read = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found, size in pool.map(lambda file: _check(root, file, against), files):
            problems += found
            read += size
            progress.advance("verify", 1, bytes=read, problems=len(problems))
    progress.end("verify", bytes=read, problems=len(problems))
    return problems, read


def _check(root: Path, file: NamedFile, against: Path | None) -> tuple[list[Problem], int]:
    path = root / file.path
    is_copy = bucket_of(path) is not None
    if not path.is_file():
        if is_copy:  # it is got when it is needed; whether its object is there is asked of the bucket
            return [], 0
        expected = f"the file that {file.named_by} names"
        return [Problem(ProblemKind.MISSING, file.path, expected, "nothing", _PUT_BACK)], 0
    size, sha256 = path.stat().st_size, file_sha256(path)
    if sha256 != file.sha256:
        copy = object_path(against, file.sha256) if against is not None else None
        good = copy if copy is not None and copy.is_file() else None
        expected = f"SHA-256 {file.sha256[:16]}" + (f", {file.bytes:,} bytes" if file.bytes is not None else "")
        found = f"SHA-256 {sha256[:16]}: {where_damaged(path, file.sha256, file.bytes, good)}"
        hint = _GET_AGAIN if is_copy else _PUT_BACK
        return [Problem(ProblemKind.ALTERED, file.path, expected, found, hint)], size
    return _figures(file, path, size), size


def _figures(file: NamedFile, path: Path, size: int) -> list[Problem]:
    """Return what is wrong with the figures beside a hash that holds: then not the file was changed, but they."""
    pairs = [("bytes", file.bytes, size)]
    if file.rows is not None:
        pairs.append(("rows", file.rows, _rows(path)))
    hint = "the file is whole; the control database was changed: billmill restore BACKUP, or billmill rebuild"
    return [
        Problem(ProblemKind.ROW, f"{file.named_by}: {file.path}", f"{found:,} {unit}", f"{stated:,} {unit}", hint)
        for unit, stated, found in pairs
        if stated is not None and stated != found
    ]


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return -1
