"""`verify`: every file, run, row and link of a workspace against what was left; what differs is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.verify.audit import audit_problems
from cycles.verify.books import book_problems, kept_problems
from cycles.verify.lake import Orphans, analytics_problems, strange_files
from cycles.verify.objects import check_objects
from cycles.verify.runs import RunsFound, find_runs, recomputed_problems
from model.errors import ConfigError, ControlError
from model.problems import ProblemKind, Problems
from model.progress import Progress
from model.schema import arranged, polars_schema
from store.books import kept_books
from store.control import Connection, control
from store.lake import all_files
from store.named_files import NamedFile, Problem, check_files
from store.workspace import Workspace


@dataclass(frozen=True)
class Verified:
    """What was verified and what is wrong."""

    problems: DataFrame[Problems]
    counts: dict[str, int]
    orphans: tuple[str, ...]
    """Files and objects that a killed or abandoned command left: they count for nothing and do no harm."""


def verify_workspace(workspace: Workspace, *, deep: bool, against: Path | None, progress: Progress) -> Verified:
    """Compare a workspace with what was left: files by hash, rows with the lake, links with what they name.

    With `deep` the bills of every published run are computed again, where this Billmill planned it, and must come to
    the same bytes. Of a lake in a bucket both the copies here and the objects are compared. `against` is the folder of
    a backup whose copies tell which byte of a file was changed.

    A control database that cannot be opened is a problem like any other; what the lake says by itself is verified.
    """
    problems: list[Problem] = []
    runs, named = RunsFound(), list[NamedFile]()
    counts = {"files": 0, "bytes": 0, "runs": 0, "audit_entries": 0}
    try:
        with control(workspace, purpose="verify", though_behind=True) as connection:
            named += _registered(connection)
            runs = find_runs(workspace, connection)
            found, counts["audit_entries"] = audit_problems(workspace, connection, runs)
            problems += found + runs.problems
    except ControlError as error:
        problems.append(_unopened(workspace, error))
        runs = find_runs(workspace, None)
    named = _once([*named, *runs.named, *_kept_files(workspace)])
    if against is not None and not against.is_dir():
        raise ConfigError(f"option --against: expected the folder of a backup, found none at `{against}`")
    damaged, counts["bytes"] = check_files(workspace.root, named, against=against, progress=progress)
    objects = check_objects(workspace, named, runs, progress)
    problems += [*damaged, *objects.problems]
    counts |= {"files": len(named), "runs": len(runs.published), "objects": objects.checked}
    touched = {problem.subject for problem in [*damaged, *runs.problems]} | objects.touched
    orphans = Orphans((), ())  # without the control database nobody can tell which files are strange
    if not any(problem.subject == workspace.control_path.name for problem in problems):
        try:
            with control(workspace, purpose="verify", though_behind=True) as connection:
                problems += book_problems(workspace, connection, runs, touched)
                problems += kept_problems(workspace, connection, touched)
                problems += analytics_problems(workspace, connection)
        except ControlError as error:
            problems.append(_unopened(workspace, error))
        orphans = strange_files(workspace, {file.path for file in named}, runs)
    if deep:
        problems += recomputed_problems(workspace, runs, touched, progress)
    return Verified(_table([*problems, *orphans.foreign]), counts, (*orphans.harmless, *objects.harmless))


def _registered(connection: Connection) -> list[NamedFile]:
    return [NamedFile(file.path, file.sha256, "lake_file", file.bytes, file.rows) for file in all_files(connection)]


def _kept_files(workspace: Workspace) -> list[NamedFile]:
    """Name the files of the last kept books; those of the ones before may have been swept."""
    kept = kept_books(workspace.books)[-1:]
    folder = workspace.books.relative_to(workspace.root).as_posix()
    return [
        NamedFile(f"{folder}/{file['name']}", file["sha256"], books.path.name, None, file["rows"])
        for books in kept
        for file in books.files.values()
    ]


def _once(named: Sequence[NamedFile]) -> list[NamedFile]:
    """Return each file once for each hash that something says it has."""
    return list({(file.path, file.sha256): file for file in reversed(named)}.values())[::-1]


def _unopened(workspace: Workspace, error: ControlError) -> Problem:
    is_there = workspace.control_path.is_file()
    kind = ProblemKind.ALTERED if is_there else ProblemKind.MISSING
    return Problem(kind, workspace.control_path.name, "a control database that opens", error.message, error.hint or "")


def _table(problems: Sequence[Problem]) -> DataFrame[Problems]:
    rows = pl.DataFrame([asdict(problem) for problem in problems], schema=polars_schema(Problems))
    return arranged(Problems, rows.unique(maintain_order=True))
