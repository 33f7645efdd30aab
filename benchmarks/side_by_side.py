"""`python -m benchmarks.side_by_side`: a month of reads to determinants and lines, beside SQL, Polars and peers."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from benchmarks import side_ours, side_polars, side_sql
from benchmarks.determinants_data import rate_book, write_month
from benchmarks.measure import Contend, Measured, measure, medians
from benchmarks.record import FOLDER, Sheet, keep, machine
from benchmarks.side_peers import ASKED, PeerMeasured, ask_peers
from benchmarks.side_tariff import PATH

DETERMINANTS, LINES = "Billmill, to determinants", "Billmill, to bill lines"
# What each comes to is compared inside a group; the first of a group is what the others are measured against.
GROUPS: dict[str, dict[str, Contend]] = {
    "Energy by time-of-use period and maximum demand": {
        DETERMINANTS: side_ours.determinants,
        "DuckDB SQL, wide days": side_sql.wide_determinants,
        "Polars, wide days": side_polars.wide_determinants,
        "DuckDB SQL, long rows": side_sql.long_determinants,
        "Polars, long rows": side_polars.long_determinants,
    },
    "The same to lines: tiers, demand, daily charge, tax": {
        LINES: side_ours.lines,
        "DuckDB SQL, wide days": side_sql.wide_lines,
        "Polars, wide days": side_polars.wide_lines,
        "DuckDB SQL, long rows": side_sql.long_lines,
        "Polars, long rows": side_polars.long_lines,
    },
    "What the machine could do": {
        "Billmill, reading only": side_ours.reading,
        "Bare scan of the slots": side_ours.scan,
        "NumPy sum, in memory": side_ours.memory,
        "NumPy maximum, in memory": side_ours.memory_peak,
    },
}
_HEADINGS = ("", "wall s", "CPU s", "M intervals / CPU s", "GB / CPU s", "memory + MB", "CPU, Billmill = 1")
_SLOT_BYTES = 4


@dataclass(frozen=True)
class SideReport:
    """Medians of each contender by group, and of the peers that are installed."""

    channels: int
    days: int
    repeat: int
    intervals: int
    wide_bytes: int
    long_bytes: int
    groups: dict[str, dict[str, Measured]]
    peers: dict[str, PeerMeasured]


def run_side_by_side(
    folder: Path, channels: int, days: int, repeat: int, seed: int, say: Callable[[str], None],
    peer_channels: int = 20, peer_python: Path = Path(sys.executable),
) -> SideReport:  # fmt: skip
    """Draw the month into `folder`, let contenders take turns, compare what they find, and ask the peers."""
    say(f"drawing {channels:,} channels x {days} days")
    intervals = write_month(folder, channels, days, seed, rate_book(PATH))
    runs: dict[str, dict[str, list[Measured]]] = {group: {} for group in GROUPS}
    results: dict[str, dict[str, pl.DataFrame]] = {group: {} for group in GROUPS}
    for turn in range(1, repeat + 1):
        for group, contenders in GROUPS.items():
            for name, contend in contenders.items():
                say(f"turn {turn} of {repeat}: {name}")
                path = folder / "result.parquet"
                runs[group].setdefault(name, []).append(measure(contend, settled, folder, path))
                results[group][name] = pl.read_parquet(path)
            refuse_differing(results[group])
    _refuse_other_total(results)
    found = results[next(iter(GROUPS))][DETERMINANTS]
    peers = ask_peers(folder, found, peer_channels, peer_python) if peer_channels else {}
    return SideReport(
        channels, days, repeat, intervals, _bytes_below(folder / "lake"), _bytes_below(folder / "long"),
        {group: {name: medians(found) for name, found in named.items()} for group, named in runs.items()}, peers,
    )  # fmt: skip


def settled(found: pl.DataFrame) -> pl.DataFrame:
    """Return a result in one order and one set of types, without what is zero."""
    if "item" not in found.columns:
        return found.select(pl.col("amount").cast(pl.Int64))
    typed = found.select(
        pl.col("channel_no").cast(pl.Int32), pl.col("item").cast(pl.String), pl.col("amount").cast(pl.Int64)
    )
    summed = typed.filter(pl.col("amount") != 0)
    return summed.sort("channel_no", "item")


def refuse_differing(results: dict[str, pl.DataFrame]) -> None:
    """Refuse results that differ in anything: a channel, an item, a Wh or a cent.

    Raises:
        AssertionError: names the first that differs.
    """
    detailed = {name: found for name, found in results.items() if "item" in found.columns}
    first, expected = next(iter(detailed.items())) if detailed else ("", pl.DataFrame())
    for name, found in detailed.items():
        assert found.equals(expected), f"`{name}` and `{first}` differ"
    totals = {found.item() for name, found in results.items() if name not in detailed} - {None}
    assert len(totals) <= 1, f"totals differ: {totals}"


def _refuse_other_total(results: dict[str, dict[str, pl.DataFrame]]) -> None:
    """Refuse determinants whose energy is not that of all slots."""
    determinants, _, physical = (results[group] for group in GROUPS)
    energy = determinants[DETERMINANTS].filter(pl.col("item") != "w_max")["amount"].sum()
    assert energy == physical["Bare scan of the slots"].item(), "determinants and slots differ in total"


def side_sheets(report: SideReport) -> list[Sheet]:
    """Return a table of each group; ratios are CPU seconds against the first row of the first two groups."""
    sheets = []
    determinants = report.groups[next(iter(GROUPS))][DETERMINANTS].cpu_seconds
    for group, measured in report.groups.items():
        base = measured.get(LINES, Measured(0.0, determinants, 0)).cpu_seconds
        rows = [_row(name, found, report.intervals, base) for name, found in measured.items()]
        if LINES in measured:
            rows += [_peer_row(name, peer, report.intervals / base) for name, peer in report.peers.items()]
        title = f"{group}: {report.channels:,} channels x {report.days} days, {report.intervals / 1e6:.1f} M intervals"
        sheets.append(Sheet(title, _HEADINGS, rows))
    sheets[-1].notes.extend(_notes(report))
    return sheets


def _row(name: str, found: Measured, intervals: int, base: float) -> list[str]:
    per_second = intervals / found.cpu_seconds
    return [
        name, f"{found.wall_seconds:.3f}", f"{found.cpu_seconds:.3f}", f"{per_second / 1e6:.1f}",
        f"{per_second * _SLOT_BYTES / 1e9:.2f}", f"{found.grown_bytes / 1e6:,.0f}", f"{found.cpu_seconds / base:.2f}",
    ]  # fmt: skip


def _peer_row(name: str, peer: PeerMeasured, ours_per_second: float) -> list[str]:
    per_second = peer.intervals / peer.cpu_seconds
    return [
        f"{name} {peer.version}, {peer.channels} channels", "", f"{peer.cpu_seconds:.3f}", f"{per_second / 1e6:.3f}",
        "", "", f"{ours_per_second / per_second:,.0f} each",
    ]  # fmt: skip


def _notes(report: SideReport) -> list[str]:
    notes = [
        f"Medians of {report.repeat}. Wide files {report.wide_bytes / 1e6:,.1f} MB, long ones "
        f"{report.long_bytes / 1e6:,.1f} MB. GB are the 4 bytes of each interval once decoded.",
        "All contenders of a table came to the same, channel by channel, to the Wh, the W and the cent.",
    ]
    if report.peers:
        notes.append("Peers rate the energy charge alone; their ratio is CPU for an interval against Billmill's.")
    missing = [name for name in ASKED if name not in report.peers]
    if missing:
        notes.append(f"Not installed, and so not asked: {', '.join(missing)}.")
    return notes


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side", description=__doc__)
    parser.add_argument("--channels", type=int, default=5_000, help="channels to draw")
    parser.add_argument("--repeat", type=int, default=3, help="turns; medians are shown")
    parser.add_argument("--seed", type=int, default=7, help="seed of the draw")
    parser.add_argument("--peer-channels", type=int, default=20, help="channels that the peers rate; 0 asks none")
    parser.add_argument("--peer-python", type=Path, default=Path(sys.executable), help="interpreter that has the peers")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of results.json and results.md")
    parser.add_argument("--no-results", action="store_true", help="print only")
    asked = parser.parse_args(arguments)
    machine_before, began = machine(), time.monotonic()

    def say(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.0f} s  {what}\n")

    with tempfile.TemporaryDirectory(prefix="billmill-side-") as folder:
        report = run_side_by_side(
            Path(folder), asked.channels, 31, asked.repeat, asked.seed, say, asked.peer_channels, asked.peer_python
        )
    sheets = side_sheets(report)
    for sheet in sheets:
        Console(file=sys.stdout, width=120, highlight=False).print(sheet.as_rich())
    told: dict[str, Any] = asdict(report)
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if not asked.no_results:
        command = (
            f"python -m benchmarks.side_by_side --channels {asked.channels} --repeat {asked.repeat} --seed {asked.seed}"
        )
        keep(asked.results, command, machine_before, told, sheets)


if __name__ == "__main__":
    main()
