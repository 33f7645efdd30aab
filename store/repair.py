"""A write-ahead log that cannot be replayed: tried on a copy, cut where DuckDB says, and what is gone is told."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from model.errors import ControlError
from store.audit import broken_entries, record
from store.audit_log import log_path, lost_entries, told
from store.control import Connection, control, transaction
from store.failpoints import around
from store.files import PRIVATE, file_sha256, private_folder, remove, sync_file, sync_folder, written_aside
from store.lock import hold
from store.workspace import Workspace

_POSITION = re.compile(r"byte position (\d+)")


@dataclass(frozen=True)
class Repaired:
    """What a repair did. `kept` is the folder of the originals; None when nothing was wrong."""

    kept: Path | None
    cut_at: int | None
    """Byte at which the write-ahead log was cut; None when DuckDB had dropped its torn end by itself."""
    bytes_cut: int
    lost: list[dict[str, Any]]
    """Entries of the audit's log that the control database no longer has."""


def repair_control(workspace: Workspace, *, at: datetime, actor: str) -> Repaired:
    """Make a control database open again that does not, or that has lost its last acts; otherwise change nothing.

    The originals are copied to `backups/` first and never removed. The swap is one rename, of the cut log.

    Raises:
        ControlError: it is not the write-ahead log, or what is left of it is not consistent; nothing was changed.
    """
    path, wal = workspace.control_path, wal_path(workspace)
    with hold(workspace.root / ".lock", purpose="repair"):
        if not path.is_file():
            raise ControlError(
                f"control database `{path}` is not there", hint="billmill restore BACKUP, or billmill rebuild --replace"
            )
        with tempfile.TemporaryDirectory(prefix=".repair-", dir=workspace.root) as folder:
            size = wal.stat().st_size if wal.is_file() else 0
            kept_bytes, lost = _try_on_copy(workspace, Path(folder) / path.name, size)
        if kept_bytes == size and not lost:
            return Repaired(None, None, 0, [])
        kept = _keep_originals(workspace)
        if kept_bytes < size:
            with written_aside(wal, mode=PRIVATE) as aside, wal.open("rb") as source:
                aside.write_bytes(source.read(kept_bytes))
        remove(log_path(workspace.root))  # it stands among the originals; a new one follows the audit
        sync_folder(workspace.root)
        with control(workspace, purpose="repair") as connection, transaction(connection):
            gone = "; ".join(f"{entry['entry_no']} {told(entry)}" for entry in lost) or "none that the log tells of"
            detail = f"{size - kept_bytes} bytes of the write-ahead log cut, kept in {kept.name}; acts gone: {gone}"
            record(connection, at=at, actor=actor, action="repair", subject=path.name, detail=detail)
    return Repaired(kept, kept_bytes if kept_bytes < size else None, size - kept_bytes, lost)


def wal_path(workspace: Workspace) -> Path:
    """Return where DuckDB keeps what is not yet in the control database's file."""
    return workspace.control_path.with_name(workspace.control_path.name + ".wal")


def _try_on_copy(workspace: Workspace, copy: Path, size: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many bytes of the log can be replayed, and the acts that are then gone."""
    while True:
        shutil.copyfile(workspace.control_path, copy)
        copied_wal = copy.with_name(copy.name + ".wal")
        if wal_path(workspace).is_file():
            with wal_path(workspace).open("rb") as source:
                copied_wal.write_bytes(source.read(size))
        try:
            connection = duckdb.connect(str(copy))
        except duckdb.Error as error:
            found = _POSITION.search(str(error))
            if found is None or int(found[1]) >= size:
                raise ControlError(
                    f"control database `{workspace.control_path}` cannot be repaired: {error}",
                    hint="billmill restore BACKUP, or billmill rebuild --replace; the files are as they were",
                ) from error
            size = int(found[1])
            continue
        try:
            _refuse_inconsistent(workspace, connection)
            return size, lost_entries(workspace.root, connection)
        finally:
            connection.close()


def _refuse_inconsistent(workspace: Workspace, connection: Connection) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    broken = broken_entries(connection)
    unbalanced = connection.execute(
        """SELECT count(*) FROM (SELECT journal_id FROM posted_line
           GROUP BY journal_id, currency HAVING sum(amount_minor) <> 0)"""
    ).fetchone()
    if broken or (unbalanced is not None and unbalanced[0]):
        raise ControlError(
            f"control database `{workspace.control_path}`: what is left is not consistent "
            f"({len(broken)} entries of the audit broken, {unbalanced[0] if unbalanced else 0} journals unbalanced)",
            hint="billmill restore BACKUP, or billmill rebuild --replace; the files are as they were",
        )


def _keep_originals(workspace: Workspace) -> Path:
    """Copy the control database, its write-ahead log and the audit's log to a folder of their own."""
    wal = wal_path(workspace)
    name = file_sha256(wal if wal.is_file() else workspace.control_path)[:12]
    return keep_aside(workspace, f"torn-{name}", [workspace.control_path, wal, log_path(workspace.root)])


def keep_aside(workspace: Workspace, name: str, files: list[Path]) -> Path:
    """Copy those of the files that are there to a folder below `backups/`; return it."""
    kept = private_folder(private_folder(workspace.backups) / name)
    for file in files:
        if file.is_file():
            with around("writing", kept / file.name):
                shutil.copyfile(file, kept / file.name)
            (kept / file.name).chmod(PRIVATE)
            sync_file(kept / file.name)
    sync_folder(kept)
    return kept
