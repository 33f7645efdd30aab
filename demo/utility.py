"""The whole utility: the tables of `model.accounts`, drawn in columns from a seed, at any size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from demo import tables
from demo.draws import BLOCK_POINTS, block_count
from demo.roster import PARKING_EVENTS, draw_roster
from model.accounts import (
    IMPORTED,
    Accounts,
    Agreements,
    BillCycles,
    Branches,
    Channels,
    Customers,
    Meters,
    Premises,
    ServicePoints,
)
from model.schema import arranged

HISTORY_DAYS = 21


@dataclass(frozen=True)
class Utility:
    """What accounts import takes, and the roster that it was made from. Periods are half-open."""

    seed: int
    points: int
    period_start_date: date
    period_end_date: date
    roster: pl.DataFrame
    branches: DataFrame[Branches]
    cycles: DataFrame[BillCycles]
    customers: DataFrame[Customers]
    accounts: DataFrame[Accounts]
    premises: DataFrame[Premises]
    service_points: DataFrame[ServicePoints]
    meters: DataFrame[Meters]
    channels: DataFrame[Channels]
    agreements: DataFrame[Agreements]

    @property
    def history_start_date(self) -> date:
        """First day of interval reads: three weeks before the period, so that like days can be found."""
        return self.period_start_date - timedelta(days=HISTORY_DAYS)

    @property
    def cycle_id(self) -> str:
        """The one cycle."""
        return tables.cycle_id(self.period_start_date)

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables that are drawn, by the names of `model.accounts.IMPORTED`, in its order."""
        return {name: getattr(self, name) for name in IMPORTED if hasattr(self, name)}

    def events(self) -> pl.DataFrame:
        """Return what happens to points: service_point_id, event, event_date, park_reason (null for most)."""
        reason = pl.col("event").replace_strict(PARKING_EVENTS, default=None, return_dtype=pl.String)
        happened = self.roster.filter(pl.col("event").is_not_null())
        return happened.select(tables.point_id().alias("service_point_id"), "event", "event_date", park_reason=reason)


def draw_utility(
    points: int,
    seed: int,
    *,
    period_start: date = date(2026, 10, 1),
    period_end: date = date(2026, 11, 1),
    without: str | None = None,
) -> Utility:
    """Return a utility of exactly `points` service points; then those of the commodity `without` are left out.

    The first points are the same whatever `points` is; the same arguments give the same frames. The period must
    have at least 7 days, so that moves and exchanges have a day on both sides.
    """
    blocks = [draw_roster(seed, block, period_start, period_end) for block in range(block_count(points))]
    empty_roster = draw_roster(seed, 0, period_start, period_end).clear()
    roster = pl.concat([empty_roster, *blocks]).head(points)
    assert roster.height == points, f"roster: expected {points} points in {len(blocks)} blocks of {BLOCK_POINTS}"
    roster = roster.filter(pl.col("commodity") != without) if without else roster
    agreed = tables.agreements(roster)
    payers = tables.accounts(agreed)
    return Utility(
        seed=seed,
        points=roster.height,
        period_start_date=period_start,
        period_end_date=period_end,
        roster=roster,
        branches=arranged(Branches, tables.branches()),
        cycles=arranged(BillCycles, tables.cycles(period_start, period_end)),
        customers=arranged(Customers, payers),
        accounts=arranged(Accounts, payers),
        premises=arranged(Premises, tables.premises(roster)),
        service_points=arranged(ServicePoints, tables.service_points(roster)),
        meters=arranged(Meters, tables.meters(roster)),
        channels=arranged(Channels, tables.channels(roster)),
        agreements=arranged(Agreements, agreed),
    )
