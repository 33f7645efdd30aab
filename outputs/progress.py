"""Progress of long work: bars for a person who watches, JSON lines on stderr for a machine."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from model.progress import Silent


class JsonLines(Silent):
    """One JSON object a line: event, stage, done, total, counts, seconds since the stage began, the run it is about.

    `at` is the time by the clock of this machine, so that the lines of several can be put in order.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._about: dict[str, str] = {}

    def about(self, subject: str) -> None:
        """Say in each line from now on what it is about: a run, a file, a period."""
        self._about = {"run_id": subject}

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Write that a stage begins."""
        self._done[stage], self._total[stage], self._began[stage] = 0, total, time.monotonic()
        self._write(event="begin", stage=stage, total=total, unit=unit)

    def advance(self, stage: str, done: int = 1, **counts: int) -> None:
        """Write how far a stage is."""
        self._done[stage] += done
        self._write(event="advance", stage=stage, done=self._done[stage], total=self._total[stage], **counts)

    def end(self, stage: str, **counts: int) -> None:
        """Write that a stage is ready."""
        self._write(event="end", stage=stage, done=self._done.get(stage, 0), **counts)

    def note(self, stage: str, event: str, **facts: object) -> None:
        """Write what happened beside the steps."""
        self._write(event=event, stage=stage, **facts)

    def _write(self, *, stage: str, **fields: object) -> None:
        seconds = round(time.monotonic() - self._began.get(stage, time.monotonic()), 3)
        line = self._about | {"stage": stage} | fields | {"seconds": seconds, "at": datetime.now(UTC).isoformat()}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


class Bars(Silent):
    """A bar a stage, on stderr, gone from the way of the result on stdout."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(), TextColumn("{task.fields[counts]}"),
        )  # fmt: skip
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Show a bar."""
        self._tasks[stage] = self._progress.add_task(stage, total=total or None, unit=unit, counts="")

    def advance(self, stage: str, done: int = 1, **counts: int) -> None:
        """Move the bar on."""
        self._progress.update(self._tasks[stage], advance=done, counts=_told(counts))

    def end(self, stage: str, **counts: int) -> None:
        """Fill the bar."""
        task = self._tasks[stage]
        total = self._progress.tasks[task].total or 1
        self._progress.update(task, total=total, completed=total, counts=_told(counts))

    def note(self, stage: str, event: str, **facts: object) -> None:
        """Say above the bars what a person should know: not that a partition is ready, which the bar tells."""
        if event in _SENTENCES:
            self._progress.console.print(_SENTENCES[event].format(**facts), markup=False, highlight=False)


_SENTENCES = {
    "lost": "partition {partition}, attempt {attempt} on {host}: {cause}; it is given out again",
    "slow": "partition {partition} on {host} takes {took:.0f} s so far, {times:.1f} times the median",
}


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def is_watched() -> bool:
    """Return True when a person sees stderr."""
    return sys.stderr.isatty()
