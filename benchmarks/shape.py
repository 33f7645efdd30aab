"""The shape of work: what a stage does, counted, never timed. A guard in the tests compares counts of two sizes.

What is counted: calls in Python (a loop per account, channel or bill shows), calls of the module that speaks SQL, bytes
that Polars reads from files (a second pass over the intervals shows), and the tallest frame (a row per interval shows).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import polars as pl

_IO = Path("/proc/self/io")
_SQL_FILE = str(Path("store") / "control.py")


@dataclass
class Shape:
    """What was counted while a block lasted. `scanned_bytes` is None where the system does not count bytes."""

    calls: int = 0
    """Python functions entered, generators resumed, and functions of C called from Python."""
    sql_calls: int = 0
    """Functions of `store.control` entered: each statement is asked through them."""
    scanned_bytes: int | None = None
    tallest: int = 0
    """Rows of the tallest frame that came to be."""


@contextmanager
def counted() -> Iterator[Shape]:
    """Count what this process does while the block lasts, threads that begin in it included."""
    shape = Shape(scanned_bytes=0 if _IO.exists() else None)

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event in {"call", "c_call"}:
            shape.calls += 1
        if event == "call" and frame.f_code.co_filename.endswith(_SQL_FILE):
            shape.sql_calls += 1

    with _frames_seen(shape), _scans_seen(shape):
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            yield shape
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


@contextmanager
def _frames_seen(shape: Shape) -> Iterator[None]:
    """Watch the one place where Polars makes a frame of what its engine gives."""
    made = pl.DataFrame.__dict__["_from_pydf"]

    def seen(cls: type[pl.DataFrame], found: Any) -> pl.DataFrame:
        shape.tallest = max(shape.tallest, found.height())
        frame: pl.DataFrame = made.__func__(cls, found)
        return frame

    pl.DataFrame._from_pydf = classmethod(seen)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        pl.DataFrame._from_pydf = made  # type: ignore[method-assign]


@contextmanager
def _scans_seen(shape: Shape) -> Iterator[None]:
    """Add up what the process reads while at least one lazy frame is being collected, in whatever thread."""
    collect, lock, running, began = pl.LazyFrame.collect, threading.Lock(), 0, 0

    def seen(frame: pl.LazyFrame, *arguments: Any, **named: Any) -> Any:
        nonlocal running, began
        with lock:
            began = began if running else _read_bytes()
            running += 1
        try:
            return collect(frame, *arguments, **named)
        finally:
            with lock:
                running -= 1
                if not running and shape.scanned_bytes is not None:
                    shape.scanned_bytes += _read_bytes() - began

    pl.LazyFrame.collect = seen  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        pl.LazyFrame.collect = collect  # type: ignore[method-assign]


def _read_bytes() -> int:
    """Return the bytes that this process has read so far."""
    if not _IO.exists():
        return 0
    with _IO.open("rb") as file:
        return int(file.readline().split()[1])
