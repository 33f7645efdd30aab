"""`python -m benchmarks.operators`: how many acts of people the one control database bears, and how long they wait."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.month_data import draw_books
from model.errors import LockedError
from store.audit import record
from store.control import control, transaction
from store.workspace import open_workspace

_AT = datetime(2026, 11, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Borne:
    """What so many operators at once got done."""

    operators: int
    acts: int
    seconds: float
    median_seconds: float
    longest_seconds: float
    refused: int
    """Acts that were told to wait: another held the database for longer than a command waits."""


def act(root: Path, acts: int, number: int) -> tuple[list[float], int]:
    """Do acts one after the other, each as a command of its own would; return the seconds of each, and the refused."""
    took, refused = [], 0
    for one in range(acts):
        began = time.perf_counter()
        try:
            with control(open_workspace(root), purpose="benchmark") as connection, transaction(connection):
                record(connection, at=_AT, actor=f"operator {number}", action="note", subject=f"act {one}", detail="")
        except LockedError:
            refused += 1
        took.append(time.perf_counter() - began)
    return took, refused


def measure(root: Path, operators: int, acts: int) -> Borne:
    """Let so many processes act at the same time."""
    with ProcessPoolExecutor(operators, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_nothing, range(operators)))  # started before the clock is
        began = time.perf_counter()
        ended = list(pool.map(act, [root] * operators, [acts] * operators, range(operators)))
        seconds = time.perf_counter() - began
    took = [one for times, _ in ended for one in times]
    refused = sum(number for _, number in ended)
    return Borne(operators, len(took) - refused, seconds, statistics.median(took), max(took), refused)


def print_to_stderr(what: str) -> None:
    """Tell how far the drawing is."""
    print(what, file=sys.stderr)


def _nothing(_: int) -> None:
    time.sleep(0.5)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operators", description=__doc__)
    parser.add_argument("--meters", type=int, default=50_000, help="size of the books")
    parser.add_argument("--operators", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="processes at once")
    parser.add_argument("--acts", type=int, default=50, help="of each")
    asked = parser.parse_args(arguments)
    table = Table(title=f"acts recorded in the control database of {asked.meters:,} meters; {os.cpu_count()} cores")
    for heading in ("operators", "acts", "acts / s", "median ms", "longest ms", "told to wait"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory(prefix="billmill-operators-") as folder:
        root = draw_books(Path(folder), asked.meters, 1, 7, os.cpu_count() or 1, print_to_stderr).root
        for operators in asked.operators:
            found = measure(root, operators, asked.acts)
            table.add_row(
                str(operators), f"{found.acts:,}", f"{found.acts / found.seconds:.1f}",
                f"{found.median_seconds * 1e3:.0f}", f"{found.longest_seconds * 1e3:,.0f}", str(found.refused),
            )  # fmt: skip
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
