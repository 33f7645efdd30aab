"""Interval channels measured: those that were read, by interval length, then the sources that are made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from model.rating import RatingInput
from model.reads import slot_columns
from rating.asked import Asked
from rating.calendar import Calendar, build_masks
from rating.costs import slot_prices
from rating.intervals import IntervalUse, interval_use, no_use
from rating.made import make_days
from rating.powers import Powers, Reading, kept_powers


@dataclass(frozen=True)
class Measuring:
    """What is measured: the calendar, the input, what the rate book asks for, and the powers of each calendar."""

    calendar: Calendar
    given: RatingInput
    asked: Asked
    powers: Powers


def measuring(calendar: Calendar, given: RatingInput, asked: Asked) -> Measuring:
    """Return what is measured of the quantities that are asked for."""
    wanted = _by_calendar(calendar, asked.quantities.filter(pl.col("power_no").is_not_null()), "power_no")
    return Measuring(calendar, given, asked, Powers(wanted, asked.ways))


def needed_sources(calendar: Calendar, sources: pl.DataFrame, powers: Powers) -> pl.DataFrame:
    """Return which sources each calendar measures, and whether a power of them: cal_no, measure_no, needs_power.

    `sources`: version_id, measure_no.
    """
    with_power = powers.wanted.select("cal_no", "measure_no").unique().with_columns(pl.lit(True).alias("needs_power"))
    return (
        _by_calendar(calendar, sources)
        .join(with_power, on=["cal_no", "measure_no"], how="left", validate="1:1")
        .with_columns(pl.col("needs_power").fill_null(False))
    )


def measure_intervals(channels: pl.DataFrame, what: Measuring) -> IntervalUse:
    """Return use, powers and costs of all interval channels and of what is made of them; `good` of those read."""
    intervals = [
        _of_length(what.given.days.get(minutes), channels, minutes, what)
        for minutes in sorted(set(channels["interval_minutes"].to_list()) - {0})
    ]
    plain = _joined(intervals, what.powers)
    slotwise = what.asked.quantities.filter(pl.col("kind") == "slots")
    if slotwise.is_empty():
        return plain
    wanted = needed_sources(what.calendar, slotwise, what.powers)
    made = [
        _read(days.wide, days.channels, days.minutes, days.step, days.reading, what)
        for days in make_days(what.asked.made, wanted, channels, plain.good, what.given.days)
    ]
    found = _joined([plain, *made], what.powers)
    return replace(found, find_good=plain.find_good, is_complete=plain.is_complete)


def _by_calendar(calendar: Calendar, rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    return (
        calendar.segments.select("cal_no", "version_id")
        .join(rows, on="version_id", how="inner", validate="m:m")
        .select("cal_no", "measure_no", *columns)
        .unique()
    )


def _of_length(wide: pl.DataFrame | None, channels: pl.DataFrame, minutes: int, what: Measuring) -> IntervalUse:
    if wide is None or wide.is_empty():
        return no_use()
    mine = channels.filter(pl.col("interval_minutes") == minutes).select(
        "due_no", "cal_no", "channel_no", "measure_no", "needs_power", "is_shared", "from_date", "to_date"
    )
    return _read(wide, mine, minutes, 1, Reading(slot_columns(minutes), minutes), what)


def _read(
    wide: pl.DataFrame, channels: pl.DataFrame, minutes: int, step: int, reading: Reading, what: Measuring
) -> IntervalUse:
    days = what.calendar.days.join(channels.select("cal_no").unique(), on="cal_no", how="semi")
    masked_days, masks = build_masks(days, what.given.book, minutes, step)
    prices = slot_prices(what.calendar, what.asked.quantities, what.given.book, channels, minutes * step)
    return interval_use(wide, channels, masked_days, masks, reading, what.powers, prices)


def _joined(intervals: list[IntervalUse], powers: Powers) -> IntervalUse:
    if len(intervals) == 1:
        return intervals[0]
    parts = [no_use(), *intervals]
    found = [part.powers for part in parts if part.powers.height]
    return IntervalUse(
        pl.concat([part.use for part in parts]),
        # What one length came to is kept as it is: its powers count once already.
        found[0] if len(found) == 1 else kept_powers(pl.concat([part.powers for part in parts]), powers),
        pl.concat([part.costs for part in parts]),
        lambda: pl.concat([part.good for part in parts]),
        all(part.is_complete for part in intervals),
        sum(part.use.height > 0 for part in intervals) <= 1,
    )
