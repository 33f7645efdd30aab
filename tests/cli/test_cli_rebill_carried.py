"""Tariffs that look back: a bill of June that becomes another makes July's another, in order; nothing is left behind.

A1 of June: 360 kWh x 0.30 = 108.00, 0.5 kW x 10.00 = 5.00, nothing carried, tax 11.30: 124.30.
July: 372 kWh: 111.60, the highest of both months 0.5 kW: 5.00, 360 kWh carried x 0.01 = 3.60, tax 12.02: 132.22.
With 12 kWh more on 10 June, in hours of 1 kWh: June 111.60 + 10.00 + 12.16 = 133.76; July 111.60 + 10.00 +
3.72 (372 kWh carried) + 12.53 = 137.85. The water of A1, 113.30 and 102.41, stays.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from books_by_hand import JULY, JUNE, LONG_HEADER, CommandLine, bill, hourly, write_file
from test_cli_rebill import LINES, OPTIONS, asked, planned, published, two_months

from model.errors import ExitCode

LOOKING = """tariff = "flat"
title = "Looks back"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Brisbane"
rounding = { line = "half_up 0.01" }
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
kw = { measure = "import_energy", agg = "max", unit = "kW" }
highest = { history = "kw", agg = "max", back = 2, unit = "kW", if_missing = 0 }
billed_kw = { formula = "max(kw, highest)", unit = "kW" }
brought = { formula = "saved", unit = "kWh" }
[banks]
saved = { closing = "kwh + saved", unit = "kWh" }
[[versions]]
valid_from = 2020-01-01
source = "price sheet of the story"
[versions.charges.energy]
of = "kwh"
price = 0.30
[versions.charges.demand]
of = "billed_kw"
price = 10.00
[versions.charges.carried]
of = "brought"
price = 0.01
[versions.charges.gst]
percent = 10
of = ["energy", "demand", "carried"]
tax = "GST"
"""
CORRECTION = LONG_HEADER + hourly("E1", date(2026, 6, 10), date(2026, 6, 11), "1.000")
LEFT = "SELECT balance, as_of_date FROM bank_balance WHERE agreement_id = 'S1' AND superseded_at IS NULL"
HIGHEST = (
    "SELECT period_start_date, quantity FROM quantity_history WHERE service_point_id = 'E1' "
    "AND superseded_at IS NULL ORDER BY ALL"
)
AUGUST_1 = date(2026, 8, 1)
KWH = 10**9  # a bank keeps 9 decimals


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in which June and July are published by a tariff that looks back."""
    folder = tmp_path_factory.mktemp("looking")
    two_months(CommandLine(folder / "books"), folder, flat=LOOKING)
    return folder / "books"


@pytest.fixture
def command(billed: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(billed, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def corrected(command: CommandLine, folder: Path) -> None:
    command.done("reads", "land", write_file(folder / "late.csv", CORRECTION))
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)


def test_later_bills_follow_the_earlier_ones_in_order(command: CommandLine, tmp_path: Path) -> None:
    corrected(command, tmp_path)
    found = planned(command)
    told = {row["bill_id"]: (row["before_minor"], row["after_minor"], row["causes"]) for row in found["bills"]}
    water = {"2026-06": 11330, "2026-07": 10241}
    assert told == {
        "A1.2026-06.r0": (12430 + water["2026-06"], 13376 + water["2026-06"], "read"),
        "A1.2026-07.r0": (13222 + water["2026-07"], 13785 + water["2026-07"], "history"),
    }
    published(command, found["run_id"])
    assert asked(command, LEFT) == [(744 * KWH, AUGUST_1)]
    assert asked(command, HIGHEST) == [(JUNE, 1000), (JULY, 500)]
    assert command.done("bill", "explain", "A1.2026-07.r1", "--json").json["same"]
    assert command.done("bill", "rerate", "A1.2026-07.r1", "--json").json["same"]
    assert planned(command)["run_id"] is None
    fresh = CommandLine(tmp_path / "fresh")
    (tmp_path / "other").mkdir()
    two_months(fresh, tmp_path / "other", flat=LOOKING, corrected=CORRECTION)
    amounts = [books.done("query", LINES, "--format", "json").json for books in (command, fresh)]
    assert amounts[0] == amounts[1]
    assert asked(fresh, LEFT) == asked(command, LEFT) and asked(fresh, HIGHEST) == asked(command, HIGHEST)


def test_a_bill_on_which_a_later_one_rests_is_not_taken_back_alone(command: CommandLine) -> None:
    ended = command("bill", "cancel", "A1.2026-06.r0", *OPTIONS)
    assert ended.code == ExitCode.BLOCKED_BY_CONTROL
    assert "cannot be taken back alone: bill `A1.2026-07.r0` rests on" in ended.err


def test_what_a_bill_that_is_taken_back_had_left_is_true_no_longer(command: CommandLine) -> None:
    published_cancel(command, "A1.2026-07.r0")
    assert asked(command, LEFT) == [(360 * KWH, JULY)]
    assert asked(command, HIGHEST) == [(JUNE, 500)]
    bill(command, "2026-07", "2026-08-03")
    assert asked(command, LEFT) == [(732 * KWH, AUGUST_1)]
    totals = "SELECT total_minor FROM bills WHERE bill_id = 'A1.2026-07.r1'"
    assert command.done("query", totals, "--format", "json").json == [{"total_minor": 13222 + 10241}]
    published_cancel(command, "A1.2026-06.r0", "A1.2026-07.r1")
    assert asked(command, LEFT) == [] and asked(command, HIGHEST) == []


def test_taken_back_days_are_billed_again_with_what_was_carried_into_them(command: CommandLine) -> None:
    published_cancel(command, "A1.2026-06.r0", "A1.2026-07.r0")
    found = planned(command)
    told = {row["new_id"]: (row["bill_id"], row["after_minor"], row["causes"]) for row in found["bills"]}
    assert told == {
        "A1.2026-06.r1": (None, 12430 + 11330, "cancelled"),
        "A1.2026-07.r1": (None, 13222 + 10241, "cancelled"),
    }
    published(command, found["run_id"])
    assert asked(command, LEFT) == [(732 * KWH, AUGUST_1)]
    assert asked(command, HIGHEST) == [(JUNE, 500), (JULY, 500)]
    assert command.done("bill", "explain", "A1.2026-07.r1", "--json").json["same"]
    assert planned(command)["run_id"] is None


def published_cancel(command: CommandLine, *bills: str) -> None:
    run = command.done("bill", "cancel", *bills, *OPTIONS, "--json").json["run_id"]
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
