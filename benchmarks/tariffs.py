"""`python -m benchmarks.tariffs`: thousands of tariffs compiled, and agreements rated over all of them and over few."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame
from rich.console import Console

from benchmarks.tariff_due import due_agreements, given_quantities
from benchmarks.tariff_files import SHAPES, tariff_id, tariff_text
from benchmarks.tariff_sql import connection_of, sql_lines
from model.rating import DueAgreements
from model.tariff import RateBook
from rating.given import GivenQuantities
from rating.stages import rate_given
from tariffs.compile import compile_tariffs
from tariffs.file import parse_tariff

LIBRARIES = ("polars", "duckdb", "numpy", "pydantic")
_SINGLE = SHAPES.index("tou")
_NOT_IN_SQL = "formula"


@dataclass(frozen=True)
class Timed:
    """Medians of what a work took, and what it worked on: tariffs or agreements, and the lines that it made."""

    name: str
    wall_seconds: float
    cpu_seconds: float
    units: int
    lines: int

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return vars(self) | {"units_per_cpu_second": round(self.units / self.cpu_seconds)}


@dataclass(frozen=True)
class Portfolio:
    """Agreements over some of the tariffs, with what they used and the book that rates them."""

    book: RateBook
    due: DataFrame[DueAgreements]
    given: DataFrame[GivenQuantities]

    @classmethod
    def over(cls, numbers: Sequence[int], book: RateBook, agreements: int, seed: int) -> Portfolio:
        """Return agreements that take turns over the tariffs of these numbers."""
        due = due_agreements([tariff_id(number) for number in numbers], agreements)
        return cls(book, due, given_quantities(due, seed))


def timed(name: str, units: int, repeat: int, work: Callable[[], int]) -> Timed:
    """Return the medians of `repeat` runs of a work that returns how many lines it made."""
    runs, lines = [], 0
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        lines = work()
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    return Timed(name, median(wall for wall, _ in runs), median(cpu for _, cpu in runs), units, lines)


def compiling(tariffs: int, repeat: int) -> tuple[list[Timed], RateBook]:
    """Return what reading and compiling took, and the rate book."""
    texts = [tariff_text(number) for number in range(tariffs)]
    files = [parse_tariff(text, f"{number}.toml") for number, text in enumerate(texts)]
    read = timed(
        "texts, read and checked", tariffs, repeat,
        lambda: len([parse_tariff(text, f"{number}.toml") for number, text in enumerate(texts)]),
    )  # fmt: skip
    compiled = timed("read files, compiled", tariffs, repeat, lambda: len(compile_tariffs(files).versions))
    return [read, compiled], compile_tariffs(files)


def rating(book: RateBook, tariffs: int, agreements: int, repeat: int, seed: int) -> list[Timed]:
    """Return what rating took over all tariffs, one of each shape, and a single one."""
    few = range(min(len(SHAPES), tariffs))
    portfolios = {
        f"Billmill, {tariffs:,} tariffs": Portfolio.over(range(tariffs), book, agreements, seed),
        "Billmill, one tariff of each shape": Portfolio.over(few, _book_of(few), agreements, seed),
        "Billmill, a single tariff": Portfolio.over([_SINGLE], _book_of([_SINGLE]), agreements, seed),
    }
    return [timed(name, agreements, repeat, lambda held=held: _bills(held)) for name, held in portfolios.items()]  # type: ignore[misc]  # mypy cannot infer a lambda's default


def beside_sql(book: RateBook, tariffs: int, agreements: int, repeat: int, seed: int) -> list[Timed]:
    """Return what the same bills took in both, for tariffs without formulas; they must agree to the cent."""
    numbers = [number for number in range(tariffs) if SHAPES[number % len(SHAPES)] != _NOT_IN_SQL]
    held = Portfolio.over(numbers, book, agreements, seed)
    connection = connection_of(held.due, book, held.given)
    check_same(rate_given(held.due, book, held.given).lines, sql_lines(connection))
    return [
        timed("Billmill, tariffs without formulas", agreements, repeat, lambda: _bills(held)),
        timed("DuckDB SQL, the same lines", agreements, repeat, lambda: len(sql_lines(connection))),
    ]


def check_same(lines: pl.DataFrame, in_sql: pl.DataFrame) -> None:
    """Check that both have the same lines and the same amounts, charge by charge."""
    keys = ["agreement_id", "component_id"]
    found, expected = (
        frame.group_by(keys).agg(pl.len(), pl.col("amount_minor").sum()).sort(keys) for frame in (lines, in_sql)
    )
    assert found.equals(expected), "Billmill and DuckDB SQL differ"


def _bills(held: Portfolio) -> int:
    rated = rate_given(held.due, held.book, held.given)
    assert rated.parked.is_empty(), "drawn agreements have all that their tariffs need"
    return len(rated.lines)


def _book_of(numbers: Sequence[int]) -> RateBook:
    return compile_tariffs([parse_tariff(tariff_text(number), f"{number}.toml") for number in numbers])


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    machine, versions = report["machine"], report["versions"]
    lines = [
        f"## {report['tariffs']:,} tariffs, {report['agreements']:,} agreements",
        "",
        f"    {report['command']}",
        "",
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + f"; medians of {report['repeat']}. Load of the machine when it began: {machine['load']}.",
        "",
        "| | wall s | CPU s | per CPU second | lines |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in report["measured"]:
        made = f"{row['lines']:,}" if row["units"] == report["agreements"] else ""
        unit = "agreements" if made else "tariffs"
        lines.append(
            f"| {row['name']} | {row['wall_seconds']:.2f} | {row['cpu_seconds']:.2f} | "
            f"{row['units_per_cpu_second']:,} {unit} | {made} |"
        )
    ratios = ", ".join(f"{value:.2f} x {name}" for name, value in report["cpu_ratio"].items())
    return "\n".join([*lines, "", f"CPU over all tariffs: {ratios}.", ""])


def run(tariffs: int, agreements: int, repeat: int, seed: int, console: Console) -> dict[str, Any]:
    """Return all that was measured."""
    load = f"{os.getloadavg()[0]:.1f}"
    console.print(f"compiling {tariffs:,} tariffs ...")
    measured, book = compiling(tariffs, repeat)
    console.print(f"rating {agreements:,} agreements ...")
    rated = rating(book, tariffs, agreements, repeat, seed)
    console.print("rating beside SQL ...")
    measured += [*rated, *beside_sql(book, tariffs, agreements, repeat, seed)]
    return {
        "command": f"python -m benchmarks.tariffs --tariffs {tariffs} --agreements {agreements} --repeat {repeat}",
        "tariffs": tariffs, "agreements": agreements, "repeat": repeat,
        "measured": [found.as_dict() for found in measured],
        "cpu_ratio": {
            found.name.removeprefix("Billmill, "): round(rated[0].cpu_seconds / found.cpu_seconds, 3)
            for found in rated[1:]
        },
        "machine": {"cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}",
                    "python": platform.python_version(),
                    "load": load},
        "versions": {name: version(name) for name in LIBRARIES},
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tariffs", description=__doc__)
    parser.add_argument("--tariffs", type=int, default=15_000, help="tariff files to draw")
    parser.add_argument("--agreements", type=int, default=500_000, help="agreements to rate")
    parser.add_argument("--repeat", type=int, default=3, help="turns; medians are shown")
    parser.add_argument("--seed", type=int, default=7, help="seed of what the agreements used")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    asked = parser.parse_args(arguments)
    report = run(asked.tariffs, asked.agreements, asked.repeat, asked.seed, Console(stderr=True))
    page = as_markdown(report)
    sys.stdout.write(page)
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=2) + "\n")
    if asked.markdown:
        asked.markdown.write_text(f"# Results\n\n{page}")


if __name__ == "__main__":
    main()
