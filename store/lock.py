"""One writer: the workspace lock, and one driver per run."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.errors import LockedError

# Most commands hold the control database for a moment; waiting this long makes two of them queue, not fail.
WAIT_SECONDS = 10.0


@contextmanager
def hold(path: Path, *, purpose: str, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock `path`; the system frees it when this process ends, however it ends.

    A process may take it again while it holds it.

    Raises:
        LockedError: another process still holds it after `wait_seconds`; the message says which and for what.
    """
    lock = FileLock(str(path), is_singleton=True)
    deadline = time.monotonic() + wait_seconds
    try:
        lock.acquire(timeout=max(0.0, deadline - time.monotonic()), poll_interval=0.02)
    except Timeout as error:
        raise LockedError(
            f"{path.parent.name} is in use: {_holder(path)}",
            hint="wait until it has ended and run the same command again; nothing was changed",
        ) from error
    try:
        if lock.lock_counter == 1:
            _note(path).write_text(
                json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "purpose": purpose}), encoding="utf-8"
            )
        yield
    finally:
        lock.release()


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".holder")


def _holder(path: Path) -> str:
    try:
        found = json.loads(_note(path).read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']} ({found['purpose']})"
    except (OSError, ValueError, KeyError):
        return "by another process"
