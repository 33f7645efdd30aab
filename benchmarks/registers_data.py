"""Books of a utility without intervals: water, gas and heat of registers that are read once a month."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

import polars as pl

from accounts.importing import import_files
from accounts.numbering import channel_numbers
from benchmarks.month_data import DRAWN_AT
from cycles.quotes.tariff_check import add_tariffs, approve_tariffs
from cycles.setup import init_workspace
from demo.draws import BLOCK_POINTS, block_count
from demo.lake import PERIOD, draw_registers
from demo.night import tariffs_folder
from demo.utility import draw_utility
from ingest.landing.write import REGISTER_TABLE
from model.accounts import ChannelNumbers
from model.schema import arranged
from store.control import control, transaction
from store.lake import register_files, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace
from tariffs.library import add_factor_file

_BILLS_PER_BLOCK = 344  # accounts with a register that a block of points has, about
_ACTOR = "benchmark"
_INTERVALS = "electricity"  # the commodity that is read every 15 minutes


@dataclass(frozen=True)
class DrawnRegisters:
    """What was drawn: books with register reads, and how much they hold."""

    root: Path
    cycle_id: str
    accounts: int
    agreements: int
    reads: int


def draw_register_books(folder: Path, bills: int, *, seed: int) -> DrawnRegisters:
    """Draw the registers of a utility of about so many bills into new books, and land their reads."""
    points = -(-bills // _BILLS_PER_BLOCK) * BLOCK_POINTS
    utility = draw_utility(points, seed, without=_INTERVALS)
    tables = folder / "tables"
    tables.mkdir(parents=True)
    for name, frame in utility.frames().items():
        frame.write_parquet(tables / f"{name}.parquet")
    workspace = init_workspace(folder / "books", name="benchmark", at=DRAWN_AT, actor=_ACTOR)
    import_files(workspace, [tables], all_or_nothing=True, recorded_at=DRAWN_AT, actor=_ACTOR)
    used = utility.agreements["tariff_id"].unique().sort().to_list()
    add_factor_file(workspace, tariffs_folder() / "factors.csv", at=DRAWN_AT, actor=_ACTOR)
    add_tariffs(workspace, [tariffs_folder() / f"{name}.toml" for name in used], at=DRAWN_AT, actor=_ACTOR)
    approve_tariffs(workspace, None, at=DRAWN_AT, actor="second")
    reads = _land(workspace, points, seed)
    shutil.rmtree(tables)
    accounts = utility.agreements["account_id"].n_unique()
    return DrawnRegisters(workspace.root, utility.cycle_id, accounts, utility.agreements.height, reads)


def _land(workspace: Workspace, points: int, seed: int) -> int:
    """Write and register the reads as one load; return how many there are."""
    with control(workspace, purpose="benchmark") as connection:
        numbers, seq = arranged(ChannelNumbers, channel_numbers(connection)), next_seq(connection)
        drawn = [draw_registers(block, seed, numbers=numbers, seq=seq) for block in range(block_count(points))]
        reads = pl.concat(drawn).sort("channel_no", "read_date", "meter_id", "read_kind")
        file = write_lake_file(workspace, REGISTER_TABLE, REGISTER_TABLE, reads)
        with transaction(connection):
            register_files(connection, [file], owner=f"load:{seq}")
            received = datetime.combine(PERIOD[1], time(6), tzinfo=DRAWN_AT.tzinfo)
            record_load(connection, Load(seq, "land", "drawn", "0" * 64, received, reads.height, 0, ""))
    return reads.height
