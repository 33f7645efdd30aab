"""What a runner tells of while it computes: tasks that it lost and gives out again, and that it waits."""

from __future__ import annotations

from typing import Protocol

from cycles.runners.tasks import Task

LOOK_SECONDS = 5.0
"""How long a runner waits for a result before it tells that it waits."""


class Watch(Protocol):
    """Is told what happens between two receipts."""

    def lost(self, task: Task, cause: str) -> None:
        """An attempt ended without a receipt: its process died, its machine is gone or could not go on."""

    def waiting(self) -> None:
        """Nothing has come for `LOOK_SECONDS`."""


class Unwatched:
    """Is told, and tells nobody."""

    def lost(self, task: Task, cause: str) -> None:
        """Ignore."""

    def waiting(self) -> None:
        """Ignore."""


UNWATCHED = Unwatched()
