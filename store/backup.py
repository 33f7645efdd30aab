"""After each publish a checked copy of the control database is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from model.errors import ControlError
from store.control import checkpoint
from store.failpoints import during
from store.files import PRIVATE, file_sha256, private_folder, remove, written_aside
from store.lock import hold
from store.workspace import Workspace

KEPT = 3


def keep_backup(workspace: Workspace, label: str) -> Path:
    """Copy the control database to `backups/`, open the copy to check it, and keep the last three.

    Raises:
        ControlError: the copy cannot be opened or differs.
    """
    folder = workspace.root / "backups"
    private_folder(folder)
    target = folder / f"control-{label}.duckdb"
    with hold(workspace.root / ".lock", purpose="backup"), during("backup"):
        connection = duckdb.connect(str(workspace.control_path))
        try:
            checkpoint(connection)  # afterwards everything is in the one file, nothing in its .wal
        finally:
            connection.close()
        with written_aside(target, mode=PRIVATE) as aside:
            shutil.copyfile(workspace.control_path, aside)
            if file_sha256(aside) != file_sha256(workspace.control_path):
                raise ControlError(f"backup `{target}` differs from the control database", hint="check the disk")
            _check_opens(aside)
    for old in sorted(folder.glob("control-*.duckdb"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        remove(old)
    return target


def _check_opens(path: Path) -> None:
    try:
        connection = duckdb.connect(str(path), read_only=True)
        try:
            connection.execute("SELECT count(*) FROM run").fetchall()
        finally:
            connection.close()
    except duckdb.Error as error:
        raise ControlError(
            f"backup `{path}` cannot be opened: {error}", hint="check the disk; the books are safe"
        ) from error
