"""`python -m benchmarks.night`: a night that bills one group of a base, beside that group as a base of its own."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from accounts.importing import import_files
from benchmarks.month_data import DRAWN_AT, draw_books
from benchmarks.stages import StageMeasured, measure_stage
from cycles.nights.bill import NightRequest
from cycles.nights.night import run_night
from demo.lake import PERIOD
from demo.tables import WINDOW_DAYS
from model.progress import Silent
from store.control import control
from store.facts import facts
from store.workspace import open_workspace

BUSINESS_DATE = date(2026, 11, 4)
_DAYS = 31


def spread(root: Path, groups: int) -> int:
    """Spread the accounts of a base over groups, neighbours together; return how many are in the first.

    Only the window of the first group's cycle is open on the business date: the others open a day later each.
    """
    workspace = open_workspace(root)
    with control(workspace, purpose="benchmark") as connection:
        accounts = facts(connection, "accounts").sort("account_id")
    number = pl.int_range(pl.len()) * groups // pl.len()
    named = accounts.with_columns(pl.format("group-{}", number).alias("bill_group"))
    opens = [BUSINESS_DATE + timedelta(days=place) for place in range(groups)]
    cycles = pl.DataFrame(
        {
            "cycle_id": [f"2026-10-{place}" for place in range(groups)],
            "bill_group": [f"group-{place}" for place in range(groups)],
            "window_open_date": opens,
            "window_close_date": [day + timedelta(days=WINDOW_DAYS) for day in opens],
        }
    ).with_columns(period_start_date=pl.lit(PERIOD[0]), period_end_date=pl.lit(PERIOD[1]))
    with tempfile.TemporaryDirectory(prefix="billmill-groups-") as name:
        named.write_parquet(Path(name) / "accounts.parquet")
        cycles.write_parquet(Path(name) / "cycles.parquet")
        import_files(workspace, [Path(name)], all_or_nothing=True, recorded_at=DRAWN_AT, actor="benchmark")
    return int((named["bill_group"] == "group-0").sum())


def night(root: Path, workers: int) -> tuple[int, int]:
    """Do the night; return how many were billed and parked."""
    request = NightRequest(BUSINESS_DATE, (), workers, DRAWN_AT, "night")
    workspace = open_workspace(root)
    run_night(workspace, request, Silent())
    with control(workspace, purpose="benchmark") as connection:
        found = connection.sql("SELECT sum(billed)::BIGINT, sum(parked)::BIGINT FROM run").fetchall()[0]
    return int(found[0]), int(found[1])


def measured(folder: Path, meters: int, groups: int, workers: int, say: Callable[[str], None]) -> list[str]:
    """Draw a base, do its night, and return the row that tells of it."""
    say(f"drawing {meters:,} meters in {groups} groups ...")
    drawn = draw_books(folder, meters, _DAYS, 7, workers, say)
    accounts = spread(drawn.root, groups)
    say("night")
    stage, (billed, parked) = measure_stage(night, drawn.root, workers)
    return _row(f"{meters:,} meters, 1 of {groups} groups", accounts, billed, parked, stage)


def _row(name: str, accounts: int, billed: int, parked: int, stage: StageMeasured) -> list[str]:
    figures = [f"{accounts:,}", f"{billed:,}", f"{parked:,}", f"{stage.wall_seconds:.2f}", f"{stage.cpu_seconds:.2f}"]
    return [name, *figures, f"{stage.peak_bytes / 1e6:,.0f}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.night", description=__doc__)
    parser.add_argument("--meters", type=int, default=20_000, help="15-minute channels of the base, about")
    parser.add_argument("--groups", type=int, default=20, help="groups of the base; one is billed in the night")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    asked = parser.parse_args(arguments)
    table = Table("", "accounts", "agreements billed", "parked", "wall s", "CPU s", "peak MB", title="One night")
    with tempfile.TemporaryDirectory(prefix="billmill-night-") as name:
        for place, (meters, groups) in enumerate(((asked.meters, asked.groups), (asked.meters // asked.groups, 1))):
            folder = Path(name) / str(place)
            table.add_row(*measured(folder, meters, groups, asked.workers, Console(stderr=True).print))
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
