"""Frames and facts on a terminal: tables a person reads, JSON a machine reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

ROWS_SHOWN = 50
# Wide enough for every table when nobody's window sets a width.
PIPED_WIDTH = 160
_ANY_WIDTH = 100_000


def stdout() -> Console:
    """Return the console of results. Width follows the terminal; piped output is wide enough for its tables."""
    # Tables speak by their words: a name that holds [brackets] is text, never markup.
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, soft_wrap=False)


def print_frame(
    frame: pl.DataFrame, title: str | None = None, *, limit: int = ROWS_SHOWN, nothing: str = "no rows"
) -> None:
    """Print a frame as a table: numbers to the right, at most `limit` rows, and how many were left out.

    A frame without rows prints `nothing`. Where a window is too narrow for the table each row stands as a block of
    names and values.
    """
    console = stdout()
    if frame.is_empty():
        sys.stdout.write(f"{nothing}\n")
        return
    shown = frame.head(limit)
    table = _table(shown)
    if title is not None:
        console.print(title, style="bold", markup=False)
    needed = Measurement.get(console, console.options.update(max_width=_ANY_WIDTH), table).minimum
    if needed <= console.width:
        console.print(table)
    else:
        _print_blocks(shown)
    if frame.height > limit:
        sys.stdout.write(f"... {frame.height - limit:,} more; all of them with --json\n")


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    sys.stdout.write(json.dumps(plain(value), indent=1) + "\n")


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, aligned."""
    _print_pairs(facts, indent="")


def plain(value: object) -> Any:
    """Return a value made of what JSON has: times as ISO text, decimals as text, frames as lists of rows."""
    match value:
        case pl.DataFrame():
            return [plain(row) for row in value.iter_rows(named=True)]
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case datetime() | date():
            return value.isoformat()
        case Decimal() | PurePath():
            return str(value)
        case _:
            return value


def cell_text(value: object) -> str:
    """Return a value as a person reads it: thousands apart, times to the second in UTC, nothing for null."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return f"{value:,}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            # A line break or an escape sequence from a file must not move the cursor of who reads.
            return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(value))


def _table(frame: pl.DataFrame) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name, dtype in frame.schema.items():
        is_number = dtype.is_numeric()
        table.add_column(_name(name), justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
    for row in frame.iter_rows():
        table.add_row(*(escape(cell_text(value)) for value in row))
    return table


def _print_blocks(frame: pl.DataFrame) -> None:
    for number, row in enumerate(frame.iter_rows(named=True)):
        if number:
            sys.stdout.write("\n")
        _print_pairs({_name(name): value for name, value in row.items()}, indent="  ")


def _print_pairs(pairs: Mapping[str, object], *, indent: str) -> None:
    width = _longest(list(pairs))
    for name, value in pairs.items():
        sys.stdout.write(f"{indent}{name:<{width}}  {cell_text(value)}".rstrip() + "\n")


def _longest(names: Sequence[str]) -> int:
    return max((len(name) for name in names), default=0)


def _name(column: str) -> str:
    return column.replace("_", " ")
