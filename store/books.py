"""The control tables as Parquet, kept after each publish: the books without DuckDB.

A file is named by its content, so a table that has not changed is not written again. A manifest names the files, the
head of the audit they were taken at, and the manifest before: what somebody takes away from the database still stands
here, and what is changed here no longer fits its hash. The folder holds names and addresses: it is nobody else's.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from store.audit import audit_head
from store.control import Connection, query
from store.failpoints import around
from store.files import (
    create_only,
    file_sha256,
    private_folder,
    read_bytes,
    remove,
    rename,
    sync_file,
    sync_folder,
)
from store.lake import ROW_GROUP_ROWS

KEPT = 3


@dataclass(frozen=True)
class KeptBooks:
    """A manifest of kept tables. `files` maps a table to the name, hash and rows of its file."""

    path: Path
    entry_no: int
    entry_hash: str
    before: str
    """Hash of the manifest before this one; empty for the first."""
    files: dict[str, dict[str, Any]]


def keep_books(folder: Path, connection: Connection, derived: dict[str, str]) -> Path:
    """Write every control table to `folder` and a manifest over them; return the manifest.

    Of a table in `derived` the rows that this condition (SQL of ours) names stay out: the lake holds them. The last
    three manifests keep their files; older manifests stay, their files go.
    """
    private_folder(folder)
    number, entry_hash = audit_head(connection)
    kept = kept_books(folder)
    if kept and kept[-1].entry_no == number:
        return kept[-1].path
    files = {table: _keep_table(folder, connection, table, derived.get(table)) for table in table_names(connection)}
    sync_folder(folder)  # the files have their names for good before a manifest names them
    content = {
        "audit": {"entry_no": number, "entry_hash": entry_hash},
        "before": file_sha256(kept[-1].path) if kept else "",
        "files": files,
    }
    path = folder / f"books-{number:08d}.json"
    create_only(path, json.dumps(content, indent=1, sort_keys=True).encode())
    _sweep(folder)
    return path


def kept_books(folder: Path) -> list[KeptBooks]:
    """Return the manifests of a folder, the oldest first; one that cannot be read counts for nothing."""
    found = []
    for path in sorted(folder.glob("books-*.json")):
        try:
            content = json.loads(read_bytes(path))
            audit = content["audit"]
            found.append(
                KeptBooks(path, audit["entry_no"], audit["entry_hash"], content["before"], dict(content["files"]))
            )
        except (ValueError, KeyError, TypeError):
            continue
    return found


def whole_books(folder: Path) -> KeptBooks | None:
    """Return the newest manifest all of whose files are there, unchanged; None when there is none."""
    for kept in reversed(kept_books(folder)):
        if all(_is_whole(folder / file["name"], file["sha256"]) for file in kept.files.values()):
            return kept
    return None


def table_names(connection: Connection) -> list[str]:
    """Return the tables of a control database."""
    rows = query(
        connection,
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY table_name",
    )
    return [str(name) for name in rows["table_name"]]


def _keep_table(folder: Path, connection: Connection, table: str, derived: str | None) -> dict[str, Any]:
    where = f" WHERE NOT coalesce({derived}, FALSE)" if derived else ""
    # ALL columns order the rows, so that the same rows are the same bytes.
    rows = query(connection, f'SELECT * FROM "{table}"{where} ORDER BY ALL')
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", row_group_size=ROW_GROUP_ROWS)
    data = buffer.getbuffer()
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"{table}-{sha256[:16]}.parquet"
    if not (folder / name).exists():  # most tables are as they were: nothing is written, and the disk not waited for
        aside = folder / f".{table}.tmp"
        try:
            with around("writing", aside):
                aside.write_bytes(data)
            sync_file(aside)
            aside.chmod(0o400)
            rename(aside, folder / name, sync=False)
        finally:
            aside.unlink(missing_ok=True)
    return {"name": name, "sha256": sha256, "rows": rows.height}


def read_table(folder: Path, file: dict[str, Any]) -> pl.DataFrame:
    """Return the rows of a kept table."""
    return pl.read_parquet(folder / file["name"], glob=False)


def _is_whole(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256


def _sweep(folder: Path) -> None:
    named = {file["name"] for kept in kept_books(folder)[-KEPT:] for file in kept.files.values()}
    for path in folder.glob("*.parquet"):
        if path.name not in named:
            remove(path)
