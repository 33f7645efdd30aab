"""Readings that land and that VEE will refuse: told when they land, so that the accounts or the file are put right."""

from __future__ import annotations

import polars as pl

from ingest.landing.report import ABOVE_DIALS, METER_UNKNOWN
from ingest.vee.registers import SMALLEST_PER_DIAL_UNIT


def unfit_readings(readings: pl.DataFrame, channels: pl.DataFrame, meters: pl.DataFrame) -> pl.DataFrame:
    """Return how many readings of each load no meter of the accounts can have given: seq, reason, count.

    `readings`: model.reads.RegisterReads, `channels`: model.accounts.ChannelNumbers, `meters`: model.accounts.Meters.
    They are kept: when the meters become known, or another reading comes, they count.
    """
    points = channels.select("channel_no", "service_point_id")
    hung = readings.join(points, on="channel_no", how="inner", validate="m:1").with_row_index("place")
    at_point = hung.join(meters, on=["meter_id", "service_point_id"], how="inner", validate="m:m").filter(
        pl.col("installed_date") <= pl.col("read_date"),
        pl.col("removed_date").is_null() | (pl.col("read_date") <= pl.col("removed_date")),
    )
    full_scale = pl.lit(10, pl.Int64).pow(pl.col("dials")).cast(pl.Int64) * SMALLEST_PER_DIAL_UNIT
    above = at_point.filter(pl.col("reading") >= full_scale).unique("place")
    found = [
        hung.join(at_point, on="place", how="anti").select("seq", pl.lit(METER_UNKNOWN).alias("reason")),
        above.select("seq", pl.lit(ABOVE_DIALS).alias("reason")),
    ]
    return pl.concat(found).group_by("seq", "reason").agg(pl.len().alias("count")).sort("seq", "reason")
