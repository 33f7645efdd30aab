"""Events and interval prices of a rate book, cut at the civil days on which it rates."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
from pandera.typing.polars import DataFrame

from model.schema import arranged, empty, grain
from model.tariff import Events, RateBook, SeriesDays
from model.zones import day_start_utc
from store.control import Connection
from tariffs.events import events_on
from tariffs.interval_prices import prices_between

# Lengths into which prices of one day may be parted; a day of one length keeps it.
_LENGTHS = (60, 30, 15, 10, 5)
_DAY = ["series_id", "tz_name", "day"]


def with_feeds(
    connection: Connection, book: RateBook, periods: pl.DataFrame, *, known_at: datetime | None = None
) -> RateBook:
    """Return the rate book with the events and prices that it uses, as known at a time (now when None).

    `periods`: tz_name, start_date, end_date of what is rated; of other days nothing is needed.
    """
    called = book.event_windows["event_series"].unique()
    priced = book.quantities["series_id"].drop_nulls().unique()
    days = _civil_days(periods)
    if days.is_empty() or not (called.len() or priced.len()):
        return replace(book, events=empty(Events), series_days=empty(SeriesDays))
    first, after = days.select(pl.col("begins_utc").min().alias("first"), pl.col("ends_utc").max().alias("after")).row(
        0
    )
    prices = prices_between(connection, priced, first, after, known_at)
    return replace(
        book,
        events=arranged(Events, events_on(connection, called, days, known_at)),
        series_days=series_days(prices, days),
    )


def series_days(prices: pl.DataFrame, days: pl.DataFrame) -> DataFrame[SeriesDays]:
    """Return prices (see `tariffs.interval_prices.prices_between`) as civil days; a missing one is null.

    Where a day has intervals of several lengths, the longer ones are parted. A price that reaches over midnight
    counts on neither day, so both are not whole.
    """
    zones = days.select("tz_name").unique()
    located = [
        prices.with_columns(
            pl.lit(name).alias("tz_name"), pl.col("at_utc").dt.convert_time_zone(name).dt.date().alias("day")
        )
        for name in zones["tz_name"].sort().to_list()
    ]
    found = pl.concat(located).join(days, on=["tz_name", "day"], how="inner", validate="m:1")
    minute = (pl.col("at_utc") - pl.col("begins_utc")).dt.total_minutes()
    length = pl.col("interval_minutes").cast(pl.Int64)
    fits = [((minute % part == 0) & (length % part == 0)).all().over(_DAY) for part in _LENGTHS]
    part = pl.coalesce(pl.when(fit).then(pl.lit(part, pl.Int64)) for fit, part in zip(fits, _LENGTHS, strict=True))
    inside = pl.col("at_utc") + pl.duration(minutes=length) <= pl.col("ends_utc")
    slotted = (
        found.filter(inside)
        .with_columns(part.alias("part"))
        .filter(pl.col("part").is_not_null())
        .with_columns((minute // pl.col("part")).alias("first"), (length // pl.col("part")).alias("many"))
        .with_columns(pl.int_ranges("first", pl.col("first") + pl.col("many")).alias("slot"))
        .select(*_DAY, "part", "slot", "value_e9")
        .explode("slot")
    )
    return _whole_days(slotted, days)


def _whole_days(slotted: pl.DataFrame, days: pl.DataFrame) -> DataFrame[SeriesDays]:
    """Return the slots as lists that are as long as their days."""
    minutes = (pl.col("ends_utc") - pl.col("begins_utc")).dt.total_minutes()
    frame = slotted.select(*_DAY, "part").unique().join(days, on=["tz_name", "day"], how="left", validate="m:1")
    wide = (
        frame.with_columns(pl.int_ranges(minutes // pl.col("part")).alias("slot"))
        .explode("slot")
        .join(slotted, on=[*_DAY, "part", "slot"], how="left", validate="1:1")
        .sort(*_DAY, "slot")
        .group_by(*_DAY, "part", maintain_order=True)
        .agg(pl.col("value_e9").alias("values_e9"))
    )
    return arranged(SeriesDays, wide.rename({"part": "interval_minutes"}).sort(grain(SeriesDays)))


def _civil_days(periods: pl.DataFrame) -> pl.DataFrame:
    """Return the civil days of periods with the instants at which they begin and end."""
    days = (
        periods.select("tz_name", "start_date", "end_date")
        .unique()
        .filter(pl.col("start_date") < pl.col("end_date"))
        .select("tz_name", pl.date_ranges("start_date", "end_date", closed="left").alias("day"))
        .explode("day")
        .unique()
        .sort("tz_name", "day")
    )
    following = days.select("tz_name", pl.col("day").dt.offset_by("1d"))
    utc = pl.Datetime("us", "UTC")
    begins, ends = ([day_start_utc(*key) for key in frame.iter_rows()] for frame in (days, following))
    return days.with_columns(pl.Series("begins_utc", begins, dtype=utc), pl.Series("ends_utc", ends, dtype=utc))
