"""What comes to tariffs from outside, as instants: events that were called, and prices of intervals.

The rate book has them cut at the civil days of a zone: `model.tariff.Events` and `model.tariff.SeriesDays`.
"""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.schema import column


class CalledEvents(pa.DataFrameModel):
    """Events as they were called. Grain: event_series, start_utc."""

    event_series: str = column("Series of events, as tariffs name it")
    start_utc: Annotated[pl.Datetime, "us", "UTC"] = column("Start, included")
    end_utc: Annotated[pl.Datetime, "us", "UTC"] = column(
        "End, not included; null when it was called off", nullable=True
    )
    source: str = column("Where it was announced")

    class Config:
        strict = True
        metadata = {"grain": ["event_series", "start_utc"]}


class IntervalPrices(pa.DataFrameModel):
    """Prices of a series, a row for each day of UTC. Grain: series_id, start_utc, interval_minutes."""

    series_id: str = column("Series, as tariffs name it")
    start_utc: Annotated[pl.Datetime, "us", "UTC"] = column(
        "Start of the first interval of the day: midnight, or later where intervals of an hour begin at the half"
    )
    interval_minutes: pl.Int32 = column("Length of the intervals", unit="min", ge=5, le=60)
    values_e9: Annotated[pl.List, pl.Int64()] = column(
        "Price x 10^9 of each interval that begins on the day, in major units; may be negative; null is not known"
    )
    source: str = column("Where the prices were published")

    class Config:
        strict = True
        metadata = {"grain": ["series_id", "start_utc", "interval_minutes"]}


FEEDS: dict[str, type[pa.DataFrameModel]] = {"called_event": CalledEvents, "interval_prices": IntervalPrices}
