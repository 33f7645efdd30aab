"""What the checks know of a channel beside its reads: class, capacity, siblings, and when anybody was supplied."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from store.control import Connection
from store.facts import facts

# Attributes of service points that checks ask for.
CAPACITY_KW = "capacity_kw"
GENERATION = "generation"
CHECK_SUFFIX = "check_suffix"
TOTAL_REGISTER = "total_register"
SUPPLY = "supply"
_WATTS_PER_KW = 1_000
_CAPACITY_KW_MAX = 10**9
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


def known_places(connection: Connection, channels: pl.DataFrame, from_date: date, to_date: date) -> Places:
    """Return what the control database knows of the channels in [from_date, to_date)."""
    agreements = facts(connection, "agreements").select("service_point_id", "account_id", "start_date", "end_date")
    classes = facts(connection, "accounts").select("account_id", "revenue_class")
    attributes = facts(connection, "service_point_attributes")
    meters = facts(connection, "meters").select("service_point_id", from_date="installed_date", to_date="removed_date")
    points = channels.select("channel_no", "service_point_id")
    supplied = agreements.select("service_point_id", from_date="start_date", to_date="end_date")
    return Places(
        with_attributes(with_class(channels, agreements, classes, from_date, to_date), attributes, to_date),
        points.join(meters, how="inner", on="service_point_id", validate="m:m").drop("service_point_id"),
        points.join(supplied, how="inner", on="service_point_id", validate="m:m").drop("service_point_id"),
        points.join(_off(attributes), how="inner", on="service_point_id", validate="m:m").drop("service_point_id"),
    )


def _off(attributes: pl.DataFrame) -> pl.DataFrame:
    """Return when supply is disconnected: the days on which the attribute `supply` of a point is `off`."""
    states = attributes.filter(pl.col("name") == SUPPLY).sort("service_point_id", "valid_from")
    following = pl.col("valid_from").shift(-1).over("service_point_id")
    dated = states.with_columns(from_date="valid_from", to_date=pl.coalesce("valid_to", following))
    return dated.filter(pl.col("value") == "off").select("service_point_id", "from_date", "to_date")


def with_class(
    channels: pl.DataFrame, agreements: pl.DataFrame, classes: pl.DataFrame, from_date: date, to_date: date
) -> pl.DataFrame:
    """Add `revenue_class`: that of the account whose agreement of the period began last."""
    running = agreements.filter(
        (pl.col("start_date") < to_date) & (pl.col("end_date").is_null() | (pl.col("end_date") > from_date))
    )
    latest = running.sort("service_point_id", "start_date", "account_id").unique("service_point_id", keep="last")
    named = latest.join(classes, how="left", on="account_id", validate="m:1")
    return channels.join(
        named.select("service_point_id", "revenue_class"), how="left", on="service_point_id", validate="m:1",
        maintain_order="left",
    )  # fmt: skip


def with_attributes(channels: pl.DataFrame, attributes: pl.DataFrame, to_date: date) -> pl.DataFrame:
    """Add the attributes that hold on the last day before `to_date`; a capacity that is no number counts as unknown."""
    holding = attributes.filter(
        (pl.col("valid_from") < to_date) & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= to_date))
    ).sort("service_point_id", "name", "valid_from")
    latest = holding.unique(["service_point_id", "name"], keep="last")
    for name in (CAPACITY_KW, GENERATION, CHECK_SUFFIX, TOTAL_REGISTER):
        values = latest.filter(pl.col("name") == name).select("service_point_id", pl.col("value").alias(name))
        channels = channels.join(values, how="left", on="service_point_id", validate="m:1", maintain_order="left")
    kilowatts = pl.col(CAPACITY_KW).cast(pl.Decimal(28, 9), strict=False)
    watts = pl.when(kilowatts.is_between(0, _CAPACITY_KW_MAX)).then(kilowatts * _WATTS_PER_KW).cast(pl.Int64)
    return channels.with_columns(capacity_w=watts).drop(CAPACITY_KW)
