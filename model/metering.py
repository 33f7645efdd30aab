"""What is known of metering beside meters and reads: outages, channels that explain each other, quality gates."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.codes import Measure
from model.schema import column

EVERY = "*"


class Outages(pa.DataFrameModel):
    """Times without supply: intervals that lie in one are zero, not missing. Grain: service_point_id, start_utc."""

    service_point_id: str = column("Service point", str_length={"min_value": 1})
    start_utc: Annotated[pl.Datetime, "us", "UTC"] = column("When supply failed, for example 2026-10-01T03:12:00Z")
    end_utc: Annotated[pl.Datetime, "us", "UTC"] = column("When it came back")
    reason: str = column("Why, for example the number of the incident")

    class Config:
        strict = True
        metadata = {"grain": ["service_point_id", "start_utc"]}


class ChannelLinks(pa.DataFrameModel):
    """Channels from which another can be estimated. Grain: channel_id, other_channel_id.

    A check channel measures the same flow; without it the flow is the sum of all `plus` less that of all `minus`.
    """

    channel_id: str = column("Channel that is estimated", str_length={"min_value": 1})
    other_channel_id: str = column("Channel that it is estimated from, with intervals of the same length")
    role: str = column("What the other channel is to it", isin=["check", "plus", "minus"])

    class Config:
        strict = True
        metadata = {"grain": ["channel_id", "other_channel_id"]}


class QualityGates(pa.DataFrameModel):
    """How much of a bill's intervals may be of a quality. Above it the agreement is parked; no row, no gate.

    Where several rows speak of one quality, that of the tariff counts before that of all, then that of the measure.
    Grain: tariff_id, measure, quality.
    """

    tariff_id: str = column("Tariff; * for all", str_length={"min_value": 1})
    measure: str = column("What is measured; * for all", isin=[EVERY, *(item.value for item in Measure)])
    quality: str = column(
        "Quality that is limited; what is missing parks without a gate",
        isin=["edited", "substituted", "estimated", "customer", "suspect"],
    )
    share_percent_max: Annotated[pl.Decimal, 6, 3] = column("Largest share of the intervals", ge=0, le=100)

    class Config:
        strict = True
        metadata = {"grain": ["tariff_id", "measure", "quality"]}
