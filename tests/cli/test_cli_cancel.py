"""A bill is taken back by one that negates it; what is left over is nothing, and the days are due again.

A1 of June: 360 kWh x 0.30 = 108.00 and supply 30.00, tax 13.80; water 50 kL x 2.00 and 3.00, tax 10.30: 265.10.
A2 of June: 20 days x 6 kWh = 120 x 0.30 = 36.00 and 20.00, tax 5.60: 61.60.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from books_by_hand import CommandLine, bill, june_ready

from model.errors import ExitCode
from store.control import control, query
from store.workspace import open_workspace

BILL = "A1.2026-06.r0"
WHY = ("--business-date", "2026-07-05", "--why", "wrong meter", "--by", "ops")


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in which June is published."""
    folder = tmp_path_factory.mktemp("cancel")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    bill(command, "2026-06", "2026-07-02")
    return folder / "books"


@pytest.fixture
def command(billed: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(billed, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def asked(command: CommandLine, sql: str) -> list[tuple[object, ...]]:
    with control(open_workspace(command.workspace), purpose="test") as connection:
        return query(connection, sql).rows()


def published(command: CommandLine, *words: object) -> str:
    run = str(command.done("bill", "cancel", *words, *WHY, "--json").json["run_id"])
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
    return run


def test_a_bill_and_its_reversal_come_to_nothing_everywhere(command: CommandLine) -> None:
    run = published(command, BILL)
    assert asked(command, "SELECT bill_id, reversal_id, run_id, reason FROM reversed_bill") == [
        (BILL, f"{BILL}.x", run, "wrong meter")
    ]
    legs = "SELECT gl_account, sum(amount_minor)::INT FROM journal_line WHERE account_id = 'A1' GROUP BY ALL"
    assert {amount for _, amount in asked(command, legs)} == {0}
    items = "SELECT item_id, amount_minor FROM open_item WHERE account_id = 'A1' ORDER BY item_id"
    assert asked(command, items) == [(f"{BILL}.x/I", -26510), (f"{BILL}/I", 26510)]
    settled = "SELECT credit_item_id, debit_item_id, amount_minor FROM allocation"
    assert asked(command, settled) == [(f"{BILL}.x/I", f"{BILL}/I", 26510)]
    lines = "SELECT sum(amount_minor)::INT AS amount, sum(quantity)::INT AS quantity, count(*) AS count FROM bill_lines"
    (row,) = command.done("query", f"{lines} WHERE account_id = 'A1'", "--format", "json").json
    assert row == {"amount": 0, "quantity": 0, "count": 12}


def test_its_document_is_a_credit_note_in_a_series_of_its_own(command: CommandLine) -> None:
    published(command, BILL)
    series = "SELECT series, last_no FROM invoice_series ORDER BY series"
    assert asked(command, series) == [("N-2026", 2), ("N-CR-2026", 1)]
    shown = command.done("bill", "show", f"{BILL}.x").out
    assert "CREDIT NOTE" in shown and "N-CR-2026-0000001" in shown and "-265.10" in shown
    assert "TAKES BACK" not in command.done("bill", "show", BILL).out


def test_days_that_were_taken_back_are_due_again_and_give_the_same_lines(command: CommandLine) -> None:
    published(command, BILL)
    again = bill(command, "2026-06", "2026-07-06")
    keys = "SELECT bill_id, revision FROM segment_key WHERE run_id = '{}' AND agreement_id = 'S1'"
    assert asked(command, keys.format(again)) == [("A1.2026-06.r1", 1)]
    lines = "SELECT component_id, quantity, amount_minor FROM bill_lines WHERE bill_id = '{}' ORDER BY line_no"
    first, second = (
        command.done("query", lines.format(name), "--format", "json").json for name in (BILL, "A1.2026-06.r1")
    )
    assert first == second
    total = "SELECT sum(amount_minor)::INT AS left FROM bill_lines WHERE account_id = 'A1'"
    assert command.done("query", total, "--format", "json").json == [{"left": 26510}]


def test_taking_back_is_approved_by_a_second_person_and_repeating_changes_nothing(command: CommandLine) -> None:
    run = command.done("bill", "cancel", BILL, *WHY, "--json").json["run_id"]
    assert command("cycle", "approve", run, "--by", "ops").code == ExitCode.BLOCKED_BY_CONTROL
    assert command.done("bill", "cancel", BILL, *WHY, "--json").json == {
        "run_id": run, "state": "validated", "bills": 1, "total_minor": -26510
    }  # fmt: skip
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
    again = command.done("bill", "cancel", BILL, *WHY, "--json").json
    assert again["state"] == "published" and asked(command, "SELECT count(*) FROM reversed_bill") == [(1,)]
    details = command.done("run", "show", run).out
    assert "-265.10" in details


def test_what_cannot_be_taken_back_is_told(command: CommandLine) -> None:
    published(command, BILL)
    later = ("--business-date", "2026-07-06", "--why", "again", "--by", "ops")
    cases = {
        BILL: "bill `A1.2026-06.r0` was taken back already, by `A1.2026-06.r0.x`",
        f"{BILL}.x": "bill `A1.2026-06.r0.x` takes back `A1.2026-06.r0`; a reversal is never taken back",
        "A9.2026-06.r0": "bill `A9.2026-06.r0` is not known, or not published yet",
    }
    for name, message in cases.items():
        ended = command("bill", "cancel", name, *later)
        assert ended.code == ExitCode.REFUSED and message in ended.err
    assert "no bill is named" in command("bill", "cancel", *later).err


def test_bills_are_chosen_by_account_cycle_branch_or_run(command: CommandLine) -> None:
    planned = command.done("bill", "cancel", "--cycle", "2026-06", "--branch", "N", *WHY, "--json").json
    assert planned["bills"] == 2 and planned["total_minor"] == -26510 - 6160
    command.done("cycle", "abandon", planned["run_id"], "--by", "ops")
    by_account = command.done("bill", "cancel", "--account", "A2", *WHY, "--json").json
    assert by_account["bills"] == 1 and by_account["total_minor"] == -6160


ALLOCATED = "SELECT credit_item_id, debit_item_id, amount_minor FROM allocation ORDER BY booked_date, amount_minor"
RELEASED = "SELECT journal_id, reverses_id, gl_account, amount_minor FROM journal_line WHERE journal_id LIKE '%/R'"
OWED = "SELECT gl_account, sum(amount_minor)::INT FROM journal_line WHERE account_id = 'A1' GROUP BY ALL ORDER BY ALL"


def test_what_was_paid_is_released_and_settles_what_is_billed_again(command: CommandLine) -> None:
    # 100.00 of the bill of 265.10 are paid; taken back, all of it is settled by the reversal, and the payment is open.
    paid = ("--account", "A1", "--amount", "100.00", "--business-date", "2026-07-04", "--by", "ops")
    command.done("ledger", "post", "payment", *paid)
    ((credit,),) = asked(command, "SELECT item_id FROM open_item WHERE gl_account = '242'")
    first, debt = (credit, f"{BILL}/I", 10_000), f"{BILL}/I"
    assert asked(command, ALLOCATED) == [first]
    published(command, BILL)
    assert asked(command, ALLOCATED) == [first, (credit, debt, -10_000), (f"{BILL}.x/I", debt, 26_510)]
    assert [row for row in asked(command, OWED) if row[1]] == [("242", -10_000)]
    moved, back = f"{credit}>{debt}", f"{credit}>{debt}/R"
    assert sorted(asked(command, RELEASED)) == [(back, moved, "142", 10_000), (back, moved, "242", -10_000)]
    bill(command, "2026-06", "2026-07-06")
    command.done("verify")
    command.done("rebuild", "--into", command.workspace.parent / "again")
    command.done("ledger", "allocate", "--business-date", "2026-07-06", "--by", "ops")
    assert asked(command, ALLOCATED)[3:] == [(credit, "A1.2026-06.r1/I", 10_000)]
    command.done("ledger", "check", "--business-date", "2026-07-06")


def test_a_write_off_is_about_its_bill_and_stays_with_it(command: CommandLine) -> None:
    item = ("--account", "A1", "--item", f"{BILL}/I", "--amount", "65.10", "--business-date", "2026-07-04")
    made = command.done("ledger", "post", "write_off", *item, "--why", "old", "--by", "ops", "--json").json
    command.done("ledger", "approve", made["posting_id"], "--by", "mira")
    published(command, BILL)
    assert [amount for _, _, amount in asked(command, ALLOCATED)] == [6_510, 20_000]
