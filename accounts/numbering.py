"""Channels get numbers in branch, route and place order, so that neighbours on a route are neighbours on disk."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from pandera.typing.polars import DataFrame

from model.accounts import ChannelNumbers
from model.schema import arranged
from store.control import Connection, insert, query
from store.facts import facts


def renumber(connection: Connection) -> None:
    """Number channels that have none yet and refresh what the numbers say about theirs. A number never changes."""
    known = {table: facts(connection, table) for table in ("service_points", "premises", "channels")}
    numbered = channel_numbers_of(connection, known)
    connection.execute("DELETE FROM channel_number")
    insert(connection, "channel_number", numbered)


def channel_numbers_of(connection: Connection, known: Mapping[str, pl.DataFrame]) -> DataFrame[ChannelNumbers]:
    """Return the channels of `known` facts (at any time) with their numbers, sorted by number."""
    numbers = query(connection, "SELECT channel_no, channel_id FROM channel_number")
    places = known["service_points"].join(
        known["premises"].select("premise_id", "branch_id"), on="premise_id", how="left", validate="m:1"
    )
    channels = known["channels"].join(places, on="service_point_id", how="left", validate="m:1")
    return number_channels(channels, numbers)


def number_channels(channels: pl.DataFrame, known: pl.DataFrame) -> DataFrame[ChannelNumbers]:
    """Return ChannelNumbers: known channels keep theirs, new ones follow in branch, route, place, channel order."""
    ordered = channels.join(known, on="channel_id", how="left", validate="1:1").sort(
        "branch_id", "route", "route_sequence", "service_point_id", "channel_id"
    )
    highest = known["channel_no"].max() or 0
    new = pl.col("channel_no").is_null()
    numbered = ordered.with_columns(
        pl.when(new).then(new.cum_sum().cast(pl.Int64) + highest).otherwise(pl.col("channel_no")).alias("channel_no")
    )
    return arranged(ChannelNumbers, numbered.sort("channel_no"))


def channel_numbers(connection: Connection, places: pl.Series | None = None) -> pl.DataFrame:
    """Return the channels with their numbers, sorted by number; of these service points where some are named."""
    if places is None:
        return arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
    connection.register("these_places", pl.DataFrame({"service_point_id": places}).to_arrow())
    try:
        own = "SELECT * FROM channel_number SEMI JOIN these_places USING (service_point_id) ORDER BY channel_no"
        return arranged(ChannelNumbers, query(connection, own))
    finally:
        connection.unregister("these_places")
