"""What the workspace knows beside the landed days of channels: register spans, outages, linked channels, edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.estimates.estimate import EDIT_SCHEMA, FLOW_SCHEMA, OUTAGE_SCHEMA, SPAN_SCHEMA, TRUSTED
from ingest.rules.rules import RuleSet
from ingest.vee.matrix import MISSING, quality_matrix, real_slots, value_matrix
from ingest.vee.registers import SMALLEST_PER_DIAL_UNIT
from model.accounts import ChannelNumbers
from model.codes import Quality
from model.edits import EditKind, EditState
from model.schema import arranged
from model.zones import day_start_utc
from store.control import Connection
from store.facts import facts

# An edit of these kinds puts its value into the slot.
_VALUED = [EditKind.VALUE.value, EditKind.AGREED.value, EditKind.CUSTOMER.value, EditKind.ZERO.value]


@dataclass(frozen=True)
class Recorded:
    """What the control database has recorded beside the reads, asked once for all channels."""

    outages: pl.DataFrame
    links: pl.DataFrame
    edits: pl.DataFrame
    edit_values: pl.DataFrame


def recorded_beside(connection: Connection) -> Recorded:
    """Return outages, links between channels and decisions about reads, of all channels."""
    tables = ("outages", "channel_links", "read_edit", "read_edit_value")
    return Recorded(*(facts(connection, table) for table in tables))


def register_spans(
    usage: pl.DataFrame, channels: DataFrame[ChannelNumbers], meters: pl.DataFrame, rules: RuleSet
) -> pl.DataFrame:
    """Return the use between registers of interval channels (SPAN_SCHEMA), where both readings are trusted.

    A register says what an interval channel counted when it is the only one of its measure at the service point, and
    so is the channel. `usage`: model.reads.RegisterUsage.
    """
    linked = registers_beside(channels).select("register_no", "channel_no")
    factors = meters.group_by("meter_id").agg(pl.col("multiplier").max())
    trusted = usage.filter(~pl.col("is_rejected") & (pl.col("quality") <= int(Quality.FINAL_SUBSTITUTED)))
    return (
        trusted.filter(pl.col("from_date") < pl.col("to_date"))
        .join(linked, how="inner", left_on="channel_no", right_on="register_no", validate="m:1")
        .join(factors, how="left", on="meter_id", validate="m:1")
        .with_columns(tolerance=pl.col("multiplier") * SMALLEST_PER_DIAL_UNIT * rules.scale_tolerance_units)
        .select(pl.col("channel_no_right").alias("channel_no"), "from_date", "to_date", "quantity", "tolerance")
        .cast(SPAN_SCHEMA)  # type: ignore[arg-type]  # names and types, as cast takes them
        .sort("channel_no", "from_date")
    )


def registers_beside(channels: DataFrame[ChannelNumbers]) -> pl.DataFrame:
    """Return the registers that count what an interval channel does: register_no, channel_no, interval_minutes."""
    flow = ["service_point_id", "measure"]
    registers = channels.filter(pl.col("interval_minutes") == 0).filter(pl.len().over(flow) == 1)
    intervals = channels.filter(pl.col("interval_minutes") > 0).filter(pl.len().over(flow) == 1)
    own = intervals.select(*flow, "channel_no", "interval_minutes")
    linked = registers.select(*flow, register_no="channel_no").join(own, how="inner", on=flow, validate="1:1")
    return linked.select("register_no", "channel_no", "interval_minutes")


def outage_slots(
    known: pl.DataFrame, channels: DataFrame[ChannelNumbers], minutes: int, from_date: date, to_date: date
) -> pl.DataFrame:
    """Return the slots of channels of one interval length in `known` outages, by day in [from_date, to_date)."""
    if known.is_empty():
        return pl.DataFrame(schema=OUTAGE_SCHEMA)
    near = known.filter(
        pl.col("end_utc").dt.date() >= from_date - timedelta(days=1),
        pl.col("start_utc").dt.date() <= to_date + timedelta(days=1),
    )
    points = channels.select("channel_no", "service_point_id", "tz_name")
    hit = near.join(points, how="inner", on="service_point_id", validate="m:m")
    days = hit.with_columns(
        # A zone is at most 14 hours from UTC, so these are all civil days that the outage can touch.
        day=pl.date_ranges(
            pl.col("start_utc").dt.date() - pl.duration(days=1), pl.col("end_utc").dt.date() + pl.duration(days=1)
        )
    ).explode("day")
    starts = days.select("tz_name", "day").unique().sort("tz_name", "day")
    instants = [day_start_utc(*pair) for pair in starts.iter_rows()]  # a row per zone and day, not per channel
    starts = starts.with_columns(pl.Series("day_start", instants, dtype=pl.Datetime("us", "UTC")))
    placed = days.join(starts, how="left", on=["tz_name", "day"], validate="m:1")
    length = minutes * 60 * 1_000_000
    begin, end = ((pl.col(name) - pl.col("day_start")).dt.total_microseconds() for name in ("start_utc", "end_utc"))
    inside = placed.select("channel_no", "day", first_slot=-((-begin) // length), after_slot=end // length).filter(
        pl.col("after_slot") > 0, pl.col("day").is_between(from_date, to_date, closed="left")
    )
    return inside.with_columns(pl.col("first_slot").clip(lower_bound=0)).cast(OUTAGE_SCHEMA)  # type: ignore[arg-type]


def linked_values(
    known: pl.DataFrame,
    channels: DataFrame[ChannelNumbers],
    every: DataFrame[ChannelNumbers],
    minutes: int,
    days_of: Callable[[DataFrame[ChannelNumbers]], pl.DataFrame],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the trusted values of check channels, and of flows calculated from others (FLOW_SCHEMA each).

    `known` links channels; `every` has all of these; `days_of` returns the current days of some. A calculated value
    needs all its parts, and is not below zero.
    """
    if known.is_empty():
        return pl.DataFrame(schema=FLOW_SCHEMA), pl.DataFrame(schema=FLOW_SCHEMA)
    numbers = every.filter(pl.col("interval_minutes") == minutes).select("channel_id", "channel_no")
    links = (
        known.join(channels.select("channel_id", "channel_no"), how="inner", on="channel_id", validate="m:1")
        .join(
            numbers.select(other_channel_id="channel_id", other_no="channel_no"), how="inner",
            on="other_channel_id", validate="m:1",
        )
    )  # fmt: skip
    if links.is_empty():
        return pl.DataFrame(schema=FLOW_SCHEMA), pl.DataFrame(schema=FLOW_SCHEMA)
    others = arranged(ChannelNumbers, every.filter(pl.col("channel_no").is_in(links["other_no"].implode())))
    values = _long(days_of(others), minutes).rename({"channel_no": "other_no"})
    joined = links.select("channel_no", "other_no", "role").join(values, how="inner", on="other_no", validate="m:m")
    slots = ["channel_no", "day", "slot"]
    checks = joined.filter(pl.col("role") == "check").group_by(slots).agg(pl.col("value").first(), count=pl.len())
    checks = checks.filter(pl.col("count") == 1)  # of two check channels neither is more right
    parts = links.filter(pl.col("role") != "check").group_by("channel_no").agg(parts=pl.len())
    signed = pl.when(pl.col("role") == "plus").then(pl.col("value")).otherwise(-pl.col("value"))
    flows = (
        joined.filter(pl.col("role") != "check")
        .group_by(slots)
        .agg(value=signed.sum(), count=pl.len())
        .join(parts, how="left", on="channel_no", validate="m:1")
        .filter((pl.col("count") == pl.col("parts")) & (pl.col("value") >= 0))
    )
    return _flow(checks), _flow(flows)


def approved_edits(
    recorded: Recorded, channels: DataFrame[ChannelNumbers], from_date: date, to_date: date
) -> pl.DataFrame:
    """Return the latest decision about each slot of the days in [from_date, to_date), as EDIT_SCHEMA."""
    heads = recorded.edits.filter(
        pl.col("state") == EditState.APPROVED.value,
        pl.col("meter_id").is_null(),
        pl.col("channel_no").is_in(channels["channel_no"].implode()),
        pl.col("from_date") < to_date,
        pl.col("to_date") > from_date,
    )
    if heads.is_empty():
        return pl.DataFrame(schema=EDIT_SCHEMA)
    values = recorded.edit_values.filter(pl.col("day").is_between(from_date, to_date, closed="left"))
    joined = values.join(heads.select("edit_id", "channel_no", "kind", "decided_at"), how="inner", on="edit_id")
    key = ["channel_no", "day", "slot", "base_seq"]
    latest = joined.sort(*key, "decided_at", "edit_id").unique(key, keep="last", maintain_order=True)
    kind = pl.when(pl.col("kind").is_in(_VALUED)).then(pl.lit("value")).otherwise("kind").alias("kind")
    return latest.with_columns(kind).select(list(EDIT_SCHEMA)).cast(EDIT_SCHEMA)  # type: ignore[arg-type]


def _long(days: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return the trusted values of wide days, one a row: channel_no, day, slot, value."""
    values = np.asarray(value_matrix(days, minutes))
    qualities = quality_matrix(days["worst"], days["flags"], values.shape[1])
    inside = np.arange(values.shape[1])[None, :] < real_slots(days["n"])[:, None]
    row, slot = np.nonzero(inside & TRUSTED[qualities] & (values != MISSING))
    return days.select("channel_no", "day")[row].with_columns(
        pl.Series("slot", slot, dtype=pl.Int16), pl.Series("value", values[row, slot], dtype=pl.Int64)
    )


def _flow(frame: pl.DataFrame) -> pl.DataFrame:
    ordered = frame.select(list(FLOW_SCHEMA)).sort("channel_no", "day", "slot")
    return ordered.cast(FLOW_SCHEMA)  # type: ignore[arg-type]
