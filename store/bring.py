"""Copies of objects brought to this machine: a file that is not here, the small files of a run, all that is named."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from model.errors import ControlError, StorageError
from store.bucket import StoredObject
from store.files import SEALED, rename, sync_file
from store.mount import AT_A_TIME, bucket_of, mounted

_PLAN, _PUBLISHED = "plan/plan.json", "published.json"
_BY_CONTENT = re.compile(r"-([0-9a-f]{16})\.parquet$")


def bring(path: Path, sha256: str | None = None) -> bool:
    """Copy the object of a path here, in the place of what was; return False when there is none.

    Raises:
        StorageError: it is not what was put: its hash is not `sha256`, or not the one that its name or it itself tells.
    """
    found = bucket_of(path)
    if found is None:
        return False
    bucket, key = found
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        stored = bucket.fetch(key, aside, sha256)
        if stored is None:
            return False
        by_content = _BY_CONTENT.search(path.name)
        if sha256 is None and by_content and not stored.sha256.startswith(by_content[1]):
            raise StorageError(
                f"object `{key}` of `{bucket.url}` has SHA-256 {stored.sha256[:16]}, not that of its name",
                hint="billmill verify names all that differ; billmill restore BACKUP puts them back",
            )
        # The time of a receipt tells how fast a run goes, wherever it was computed.
        os.utime(aside, (stored.modified_at.timestamp(),) * 2)
        sync_file(aside)
        aside.chmod(SEALED)
        rename(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return True


def bring_missing(paths: Iterable[Path]) -> None:
    """Copy the files here that are not here yet, those of which there is an object."""
    wanted = [path for path in paths if mounted(path) is not None and not path.is_file()]
    if wanted:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(bring, wanted))


def bring_current(path: Path) -> bool:
    """Return whether a file that may go again is there, as the bucket has it now; a copy of one that went goes too."""
    if mounted(path) is None:
        return path.is_file()
    if bring(path):
        return True
    path.unlink(missing_ok=True)
    return False


def bring_plan(folder: Path) -> None:
    """Copy the plan in a run's folder here: all that a machine needs which computes a partition."""
    found = mounted(folder)
    if found is None or (folder / _PLAN).is_file():
        return
    bucket, prefix = found
    names = _names(prefix, bucket.listing(f"{prefix}/plan"))
    bring_missing(folder / name for name in names if name != _PLAN)
    bring_missing([folder / _PLAN] if names else [])  # with it here, all of it is


def bring_run(folder: Path) -> None:
    """Copy what a run's folder holds here: its plan, receipts and manifests, not its tables.

    A run that is published no longer changes, so the store is asked only as long as a run is not known here as that.
    """
    found = mounted(folder)
    if found is None or (folder / _PUBLISHED).is_file():
        return
    bucket, prefix = found
    bring_plan(folder)
    own = _names(prefix, bucket.entries(prefix)[0])
    bring_missing(folder / name for name in own if name != _PUBLISHED)
    bring_receipts(folder)
    bring_missing([folder / _PUBLISHED] if _PUBLISHED in own else [])  # with it here, all of it is


def bring_receipts(folder: Path) -> None:
    """Copy the receipts of the tasks whose folder it is here."""
    found = mounted(folder)
    if found is not None:
        bucket, prefix = found
        bring_missing(folder / name for name in _names(prefix, bucket.listing(f"{prefix}/receipts")))


def bring_lake(lake: Path) -> bool:
    """Copy all objects here that are not here; return whether there were any."""
    found = mounted(lake)
    names = [] if found is None else _names("", found[0].listing(""))
    missing = [lake / name for name in names if not (lake / name).is_file()]
    bring_missing(missing)
    return bool(missing)


def bring_notes(receipts: Path) -> None:
    """Copy the notes of attempts in a folder of receipts here, also those that may have got an end since."""
    found = mounted(receipts)
    if found is None:
        return
    bucket, prefix = found
    for item in bucket.listing(prefix):
        path = receipts / item.key.removeprefix(f"{prefix}/")
        if path.name.startswith(".") and (not path.is_file() or path.stat().st_size != item.bytes):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bucket.read(item.key) or b"")


def bring_runs(runs: Path) -> None:
    """Copy what the folders of all runs hold here, whatever is here already; an object that is damaged is left out."""
    found = mounted(runs)
    if found is None:
        return
    bucket, prefix = found
    for name in bucket.entries(prefix)[1]:
        objects = [*bucket.entries(name)[0], *bucket.listing(f"{name}/plan"), *bucket.listing(f"{name}/receipts")]
        for path in _names(prefix, objects):
            with suppress(StorageError):
                bring_missing([runs / path])


def require(path: Path, sha256: str | None) -> None:
    """Copy a file here that something names with a hash.

    Raises:
        ControlError: the bucket does not hold it.
    """
    if not bring(path, sha256):
        found = bucket_of(path)
        where = f"`{path}` of the lake" if found is None else f"object `{found[1]}` of `{found[0].url}`"
        raise ControlError(f"{where} is missing", hint="restore it from a backup: billmill restore BACKUP")


def _names(prefix: str, objects: Iterable[StoredObject]) -> list[str]:
    """Return the names of objects below a run's folder, without those of attempts, which only people ask for."""
    names = (item.key.removeprefix(f"{prefix}/" if prefix else "") for item in objects)
    return [name for name in names if not name.rpartition("/")[2].startswith(".")]
