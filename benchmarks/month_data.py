"""Books of a whole utility with a month of landed reads, drawn from a seed, at any size: nothing is measured here.

Reads lie as months of landing leave them: files of some ten thousand neighbouring channels, sorted by channel and day.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.importing import import_files
from accounts.numbering import channel_numbers
from cycles.setup import init_workspace
from cycles.tariff_check import add_tariffs, approve_tariffs
from demo.draws import BLOCK_POINTS, block_count
from demo.lake import INTERVAL_MINUTES, PERIOD, draw_days, draw_registers
from demo.night import tariffs_folder
from demo.utility import draw_utility
from ingest.landing.write import REGISTER_TABLE, write_days
from model.accounts import ChannelNumbers
from model.schema import arranged
from store.control import Connection, control, transaction
from store.lake import register_files, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace
from tariffs.library import add_factor_file

DRAWN_AT = datetime(2026, 11, 2, tzinfo=UTC)
BUSINESS_DATE = date(2026, 11, 4)
CHANNELS_PER_FILE = 10_000  # some 30 million intervals of a month
_CHANNELS_PER_BLOCK = 620  # interval channels that a block of points has, about
_ACTOR = "benchmark"


@dataclass(frozen=True)
class DrawnBooks:
    """What was drawn: books with reads, and how much of everything they hold."""

    root: Path
    cycle_id: str
    agreements: int
    interval_channels: int
    registers: int
    intervals: int
    lake_bytes: int


def draw_books(folder: Path, meters: int, *, days: int, seed: int) -> DrawnBooks:
    """Draw a utility with about so many 15-minute channels, and its water, gas and heat registers, into new books."""
    points = -(-meters // _CHANNELS_PER_BLOCK) * BLOCK_POINTS
    utility = draw_utility(points, seed)
    tables = folder / "tables"
    tables.mkdir(parents=True)
    for name, frame in utility.frames().items():
        frame.write_parquet(tables / f"{name}.parquet")
    workspace = init_workspace(folder / "books", name="benchmark", at=DRAWN_AT, actor=_ACTOR)
    import_files(workspace, [tables], all_or_nothing=True, recorded_at=DRAWN_AT, actor=_ACTOR)
    _tariffs(workspace, utility.agreements["tariff_id"].unique().sort().to_list())
    with control(workspace, purpose="benchmark") as connection:
        numbers = arranged(ChannelNumbers, channel_numbers(connection))
        intervals = _land(workspace, connection, numbers, points, seed, date(PERIOD[0].year, PERIOD[0].month, days))
    shutil.rmtree(tables)
    is_interval = numbers["interval_minutes"] > 0
    held = sum(path.stat().st_size for path in workspace.lake.rglob("*.parquet"))
    return DrawnBooks(
        workspace.root, utility.cycle_id, utility.agreements.height, int(is_interval.sum()), int((~is_interval).sum()),
        intervals, held,
    )  # fmt: skip


def _tariffs(workspace: Workspace, used: list[str]) -> None:
    folder = tariffs_folder()
    add_factor_file(workspace, folder / "factors.csv", at=DRAWN_AT, actor=_ACTOR)
    add_tariffs(workspace, [folder / f"{tariff_id}.toml" for tariff_id in used], at=DRAWN_AT, actor=_ACTOR)
    approve_tariffs(workspace, None, at=DRAWN_AT, actor="second")


def _land(
    workspace: Workspace,
    connection: Connection,
    numbers: DataFrame[ChannelNumbers],
    points: int,
    seed: int,
    last: date,
) -> int:
    """Write and register the reads as one load; return how many intervals there are."""
    aside = workspace.root / ".drawn"
    seq = next_seq(connection)
    registers = []
    for block in range(block_count(points)):
        drawn = draw_days(block, seed, numbers=numbers, seq=seq).filter(pl.col("day") <= last)
        of_file = drawn.with_columns((pl.col("channel_no") // CHANNELS_PER_FILE).alias("file"))
        for (file,), part in of_file.partition_by("file", as_dict=True, include_key=False).items():
            target = aside / f"{file:05d}" / f"{block:05d}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_parquet(target, compression="uncompressed")
        registers.append(draw_registers(block, seed, numbers=numbers, seq=seq))
    files, intervals = [], 0
    for folder in sorted(aside.iterdir()):
        days = pl.read_parquet(folder / "*.parquet").sort("channel_no", "day")
        intervals += int(days["n"].sum())
        files += write_days(workspace, {INTERVAL_MINUTES: days})
        shutil.rmtree(folder)
    aside.rmdir()
    reads = pl.concat(registers).sort("channel_no", "read_date", "meter_id", "read_kind")
    files.append(write_lake_file(workspace, REGISTER_TABLE, REGISTER_TABLE, reads))
    with transaction(connection):
        register_files(connection, files, owner=f"load:{seq}")
        received = datetime.combine(PERIOD[1], time(6), tzinfo=UTC)
        record_load(connection, Load(seq, "land", "drawn", "0" * 64, received, intervals, 0, ""))
    return intervals
