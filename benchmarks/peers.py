"""Other people's engines rate a few channels of the month, with whatever interpreter they are installed in.

`python benchmarks/peers.py < asked.json > told.json` needs nothing of Billmill: it is given the tariff as a URDB record
and the loads of some channels, and tells for each engine that is installed what a channel's energy comes to, and how
long that took. Neither engine takes every part of the tariff: see `docs/performance.md`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import time
from datetime import date
from importlib.metadata import version
from typing import Any

# PySAM's year has no leap day and begins on a Monday; its March, as October 2026, has 31 days and begins on a Thursday.
_MARCH_DAY = 59
_YEAR_DAYS = 365


def main() -> None:
    """Read what is asked from stdin, tell the results on stdout."""
    asked = json.load(sys.stdin)
    engines = {"PySAM": ("PySAM", "nrel-pysam", _pysam), "ratebook": ("ratebook", "ratebook", _ratebook)}
    told = {}
    for name, (module, package, rate) in engines.items():
        if importlib.util.find_spec(module) is None:
            continue
        rate(asked["record"], asked["loads"][:1], asked)  # loads what is loaded once
        began = time.process_time()
        amounts = rate(asked["record"], asked["loads"], asked)
        told[name] = {
            "cpu_seconds": time.process_time() - began,
            "amounts": amounts,
            "version": version(package),
        }
    json.dump({"python": sys.version.split()[0], "engines": told}, sys.stdout)


def _pysam(record: dict[str, Any], loads: list[list[int]], _: dict[str, Any]) -> list[float]:
    """A year at 15 minutes of which the month is all there is. PySAM bills years, in floats."""
    tools = importlib.import_module("PySAM.UtilityRateTools")
    model_type = importlib.import_module("PySAM.Utilityrate5")
    amounts = []
    for load in loads:
        year = [0.0] * (_YEAR_DAYS * 96)
        year[_MARCH_DAY * 96 : _MARCH_DAY * 96 + len(load)] = [wh / 250 for wh in load]  # kW of a quarter of an hour
        model = model_type.new()
        model.ElectricityRates.assign(tools.URDBv8_to_ElectricityRates(json.loads(json.dumps(record))))
        model.ElectricityRates.rate_escalation = [0]
        model.Lifetime.analysis_period = 1
        model.Lifetime.inflation_rate = 0
        model.Lifetime.system_use_lifetime_output = 0
        model.SystemOutput.gen = [0.0] * len(year)
        model.SystemOutput.degradation = [0]
        model.Load.load = year
        model.execute(0)
        amounts.append(float(model.Outputs.utility_bill_wo_sys_year1))
    return amounts


def _ratebook(record: dict[str, Any], loads: list[list[int]], asked: dict[str, Any]) -> list[float]:
    """A window of the month, by hours, in decimals: ratebook knows no quarters of an hour."""
    ratebook = importlib.import_module("ratebook")
    tariff = importlib.import_module("ratebook.urdb").tariff_from_v8(record)
    window = ratebook.BillingWindow(date.fromisoformat(asked["from_date"]), asked["days"])
    amounts = []
    for load in loads:
        hours = [str(sum(load[at : at + 4]) / 1000) for at in range(0, len(load), 4)]
        bill = ratebook.estimate_bill(tariff, ratebook.Usage.hourly(hours), window)
        if not bill.ok:
            raise RuntimeError(f"ratebook refuses the tariff: {bill.refusal}")
        amounts.append(float(bill.total))
    return amounts


if __name__ == "__main__":
    main()
