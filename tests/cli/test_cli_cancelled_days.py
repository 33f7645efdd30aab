"""Days of a bill that was taken back after its window: on a work list until a rebill bills them; nothing is replaced.

A1 of June: 265.10, of which electricity 151.80 (30 days x 12 kWh x 0.30, supply 30.00, tax 13.80). Half of it is 75.90.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import CommandLine
from test_cli_rebill import asked, published, two_months

BILL = "A1.2026-06.r0"
WHY = ("--why", "wrong meter", "--by", "ops")


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in which June and July are published."""
    folder = tmp_path_factory.mktemp("cancelled")
    two_months(CommandLine(folder / "books"), folder)
    return folder / "books"


@pytest.fixture
def command(billed: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(billed, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def cancelled(command: CommandLine, bill: str, day: str) -> None:
    run = command.done("bill", "cancel", bill, "--business-date", day, *WHY, "--json").json["run_id"]
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")


def planned(command: CommandLine, day: str, *options: object) -> Any:
    return command.done("rebill", "plan", "--business-date", day, *options, *WHY, "--json").json


def night(command: CommandLine, day: str) -> None:
    command.done("--clock", f"{day}T20:00:00", "cycle", "night", "--business-date", day, "--workers", 1, "--by", "ops")


def unbilled(command: CommandLine) -> dict[str, tuple[str, str]]:
    rows = command.done("exceptions", "list", "--code", "unbilled_at_close", "--json").json
    return {row["account_id"]: (row["owner"], row["detail"]) for row in rows}


def test_a_rebill_bills_the_days_of_a_bill_that_was_taken_back_after_its_window(command: CommandLine) -> None:
    cancelled(command, BILL, "2026-08-15")
    found = planned(command, "2026-08-20")
    (bill,) = found["bills"]
    assert {key: bill[key] for key in ("bill_id", "new_id", "before_minor", "after_minor", "outcome", "causes")} == {
        "bill_id": None, "new_id": "A1.2026-06.r1", "before_minor": 0, "after_minor": 26_510, "outcome": "changed",
        "causes": "cancelled",
    }  # fmt: skip
    assert {row["cause"] for row in found["lines"]} == {"cancelled"} and found["taken_back"] == 0
    assert planned(command, "2026-08-20", "--account", "A2")["run_id"] is None
    assert planned(command, "2026-08-20", "--cause", "cancelled", "--cycle", "2026-06")["run_id"] == found["run_id"]
    published(command, found["run_id"])
    bills = "SELECT bill_id, replaces_id, total_minor FROM bills WHERE run_id = '{}'"
    assert command.done("query", bills.format(found["run_id"]), "--format", "json").json == [
        {"bill_id": "A1.2026-06.r1", "replaces_id": None, "total_minor": 26_510}
    ]
    assert planned(command, "2026-08-21")["run_id"] is None


def test_in_its_window_the_cycle_bills_them(command: CommandLine) -> None:
    cancelled(command, BILL, "2026-07-05")
    assert planned(command, "2026-07-10")["run_id"] is None
    assert planned(command, "2026-07-11")["bills"][0]["new_id"] == "A1.2026-06.r1"


def test_days_that_went_to_another_account_meanwhile_are_billed_to_it(command: CommandLine) -> None:
    cancelled(command, BILL, "2026-08-15")
    told = ("--set", "agreement=S1", "--set", "account=A3", "--set", "new_agreement=S1B")
    command.done("event", "add", "owner_change", "--date", "2026-06-16", *told, "--why", "form 12", "--by", "ops")
    found = planned(command, "2026-08-20", "--cycle", "2026-06")
    amounts = {row["new_id"]: row["after_minor"] for row in found["bills"]}
    # A1 keeps its water, 113.30. A3's bill of June had water: 20 kL x 30 / 61 days, 19.67 + 3.00 + 2.27 = 24.94.
    assert amounts == {"A1.2026-06.r1": 7_590 + 11_330, "A3.2026-06.r1": 7_590 + 2_494}
    published(command, found["run_id"])
    keys = "SELECT agreement_id, period_start_date::TEXT, period_end_date::TEXT FROM segment_key WHERE run_id = '{}'"
    assert asked(command, keys.format(found["run_id"]) + " ORDER BY ALL") == [
        ("S1", "2026-06-01", "2026-06-16"), ("S1B", "2026-06-16", "2026-07-01"),
        ("S2", "2026-06-01", "2026-07-01"), ("S4", "2026-06-01", "2026-07-01"),
    ]  # fmt: skip


def test_a_rebill_that_was_planned_before_they_were_billed_otherwise_is_refused(command: CommandLine) -> None:
    cancelled(command, BILL, "2026-08-15")
    first = planned(command, "2026-08-20")["run_id"]
    second = planned(command, "2026-08-21")["run_id"]
    for run in (first, second):
        command.done("rebill", "apply", run, "--workers", 1, "--by", "ops")
        command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", first, "--by", "ops")
    refused = command("cycle", "publish", second, "--by", "ops")
    assert refused.code == 4 and "have been billed since it was planned" in refused.err


def test_they_are_somebodys_work_until_they_are_billed(command: CommandLine) -> None:
    night(command, "2026-08-12")
    assert unbilled(command) == {}
    cancelled(command, BILL, "2026-08-15")
    night(command, "2026-08-16")
    owner, detail = unbilled(command)["A1"]
    assert owner == "billing"
    assert detail == (
        "agreement S1: cancelled: A1.2026-06.r0.x took bill A1.2026-06.r0 back (wrong meter); bill its days again: "
        "billmill rebill plan"
    )
    published(command, planned(command, "2026-08-20")["run_id"])
    night(command, "2026-08-21")
    assert unbilled(command) == {}
