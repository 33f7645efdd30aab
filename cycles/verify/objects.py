"""A lake in a bucket: each object against what names it, or against the copy that was checked here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cycles.verify.lake import is_unrecorded
from cycles.verify.runs import RunsFound
from model.problems import ProblemKind
from model.progress import Progress
from store.bucket import Bucket, StoredObject
from store.files import file_sha256
from store.mount import AT_A_TIME, CLAIM, mounted
from store.named_files import NamedFile, Problem
from store.workspace import Workspace

_PUT_BACK = "billmill restore BACKUP puts the object back; nothing that rests on it can be trusted before"
_NOTE = re.compile(r"runs/[^/]+/receipts/\.p\d+\.attempt-[^/]+\.json")
_BY_CONTENT = re.compile(r"-([0-9a-f]{16})\.parquet$")


@dataclass(frozen=True)
class ObjectsFound:
    """What was found in a lake's bucket."""

    problems: tuple[Problem, ...] = ()
    harmless: tuple[str, ...] = ()
    """Objects that nothing names: what a killed or abandoned command left"""
    touched: frozenset[str] = frozenset()
    """Files, as the workspace names them, whose objects are lost or changed"""
    checked: int = 0


def check_objects(
    workspace: Workspace, named: Sequence[NamedFile], runs: RunsFound, progress: Progress
) -> ObjectsFound:
    """Return which objects are lost, changed or nobody's; nothing without a bucket.

    Every object is got whole: a store's own word for what it holds is not what was put.
    """
    found = mounted(workspace.lake)
    if found is None:
        return ObjectsFound()
    bucket, _ = found
    listed = {f"lake/{item.key}": item for item in bucket.listing("")}
    hashes = {name: file_sha256(workspace.root / name) for name in _checked_here(workspace, runs)}
    hashes |= {file.path: file.sha256 for file in named if file.path.startswith("lake/")}
    progress.begin("objects", len(hashes), "objects")
    problems: list[Problem] = []
    touched = set[str]()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        names = sorted(hashes)
        for name, told in zip(
            names, pool.map(lambda name: _check(bucket, name, hashes[name], name in listed), names), strict=True
        ):
            problems += [] if told is None else [told]
            touched |= set() if told is None else {name}
            progress.advance("objects", 1, problems=len(problems))
    progress.end("objects", problems=len(problems))
    strange = [item for name, item in sorted(listed.items()) if name not in hashes and not _is_own(item, name, runs)]
    harmless = [item for item in strange if _is_left(bucket, item, runs)]
    foreign = [_foreign(bucket, item) for item in strange if item not in harmless]
    left = tuple(f"{bucket.url}/{item.key}" for item in harmless)
    return ObjectsFound((*problems, *foreign), left, frozenset(touched), len(hashes))


def _checked_here(workspace: Workspace, runs: RunsFound) -> Iterator[str]:
    """Name the files of runs that nothing names by SHA-256: plans and receipts are checked in their copies here."""
    for name in sorted(runs.own):
        if not Path(name).name.startswith(".") and (workspace.root / name).is_file():
            yield name


def _check(bucket: Bucket, name: str, sha256: str, is_listed: bool) -> Problem | None:
    key = name.removeprefix("lake/")
    there = bucket.hash_of(key) if is_listed else None
    subject = f"{bucket.url}/{key}"
    if there is None:
        return Problem(ProblemKind.MISSING, subject, f"the object of `{name}`", "nothing", _PUT_BACK)
    if there != sha256:
        return Problem(ProblemKind.ALTERED, subject, f"SHA-256 {sha256[:16]}", f"SHA-256 {there[:16]}", _PUT_BACK)
    return None


def _is_own(item: StoredObject, name: str, runs: RunsFound) -> bool:
    """Tell whether an object says whose lake it is, is of a run's folder, or a note of who tried to compute it."""
    return item.key == CLAIM or name in runs.own or _NOTE.fullmatch(item.key) is not None


def _is_left(bucket: Bucket, item: StoredObject, runs: RunsFound) -> bool:
    """Tell whether an object that nothing names was put by Billmill: it is what its name says, or of a plan begun."""
    by_content = _BY_CONTENT.search(item.key)
    return is_unrecorded(f"lake/{item.key}", runs) or (
        by_content is not None and str(bucket.hash_of(item.key)).startswith(by_content[1])
    )


def _foreign(bucket: Bucket, item: StoredObject) -> Problem:
    return Problem(
        ProblemKind.EXTRA, f"{bucket.url}/{item.key}", "only objects that Billmill put",
        f"{item.bytes:,} bytes that nothing names", "nothing reads it; find out who put it there, and take it away",
    )  # fmt: skip
