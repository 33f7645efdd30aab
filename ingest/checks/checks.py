"""The checks of a rule set over a run: block by block, then what needs channels of several blocks.

A block leaves drafts, and small tables (a row a channel, days of channels that have siblings, how classes moved) from
which the rest is found at the end; so the findings are the same however the channels were divided into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl

from ingest.checks.days import DayReads, check_days
from ingest.checks.drafts import REFUSING, no_drafts, without_silenced
from ingest.checks.features import Measured, feature_days, is_complete, with_channels
from ingest.checks.habits import habits_of, recent_from
from ingest.checks.history import TAIL_DAYS, History, learn
from ingest.checks.history_levels import class_moves, late_moves, level_drafts, level_limits
from ingest.checks.history_runs import run_drafts
from ingest.checks.history_shapes import changed_shapes, shifted_clocks, swapped_pairs
from ingest.checks.places import Places
from ingest.checks.siblings import DAY_TOTALS, SIBLING_CHECKS, paired_channels, sibling_drafts
from ingest.rules.catalogue import HISTORY_CHECKS
from ingest.rules.governing import governing, has_any
from ingest.rules.rules import RuleSet
from ingest.vee.matrix import day_positions, in_order
from model.codes import RuleSource, Severity

RUN_DAYS = 31
"""Days before the period that checks of runs of days look at when nothing is learned from the past."""


@dataclass(frozen=True)
class Left:
    """What a block leaves for the end of the run."""

    histories: tuple[History, ...] = ()
    paired: tuple[pl.DataFrame, ...] = ()
    """Days of channels that have siblings, perhaps in other blocks."""


NOTHING_LEFT = Left()


@dataclass(frozen=True)
class Checks:
    """The checks of one run of VEE."""

    rules: RuleSet
    places: Places
    from_date: date
    to_date: date
    paired: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"channel_no": pl.Int32}))
    """Channels that have siblings: see `checks_of`."""

    @property
    def days_before(self) -> timedelta:
        """Return how many days before the period the checks want to see."""
        if not self.rules.rules:
            return timedelta(0)
        first = recent_from(self.from_date, self.to_date)
        learned = timedelta(days=self.rules.history_days) + (self.from_date - first)
        return max(learned if has_any(self.rules, HISTORY_CHECKS) else timedelta(0), timedelta(days=RUN_DAYS))

    @property
    def wants_replaced(self) -> bool:
        """Return whether a check asks for days that landed more than once."""
        return governing(self.rules, "replaced") is not None

    @property
    def nothing(self) -> pl.DataFrame:
        """Return drafts without rows."""
        return no_drafts().drop("check")

    def of(self, low: int, high: int) -> Checks:
        """Return the checks of the channels from `low` to `high`."""
        return replace(self, places=self.places.of(low, high))

    def judge(
        self,
        landed: pl.DataFrame,
        measured: Measured,
        expected: pl.DataFrame,
        interval_minutes: int,
        replaced: pl.DataFrame | None,
    ) -> tuple[pl.DataFrame, Left]:
        """Return the drafts of a block's days, and what they leave for the end.

        Drafts that refuse slots are estimated, the others are told as they are.

        `landed` are the current landed rows of the period, `measured` what was measured of them and of days before;
        `expected` has channel_no and day of both; `replaced` as in `DayReads`.
        """
        if not self.rules.rules:
            return self.nothing, NOTHING_LEFT
        days = _with_expected(with_channels(in_order(measured.days), self.places.channels), expected)
        parts = [_with_expected(part, expected).lazy() for part in measured.past if part.height]
        reads = DayReads(days, landed, interval_minutes, self.from_date, self.to_date, self.places, replaced)
        reads = replace(reads, past=pl.concat(parts)) if parts else reads
        learned, histories = self._learn(reads)
        drafts = pl.concat([check_days(reads, self.rules), learned])
        return without_silenced(drafts), Left(histories, self._paired_days(reads))

    def finish(self, left: Sequence[Left], registers: pl.DataFrame) -> pl.DataFrame:
        """Return the drafts that need channels of several blocks, from what these left.

        `registers` has the uses between readings that ended in the period: PAIRS.
        """
        drafts = [no_drafts()]
        histories = [history for one in left for history in one.histories]
        if histories:
            drafts.append(history_drafts(histories, self.rules))
        if has_any(self.rules, SIBLING_CHECKS):
            paired = [days for one in left for days in one.paired]
            days = pl.concat(paired) if paired else pl.DataFrame(schema=DAY_TOTALS)
            drafts.append(
                sibling_drafts(days, registers, self.places.channels, self.rules, self.from_date, self.to_date)
            )
        return without_silenced(pl.concat(drafts))

    def judge_again(self, edited: pl.DataFrame, interval_minutes: int, source: RuleSource) -> pl.DataFrame:
        """Return what the rules of a source say of estimated or entered days: wide rows of `ReadDays`.

        The value stays: at most it is warned of, whatever the rule would do to one that was read.
        """
        if edited.is_empty() or not any(source in rule.sources for rule in self.rules.rules):
            return self.nothing
        rows = edited.sort("channel_no", "day")
        days = feature_days(rows, self.places.channels, interval_minutes).with_columns(is_expected=pl.lit(value=True))
        reads = DayReads(days, rows, interval_minutes, self.from_date, self.to_date, self.places)
        drafts = without_silenced(check_days(reads, self.rules, source))
        words = pl.format("{} value: {}", pl.lit(str(source)), "detail")
        severity = pl.col("severity").replace(dict.fromkeys(REFUSING, Severity.WARN.value))
        return drafts.with_columns(subject=pl.lit(str(source)), detail=words, severity=severity)

    def _learn(self, reads: DayReads) -> tuple[pl.DataFrame, tuple[History, ...]]:
        if not has_any(self.rules, HISTORY_CHECKS):
            return no_drafts(), ()
        low, high = level_limits(self.rules)
        habits = habits_of(reads, self.rules)
        history = learn(reads, habits, self.rules, moved_low=low, moved_high=high)
        return run_drafts(reads, habits, self.rules), (history,)

    def _paired_days(self, reads: DayReads) -> tuple[pl.DataFrame, ...]:
        own = pl.col("channel_no").is_in(self.paired["channel_no"].implode())
        columns = [pl.col(name).cast(dtype) for name, dtype in DAY_TOTALS.items()]
        parts = [
            days.filter(own).with_columns(is_complete=is_complete()).select(columns)
            for days in (reads.past, reads.days.lazy())
        ]
        kept = in_order(pl.concat(pl.collect_all(parts))) if self.paired.height else pl.DataFrame()
        return (kept,) if kept.height else ()


def checks_of(rules: RuleSet, places: Places, from_date: date, to_date: date) -> Checks:
    """Return the checks of a run over all channels, which knows those of other blocks that are siblings."""
    checks = Checks(rules, places, from_date, to_date)
    if not has_any(rules, SIBLING_CHECKS):
        return checks
    return replace(checks, paired=paired_channels(places.channels))


def _with_expected(days: pl.DataFrame, expected: pl.DataFrame) -> pl.DataFrame:
    """Add whether a day must have reads; where just the expected days came, without a look-up."""
    key = ["channel_no", "day"]
    if days.select(key).equals(expected.select(key)):
        return days.with_columns(is_expected=pl.lit(value=True))
    return days.with_columns(pl.Series("is_expected", day_positions(days, expected) >= 0))


def history_drafts(histories: Sequence[History], rules: RuleSet) -> pl.DataFrame:
    """Return what is learned from the past of all channels: first swaps and clocks, which explain shapes."""
    channels = pl.concat([one.channels for one in histories]).sort("channel_no")
    moves = class_moves(pl.concat([one.moves for one in histories]))
    swaps = swapped_pairs(channels, late_moves(moves, TAIL_DAYS), rules)
    others = channels.join(swaps, how="anti", on="channel_no", maintain_order="left")
    clocks = shifted_clocks(others, rules)
    shapes = changed_shapes(others.join(clocks, how="anti", on="channel_no", maintain_order="left"), rules)
    recent = pl.concat([one.recent for one in histories]).join(swaps, how="anti", on="channel_no")
    return pl.concat([swaps, clocks, shapes, level_drafts(recent.sort("channel_no", "day"), moves, rules)])


def is_refusing() -> pl.Expr:
    """Return whether a draft takes its slots away."""
    return pl.col("severity").is_in(REFUSING) & pl.col("first_slot").is_not_null()
