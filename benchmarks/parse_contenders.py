"""Ways from a meter file to its values: Billmill's to landed Parquet, other libraries' to values in memory.

A contender gets a file and returns the work that is measured; that returns how to add up its values in Wh, by which
all are compared, which is not measured.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks.parse_data import channel_table
from ingest.landing.land import land_files
from ingest.landing.write import days_table
from model.reads import slot_columns
from store.control import control, insert
from store.lake import lake_files, scan_lake
from store.workspace import Workspace, create_workspace

OURS = "Billmill"
NEMREADER, MDFF, POLARS = "nemreader", "aemo-mdff-reader", "Polars, no checks"
_PER_KWH = 1_000

Total = Callable[[], int]
Contender = Callable[[Path, int, int], Callable[[], Total]]


def billmill(path: Path, minutes: int, channels: int) -> Callable[[], Total]:
    """Land the file in a new workspace: channels known, checked, committed as Parquet."""
    folder = Path(tempfile.mkdtemp(dir=path.parent)) / "books"
    workspace = create_workspace(folder, name="parse")
    with control(workspace, purpose="benchmark") as connection:
        insert(connection, "channel_number", channel_table(minutes, channels))

    def land() -> Total:
        report = land_files(workspace, [path], received_at=datetime(2024, 10, 2, tzinfo=UTC))
        assert not report.rejected, "the drawn files have no defects"
        return lambda: _landed_wh(workspace, minutes)

    return land


def nemreader(path: Path, minutes: int, channels: int) -> Callable[[], Total]:
    """Return nemreader's readings: an object each, values as floats."""
    from nemreader import read_nem_file  # noqa: PLC0415

    def read() -> Total:
        found = read_nem_file(str(path)).readings
        values = (reading.read_value for point in found.values() for channel in point.values() for reading in channel)
        return lambda: sum(round(value * _PER_KWH) for value in values)

    return read


def aemo_mdff_reader(path: Path, minutes: int, channels: int) -> Callable[[], Total]:
    """Return aemo-mdff-reader's columns: its faster way, values as floats."""
    from aemo_mdff_reader import parse_to_columns  # noqa: PLC0415

    def read() -> Total:
        columns = parse_to_columns(str(path))
        return lambda: sum(round(value * _PER_KWH) for value in columns["Value"])

    return read


def polars_lines(path: Path, minutes: int, channels: int) -> Callable[[], Total]:
    """Split the lines of days and add the values up: no channels, no qualities, no checks, nothing written."""
    first, count = (2, 24 * 60 // minutes)

    def read() -> Total:
        lines = pl.read_csv(path, has_header=False, separator="\x01", quote_char=None, new_columns=["text"])
        fields = lines.filter(pl.col("text").str.starts_with("300")).select(pl.col("text").str.split(","))
        values = fields.select(pl.col("text").list.slice(first, count).list.explode()).to_series()
        wh = values.cast(pl.Decimal(18, 3)).to_physical()
        return lambda: int(wh.sum())

    return read


def contenders(layout: str) -> dict[str, Contender]:
    """Return who can read the layout, by name; other libraries where they are installed."""
    if layout != "nem12":
        return {OURS: billmill}
    found: dict[str, Contender] = {OURS: billmill, POLARS: polars_lines}
    peers = {NEMREADER: ("nemreader", nemreader), MDFF: ("aemo_mdff_reader", aemo_mdff_reader)}
    for name, (module, contender) in peers.items():
        if importlib.util.find_spec(module):
            found[name] = contender
    return found


def _landed_wh(workspace: Workspace, minutes: int) -> int:
    with control(workspace, purpose="benchmark") as connection:
        files = lake_files(connection, days_table(minutes))
    slots = [pl.col(name).cast(pl.Int64).sum() for name in slot_columns(minutes)]
    sums = scan_lake(workspace, files).select(slots).collect()
    return int(sums.select(pl.sum_horizontal(pl.all())).item())
