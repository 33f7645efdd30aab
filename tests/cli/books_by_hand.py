"""A utility of three accounts, written by hand so that each amount can be checked on paper, and a way to run commands.

Brisbane has no daylight saving: every day has 24 intervals of an hour.

A1  electricity E1 (hourly) and water; its water meter is exchanged on 16 June
A2  electricity E2 (hourly); moves in on 11 June, moves out on 21 July
A3  water only; its reading of 1 July comes late
"""

from __future__ import annotations

import atexit
import io
import json
import shutil
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import typer.main

import cli

# Typer lays out all commands anew on each call, which takes longer than most of them; their text does not change.
_laid_out = cache(typer.main.get_command)

ACCOUNTS = {
    "branches.csv": "branch_id,name\nN,North\n",
    "cycles.csv": "cycle_id,bill_group,period_start_date,period_end_date,window_open_date,window_close_date\n"
    "2026-06,monthly,2026-06-01,2026-07-01,2026-07-01,2026-07-11\n"
    "2026-07,monthly,2026-07-01,2026-08-01,2026-08-01,2026-08-11\n",
    "customers.csv": "customer_id,name\nK1,Ada Example\nK2,Ben Example\nK3,Cleo Example\n",
    "accounts.csv": "account_id,customer_id,branch_id,bill_group,currency,revenue_class,payment_days\n"
    "A1,K1,N,monthly,AUD,residential,14\nA2,K2,N,monthly,AUD,residential,14\nA3,K3,N,monthly,AUD,residential,14\n",
    "premises.csv": "premise_id,branch_id,address,city,postcode\n"
    "P1,N,1 First Street,Northtown,4000\nP2,N,2 Second Street,Northtown,4000\nP3,N,3 Third Street,Northtown,4000\n",
    "service_points.csv": "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
    "E1,P1,electricity,Australia/Brisbane,R1,1\nW1,P1,water,Australia/Brisbane,R1,2\n"
    "E2,P2,electricity,Australia/Brisbane,R1,3\nW3,P3,water,Australia/Brisbane,R1,4\n",
    "meters.csv": "meter_id,service_point_id,installed_date,removed_date,dials,multiplier\n"
    "ME1,E1,2020-01-01,,6,1\nMW1,W1,2020-01-01,2026-06-16,5,1\nMW1B,W1,2026-06-16,,5,1\n"
    "ME2,E2,2020-01-01,,6,1\nMW3,W3,2020-01-01,,5,1\n",
    "channels.csv": "channel_id,service_point_id,suffix,measure,interval_minutes,start_date,end_date\n"
    "E1/E1,E1,E1,import_energy,60,,\nW1/W,W1,W,water_volume,0,,\n"
    "E2/E1,E2,E1,import_energy,60,,\nW3/W,W3,W,water_volume,0,,\n",
    "agreements.csv": "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\n"
    "S1,A1,E1,flat,2025-01-01,\nS2,A1,W1,water,2025-01-01,\n"
    "S3,A2,E2,flat,2026-06-11,2026-07-21\nS4,A3,W3,water,2025-01-01,\n",
}
FLAT = """tariff = "flat"
title = "Flat"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Brisbane"
rounding = { line = "half_up 0.01" }
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
[[versions]]
valid_from = 2020-01-01
source = "price sheet of the story"
[versions.charges.energy]
of = "kwh"
price = 0.30
text = "Electricity"
[versions.charges.supply]
per = "day"
price = 1.00
text = "Supply"
[versions.charges.gst]
percent = 10
of = ["energy", "supply"]
tax = "GST"
text = "GST 10 %"
"""
WATER = (
    FLAT.replace('"flat"', '"water"').replace('"Flat"', '"Water"').replace('"electricity"', '"water"')
    .replace("import_energy", "water_volume").replace("kwh", "kl").replace("kWh", "kL").replace("0.30", "2.00")
    .replace("1.00", "0.10").replace('"Electricity"', '"Water"')
)  # fmt: skip
LONG_HEADER = "meter_point,channel,unit,start,value,quality,updated_at\n"
REGISTER_HEADER = "meter_point,channel,meter,unit,read_date,reading,kind,quality\n"
WATER_JUNE = (
    "W1,W,MW1,m3,2026-06-01,100.000,regular,A\n"
    "W1,W,MW1,m3,2026-06-16,130.000,removal,A\n"
    "W1,W,MW1B,m3,2026-06-16,0.000,install,A\n"
    "W1,W,MW1B,m3,2026-07-01,20.000,regular,A\n"
    "W3,W,MW3,m3,2026-05-01,2.000,regular,A\n"
    "W3,W,MW3,m3,2026-06-01,10.000,regular,A\n"
)
WATER_LATE = "W3,W,MW3,m3,2026-07-01,22.345,regular,A\n"
WATER_JULY = "W1,W,MW1B,m3,2026-08-01,65.000,regular,A\nW3,W,MW3,m3,2026-08-01,30.000,regular,A\n"
JUNE, JULY, AUGUST = date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1)


@dataclass(frozen=True)
class Ended:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return stdout as the one JSON document that it must be."""
        return json.loads(self.out)


class CommandLine:
    """Runs commands in this process, as the installed command would."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace

    def __call__(self, *words: object) -> Ended:
        """Run a command on the workspace; it ends with its exit code, never with a traceback."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setenv("BILLMILL_WORKSPACE", str(self.workspace))
            patch.setenv("COLUMNS", "200")
            patch.setattr(typer.main, "get_command", _laid_out)
            patch.setattr(sys, "argv", ["billmill", *map(str, words)])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        assert isinstance(ended.value.code, int)
        assert "Traceback" not in err.getvalue()
        return Ended(int(ended.value.code), out.getvalue(), err.getvalue())

    def done(self, *words: object) -> Ended:
        """Run a command that must end well."""
        ended = self(*words)
        assert ended.code == 0, (words, ended)
        return ended


def hourly(point: str, first: date, end: date, kwh: str) -> str:
    """Return lines of a long CSV: the same use in every hour of [first, end)."""
    days: Iterable[date] = (first + timedelta(days=number) for number in range((end - first).days))
    return "".join(f"{point},E1,kWh,{day}T{hour:02}:00:00+10:00,{kwh},A,\n" for day in days for hour in range(24))


def write_accounts(folder: Path) -> Path:
    """Write the reference data as CSV files; return their folder."""
    folder.mkdir(parents=True)
    for name, text in ACCOUNTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_file(path: Path, text: str) -> Path:
    """Write a text file; return its path."""
    path.write_text(text, encoding="utf-8")
    return path


def add_tariffs(command: CommandLine, *files: Path) -> None:
    """Add tariff files as one person and approve them as another."""
    command.done("tariff", "add", *files, "--by", "ops")
    command.done("tariff", "approve", "--all", "--without-examples", "the story works them out", "--by", "mira")


def june_ready(command: CommandLine, folder: Path) -> None:
    """Make the workspace of June: reference data, tariffs, reads of June, all but the late one.

    `folder` keeps the files that were taken over. The commands run once in a process; later calls copy what they left,
    as every test that begins in June begins alike.
    """
    made = _june()
    shutil.copytree(made / "books", command.workspace)
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("books"), dirs_exist_ok=True)


@cache
def _june() -> Path:
    folder = Path(mkdtemp(prefix="june-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make_june(CommandLine(folder / "books"), folder)
    return folder


def make_june(command: CommandLine, folder: Path, *how: object) -> None:
    """Make the workspace of June by its commands; `how` is for `init`."""
    command.done("init", command.workspace, "--name", "Story", "--by", "ops", *how)
    command.done("accounts", "import", write_accounts(folder / "accounts"), "--all-or-nothing", "--by", "ops")
    add_tariffs(command, write_file(folder / "flat.toml", FLAT), write_file(folder / "water.toml", WATER))
    reads = LONG_HEADER + hourly("E1", JUNE, JULY, "0.500") + hourly("E2", JUNE, JULY, "0.250")
    registers = write_file(folder / "water-june.csv", REGISTER_HEADER + WATER_JUNE)
    command.done("reads", "land", write_file(folder / "june.csv", reads), registers)
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)


def bill(command: CommandLine, cycle: str, business_date: str) -> str:
    """Plan, run, approve and publish; return the run."""
    run = str(
        command.done("cycle", "plan", cycle, "--business-date", business_date, "--by", "ops", "--json").json["run_id"]
    )
    command.done("cycle", "run", run, "--workers", 1, "--parked-limit", 100, "--by", "ops")
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
    return run
