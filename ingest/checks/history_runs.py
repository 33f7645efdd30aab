"""Findings about the last days that go on to the end: night flow that stays, and channels that stopped."""

from __future__ import annotations

import polars as pl

from ingest.checks.days import DayReads, runs_of
from ingest.checks.drafts import drafted, no_drafts, units
from ingest.checks.features import is_complete
from ingest.checks.habits import Habits, nights_before, recent_from
from ingest.rules.governing import Governing, governing
from ingest.rules.rules import RuleSet

_OF_DAY = [
    "channel_no", "day", "base_seq", "measure", "revenue_class", "n", "slots", "present", "total", "lowest",
    "night_low", "is_expected",
]  # fmt: skip


def run_drafts(reads: DayReads, habits: Habits, rules: RuleSet) -> pl.DataFrame:
    """Return drafts of risen night flow and of channels that stopped."""
    night, stopped = governing(rules, "night_flow"), governing(rules, "stopped")
    if night is None and stopped is None:
        return no_drafts()
    past = nights_before(habits, rules)
    found = [no_drafts()]
    for rule, check in ((night, _night_flow), (stopped, _stopped)):
        if rule is not None:
            recent = reads.of(rule).since(recent_from(reads.from_date, reads.to_date), _OF_DAY)
            found.append(check(reads, recent, past, rule))
    return pl.concat(found)


def _night_flow(reads: DayReads, recent: pl.DataFrame, past: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    low, usual = pl.col("night_low"), pl.col("past_night")
    rose = (low * 100 > usual * rule.limit("percent")) & (low - usual >= rule.limit("floor"))
    risen = _beside_past(recent.filter(low.is_not_null()), past).filter(rose)
    told = _beside_past(_to_the_end(reads, recent, risen, rule), past)
    return drafted(
        told, rule, found=pl.col("night_lowest"),
        detail=pl.format(
            "between 1 and 5 o'clock never below {} an interval since {} ({} nights); on nine of ten of the {} nights "
            "before it fell to {} or less",
            units("night_lowest"), "day", "length", "past_days", units("past_night"),
        ),
    )  # fmt: skip


def _stopped(reads: DayReads, recent: pl.DataFrame, past: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    still = recent.filter(is_complete() & (pl.col("total") == 0))
    stopped = _beside_past(still, past).filter(pl.col("past_total") >= rule.limit("past_floor"))
    told = _beside_past(_to_the_end(reads, recent, stopped, rule), past)
    return drafted(
        told, rule, found=pl.lit(0),
        detail=pl.format(
            "nothing since {} ({} days); half of the {} days before had {} or more", "day", "length", "past_days",
            units("past_total"),
        ),
    )  # fmt: skip


def _beside_past(days: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Return the days of channels with a past, and what was usual in it."""
    return days.join(past, how="inner", on="channel_no", validate="m:1", maintain_order="left")


def _to_the_end(reads: DayReads, recent: pl.DataFrame, held: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    """Return the runs of such recent days that go on to the last expected day, with the lowest night flow of each."""
    runs = runs_of(held.filter("is_expected"), reads.from_date, rule)
    some = pl.col("is_expected") & pl.col("channel_no").is_in(runs["channel_no"].unique().implode())
    last = recent.filter(some).group_by("channel_no").agg(end=pl.col("day").max())
    open_runs = runs.join(last, how="inner", on="channel_no", validate="m:1", maintain_order="left").filter(
        pl.col("last_day") == pl.col("end")
    )
    nights = held.select("channel_no", "night_low", of="day")
    lowest = (
        open_runs.select("channel_no", "day", "last_day")
        .join(nights, how="inner", on="channel_no", validate="m:m")
        .filter(pl.col("of").is_between("day", "last_day"))
        .group_by("channel_no")
        .agg(night_lowest=pl.col("night_low").min())
    )
    return open_runs.join(lowest, how="left", on="channel_no", validate="m:1", maintain_order="left")
