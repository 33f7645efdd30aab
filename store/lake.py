"""The lake: immutable Parquet, named by content; only registered files count."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl

from model.control import LakeFiles
from model.errors import ControlError
from model.schema import arranged, polars_schema
from store.bring import bring, bring_missing, require
from store.control import Connection, insert, query
from store.failpoints import around
from store.files import SEALED, file_sha256, rename, sync_file
from store.mount import AT_A_TIME, mounted, put_named
from store.workspace import Workspace

# 32 k to 65 k channel-days a row group read fastest, whole and by ranges of channels.
ROW_GROUP_ROWS = 50_000


@dataclass(frozen=True)
class LakeFile:
    """A Parquet file and what a reader needs to know before opening it. `path` is relative to the workspace."""

    table: str
    path: str
    sha256: str
    rows: int
    bytes: int
    channel_min: int | None
    channel_max: int | None
    day_min: date | None
    day_max: date | None
    seq_max: int


def write_lake_file(workspace: Workspace, table: str, folder: str, frame: pl.DataFrame) -> LakeFile:
    """Write a sorted frame as one immutable file below `lake/<folder>` and return what it holds.

    The file is named by the hash of its bytes, so writing the same rows again gives the same file.
    """
    target = workspace.lake / folder
    target.mkdir(parents=True, exist_ok=True)
    aside = target / f".{table}.{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        write_rows(frame, aside, "lz4")
        sync_file(aside)
        digest, size = file_sha256(aside), aside.stat().st_size
        final = target / f"{table}-{digest[:16]}.parquet"
        aside.chmod(SEALED)
        put_named(final, aside, digest)
        rename(aside, final)
    finally:
        aside.unlink(missing_ok=True)
    path = final.relative_to(workspace.root).as_posix()
    return LakeFile(table, path, digest, frame.height, size, **_bounds(frame))


def write_lake_files(workspace: Workspace, folder: str, tables: Mapping[str, pl.DataFrame]) -> tuple[LakeFile, ...]:
    """Write a file of each table, in order of name; those of a lake in a bucket wait for the network side by side."""
    names = sorted(tables)
    if mounted(workspace.lake) is None:
        return tuple(write_lake_file(workspace, name, folder, tables[name]) for name in names)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return tuple(pool.map(lambda name: write_lake_file(workspace, name, folder, tables[name]), names))


def write_rows(frame: pl.DataFrame, aside: Path, compression: Literal["lz4", "zstd"]) -> None:
    """Write a frame as Parquet to a name that does not count yet.

    Raises:
        OSError: the disk is full or cannot be written; Polars tells of it as of a mistake in the data.
    """
    try:
        with around("writing", aside):
            frame.write_parquet(aside, compression=compression, row_group_size=ROW_GROUP_ROWS)
    except pl.exceptions.ComputeError as error:
        raise OSError(errno.EIO, f"it cannot be written ({error})", str(aside)) from error


def register_files(connection: Connection, files: Sequence[LakeFile], *, owner: str) -> None:
    """Make files count. Call it inside the transaction that makes their content known.

    A file that is registered already (same path, hence same bytes) is left as it is.
    """
    rows = arranged(LakeFiles, pl.DataFrame([_row(file, owner) for file in files], schema=polars_schema(LakeFiles)))
    known = query(connection, "SELECT path FROM lake_file")["path"]
    insert(connection, "lake_file", rows.filter(~pl.col("path").is_in(known.implode())))


def lake_files(connection: Connection, table: str, *, seq_max: int | None = None) -> list[LakeFile]:
    """Return the registered files of a table, in order of path; with `seq_max` only those learned up to it.

    A file whose highest sequence is above `seq_max` was committed with a later load as a whole, so leaving it out
    leaves out nothing that was known then.
    """
    rows = query(
        connection,
        "SELECT * FROM lake_file WHERE table_name = ? AND (? IS NULL OR seq_max <= ?) ORDER BY path",
        [table, seq_max, seq_max],
    )
    return _listed(rows)


def owned_files(connection: Connection, owner: str) -> list[LakeFile]:
    """Return the registered files that a load or a run wrote, in order of path."""
    return _listed(query(connection, "SELECT * FROM lake_file WHERE owner = ? ORDER BY path", [owner]))


def all_files(connection: Connection) -> list[LakeFile]:
    """Return all registered files, in order of path."""
    return _listed(query(connection, "SELECT * FROM lake_file ORDER BY path"))


def _listed(rows: pl.DataFrame) -> list[LakeFile]:
    return [
        LakeFile(
            row["table_name"], row["path"], row["sha256"], row["row_count"], row["byte_count"],
            row["channel_min"], row["channel_max"], row["day_min"], row["day_max"], row["seq_max"],
        )
        for row in rows.iter_rows(named=True)  # a row per file, not per read
    ]  # fmt: skip


def scan_lake(workspace: Workspace, files: Sequence[LakeFile], *, path_column: str | None = None) -> pl.LazyFrame:
    """Return a lazy frame over the rows of files of one table; `path_column` says which file each comes from.

    Raises:
        ControlError: a file is gone or has another size; the lake was touched by hand.
    """
    assert files, "scan_lake needs at least one file; without files there is no schema to give back"
    paths = [workspace.root / file.path for file in files]
    _at_hand(workspace, files)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ControlError(f"file `{missing[0]}` of the lake is missing", hint="restore it from a backup")
    for file, path in zip(files, paths, strict=True):
        if (found := path.stat().st_size) != file.bytes:
            raise ControlError(
                f"file `{path}` of the lake: expected {file.bytes} bytes, found {found}",
                hint="restore it from a backup: billmill restore; billmill verify names all that differ",
            )
    # A folder may have `[` or `*` in its name.
    return pl.scan_parquet(paths, glob=False, include_file_paths=path_column)


def _at_hand(workspace: Workspace, files: Sequence[LakeFile]) -> None:
    """Copy those files of a lake in a bucket here that are not here as long as they should be."""
    if mounted(workspace.lake) is None:
        return
    paths = {workspace.root / file.path: file for file in files}
    wanted = [path for path, file in paths.items() if not path.is_file() or path.stat().st_size != file.bytes]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in [pool.submit(require, path, paths[path].sha256) for path in wanted]:
            done.result()


def lake_paths(workspace: Workspace, paths: Iterable[str]) -> list[str]:
    """Return where files of the lake lie on this machine, for DuckDB, once they are here; `paths` as registered."""
    found = [workspace.root / path for path in paths]
    bring_missing(found)
    return [path.as_posix() for path in found]


def verify_file(workspace: Workspace, file: LakeFile) -> None:
    """Check that a file still holds the bytes that were registered.

    Raises:
        ControlError: it is gone or was changed.
    """
    path = workspace.root / file.path
    if path.is_file() and file_sha256(path) == file.sha256:
        return
    # A copy that is not here, or was changed here, is got again.
    if not bring(path, file.sha256):
        raise ControlError(f"file `{path}` is not the one that was registered", hint="restore it from a backup")


def _bounds(frame: pl.DataFrame) -> dict[str, Any]:
    def bound(name: str, highest: bool) -> Any:
        if name not in frame.columns or frame.is_empty():
            return None
        return frame[name].max() if highest else frame[name].min()

    return {
        "channel_min": bound("channel_no", False),
        "channel_max": bound("channel_no", True),
        "day_min": bound("day", False),
        "day_max": bound("day", True),
        "seq_max": bound("seq", True) or 0,
    }


def _row(file: LakeFile, owner: str) -> dict[str, Any]:
    renamed = {"table": "table_name", "rows": "row_count", "bytes": "byte_count"}
    return {renamed.get(key, key): value for key, value in vars(file).items()} | {"owner": owner}
