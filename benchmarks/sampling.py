"""Where the time of this process goes: looks every few milliseconds at which of the project's functions is at work.

The CPU seconds since the last look, of all threads, go to the function of the project that the main thread is in: what
Polars, DuckDB, NumPy and compiled kernels take is counted where it was asked for. A look that comes late, because
compiled code did not let it, brings all the time since the last.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
_EVERY_SECONDS = 0.002
_OWN = ("benchmarks", ".venv")
Stack = tuple[str, ...]
Name = Callable[[str], str]
OUTSIDE = "(outside)"  # libraries that nothing of the project asked, threads that begin and end


def module_of(function: str) -> str:
    """Return the module of a function of a stack.

    >>> module_of("ingest.versions:current_days")
    'ingest.versions'
    """
    return function.split(":", maxsplit=1)[0]


@dataclass
class Samples:
    """CPU and wall seconds by stack: the project's functions that were at work, the outermost first."""

    cpu: dict[Stack, float] = field(default_factory=dict)
    wall: dict[Stack, float] = field(default_factory=dict)

    def add(self, stack: Stack, cpu_seconds: float, wall_seconds: float) -> None:
        """Add what passed since the last look."""
        self.cpu[stack] = self.cpu.get(stack, 0.0) + cpu_seconds
        self.wall[stack] = self.wall.get(stack, 0.0) + wall_seconds

    def innermost(self, of: Name = str) -> dict[str, float]:
        """Return CPU seconds by the innermost of the project's functions, or what `of` makes of its name."""
        found: dict[str, float] = {}
        for stack, seconds in self.cpu.items():
            name = of(stack[-1]) if stack else OUTSIDE
            found[name] = found.get(name, 0.0) + seconds
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def within(self, name: str, of: Name = str) -> float:
        """Return the CPU seconds of all stacks that a function, or what `of` makes of it, is in."""
        return sum(seconds for stack, seconds in self.cpu.items() if name in map(of, stack))

    def folded(self, head: str) -> list[str]:
        """Return a line for each stack, as flame graph programs take them; the number is microseconds of CPU."""
        return [f"{';'.join([head, *stack])} {round(seconds * 1e6)}" for stack, seconds in sorted(self.cpu.items())]


@contextmanager
def sampled() -> Iterator[Samples]:
    """Look at the thread that enters the block, as long as it lasts."""
    samples, is_over, watched = Samples(), threading.Event(), threading.get_ident()

    def look() -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        names: dict[str, str | None] = {}
        while not is_over.wait(_EVERY_SECONDS):
            frame = sys._current_frames().get(watched)
            cpu_now, wall_now = time.process_time(), time.perf_counter()
            samples.add(_stack(frame, names), cpu_now - cpu, wall_now - wall)
            cpu, wall = cpu_now, wall_now

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        is_over.set()
        thread.join()


def _stack(frame: FrameType | None, names: dict[str, str | None]) -> Stack:
    found = []
    while frame is not None:
        code = frame.f_code
        module = names.setdefault(code.co_filename, _module(code.co_filename))
        if module is not None:
            found.append(f"{module}:{code.co_name}")
        frame = frame.f_back
    return tuple(reversed(found))


def _module(path: str) -> str | None:
    """Return the name of a module of the project, None for all others and for the benchmarks themselves."""
    try:
        inside = Path(path).relative_to(ROOT)
    except ValueError:
        return None
    return None if inside.parts[0] in _OWN else ".".join(inside.with_suffix("").parts)
