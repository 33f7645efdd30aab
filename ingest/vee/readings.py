"""The readings of registers in a run of VEE: asked of the control database at once, judged beside the first blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.checks import Checks
from ingest.checks.places import asked_channels
from ingest.estimates.beside import register_spans, registers_beside
from ingest.vee.registers import JudgedRegisters, judge_registers, usage_of
from ingest.versions import current_registers
from model.accounts import ChannelNumbers, Meters
from model.reads import RegisterReads, RegisterUsage
from model.schema import arranged, empty, polars_schema
from store.control import Connection, query
from store.facts import facts
from store.lake import lake_files, scan_lake
from store.workspace import Workspace


@dataclass(frozen=True)
class KnownRegisters:
    """What registers say. `judged`: None when no reading ever landed; `spans`: see `register_spans`."""

    judged: JudgedRegisters | None
    spans: pl.DataFrame


@dataclass(frozen=True)
class Readings:
    """What of registers has landed, not read yet, and what it takes to judge it."""

    landed: pl.LazyFrame | None
    meters: DataFrame[Meters]
    channels: DataFrame[ChannelNumbers]
    checks: Checks

    def known(self) -> KnownRegisters:
        """Read and judge the readings; it asks for files alone, so blocks can be judged at the same time."""
        judged = None if self.landed is None else self._judged(self.landed)
        usage = empty(RegisterUsage) if judged is None else usage_of(judged)
        return KnownRegisters(judged, register_spans(usage, self.channels, self.meters, self.checks.rules))

    def _judged(self, landed: pl.LazyFrame) -> JudgedRegisters:
        classes = self.checks.places.channels.select("channel_no", "revenue_class")
        reads = current_registers(landed.collect())
        return judge_registers(reads, self.meters, self.channels, self.checks.rules, classes=classes)


def landed_readings(
    workspace: Workspace,
    connection: Connection,
    channels: DataFrame[ChannelNumbers],
    checks: Checks,
    only: Sequence[int] | None,
) -> Readings:
    """Return the readings of all registers; with `only`, of those that count what these channels do.

    A register is judged by its own readings, so others need not be read; `channels` then has those of their places.
    """
    files = lake_files(connection, "register_reads")
    landed = scan_lake(workspace, files).select(list(polars_schema(RegisterReads))) if files else None
    if only is not None and landed is not None:
        beside = registers_beside(channels).filter(pl.col("channel_no").is_in(list(only)))
        landed = landed.filter(pl.col("channel_no").is_in(beside["register_no"].implode()))
    return Readings(landed, _meters(connection, None if only is None else channels), channels, checks)


def _meters(connection: Connection, channels: DataFrame[ChannelNumbers] | None) -> DataFrame[Meters]:
    """Return the meters, or those that ever hung at the places of channels, with all places at which they did."""
    if channels is None:
        return arranged(Meters, facts(connection, "meters"))
    with asked_channels(connection, channels):
        own = query(
            connection,
            "SELECT DISTINCT meter_id FROM meters SEMI JOIN asked_channels USING (service_point_id) "
            "WHERE superseded_at IS NULL",
        )
    return arranged(Meters, facts(connection, "meters", among=own["meter_id"]))
