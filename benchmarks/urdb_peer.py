"""The peer of the rate database benchmark: NREL's PySAM, a tariff and a profile at a time."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import time
from dataclasses import dataclass
from typing import Any

import polars as pl

from benchmarks.urdb_data import Profile, Rate
from model.reads import slot_columns

PACKAGE = "PySAM"


@dataclass(frozen=True)
class PeerRun:
    """What the peer took: tariff-profiles and their intervals, CPU seconds, and bills of a year in dollars."""

    tariff_profiles: int
    intervals: int
    cpu_seconds: float
    year_usd: dict[tuple[str, str], float]


def is_installed() -> bool:
    """Say whether the peer can be asked."""
    return importlib.util.find_spec(PACKAGE) is not None


def run_peer(rates: list[Rate], profiles: list[Profile]) -> PeerRun:
    """Rate each tariff on each profile. The peer's own work alone counts: reading the record, billing the year."""
    tools = importlib.import_module(f"{PACKAGE}.UtilityRateTools")
    model_type = importlib.import_module(f"{PACKAGE}.Utilityrate5")
    loads = {profile.name: _load_kw(profile) for profile in profiles}
    year: dict[tuple[str, str], float] = {}
    intervals, seconds = 0, 0.0
    for rate in rates:
        for profile in profiles:
            record = _plain(rate.item)  # its converter changes the schedules it is given
            began = time.process_time()
            year[rate.name, profile.name] = _year_usd(tools, model_type, record, loads[profile.name])
            seconds += time.process_time() - began
            intervals += profile.intervals
    return PeerRun(len(year), intervals, seconds, year)


def _year_usd(tools: Any, model_type: Any, record: dict[str, Any], load_kw: list[float]) -> float:
    model = model_type.new()
    model.ElectricityRates.assign(tools.URDBv8_to_ElectricityRates(record))
    model.ElectricityRates.rate_escalation = [0]
    model.Lifetime.analysis_period = 1
    model.Lifetime.inflation_rate = 0
    model.Lifetime.system_use_lifetime_output = 0
    model.SystemOutput.gen = [0.0] * len(load_kw)
    model.SystemOutput.degradation = [0]
    model.Load.load = load_kw
    model.execute(0)
    return float(model.Outputs.utility_bill_wo_sys_year1)


def _load_kw(profile: Profile) -> list[float]:
    """Return the mean power of each interval in kW."""
    names = slot_columns(profile.interval_minutes)[: 24 * 60 // profile.interval_minutes]
    hours = profile.interval_minutes / 60
    values = profile.days.sort("day").select(pl.concat_list(names).explode()).to_series()
    return [value / 1000 / hours for value in values.to_list()]


def _plain(item: Any) -> Any:
    """Return a record with floats for decimals, as the peer's own reader has them."""
    if isinstance(item, dict):
        return {key: _plain(inner) for key, inner in item.items()}
    if isinstance(item, list):
        return [_plain(inner) for inner in item]
    return copy.copy(item) if isinstance(item, (str, bool, int)) or item is None else float(item)
