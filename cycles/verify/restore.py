"""`restore`: a workspace from a backup, or what is missing and damaged in one put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import ConfigError, ControlError
from model.progress import Progress
from outputs.analytics import build_analytics
from store.audit_log import NAME as LOG_NAME
from store.control import control
from store.copies import Backup, CopiedFile, find_backups, put_back
from store.files import file_sha256, private_folder, remove
from store.lock import hold
from store.mount import bucket_of, other_objects, put_again
from store.repair import keep_aside, wal_path
from store.workspace import CONFIG_NAME, Workspace, claim_again, keep_lake_here, open_workspace


@dataclass(frozen=True)
class Restored:
    """What a restore did. `kept` is the folder that holds what was damaged; None when nothing was replaced."""

    root: Path
    backup: Path
    put_back: tuple[str, ...]
    kept: Path | None


def restore(source: Path, root: Path, *, progress: Progress, same_lake: bool = False) -> Restored:
    """Restore the newest backup in `source` to `root`.

    A folder that is empty or not there becomes a workspace; its lake lies in the folder, so that a drill touches no
    bucket, or with `same_lake` where the backup's lay. In a workspace the files and objects that are missing or damaged
    are put back; the control database only when it is missing or does not open. What is replaced here is kept.

    Raises:
        ConfigError: `source` holds no backup, or `root` holds other files.
        ControlError: the backup is damaged.
    """
    backup, root = find_backups(source)[-1], root.resolve()
    if (root / CONFIG_NAME).is_file() or (root / "lake").is_dir():
        workspace = open_workspace(root) if (root / CONFIG_NAME).is_file() else Workspace(root, backup.name)
        return _mend(source, backup, workspace, progress)
    if root.exists() and any(root.iterdir()):
        raise ConfigError(f"folder `{root}` is not empty and no workspace", hint="choose an empty folder")
    files = [file for file in backup.files if file.path != CONFIG_NAME]
    _put_back(source, root, files, progress)
    workspace = Workspace(root, backup.name)
    for folder in (workspace.quarantine, workspace.backups, workspace.books):
        private_folder(folder)
    workspace.runs.mkdir(parents=True, exist_ok=True)
    _build(workspace)
    # The configuration comes last: a kill before it leaves no workspace that only seems whole.
    _put_back(source, root, [file for file in backup.files if file.path == CONFIG_NAME], progress)
    if not same_lake:
        keep_lake_here(workspace)
    opened = open_workspace(root)
    claim_again(opened)
    _put_objects(opened, backup.files)
    return Restored(root, backup.path, tuple(file.path for file in backup.files), None)


def _mend(source: Path, backup: Backup, workspace: Workspace, progress: Progress) -> Restored:
    with hold(workspace.root / ".lock", purpose="restore"):
        needs_control = not _opens(workspace)
        claim_again(workspace)
        lost = other_objects(workspace.lake, {file.path: file.sha256 for file in backup.files})
        wanted = [file for file in backup.files if file.path in lost or _is_wanted(workspace, file, needs_control)]
        damaged = [workspace.root / file.path for file in wanted if (workspace.root / file.path).is_file()]
        damaged += [wal_path(workspace)] if needs_control and wal_path(workspace).is_file() else []
        kept = keep_aside(workspace, f"replaced-{backup.entry_no:08d}", damaged) if damaged else None
        if needs_control:
            remove(wal_path(workspace))  # it is kept, and does not fit the database that comes
        _put_back(source, workspace.root, wanted, progress)
        _put_objects(workspace, [file for file in wanted if file.path in lost])
        if wanted:
            _build(workspace)
    return Restored(workspace.root, backup.path, tuple(file.path for file in wanted), kept)


def _is_wanted(workspace: Workspace, file: CopiedFile, needs_control: bool) -> bool:
    path = workspace.root / file.path
    if file.path == workspace.control_path.name:
        return needs_control
    if bucket_of(path) is not None and not path.is_file():
        return False  # its object is sound, and is got when it is needed
    if file.path in {CONFIG_NAME, LOG_NAME} or not path.is_file():
        return not path.is_file()  # both may have changed since, rightly
    return file_sha256(path) != file.sha256 and not file.path.startswith("quarantine/")


def _opens(workspace: Workspace) -> bool:
    try:
        with control(workspace, purpose="restore", though_behind=True):
            return True
    except ControlError:
        return False


def _put_back(source: Path, root: Path, files: Sequence[CopiedFile], progress: Progress) -> None:
    progress.begin("restore", len(files), "files")
    for file in files:
        target = (root / file.path).resolve()
        if not target.is_relative_to(root):
            raise ControlError(f"backup `{source}` names `{file.path}`, outside of the workspace", hint="use another")
        put_back(source, file, target)
        progress.advance("restore")
    progress.end("restore")


def _put_objects(workspace: Workspace, files: Sequence[CopiedFile]) -> None:
    """Put files that are here again in the place of objects that are lost or changed."""
    hashes = {file.path: file.sha256 for file in files}
    for name in other_objects(workspace.lake, hashes):
        put_again(workspace.root / name, hashes[name])


def _build(workspace: Workspace) -> None:
    with control(workspace, purpose="restore", though_behind=True) as connection:
        build_analytics(workspace, connection, whole=True)
