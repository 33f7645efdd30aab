"""Which runner computes the partitions of a run: processes of this machine, or a Ray cluster. Nothing below knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cycles.runners.ray_runner import run_on_ray
from cycles.runners.runner import Result, run_locally
from cycles.runners.tasks import Task
from cycles.runners.watch import UNWATCHED, Watch
from model.codes import RunnerName
from model.errors import ConfigError


class Run(Protocol):
    """Computes tasks in any order, some perhaps twice, and yields what came of each."""

    def __call__(
        self, compute: Callable[[Task], Result], tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED
    ) -> Iterator[Result]:
        """Compute tasks, at most `workers` at a time; `watch` is told what happens meanwhile."""
        ...


@dataclass(frozen=True)
class Runner:
    """A way to have partitions computed."""

    name: RunnerName
    run: Run


LOCAL = Runner(RunnerName.LOCAL, run_locally)


def runner_asked(name: RunnerName, address: str | None) -> Runner:
    """Return the runner that was asked for. `address`: of a Ray cluster, None for one of this machine alone.

    Raises:
        ConfigError: an address without Ray, or an array, whose partitions have commands of their own.
    """
    if name == RunnerName.LOCAL:
        if address:
            raise ConfigError(f"address `{address}`: only Ray has one", hint="add --runner ray, or leave it out")
        return LOCAL
    if name == RunnerName.ARRAY:
        raise ConfigError(
            "runner `array`: a scheduler's tasks compute the partitions, a command for each",
            hint="billmill cycle run-partition RUN --index I, then billmill cycle commit RUN; reads are validated by "
            "billmill reads vee-plan, reads vee-block PLAN --index I, reads vee-commit PLAN",
        )
    return Runner(name, partial(run_on_ray, address=address or "local"))
