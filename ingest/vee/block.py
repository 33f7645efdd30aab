"""One block of channels: what the rules ask of its days, then completeness and spikes, estimates, what stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.checks import NOTHING_LEFT, Checks, Left, is_refusing
from ingest.checks.refusals import Refusals, refusals_of
from ingest.edits.finding_decisions import decided_of, unsettled, with_decided
from ingest.estimates.beside import Recorded, approved_edits, linked_values, outage_slots
from ingest.estimates.estimate import Beside
from ingest.rules.governing import core_groups
from ingest.rules.rules import RuleSet
from ingest.vee.begun import Begun
from ingest.vee.findings import finish_findings
from ingest.vee.judge import Judged, expected_days, judge_doubtful, survey_days
from ingest.vee.lake import BlockReads
from ingest.vee.past import measured_block
from ingest.vee.readings import KnownRegisters
from ingest.vee.report import BlockTotals, added_totals, block_totals
from ingest.vee.screen import as_measured
from ingest.versions import DAY_KEY
from model.accounts import ChannelNumbers
from model.codes import Quality, RuleSource
from model.decisions import DecidedSlots
from model.reads import (
    Findings,
    slot_columns,
)
from model.schema import arranged


@dataclass(frozen=True)
class JudgedBlock:
    """What came of some channels: days to write, findings, totals."""

    edited: pl.DataFrame
    findings: pl.DataFrame
    estimates: pl.DataFrame
    totals: BlockTotals
    left: Left = NOTHING_LEFT
    """What the checks keep of it for the end of the run."""


@dataclass(frozen=True)
class Known:
    """What a run knows beside the days of a block: of all channels, and whether it judges all of them."""

    channels: DataFrame[ChannelNumbers]
    active: pl.DataFrame
    """When channels must have reads in the period: channel_no, from_date, to_date; `earlier` before it."""
    earlier: pl.DataFrame
    registers: Begun[KnownRegisters]
    """What registers say of all channels, found while the first blocks are read."""
    recorded: Recorded
    decided: DataFrame[DecidedSlots]
    is_partial: bool

    def of(self, low: int, high: int) -> Known:
        """Return what is known of the channels from `low` to `high`; what is little, or not known yet, stays whole."""
        own = pl.col("channel_no").is_between(low, high)
        return replace(self, active=self.active.filter(own), earlier=self.earlier.filter(own))


@dataclass(frozen=True)
class Given:
    """What all blocks of a run are given."""

    checks: Checks
    known: Known


def judge_block(lake: BlockReads, given: Begun[Given]) -> JudgedBlock:
    """Judge a block: first what the rule set asks of its days, then completeness and spikes, by what governs them.

    It asks for files and what it is given alone, and changes nothing: blocks can be judged at the same time. What is
    given may still be asked of the control database while the first blocks are read.
    """
    low, high = lake.bounds
    landed = lake.landed()
    checks, known = given.result().checks.of(low, high), given.result().known.of(low, high)
    drafts, left, measured = _check_block(lake, landed, checks, known)
    refusals = refusals_of(drafts)
    told = finish_findings([drafts.clear() if known.is_partial else drafts.filter(~is_refusing())], checks.rules)
    parts = []
    for part, rules in _parts(lake, checks):
        days = _days_of(part, lake, landed)
        seen = as_measured(measured, days) if measured is not None and days is landed else None
        parts.append(_judge_part(part, days, rules, refusals, checks, known, seen))
    totals = [part.totals for part in parts]
    return JudgedBlock(
        pl.concat([part.edited for part in parts]),
        pl.concat([told, *(part.findings for part in parts)]),
        pl.concat([part.estimates for part in parts]),
        totals[0] if len(totals) == 1 else added_totals(totals),
        left,
    )


def _days_of(part: BlockReads, lake: BlockReads, landed: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a block that are a part's: mostly all."""
    if (part.channels.height, part.from_date, part.to_date) == (lake.channels.height, lake.from_date, lake.to_date):
        return landed
    own = landed.filter(pl.col("day").is_between(part.from_date, part.to_date, closed="left"))
    return own.join(part.channels.select("channel_no"), how="semi", on="channel_no", maintain_order="left")


def _check_block(
    lake: BlockReads, landed: pl.DataFrame, checks: Checks, known: Known
) -> tuple[pl.DataFrame, Left, pl.DataFrame | None]:
    """Return the drafts of the checks of the rule set, what they keep, and what was measured of the period's days.

    A set without rules reads and measures nothing.
    """
    if not checks.rules.rules:
        return checks.nothing, NOTHING_LEFT, None
    since = lake.from_date - checks.days_before
    zones = lake.channels.select("channel_no", "tz_name")
    spans = pl.concat([known.earlier, known.active])
    expected = expected_days(spans, zones, since, lake.to_date)
    replaced = lake.replaced() if checks.wants_replaced else None
    found = measured_block(lake, landed, checks.places.channels, checks.days_before)
    return *checks.judge(landed, found, expected, lake.interval_minutes, replaced), found.days


def _parts(lake: BlockReads, checks: Checks) -> Iterator[tuple[BlockReads, RuleSet]]:
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
    lake: BlockReads,
    days: pl.DataFrame,
    rules: RuleSet,
    refusals: Refusals,
    checks: Checks,
    known: Known,
    measured: pl.DataFrame | None,
) -> JudgedBlock:
    """Judge channels under one set of thresholds: all on the period alone, those in doubt again with days around it."""
    minutes = lake.interval_minutes
    judged = _judge_reads(lake, days, rules, refusals, known, measured)
    standing = _standing(judged, lake.judged_before())
    closed = _closed(judged, standing, minutes)
    proposed = judged.edited.join(closed, how="anti", on=DAY_KEY, maintain_order="left")
    content = ["base_seq", "worst", "flags", "methods", *slot_columns(minutes)]
    new = proposed.join(standing, how="anti", on=[*DAY_KEY, *content], nulls_equal=True, maintain_order="left")
    kept = standing.join(new, how="anti", on=DAY_KEY).select(new.columns)
    findings = judged.findings.join(closed, how="anti", on=DAY_KEY, maintain_order="left")
    estimates = judged.estimates.join(new, how="semi", on=DAY_KEY, maintain_order="left")
    again = _judge_again(new, judged.touched, checks, minutes)
    totals = block_totals(judged.days, pl.concat([new, kept]), lake.channels, minutes)
    return JudgedBlock(new, pl.concat([findings, finish_findings(again, rules)]), estimates, totals)


def _judge_again(new: pl.DataFrame, touched: pl.DataFrame, checks: Checks, minutes: int) -> list[pl.DataFrame]:
    """Return what the rules for estimates say of new estimates, and those for persons' values of days with such."""
    rows = new.drop("seq").rename({"base_seq": "seq"})
    manual = rows.join(touched, how="semi", on=DAY_KEY, maintain_order="left")
    others = rows.join(touched, how="anti", on=DAY_KEY, maintain_order="left")
    return [
        checks.judge_again(others, minutes, RuleSource.ESTIMATE), checks.judge_again(manual, minutes, RuleSource.MANUAL)
    ]  # fmt: skip


def _judge_reads(
    lake: BlockReads,
    days: pl.DataFrame,
    rules: RuleSet,
    refusals: Refusals,
    known: Known,
    measured: pl.DataFrame | None,
) -> Judged:
    period = (lake.interval_minutes, lake.from_date, lake.to_date)
    numbers = lake.channels["channel_no"]
    own = refusals.of(numbers, lake.from_date, lake.to_date)
    decided = decided_of(known.decided, numbers, lake.from_date, lake.to_date)
    edits = with_decided(approved_edits(known.recorded, lake.channels, lake.from_date, lake.to_date), decided)
    survey = survey_days(
        days, lake.channels, *period, rules=rules, active=known.active, refusals=own, edits=edits, measured=measured
    )
    good, doubtful = survey.good, survey.doubtful
    if doubtful.is_empty():
        return good
    some = pl.col("channel_no").is_in(doubtful.implode())
    distance = timedelta(days=max(rules.like_days_within, 7 * rules.multi_weeks))
    channels = arranged(ChannelNumbers, lake.channels.filter(some))
    beside = replace(_beside(lake, channels, known, distance), edits=edits)
    around = lake.around(doubtful, distance)
    judged = judge_doubtful(survey, around, lake.interval_minutes, rules=rules, refusals=own, beside=beside)
    findings = arranged(Findings, pl.concat([good.findings, judged.findings]))
    every_day = pl.concat([good.days, judged.days])
    return replace(judged, findings=unsettled(findings, every_day, decided), days=every_day)


def _beside(lake: BlockReads, channels: DataFrame[ChannelNumbers], known: Known, distance: timedelta) -> Beside:
    """Return what is known beside the days of channels; of outages also around the period."""
    minutes = lake.interval_minutes
    checks, flows = linked_values(known.recorded.links, channels, known.channels, minutes, lake.of_others)
    return Beside(
        spans=known.registers.result().spans.filter(pl.col("channel_no").is_in(channels["channel_no"].implode())),
        outages=outage_slots(
            known.recorded.outages, channels, minutes, lake.from_date - distance, lake.to_date + distance
        ),
        checks=checks,
        flows=flows,
    )


def _standing(judged: Judged, before: pl.DataFrame) -> pl.DataFrame:
    """Return the earlier rows of VEE that still stand for the current landed row."""
    if before.is_empty():
        return before
    current = judged.days.select("channel_no", "day", "base_seq")
    return before.join(current, how="semi", on=[*DAY_KEY, "base_seq"], maintain_order="left")


def _closed(judged: Judged, standing: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return the days whose earlier rows are not to be made anew: nothing is empty, and nothing new is known."""
    whole = standing.filter(pl.col("worst") < int(Quality.MISSING)).select(DAY_KEY)
    opened = judged.scaled.join(_rescaled(judged, standing, minutes), how="semi", on=["channel_no", "from_date"])
    return whole.join(pl.concat([judged.touched, opened.select(DAY_KEY)]), how="anti", on=DAY_KEY)


def _rescaled(judged: Judged, standing: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return the register spans in which the standing estimates do not add up to what the proposed ones do."""
    total = pl.sum_horizontal(pl.col(slot_columns(minutes)).cast(pl.Int64))
    sums = [rows.select(*DAY_KEY, total.alias(name)) for rows, name in ((judged.edited, "now"), (standing, "before"))]
    key = ["channel_no", "from_date"]
    days = judged.scaled.join(sums[0], how="inner", on=DAY_KEY, validate="m:1")
    both = days.join(sums[1], how="left", on=DAY_KEY, validate="m:1")
    spans = both.group_by(key).agg(pl.col("now", "before").sum(), is_new=pl.col("before").is_null().any())
    return spans.filter(pl.col("is_new") | (pl.col("now") != pl.col("before")))
