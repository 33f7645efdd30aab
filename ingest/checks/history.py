"""What a channel's own past says of its recent days: habits by kind of day, level, shape, night flow.

All in whole numbers: medians and median deviations of days of one kind (working days; weekends and holidays), energy
by three hours of the clock. A block of channels leaves a row for each channel and how its class moved, so that what
is found does not depend on how channels were divided into blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ingest.checks.days import DayReads
from ingest.checks.features import GROUP_COLUMNS
from ingest.checks.habits import (
    KNOWN_BY,
    PAST_COLUMNS,
    RECENT_DAYS,
    Habits,
    halves_of,
    is_free_day,
    is_known,
    recent_from,
    with_expected,
    with_habits,
)
from ingest.rules.rules import RuleSet
from ingest.vee.matrix import channel_places

TAIL_DAYS = 7
"""The last days, of which level and shape are told: a week holds every kind of day."""
TAIL_DAYS_MIN = 4
RATIO_MAX = 4_000
"""Per mille; a channel that moved farther counts for its class as one that moved so far."""
BIN = 10
"""Per mille that one bin of the class's moves holds."""
NIGHT_GROUPS = 2
"""Parts of the day before 6 o'clock, when homes draw little but what always runs."""
SHARES = 10_000
"""What the shares of a day's parts add up to."""

NOW_COLUMNS = [f"now{group}" for group in range(len(GROUP_COLUMNS))]
CLASS_DAY = ["measure", "revenue_class", "branch_id", "day"]


@dataclass(frozen=True)
class History:
    """What a block of channels leaves."""

    channels: pl.DataFrame
    """A row for each channel with a past: see `_summary`."""
    recent: pl.DataFrame
    """Days since `recent_from` of channels whose level moved: channel_no, day, base_seq, total, expected, spread, and
    night, night_expected: what was used and expected before 6 o'clock."""
    moves: pl.DataFrame
    """How many channels of a class moved so far on a day: measure, revenue_class, branch_id, day, bin, channels."""


_OF_DAY = ["channel_no", "day", "base_seq", "total", *GROUP_COLUMNS]


def learn(reads: DayReads, habits: Habits, rules: RuleSet, *, moved_low: int, moved_high: int) -> History:
    """Return what the days of a block say beside the past of their channels.

    Recent days are kept of channels that used less than `moved_low` or more than `moved_high` percent of what was
    expected, of the last days or of all recent ones.
    """
    days = reads.since(recent_from(reads.from_date, reads.to_date), [*_OF_DAY, *KNOWN_BY])
    # Of all recent days only what they come to is looked at; parts of the day and names of the few that are told of.
    known = days.lazy().with_row_index("at").filter(is_known(reads, rules))
    recent = with_expected(
        known.select("at", "channel_no", "day", "total", is_free=is_free_day(rules)).collect(), habits, rules
    )
    tail = _tail(recent, reads.to_date)
    keep = _moved(recent, moved_low, moved_high)
    keep = pl.concat([keep, _moved(tail, moved_low, moved_high)]).unique()
    kept = recent.join(keep, how="semi", on="channel_no", maintain_order="left")
    classes = reads.places.channels.select("channel_no", *CLASS_DAY[:3])
    nights = {
        "night": pl.sum_horizontal(GROUP_COLUMNS[:NIGHT_GROUPS]),
        "night_expected": pl.sum_horizontal(PAST_COLUMNS[:NIGHT_GROUPS]),
    }
    of_day = ["channel_no", "day", "base_seq", "total", "expected", "spread", *CLASS_DAY[:3]]
    told = _with_classes(with_habits(_with_parts(kept, days), habits), classes)
    channels = _with_classes(_summary(with_habits(_with_parts(tail, days), habits), habits), classes)
    return History(channels, told.select(*of_day, **nights), _moves(recent, classes))


def _with_parts(some: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Add base_seq and the parts of the day to some days, whose rows `at` says."""
    return some.with_columns(days.select(pl.col("base_seq", *GROUP_COLUMNS).gather(some["at"])).get_columns())


def _with_classes(rows: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    return rows.join(classes, how="left", on="channel_no", validate="m:1", maintain_order="left")


def _tail(recent: pl.DataFrame, to_date: date) -> pl.DataFrame:
    """Return the last days of each channel within the last two weeks."""
    late = recent.filter(pl.col("day") >= to_date - timedelta(days=RECENT_DAYS))
    # Days come in order: so many rows on there is another channel, or nothing.
    follows = pl.col("channel_no").shift(-TAIL_DAYS, fill_value=-1)
    return late.filter(pl.col("channel_no") != follows)


def _summary(tail: pl.DataFrame, habits: Habits) -> pl.DataFrame:
    """Return a row for each channel with enough last days.

    channel_no; day and base_seq of the first of the last days; past_days; tail_days, total, expected; now0..now7 and
    past0..past7 (mean of a day, by part, of the last days and of what the past expects of such days); drift (how far
    the shape of the past's halves lies apart, of `SHARES`).
    """
    of = ["day", "base_seq", "past_days"]
    count = pl.len().cast(pl.Int64)
    channels = tail.group_by("channel_no", maintain_order=True).agg(
        pl.col(of).first(),
        pl.col("total", "expected").sum(),
        *[(pl.col(old).sum() // count).alias(new) for old, new in zip(GROUP_COLUMNS, NOW_COLUMNS, strict=True)],
        *[pl.col(name).sum() // count for name in PAST_COLUMNS],
        tail_days=count,
    )
    enough = channels.filter(pl.col("tail_days") >= TAIL_DAYS_MIN)
    return enough.join(_drift(habits), how="left", on="channel_no", validate="1:1", maintain_order="left")


def _drift(habits: Habits) -> pl.DataFrame:
    """Return how far the shape of the first half of each channel's past lies from that of the second."""
    drift = shape_distance(GROUP_COLUMNS, [f"{name}_before" for name in GROUP_COLUMNS])
    return halves_of(habits).select("channel_no", drift=drift)


def shape_distance(one: list[str], other: list[str]) -> pl.Expr:
    """Return the share of the day's energy that lies in another part of the day, of `SHARES`; null for empty days.

    Bound: a part times `SHARES` stays below 2^63 for parts below 9 x 10^14.
    """
    first, second = pl.sum_horizontal(one), pl.sum_horizontal(other)
    apart = pl.sum_horizontal(
        (pl.col(a) * SHARES // first - pl.col(b) * SHARES // second).abs() for a, b in zip(one, other, strict=True)
    )
    return pl.when((first > 0) & (second > 0)).then(apart // 2)


def _moved(days: pl.DataFrame, low: int, high: int) -> pl.DataFrame:
    sums = days.group_by("channel_no").agg(pl.col("total", "expected").sum())
    total, expected = pl.col("total") * 100, pl.col("expected")
    return sums.filter((total < expected * low) | (total > expected * high)).select("channel_no")


def _moves(recent: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    names = classes.select(CLASS_DAY[:3]).unique().with_row_index("of")
    ordered = classes.join(names, how="left", on=CLASS_DAY[:3], validate="m:1", nulls_equal=True).sort("channel_no")
    places = channel_places(ordered["channel_no"].to_numpy(), recent["channel_no"].to_numpy())
    ratio = (pl.col("total") * 1_000 // pl.col("expected")).clip(0, RATIO_MAX)
    # A class is a number while its channels are counted: names are compared once a class.
    counted = recent.lazy().with_columns(ordered["of"].gather(places)).filter(pl.col("expected") > 0)
    counts = counted.group_by("of", "day", bin=(ratio // BIN).cast(pl.Int32)).agg(channels=pl.len().cast(pl.Int64))
    named = counts.collect().join(names, how="left", on="of", validate="m:1")
    return named.select(*CLASS_DAY, "bin", "channels")
