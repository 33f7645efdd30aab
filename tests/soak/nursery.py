"""Commands as processes of their own, begun in milliseconds: forked from one that has imported all there is to import.

Run as a program it reads a list of jobs as a line of JSON, lets them run at once and answers with a line of JSON.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDERS = ("commands", "cycles", "outputs", "ledger", "rating", "ingest", "tariffs", "accounts", "store", "model")
SAID = 1 << 20  # bytes that a command may say
LONGEST = 60  # seconds: a command that hangs is killed, and nobody can explain it
DIGEST = "=digest"  # in the place of a command: verify the workspace and tell what it holds


@dataclass(frozen=True)
class Job:
    """A command, and what shall happen to it."""

    words: tuple[str, ...]
    point: str = ""
    fault: str = ""
    hit: int = 1
    delay: float = 0.0
    """Seconds before it begins."""
    killed_after: float = 0.0
    """Seconds from its begin until it is killed; 0 is never."""
    largest_file: int = 0
    """Bytes beyond which no file can grow, as on a disk that is full; 0 is no such limit."""
    listens: bool = False
    """Whether the points that it reaches are told."""


@dataclass(frozen=True)
class Left:
    """What a command left: its exit code (minus the signal that ended it), what it said, the points it reached."""

    code: int
    out: str
    err: str
    points: tuple[tuple[str, bool], ...] = ()


class Nursery:
    """The other end: the process that forks commands."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def together(self, jobs: Sequence[Job]) -> list[Left]:
        """Let commands run at once; return what each left, in order."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([asdict(job) for job in jobs]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery is gone"
        return [
            Left(item["code"], item["out"], item["err"], tuple((name, base) for name, base in item["points"]))
            for item in json.loads(answer)
        ]

    def alone(self, job: Job) -> Left:
        """Let one command run."""
        return self.together([job])[0]


@contextmanager
def nursery(scratch: Path) -> Iterator[Nursery]:
    """Begin a nursery that keeps what its commands say in a folder."""
    scratch.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200", "POLARS_MAX_THREADS": "2"}
    command = [sys.executable, __file__, str(scratch)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "idle\n"
        yield Nursery(process)
        process.stdin.close()


def _run(job: Job, said: Path, pipes: list[tuple[int, int]]) -> None:
    """Do a command in this process, which ends with it."""
    if job.delay:
        time.sleep(job.delay)
    for number, (_, end) in enumerate(pipes, start=1):
        os.dup2(end, number)
    from store import failpoints

    reached: list[tuple[str, bool]] = []
    if job.fault:
        failpoints.arm(job.point, job.fault, hit=job.hit)
    elif job.listens:
        failpoints.listen(lambda name, is_database: reached.append((name, is_database)))
    if job.killed_after:
        signal.setitimer(signal.ITIMER_REAL, job.killed_after)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    if job.largest_file:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest_file, job.largest_file))
    code = _command(job.words)
    if job.listens:
        said.with_suffix(".points").write_text(json.dumps(reached))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _command(words: tuple[str, ...]) -> int:
    if words[0] == DIGEST:
        from contents import contents

        print(json.dumps(contents(Path(words[1]))))
        return 0
    import traceback

    import cli

    sys.argv = ["billmill", *words]
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1


def _all_at_once(jobs: list[Job], scratch: Path) -> list[dict[str, Any]]:
    children, pipes = {}, []
    for number, job in enumerate(jobs):
        said = scratch / f"job{number}"
        said.with_suffix(".points").unlink(missing_ok=True)
        # Not files: those of a full disk would not hold what a command says of it.
        pipes.append([os.pipe(), os.pipe()])
        for _, end in pipes[-1]:
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, SAID)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            _run(job, said, pipes[-1])
        children[pid] = number
    ended: dict[int, int] = {}
    deadline = time.monotonic() + LONGEST
    while len(ended) < len(jobs):
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            ended[children[pid]] = os.waitstatus_to_exitcode(status)
            continue
        if time.monotonic() > deadline:
            for child, number in children.items():
                if number not in ended:
                    os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)
    return [_told(ended[number], scratch / f"job{number}", pipes[number]) for number in range(len(jobs))]


def _told(code: int, said: Path, pipes: list[tuple[int, int]]) -> dict[str, Any]:
    texts = []
    for reader, writer in pipes:
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8", errors="replace") as text:
            texts.append(text.read())
    points = said.with_suffix(".points")
    reached = json.loads(points.read_text()) if points.exists() else []
    return {"code": code, "out": texts[0], "err": texts[1], "points": reached}


def _import_all() -> None:
    for folder in FOLDERS:
        package = importlib.import_module(folder)
        for module in pkgutil.walk_packages(package.__path__, f"{folder}."):
            importlib.import_module(module.name)
    import typer.main

    import cli

    laid_out = typer.main.get_command(cli.app)
    # Typer lays out all commands anew on each call, which takes longer than most of them; their text does not change.
    typer.main.get_command = lambda app: laid_out
    importlib.import_module("contents")


def main() -> None:
    _import_all()
    tasks = Path("/proc/self/task")
    is_idle = not any((task / "comm").read_text().startswith("polars-0") for task in tasks.iterdir())
    print("idle" if is_idle else "an import has started the threads of Polars; a forked child would hang", flush=True)
    scratch = Path(sys.argv[1])
    for line in sys.stdin:
        jobs = [Job(**(item | {"words": tuple(item["words"])})) for item in json.loads(line)]
        print(json.dumps(_all_at_once(jobs, scratch)), flush=True)


if __name__ == "__main__":
    main()
