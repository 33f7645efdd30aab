"""Files in the lake that nothing names, and the analysts' database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cycles.runners.tasks import ASIDE_IN_BUCKET
from cycles.verify.runs import RunsFound
from model.codes import RunState
from model.problems import ProblemKind
from store.control import Connection, query
from store.files import file_sha256
from store.named_files import Problem
from store.workspace import Workspace

# What the folder of a run holds before the run is recorded.
_OF_A_RUN = re.compile(r"lake/runs/[^/]+/plan/(plan\.json|[a-z_0-9]+\.parquet)")
_BY_CONTENT = re.compile(r"-([0-9a-f]{16})\.parquet$")


@dataclass(frozen=True)
class Orphans:
    """Files that nothing names: what a killed or abandoned command left, and what never was Billmill's."""

    harmless: tuple[str, ...]
    foreign: tuple[Problem, ...]


def strange_files(workspace: Workspace, named: set[str], runs: RunsFound) -> Orphans:
    """Sort the files of the lake that are not `named`: a file whose name is its content's hash was written here."""
    harmless, foreign = [], []
    for path in _files(workspace.lake):
        name = path.relative_to(workspace.root).as_posix()
        if name in named or name in runs.own:
            continue
        by_content = _BY_CONTENT.search(path.name)
        if (
            path.name.endswith(".tmp")
            or is_unrecorded(name, runs)
            or (by_content and file_sha256(path).startswith(by_content[1]))
        ):
            harmless.append(name)
        else:
            foreign.append(
                Problem(
                    ProblemKind.EXTRA, name, "only files that Billmill wrote",
                    f"{path.lstat().st_size:,} bytes that nothing names",
                    "nothing reads it; find out who put it there, and take it away",
                )
            )  # fmt: skip
    return Orphans(tuple(harmless), tuple(foreign))


def is_unrecorded(name: str, runs: RunsFound) -> bool:
    """Tell whether a file is of a plan that was killed before the run had a row, or was left aside by one killed."""
    if name.startswith(f"lake/{ASIDE_IN_BUCKET}/"):
        return True
    return bool(_OF_A_RUN.fullmatch(name)) and name.split("/")[2] not in runs.known


def analytics_problems(workspace: Workspace, connection: Connection) -> Iterator[Problem]:
    """Return in what the analysts' database is not that of what is published."""
    path = workspace.analytics_path
    last = query(
        connection,
        "SELECT run_id FROM run WHERE state = ? ORDER BY published_at DESC LIMIT 1",
        [RunState.PUBLISHED.value],
    )
    hint = f"billmill cycle publish {last.item()} builds it again" if last.height else "it is built at the next publish"
    expected = dict(
        query(
            connection,
            "SELECT f.path, f.owner FROM lake_file AS f JOIN run AS r ON r.run_id = f.owner WHERE r.state = ?",
            [RunState.PUBLISHED.value],
        ).iter_rows()
    )
    if not path.is_file():
        yield Problem(ProblemKind.MISSING, path.name, "the analysts' database", "nothing", hint)
        return
    try:
        analytics = duckdb.connect(str(path), read_only=True)
        try:
            rows = analytics.execute("SELECT file_name, owner FROM lake.files").fetchall()
            _read_all(analytics)
        finally:
            analytics.close()
    except duckdb.Error as error:
        yield Problem(ProblemKind.ALTERED, path.name, "a database that opens", str(error).partition("\n")[0], hint)
        return
    root = f"{workspace.root.as_posix()}/"
    moved = next((str(name).partition("/lake/runs/")[0] for name, _ in rows if not str(name).startswith(root)), None)
    if moved is not None:
        yield Problem(ProblemKind.LINK, path.name, f"views of {workspace.root}", f"views of {moved}", hint)
        return
    found = {str(name).removeprefix(root): owner for name, owner in rows}
    differing = sorted(found.items() ^ expected.items())
    if differing:
        first, is_known = differing[0][0], differing[0] in expected.items()
        told = f"{'without' if is_known else 'with'} {first}" + (
            f", and {len(differing) - 1} more" * (len(differing) > 1)
        )
        yield Problem(ProblemKind.LINK, path.name, "the files of the published runs", told, hint)


def _read_all(analytics: duckdb.DuckDBPyConnection) -> None:
    """Read every row that the file holds, so that DuckDB checks its blocks; views reach into the lake and are left."""
    tables = analytics.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()"
    ).fetchall()
    for schema, table in tables:
        analytics.execute(f'SELECT max(hash(t)) FROM "{schema}"."{table}" AS t').fetchall()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink())
