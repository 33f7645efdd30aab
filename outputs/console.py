"""Frames and facts on a terminal: tables a person reads, JSON a machine reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

ROWS_SHOWN = 50


def stdout() -> Console:
    """Return the console of results. Width follows the terminal; piped output is wide enough for its tables."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)


def print_frame(frame: pl.DataFrame, title: str | None = None, *, limit: int = ROWS_SHOWN) -> None:
    """Print a frame as a table: numbers to the right, at most `limit` rows, and how many were left out."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for name, dtype in frame.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for row in frame.head(limit).iter_rows():
        table.add_row(*(_cell(value) for value in row))
    console = stdout()
    console.print(table)
    if frame.height > limit:
        console.print(f"... {frame.height - limit:,} more")


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    sys.stdout.write(json.dumps(plain(value), indent=1) + "\n")


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, aligned."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        sys.stdout.write(f"{name:<{width}}  {_cell(value)}\n")


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
        case Decimal():
            return str(value)
        case _:
            return value


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value)
