"""Channels that a service point cannot have: of another commodity, or two that files could not tell apart."""

from __future__ import annotations

import polars as pl

from accounts.reading import DETAIL, LINE, REASON
from model.codes import Commodity
from model.units import MEASURES_OF_COMMODITY

_ALLOWED = pl.DataFrame(
    [(commodity.value, [measure.value for measure in found]) for commodity, found in MEASURES_OF_COMMODITY.items()],
    schema={"commodity": pl.String, "allowed": pl.List(pl.String)}, orient="row",
)  # fmt: skip
_FILE_NAME = ["service_point_id", "suffix", "interval_minutes"]
assert set(MEASURES_OF_COMMODITY) == set(Commodity), "a commodity has no measures"


def strange_measures(rows: pl.DataFrame, service_points: pl.DataFrame) -> pl.DataFrame:
    """Return line, reason and detail of channels that measure what their service point does not supply."""
    placed = rows.join(
        service_points.select("service_point_id", "commodity"), on="service_point_id", how="inner", validate="m:1"
    )
    return _strange(placed.select(LINE, "service_point_id", "commodity", "measure"))


def strange_commodities(rows: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Return the same of service points that come to supply what their channels do not measure."""
    measured = channels.select("service_point_id", "measure").unique()
    placed = rows.select(LINE, "service_point_id", "commodity").join(
        measured, on="service_point_id", how="inner", validate="m:m"
    )
    return _strange(placed.sort(LINE, "measure")).unique(LINE, keep="first", maintain_order=True)


def _strange(placed: pl.DataFrame) -> pl.DataFrame:
    judged = placed.join(_ALLOWED, on="commodity", how="inner", validate="m:1")
    return judged.filter(~pl.col("measure").is_in("allowed")).select(
        LINE,
        pl.lit("measure_mismatch").alias(REASON),
        pl.format(
            "column measure: expected one of {} at service point `{}` of {}, found `{}`",
            pl.col("allowed").list.join(", "), "service_point_id", "commodity", "measure",
        ).alias(DETAIL),
    )  # fmt: skip


def doubled_suffixes(rows: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    """Return line, reason and detail of channels whose name in files another one of the point has.

    A point may have one suffix for channels of several lengths: a file says which it means.
    """
    named = [*_FILE_NAME, "channel_id"]
    standing = recorded.select(named).join(rows, on="channel_id", how="anti")
    earlier = rows.sort(LINE).select(named).unique("channel_id", keep="first", maintain_order=True)
    owners = pl.concat([standing, earlier]).unique(_FILE_NAME, keep="first", maintain_order=True)
    both = rows.join(owners, on=_FILE_NAME, how="inner", suffix="_first", validate="m:1")
    return both.filter(pl.col("channel_id") != pl.col("channel_id_first")).select(
        LINE,
        pl.lit("suffix_doubled").alias(REASON),
        pl.format(
            "column suffix: `{}` stands at service point `{}` for channel `{}` of {} minutes already; files could not "
            "tell them apart", "suffix", "service_point_id", "channel_id_first", "interval_minutes",
        ).alias(DETAIL),
    )  # fmt: skip
