"""What the rules need of a block's days: those of the period measured, those before it as they were kept.

Which landed row of a day counts is decided by the landed files, as ever. What is kept only spares the slots of rows
that were measured before; what was measured now is kept for the next time.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from ingest.checks.features import PAST_DAYS, Measured, measured_days, past_days
from ingest.vee.kept_days import IDENTITY, KEPT_DAYS, keep_days, kept_days, sources_of, sweep_days
from ingest.vee.lake import BlockReads
from ingest.vee.matrix import channel_places, in_order
from ingest.versions import DAY_KEY

KEPT_FOR = timedelta(days=31)
"""How long before its past a run leaves what is kept: so the month before can be judged again."""


def measured_block(lake: BlockReads, landed: pl.DataFrame, channels: pl.DataFrame, distance: timedelta) -> Measured:
    """Measure the landed rows of a block's period, and bring the days up to `distance` before it.

    `channels` has the columns of `Places.channels`. What was measured is kept; that it can be is not relied upon.
    """
    days = measured_days(landed, channels, lake.interval_minutes)
    zones = channels.select("channel_no", "tz_name")
    past = [_measured_month(lake, channels, zones, first, after) for first, after in lake.months_before(distance)]
    _keep_period(lake, days, zones)
    sweep_days(lake.workspace.measured, lake.from_date - distance - KEPT_FOR)
    return Measured(days, past)


def _measured_month(
    lake: BlockReads, channels: pl.DataFrame, zones: pl.DataFrame, first: date, after: date
) -> pl.DataFrame:
    """Return days before the period (`PAST_DAYS`) from what was kept of them, or from their slots."""
    keys = _keys(lake, zones, first, after)
    kept = kept_days(lake.workspace.measured, lake.interval_minutes, lake.bounds, first, after, list(KEPT_DAYS))
    known = _with_kept(keys, kept)
    if known.height == keys.height:
        return known.select(list(PAST_DAYS))
    rest = keys.join(known, how="anti", on=DAY_KEY, maintain_order="left") if known.height else keys
    rows = in_order(past_days(lake.landed_as(rest, first, after), channels, lake.interval_minutes))
    assert rows.select(DAY_KEY).equals(rest.select(DAY_KEY)), "each row that was asked for was measured"
    keep_days(lake.workspace.measured, lake.interval_minutes, rows.with_columns(rest["source"]))
    return in_order(pl.concat([known.select(list(PAST_DAYS)), rows]))


def _keep_period(lake: BlockReads, days: pl.DataFrame, zones: pl.DataFrame) -> None:
    """Keep the days of the period that are not kept."""
    keys = _keys(lake, zones, lake.from_date, lake.to_date)
    assert keys.select(DAY_KEY).equals(days.select(DAY_KEY)), "the rows that count were measured"
    folder, minutes = lake.workspace.measured, lake.interval_minutes
    kept = kept_days(folder, minutes, lake.bounds, lake.from_date, lake.to_date, IDENTITY)
    rows = days.with_columns(keys["source"])
    if kept.height:
        rows = rows.join(kept, how="anti", on=IDENTITY, maintain_order="left")
    keep_days(folder, minutes, rows)


def _keys(lake: BlockReads, zones: pl.DataFrame, first: date, after: date) -> pl.DataFrame:
    """Return the landed rows that count, of known channels, in order: key, n, worst, base_seq and source."""
    keys, files = lake.keys(first, after)
    names = zones["tz_name"].unique().sort()
    codes = zones.select("channel_no", zone=zones["tz_name"].replace_strict(names, np.arange(len(names)))).sort(
        "channel_no"
    )
    known = keys.filter(pl.col("channel_no").is_in(codes["channel_no"].implode()))
    zone = codes["zone"].to_numpy()[channel_places(codes["channel_no"].to_numpy(), known["channel_no"].to_numpy())]
    sources = sources_of(files, names.to_list(), lake.interval_minutes)
    source = sources[known["file"].fill_null(len(files)).to_numpy(), zone]
    return known.select(*DAY_KEY, "n", "worst", "seq", base_seq="seq").with_columns(pl.Series("source", source))


def _with_kept(keys: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Return the keys of which something is kept, with it; mostly that is all of them, row by row."""
    if kept.select(IDENTITY).equals(keys.select(IDENTITY)):
        return pl.concat([keys, kept.drop(IDENTITY)], how="horizontal")
    once = kept.unique(IDENTITY, keep="any")
    return keys.join(once, how="inner", on=IDENTITY, validate="1:1", maintain_order="left")
