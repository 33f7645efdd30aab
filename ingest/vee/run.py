"""A run of VEE over a workspace: judge what has landed, write the days it changed and what it found.

A run that finds nothing new writes nothing and takes no sequence, so it can be repeated at will.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.checks import Checks, Left, checks_of
from ingest.checks.places import known_places
from ingest.checks.registers import idle_drafts
from ingest.checks.siblings import PAIRS
from ingest.edits.finding_decisions import decided_slots
from ingest.estimates.beside import recorded_beside
from ingest.rules.rule_store import rules_in_force
from ingest.rules.rules import RuleSet
from ingest.vee.block import Given, JudgedBlock, Known
from ingest.vee.blocks import CHANNELS_PER_BLOCK, Judge, begun, block_reads, judged_blocks, worker_pools
from ingest.vee.findings import finish_findings
from ingest.vee.lake import clipped, supplied_spans
from ingest.vee.readings import landed_readings
from ingest.vee.registers import JudgedRegisters
from ingest.vee.report import VeeReport, report_of
from ingest.versions import DAY_KEY
from model.accounts import ChannelNumbers
from model.errors import ConfigError
from model.ids import content_hash
from model.progress import SILENT, Progress
from model.reads import (
    Estimates,
    Findings,
)
from model.schema import arranged, empty
from store.audit import record
from store.control import Connection, control, query, transaction
from store.lake import lake_files, register_files, scan_lake, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace

_OF_SOME = """
    SELECT * FROM channel_number
    WHERE service_point_id IN (SELECT service_point_id FROM channel_number SEMI JOIN judged USING (channel_no))
       OR channel_id IN (SELECT other_channel_id FROM channel_links WHERE superseded_at IS NULL)
    ORDER BY channel_no
"""


def run_vee(
    workspace: Workspace,
    *,
    from_date: date,
    to_date: date,
    received_at: datetime,
    rules: RuleSet | None = None,
    channels_per_block: int = CHANNELS_PER_BLOCK,
    progress: Progress = SILENT,
    actor: str = "system",
    only: Sequence[int] | None = None,
    workers: int = 1,
    judge: Judge = judged_blocks,
) -> VeeReport:
    """Judge the reads of the days in [from_date, to_date) of all channels under an agreement and with a meter.

    An estimate that was made stands until its day is landed again, a person decides about it, or a register reading
    says how much it must be: otherwise only what it left empty is tried again. Days and findings of the run are
    registered with its load in one transaction. `rules` None means the rule set in force. `only` names the channels to
    judge, for example those just edited; what needs other channels is then left to a run over all. `workers` blocks
    are judged at the same time, by whatever `judge` has do it; the result is the same, to the byte.

    Raises:
        ConfigError: the period is empty.
        LockedError: another process works on the workspace.
    """
    if from_date >= to_date:
        raise ConfigError(
            f"the period {from_date} to {to_date} is empty", hint="the day after the last day to judge ends it"
        )
    with control(workspace, purpose="reads vee") as connection:
        rules = rules_in_force(connection) if rules is None else rules
        channels = _channels(connection, only)
        supplied = supplied_spans(connection, channels)
        active = _judged(clipped(supplied, from_date, to_date), only)
        due = channels.join(active, how="semi", on="channel_no", maintain_order="left")
        progress.begin("vee", due.height, "channels")
        reads = block_reads(
            workspace, connection, due, (from_date, to_date), channels_per_block=channels_per_block, workers=workers,
            is_partial=only is not None,
        )  # fmt: skip
        asked = _Asked(workspace, connection, rules, channels, supplied, active, (from_date, to_date), only)
        blocks: list[tuple[int, JudgedBlock]] = []
        every = list(reads)
        with worker_pools(workers) as (pool, beside):
            # The control database is asked for all else while the first blocks are read, and by nobody beside that.
            given = begun(beside, lambda: asked.given(beside))
            for lake, block in judge(every, given, pool, workers):
                blocks.append((lake.interval_minutes, block))
                progress.advance("vee", lake.channels.height)
            checks, known = given.result().checks, given.result().known
        found = [block.findings for _, block in blocks]
        if only is None:
            judged = known.registers.result().judged
            found.append(_register_findings(judged, checks, [block.left for _, block in blocks]))
        findings = arranged(Findings, pl.concat(found).sort("channel_no", "day", "first_slot", "rule", "finding_id"))
        new = _unknown_findings(workspace, connection, findings)
        edited = _by_length(blocks)
        made = pl.concat([empty(Estimates), *(block.estimates for _, block in blocks)])
        written = _Written(edited, new, made.sort("channel_no", "day", "first_slot"))
        seq = _write(workspace, connection, written, period=(from_date, to_date), received_at=received_at, actor=actor)
        totals = [block.totals for _, block in blocks]
        progress.end("vee", findings=new.height)
        return report_of(totals, new, seq=seq, rows_written=sum(days.height for days in edited.values()))


def _channels(connection: Connection, only: Sequence[int] | None) -> DataFrame[ChannelNumbers]:
    """Return the channels; with `only` those at the places of these, and those from which others are estimated."""
    if only is None:
        return arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
    connection.register("judged", _numbers(only).to_frame().to_arrow())
    try:
        return arranged(ChannelNumbers, query(connection, _OF_SOME))
    finally:
        connection.unregister("judged")


def _judged(spans: pl.DataFrame, only: Sequence[int] | None) -> pl.DataFrame:
    """Return the spans of the channels that are judged."""
    return spans if only is None else spans.filter(pl.col("channel_no").is_in(_numbers(only).implode()))


def _numbers(only: Sequence[int]) -> pl.Series:
    return pl.Series("channel_no", only, dtype=pl.Int32)


@dataclass(frozen=True)
class _Asked:
    """What a run judges, and of whom it asks what its blocks are given."""

    workspace: Workspace
    connection: Connection
    rules: RuleSet
    channels: DataFrame[ChannelNumbers]
    supplied: pl.DataFrame
    active: pl.DataFrame
    period: tuple[date, date]
    only: Sequence[int] | None

    def given(self, beside: Executor | None) -> Given:
        """Return what blocks are given; what registers say is found while the first are judged."""
        from_date, to_date = self.period
        checks = checks_of(
            self.rules, known_places(self.connection, self.channels, from_date, to_date), from_date, to_date
        )
        readings = landed_readings(self.workspace, self.connection, self.channels, checks, self.only)
        known = Known(
            self.channels,
            self.active,
            clipped(self.supplied, from_date - checks.days_before, from_date),
            begun(beside, readings.known),
            recorded_beside(self.connection),
            decided_slots(self.connection, from_date, to_date),
            self.only is not None,
        )
        return Given(checks, known)


def _register_findings(judged: JudgedRegisters | None, checks: Checks, left: Sequence[Left]) -> pl.DataFrame:
    """Return the findings about readings dated in the period or on the day that ends it, and what all blocks leave."""
    rules = checks.rules
    if judged is None:
        return finish_findings([checks.finish(left, pl.DataFrame(schema=PAIRS))], rules)
    in_period = pl.col("to_date").is_between(checks.from_date, checks.to_date, closed="both")
    pairs = judged.pairs.filter(in_period).with_columns(quantity="use")
    idle = idle_drafts(judged.pairs, checks.places, rules, checks.from_date, checks.to_date)
    dated = judged.drafts.filter(pl.col("day").is_between(checks.from_date, checks.to_date, closed="both"))
    drafts = [dated, idle, checks.finish(left, pairs.select(pl.col(name).cast(dtype) for name, dtype in PAIRS.items()))]
    return finish_findings(drafts, rules)


def _unknown_findings(
    workspace: Workspace, connection: Connection, findings: DataFrame[Findings]
) -> DataFrame[Findings]:
    """Return the findings that no earlier run has recorded."""
    files = lake_files(connection, "findings")
    if not files or findings.is_empty():
        return findings
    known = scan_lake(workspace, files).select("finding_id").collect()
    return arranged(Findings, findings.join(known, how="anti", on="finding_id", maintain_order="left"))


def _by_length(blocks: Sequence[tuple[int, JudgedBlock]]) -> dict[int, pl.DataFrame]:
    """Return the days to write of each interval length, in order of channel and day."""
    lengths = sorted({minutes for minutes, _ in blocks})
    joined = {minutes: pl.concat([block.edited for own, block in blocks if own == minutes]) for minutes in lengths}
    return {minutes: days.sort(DAY_KEY) for minutes, days in joined.items() if days.height}


@dataclass(frozen=True)
class _Written:
    """What a run adds to the lake."""

    edited: dict[int, pl.DataFrame]
    findings: DataFrame[Findings]
    estimates: pl.DataFrame


def _write(
    workspace: Workspace,
    connection: Connection,
    what: _Written,
    *,
    period: tuple[date, date],
    received_at: datetime,
    actor: str,
) -> int | None:
    """Write and register what is new; return the sequence taken, None when there was nothing."""
    edited, findings = what.edited, what.findings
    if not edited and findings.is_empty():
        return None
    rows = sum(days.height for days in edited.values())
    with transaction(connection):
        seq = next_seq(connection)
        stamped = pl.lit(seq, dtype=pl.Int64).alias("seq")
        files = [
            write_lake_file(workspace, f"vee_day_{minutes}", f"vee_day_{minutes}", days.with_columns(stamped))
            for minutes, days in edited.items()
        ]
        if findings.height:
            files.append(write_lake_file(workspace, "findings", "findings", findings.with_columns(stamped)))
        if what.estimates.height:
            files.append(write_lake_file(workspace, "estimates", "estimates", what.estimates.with_columns(stamped)))
        register_files(connection, files, owner=f"load:{seq}")
        load = Load(
            seq=seq,
            kind="vee",
            source_name=f"{period[0]}..{period[1]}",
            sha256=content_hash(*(file.sha256 for file in files)),
            received_at=received_at,
            rows=rows,
            rejected=0,
            detail=f"VEE: {rows} channel-days estimated or edited, {findings.height} findings",
        )
        record_load(connection, load)
        record(connection, at=received_at, actor=actor, action="vee", subject=load.source_name, detail=load.detail)
    return seq
