"""A utility of its own for each story of an event: points in Brisbane, no daylight saving, priced on paper.

Energy 0.30 AUD/kWh; supply 1.00 AUD a day while connected and not vacant; GST 10 % on both.
G1  electricity, one register, meter M1, agreement S1 of account A1
G2  electricity, one register, no agreement, meter M2
D1  electricity, intervals of 30 minutes, priced by its maximum in 30 minutes, agreement S3 of account A2
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from books_by_hand import FLAT, CommandLine, add_tariffs, write_file

ACCOUNTS = {
    "branches.csv": "branch_id,name\nN,North\n",
    "cycles.csv": "cycle_id,bill_group,period_start_date,period_end_date,window_open_date,window_close_date\n"
    "2026-05,monthly,2026-05-01,2026-06-01,2026-06-01,2026-06-11\n"
    "2026-06,monthly,2026-06-01,2026-07-01,2026-07-01,2026-07-11\n"
    "2026-07,monthly,2026-07-01,2026-08-01,2026-08-01,2026-08-11\n"
    "M-06,middle,2026-05-16,2026-06-16,2026-06-16,2026-06-26\n"
    "M-07,middle,2026-06-16,2026-07-16,2026-07-16,2026-07-26\n",
    "customers.csv": "customer_id,name\nK1,Ada Example\nK2,Ben Example\n",
    "accounts.csv": "account_id,customer_id,branch_id,bill_group,currency,revenue_class,payment_days\n"
    "A1,K1,N,monthly,AUD,residential,14\nA2,K2,N,monthly,AUD,residential,14\n",
    "premises.csv": "premise_id,branch_id,address,city,postcode\nP1,N,1 First Street,Northtown,4000\n",
    "service_points.csv": "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
    "G1,P1,electricity,Australia/Brisbane,R1,1\nG2,P1,electricity,Australia/Brisbane,R1,2\n"
    "D1,P1,electricity,Australia/Brisbane,R1,3\n",
    "meters.csv": "meter_id,service_point_id,installed_date,removed_date,dials,multiplier\n"
    "M1,G1,2020-01-01,,5,1\nM2,G2,2020-01-01,,5,1\nMD,D1,2020-01-01,,6,1\n",
    "channels.csv": "channel_id,service_point_id,suffix,measure,interval_minutes,start_date,end_date\n"
    "G1/1,G1,1,import_energy,0,,\nG2/1,G2,1,import_energy,0,,\nD1/E1,D1,E1,import_energy,30,,\n",
    "agreements.csv": "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\n"
    "S1,A1,G1,home,2025-01-01,\nS3,A2,D1,demand,2026-07-01,\n",
}
HOME = FLAT.replace('"flat"', '"home"').replace('"Flat"', '"Home"').replace(
    '[[versions]]',
    '[attributes]\nsupply = { values = ["on", "off"], default = "on" }\n'
    'occupancy = { values = ["occupied", "vacant"], default = "occupied" }\n[[versions]]',
).replace('per = "day"\n', 'per = "day"\nwhen = "supply == \'on\' and occupancy == \'occupied\'"\n')  # fmt: skip
CHEAP = FLAT.replace('"flat"', '"cheap"').replace('"Flat"', '"Cheap"').replace("0.30", "0.20").replace("1.00", "0.50")
DEMAND = (
    FLAT.replace('"flat"', '"demand"').replace('"Flat"', '"Demand"')
    .replace("[[versions]]", 'kw = { measure = "import_energy", agg = "max", interval = "30min", unit = "kW" }\n'
             "[[versions]]")
    .replace('of = "kwh"\nprice = 0.30', 'of = "kw"\nprice = 10.00')
)  # fmt: skip
HEADER = "meter_point,channel,meter,unit,read_date,reading,kind,quality\n"
READS = (
    "G1,1,M1,kWh,2026-05-01,1000,regular,A\nG1,1,M1,kWh,2026-06-01,1300,regular,A\n"
    "G2,1,M2,kWh,2026-06-01,500,regular,A\n"
)


def reads(command: CommandLine, folder: Path, name: str, rows: str) -> None:
    """Land readings."""
    command.done("reads", "land", write_file(folder / name, HEADER + rows))


def books(command: CommandLine, folder: Path) -> None:
    """Make the workspace: reference data, tariffs, the readings of May and of 1 June."""
    accounts = folder / "accounts"
    accounts.mkdir(parents=True)
    for name, text in ACCOUNTS.items():
        write_file(accounts / name, text)
    command.done("init", command.workspace, "--name", "Events", "--by", "ops")
    command.done("accounts", "import", accounts, "--all-or-nothing", "--by", "ops")
    tariffs = {"home": HOME, "cheap": CHEAP, "demand": DEMAND}
    add_tariffs(command, *(write_file(folder / f"{name}.toml", text) for name, text in tariffs.items()))
    reads(command, folder, "first.csv", READS)


def event(command: CommandLine, kind: str, day: str, **said: object) -> dict[str, object]:
    """Record an event."""
    pairs = [word for key, value in said.items() for word in ("--set", f"{key.replace('__', '.')}={value}")]
    done = command.done("event", "add", kind, "--date", day, "--why", "story", *pairs, "--by", "ops", "--json")
    (one,) = done.json
    return dict(one)


def staged(command: CommandLine, cycle: str, business_date: str, sequence: int = 1) -> str:
    """Plan and run; return the run."""
    planned = command.done("cycle", "plan", cycle, "--business-date", business_date, "--sequence", sequence, "--json")
    run = str(planned.json["run_id"])
    command.done("cycle", "run", run, "--workers", 1, "--parked-limit", 100, "--by", "ops")
    return run


def published(command: CommandLine, run: str) -> str:
    """Approve and publish a run."""
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
    return run


def lines_of(command: CommandLine, run: str) -> list[tuple[str, str, date, date, int, int]]:
    """Return the lines of a run: agreement, component, first day, day after the last, quantity, minor units."""
    files = sorted((command.workspace / "lake" / "runs" / run / "tables").glob("bill_lines-*.parquet"))
    frame = pl.concat([pl.read_parquet(file) for file in files]).sort("bill_id", "line_no")
    return list(frame.select("agreement_id", "component_id", "period_start_date", "period_end_date", "quantity",
                             "amount_minor").iter_rows())  # fmt: skip


def parked_of(command: CommandLine, run: str) -> list[tuple[str, str]]:
    """Return what a run parked: agreement, reason."""
    files = sorted((command.workspace / "lake" / "runs" / run / "tables").glob("parked-*.parquet"))
    frame = pl.concat([pl.read_parquet(file) for file in files])
    return list(frame.select("agreement_id", "reason").sort("agreement_id").iter_rows())


def half_hours(point: str, suffix: str, minutes: int, days: Iterable[date], kwh: str, peak: dict[str, str]) -> str:
    """Return lines of a long CSV: the same use in every interval, another one at the times of `peak`."""
    found = []
    for day in days:
        for minute in range(0, 1440, minutes):
            stamp = f"{day}T{minute // 60:02}:{minute % 60:02}:00+10:00"
            found.append(f"{point},{suffix},kWh,{stamp},{peak.get(stamp[:16], kwh)},A,\n")
    return "".join(found)


def days(first: date, after: date) -> list[date]:
    """Return the days of [first, after)."""
    return [first + timedelta(days=number) for number in range((after - first).days)]
