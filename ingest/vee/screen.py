"""Screening of channel-days: sums and extremes of every day, and what the rules say of them at first sight."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.rules.rules import RuleSet
from ingest.vee.matrix import MISSING, day_positions, real_slots, value_matrix
from ingest.vee.slot_kernels import screen_wide
from model.codes import Quality
from model.reads import slot_columns

_MEASURED = [
    "at", "channel_no", "day", "n", "worst", "base_seq", "is_flagged", "slots_valued", "quantity", "lowest", "highest",
    "third",
]  # fmt: skip


def measure_days(landed: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Return a row for each landed one, in its order, with what the rules need of it.

    channel_no, day, n, worst, base_seq; at (its row), is_flagged (its slots differ in quality); slots_valued, quantity,
    lowest, highest, third (smallest unit; the extremes mean nothing when there are fewer values).
    """
    found = screen_wide(landed, interval_minutes, real_slots(landed["n"]))
    flagged = pl.col("flags").is_not_null()
    keys = (
        landed.select("channel_no", "day", "n", "worst", base_seq="seq", is_flagged=flagged)
        .rechunk()
        .with_row_index("at")
    )
    return keys.with_columns(
        pl.Series("slots_valued", found.present, dtype=pl.Int32),
        pl.Series("quantity", found.total, dtype=pl.Int64),
        pl.Series("lowest", found.lowest, dtype=pl.Int64),
        pl.Series("highest", found.highest, dtype=pl.Int64),
        pl.Series("third", found.third, dtype=pl.Int64),
    )


def as_measured(days: pl.DataFrame, landed: pl.DataFrame) -> pl.DataFrame | None:
    """Return what `measure_days` says of landed rows, from what was measured of them for the rule set.

    None where that left out rows, or slots beyond the clock's day: `days` has the columns of
    `ingest.checks.features.measured_days`.
    """
    if days.height != landed.height or days.select((pl.col("n") > pl.col("slots")).any()).item():
        return None
    flagged = landed.select(is_flagged=pl.col("flags").is_not_null()).to_series()
    named = days.with_columns(flagged, at="row", slots_valued="present", quantity="total")
    return named.select(_MEASURED).rechunk()


def screen(measured: pl.DataFrame, expected: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Return the measured days with the verdict on spikes. Both frames in order of channel and day.

    Adds is_expected; refuse_above (V10, null when nothing is refused), is_refused, is_warned.
    """
    is_expected = pl.Series("is_expected", day_positions(measured, expected) >= 0)
    frame = _with_spike_limit(measured.with_columns(is_expected), rules)
    is_refused = (pl.col("highest") > pl.col("refuse_above")).fill_null(value=False)
    return frame.with_columns(is_refused=is_refused, is_warned=stands_out(rules) & ~is_refused)


def stands_out(rules: RuleSet) -> pl.Expr:
    """Return whether a day's highest value is to be warned of (V10)."""
    rise = pl.col("highest") - pl.col("third")
    return (pl.col("third") > 0) & (rise * 100 > pl.col("third") * rules.spike_warn_percent)


def is_doubtful(rules: RuleSet) -> pl.Expr:
    """Return whether a screened day needs a closer look: something missing, negative, or far above the day's rest.

    It needs no other day, so it says which channels' surrounding days are worth reading at all.
    """
    return (
        (pl.col("slots_valued") < pl.col("n"))
        | (pl.col("worst") == int(Quality.MISSING))
        | (pl.col("lowest") < 0)
        | _may_be_refused(rules)
    )


def with_highest_slot(days: pl.DataFrame, landed: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Add `highest_slot`, the first slot of the highest value; `at` is the row of each day in `landed`."""
    rows = landed.select(pl.col(slot_columns(interval_minutes)).gather(days["at"]))
    values = value_matrix(rows, interval_minutes).copy()
    values[np.arange(values.shape[1])[None, :] >= real_slots(days["n"])[:, None]] = MISSING
    return days.with_columns(pl.Series("highest_slot", values.argmax(axis=1), dtype=pl.Int16))


def _may_be_refused(rules: RuleSet) -> pl.Expr:
    limit = pl.max_horizontal(pl.col("third") * rules.spike_fail_ratio, pl.lit(rules.spike_fail_floor, dtype=pl.Int64))
    return (pl.col("third") > 0) & (pl.col("highest") > limit)


def _with_spike_limit(frame: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Add V10's limit of each day: values above it are refused; null when nothing says what is usual.

    Usual is said by the day's third highest value and by the channel's other days; both must be above zero. Only
    channels with a day that may be refused get limits.
    """
    suspects = frame.filter(_may_be_refused(rules))["channel_no"].unique()
    if suspects.is_empty():
        return frame.with_columns(refuse_above=pl.lit(None, dtype=pl.Int64))
    is_suspect = frame["channel_no"].is_in(suspects.implode())
    days = frame.select("channel_no", "highest", "third").filter(is_suspect)
    top = pl.col("highest").max().over("channel_no")
    is_alone = (pl.col("highest") == top).sum().over("channel_no") == 1
    second = pl.col("highest").filter(pl.col("highest") < top).max().over("channel_no")
    others = pl.when((pl.col("highest") == top) & is_alone).then(second).otherwise(top)
    limit = pl.max_horizontal("third", "others") * rules.spike_fail_ratio
    has_basis = (pl.col("third") > 0) & (pl.col("others") > 0)
    limits = days.with_columns(others=others).select(
        refuse_above=pl.when(has_basis).then(pl.max_horizontal(limit, pl.lit(rules.spike_fail_floor, dtype=pl.Int64))),
    )
    # The limits are in the order of the days that have some, so each finds its row by counting those before it.
    place = is_suspect.cum_sum().cast(pl.Int64) - 1
    places = pl.select(pl.when(is_suspect).then(place)).to_series()
    return frame.with_columns(limits.select(pl.col("refuse_above").gather(places)).to_series())
