"""Named points before and after each write, sync, rename, statement and commit, where a test lets something fail.

Nothing is armed in daily work: a point then costs one test of a name. A test arms one by a call, or for a whole command
by `BILLMILL_FAILPOINT=FAULT@POINT`, with `#N` behind it for the Nth time the point is reached. The faults:

kill  the process is gone at once (SIGKILL)
stop  an exception that nothing expects
full  the disk is full
io    the disk cannot be read or written
"""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FAULTS = ("kill", "stop", "full", "io")
VARIABLE = "BILLMILL_FAILPOINT"
# Process ids, hashes, dates and numbers in the names of files: the same step is the same point in every workspace.
_CHANGING = re.compile(r"[-.]?(?<![a-z])(?=[0-9a-f]*[0-9])[0-9a-f]+(?![a-z])")
_SHORT_HASH = re.compile("[0-9a-f]{2}")  # folders of a backup's contents
_ERRNO = {"full": errno.ENOSPC, "io": errno.EIO}


class StoppedHereError(Exception):
    """A fault that no code expects, as a programmer's mistake would be."""


class _Armed:
    """What is done where a point is reached; None as long as nothing is armed."""

    act: Callable[[str, bool], None] | None = None
    purpose = ""


def reached(when: str, thing: Path | str) -> None:
    """Mark a point; `thing` is the file that it is about, or the statement of the database."""
    if _Armed.act is not None:
        if isinstance(thing, Path):
            _Armed.act(f"{when} of {kind_of(thing)}", False)
        else:
            _Armed.act(f"{_Armed.purpose}: {when} {thing}", True)


@contextmanager
def around(what: str, thing: Path | str) -> Iterator[None]:
    """Mark the points before and after a step."""
    reached(f"before {what}", thing)
    yield
    reached(f"after {what}", thing)


@contextmanager
def during(purpose: str) -> Iterator[None]:
    """Name the command that the database's statements belong to."""
    before, _Armed.purpose = _Armed.purpose, purpose
    try:
        yield
    finally:
        _Armed.purpose = before


def listen(act: Callable[[str, bool], None] | None) -> None:
    """Let `act` be told each point that is reached, and whether it is one of the database; None disarms."""
    _Armed.act = act


def arm(point: str, fault: str, *, hit: int = 1) -> None:
    """Let a fault happen where `point` is reached for the `hit`th time."""
    assert fault in FAULTS, f"{fault} is none of {', '.join(FAULTS)}"
    left = hit

    def act(name: str, is_database: bool) -> None:
        nonlocal left
        left -= name == point
        if name == point and left == 0:
            happen(fault, name, is_database)

    listen(act)


def happen(fault: str, point: str, is_database: bool) -> None:
    """Do a fault, as the system or DuckDB would tell of it."""
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "stop":
        raise StoppedHereError(point)
    told = os.strerror(_ERRNO[fault])
    if is_database:
        import duckdb  # noqa: PLC0415  # slow to load, and whoever reaches such a point has it

        raise duckdb.IOException(f"IO Error: {told} ({point})")
    raise OSError(_ERRNO[fault], told, point)


def kind_of(path: Path) -> str:
    """Return what kind of file a path is, without what differs from one workspace, run or process to the next.

    Tables of one folder are one kind: they are written in the same way.
    """
    folder = path.parent.parent if _SHORT_HASH.fullmatch(path.parent.name) else path.parent
    place = "" if (folder / "lake").is_dir() else _CHANGING.sub("", folder.name)
    name = _CHANGING.sub("", path.name.lstrip(".").removesuffix(".tmp"))
    if place and name.partition(".")[2] in {"", "parquet"}:
        name = "a table"
    return f"{place}/{name}" if place else name


def _from_environment() -> None:
    fault, found, point = os.environ.get(VARIABLE, "").partition("@")
    if found:
        name, _, hit = point.partition("#")
        arm(name, fault, hit=int(hit or 1))


_from_environment()
