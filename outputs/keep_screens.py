"""What `verify`, `rebuild`, `backup`, `restore` and `repair` tell a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

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
    told = (
        "nothing differs"
        if problems.is_empty()
        else f"{problems.height} {'thing differs' if problems.height == 1 else 'things differ'}"
    )
    sys.stdout.write(
        f"verified {counts['files']:,} files ({size:,.1f} MB), "
        + (f"{counts['objects']:,} objects, " if counts["objects"] else "")
        + f"{counts['runs']} published runs, "
        f"{counts['audit_entries']:,} entries of the audit: {told}\n"
    )


def print_rebuilt(compared: pl.DataFrame, runs: int, kept: str, gone: Sequence[str]) -> None:
    """Print each table beside the control database's, what it was made from, and what could not be made."""
    shown = compared.filter((pl.col("rebuilt") > 0) | ~pl.col("is_same").fill_null(True))
    print_frame(shown.rename({"table_name": "table"}), limit=compared.height, nothing="no table has rows")
    sys.stdout.write(f"{compared.height - shown.height} more tables have no rows\n")
    sys.stdout.write(
        f"made from {runs} published runs and {f'the books kept as {kept}' if kept else 'the lake alone'}\n"
    )
    for thing in gone:
        sys.stdout.write(f"not in the books: {cell_text(thing)}\n")


def print_repaired(kept: Path | None, cut_at: int | None, bytes_cut: int, lost: Sequence[Mapping[str, object]]) -> None:
    """Print what was cut and which acts are gone."""
    if kept is None:
        sys.stdout.write("the control database opens and has all that its audit log tells of; nothing was changed\n")
        return
    if cut_at is not None:
        sys.stdout.write(f"write-ahead log cut at byte {cut_at:,}: {bytes_cut:,} bytes could not be replayed\n")
    sys.stdout.write(f"originals kept in {kept}\n")
    for entry in lost:
        what = f"{entry['action']} of {entry['subject']} by {entry['actor']} at {entry['at_utc']}"
        sys.stdout.write(f"gone: entry {entry['entry_no']}, {cell_text(what)}\n")
