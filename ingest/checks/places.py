"""What the checks know of a channel beside its reads: class, capacity, siblings, and when anybody was supplied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from store.control import Connection, query
from store.facts import facts

# Attributes of service points that checks ask for.
CAPACITY_KW = "capacity_kw"
GENERATION = "generation"
CHECK_SUFFIX = "check_suffix"
TOTAL_REGISTER = "total_register"
SUPPLY = "supply"
_WATTS_PER_KW = 1_000
_CAPACITY_KW_MAX = 10**9
# The class is that of the account whose agreement of the period began last.
_CLASSES = """
    WITH latest AS (
        SELECT service_point_id, arg_max(account_id, (start_date, account_id)) AS account_id
        FROM agreements SEMI JOIN asked_channels USING (service_point_id)
        WHERE superseded_at IS NULL AND start_date < ? AND (end_date IS NULL OR end_date > ?)
        GROUP BY service_point_id
    )
    SELECT channel_no, revenue_class FROM asked_channels LEFT JOIN latest USING (service_point_id)
    LEFT JOIN (SELECT account_id, revenue_class FROM accounts WHERE superseded_at IS NULL) USING (account_id)
    ORDER BY channel_no
"""
_HUNG = """
    SELECT channel_no, installed_date AS from_date, removed_date AS to_date
    FROM asked_channels JOIN meters USING (service_point_id) WHERE superseded_at IS NULL ORDER BY ALL
"""
_SUPPLIED = """
    SELECT channel_no, agreements.start_date AS from_date, agreements.end_date AS to_date
    FROM asked_channels JOIN agreements USING (service_point_id) WHERE superseded_at IS NULL ORDER BY ALL
"""
_SPANS = {"channel_no": pl.Int32(), "from_date": pl.Date(), "to_date": pl.Date()}


@dataclass(frozen=True)
class Places:
    """Channels with what is known of them in a period, and when meters hang at their service points."""

    channels: pl.DataFrame
    """ChannelNumbers with revenue_class, capacity_w, generation, check_suffix, total_register; null where unknown."""
    hung: pl.DataFrame
    """channel_no, from_date, to_date (half-open, null while it hangs): a meter hangs at the service point."""
    supplied: pl.DataFrame
    """channel_no, from_date, to_date (half-open, null while it runs): somebody has an agreement."""
    off: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SPANS))
    """channel_no, from_date, to_date (half-open, null while it lasts): supply is disconnected."""

    def of(self, low: int, high: int) -> Places:
        """Return what is known of the channels from `low` to `high`."""
        own = pl.col("channel_no").is_between(low, high)
        frames = (self.channels, self.hung, self.supplied, self.off)
        return Places(*(frame.filter(own) for frame in frames))


@contextmanager
def asked_channels(connection: Connection, channels: pl.DataFrame) -> Iterator[None]:
    """Let SQL ask about channels (ChannelNumbers) as `asked_channels` while the block lasts."""
    asked = channels.select("channel_no", "service_point_id", "start_date", "end_date")
    connection.register("asked_channels", asked.to_arrow())
    try:
        yield
    finally:
        connection.unregister("asked_channels")


def known_places(connection: Connection, channels: pl.DataFrame, from_date: date, to_date: date) -> Places:
    """Return what the control database knows of the channels in [from_date, to_date).

    Names of places stay in the database: numbers and dates come out of it.
    """
    points = channels.select("channel_no", "service_point_id")
    attributes = facts(connection, "service_point_attributes", among=points["service_point_id"])
    with asked_channels(connection, channels):
        classes = query(connection, _CLASSES, [to_date, from_date])
        hung, supplied = _spans(connection, _HUNG), _spans(connection, _SUPPLIED)
    classed = channels.join(classes, how="left", on="channel_no", validate="1:1", maintain_order="left")
    off = points.join(_off(attributes), how="inner", on="service_point_id", validate="m:m").drop("service_point_id")
    return Places(with_attributes(classed, attributes, to_date), hung, supplied, off)


def _spans(connection: Connection, sql: str) -> pl.DataFrame:
    """Return channel_no, from_date, to_date.

    What lies under a null that comes out of a sort is there by chance; blocks given to a runner are named by content.
    """
    ends = pl.col("to_date")
    return query(connection, sql).with_columns(to_date=pl.when(ends.is_not_null()).then(ends.fill_null(date.min)))


def _off(attributes: pl.DataFrame) -> pl.DataFrame:
    """Return when supply is disconnected: the days on which the attribute `supply` of a point is `off`."""
    states = attributes.filter(pl.col("name") == SUPPLY).sort("service_point_id", "valid_from")
    following = pl.col("valid_from").shift(-1).over("service_point_id")
    dated = states.with_columns(from_date="valid_from", to_date=pl.coalesce("valid_to", following))
    return dated.filter(pl.col("value") == "off").select("service_point_id", "from_date", "to_date")


def with_attributes(channels: pl.DataFrame, attributes: pl.DataFrame, to_date: date) -> pl.DataFrame:
    """Add the attributes that hold on the last day before `to_date`; a capacity that is no number counts as unknown."""
    holding = attributes.filter(
        (pl.col("valid_from") < to_date) & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= to_date))
    ).sort("service_point_id", "name", "valid_from")
    latest = holding.unique(["service_point_id", "name"], keep="last")
    named = latest.group_by("service_point_id").agg(
        pl.col("value").filter(pl.col("name") == name).first().alias(name)
        for name in (CAPACITY_KW, GENERATION, CHECK_SUFFIX, TOTAL_REGISTER)
    )
    channels = channels.join(named, how="left", on="service_point_id", validate="m:1", maintain_order="left")
    kilowatts = pl.col(CAPACITY_KW).cast(pl.Decimal(28, 9), strict=False)
    watts = pl.when(kilowatts.is_between(0, _CAPACITY_KW_MAX)).then(kilowatts * _WATTS_PER_KW).cast(pl.Int64)
    return channels.with_columns(capacity_w=watts).drop(CAPACITY_KW)
