"""A run of VEE over a workspace: judge what has landed, write the days it changed and what it found.

A run that finds nothing new writes nothing and takes no sequence, so it can be repeated at will.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.vee.checks import Checks, is_refusing
from ingest.vee.checks_registers import idle_drafts
from ingest.vee.checks_siblings import PAIRS
from ingest.vee.findings import finish_findings
from ingest.vee.governing import core_groups
from ingest.vee.judge import Judged, expected_days, judge_days, survey_days
from ingest.vee.matrix import wide_checked
from ingest.vee.places import known_places
from ingest.vee.refusals import Refusals, refusals_of
from ingest.vee.registers import judge_registers
from ingest.vee.report import BlockTotals, VeeReport, added_totals, block_totals, report_of
from ingest.vee.rule_store import rules_in_force
from ingest.vee.rules import RuleSet
from ingest.versions import best_first, current_days, current_registers
from model.accounts import ChannelNumbers, Meters
from model.codes import Quality, RuleSource
from model.errors import ConfigError
from model.ids import content_hash
from model.progress import SILENT, Progress
from model.reads import (
    INTERVAL_LENGTHS,
    Findings,
    ReadDays,
    RegisterReads,
    VeeDays,
    read_days_schema,
    slot_columns,
)
from model.schema import arranged, polars_schema
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts
from store.lake import LakeFile, lake_files, register_files, scan_lake, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace

CHANNELS_PER_BLOCK = 5_000  # a month and its reference days at 15 minutes: about 120 MB
_DAY_KEY = ["channel_no", "day"]


@dataclass(frozen=True)
class _Block:
    """What came of some channels: days to write, findings, totals."""

    edited: pl.DataFrame
    findings: pl.DataFrame
    totals: BlockTotals


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
) -> VeeReport:
    """Judge the reads of the days in [from_date, to_date) of all channels under an agreement and with a meter.

    An estimate that was made stands until its day is landed again: only what it left empty is tried again. Days and
    findings of the run are registered with its load in one transaction. `rules` None means the rule set in force.

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
        channels = arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
        active = active_days(connection, channels, from_date, to_date)
        checks = Checks(rules, known_places(connection, channels, from_date, to_date), from_date, to_date)
        earlier = active_days(connection, channels, from_date - checks.days_before, from_date)
        blocks: list[tuple[int, _Block]] = []
        progress.begin("vee", active["channel_no"].n_unique(), "channels")
        for minutes in INTERVAL_LENGTHS:
            due = channels.filter(pl.col("interval_minutes") == minutes)
            due = due.join(active, how="semi", on="channel_no", maintain_order="left")
            for start in range(0, due.height, channels_per_block):
                some = arranged(ChannelNumbers, due.slice(start, channels_per_block))
                lake = _BlockReads(workspace, connection, some, minutes, from_date, to_date)
                blocks.append((minutes, _judge_block(lake, active, earlier, checks)))
                progress.advance("vee", some.height)
        found = [block.findings for _, block in blocks]
        found.append(_judge_registers(workspace, connection, channels, checks))
        findings = arranged(Findings, pl.concat(found).sort("channel_no", "day", "first_slot", "rule", "finding_id"))
        new = _unknown_findings(workspace, connection, findings)
        edited = _by_length(blocks)
        seq = _write(
            workspace, connection, edited, new, period=(from_date, to_date), received_at=received_at, actor=actor
        )
        totals = [block.totals for _, block in blocks]
        progress.end("vee", findings=new.height)
        return report_of(totals, new, seq=seq, rows_written=sum(days.height for days in edited.values()))


def active_days(
    connection: Connection, channels: DataFrame[ChannelNumbers], from_date: date, to_date: date
) -> pl.DataFrame:
    """Return when channels must have reads, clipped to the period: channel_no, from_date, to_date (half-open).

    That is while an agreement runs, a meter hangs at the channel's service point, and the channel is read.
    """
    agreements = facts(connection, "agreements").select("service_point_id", "start_date", "end_date")
    meters = facts(connection, "meters").select("service_point_id", "installed_date", "removed_date")
    both = agreements.join(meters, how="inner", on="service_point_id", validate="m:m")
    spans = both.select(
        "service_point_id",
        from_date=pl.max_horizontal("start_date", "installed_date", pl.lit(from_date)),
        to_date=pl.min_horizontal("end_date", "removed_date", pl.lit(to_date)),
    ).filter(pl.col("from_date") < pl.col("to_date"))
    points = channels.select("channel_no", "service_point_id", "start_date", "end_date")
    active = (
        points.join(spans, how="inner", on="service_point_id", validate="m:m")
        .with_columns(
            from_date=pl.max_horizontal("from_date", "start_date"), to_date=pl.min_horizontal("to_date", "end_date")
        )
        .filter(pl.col("from_date") < pl.col("to_date"))
    )
    return active.select("channel_no", "from_date", "to_date").unique().sort("channel_no", "from_date", "to_date")


@dataclass(frozen=True)
class _BlockReads:
    """The reads of some channels of one interval length in the lake."""

    workspace: Workspace
    connection: Connection
    channels: DataFrame[ChannelNumbers]
    interval_minutes: int
    from_date: date
    to_date: date

    def landed(self) -> pl.DataFrame:
        """Return the current landed row of each channel-day of the period."""
        return self._current(pl.lit(value=True), self.from_date, self.to_date)

    def around(self, numbers: pl.Series, distance: timedelta) -> pl.DataFrame:
        """Return the current landed rows of some channels on the days up to `distance` before and after the period."""
        some = pl.col("channel_no").is_in(numbers.implode())
        before = self._current(some, self.from_date - distance, self.from_date)
        return pl.concat([before, self._current(some, self.to_date, self.to_date + distance)])

    def _current(self, some: pl.Expr, from_date: date, to_date: date) -> pl.DataFrame:
        minutes = self.interval_minutes
        scan = self._scan(f"reads_day_{minutes}", from_date, to_date)
        if scan is None:
            return pl.DataFrame(schema=read_days_schema(minutes))
        return wide_checked(ReadDays, current_days(scan.filter(some), None, minutes), minutes)

    def before(self, distance: timedelta) -> pl.DataFrame:
        """Return the current landed row of each channel-day up to `distance` before the period."""
        return self._current(pl.lit(value=True), self.from_date - distance, self.from_date)

    def replaced(self) -> pl.DataFrame:
        """Return what days that landed again held before: channel_no, day, earlier (total of the version before)."""
        minutes = self.interval_minutes
        scan = self._scan(f"reads_day_{minutes}", self.from_date, self.to_date)
        if scan is None:
            return pl.DataFrame(schema={"channel_no": pl.Int32, "day": pl.Date, "earlier": pl.Int64})
        keys = scan.select(*_DAY_KEY, "seq", "worst", "updated_at").collect()
        again = keys.filter(keys.select(pl.struct(_DAY_KEY).is_duplicated()).to_series())
        ordered = best_first(again, _DAY_KEY, quality="worst", latest="seq")
        place = pl.int_range(pl.len()).over(_DAY_KEY)
        # A version with empty slots says no total.
        second = ordered.filter((place == 1) & (pl.col("worst") < int(Quality.MISSING)))
        rows = scan.join(second.lazy().select(*_DAY_KEY, "seq"), how="semi", on=[*_DAY_KEY, "seq"]).collect()
        slots = pl.sum_horizontal(pl.col(name).cast(pl.Int64) for name in slot_columns(minutes))
        return rows.select(*_DAY_KEY, earlier=slots)

    def judged_before(self) -> pl.DataFrame:
        """Return the rows that earlier runs wrote for the period: of each channel-day and judged load the latest."""
        minutes = self.interval_minutes
        scan = self._scan(f"vee_day_{minutes}", self.from_date, self.to_date)
        if scan is None:
            return pl.DataFrame(schema=read_days_schema(minutes, VeeDays))
        rows = scan.collect().sort([*_DAY_KEY, "base_seq", "seq"])
        latest = rows.unique([*_DAY_KEY, "base_seq"], keep="last", maintain_order=True)
        return wide_checked(VeeDays, latest, minutes)

    def _scan(self, table: str, from_date: date, to_date: date) -> pl.LazyFrame | None:
        numbers = self.channels["channel_no"]
        low, high = int(numbers[0]), int(numbers[-1])
        files = overlapping(lake_files(self.connection, table), low, high, from_date, to_date)
        if not files:
            return None
        days = pl.col("day").is_between(from_date, to_date, closed="left")
        return scan_lake(self.workspace, files).filter(pl.col("channel_no").is_between(low, high) & days)


def overlapping(files: Sequence[LakeFile], low: int, high: int, from_date: date, to_date: date) -> list[LakeFile]:
    """Return the files that may hold channels low..high (both included) on days in [from_date, to_date)."""
    return [
        file
        for file in files
        if (
            file.channel_min is None
            or file.channel_max is None
            or (file.channel_min <= high and file.channel_max >= low)
        )
        and (file.day_min is None or file.day_max is None or (file.day_min < to_date and file.day_max >= from_date))
    ]


def _judge_block(lake: _BlockReads, active: pl.DataFrame, earlier: pl.DataFrame, checks: Checks) -> _Block:
    """Judge a block: first what the rule set asks of its days, then completeness and spikes, by what governs them."""
    drafts = _check_block(lake, active, earlier, checks)
    refusals = refusals_of(drafts)
    told = finish_findings([drafts.filter(~is_refusing())], checks.rules)
    parts = [_judge_part(part, active, rules, refusals, checks) for part, rules in _parts(lake, checks)]
    totals = [part.totals for part in parts]
    return _Block(
        pl.concat([part.edited for part in parts]),
        pl.concat([told, *(part.findings for part in parts)]),
        totals[0] if len(totals) == 1 else added_totals(totals),
    )


def _check_block(lake: _BlockReads, active: pl.DataFrame, earlier: pl.DataFrame, checks: Checks) -> pl.DataFrame:
    """Return the drafts of the checks of the rule set; a set without rules reads nothing."""
    if not checks.rules.rules:
        return checks.nothing
    since = lake.from_date - checks.days_before
    zones = lake.channels.select("channel_no", "tz_name")
    spans = pl.concat([earlier, active])
    expected = expected_days(spans, zones, since, lake.to_date)
    replaced = lake.replaced() if checks.wants_replaced else None
    return checks.judge(lake.landed(), lake.before(checks.days_before), expected, lake.interval_minutes, replaced)


def _parts(lake: _BlockReads, checks: Checks) -> Iterator[tuple[_BlockReads, RuleSet]]:
    """Return the block by what thresholds govern: mostly all of it, by one set."""
    kinds = checks.places.channels.select("channel_no", "measure", "revenue_class")
    named = lake.channels.select("channel_no").join(kinds, how="left", on="channel_no", validate="1:1")
    groups = core_groups(
        checks.rules, named.select("measure", "revenue_class").unique().rows(), lake.from_date, lake.to_date
    )
    for group in groups:
        wanted = pl.DataFrame(
            list(group.kinds), schema={"measure": pl.String, "revenue_class": pl.String}, orient="row"
        )
        of_group = named.join(wanted, how="semi", on=["measure", "revenue_class"], nulls_equal=True)
        some = lake.channels.join(of_group, how="semi", on="channel_no", maintain_order="left")
        yield (
            replace(lake, channels=arranged(ChannelNumbers, some), from_date=group.from_date, to_date=group.to_date),
            group.rules,
        )


def _judge_part(lake: _BlockReads, active: pl.DataFrame, rules: RuleSet, refusals: Refusals, checks: Checks) -> _Block:
    """Judge channels under one set of thresholds: all on the period alone, those in doubt again with days around it."""
    minutes = lake.interval_minutes
    judged = _judge_reads(lake, active, rules, refusals)
    standing = _standing(judged, lake.judged_before())
    closed = standing.filter(pl.col("is_closed")).select(_DAY_KEY)
    proposed = judged.edited.join(closed, how="anti", on=_DAY_KEY, maintain_order="left")
    content = ["base_seq", "worst", "flags", "methods", *slot_columns(minutes)]
    new = proposed.join(standing, how="anti", on=[*_DAY_KEY, *content], nulls_equal=True, maintain_order="left")
    kept = standing.join(new, how="anti", on=_DAY_KEY).select(new.columns)
    findings = judged.findings.join(closed, how="anti", on=_DAY_KEY, maintain_order="left")
    again = checks.judge_again(new.drop("seq").rename({"base_seq": "seq"}), minutes, RuleSource.ESTIMATE)
    totals = block_totals(judged.days, pl.concat([new, kept]), lake.channels, minutes)
    return _Block(new, pl.concat([findings, finish_findings([again], rules)]), totals)


def _judge_reads(lake: _BlockReads, active: pl.DataFrame, rules: RuleSet, refusals: Refusals) -> Judged:
    period = (lake.interval_minutes, lake.from_date, lake.to_date)
    days = lake.landed()
    own = refusals.of(lake.channels["channel_no"], lake.from_date, lake.to_date)
    good, doubtful = survey_days(days, lake.channels, *period, rules=rules, active=active, refusals=own)
    if doubtful.is_empty():
        return good
    some = pl.col("channel_no").is_in(doubtful.implode())
    around = lake.around(doubtful, timedelta(days=rules.like_days_within))
    channels = arranged(ChannelNumbers, lake.channels.filter(some))
    both = pl.concat([days.filter(some), around])
    judged = judge_days(both, channels, *period, rules=rules, active=active, refusals=own)
    findings = arranged(Findings, pl.concat([good.findings, judged.findings]))
    return Judged(judged.edited, findings, pl.concat([good.days, judged.days]))


def _standing(judged: Judged, before: pl.DataFrame) -> pl.DataFrame:
    """Return the earlier rows of VEE that still stand for the current landed row; `is_closed` when nothing is empty."""
    current = judged.days.select("channel_no", "day", "base_seq")
    rows = before.join(current, how="semi", on=[*_DAY_KEY, "base_seq"], maintain_order="left")
    return rows.with_columns(is_closed=pl.col("worst") < int(Quality.MISSING))


def _judge_registers(
    workspace: Workspace, connection: Connection, channels: DataFrame[ChannelNumbers], checks: Checks
) -> pl.DataFrame:
    """Return the findings about readings dated in the period or on the day that ends it, and what all blocks leave."""
    rules = checks.rules
    files = lake_files(connection, "register_reads")
    if not files:
        return finish_findings([checks.finish(pl.DataFrame(schema=PAIRS))], rules)
    landed = scan_lake(workspace, files).select(list(polars_schema(RegisterReads))).collect()
    meters = arranged(Meters, facts(connection, "meters"))
    classes = checks.places.channels.select("channel_no", "revenue_class")
    judged = judge_registers(current_registers(landed), meters, channels, rules, classes=classes)
    in_period = pl.col("to_date").is_between(checks.from_date, checks.to_date, closed="both")
    pairs = judged.pairs.filter(in_period).with_columns(quantity="use")
    idle = idle_drafts(judged.pairs, checks.places, rules, checks.from_date, checks.to_date)
    dated = judged.drafts.filter(pl.col("day").is_between(checks.from_date, checks.to_date, closed="both"))
    drafts = [dated, idle, checks.finish(pairs.select(pl.col(name).cast(dtype) for name, dtype in PAIRS.items()))]
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


def _by_length(blocks: Sequence[tuple[int, _Block]]) -> dict[int, pl.DataFrame]:
    """Return the days to write of each interval length, in order of channel and day."""
    lengths = sorted({minutes for minutes, _ in blocks})
    joined = {minutes: pl.concat([block.edited for own, block in blocks if own == minutes]) for minutes in lengths}
    return {minutes: days.sort(_DAY_KEY) for minutes, days in joined.items() if days.height}


def _write(
    workspace: Workspace,
    connection: Connection,
    edited: dict[int, pl.DataFrame],
    findings: DataFrame[Findings],
    *,
    period: tuple[date, date],
    received_at: datetime,
    actor: str,
) -> int | None:
    """Write and register what is new; return the sequence taken, None when there was nothing."""
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
