"""`published.json`: what publishing a run made of it, beside its manifest, so that the books can be made again."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from cycles.runners.tasks import lake_file_from
from cycles.runs.folders import run_folder
from cycles.runs.listed import listing_text, read_listing
from cycles.runs.records import the_run
from model.codes import RunState
from model.errors import ControlError
from store.control import Connection, query
from store.files import create_only
from store.lake import LakeFile, owned_files
from store.workspace import Workspace

NAME = "published.json"
_TIMES = ("known_at", "planned_at", "published_at")

# Rows of the books that a run's own tables hold: `rebuild` reads them there, so they are not kept a second time.
DERIVED_ROWS = {
    "segment_key": "TRUE",
}


def keep_published(workspace: Workspace, connection: Connection, run_id: str) -> None:
    """Write what a published run came to; the same again changes nothing.

    Raises:
        ControlError: another file is there; it was changed by hand.
    """
    row = the_run(connection, run_id)
    assert row["state"] == RunState.PUBLISHED, f"run {run_id} is {row['state']}"
    files = owned_files(connection, run_id)
    entry = query(
        connection,
        "SELECT entry_no, entry_hash FROM audit WHERE action = 'publish' AND subject = ? ORDER BY entry_no LIMIT 1",
        [run_id],
    ).row(0, named=True)
    content = {"run": row, "files": [vars(file) for file in files], "audit": entry}
    path = published_path(workspace, run_id)
    text = listing_text(path.parent, content)
    if not create_only(path, text) and path.read_bytes() != text:
        raise ControlError(f"`{path}` is not what was published", hint="billmill verify names what else was changed")


def published_path(workspace: Workspace, run_id: str) -> Path:
    """Return where it lies."""
    return run_folder(workspace, run_id) / NAME


def read_published(path: Path) -> dict[str, Any]:
    """Return what a run came to: its row, and the entry of the audit that tells of it.

    Raises:
        ControlError: the file is gone or no longer what was written.
    """
    try:
        content = read_listing(path)
        row = content["run"]
        row["business_date"] = date.fromisoformat(row["business_date"])
        row.update({name: datetime.fromisoformat(row[name]) for name in _TIMES})
        content["files"] = [lake_file_from(item) for item in content["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ControlError(f"`{path}` cannot be read: {error}", hint="restore it from a backup") from error
    return content


def last_numbers(invoices: pl.DataFrame) -> pl.DataFrame:
    """Return the last number of each invoice series."""
    return invoices.group_by("series").agg(pl.col("series_no").max().alias("last_no")).sort("series")


def published_tables(content: dict[str, Any], table: str) -> list[LakeFile]:
    """Return the files of a table that a published run left."""
    return [file for file in content["files"] if file.table == table]
