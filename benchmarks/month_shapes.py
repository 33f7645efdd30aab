"""What the month's utility has beyond the demo's: time of use in tiers, and demand with a ratchet and its past."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from demo.night import tariffs_folder
from demo.utility import Utility
from model.accounts import Agreements, EarlierQuantities
from model.schema import arranged

TIERS, RATCHET = "res-tou-tiers", "biz-ratchet"
_OWN = {tariff_id: Path(__file__).parent / "tariffs" / f"{tariff_id}.toml" for tariff_id in (TIERS, RATCHET)}
_MONTHS_BEFORE = 11  # as far as the ratchet looks


def tariff_file(tariff_id: str) -> Path:
    """Return the file of a tariff: the benchmark's own, or a sample."""
    return _OWN.get(tariff_id, tariffs_folder() / f"{tariff_id}.toml")


def shaped(utility: Utility) -> dict[str, pl.DataFrame]:
    """Return the utility's tables: homes by time of use have tiers, large customers a ratchet and a year of demands."""
    homes = utility.accounts.filter(pl.col("revenue_class") == "residential")["account_id"]
    tariff = pl.col("tariff_id")
    by_tiers = (tariff == "res-tou") & pl.col("account_id").is_in(homes.implode())
    chosen = pl.when(by_tiers).then(pl.lit(TIERS)).when(tariff == "biz-demand").then(pl.lit(RATCHET)).otherwise(tariff)
    agreements = arranged(Agreements, utility.agreements.with_columns(chosen.alias("tariff_id")))
    points = agreements.filter(pl.col("tariff_id") == RATCHET)["service_point_id"].unique().sort()
    past = _demands_before(points, utility.period_start_date, utility.seed)
    return utility.frames() | {"agreements": agreements, "history": past}


def shares(agreements: pl.DataFrame) -> dict[str, int]:
    """Return how many agreements are on each tariff, the most first."""
    counted = agreements.group_by("tariff_id").len().sort("len", "tariff_id", descending=[True, False])
    return dict(counted.iter_rows())


def _demands_before(points: pl.Series, first_day: date, seed: int) -> pl.DataFrame:
    """Return the peak demand of each month before, 20 to 200 kW around a level of the point."""
    numbers = [first_day.year * 12 + first_day.month - 1 - back for back in range(_MONTHS_BEFORE, -1, -1)]
    starts = [date(number // 12, number % 12 + 1, 1) for number in numbers]
    months = pl.DataFrame({"period_start_date": starts[:-1], "period_end_date": starts[1:]})
    rows = points.to_frame().join(months, how="cross")
    generator = np.random.default_rng([seed, len(points)])
    level = np.repeat(generator.integers(25_000, 160_000, len(points)), _MONTHS_BEFORE)
    watts = level * generator.integers(800, 1_200, len(level)) // 1_000
    return arranged(
        EarlierQuantities,
        rows.with_columns(
            quantity_id=pl.lit("kw_peak"), unit=pl.lit("kW"),
            quantity=pl.Series(watts).cast(pl.Decimal(28, 9)) / pl.lit(1_000).cast(pl.Decimal(28, 9)),
        ),
    )  # fmt: skip
