"""Quality gates: how much of what is billed may be estimated, edited or in doubt before the agreement is parked."""

from __future__ import annotations

import polars as pl

from model.codes import ParkReason, Quality
from model.metering import EVERY
from model.rating import RatingInput
from rating.parking import no_parks, park

# The words of model.metering.QualityGates -> canonical qualities.
GATED: dict[str, tuple[Quality, ...]] = {
    "edited": (Quality.EDITED,),
    "substituted": (Quality.SUBSTITUTED, Quality.FINAL_SUBSTITUTED),
    "estimated": (Quality.ESTIMATED, Quality.FORECAST),
    "customer": (Quality.CUSTOMER,),
    "suspect": (Quality.SUSPECT,),
}
_OF_AGREEMENT = ["agreement_id", "measure"]
_MINUTES_PER_DAY = 1_440
_THOUSANDTHS_OF_PERCENT = 100_000


def over_gates(due: pl.DataFrame, channels: pl.DataFrame, given: RatingInput) -> pl.DataFrame:
    """Return parks for agreements of which a larger share is of some quality than `given.gates` allow.

    `channels`: due_no, channel_no, measure, interval_minutes, from_date, to_date of the channels that are measured.
    Shares are of time: intervals count their length, the days between two readings all of theirs.
    """
    if given.gates.is_empty():
        return no_parks()
    periods = due.select("due_no", "agreement_id", "tariff_id", "start_date", "end_date")
    asked = channels.select("due_no", "channel_no", "measure", "interval_minutes", "from_date", "to_date")
    placed = asked.join(periods, on="due_no", how="inner", validate="m:1").with_columns(
        start_date=pl.max_horizontal("start_date", "from_date"), end_date=pl.min_horizontal("end_date", "to_date")
    )
    parts = [_interval_minutes(placed, minutes, days) for minutes, days in sorted(given.days.items())]
    parts.append(_register_minutes(placed, given.usage))
    names = list(GATED)
    sums = pl.concat(parts).group_by(_OF_AGREEMENT).agg(pl.col("whole", *names).sum())
    shares = sums.unpivot(on=names, index=[*_OF_AGREEMENT, "whole"], variable_name="quality", value_name="minutes")
    limits = _limits(placed.select(*_OF_AGREEMENT, "tariff_id").unique(), given.gates)
    found = shares.join(limits, on=[*_OF_AGREEMENT, "quality"], how="inner", validate="1:m").filter(
        pl.col("minutes") * _THOUSANDTHS_OF_PERCENT > pl.col("whole") * pl.col("limit")
    )
    detail = pl.format(
        "{} of {} minutes of {} are {}, more than {} %",
        "minutes", "whole", "measure", "quality", "share_percent_max",
    )  # fmt: skip
    over = periods.join(found.drop("tariff_id"), on="agreement_id", how="inner", validate="m:m")
    return park(over, ParkReason.QUALITY_LIMIT, detail)


def _limits(agreements: pl.DataFrame, gates: pl.DataFrame) -> pl.DataFrame:
    """Return the gate of each agreement, measure and quality: that of its tariff, else of the measure, else of all."""
    both = agreements.join(gates, how="cross", suffix="_gate").filter(
        (pl.col("tariff_id_gate") == pl.col("tariff_id")) | (pl.col("tariff_id_gate") == EVERY),
        (pl.col("measure_gate") == pl.col("measure")) | (pl.col("measure_gate") == EVERY),
    )
    # The scale of the shares is three places, so their physical value is thousandths of a percent.
    limit = pl.col("share_percent_max").to_physical().cast(pl.Int64)
    return (
        both.sort(pl.col("tariff_id_gate") == EVERY, pl.col("measure_gate") == EVERY)
        .unique(["agreement_id", "tariff_id", "measure", "quality"], keep="first", maintain_order=True)
        .select(*_OF_AGREEMENT, "tariff_id", "quality", "share_percent_max", limit=limit)
    )


def _interval_minutes(placed: pl.DataFrame, minutes: int, days: pl.DataFrame) -> pl.DataFrame:
    """Return the minutes of each quality in the days of interval channels: agreement_id, measure, whole, qualities."""
    mine = placed.filter(pl.col("interval_minutes") == minutes)
    counts = days.select("channel_no", "day", *_slot_counts())
    read = counts.join(mine, on="channel_no", how="inner", validate="m:m").filter(
        pl.col("day").is_between("start_date", "end_date", closed="left")
    )
    return read.group_by(_OF_AGREEMENT).agg(pl.col("whole", *GATED).sum() * minutes)


def _slot_counts() -> list[pl.Expr]:
    """Return how many slots a day has, and how many of each gated quality."""
    # A byte a slot, none above 8: in hex text its digit stands once for each slot of that quality, beside zeros.
    text = pl.col("flags").bin.encode("hex")
    counts = [pl.col("n").cast(pl.Int64).alias("whole")]
    for name, qualities in GATED.items():
        flagged = pl.sum_horizontal(text.str.count_matches(str(int(one)), literal=True) for one in qualities)
        whole = pl.when(pl.col("worst").is_in([int(one) for one in qualities])).then(pl.col("n")).otherwise(0)
        counts.append(pl.when(pl.col("flags").is_null()).then(whole).otherwise(flagged).cast(pl.Int64).alias(name))
    return counts


def _register_minutes(placed: pl.DataFrame, usage: pl.DataFrame) -> pl.DataFrame:
    """Return the minutes of each quality in the days between register readings."""
    mine = placed.filter(pl.col("interval_minutes") == 0).drop("from_date", "to_date")
    read = usage.select("channel_no", "from_date", "to_date", "quality").join(
        mine, on="channel_no", how="inner", validate="m:m"
    )
    first, after = pl.max_horizontal("from_date", "start_date"), pl.min_horizontal("to_date", "end_date")
    whole = (after - first).dt.total_days().clip(lower_bound=0) * _MINUTES_PER_DAY
    parts = [
        pl.when(pl.col("quality").is_in([int(one) for one in qualities])).then("whole").otherwise(0).alias(name)
        for name, qualities in GATED.items()
    ]
    counted = read.with_columns(whole=whole.cast(pl.Int64)).with_columns(parts)
    return counted.group_by(_OF_AGREEMENT).agg(pl.col("whole", *GATED).sum())
