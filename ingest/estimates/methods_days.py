"""Estimates from other days of the channel: the nearest like days, the same weekday of the weeks before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.estimates.estimate import Gaps
from ingest.rules.rules import RuleSet
from ingest.vee.kernels import NEIGHBOUR, fill_like_days, reference_rows
from ingest.vee.matrix import Ints
from model.codes import Method

_HOLIDAY_CLASS = 9
_DAYS_PER_CHANNEL = 2**32


def fill_from_like_days(gaps: Gaps) -> None:
    """E02: the mean, half up, at the same clock time of the nearest like days whose every slot is trusted.

    Source: the three nearest like days, holidays of a type of their own, as meter data systems do.
    """
    grid, rules = gaps.grid, gaps.rules
    targets = gaps.pending
    references = like_days(grid.keys, gaps.usable, targets, rules)
    gaps.references[Method.LIKE_DAY] = (targets, references)
    clocks = (gaps.kinds.clock_of_slot, gaps.kinds.slot_of_clock)
    day_kind = grid.keys["kind"].to_numpy()
    fill_like_days(grid.values, day_kind, clocks, targets, references, out_values=gaps.values, out_methods=gaps.methods)


def fill_from_weeks(gaps: Gaps) -> None:
    """E03: the mean, half up, of the trusted slots at the same clock time, one to `multi_weeks` weeks before.

    Unlike for E02 a day need not be whole. Source: multi-week averages of meter data systems.
    """
    targets = gaps.pending
    references = weeks_before(gaps.grid.keys, targets, gaps.rules.multi_weeks)
    gaps.references[Method.MULTI_WEEK] = (targets, references)
    total, count = clock_sums(gaps, targets, references, only_trusted=True)
    gaps.fill(targets, count > 0, (2 * total + count) // np.maximum(2 * count, 1), Method.MULTI_WEEK)


def clock_sums(gaps: Gaps, targets: Ints, references: Ints, *, only_trusted: bool) -> tuple[Ints, Ints]:
    """Return, by target and slot, sum and number of the references' values at the same clock time."""
    total = np.zeros((len(targets), gaps.values.shape[1]), np.int64)
    count = np.zeros_like(total)
    for place in range(references.shape[1]):
        values, is_there = at_same_clock(gaps, targets, references[:, place], only_trusted=only_trusted)
        total += np.where(is_there, values, 0)
        count += is_there
    return total, count


def at_same_clock(gaps: Gaps, targets: Ints, rows: Ints, *, only_trusted: bool) -> tuple[Ints, Ints]:
    """Return the values of `rows` (one for each target; -1 for none) at the clock times of the targets' slots.

    The second array says which are there: a clock time that the other day skips, or a slot in doubt, is not.
    """
    kinds = gaps.grid.keys["kind"].to_numpy()
    clocks = gaps.kinds.clock_of_slot[kinds[targets]][:, : gaps.values.shape[1]]
    there = gaps.kinds.slot_of_clock[kinds[np.maximum(rows, 0)]]
    slots = np.take_along_axis(there, np.maximum(clocks, 0), axis=1)
    is_there = (rows >= 0)[:, None] & (clocks >= 0) & (slots >= 0)
    place = (np.maximum(rows, 0)[:, None], np.maximum(slots, 0))
    if only_trusted:
        is_there &= gaps.states[place] == NEIGHBOUR
    return gaps.grid.values[place].astype(np.int64), is_there.astype(np.int64)


def day_class(rules: RuleSet) -> pl.Expr:
    """Return the class within which days are alike: Monday to Friday 1, Saturday 6, Sunday 7, holidays their own."""
    weekday = pl.col("day").dt.weekday()
    like = pl.when(weekday <= 5).then(1).otherwise(weekday)
    holidays = pl.lit(pl.Series(list(rules.holidays), dtype=pl.Date)).implode()
    return pl.when(pl.col("day").is_in(holidays)).then(_HOLIDAY_CLASS).otherwise(like).cast(pl.UInt8)


def weeks_before(days: pl.DataFrame, targets: Ints, weeks: int) -> Ints:
    """Return, for each target, the rows of the same channel 7, 14, ... days before; -1 where there is none.

    `days` has channel_no and day, in order.
    """
    columns = days.select(pl.col("channel_no").cast(pl.Int64), pl.col("day").cast(pl.Int32).cast(pl.Int64))
    keys = columns["channel_no"].to_numpy() * _DAYS_PER_CHANNEL + columns["day"].to_numpy()
    wanted = keys[targets][:, None] - 7 * np.arange(1, weeks + 1)[None, :]
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def like_days(days: pl.DataFrame, usable: npt.NDArray[np.bool_], targets: Ints, rules: RuleSet) -> Ints:
    """Return, for each target, the rows of the nearest usable like days; -1 where there are fewer. `days` as above."""
    columns = days.select(
        channel=pl.col("channel_no").cast(pl.Int64),
        day=pl.col("day").cast(pl.Int32).cast(pl.Int64),
        day_class=day_class(rules),
    )
    return reference_rows(
        columns["channel"].to_numpy(),
        columns["day"].to_numpy(),
        columns["day_class"].to_numpy(),
        usable,
        targets,
        within=rules.like_days_within,
        wanted=rules.like_days,
    )
