"""Stopping when asked to: between two partitions, files or channels, never inside one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from model.errors import StoppedError
from model.progress import Progress


class Stoppable:
    """Passes progress on, and stops at the next step when it was asked to."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._is_asked = False

    def ask(self) -> None:
        """Ask to stop at the next step."""
        self._is_asked = True

    def check(self) -> None:
        """Stop when asked to.

        Raises:
            StoppedError: somebody asked.
        """
        if self._is_asked:
            raise StoppedError(
                "stopped as asked: what was computed is kept", hint="the same command goes on from there"
            )

    def about(self, subject: str) -> None:
        """Pass on; a place to stop at."""
        self.check()
        self._shown.about(subject)

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Pass on."""
        self._shown.begin(stage, total, unit)

    def advance(self, stage: str, done: int = 1, **counts: int) -> None:
        """Pass on; a place to stop at."""
        self._shown.advance(stage, done, **counts)
        self.check()

    def end(self, stage: str, **counts: int) -> None:
        """Pass on."""
        self._shown.end(stage, **counts)

    def note(self, stage: str, event: str, **facts: object) -> None:
        """Pass on."""
        self._shown.note(stage, event, **facts)


@contextmanager
def stopped_by_signal(shown: Progress) -> Iterator[Stoppable]:
    """Give progress that stops at the next step after this process was told to terminate (SIGTERM)."""
    stoppable = Stoppable(shown)
    if threading.current_thread() is not threading.main_thread():
        yield stoppable
        return

    def heard(number: int, frame: FrameType | None) -> None:
        stoppable.ask()

    before = signal.signal(signal.SIGTERM, heard)
    try:
        yield stoppable
    finally:
        signal.signal(signal.SIGTERM, before)
