"""Books with landed reads for the benchmark of VEE: October 2026 at 15 minutes and the eight weeks before it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from demo.lake import INTERVAL_MINUTES, PERIOD, draw_days, interval_channels
from ingest.landing.write import days_table, write_days
from ingest.vee.matrix import MISSING, bytes_column, real_slots, value_columns, value_matrix
from model.accounts import Agreements, ChannelNumbers, Meters
from model.codes import Quality
from model.reads import read_days_schema, slot_columns
from model.schema import arranged
from store.control import Connection, control, insert, transaction
from store.facts import record_facts
from store.lake import register_files
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace, create_workspace

HISTORY_DAYS = 56  # what the standard rule set looks back
FIRST = PERIOD[0] - timedelta(days=HISTORY_DAYS)
NOW = datetime(2026, 11, 2, tzinfo=UTC)
_SINCE = date(2020, 1, 1)
_BLOCKS_PER_FILE = 16  # about 10,000 channels: 30 million intervals a month
_SPIKE_WH = 2_000_000
_GAP_SLOTS = 30


def write_books(folder: Path, channels: int, *, seed: int = 7, faulty_per_mille: int = 0) -> Workspace:
    """Draw reads of so many channels into new books; of the days of October so many have a fault."""
    workspace = create_workspace(folder, name="vee")
    with control(workspace, purpose="benchmark") as connection, transaction(connection):
        seq = next_seq(connection)
        taken = block = 0
        while taken < channels:
            blocks = range(block, block + _BLOCKS_PER_FILE)
            listed, days = _some_blocks(blocks, seed, channels - taken)
            _record_places(connection, listed)
            days = _with_faults(days, faulty_per_mille, seed + block) if faulty_per_mille else days
            register_files(connection, write_days(workspace, {INTERVAL_MINUTES: days}), owner=f"load:{seq}")
            taken += listed.height
            block += _BLOCKS_PER_FILE
        record_load(connection, Load(seq, "land", "drawn", "0" * 64, NOW, taken, 0, ""))
    return workspace


def _some_blocks(blocks: range, seed: int, wanted: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return at most so many channels of some blocks, and their days."""
    listed: list[pl.DataFrame] = []
    days: list[pl.DataFrame] = []
    for block in blocks:
        some = interval_channels(block, seed).sort("channel_no").head(wanted - sum(part.height for part in listed))
        if some.height:
            drawn = draw_days(block, seed, from_date=FIRST, to_date=PERIOD[1], has_defects=False)
            days.append(drawn.join(some, how="semi", on="channel_no", maintain_order="left"))
            listed.append(some)
    return pl.concat(listed).sort("channel_no"), pl.concat(days).sort("channel_no", "day")


def _record_places(connection: Connection, listed: pl.DataFrame) -> None:
    """Record the channels, with a meter and an agreement at each service point."""
    numbered = listed.with_columns(
        interval_minutes=pl.lit(INTERVAL_MINUTES, dtype=pl.Int32), commodity=pl.lit("electricity")
    )
    insert(connection, "channel_number", arranged(ChannelNumbers, numbered))
    points = listed.select("service_point_id").unique().sort("service_point_id")
    meters = points.with_columns(
        meter_id=pl.format("M{}", "service_point_id"), installed_date=_SINCE, removed_date=None, dials=6, multiplier=1
    )
    agreements = points.with_columns(
        agreement_id=pl.format("A{}", "service_point_id"), account_id=pl.lit("ACC"), tariff_id=pl.lit("T"),
        start_date=_SINCE, end_date=None,
    )  # fmt: skip
    record_facts(connection, "meters", arranged(Meters, meters), recorded_at=NOW)
    record_facts(connection, "agreements", arranged(Agreements, agreements), recorded_at=NOW)


def _with_faults(days: pl.DataFrame, per_mille: int, seed: int) -> pl.DataFrame:
    """Put a fault into some days of October: by turns not delivered, a gap, a spike, a negative value."""
    draw = np.random.default_rng(seed)
    october = np.flatnonzero((days["day"] >= PERIOD[0]).to_numpy())
    rows = np.sort(draw.choice(october, len(october) * per_mille // 1_000, replace=False))
    turn = np.arange(len(rows)) % 4
    changed = _faulty(days[rows[turn > 0]], turn[turn > 0], draw)
    kept = np.ones(days.height, np.bool_)
    kept[rows] = False
    return pl.concat([days.filter(pl.Series(kept)), changed]).sort("channel_no", "day")


def _faulty(days: pl.DataFrame, turn: NDArray[np.int64], draw: np.random.Generator) -> pl.DataFrame:
    values = value_matrix(days, INTERVAL_MINUTES).copy()
    real = real_slots(days["n"])
    at = draw.integers(0, real - _GAP_SLOTS)
    slot = np.arange(values.shape[1])[None, :]
    gap = (
        (turn == 1)[:, None]
        & (slot >= at[:, None])
        & (slot < at[:, None] + draw.integers(1, _GAP_SLOTS, len(at))[:, None])
    )
    values[gap] = MISSING
    spike, negative = np.flatnonzero(turn == 2), np.flatnonzero(turn == 3)
    values[spike, at[spike]] = _SPIKE_WH
    values[negative, at[negative]] = -5
    flags = np.where(gap, int(Quality.MISSING), 0).astype(np.uint8)
    has_gap = pl.Series("has_gap", gap.any(axis=1))
    keys = days.drop(slot_columns(INTERVAL_MINUTES)).with_columns(
        has_gap, bytes_column("flags", flags, real)
    ).with_columns(
        flags=pl.when("has_gap").then("flags"),
        worst=pl.when("has_gap").then(pl.lit(int(Quality.MISSING), dtype=pl.UInt8)).otherwise("worst"),
    )  # fmt: skip
    whole = pl.concat([keys, value_columns(values, INTERVAL_MINUTES)], how="horizontal")
    return whole.select(list(read_days_schema(INTERVAL_MINUTES)))


def october_files(workspace: Workspace) -> list[Path]:
    """Return the landed files of October."""
    return sorted((workspace.lake / days_table(INTERVAL_MINUTES) / f"{PERIOD[0]:%Y-%m}").glob("*.parquet"))
