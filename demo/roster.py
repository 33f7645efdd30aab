"""The roster: who lives where, what is measured, and what happens in the period. One row per service point.

A block of the roster is a function of seed, block and period; everything else of the utility follows from it.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl

from demo.draws import BLOCK_POINTS, Subject, stream
from demo.places import BRANCHES

# Which services a premise takes, and how often. About half of all points are electricity.
SERVICE_SETS: tuple[tuple[str, float], ...] = (
    ("E", 0.35), ("EW", 0.27), ("EGW", 0.22), ("EHW", 0.06), ("W", 0.06), ("GW", 0.04),
)  # fmt: skip
COMMODITY = {"E": "electricity", "G": "gas", "H": "heat", "W": "water"}
ARCHETYPES: tuple[tuple[str, float], ...] = (
    ("home", 0.88), ("shop", 0.06), ("office", 0.03), ("factory", 0.02), ("school", 0.01),
)  # fmt: skip
REVENUE_CLASS = {
    "home": "residential", "shop": "commercial", "office": "commercial", "factory": "industrial", "school": "public",
}  # fmt: skip
# Share of each archetype that is large: it has a reactive channel and pays for demand.
LARGE_SHARE = {"home": 0.0, "shop": 0.10, "office": 0.60, "factory": 1.0, "school": 0.60}
SOLAR_SHARE = 0.23
CAR_SHARE = 0.08
OWNER_PAYS_WATER_SHARE = 0.08

# Events by rank, so that a whole block has each of them: (every so many, at this rank, event).
REGISTER_EVERY = 500
REGISTER_EVENTS: dict[int, str] = {
    10: "register_exchange", 130: "register_exchange", 250: "register_exchange", 370: "register_exchange",
    40: "rollover", 290: "rollover",
    70: "end_read_missing", 320: "end_read_missing",
    150: "start_read_missing", 420: "read_decreased",
}  # fmt: skip
ELECTRICITY_EVERY = 320
ELECTRICITY_EVENTS: dict[int, str] = {20: "meter_exchange", 180: "meter_exchange", 100: "no_reads"}
PREMISE_EVERY = 220
PREMISE_EVENTS: dict[int, str] = {5: "move", 60: "move", 115: "move", 170: "move", 30: "move_out", 140: "connection"}

# Why an account is expected to be parked, by event: the stable codes of model.codes.ParkReason.
PARKING_EVENTS: dict[str, str] = {
    "end_read_missing": "end_read_missing",
    "start_read_missing": "start_read_missing",
    "read_decreased": "read_rejected",
    "no_reads": "intervals_missing",
}


def _choose(draw: np.ndarray, shares: list[float]) -> np.ndarray:
    """Return the index of the share in which each uniform draw falls."""
    edges = np.cumsum(shares)
    return np.minimum(np.searchsorted(edges / edges[-1], draw, side="right"), len(shares) - 1)


def _points_of_premises(services: np.ndarray) -> pl.DataFrame:
    """Return one row per service of each premise, cut to the block: the premise's index and the commodity."""
    letters = pl.Series([name for name, _ in SERVICE_SETS]).gather(pl.Series(services.astype(np.uint32)))
    index = pl.Series(np.arange(len(services), dtype=np.int64))
    frame = pl.DataFrame({"premise": index, "letter": letters}).with_columns(
        pl.col("letter").str.split("")  # one service a letter
    )
    points = frame.explode("letter", empty_as_null=True, keep_nulls=False).filter(pl.col("letter") != "")
    return points.head(BLOCK_POINTS)


def _event_of_rank(rank: pl.Expr, every: int, offset: int, events: dict[int, str]) -> pl.Expr:
    """Return the event of each rank, counted from a block's own offset; null for most."""
    return ((rank + offset) % every).replace_strict(events, default=None, return_dtype=pl.String)


def _with_events(points: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """Give points their events: those of a point first, those of a premise where none of its points has one."""
    offsets = [int(number) for number in generator.integers(0, 1_000, size=3)]
    is_power = pl.col("letter") == "E"
    rank = pl.int_range(pl.len(), dtype=pl.Int64).over("is_power", order_by="point")
    ranked = (
        points.with_columns(is_power=is_power)
        .with_columns(rank=rank)
        .with_columns(
            point_event=pl.when(is_power)
            .then(_event_of_rank(pl.col("rank"), ELECTRICITY_EVERY, offsets[0], ELECTRICITY_EVENTS))
            .otherwise(_event_of_rank(pl.col("rank"), REGISTER_EVERY, offsets[1], REGISTER_EVENTS))
        )
    )
    quiet = pl.col("point_event").is_null().all().over("premise") & (pl.col("archetype") == "home").all().over(
        "premise"
    )
    of_premise = _event_of_rank(pl.col("premise"), PREMISE_EVERY, offsets[2], PREMISE_EVENTS)
    return ranked.with_columns(event=pl.coalesce("point_event", pl.when(quiet).then(of_premise))).drop(
        "is_power", "rank", "point_event"
    )


def _premises(generator: np.random.Generator, days: int, first_day: date) -> pl.DataFrame:
    """Draw the premises of a block: branch, archetype, sizes and the numbers that names are made of."""
    count = BLOCK_POINTS
    draws = generator.random((8, count))
    names = [name for name, _ in ARCHETYPES]
    archetype = _choose(draws[0], [share for _, share in ARCHETYPES])
    large_share = np.array([LARGE_SHARE[name] for name in names])[archetype]
    is_home = archetype == 0
    is_large = draws[1] < large_share
    has_solar = (draws[2] < SOLAR_SHARE) & ~is_large
    return pl.DataFrame(
        {
            "premise": np.arange(count, dtype=np.int64),
            "branch": _choose(draws[3], [branch.share for branch in BRANCHES]).astype(np.int32),
            "archetype": pl.Series(names).gather(pl.Series(archetype.astype(np.uint32))),
            "is_large": is_large,
            "has_solar": has_solar,
            "has_car": is_home & (draws[4] < CAR_SHARE),
            "owner_pays_water": is_home & (draws[5] < OWNER_PAYS_WATER_SHARE),
            "price_draw": draws[6],
            "route": generator.integers(1, 11, count, dtype=np.int32),
            "payment_days": np.where(is_home, np.where(draws[7] < 0.2, 14, 21), 30).astype(np.int32),
            "number": generator.integers(0, 2**40, count, dtype=np.int64),
            # Neither the first two days nor the last three: a move needs a day on both sides.
            "event_date": np.datetime64(first_day) + generator.integers(2, max(3, days - 3), count),
            "start_age_days": generator.integers(120, 3_600, count, dtype=np.int32),
            "meter_age_days": generator.integers(10, 2_000, count, dtype=np.int32),
        }
    )


@lru_cache(maxsize=4)
def draw_roster(seed: int, block: int, period_start_date: date, period_end_date: date) -> pl.DataFrame:
    """Return the service points of a block, one row each, in order of `point_no`.

    `point_no` and `premise_no` number points and premises over all blocks. `event` is null for most points.
    """
    days = (period_end_date - period_start_date).days
    assert days >= 7, f"the period has {days} days; events need at least 7"
    generator = stream(seed, Subject.ROSTER, block)
    premises = _premises(generator, days, period_start_date)
    services = _choose(generator.random(BLOCK_POINTS), [share for _, share in SERVICE_SETS])
    points = _points_of_premises(services).with_row_index("point")
    joined = points.join(premises, how="left", on="premise", validate="m:1", maintain_order="left")
    settled = joined.with_columns(
        # Without electricity there is nothing large, and no roof that counts.
        is_large=pl.col("is_large") & (pl.col("letter") == "E").any().over("premise"),
        has_solar=pl.col("has_solar") & (pl.col("archetype") == "home"),
    )
    eventful = _with_events(settled, generator)
    zones = {index: branch.tz_name for index, branch in enumerate(BRANCHES)}
    branch_ids = {index: branch.branch_id for index, branch in enumerate(BRANCHES)}
    return eventful.with_columns(
        pl.col("point").cast(pl.Int64),
        point_no=pl.col("point").cast(pl.Int64) + block * BLOCK_POINTS,
        premise_no=pl.col("premise") + block * BLOCK_POINTS,
        commodity=pl.col("letter").replace_strict(COMMODITY, return_dtype=pl.String),
        tz_name=pl.col("branch").replace_strict(zones, return_dtype=pl.String),
        branch_id=pl.col("branch").replace_strict(branch_ids, return_dtype=pl.String),
        event_date=pl.col("event_date").cast(pl.Date),
        installed_before=pl.lit(period_start_date - timedelta(days=120)),
    )
