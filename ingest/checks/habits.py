"""What is usual on each channel, learned from the days before the recent ones: totals, parts of the day, nights.

All in whole numbers. Halves of medians are cut off: habits are compared with whole multiples, not billed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ingest.checks.days import DayReads
from ingest.checks.features import GROUP_COLUMNS, is_complete
from ingest.checks.habit_kernels import ALL, FREE, WORKING, habit_kernel, half_kernel, night_kernel
from ingest.checks.kernels import GROUPS, NO_NIGHT
from ingest.rules.rules import RuleSet
from ingest.vee.matrix import Ints, channel_places
from model.codes import Quality

RECENT_DAYS = 14
"""Days that are looked at when the period is shorter."""
KIND_DAYS_MIN = 3
"""Days of a kind that its habit takes; with fewer the habit of all days stands in."""
PAST_COLUMNS = [f"past{group}" for group in range(GROUPS)]


@dataclass(frozen=True)
class Habits:
    """What the past says of each channel that has days, by kind of day: ALL, WORKING (Monday to Friday), FREE."""

    numbers: Ints
    """Of the channels, in order."""
    counts: Ints
    """[kind, channel]: how many days of the past there are."""
    expected: Ints
    """[kind, channel]: median total."""
    spread: Ints
    """[kind, channel]: median departure from it."""
    parts: Ints
    """[kind, group, channel]: mean of each part of the day."""
    nights: Ints
    """[channel]: what the night flow of nine days of ten does not exceed; NO_NIGHT where no day has one."""
    halves: Ints
    """[half, group, channel]: sums of each part of the day, of the earlier and of the later half of the past."""

    def enough(self, days_min: int) -> np.ndarray:
        """Return which channels have so many days of a past, and one at least."""
        return np.asarray(self.counts[ALL] >= max(days_min, 1))


def recent_from(from_date: date, to_date: date) -> date:
    """Return the first recent day: the period's, or earlier when it is short."""
    return min(from_date, to_date - timedelta(days=RECENT_DAYS))


KNOWN_BY = ["is_expected", "present", "slots", "n", "worst"]
"""What says whether a day is known, beside its date."""


def is_known(reads: DayReads, rules: RuleSet) -> pl.Expr:
    """Return whether a day says what is usual, or is compared with it: complete, read, and not estimated."""
    since = recent_from(reads.from_date, reads.to_date) - timedelta(days=rules.history_days)
    return (
        pl.col("is_expected")
        & is_complete()
        & (pl.col("worst") <= int(Quality.FINAL_SUBSTITUTED))
        & pl.col("day").is_between(since, reads.to_date, closed="left")
    )


def is_free_day(rules: RuleSet) -> pl.Expr:
    """Return whether a day is a weekend's or a holiday."""
    holidays = pl.lit(pl.Series(list(rules.holidays), dtype=pl.Date)).implode()
    return (pl.col("day").dt.weekday() >= 6) | pl.col("day").is_in(holidays)


def habits_of(reads: DayReads, rules: RuleSet) -> Habits:
    """Return the habits of all channels of `reads`."""
    first = recent_from(reads.from_date, reads.to_date)
    days = reads.before(first).select(
        "channel_no",
        "total",
        *GROUP_COLUMNS,
        night=pl.col("night_low").fill_null(NO_NIGHT),
        number=pl.col("day").to_physical().cast(pl.Int64),
        is_free=is_free_day(rules),
        is_past=is_known(reads, rules),
    ).collect()  # fmt: skip
    numbers = reads.numbers
    rows, starts = _rows_of_channels(days, numbers)
    groups = tuple(days[name].to_numpy() for name in GROUP_COLUMNS)
    found = np.zeros((3, 3 + GROUPS, len(numbers)), np.int64)
    nights, halves = np.full(len(numbers), NO_NIGHT, np.int64), np.zeros((2, GROUPS, len(numbers)), np.int64)
    habit_kernel(starts, rows, days["is_free"].to_numpy(), days["total"].to_numpy(), groups, found)
    night_kernel(starts, rows, days["night"].to_numpy(), NO_NIGHT, nights)
    half_kernel(starts, rows, days["number"].to_numpy(), groups, halves)
    return Habits(numbers, found[:, 0], found[:, 1], found[:, 2], found[:, 3:], nights, halves)


def _rows_of_channels(days: pl.DataFrame, numbers: Ints) -> tuple[Ints, Ints]:
    """Return the rows of the past in order of channel and day, and where the rows of each channel begin and end."""
    some = np.flatnonzero(days["is_past"].to_numpy())
    channels = days["channel_no"].to_numpy()[some].astype(np.int64)
    # Months in order, one behind the other: a stable sort merges them, and the rows themselves stay where they are.
    order = np.argsort(channels * 2**32 + days["number"].to_numpy()[some], kind="stable")
    starts = np.searchsorted(channels[order], np.append(numbers, np.iinfo(np.int64).max))
    return some[order], starts


def with_expected(recent: pl.DataFrame, habits: Habits, rules: RuleSet) -> pl.DataFrame:
    """Return the recent days of channels with a past, and what it expects of each: by its kind of day, if it can.

    `recent` has channel_no and is_free. Added: expected; place (of the channel) and kind, for `with_habits`.
    """
    places = channel_places(habits.numbers, recent["channel_no"].to_numpy())
    known = habits.enough(rules.history_days_min)[places]
    days, places = (recent, places) if known.all() else (recent.filter(pl.Series(known)), places[known])
    kinds = np.where(days["is_free"].to_numpy(), FREE, WORKING)
    kinds = np.where(habits.counts[kinds, places] >= KIND_DAYS_MIN, kinds, ALL)
    expected = pl.Series("expected", habits.expected[kinds, places])
    return days.with_columns(expected, pl.Series("place", places), pl.Series("kind", kinds))


def with_habits(days: pl.DataFrame, habits: Habits) -> pl.DataFrame:
    """Add to some days of `with_expected` past_days, spread and past0..past7."""
    kinds, places = days["kind"].to_numpy(), days["place"].to_numpy()
    return days.with_columns(
        pl.Series("past_days", habits.counts[ALL, places]),
        pl.Series("spread", habits.spread[kinds, places]),
        *[pl.Series(name, habits.parts[kinds, group, places]) for group, name in enumerate(PAST_COLUMNS)],
    )


def nights_before(habits: Habits, rules: RuleSet) -> pl.DataFrame:
    """Return channel_no, past_days, past_total (median) and past_night of the channels with a past."""
    enough = habits.enough(rules.history_days_min)
    usual = pl.DataFrame(
        {
            "channel_no": habits.numbers[enough],
            "past_days": habits.counts[ALL, enough],
            "past_total": habits.expected[ALL, enough],
            "past_night": habits.nights[enough],
        }
    )
    return usual.with_columns(past_night=pl.when(pl.col("past_night") < NO_NIGHT).then("past_night"))


def halves_of(habits: Habits) -> pl.DataFrame:
    """Return channel_no, g0..g7 of the later half of the past, and g0_before..g7_before of the earlier half."""
    before, later = habits.halves
    parts = {name: later[group] for group, name in enumerate(GROUP_COLUMNS)}
    parts |= {f"{name}_before": before[group] for group, name in enumerate(GROUP_COLUMNS)}
    return pl.DataFrame({"channel_no": habits.numbers, **parts})
