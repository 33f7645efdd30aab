"""A run of VEE over a workspace: judge what has landed, write the days it changed and what it found.

A run that finds nothing new writes nothing and takes no sequence, so it can be repeated at will.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.checks import Checks, is_refusing
from ingest.checks.places import known_places
from ingest.checks.refusals import Refusals, refusals_of
from ingest.checks.registers import idle_drafts
from ingest.checks.siblings import PAIRS
from ingest.edits.finding_decisions import decided_slots, unsettled, with_decided
from ingest.estimates.beside import approved_edits, linked_values, outage_slots, register_spans
from ingest.estimates.estimate import Beside
from ingest.rules.governing import core_groups
from ingest.rules.rule_store import rules_in_force
from ingest.rules.rules import RuleSet
from ingest.vee.findings import finish_findings
from ingest.vee.judge import Judged, expected_days, judge_days, survey_days
from ingest.vee.matrix import wide_checked
from ingest.vee.registers import JudgedRegisters, judge_registers, usage_of
from ingest.vee.report import BlockTotals, VeeReport, added_totals, block_totals, report_of
from ingest.versions import best_first, current_days, current_registers
from model.accounts import ChannelNumbers, Meters
from model.codes import Quality, RuleSource
from model.errors import ConfigError
from model.ids import content_hash
from model.progress import SILENT, Progress
from model.reads import (
    INTERVAL_LENGTHS,
    Estimates,
    Findings,
    ReadDays,
    RegisterReads,
    RegisterUsage,
    VeeDays,
    read_days_schema,
    slot_columns,
)
from model.schema import arranged, empty, polars_schema
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
    estimates: pl.DataFrame
    totals: BlockTotals


@dataclass(frozen=True)
class _Known:
    """What a run knows beside the days of a block: all channels, register spans, whether it judges all of them."""

    channels: DataFrame[ChannelNumbers]
    spans: pl.DataFrame
    is_partial: bool


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
) -> VeeReport:
    """Judge the reads of the days in [from_date, to_date) of all channels under an agreement and with a meter.

    An estimate that was made stands until its day is landed again, a person decides about it, or a register reading
    says how much it must be: otherwise only what it left empty is tried again. Days and findings of the run are
    registered with its load in one transaction. `rules` None means the rule set in force. `only` names the channels to
    judge, for example those just edited; what needs other channels is then left to a run over all.

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
        active = active if only is None else active.filter(pl.col("channel_no").is_in(list(only)))
        checks = Checks(rules, known_places(connection, channels, from_date, to_date), from_date, to_date)
        earlier = active_days(connection, channels, from_date - checks.days_before, from_date)
        registers = _read_registers(workspace, connection, channels, checks)
        known = _Known(channels, _spans(connection, channels, registers, rules), only is not None)
        blocks: list[tuple[int, _Block]] = []
        progress.begin("vee", active["channel_no"].n_unique(), "channels")
        for minutes in INTERVAL_LENGTHS:
            due = channels.filter(pl.col("interval_minutes") == minutes)
            due = due.join(active, how="semi", on="channel_no", maintain_order="left")
            for start in range(0, due.height, channels_per_block):
                some = arranged(ChannelNumbers, due.slice(start, channels_per_block))
                lake = _BlockReads(workspace, connection, some, minutes, from_date, to_date)
                blocks.append((minutes, _judge_block(lake, active, earlier, checks, known)))
                progress.advance("vee", some.height)
        found = [block.findings for _, block in blocks]
        if only is None:
            found.append(_register_findings(registers, checks))
        findings = arranged(Findings, pl.concat(found).sort("channel_no", "day", "first_slot", "rule", "finding_id"))
        new = _unknown_findings(workspace, connection, findings)
        edited = _by_length(blocks)
        made = pl.concat([empty(Estimates), *(block.estimates for _, block in blocks)])
        written = _Written(edited, new, made.sort("channel_no", "day", "first_slot"))
        seq = _write(workspace, connection, written, period=(from_date, to_date), received_at=received_at, actor=actor)
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

    def of_others(self, others: DataFrame[ChannelNumbers]) -> pl.DataFrame:
        """Return the current landed rows of other channels in the period."""
        there = replace(self, channels=others)
        return there._current(pl.col("channel_no").is_in(others["channel_no"].implode()), self.from_date, self.to_date)

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


def _judge_block(
    lake: _BlockReads, active: pl.DataFrame, earlier: pl.DataFrame, checks: Checks, known: _Known
) -> _Block:
    """Judge a block: first what the rule set asks of its days, then completeness and spikes, by what governs them."""
    drafts = _check_block(lake, active, earlier, checks)
    refusals = refusals_of(drafts)
    told = finish_findings([drafts.clear() if known.is_partial else drafts.filter(~is_refusing())], checks.rules)
    parts = [_judge_part(part, active, rules, refusals, checks, known) for part, rules in _parts(lake, checks)]
    totals = [part.totals for part in parts]
    return _Block(
        pl.concat([part.edited for part in parts]),
        pl.concat([told, *(part.findings for part in parts)]),
        pl.concat([part.estimates for part in parts]),
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


def _judge_part(
    lake: _BlockReads, active: pl.DataFrame, rules: RuleSet, refusals: Refusals, checks: Checks, known: _Known
) -> _Block:
    """Judge channels under one set of thresholds: all on the period alone, those in doubt again with days around it."""
    minutes = lake.interval_minutes
    judged = _judge_reads(lake, active, rules, refusals, known)
    standing = _standing(judged, lake.judged_before())
    closed = _closed(judged, standing, minutes)
    proposed = judged.edited.join(closed, how="anti", on=_DAY_KEY, maintain_order="left")
    content = ["base_seq", "worst", "flags", "methods", *slot_columns(minutes)]
    new = proposed.join(standing, how="anti", on=[*_DAY_KEY, *content], nulls_equal=True, maintain_order="left")
    kept = standing.join(new, how="anti", on=_DAY_KEY).select(new.columns)
    findings = judged.findings.join(closed, how="anti", on=_DAY_KEY, maintain_order="left")
    estimates = judged.estimates.join(new, how="semi", on=_DAY_KEY, maintain_order="left")
    again = _judge_again(new, judged.touched, checks, minutes)
    totals = block_totals(judged.days, pl.concat([new, kept]), lake.channels, minutes)
    return _Block(new, pl.concat([findings, finish_findings(again, rules)]), estimates, totals)


def _judge_again(new: pl.DataFrame, touched: pl.DataFrame, checks: Checks, minutes: int) -> list[pl.DataFrame]:
    """Return what the rules for estimates say of new estimates, and those for persons' values of days with such."""
    rows = new.drop("seq").rename({"base_seq": "seq"})
    manual = rows.join(touched, how="semi", on=_DAY_KEY, maintain_order="left")
    others = rows.join(touched, how="anti", on=_DAY_KEY, maintain_order="left")
    return [
        checks.judge_again(others, minutes, RuleSource.ESTIMATE), checks.judge_again(manual, minutes, RuleSource.MANUAL)
    ]  # fmt: skip


def _judge_reads(lake: _BlockReads, active: pl.DataFrame, rules: RuleSet, refusals: Refusals, known: _Known) -> Judged:
    period = (lake.interval_minutes, lake.from_date, lake.to_date)
    days = lake.landed()
    own = refusals.of(lake.channels["channel_no"], lake.from_date, lake.to_date)
    edits = approved_edits(lake.connection, lake.channels, lake.from_date, lake.to_date)
    decided = decided_slots(lake.connection, lake.channels, lake.from_date, lake.to_date)
    edits = with_decided(edits, decided)
    good, doubtful = survey_days(days, lake.channels, *period, rules=rules, active=active, refusals=own, edits=edits)
    if doubtful.is_empty():
        return good
    some = pl.col("channel_no").is_in(doubtful.implode())
    distance = timedelta(days=max(rules.like_days_within, 7 * rules.multi_weeks))
    both = pl.concat([days.filter(some), lake.around(doubtful, distance)])
    channels = arranged(ChannelNumbers, lake.channels.filter(some))
    beside = replace(_beside(lake, channels, known, distance), edits=edits)
    judged = judge_days(both, channels, *period, rules=rules, active=active, refusals=own, beside=beside)
    findings = arranged(Findings, pl.concat([good.findings, judged.findings]))
    every_day = pl.concat([good.days, judged.days])
    return replace(judged, findings=unsettled(findings, every_day, decided), days=every_day)


def _beside(lake: _BlockReads, channels: DataFrame[ChannelNumbers], known: _Known, distance: timedelta) -> Beside:
    """Return what is known beside the days of channels; of outages also around the period."""
    minutes = lake.interval_minutes
    checks, flows = linked_values(lake.connection, channels, known.channels, minutes, lake.of_others)
    return Beside(
        spans=known.spans.filter(pl.col("channel_no").is_in(channels["channel_no"].implode())),
        outages=outage_slots(lake.connection, channels, minutes, lake.from_date - distance, lake.to_date + distance),
        checks=checks,
        flows=flows,
    )


def _standing(judged: Judged, before: pl.DataFrame) -> pl.DataFrame:
    """Return the earlier rows of VEE that still stand for the current landed row."""
    current = judged.days.select("channel_no", "day", "base_seq")
    return before.join(current, how="semi", on=[*_DAY_KEY, "base_seq"], maintain_order="left")


def _closed(judged: Judged, standing: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return the days whose earlier rows are not to be made anew: nothing is empty, and nothing new is known."""
    whole = standing.filter(pl.col("worst") < int(Quality.MISSING)).select(_DAY_KEY)
    opened = judged.scaled.join(_rescaled(judged, standing, minutes), how="semi", on=["channel_no", "from_date"])
    return whole.join(pl.concat([judged.touched, opened.select(_DAY_KEY)]), how="anti", on=_DAY_KEY)


def _rescaled(judged: Judged, standing: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return the register spans in which the standing estimates do not add up to what the proposed ones do."""
    total = pl.sum_horizontal(pl.col(slot_columns(minutes)).cast(pl.Int64))
    sums = [rows.select(*_DAY_KEY, total.alias(name)) for rows, name in ((judged.edited, "now"), (standing, "before"))]
    key = ["channel_no", "from_date"]
    days = judged.scaled.join(sums[0], how="inner", on=_DAY_KEY, validate="m:1")
    both = days.join(sums[1], how="left", on=_DAY_KEY, validate="m:1")
    spans = both.group_by(key).agg(pl.col("now", "before").sum(), is_new=pl.col("before").is_null().any())
    return spans.filter(pl.col("is_new") | (pl.col("now") != pl.col("before")))


def _read_registers(
    workspace: Workspace, connection: Connection, channels: DataFrame[ChannelNumbers], checks: Checks
) -> JudgedRegisters | None:
    """Return the readings of all registers, judged; None when none ever landed."""
    files = lake_files(connection, "register_reads")
    if not files:
        return None
    landed = scan_lake(workspace, files).select(list(polars_schema(RegisterReads))).collect()
    meters = arranged(Meters, facts(connection, "meters"))
    classes = checks.places.channels.select("channel_no", "revenue_class")
    return judge_registers(current_registers(landed), meters, channels, checks.rules, classes=classes)


def _spans(
    connection: Connection, channels: DataFrame[ChannelNumbers], registers: JudgedRegisters | None, rules: RuleSet
) -> pl.DataFrame:
    usage = empty(RegisterUsage) if registers is None else usage_of(registers)
    return register_spans(usage, channels, facts(connection, "meters"), rules)


def _register_findings(judged: JudgedRegisters | None, checks: Checks) -> pl.DataFrame:
    """Return the findings about readings dated in the period or on the day that ends it, and what all blocks leave."""
    rules = checks.rules
    if judged is None:
        return finish_findings([checks.finish(pl.DataFrame(schema=PAIRS))], rules)
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
