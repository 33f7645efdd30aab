"""`audit.log`: the audit once more, outside the database, so that what is gone from one still stands in the other.

A line of JSON an entry, added after the transaction that made it. It is the only file that is appended to: a line is
there whole or, after a power cut, cut off, and then it is written again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb

from store.failpoints import around
from store.files import sync_folder

NAME = "audit.log"
_COLUMNS = ("entry_no", "at_utc", "actor", "role", "action", "subject", "detail", "entry_hash")


def log_path(root: Path) -> Path:
    """Return where the log of a workspace lies."""
    return root / NAME


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a log, times as text; a line that is no entry stands as one with number 0."""
    if not path.is_file():
        return []
    return [_entry(line) for line in path.read_bytes().split(b"\n")[:-1]]


def lost_entries(root: Path, connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the entries of the log after the last one of the database: acts that were told as done and are gone."""
    last = _last(log_path(root))
    head = connection.execute("SELECT coalesce(max(entry_no), 0) FROM audit").fetchone()
    assert head is not None
    if last is None or last["entry_no"] <= head[0]:
        return []
    return [entry for entry in read_log(log_path(root)) if entry["entry_no"] > head[0]]


def told(entry: dict[str, Any]) -> str:
    """Return an entry of the log in words."""
    return f"{entry['action']} of {entry['subject']} by {entry['actor']}"


def follow_audit(root: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Add the entries that the log does not have yet. Call it with the workspace's lock held.

    A log that does not lead to what the database says is left as it is: `billmill verify` names the difference.
    """
    path = log_path(root)
    last = _last(path)
    number, found_hash = (0, "") if last is None else (last["entry_no"], last["entry_hash"])
    if number:
        known = connection.execute("SELECT entry_hash FROM audit WHERE entry_no = ?", [number]).fetchone()
        if known is None or known[0] != found_hash:
            return
    elif last is not None:
        return
    rows = connection.execute(
        """SELECT entry_no, strftime(at_utc AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'), actor, role, action, subject,
                  detail, entry_hash FROM audit WHERE entry_no > ? ORDER BY entry_no""",
        [number],
    ).fetchall()
    if rows:
        _append(path, [dict(zip(_COLUMNS, row, strict=True)) for row in rows])


def _append(path: Path, entries: list[dict[str, Any]]) -> None:
    is_new = not path.exists()
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "rb+") as log:
        log.truncate(_whole_bytes(path))
        log.seek(0, os.SEEK_END)
        with around("writing", path):
            log.write(text.encode())
            log.flush()
        with around("sync", path):
            os.fsync(log.fileno())
    if is_new:
        sync_folder(path.parent)


def _last(path: Path) -> dict[str, Any] | None:
    """Return the last whole entry without reading a long log."""
    whole = _whole_bytes(path)
    if not whole:
        return None
    with path.open("rb") as log:
        size = 4096
        while True:
            begin = max(0, whole - size)
            log.seek(begin)
            lines = log.read(whole - begin).rstrip(b"\n").split(b"\n")
            if len(lines) > 1 or begin == 0:
                return _entry(lines[-1])
            size *= 4


def _whole_bytes(path: Path) -> int:
    """Return how many bytes of a log are whole lines."""
    if not path.exists():
        return 0
    with path.open("rb") as log:
        end = log.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - 4096)
            log.seek(begin)
            found = log.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return 0


def _entry(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) and set(found) == set(_COLUMNS) else dict.fromkeys(_COLUMNS, 0)
