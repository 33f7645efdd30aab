"""Stamps of CMEP: implied times, and the start of an interval from its END on the wall clock."""

from __future__ import annotations

import polars as pl

from ingest.formats.flows.fields import stamp

_DAY_MINUTES = 24 * 60


def interval_minutes(code: pl.Expr) -> pl.Expr:
    """Return the minutes of an interval code MMDDhhmm (00000100 is an hour); null for months, or for no such code."""
    days, hours, minutes = (code.str.slice(at, 2).cast(pl.Int32, strict=False) for at in (2, 4, 6))
    length = days * _DAY_MINUTES + hours * 60 + minutes
    return pl.when(code.str.contains(r"^00\d{6}$") & (length > 0)).then(length).cast(pl.Int32)


def with_stamps(triples: pl.DataFrame) -> pl.DataFrame:
    """Add `stamp` to triples of (line, position, time, length): a time left out follows the one before it.

    Null where a time is none, and where the first of a line is left out. Order of rows: line, position.
    """
    stated = stamp(pl.col("time"), 12)
    base = pl.when(pl.col("time") != "").then("position").forward_fill().over("line")
    placed = triples.with_columns(stated.alias("stated"), base.alias("base"))
    # A stamp that cannot be read is a base too: what follows it has no place either.
    last = pl.col("stated").first().over("line", "base")
    steps = (pl.col("position") - pl.col("base")) * pl.col("length")
    moved = pl.when(pl.col("base").is_not_null()).then(last + pl.duration(minutes=steps))
    return placed.with_columns(pl.when(steps == 0).then("stated").otherwise(moved).alias("stamp")).drop(
        "stated", "base"
    )


def start_of_interval() -> pl.Expr:
    """Return when the interval that ends at `stamp` began, on the wall clock; rows in order, one series at a time.

    An hour's end less an hour is its start, but not where the clock was changed in between. CMEP is a format of North
    America, so those nights are known: on the second Sunday of March the interval that ends at 03:00 began before
    02:00, on the first Sunday of November the second one that ends at 01:00 began after the first.
    Source: Energy Policy Act of 2005, section 110 (15 U.S.C. 260a).
    """
    end, minutes = pl.col("stamp"), pl.col("length")
    before = end.shift(1).over("series_no")
    is_sunday = end.dt.weekday() == 7
    is_same_day = before.dt.date() == end.dt.date()
    second_sunday = is_sunday & (end.dt.month() == 3) & end.dt.day().is_between(8, 14)
    first_sunday = is_sunday & (end.dt.month() == 11) & (end.dt.day() <= 7)
    step = (end - before).dt.total_minutes()
    skips = second_sunday & (end.dt.time() == pl.time(3)) & (step == minutes + 60)
    repeats = first_sunday & (end.dt.time() == pl.time(1)) & is_same_day & (before >= end)
    shift = pl.when(skips.fill_null(False)).then(-60).when(repeats.fill_null(False)).then(60).otherwise(0)
    return end - pl.duration(minutes=minutes) + pl.duration(minutes=shift)
