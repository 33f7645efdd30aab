"""Price series that change by the hour or faster: read from CSV, kept in wide days of UTC, recorded in two times."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from model.feeds import IntervalPrices
from model.schema import arranged, column_names, polars_schema
from store.control import Connection, query
from store.facts import facts, record_facts
from tariffs.cells import NAME
from tariffs.dated_csv import (
    INSTANT_EXPECTED,
    VALUE_EXPECTED,
    RowsAdded,
    Rule,
    holds,
    judged,
    read_rows,
    reject_overlaps,
    rejected,
    usable,
    value_e9,
    with_instants,
)

PRICE_COLUMNS = ("series_id", "start", "value", "source")
# Length of an interval -> minutes to which it begins; zones are apart by quarters of an hour.
_BEGINS_AT = {5: 5, 10: 10, 15: 15, 30: 15, 60: 15}
_DAY = ["series_id", "start_utc", "interval_minutes"]
_MINUTES_PER_DAY = 24 * 60


def add_prices(connection: Connection, data: bytes, name: str, *, recorded_at: datetime) -> RowsAdded:
    """Record the prices of a CSV file: series_id, start, value, source; if need be interval_minutes and zone.

    A price holds from `start` for its interval; where no row of the series says how long that is, it is the shortest
    time between two of its starts in the file. A row for a start that is known replaces its price; the old one stays
    known as of before. Rows that cannot be used are rejected with line and reason. Call it in a transaction.

    Raises:
        InputError: the file is not such a CSV.
    """
    rows = read_rows(data, name, PRICE_COLUMNS, ("interval_minutes", "zone"))
    rows = _judge_rows(_with_lengths(with_instants(rows, ("start",)).rename({"start_utc": "at_utc"})))
    known = _exploded(_near(connection, usable(rows)))
    rows = _reject_overlaps(rows, known)
    fresh = _placed(usable(rows))
    counts = _counts(fresh, known)
    record_facts(connection, "interval_prices", _wide_days(fresh, known), recorded_at=recorded_at)
    return RowsAdded(*counts, rejected(rows))


def list_prices(connection: Connection) -> pl.DataFrame:
    """Return the series as known now: series_id, interval_minutes, prices, first_utc, last_utc (end of the last)."""
    ends = pl.col("at_utc") + pl.duration(minutes=pl.col("interval_minutes"))
    return (
        _exploded(facts(connection, "interval_prices"))
        .group_by("series_id", "interval_minutes")
        .agg(
            pl.len().cast(pl.Int64).alias("prices"),
            pl.col("at_utc").min().alias("first_utc"),
            ends.max().alias("last_utc"),
        )
        .sort("series_id", "first_utc")
    )


def prices_between(
    connection: Connection, series: pl.Series, start: datetime, end: datetime, known_at: datetime | None
) -> pl.DataFrame:
    """Return the prices of series whose intervals begin in [start, end), as known at a time (now when None).

    Columns: series_id, at_utc, interval_minutes, value_e9.
    """
    wide = _between(connection, series, start - timedelta(days=1), end, known_at)
    inside = pl.col("at_utc").is_between(start, end, closed="left")
    return _exploded(wide).filter(inside).select("series_id", "at_utc", "interval_minutes", "value_e9")


def _between(
    connection: Connection, series: pl.Series, start: datetime, end: datetime, known_at: datetime | None = None
) -> pl.DataFrame:
    columns = ", ".join(column_names(IntervalPrices))
    held, times = "superseded_at IS NULL", []
    if known_at is not None:
        held, times = "recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)", [known_at, known_at]
    rows = query(
        connection,
        f"""SELECT {columns} FROM interval_prices
            WHERE {held} AND list_contains(?::VARCHAR[], series_id) AND start_utc >= ? AND start_utc < ?""",
        [*times, series.unique().to_list(), start, end],
    )
    return arranged(IntervalPrices, rows)


def _near(connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the known days around those of the rows."""
    if rows.is_empty():
        return pl.DataFrame(schema=polars_schema(IntervalPrices))
    first, last = rows.select(pl.col("at_utc").min().alias("first"), pl.col("at_utc").max().alias("last")).row(0)
    return _between(connection, rows["series_id"], first - timedelta(days=2), last + timedelta(days=2))


def _exploded(wide: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each known price: the keys of its day, slot, at_utc, value_e9, source."""
    minutes = pl.col("slot") * pl.col("interval_minutes").cast(pl.Int64)
    return (
        wide.with_columns(pl.int_ranges(pl.col("values_e9").list.len()).alias("slot"))
        .explode("values_e9", "slot")
        .rename({"values_e9": "value_e9"})
        .filter(pl.col("value_e9").is_not_null())
        .with_columns((pl.col("start_utc") + pl.duration(minutes=minutes)).alias("at_utc"))
    )


def _with_lengths(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the length of their interval: as stated, or the shortest step of their series; else null."""
    steps = (
        rows.filter(pl.col("interval_minutes").is_null(), pl.col("at_utc").is_not_null())
        .select("series_id", "at_utc")
        .unique()
        .sort("series_id", "at_utc")
        .group_by("series_id")
        .agg(pl.col("at_utc").diff().dt.total_minutes().min().alias("step"))
    )
    stated = pl.col("interval_minutes").str.to_integer(strict=False)
    length = pl.when(pl.col("interval_minutes").is_null()).then("step").otherwise(stated)
    return (
        rows.join(steps, on="series_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            raw_length=pl.coalesce("interval_minutes", pl.col("step").cast(pl.String)),
            interval_minutes=length.cast(pl.Int32, strict=False),
            value_e9=value_e9(pl.col("value")),
        )
        .drop("step")
    )


def _judge_rows(rows: pl.DataFrame) -> pl.DataFrame:
    lengths = list(_BEGINS_AT)
    named = pl.col("series_id").str.contains(NAME)
    length = pl.col("interval_minutes")
    begins_at = length.replace_strict(_BEGINS_AT, default=5, return_dtype=pl.Int32)
    is_odd = pl.col("at_utc").dt.minute().cast(pl.Int32) % begins_at != 0
    first_line = pl.col("line").min().over("series_id", "at_utc")
    rules = [
        Rule("bad_series_id", ~holds(named), "series_id", "small letters, digits, `_`"),
        Rule("bad_zone", ~pl.col("is_zone_known"), "zone", "an IANA name such as Europe/Oslo"),
        Rule("bad_time", pl.col("at_utc").is_null(), "start", INSTANT_EXPECTED),
        Rule(
            "bad_interval", ~holds(length.is_in(lengths)), "raw_length",
            f"an interval of {', '.join(str(minutes) for minutes in lengths)} minutes, stated as `interval_minutes` or "
            "told by the step to the next row",
        ),
        Rule("bad_time", holds(is_odd), "start", "a start on a whole interval of the hour"),
        Rule("bad_value", pl.col("value_e9").is_null(), "value", VALUE_EXPECTED),
        Rule("source_missing", pl.col("source").is_null(), "source", "where the price was published"),
        Rule("doubled", pl.col("line") != first_line, "start", "one price for each start"),
    ]  # fmt: skip
    return judged(rows, rules)


def _reject_overlaps(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Reject prices whose interval another price of the series overlaps: one of another length."""
    good = usable(rows)
    kept = known.join(good, on=["series_id", "at_utc", "interval_minutes"], how="anti").with_columns(
        line=pl.lit(None, dtype=pl.UInt32)
    )
    columns = ["series_id", "at_utc", "interval_minutes", "line"]
    series = pl.concat([kept.select(columns), good.select(columns)]).with_columns(
        (pl.col("at_utc") + pl.duration(minutes="interval_minutes")).alias("end_utc")
    )
    return reject_overlaps(
        rows, series, "series_id", "at_utc", "end_utc", "an interval that no other price of the series overlaps"
    )


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return prices with the keys of their day and their slot in it."""
    midnight = pl.col("at_utc").dt.truncate("1d")
    minute = (pl.col("at_utc") - midnight).dt.total_minutes()
    length = pl.col("interval_minutes").cast(pl.Int64)
    return rows.select(
        "series_id",
        (midnight + pl.duration(minutes=minute % length)).alias("start_utc"),
        "interval_minutes",
        (minute // length).alias("slot"),
        "value_e9",
        "source",
    )


def _counts(fresh: pl.DataFrame, known: pl.DataFrame) -> tuple[int, int, int]:
    both = fresh.join(known, on=[*_DAY, "slot"], how="inner", validate="1:1", suffix="_known")
    same = both.filter(pl.col("value_e9") == pl.col("value_e9_known")).height
    return fresh.height - both.height, both.height - same, same


def _wide_days(fresh: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the days of fresh prices with those that are known beside them, null where there is none."""
    days = fresh.select(_DAY).unique()
    kept = known.join(days, on=_DAY, how="semi").join(fresh, on=[*_DAY, "slot"], how="anti")
    prices = pl.concat([kept.select(fresh.columns), fresh])
    sources = (
        prices.select(*_DAY, pl.col("source").str.split("; ").alias("source"))
        .explode("source")
        .group_by(_DAY)
        .agg(pl.col("source").unique().sort().str.join("; "))
    )
    slots = pl.int_ranges(pl.lit(_MINUTES_PER_DAY) // pl.col("interval_minutes").cast(pl.Int64)).alias("slot")
    return (
        days.with_columns(slots)
        .explode("slot")
        .join(prices.drop("source"), on=[*_DAY, "slot"], how="left", validate="1:1")
        .sort(*_DAY, "slot")
        .group_by(_DAY, maintain_order=True)
        .agg(pl.col("value_e9").alias("values_e9"))
        .join(sources, on=_DAY, how="left", validate="1:1")
    )
