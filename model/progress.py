"""How long work reports itself: a bar for a person, JSON lines for a machine, silence for a test."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the steps of long work. `stage` is a word of the field: land, vee, rate, publish."""

    def about(self, subject: str) -> None:
        """What follows is about this run, file or period."""

    def begin(self, stage: str, total: int, unit: str) -> None:
        """A stage begins; it has `total` steps of `unit` (0: not known)."""

    def advance(self, stage: str, done: int = 1, **counts: int) -> None:
        """`done` more steps of the stage are ready; `counts` say what they gave."""

    def end(self, stage: str, **counts: int) -> None:
        """The stage is ready."""

    def note(self, stage: str, event: str, **facts: object) -> None:
        """Something beside the steps: `partition` (where one was computed), `lost` (given out again), `slow`."""


class Silent:
    """Reports to nobody."""

    def about(self, subject: str) -> None:
        """Ignore."""

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Ignore."""

    def advance(self, stage: str, done: int = 1, **counts: int) -> None:
        """Ignore."""

    def end(self, stage: str, **counts: int) -> None:
        """Ignore."""

    def note(self, stage: str, event: str, **facts: object) -> None:
        """Ignore."""


SILENT = Silent()
