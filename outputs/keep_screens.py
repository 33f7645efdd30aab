"""What `verify`, `rebuild`, `backup`, `restore` and `repair` tell a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import polars as pl

from outputs.console import cell_text, print_frame

_ORPHANS_SHOWN = 5


def print_verified(problems: pl.DataFrame, counts: Mapping[str, int], orphans: Sequence[str]) -> None:
    """Print each problem as a block, what nothing names, and how much was verified."""
    for row in problems.iter_rows(named=True):
        sys.stdout.write(f"{row['kind'].upper()}  {cell_text(row['subject'])}\n")
        for name in ("expected", "found", "next_step"):
            sys.stdout.write(f"  {name.replace('_', ' '):<9}  {cell_text(row[name])}\n")
    if orphans:
        shown = ", ".join(orphans[:_ORPHANS_SHOWN]) + (", ..." if len(orphans) > _ORPHANS_SHOWN else "")
        sys.stdout.write(f"left by a killed or abandoned command, harmless: {len(orphans)} ({shown})\n")
    size = counts["bytes"] / 1_000_000
    told = "nothing differs" if problems.is_empty() else f"{problems.height} things differ"
    sys.stdout.write(
        f"verified {counts['files']:,} files ({size:,.1f} MB), {counts['runs']} published runs, "
        f"{counts['audit_entries']:,} entries of the audit: {told}\n"
    )


def print_rows(frame: pl.DataFrame, nothing: str) -> None:
    """Print a table whole."""
    print_frame(frame, limit=frame.height or 1, nothing=nothing)
