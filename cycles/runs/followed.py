"""How the partitions of a run are getting on, from the notes beside its receipts: where, what is slow, what was lost.

It reads files only and counts for nothing: also while a run is computed, and on a run that nobody works on any more.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from cycles.runners.attempts import Attempt, attempts
from cycles.runners.following import STRAGGLER
from cycles.runners.tasks import receipts_folder
from cycles.runs.folders import run_folder
from store.workspace import Workspace


@dataclass(frozen=True)
class Failure:
    """An attempt at a partition that left no receipt."""

    partition: int
    attempt: int
    host: str
    cause: str

    def sentence(self) -> str:
        """Return it as a person is told."""
        return f"partition {self.partition}, attempt {self.attempt} on {self.host}: {self.cause}"


@dataclass(frozen=True)
class Straggler:
    """An attempt that is not over and takes longer than others did."""

    partition: int
    host: str
    seconds: float
    times: float
    """The median's seconds so many times."""

    def sentence(self) -> str:
        """Return it as a person is told."""
        return f"partition {self.partition} on {self.host}: {self.seconds:.0f} s, {self.times:.1f} times the median"


@dataclass(frozen=True)
class Followed:
    """What was noted of the attempts at the partitions of a run."""

    places: dict[str, int]
    """Partitions that were computed, by runner and host."""
    running: int
    stragglers: tuple[Straggler, ...]
    failures: tuple[Failure, ...]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "places": self.places, "running": self.running,
            "stragglers": [asdict(one) | {"sentence": one.sentence()} for one in self.stragglers],
            "failures": [asdict(one) | {"sentence": one.sentence()} for one in self.failures],
        }  # fmt: skip


NOTHING_FOLLOWED = Followed({}, 0, (), ())


def followed(workspace: Workspace, run_id: str, now: float | None = None) -> Followed:
    """Return how the partitions of a run are getting on; `now` in seconds since 1970, the clock's when None."""
    folder = run_folder(workspace, run_id)
    have = {path.stem for path in receipts_folder(folder).glob("p*.json")}
    return _followed(attempts(folder), {int(name[1:]) for name in have}, time.time() if now is None else now)


def _followed(noted: Sequence[Attempt], done: set[int], now: float) -> Followed:
    ended = [one for one in noted if one.seconds is not None and not one.failure]
    last = {one.partition: one for one in noted}
    is_open = [one for one in last.values() if one.is_open and one.partition not in done]
    usual = median(one.seconds or 0.0 for one in ended) if ended else 0.0
    slow = [(one, now - one.started_at) for one in is_open if usual and now - one.started_at > STRAGGLER * usual]
    computed = Counter(f"{one.runner} on {one.host}" for one in last.values() if one.partition in done)
    return Followed(
        dict(sorted(computed.items())),
        len(is_open),
        tuple(Straggler(one.partition, one.host, round(took, 1), round(took / usual, 1)) for one, took in slow),
        tuple(_failure(one) for one in noted if one.failure),
    )


def _failure(attempt: Attempt) -> Failure:
    return Failure(attempt.partition, attempt.attempt, attempt.host, attempt.failure.splitlines()[0])
