"""Backups in a folder of their own: each content once, named by its hash, and a manifest for each backup.

So a second backup copies only what is new, and what has changed on the backup's disk no longer fits its name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import ConfigError, ControlError
from model.progress import Progress
from store.audit import audit_head
from store.audit_log import NAME as LOG_NAME
from store.bring import bring_runs, require
from store.control import checkpoint, control
from store.failpoints import around
from store.files import (
    PRIVATE,
    SEALED,
    create_only,
    file_sha256,
    private_folder,
    read_bytes,
    rename,
    sync_file,
    written_aside,
)
from store.lake import LakeFile, all_files
from store.mount import bucket_of
from store.workspace import CONFIG_NAME, Workspace

_CHUNK = 1 << 20


@dataclass(frozen=True)
class CopiedFile:
    """A file of a backup: where it lies below the workspace, its hash, bytes and rights."""

    path: str
    sha256: str
    bytes: int
    mode: int


@dataclass(frozen=True)
class Backup:
    """A backup: its manifest, the workspace's name, the audit's last entry, its files."""

    path: Path
    name: str
    entry_no: int
    files: tuple[CopiedFile, ...]
    copied: int = 0
    """Contents copied by this call; the others were there."""


def make_backup(workspace: Workspace, folder: Path, *, progress: Progress) -> Backup:
    """Copy a workspace to `folder`, checked by hash. What is there already is not copied again.

    The control database is copied under the lock, the immutable files after it, those of a bucket that are not here
    too. The analysts' database is left out: `restore` builds it.

    Raises:
        ConfigError: the folder lies inside the workspace's lake.
        ControlError: a registered file is damaged; a damaged file never takes a good one's place.
    """
    folder = folder.resolve()
    if folder.is_relative_to(workspace.root):
        raise ConfigError(f"`{folder}` is inside the workspace", hint="choose a folder beside it, better another disk")
    private_folder(private_folder(folder) / "objects")
    with control(workspace, purpose="backup") as connection:
        checkpoint(connection)  # afterwards everything is in the one file
        number, _ = audit_head(connection)
        registered = {file.path: file for file in all_files(connection)}
    with control(workspace, purpose="backup"):  # open, so nobody writes; what is in the file is what was checkpointed
        copies = [_copy(workspace, folder, name, None) for name in _changing(workspace)]
    bring_runs(workspace.runs)
    sealed = sorted({*registered, *_beside(workspace)})
    progress.begin("backup", len(sealed), "files")
    for name in sealed:
        copies.append(_copy(workspace, folder, name, registered.get(name)))
        progress.advance("backup", 1, copied=sum(is_new for _, is_new in copies))
    progress.end("backup", copied=sum(is_new for _, is_new in copies))
    return _write_manifest(folder, workspace.name, number, copies)


def find_backups(folder: Path) -> list[Backup]:
    """Return the backups in a folder, the oldest first.

    Raises:
        ConfigError: there is none.
        ControlError: a manifest is not what was written.
    """
    found = []
    for path in sorted(folder.glob("backup-*.json")):
        data = read_bytes(path)
        if hashlib.sha256(data).hexdigest()[:16] != path.stem.rpartition("-")[2]:
            raise ControlError(f"manifest `{path}` was changed", hint="move it away to use the backup before it")
        content = json.loads(data)
        files = tuple(CopiedFile(**item) for item in content["files"])
        found.append(Backup(path, content["name"], content["entry_no"], files))
    if not found:
        raise ConfigError(f"`{folder}` holds no backup", hint="name the folder that `billmill backup --to` was given")
    return sorted(found, key=lambda backup: (backup.entry_no, backup.path.stat().st_mtime))


def object_path(folder: Path, sha256: str) -> Path:
    """Return where the content with a hash lies in a folder of backups."""
    return folder / "objects" / sha256[:2] / sha256


def put_back(folder: Path, file: CopiedFile, target: Path) -> None:
    """Copy a file of a backup to `target`, checked.

    Raises:
        ControlError: the backup's copy is gone or damaged; the target is as it was.
    """
    source = object_path(folder, file.sha256)
    if not source.is_file() or file_sha256(source) != file.sha256:
        raise ControlError(
            f"backup `{folder}`: the copy of `{file.path}` is damaged or gone ({source})", hint="use another backup"
        )
    with written_aside(target, mode=file.mode) as aside:
        shutil.copyfile(source, aside)
        if file_sha256(aside) != file.sha256:
            raise ControlError(f"`{target}` is not what was copied to it", hint="check the disk")


def _changing(workspace: Workspace) -> Iterator[str]:
    yield workspace.control_path.name
    yield from (name for name in (CONFIG_NAME, LOG_NAME) if (workspace.root / name).is_file())


def _beside(workspace: Workspace) -> Iterator[str]:
    """Name the files of runs, the kept books and the rejected lines, without what is half written or a lock."""
    for base in (workspace.lake, workspace.books, workspace.quarantine):
        for path in sorted(base.rglob("*")) if base.is_dir() else []:
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(workspace.root).as_posix()


def _copy(workspace: Workspace, folder: Path, name: str, registered: LakeFile | None) -> tuple[CopiedFile, bool]:
    path = workspace.root / name
    mode = PRIVATE if not name.startswith("lake/") else SEALED
    if registered is not None and object_path(folder, registered.sha256).is_file():
        return CopiedFile(name, registered.sha256, registered.bytes, mode), False
    if bucket_of(path) is not None and not path.is_file():
        require(path, None if registered is None else registered.sha256)
    aside = folder / "objects" / f".{os.getpid()}.tmp"
    digest, size = hashlib.sha256(), 0
    try:
        with around("writing", aside), path.open("rb") as source, aside.open("wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += target.write(chunk)
        sync_file(aside)
        sha256 = digest.hexdigest()
        if registered is not None and sha256 != registered.sha256:
            raise ControlError(
                f"file `{name}` is not the one that was registered",
                hint="billmill verify, then billmill restore BACKUP",
            )
        final = object_path(folder, sha256)
        is_new = not final.is_file()
        if is_new:
            if file_sha256(aside) != sha256:
                raise ControlError(f"the copy of `{name}` differs from it", hint=f"check the disk of {folder}")
            final.parent.mkdir(exist_ok=True)
            aside.chmod(0o400)
            rename(aside, final)
    except OSError as error:
        error.filename = error.filename or str(folder)
        raise
    finally:
        aside.unlink(missing_ok=True)
    return CopiedFile(name, sha256, size, mode), is_new


def _write_manifest(folder: Path, name: str, number: int, copies: list[tuple[CopiedFile, bool]]) -> Backup:
    files = tuple(sorted((file for file, _ in copies), key=lambda file: file.path))
    content: dict[str, Any] = {"name": name, "entry_no": number, "files": [vars(file) for file in files]}
    data = json.dumps(content, indent=1, sort_keys=True).encode()
    path = folder / f"backup-{number:08d}-{hashlib.sha256(data).hexdigest()[:16]}.json"
    create_only(path, data)
    return Backup(path, name, number, files, sum(is_new for _, is_new in copies))
