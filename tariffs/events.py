"""Events that are called outside the tariffs, such as critical peaks: read from CSV and recorded in two times."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from model.feeds import CalledEvents
from model.schema import arranged, column_names, grain
from model.tariff import Events
from store.control import Connection
from store.facts import FactCounts, facts, record_facts
from tariffs.cells import NAME
from tariffs.dated_csv import (
    INSTANT_EXPECTED,
    RowsAdded,
    Rule,
    holds,
    judged,
    read_rows,
    reject_overlaps,
    rejected,
    usable,
    with_instants,
)

EVENT_COLUMNS = ("event_series", "start", "end", "source")
CALLED_OFF = "cancelled"


def add_events(connection: Connection, data: bytes, name: str, *, recorded_at: datetime) -> RowsAdded:
    """Record the events of a CSV file (event_series, start, end, source and, if need be, zone). In a transaction.

    An event lasts from `start` to `end`, not included. A row for a start that is known replaces that event, and an end
    `cancelled` calls it off; what was known before stays known as of then. Rows that cannot be used are rejected with
    line and reason, the others are taken.

    Raises:
        InputError: the file is not such a CSV.
    """
    known = facts(connection, "called_event")
    rows = _judge_rows(with_instants(read_rows(data, name, EVENT_COLUMNS, ("zone",)), ("start", "end")))
    rows = _reject_overlaps(rows, known)
    counts: FactCounts = record_facts(connection, "called_event", _called(usable(rows)), recorded_at=recorded_at)
    return RowsAdded(counts.new, counts.changed, counts.same, rejected(rows))


def list_events(connection: Connection) -> pl.DataFrame:
    """Return the series of events as known now: event_series, events, called_off, first_utc, last_utc (its end)."""
    held = pl.col("end_utc").is_not_null()
    return (
        facts(connection, "called_event")
        .group_by("event_series")
        .agg(
            held.sum().cast(pl.Int64).alias("events"),
            (~held).sum().cast(pl.Int64).alias("called_off"),
            pl.col("start_utc").filter(held).min().alias("first_utc"),
            pl.col("end_utc").max().alias("last_utc"),
        )
        .sort("event_series")
    )


def events_on(connection: Connection, series: pl.Series, days: pl.DataFrame, known_at: datetime | None) -> pl.DataFrame:
    """Return events cut at civil days (model.tariff.Events) as known at a time (now when None).

    `days`: tz_name, day, begins_utc, ends_utc.
    """
    called = facts(connection, "called_event", known_at=known_at).filter(
        pl.col("event_series").is_in(series.implode()), pl.col("end_utc").is_not_null()
    )
    start, end = pl.max_horizontal("start_utc", "begins_utc"), pl.min_horizontal("end_utc", "ends_utc")
    cut = called.join(days, how="cross").filter(start < end)
    return arranged(
        Events,
        cut.select(
            "event_series", "tz_name", "day",
            (start - pl.col("begins_utc")).dt.total_minutes().alias("from_minute"),
            (end - pl.col("begins_utc")).dt.total_minutes().alias("to_minute"),
        ).sort(grain(Events)),
    )  # fmt: skip


def _called(rows: pl.DataFrame) -> pl.DataFrame:
    return arranged(CalledEvents, rows.select(column_names(CalledEvents)))


def _judge_rows(rows: pl.DataFrame) -> pl.DataFrame:
    is_off = (pl.col("end") == CALLED_OFF).fill_null(value=False)
    named = pl.col("event_series").str.contains(NAME)
    bad_end = pl.col("end_utc").is_null() & ~is_off
    first_line = pl.col("line").min().over("event_series", "start_utc")
    rules = [
        Rule("bad_event_series", ~holds(named), "event_series", "small letters, digits, `_`"),
        Rule("bad_zone", ~pl.col("is_zone_known"), "zone", "an IANA name such as America/Chicago"),
        Rule("bad_time", pl.col("start_utc").is_null(), "start", INSTANT_EXPECTED),
        Rule("bad_time", bad_end, "end", f"{INSTANT_EXPECTED}; or `{CALLED_OFF}`"),
        Rule("empty_period", holds(pl.col("end_utc") <= pl.col("start_utc")), "end", "a time after the start"),
        Rule("source_missing", pl.col("source").is_null(), "source", "where the event was announced"),
        Rule("doubled", pl.col("line") != first_line, "start", "one event for each start"),
    ]
    return judged(rows, rules)


def _reject_overlaps(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Reject events that overlap another of their series; those that are called off overlap nothing."""
    good, keys = usable(rows), grain(CalledEvents)
    fresh = good.join(known, how="anti", on=column_names(CalledEvents), nulls_equal=True)
    kept = known.join(good, how="anti", on=keys).with_columns(line=pl.lit(None, dtype=pl.UInt32))
    columns = [*keys, "end_utc", "line"]
    same = good.join(fresh, how="anti", on="line").with_columns(line=pl.lit(None, dtype=pl.UInt32))
    series = pl.concat([part.select(columns) for part in (kept, same, fresh)]).filter(pl.col("end_utc").is_not_null())
    expected = "a time in which the series has no other event"
    return reject_overlaps(rows, series, "event_series", "start_utc", "end_utc", expected)
