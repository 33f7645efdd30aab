"""Files that are either there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from model.errors import InputError
from store.failpoints import around, reached
from store.mount import put_created, put_placed, take_all_away, take_away

_CHUNK = 1 << 20
_WRITERS = 8  # files that wait for the disk at a time

SEALED = 0o444
"""Files that never change: whoever would write into one by mistake is refused by the system."""
PRIVATE = 0o600
"""Files with personal data or settings: for whoever runs Billmill, and nobody else."""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        InputError: it is not there, is a folder, or may not be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"file `{path}` cannot be read: {error.strerror}", hint="check the path and its rights"
        ) from error


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, as people write configuration.

    Raises:
        InputError: it is not there, may not be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"file `{path}`: expected text in UTF-8: {error}", hint="save it as UTF-8") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def file_content_hash(path: Path) -> str:
    """Return what `model.ids.content_hash` makes of a file's bytes, without holding them in memory."""
    digest = hashlib.sha256(path.stat().st_size.to_bytes(8, "big"))
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def private_folder(path: Path) -> Path:
    """Make a folder that nobody else can look into, or make one so; return it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def sync_file(path: Path) -> None:
    """Force a written file to the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        with around("sync", path):
            os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make created and renamed entries of a folder survive a power cut. DuckDB and Polars do not do it."""
    if os.name == "nt":  # a folder cannot be opened for sync there; the file system journals its entries
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        reached("before sync of the folder", folder / "entries")
        os.fsync(handle)
    finally:
        os.close(handle)


def rename(aside: Path, path: Path, *, sync: bool = True) -> None:
    """Give a file that is whole and synced its name, in the place of what bore it, so that a power cut keeps it.

    Without `sync` it does so once the caller has synced the folder, after the last of many files.
    """
    with around("rename", path):
        aside.replace(path)
    if sync:
        sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file; one that is gone already is no mistake."""
    take_away(path)
    with around("removal", path):
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that lies in it, as far as that can be done; what is left counts for nothing."""
    take_all_away(folder)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def written_aside(path: Path, *, mode: int | None = None, sync: bool = True) -> Iterator[Path]:
    """Give a temporary name beside `path`; when the block ends well it is synced and renamed to `path`.

    The file gets the rights `mode`, those that the system gives when None. `sync` is that of `rename`.
    A kill leaves at most a file ending in `.tmp`, which counts for nothing and is swept by `sweep_temporaries`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with around("writing", path):
            yield aside
        sync_file(aside)
        if mode is not None:
            aside.chmod(mode)
        rename(aside, path, sync=sync)
    finally:
        aside.unlink(missing_ok=True)


def write_bytes_atomic(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a file whole: aside, synced, renamed. Writing the same again changes nothing."""
    put_placed(path, data)
    with written_aside(path, mode=mode) as aside:
        aside.write_bytes(data)


def write_all_atomic(files: Mapping[Path, bytes], *, mode: int | None = None) -> None:
    """Write files whole as `write_bytes_atomic` does, several at a time: most of the time the disk is waited for."""
    with ThreadPoolExecutor(_WRITERS) as writers:
        for done in [writers.submit(_write_unsynced, path, data, mode) for path, data in files.items()]:
            done.result()
    for folder in sorted({path.parent for path in files}):
        sync_folder(folder)


def _write_unsynced(path: Path, data: bytes, mode: int | None) -> None:
    put_placed(path, data)
    with written_aside(path, mode=mode, sync=False) as aside:
        aside.write_bytes(data)


def create_only(path: Path, data: bytes) -> bool:
    """Create a file that must not exist yet; return False, changing nothing, when another was first.

    The name appears with its whole content at once (a hard link to a synced file), so a reader never sees half. Of a
    lake in a bucket, the bucket says who was first; then the other's content is here.
    """
    there = put_created(path, data)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with around("writing", path):
            aside.write_bytes(there)
        sync_file(aside)
        aside.chmod(SEALED)
        try:
            with around("creation", path):
                os.link(aside, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
        return there == data
    finally:
        aside.unlink(missing_ok=True)


def sweep_temporaries(folder: Path) -> int:
    """Remove what killed processes left; return how many. Call it only while holding the lock of the folder."""
    left = [path for path in folder.rglob(".*.tmp") if path.is_file()]
    for path in left:
        remove(path)
    return len(left)
