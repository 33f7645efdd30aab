"""One writer: the workspace lock, and one driver per run.

The system decides who holds a lock and frees it when a process ends. Who comes next is decided by tickets beside it:
without them whoever let go last takes it again, because nobody else looks in that moment, and others wait for seconds.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.errors import LockedError

# Most commands hold the control database for a moment; waiting this long makes two of them queue, not fail.
WAIT_SECONDS = 10.0
_LOOK_SECONDS = 0.02
# Who is next looks more often: until then nobody works.
_NEXT_LOOK_SECONDS = 0.004


@contextmanager
def hold(path: Path, *, purpose: str, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock `path`; the system frees it when this process ends, however it ends.

    Who waits gets it in the order of coming, except that who does not wait (`wait_seconds` 0) takes it when it is free.
    A process may take it again while it holds it.

    Raises:
        LockedError: another process still holds it after `wait_seconds`; the message says which and for what.
    """
    lock = FileLock(str(path), is_singleton=True)
    try:
        _acquire(lock, path, wait_seconds)
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


def _acquire(lock: FileLock, path: Path, wait_seconds: float) -> None:
    """Take the lock, at once when it is free and nobody waits; otherwise when it is this one's turn."""
    queue = path.with_name(path.name + ".queue")
    if lock.is_locked or wait_seconds <= 0.0 or not _waiting(queue):
        try:
            lock.acquire(timeout=0.0)
            return
        except Timeout:
            if wait_seconds <= 0.0:
                raise
    until = time.monotonic() + wait_seconds
    ticket = _take_ticket(queue, wait_seconds)
    try:
        while time.monotonic() < until and _waiting(queue)[:1] != [ticket.name]:
            time.sleep(_LOOK_SECONDS)
        lock.acquire(timeout=max(0.0, until - time.monotonic()), poll_interval=_NEXT_LOOK_SECONDS)
    finally:
        ticket.unlink(missing_ok=True)


def _take_ticket(queue: Path, wait_seconds: float) -> Path:
    """Queue up: an empty file named by when it was taken, until when it holds, and by whom."""
    queue.mkdir(exist_ok=True)
    now = time.time_ns()
    until = now + round(wait_seconds * 1e9)
    ticket = queue / f"{now:020d}-{until:020d}-{os.getpid()}-{threading.get_ident()}-{socket.gethostname()}"
    ticket.touch()
    return ticket


def _waiting(queue: Path) -> list[str]:
    """Return the tickets of those that wait, first come first; tickets of processes that are gone are thrown away."""
    try:
        names = sorted(path.name for path in queue.iterdir() if path.name[0].isdigit())
    except FileNotFoundError:
        return []
    waiting = []
    for name in names:
        _, until, pid, _, host = name.split("-", 4)
        if int(until) < time.time_ns() or (host == socket.gethostname() and not is_alive(int(pid))):
            (queue / name).unlink(missing_ok=True)
        else:
            waiting.append(name)
    return waiting


def is_alive(pid: int) -> bool:
    """Tell whether a process of this machine lives; on Windows all are said to."""
    if os.name == "nt":  # asking would end it there; its ticket ends with its time
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".holder")


def _holder(path: Path) -> str:
    try:
        found = json.loads(_note(path).read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']} ({found['purpose']})"
    except (OSError, ValueError, KeyError):
        return "by another process"
