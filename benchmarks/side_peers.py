"""What the peers are asked in `benchmarks.side_by_side`, and whether they say what Billmill says."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.determinants_data import START, wide_files
from benchmarks.side_tariff import PERIODS, edge_wh, tier_price
from demo.lake import INTERVAL_MINUTES
from model.reads import slot_columns

ASKED = ("PySAM", "ratebook")
_ZONE = "Australia/Brisbane"  # it keeps no summer time, which neither peer knows
_SLOTS = slot_columns(INTERVAL_MINUTES)[:96]
_DOLLARS_APART = 0.001  # floats of the peers against fractions


@dataclass(frozen=True)
class PeerMeasured:
    """What a peer took for the month of some channels."""

    version: str
    python: str
    channels: int
    intervals: int
    cpu_seconds: float


def ask_peers(folder: Path, determinants: pl.DataFrame, channels: int, python: Path) -> dict[str, PeerMeasured]:
    """Let the peers that `python` has rate the energy of some channels; check what they say of what Billmill measured.

    Raises:
        ValueError: a peer stops, or its amount is another.
    """
    chosen = _channels(folder, channels)
    days = pl.read_parquet(folder / "calendar.parquet", columns=["day"])["day"].n_unique()
    rows = pl.scan_parquet(wide_files(folder)).filter(pl.col("channel_no").is_in(chosen.implode())).collect()
    by_channel = rows.sort("channel_no", "day").group_by("channel_no", maintain_order=True).agg(
        pl.concat_list(_SLOTS).list.explode(keep_nulls=False, empty_as_null=False).alias("wh")
    )  # fmt: skip
    asked: dict[str, Any] = {
        "record": urdb_record(days),
        "loads": by_channel["wh"].to_list(),
        "from_date": START.isoformat(),
        "days": days,
    }
    script = Path(__file__).parent / "peers.py"
    done = subprocess.run([python, script], input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"the peers of `{python}` stopped: {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout)
    measured = determinants.pivot(on="item", index="channel_no", values="amount").fill_null(0)
    used = by_channel.select("channel_no").join(measured, on="channel_no", how="left", validate="1:1")
    for name, found in told["engines"].items():
        expected = [_expected(name, row, days) for row in used.sort("channel_no").iter_rows(named=True)]
        _refuse_apart(name, expected, found["amounts"])
    intervals = sum(len(load) for load in asked["loads"])
    return {
        name: PeerMeasured(found["version"], told["python"], by_channel.height, intervals, found["cpu_seconds"])
        for name, found in told["engines"].items()
    }


def urdb_record(days: int) -> dict[str, Any]:
    """Return the energy charge of the tariff as a record of the OpenEI rate database, its tiers those of a month."""
    weekday = [2] * 7 + [1] * 7 + [0] * 6 + [1] * 2 + [2] * 2
    weekend = [2] * 7 + [1] * 15 + [2] * 2
    tiers: list[list[dict[str, Any]]] = [
        [
            {"rate": tier_price(period, 1) / 10_000, "max": edge_wh(period, days) / 1_000, "unit": "kWh"},
            {"rate": tier_price(period, 2) / 10_000, "unit": "kWh"},
        ]
        for period in PERIODS
    ]
    return {
        "energyratestructure": tiers,
        "energyweekdayschedule": [weekday] * 12,
        "energyweekendschedule": [weekend] * 12,
        "fixedchargefirstmeter": 0,
        "fixedchargeunits": "$/month",
    }


def _channels(folder: Path, count: int) -> pl.Series:
    listed = pl.read_parquet(folder / "channels.parquet").filter(pl.col("tz_name") == _ZONE)
    return listed.sort("channel_no")["channel_no"].head(count)


def _expected(name: str, used_wh: dict[str, int], days: int) -> Fraction:
    """Return what the energy of a channel costs in dollars, unrounded.

    ratebook gives each period its own tiers (`graduated`), as the tariff does; PySAM shares the tiers of the total over
    the periods by their use (`pro_rata`).
    """
    total = sum(used_wh[period] for period in PERIODS)
    cost = Fraction(0)
    for period in PERIODS:
        edge, used = edge_wh(period, days), used_wh[period]
        lower = Fraction(min(total, edge) * used, max(total, 1)) if name == "PySAM" else Fraction(min(used, edge))
        cost += (lower * tier_price(period, 1) + (used - lower) * tier_price(period, 2)) / 10**7
    return cost


def _refuse_apart(name: str, expected: list[Fraction], amounts: list[float]) -> None:
    for ours, theirs in zip(expected, amounts, strict=True):
        if abs(theirs - float(ours)) > _DOLLARS_APART:
            raise ValueError(f"{name}: expected {float(ours):.4f} for the energy of a channel, found {theirs:.4f}")
