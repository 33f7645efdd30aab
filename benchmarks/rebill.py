"""`python -m benchmarks.rebill`: a price corrected a year back: plan, apply and publish what becomes another."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from accounts.importing import import_files
from cycles.publishing.publish import publish_run
from cycles.rebill.apply import apply_rebill
from cycles.rebill.choice import RebillRequest
from cycles.rebill.plan import plan_rebill
from cycles.review.review import approve_run
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import run_cycle
from cycles.setup import init_workspace
from ingest.landing.land import land_files
from ingest.vee.run import run_vee
from model.progress import Silent
from store.workspace import Workspace, open_workspace
from tariffs.library import add_tariff_files
from tariffs.lifecycle import approve_tariffs

FIRST = date(2025, 1, 1)
AT = datetime(2026, 1, 5, tzinfo=UTC)
TARIFF = """tariff = "res"
title = "Residential"
commodity = "electricity"
currency = "EUR"
timezone = "Europe/Berlin"
rounding = {{ line = "half_up 0.01" }}
[quantities]
kwh = {{ measure = "import_energy", agg = "sum", unit = "kWh" }}
[[versions]]
valid_from = 2020-01-01
source = "sheet"
[versions.charges.energy]
of = "kwh"
price = {price}
[versions.charges.supply]
per = "day"
price = 0.40
[versions.charges.vat]
percent = 19
of = ["energy", "supply"]
tax = "VAT"
"""


def month_start(number: int) -> date:
    """Return the first day of a month, counted from 0 at `FIRST`."""
    return date(FIRST.year + number // 12, number % 12 + 1, 1)


def write_tables(folder: Path, accounts: int, months: int) -> list[Path]:
    """Write the reference data of so many accounts, each with a register that is read every month."""
    number = pl.select(pl.int_range(accounts).cast(pl.String).str.zfill(6).alias("n"))["n"]
    ids = pl.DataFrame({"n": number})
    calendar = [
        (f"{month_start(m):%Y-%m}", "G", month_start(m), month_start(m + 1), month_start(m + 1),
         month_start(m + 1) + timedelta(days=20))
        for m in range(months)
    ]  # fmt: skip
    tables = {
        "branches": pl.DataFrame({"branch_id": ["N"], "name": ["North"]}),
        "cycles": pl.DataFrame(calendar, orient="row", schema=[
            "cycle_id", "bill_group", "period_start_date", "period_end_date", "window_open_date", "window_close_date",
        ]),
        "customers": ids.select(customer_id="K" + pl.col("n"), name="Customer " + pl.col("n")),
        "accounts": ids.select(
            account_id="A" + pl.col("n"), customer_id="K" + pl.col("n"), branch_id=pl.lit("N"), bill_group=pl.lit("G"),
            currency=pl.lit("EUR"), revenue_class=pl.lit("residential"), payment_days=pl.lit(14),
        ),
        "premises": ids.select(
            premise_id="P" + pl.col("n"), branch_id=pl.lit("N"), address="Street " + pl.col("n"), city=pl.lit("Town"),
            postcode=pl.lit("10000"),
        ),
        "service_points": ids.select(
            service_point_id="E" + pl.col("n"), premise_id="P" + pl.col("n"), commodity=pl.lit("electricity"),
            tz_name=pl.lit("Europe/Berlin"), route=pl.lit("R1"), route_sequence=pl.int_range(1, pl.len() + 1),
        ),
        "meters": ids.select(
            meter_id="M" + pl.col("n"), service_point_id="E" + pl.col("n"), installed_date=pl.lit(date(2020, 1, 1)),
            removed_date=pl.lit(""), dials=pl.lit(6), multiplier=pl.lit(1),
        ),
        "channels": ids.select(
            channel_id="E" + pl.col("n") + "/E", service_point_id="E" + pl.col("n"), suffix=pl.lit("E"),
            measure=pl.lit("import_energy"), interval_minutes=pl.lit(0), start_date=pl.lit(""), end_date=pl.lit(""),
        ),
        "agreements": ids.select(
            agreement_id="S" + pl.col("n"), account_id="A" + pl.col("n"), service_point_id="E" + pl.col("n"),
            tariff_id=pl.lit("res"), start_date=pl.lit(date(2020, 1, 1)), end_date=pl.lit(""),
        ),
    }  # fmt: skip
    paths = []
    for name, frame in tables.items():
        paths.append(folder / f"{name}.csv")
        frame.write_csv(paths[-1])
    return paths


def write_reads(folder: Path, accounts: int, months: int) -> Path:
    """Write a reading of each register on the first of each month: 200 to 399 kWh a month."""
    dates = pl.DataFrame({"m": range(months + 1), "read_date": [month_start(m) for m in range(months + 1)]})
    reads = pl.select(pl.int_range(accounts).alias("i")).join(dates, how="cross").select(
        meter_point="E" + pl.col("i").cast(pl.String).str.zfill(6), channel=pl.lit("E"),
        meter="M" + pl.col("i").cast(pl.String).str.zfill(6), unit=pl.lit("kWh"), read_date=pl.col("read_date"),
        reading=pl.format("{}.000", 1000 + pl.col("m") * (200 + pl.col("i") % 200)), kind=pl.lit("regular"),
        quality=pl.lit("A"),
    )  # fmt: skip
    path = folder / "reads.csv"
    reads.write_csv(path)
    return path


def add(workspace: Workspace, folder: Path, price: str, at: datetime) -> None:
    """Add and approve the tariff with a price."""
    path = folder / "res.toml"
    path.write_text(TARIFF.format(price=price))
    add_tariff_files(workspace, [path], at=at, actor="ops", prove=lambda new: [None] * len(new))
    approve_tariffs(workspace, None, at=at, actor="mira", prove=lambda new: [None] * len(new), waiver="benchmark")


def bill_year(workspace: Workspace, months: int) -> None:
    """Bill and publish every month."""
    for number in range(months):
        name, at = f"{month_start(number):%Y-%m}", AT + timedelta(minutes=number)
        asked = PlanRequest(name, month_start(number + 1), (), 1, None, known_at=at, actor="ops")
        run = plan_cycle(workspace, asked).run_id
        run_cycle(workspace, run, workers=1, progress=Silent(), at=AT, actor="ops")
        approve_run(workspace, run, at=AT, actor="mira")
        publish_run(workspace, run, at=AT + timedelta(minutes=number), actor="ops")


def timed(console: Console, name: str, work: Callable[[], Any]) -> Any:
    """Do some work and print its seconds, on the clock and of the processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = work()
    console.print(f"{name:<28}{time.perf_counter() - clock:8.1f} s   {time.process_time() - cpu:8.1f} CPU-s")
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=12)
    asked = parser.parse_args()
    console = Console(file=sys.stdout)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = prepared(console, folder, asked.accounts, asked.months)
        later = AT + timedelta(days=1)
        timed(console, "correct the price", lambda: add(workspace, folder, "0.31", later))
        request = RebillRequest(date(2026, 1, 20), later + timedelta(hours=1), "ops", "price corrected")
        found = timed(console, "rebill plan", lambda: plan_rebill(workspace, request))
        run = found.planned.run_id
        console.print(
            f"{found.planned.content['taken_back']:,} bills of {found.planned.content['accounts']:,} accounts"
        )
        workers = os.cpu_count() or 1
        options: dict[str, Any] = {"workers": workers, "progress": Silent(), "at": later + timedelta(hours=2)}
        timed(console, "rebill apply", lambda: apply_rebill(workspace, run, **options, actor="ops"))
        approve_run(workspace, run, at=later, actor="mira")
        timed(console, "publish", lambda: publish_run(workspace, run, at=later + timedelta(hours=3), actor="ops"))


def prepared(console: Console, folder: Path, accounts: int, months: int) -> Workspace:
    """Make a workspace whose months are billed and published."""
    init_workspace(folder / "books", name="bench", at=AT, actor="ops")
    workspace = open_workspace(folder / "books")
    tables = write_tables(folder, accounts, months)
    import_files(workspace, tables, all_or_nothing=True, recorded_at=AT, actor="ops")
    add(workspace, folder, "0.30", AT)
    land_files(workspace, [write_reads(folder, accounts, months)], received_at=AT)
    run_vee(workspace, from_date=FIRST, to_date=month_start(months), received_at=AT)
    timed(console, f"bill {months} months", lambda: bill_year(workspace, months))
    return workspace


if __name__ == "__main__":
    main()
