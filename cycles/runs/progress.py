"""How far a run is, readable by other processes without a lock: its receipts, a small stage file, its last error.

Nothing here counts for what a run computes: the files begin with a dot, and times are those of the files.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model.errors import BillmillError
from store.files import remove, write_bytes_atomic
from store.lock import is_alive

_STAGE, _ERROR = ".stage", ".error"


@dataclass(frozen=True)
class Computed:
    """What the receipts of a run say."""

    done: int
    """Partitions that have a receipt."""
    due: int
    """Agreement periods in them, billed or parked."""
    bills: int
    parked: int
    seconds: float | None
    """From the first receipt to the last; None with fewer than two."""
    due_timed: int
    """Agreement periods whose receipts came in those seconds: all but the first receipt's."""
    last_at: float | None
    """When the last receipt was written, in seconds since 1970."""


@contextmanager
def told(folder: Path, stage: str) -> Iterator[None]:
    """Tell that a run is at a stage as long as the block lasts; an error that ends it is kept for who asks."""
    at_stage(folder, stage)
    try:
        yield
    except BillmillError as error:
        write_bytes_atomic(folder / _ERROR, error.message.encode())
        raise
    else:
        remove(folder / _ERROR)
    finally:
        remove(folder / _STAGE)


def at_stage(folder: Path, stage: str) -> None:
    """Tell that a run has come to another stage."""
    who = {"stage": stage, "pid": os.getpid(), "host": socket.gethostname()}
    write_bytes_atomic(folder / _STAGE, json.dumps(who).encode())


def stage_of(folder: Path) -> str:
    """Return the stage at which a run is being worked on; empty when nobody does, or who did was killed."""
    text = _text(folder / _STAGE)
    if not text:
        return ""
    who = json.loads(text)
    is_here = who["host"] == socket.gethostname()
    return "" if is_here and not is_alive(int(who["pid"])) else str(who["stage"])


def last_error(folder: Path) -> str:
    """Return the error that ended the last attempt on a run; empty when it ended well."""
    return _text(folder / _ERROR)


def computed(folder: Path) -> Computed:
    """Return what the receipts of a run say so far."""
    receipts = folder / "receipts"
    paths = sorted(receipts.glob("p*.json")) if receipts.is_dir() else []
    found = sorted((path.stat().st_mtime, path) for path in paths)
    counts = [json.loads(path.read_bytes())["counts"] for _, path in found]  # a small file per partition
    due = [int(count["due"]) for count in counts]
    times = [time for time, _ in found]
    return Computed(
        done=len(found), due=sum(due), bills=sum(int(count["bills"]) for count in counts),
        parked=sum(int(count["parked"]) for count in counts),
        seconds=times[-1] - times[0] if len(times) > 1 else None, due_timed=sum(due[1:]),
        last_at=times[-1] if times else None,
    )  # fmt: skip


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
