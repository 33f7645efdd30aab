"""What commands say where they used to say little: filters, closed periods, calendars of other years, units."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from books_by_hand import REGISTER_HEADER, CommandLine, bill, june_ready, write_file

from model.errors import ExitCode

BILL = "A1.2026-06.r0"


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in which June is published."""
    folder = tmp_path_factory.mktemp("told")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    bill(command, "2026-06", "2026-07-02")
    return folder / "books"


@pytest.fixture
def command(billed: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(billed, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def test_a_calendar_of_other_months_is_no_missing_calendar(command: CommandLine) -> None:
    told = command.done("cycle", "list", "--business-date", "2027-01-15").out
    assert (
        "none of the 2 cycles of the calendar is meant on 2027-01-15; their windows are from 2026-07-01 to 2026-08-11: "
        "billmill cycle list --state closed, or --business-date DATE"
    ) in " ".join(told.split())
    assert len(command.done("cycle", "list", "--business-date", "2026-07-15", "--json").json) == 2


def test_bills_are_not_taken_back_into_a_closed_period(command: CommandLine) -> None:
    command.done("ledger", "close", "2026-07", "--by", "ops")
    why = ("--why", "wrong meter", "--by", "ops")
    refused = command("bill", "cancel", BILL, "--business-date", "2026-07-31", *why)
    assert refused.code == ExitCode.BLOCKED_BY_CONTROL
    assert refused.err == (
        "error: taking bills back: 2026-07-31 is in a closed period\n"
        "hint: book it on 2026-08-01 or later: nothing is reopened\n"
    )
    refused = command("rebill", "plan", "--business-date", "2026-07-31", *why)
    assert refused.code == ExitCode.BLOCKED_BY_CONTROL and "billing again: 2026-07-31 is in a closed" in refused.err
    command.done("bill", "cancel", BILL, "--business-date", "2026-08-01", *why)


def test_late_reads_are_told_in_the_units_that_people_read(command: CommandLine, tmp_path: Path) -> None:
    text = REGISTER_HEADER + "W1,W,MW1B,m3,2026-07-01,21.000,regular,A\n"
    command.done("reads", "land", write_file(tmp_path / "water.csv", text))
    (row,) = command.done("bill", "late", "--json").json
    assert (row["unit"], row["before"], row["after"], row["delta"]) == ("L", 50_000, 51_000, 1_000)
    told = command.done("bill", "late").out
    assert " 50.000 " in told and " 51.000 " in told and "50,000" not in told


def test_exceptions_are_chosen_by_amounts_in_their_currency(command: CommandLine) -> None:
    listed = command.done("exceptions", "list", "--state", "all", "--json").json
    amounts = [row["amount_minor"] for row in listed if row["amount_minor"] is not None]
    assert amounts, "review lists no bill"
    some = command.done("exceptions", "list", "--state", "all", "--min-amount", "265.10", "--json").json
    assert [row["amount_minor"] for row in some] == [amount for amount in amounts if amount >= 26_510]
    assert command.done("exceptions", "list", "--state", "all", "--min-amount", "1e30", "--json").json == []
