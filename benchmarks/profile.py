"""`python -m benchmarks.profile`: where the CPU of a month goes, stage by stage, by the project's own functions."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.month import Asked, tell, warm_up
from benchmarks.month_data import DrawnBooks, Say, draw_books
from benchmarks.month_stages import bill_month
from benchmarks.record import Sheet
from benchmarks.sampling import OUTSIDE, Name, Samples, module_of, sampled
from benchmarks.stages import apart


def profile_month(folder: Path, asked: Asked, say: Say) -> dict[str, Samples]:
    """Draw a utility and bill its month, each stage in a process of its own, with one worker; return the samples."""
    drawn: DrawnBooks = apart(draw_books, folder, asked.meters, asked.days, asked.seed, asked.workers, say)
    found: dict[str, Samples] = {}

    def measured(name: str, stage: Callable[..., Any], *arguments: object) -> Any:
        say(name)
        found[name], result = apart(_sampled, stage, arguments)
        return result

    bill_month(
        measured, drawn.root, drawn.cycle_id, (drawn.period_start_date, drawn.period_end_date), drawn.business_date, 1
    )
    return found


def _sampled(stage: Callable[..., Any], arguments: tuple[object, ...]) -> tuple[Samples, Any]:
    with sampled() as samples:
        result = stage(*arguments)
    return samples, result


def stage_sheet(name: str, samples: Samples, top: int, of: Name = str) -> Sheet:
    """Return what takes most of a stage: by itself, with what it asks of libraries, and with all that it calls."""
    total = sum(samples.cpu.values()) or 1.0
    wall = sum(samples.wall.values())
    rows, shown = [], 0.0
    for place, seconds in list(samples.innermost(of).items())[:top]:
        within = seconds if place == OUTSIDE else samples.within(place, of)
        rows.append([place, f"{seconds:.2f}", f"{seconds / total:.1%}", f"{within:.2f}", f"{within / total:.1%}"])
        shown += seconds
    rows.append(["all others", f"{total - shown:.2f}", f"{(total - shown) / total:.1%}", "", ""])
    title = f"{name}: {total:.2f} CPU s, {wall:.2f} s on the clock, one worker"
    return Sheet(title, ("where", "own CPU s", "share", "with all it calls", "share"), rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, look, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--meters", type=int, default=20_000, help="15-minute channels, about")
    parser.add_argument("--functions", action="store_true", help="functions, not modules")
    parser.add_argument("--top", type=int, default=12, help="rows for each stage")
    parser.add_argument("--seed", type=int, default=7, help="seed of the draw")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--folded", type=Path, help="write the stacks to this file, for a flame graph")
    asked = parser.parse_args(arguments)
    say = partial(tell, time.monotonic())
    month = Asked(asked.meters, 31, 2, 1, asked.seed)
    warm_up(month, say)
    with tempfile.TemporaryDirectory(prefix="billmill-profile-") as folder:
        found = profile_month(Path(folder), month, say)
    sheets = [
        stage_sheet(name, samples, asked.top, str if asked.functions else module_of) for name, samples in found.items()
    ]
    for sheet in sheets:
        Console(file=sys.stdout, width=120, highlight=False).print(sheet.as_rich())
    if asked.markdown:
        command = f"    python -m benchmarks.profile --meters {asked.meters} --seed {asked.seed}"
        text = "\n\n".join([command, *(sheet.as_markdown() for sheet in sheets)])
        asked.markdown.write_text(text + "\n", encoding="utf-8")
    if asked.folded:
        lines = [line for name, samples in found.items() for line in samples.folded(name)]
        asked.folded.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
