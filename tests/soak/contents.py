"""What a workspace holds, as hashes: control tables, lake, the analysts' views; and what is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import duckdb

from cycles.verify.workspace import verify_workspace
from model.errors import BillmillError
from model.progress import Silent
from store.control import control
from store.files import file_sha256
from store.workspace import Workspace, open_workspace

_TWICE = {
    "invoices with one number": "SELECT invoice_no FROM invoices GROUP BY invoice_no HAVING count(*) > 1",
    "bills published twice": "SELECT bill_id FROM bills GROUP BY bill_id HAVING count(*) > 1",
    "bills with two invoices": "SELECT bill_id FROM invoices GROUP BY bill_id HAVING count(*) > 1",
}


def contents(root: Path) -> dict[str, Any]:
    """Return `digest` (a hash by table, file and view) and `problems`, all that is wrong in words."""
    if not (root / "billmill.toml").is_file():
        return {"digest": {}, "problems": []}
    workspace = open_workspace(root)
    try:
        verified = verify_workspace(workspace, deep=False, against=None, progress=Silent())
        problems = [f"{row['kind']} {row['subject']}: {row['found']}" for row in verified.problems.to_dicts()]
        return {"digest": _control(workspace) | _lake(workspace) | _views(workspace, problems), "problems": problems}
    except BillmillError as error:
        return {"digest": {}, "problems": [str(error)]}


def _control(workspace: Workspace) -> dict[str, str]:
    with control(workspace, purpose="soak") as connection:
        found = {f"table {name}": _rows(connection, name) for name in _names(connection, "control")}
        acts = connection.execute("SELECT at_utc::VARCHAR, actor, role, action, subject, detail FROM audit").fetchall()
        return found | {"acts, in any order": hashlib.sha256(repr(sorted(map(repr, acts))).encode()).hexdigest()}


def _lake(workspace: Workspace) -> dict[str, str]:
    """Return the hashes of the lake's files but those that a killed command left and nothing names."""
    found = [path for path in sorted(workspace.lake.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(workspace.root).as_posix(): file_sha256(path) for path in found}


def _views(workspace: Workspace, problems: list[str]) -> dict[str, str]:
    if not workspace.analytics_path.is_file():
        return {}
    connection = duckdb.connect(str(workspace.analytics_path), read_only=True)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        names = _names(connection, "analytics")
        if "invoices" in names:
            problems += [what for what, sql in _TWICE.items() if connection.execute(sql).fetchall()]
        return {f"view {name}": _rows(connection, name) for name in names}
    finally:
        connection.close()


def _names(connection: duckdb.DuckDBPyConnection, base: str) -> list[str]:
    sql = (
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = ? AND table_schema = 'main' ORDER BY 1"
    )
    return [name for (name,) in connection.execute(sql, [base]).fetchall()]


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    rows = sorted(map(repr, connection.execute(f'SELECT COLUMNS(*)::VARCHAR FROM "{name}"').fetchall()))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
