"""A Ray cluster of several machines, played by processes of this one: to take away, to cut off, to fill, to spoil."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from cycles.runners.chosen import Runner
from cycles.runners.ray_runner import SETTINGS, run_on_ray
from model.codes import RunnerName
from store.code import PACKAGES

ROOT = Path(__file__).parents[2]
MODULES = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'cycles'}:{os.environ.get('PYTHONPATH', '')}"}
"""Lets another process import what the tests import."""
_SMALL = {"object_store_memory": 80 << 20}
FAR = "far-machine"
_NAMED = ["unshare", "-u", "sh", "-c", f'hostname {FAR}; exec "$@"', "sh"]
_HERE, _THERE = "10.177.0.1", "10.177.0.2"


def may_use_namespaces() -> bool:
    """Tell whether this process may make namespaces of networks and mounts."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip") is not None


@dataclass
class Machines:
    """A head without processors, and machines with one each."""

    cluster: Any
    taken: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def runner(self) -> Runner:
        return Runner(RunnerName.RAY, partial(run_on_ray, address=self.address))

    def add(self) -> None:
        self.cluster.add_node(num_cpus=1, **_SMALL)
        self.cluster.wait_for_nodes()

    def take_one_away(self) -> None:
        self.cluster.remove_node(self.cluster.worker_nodes.copy().pop(), allow_graceful=False)

    @contextmanager
    def extra(self, **environment: str) -> Iterator[None]:
        """Have one more machine, whose workers have an environment of their own."""
        with self._started(_NAMED, environment):
            yield

    @contextmanager
    def other_code(self) -> Iterator[None]:
        """Have one more machine, on which a file of Billmill is another one, under the same path."""
        with tempfile.TemporaryDirectory(prefix="billmill-code-") as folder:
            for package in PACKAGES:
                shutil.copytree(ROOT / package, Path(folder) / package)
            edited = Path(folder) / "rating" / "charges.py"
            edited.write_text(edited.read_text(encoding="utf-8") + "\nROUNDED_DOWN = True\n", encoding="utf-8")
            mounts = "; ".join(f"mount --bind {folder}/{name} {ROOT}/{name}" for name in PACKAGES)
            with self._started([*_NAMED, "unshare", "-m", "sh", "-c", f'{mounts}; exec "$@"', "sh"], {}):
                yield

    @contextmanager
    def apart(self, hidden: Path, workspace: Path) -> Iterator[None]:
        """Have one more machine, which does not see a folder of this one, and has a workspace of its own."""
        command = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {hidden}; exec "$@"', "sh"]
        with self._started([*_NAMED, *command], {"BILLMILL_WORKSPACE": str(workspace)}):
            yield

    @contextmanager
    def far_machine(self) -> Iterator[Callable[[], None]]:
        """Have one more machine in a network of its own; gives what cuts its link."""
        name = f"bm{os.getpid()}"
        with _link(name), self._started(["ip", "netns", "exec", name, *_NAMED], {}, ["--node-ip-address", _THERE]):
            yield partial(_ip, "link", "set", f"{name}a", "down")

    @contextmanager
    def _started(self, before: list[str], environment: dict[str, str], more: list[str] | None = None) -> Iterator[None]:
        """Start a machine by the command that an operator gives, and end it by its own processes."""
        ray = import_module("ray")
        ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
        try:
            count = len(_alive(ray))
            words = [
                *before, sys.executable, "-m", "ray.scripts.scripts", "start", "--address", self.address, "--num-cpus",
                "1", "--object-store-memory", str(80 << 20), "--block", *(more or []),
            ]  # fmt: skip
            process = subprocess.Popen(
                words, env=os.environ | environment, start_new_session=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            until = time.monotonic() + 60.0
            while len(_alive(ray)) == count:
                assert process.poll() is None, "the machine did not start"
                assert time.monotonic() < until, "the machine did not come"
                time.sleep(0.2)
        finally:
            ray.shutdown()
        try:
            yield
        finally:
            _end(process)


def _alive(ray: Any) -> list[Any]:
    return [node for node in ray.nodes() if node["Alive"]]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a machine: what it started, which is its session, and what went into sessions of its own below it."""
    below = _below(process.pid)
    for pid in [process.pid, *below]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def _below(pid: int) -> list[int]:
    """Return the processes that a process started, and those that these did."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found, new = list[int](), [pid]
    while new:
        new = [child for parent in new for child in parents.get(parent, [])]
        found += new
    return found


@contextmanager
def _link(name: str) -> Iterator[None]:
    """Have a network namespace, with a link from this one."""
    _ip("netns", "add", name)
    try:
        _ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        _ip("addr", "add", f"{_HERE}/24", "dev", f"{name}a")
        _ip("link", "set", f"{name}a", "up")
        inside = ("netns", "exec", name, "ip")
        _ip(*inside, "addr", "add", f"{_THERE}/24", "dev", f"{name}b")
        _ip(*inside, "link", "set", f"{name}b", "up")
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "route", "add", "default", "via", _HERE)
        yield
    finally:
        _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def machines(count: int) -> Iterator[Machines]:
    """Have a cluster of so many machines, with a token of its own."""
    with ExitStack() as stack:
        stack.enter_context(_environment(SETTINGS | MODULES))
        cluster_utils = import_module("ray.cluster_utils")
        made = cluster_utils.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False} | _SMALL
        )
        stack.callback(made.shutdown)
        found = Machines(made)
        for _ in range(count):
            made.add_node(num_cpus=1, **_SMALL)
        made.wait_for_nodes()
        yield found


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
