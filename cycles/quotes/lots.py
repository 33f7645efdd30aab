"""Lots: accounts that are rated at once, with their days added up by kind where that may be, or one by one.

To price some agreements at all has a price of its own, so a lot has as many as memory allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import polars as pl

from model.rating import RatingInput
from rating.profiles import ByKind, of_accounts

# Tables of an input of which a row may belong to several partitions.
_SHARED = ("history", "gates")


@dataclass(frozen=True)
class Lot:
    """Accounts that are rated at once. `extremes`: beside days added up by kind; None where days are one by one."""

    given: RatingInput
    extremes: ByKind | None = None


def joined(lots: Sequence[Lot]) -> Lot:
    """Return lots of different accounts as one; their days are all added up, or all one by one."""
    inputs, first = [lot.given for lot in lots], lots[0].given
    tables = {
        field.name: pl.concat([getattr(given, field.name) for given in inputs], rechunk=True)
        for field in fields(RatingInput)
        if isinstance(getattr(first, field.name), pl.DataFrame)
    }
    tables |= {name: tables[name].unique(maintain_order=True) for name in _SHARED}
    given = replace(first, days=_joined_days([given.days for given in inputs]), **tables)
    if lots[0].extremes is None:
        return Lot(given)
    aggs = sorted({agg for lot in lots for agg in lot.extremes or {}})
    return Lot(given, {agg: _joined_days([(lot.extremes or {}).get(agg, {}) for lot in lots]) for agg in aggs})


def _joined_days(parts: Sequence[dict[int, pl.DataFrame]]) -> dict[int, pl.DataFrame]:
    lengths = sorted({minutes for days in parts for minutes in days})
    return {minutes: _days_once([days[minutes] for days in parts if minutes in days]) for minutes in lengths}


def _days_once(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return days of channels as one frame.

    A place whose customer changes within the cycle has accounts in two partitions, and each brings the place's days.
    """
    days = pl.concat(parts, how="vertical_relaxed")
    if pl.concat([part["channel_no"].unique() for part in parts]).is_unique().all():
        return days
    return days.unique(["channel_no", "day"], keep="first", maintain_order=True)


def of_some(lot: Lot, accounts: pl.DataFrame) -> Lot:
    """Return a lot of some of its accounts (account_id), and no row of others."""
    given = lot.given
    cut = of_accounts(given, given.due.join(accounts, on="account_id", how="semi"), given.days)
    tables: dict[str, pl.DataFrame] = {
        "usage": given.usage.join(cut.channels, on="channel_no", how="semi"),
        "history": given.history.join(cut.due, on="service_point_id", how="semi"),
        "attributes": given.attributes.join(cut.due, on="agreement_id", how="semi"),
        "banks": given.banks.join(cut.due, on="agreement_id", how="semi"),
        "charges": given.charges.join(cut.due, on="agreement_id", how="semi"),
    }
    mine = replace(cut, **tables)  # type: ignore[arg-type]  # choosing rows keeps each table's type
    if lot.extremes is None:
        return Lot(mine)
    numbers = cut.channels["channel_no"].unique().implode()
    is_mine = pl.col("channel_no").is_in(numbers)
    return Lot(
        mine,
        {agg: {minutes: wide.filter(is_mine) for minutes, wide in days.items()} for agg, days in lot.extremes.items()},
    )
