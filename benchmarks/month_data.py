"""Books of a whole utility with a month of landed reads, drawn from a seed, at any size: nothing is measured here.

Reads lie as months of landing leave them: files of some ten thousand neighbouring channels, sorted by channel and day.
Blocks of service points are drawn by processes of their own, a group of them at a time, and laid aside by file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.importing import import_files
from accounts.numbering import channel_numbers
from benchmarks.month_shapes import shaped, shares, tariff_file
from benchmarks.pool import in_processes
from cycles.quotes.tariff_check import add_tariffs, approve_tariffs
from cycles.setup import init_workspace
from demo.draws import BLOCK_POINTS, block_count
from demo.lake import INTERVAL_MINUTES, PERIOD, draw_days, draw_registers
from demo.night import tariffs_folder
from demo.utility import Utility, draw_utility
from ingest.landing.write import REGISTER_TABLE, write_days
from model.accounts import ChannelNumbers
from model.schema import arranged
from store.control import control, transaction
from store.lake import LakeFile, register_files, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace, open_workspace
from tariffs.library import add_factor_file

DRAWN_AT = datetime(2026, 11, 2, tzinfo=UTC)
FEWEST_DAYS = 7  # of a period whose customers move
CHANNELS_PER_FILE = 9_600  # a month of them is one file, as landing cuts files by size, so that no channel is in two
_CHANNELS_PER_BLOCK = 620  # interval channels that a block of points has, about
_BLOCKS_PER_GROUP = 16  # a group is in memory at once: about 130 MB a process, and as much again while it is sorted
_ACTOR = "benchmark"
Say = Callable[[str], None]


@dataclass(frozen=True)
class DrawnBooks:
    """What was drawn: books with reads, and how much of everything they hold."""

    root: Path
    cycle_id: str
    period_start_date: date
    period_end_date: date
    agreements: int
    shares: dict[str, int]
    """Agreements by tariff."""
    interval_channels: int
    registers: int
    intervals: int
    lake_bytes: int

    @property
    def business_date(self) -> date:
        """The date on which the cycle is billed: when all registers are read."""
        return self.period_end_date + timedelta(days=3)


def draw_books(
    folder: Path, meters: int, days: int, seed: int, processes: int, say: Say,
    shape: Callable[[Utility], dict[str, pl.DataFrame]] = shaped,
) -> DrawnBooks:  # fmt: skip
    """Draw a utility with about so many 15-minute channels, and its water, gas and heat registers, into new books.

    The same books, whatever the number of processes. `shape` says what is made of the utility's tables.
    """
    points = -(-meters // _CHANNELS_PER_BLOCK) * BLOCK_POINTS
    start, end = PERIOD[0], PERIOD[0] + timedelta(days=days)
    utility = draw_utility(points, seed, period_start=start, period_end=end)
    tables = shape(utility)
    books = folder / "books"
    _import(books, folder / "tables", tables, say)
    agreements, cycle_id = tables["agreements"], utility.cycle_id
    of_tariffs = shares(agreements)
    del utility, tables
    workspace = open_workspace(books)
    _tariffs(workspace, sorted(of_tariffs))
    with control(workspace, purpose="benchmark") as connection:
        numbers = arranged(ChannelNumbers, channel_numbers(connection))
        seq = next_seq(connection)
    intervals = _land(workspace, numbers, points, _Draw(seed, seq, start, end), processes, say)
    is_interval = numbers["interval_minutes"] > 0
    held = sum(path.stat().st_size for path in workspace.lake.rglob("*.parquet"))
    return DrawnBooks(
        workspace.root, cycle_id, start, end, agreements.height, of_tariffs, int(is_interval.sum()),
        int((~is_interval).sum()), intervals, held,
    )  # fmt: skip


def _import(books: Path, tables: Path, frames: dict[str, pl.DataFrame], say: Say) -> None:
    say(f"importing {frames['service_points'].height:,} service points")
    tables.mkdir(parents=True)
    for name, frame in frames.items():
        frame.write_parquet(tables / f"{name}.parquet")
    workspace = init_workspace(books, name="benchmark", at=DRAWN_AT, actor=_ACTOR)
    report = import_files(workspace, [tables], all_or_nothing=True, recorded_at=DRAWN_AT, actor=_ACTOR)
    assert report.is_recorded, f"the drawn utility has rows that are refused: {report.rejects.head()}"
    shutil.rmtree(tables)


def _tariffs(workspace: Workspace, used: list[str]) -> None:
    add_factor_file(workspace, tariffs_folder() / "factors.csv", at=DRAWN_AT, actor=_ACTOR)
    add_tariffs(workspace, [tariff_file(tariff_id) for tariff_id in used], at=DRAWN_AT, actor=_ACTOR)
    approve_tariffs(workspace, None, at=DRAWN_AT, actor="second")


@dataclass(frozen=True)
class _Draw:
    """What every process is told of the draw."""

    seed: int
    seq: int
    from_date: date
    to_date: date


def _land(
    workspace: Workspace, numbers: DataFrame[ChannelNumbers], points: int, draw: _Draw, processes: int, say: Say
) -> int:
    """Write and register the reads as one load; return how many intervals there are."""
    aside = workspace.root / ".drawn"
    aside.mkdir()
    # The number of a point is in its channels' names, after three letters: a group finds its channels by it.
    named = numbers.with_columns(pl.col("channel_id").str.slice(3, 7).cast(pl.Int64).alias("point_no"))
    named.sort("point_no").write_parquet(aside / "numbers.parquet")
    blocks = block_count(points)
    groups = [range(first, min(first + _BLOCKS_PER_GROUP, blocks)) for first in range(0, blocks, _BLOCKS_PER_GROUP)]
    drawn = in_processes(_draw_group, [(aside, group, draw) for group in groups], processes, "drawing", say)
    folders = sorted(aside.glob("file-*"))
    written = in_processes(_write_file, [(workspace.root, path) for path in folders], processes, "writing", say)
    files = [file for part in written for file in part]
    reads = pl.read_parquet(aside / "registers-*.parquet").sort("channel_no", "read_date", "meter_id", "read_kind")
    files.append(write_lake_file(workspace, REGISTER_TABLE, REGISTER_TABLE, reads))
    shutil.rmtree(aside)
    intervals = sum(drawn)
    with control(workspace, purpose="benchmark") as connection, transaction(connection):
        register_files(connection, files, owner=f"load:{draw.seq}")
        received = datetime.combine(draw.to_date, time(6), tzinfo=UTC)
        record_load(connection, Load(draw.seq, "land", "drawn", "0" * 64, received, intervals, 0, ""))
    return intervals


def _draw_group(aside: Path, blocks: range, draw: _Draw) -> int:
    """Draw some blocks and lay their reads aside by the file that they belong to; return how many intervals."""
    of_group = pl.col("point_no").is_between(blocks.start * BLOCK_POINTS, blocks.stop * BLOCK_POINTS, closed="left")
    listed = pl.scan_parquet(aside / "numbers.parquet").filter(of_group).drop("point_no").collect()
    numbers = arranged(ChannelNumbers, listed)
    period = (draw.from_date, draw.to_date)
    days, registers = [], []
    for block in blocks:
        days.append(
            draw_days(
                block, draw.seed, from_date=draw.from_date, to_date=draw.to_date, period=period, numbers=numbers,
                seq=draw.seq,
            )
        )  # fmt: skip
        registers.append(draw_registers(block, draw.seed, numbers=numbers, period=period, seq=draw.seq))
    together = pl.concat(days).with_columns((pl.col("channel_no") // CHANNELS_PER_FILE).alias("file"))
    for (file,), part in together.partition_by("file", as_dict=True, include_key=False).items():
        target = aside / f"file-{file:05d}" / f"{blocks.start:05d}.arrow"
        target.parent.mkdir(exist_ok=True)
        part.write_ipc(target)
    pl.concat(registers).write_parquet(aside / f"registers-{blocks.start:05d}.parquet")
    return int(together["n"].cast(pl.Int64).sum())


def _write_file(root: Path, folder: Path) -> list[LakeFile]:
    """Write what was laid aside for one file into the lake."""
    parts = [pl.read_ipc(path) for path in sorted(folder.iterdir())]
    days = pl.concat(parts, rechunk=False).sort("channel_no", "day")
    del parts
    shutil.rmtree(folder)
    return write_days(open_workspace(root), {INTERVAL_MINUTES: days})
