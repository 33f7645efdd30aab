"""What a driver tells while tasks are computed: where each was, how fast it goes, what was lost, what takes long."""

from __future__ import annotations

import bisect
import re
import time
from collections.abc import Callable
from pathlib import Path

from cycles.runners.attempts import Came, attempt_files, attempts_at, end_lost
from cycles.runners.tasks import Task, receipts_folder
from model.progress import Progress

STRAGGLER = 2.0
"""How many times the median a partition may take before it is told of."""
_OF_NOTE = re.compile(r"\.p(\d+)\.attempt-")


class Following:
    """Tells of the tasks of one stage of a run as they are computed: a `Watch` that is told of results too."""

    def __init__(
        self, stage: str, folder: Path, progress: Progress, *, tasks: int, items: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._stage, self._folder, self._progress, self._items = stage, folder, progress, items
        self._left, self._done, self._clock, self._began = tasks, 0, clock, clock()
        self._took: list[float] = []
        """Seconds of the attempts that left a receipt, in order."""
        self._ended: set[int] = set()
        self._told: set[tuple[int, int]] = set()

    def came(self, came: Came) -> None:
        """Tell where and how fast a task was computed, and how long the others will take.

        `items` are counted by those that were computed while this looked on.
        """
        who, counts = came.attempt, came.receipt.counts
        self._ended.add(who.partition)
        bisect.insort(self._took, who.seconds or 0.0)
        self._left -= 1
        self._done += counts.get(self._items, 0)
        passed = self._clock() - self._began
        self._progress.note(
            self._stage, "partition", partition=who.partition, attempt=who.attempt, runner=who.runner, host=who.host,
            pid=who.pid, took=round(who.seconds or 0.0, 3), items=counts.get(self._items, 0),
            per_second=round(self._done / passed, 1) if passed else None,
            seconds_left=round(passed / len(self._took) * self._left, 1),
        )  # fmt: skip

    def lost(self, task: Task, cause: str) -> None:
        """Note and tell that an attempt ended without a receipt; of one that had not begun there is nothing to tell."""
        ended = end_lost(self._folder, task, cause)
        if ended is not None:
            self._progress.note(
                self._stage, "lost", partition=task.partition, attempt=task.attempt, host=ended.host, pid=ended.pid,
                cause=cause,
            )  # fmt: skip

    def waiting(self) -> None:
        """Tell once of each attempt that takes more than `STRAGGLER` times the median."""
        if not self._took:
            return
        usual = self._took[len(self._took) // 2]
        for number in sorted(_noted(self._folder) - self._ended):
            last = attempts_at(self._folder, number)[-1]
            took = time.time() - last.started_at
            if last.is_open and took > STRAGGLER * usual and (number, last.attempt) not in self._told:
                self._told.add((number, last.attempt))
                self._progress.note(
                    self._stage, "slow", partition=number, attempt=last.attempt, host=last.host, pid=last.pid,
                    took=round(took, 1), times=round(took / usual, 1) if usual else 0.0,
                )  # fmt: skip


def _noted(folder: Path) -> set[int]:
    found = (_OF_NOTE.match(path.name) for path in attempt_files(receipts_folder(folder)))
    return {int(one[1]) for one in found if one}
