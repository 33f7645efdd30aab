"""The Ray runner: the tasks of the local one, on a cluster whose machines see the workspace under the same path.

A task carries paths, and what it computes is the same everywhere, so Ray does little: it places tasks and tells when a
worker or a machine is gone. What is lost is given out again, a bounded number of times, as the local runner does; Ray's
own retries stay off, so that attempts are counted in one place. A mistake of business travels back as a value. What a
machine could not do for want of disk or memory is asked of another one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from cycles.runners.runner import ROUNDS, Result
from cycles.runners.tasks import Task
from cycles.runners.watch import LOOK_SECONDS, UNWATCHED, Watch
from model.errors import BillmillError, ConfigError, ControlError

# A machine that no longer answers is given up after seconds, not minutes. These are internal names of Ray, which is
# why its minor version is pinned (pyproject.toml, extra `ray`) and a test takes a machine away.
SETTINGS = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "5000",
    "RAY_raylet_rpc_server_reconnect_timeout_base_s": "1",
    "RAY_raylet_rpc_server_reconnect_timeout_max_s": "5",
    "RAY_core_worker_rpc_server_reconnect_timeout_base_s": "1",
    "RAY_core_worker_rpc_server_reconnect_timeout_max_s": "5",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
_STORE_BYTES = 80 << 20  # receipts are small and travel with their messages: the object store holds next to nothing
_AHEAD = 2  # tasks given out for each that runs, so that no worker waits for the driver


def run_on_ray(
    compute: Callable[[Task], Result], tasks: Sequence[Task], *, workers: int, address: str, watch: Watch = UNWATCHED
) -> Iterator[Result]:
    """Compute tasks on Ray, yielding receipts as they come.

    Args:
        compute: as for the local runner; importable on every machine.
        tasks: what has no receipt yet.
        workers: tasks that run at the same time, at most; on `local` also the processors that Ray may use.
        address: `local` for a cluster of this machine alone, `auto` or `host:port` for one that runs.
        watch: is told of tasks that were lost.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
        ControlError: a partition was lost in every round.
    """
    if not tasks:
        return
    ray = _ray()
    _join(ray, address, workers)
    try:
        open_tasks, spoilt = list(tasks), set[str]()
        for attempt in range(1, ROUNDS + 1):
            lost: dict[int, str] = {}
            given = _Given(ray, compute, workers, lost, spoilt, watch)
            yield from _one_round(given, [replace(task, attempt=attempt) for task in open_tasks])
            if not lost:
                return
            open_tasks = [task for task in open_tasks if task.partition in lost]
        numbers = ", ".join(str(number) for number in sorted(lost))
        raise ControlError(
            f"partitions {numbers}: lost {ROUNDS} times; last: {lost[min(lost)]}",
            hint="look at the memory and the disks of the machines; run again, perhaps with another --runner: "
            "receipts are kept",
        )
    finally:
        ray.shutdown()


def _ray() -> Any:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        return import_module("ray")
    except ImportError as error:
        raise ConfigError("runner `ray`: Ray is not installed", hint="pip install 'billmill[ray]'") from error


def _join(ray: Any, address: str, workers: int) -> None:
    """Join a cluster, or start one. Always with an address: without one Ray joins whatever was left behind."""
    # The last words of a machine that died are pages; what they mean for a partition is told with its attempt.
    vars(import_module("ray._private.worker"))["print_to_stdstream"] = _unheard
    own: dict[str, Any] = {"num_cpus": workers, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    try:
        ray.init(
            address=address, log_to_driver=False, configure_logging=False, logging_level="ERROR",
            **(own if address == "local" else {}),
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ConfigError(
            f"Ray at `{address}` cannot be reached: {error}", hint="look with `ray status`; the address is host:port"
        ) from error


def _unheard(*_: object, **__: object) -> None:
    """Print nothing."""


@dataclass(frozen=True)
class _Given:
    """What a round is computed with, and what it learns."""

    ray: Any
    compute: Callable[[Task], Any]
    workers: int
    lost: dict[int, str]
    """Partitions without a receipt, each with what became of it."""
    spoilt: set[str]
    """Machines, as Ray numbers them, that could not go on: others are asked while there are any."""
    watch: Watch

    def submitted(self, task: Task) -> Any:
        """Give a task out; return Ray's reference to its result."""
        remote = self.ray.remote(num_cpus=1, max_retries=0, retry_exceptions=False)(_computed)
        environment = {"env_vars": {"POLARS_MAX_THREADS": "1", "NUMBA_NUM_THREADS": "1"}}
        options: dict[str, Any] = {"runtime_env": environment}
        nodes = {node["NodeID"] for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU")}
        if self.spoilt & nodes and nodes - self.spoilt:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(self.spoilt & nodes))})"}
        return remote.options(**options).remote(self.compute, task)

    def lose(self, task: Task, cause: str) -> None:
        """Let a task be given out again."""
        self.lost[task.partition] = cause
        self.watch.lost(task, cause)


def _one_round(given: _Given, tasks: Sequence[Task]) -> Iterator[Any]:
    """Yield what came of each task that was computed; the others are lost."""
    waiting = list(reversed(tasks))
    running: dict[Any, Task] = {}
    while waiting or running:
        while waiting and len(running) < _AHEAD * given.workers:
            task = waiting.pop()
            running[given.submitted(task)] = task
        ready, _ = given.ray.wait(list(running), num_returns=1, timeout=LOOK_SECONDS)
        if not ready:
            given.watch.waiting()
        for reference in ready:
            came = _received(given, running.pop(reference), reference)
            if came is not None:
                yield came


def _received(given: _Given, task: Task, reference: Any) -> Any:
    """Return what came of a task, None when it is lost. A mistake, of business or of ours, would be made again."""
    try:
        result = given.ray.get(reference)
    except given.ray.exceptions.RayError as error:
        if isinstance(error, given.ray.exceptions.RayTaskError):
            raise
        given.lose(task, str(error).strip().splitlines()[0].partition(". ")[0])
        return None
    if isinstance(result, BillmillError):
        raise result
    if isinstance(result, _Unable):
        given.spoilt.add(result.node_id)
        given.lose(task, result.cause)
        return None
    return result


@dataclass(frozen=True)
class _Unable:
    """A machine could not go on: its disk is full or cannot be written, its memory is at an end."""

    node_id: str
    cause: str


def _computed(compute: Callable[[Task], Result], task: Task) -> Result | BillmillError | _Unable:
    """Compute a task; a mistake of business is a value, which nobody tries again, and so is a machine that cannot."""
    try:
        return compute(task)
    except BillmillError as error:
        return error
    except (OSError, MemoryError) as error:
        node_id: str = import_module("ray").get_runtime_context().get_node_id()
        return _Unable(node_id, f"{socket.gethostname()}: {error}")
