"""The tariff of `benchmarks.side_by_side` as an analyst types it into a query: edges, prices, masks of slots."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import polars as pl

TARIFF = "side-by-side"
PATH = Path(__file__).parent / "tariffs" / f"{TARIFF}.toml"
PERIODS = ("peak", "shoulder", "off_peak")
_CHARGES = tomllib.loads(PATH.read_text(encoding="utf-8"), parse_float=Decimal)["versions"][0]["charges"]


def edge_wh(period: str, days: int) -> int:
    """Return where the second tier of a period begins, in Wh a month."""
    return int(_CHARGES["energy"]["tiers"][period][0]["to"] * 1000) * days


def tier_price(period: str, tier: int) -> int:
    """Return the price of a tier in 10^-4 AUD per kWh: times Wh, 10^-7 AUD, a hundred thousandth of a cent."""
    return _scaled(_CHARGES["energy"]["tiers"][period][tier - 1]["price"], 4)


def demand_price() -> int:
    """Return the price of demand in 10^-2 AUD per kW: times W, 10^-5 AUD, a thousandth of a cent."""
    return _scaled(_CHARGES["demand"]["price"], 2)


def supply_cents(days: int) -> int:
    """Return the daily charge of a month in cents, half a cent rounded up."""
    return (_scaled(_CHARGES["supply"]["price"], 4) * days + 50) // 100


def masks(calendar: pl.DataFrame) -> tuple[pl.DataFrame, list[list[str]]]:
    """Return the kind of each day (zone_no, day, mask_no), and for each kind the period of every slot."""
    by_day = (
        calendar.sort("zone_no", "day", "slot")
        .group_by("zone_no", "day", maintain_order=True)
        .agg(pl.col("tou").alias("periods"))
    )
    kinds = by_day["periods"].unique(maintain_order=True).to_list()
    numbers = [kinds.index(periods) for periods in by_day["periods"].to_list()]
    return by_day.select("zone_no", "day", mask_no=pl.Series(numbers, dtype=pl.Int32)), kinds


def _scaled(price: Decimal, digits: int) -> int:
    whole = price.scaleb(digits)
    assert whole == whole.to_integral_value(), f"{price} has more than {digits} decimals"
    return int(whole)
