"""A bill beside the bills before it, through the commands: four months as usual, a June four times as high.

E1 takes 0.5 kWh an hour from February to May, 12 kWh a day, and 2 kWh an hour in June, 48 kWh a day. 12 kWh is the
median, its deviation counts as 10 %, so use is usual from 12 - 5 x 1.2 = 6 to twice 12 = 24 kWh a day. June costs
1440 kWh x 0.30 + 30 days = 462.00 and 46.20 GST; at May's amount a day (31 days: 142.60 + 14.26 GST = 156.86, that is
5.06 a day) 30 days are 151.80, and three times that is 455.40.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from books_by_hand import ACCOUNTS, FLAT, LONG_HEADER, CommandLine, add_tariffs, bill, hourly, write_file

BEGINS = [date(2026, month, 1) for month in range(2, 8)]
BILL = "A1.2026-06.r0"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a workspace with four published months and a June that is validated."""
    folder = tmp_path_factory.mktemp("past")
    command = CommandLine(folder / "books")
    (folder / "accounts").mkdir()
    header = ACCOUNTS["cycles.csv"].splitlines()[0]
    cycles = "".join(
        f"{start:%Y-%m},monthly,{start},{end},{end},{end.replace(day=11)}\n" for start, end in pairwise(BEGINS)
    )
    tables = ACCOUNTS | {"cycles.csv": f"{header}\n{cycles}"}
    tables["agreements.csv"] = "".join(f"{line}\n" for line in tables["agreements.csv"].splitlines()[:2])
    for name, text in tables.items():
        write_file(folder / "accounts" / name, text)
    command.done("init", command.workspace, "--name", "Past", "--by", "ops")
    command.done("accounts", "import", folder / "accounts", "--all-or-nothing", "--by", "ops")
    add_tariffs(command, write_file(folder / "flat.toml", FLAT))
    reads = hourly("E1", BEGINS[0], BEGINS[4], "0.500") + hourly("E1", BEGINS[4], BEGINS[5], "2.000")
    command.done("reads", "land", write_file(folder / "reads.csv", LONG_HEADER + reads))
    command.done("reads", "vee", "--from", BEGINS[0], "--to", BEGINS[5])
    for start, end in pairwise(BEGINS[:5]):
        bill(command, f"{start:%Y-%m}", f"{end.replace(day=2)}")
    command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--by", "ops")
    command.done("cycle", "run", "bill-2026-06-20260702-1", "--workers", 1, "--by", "ops")
    return command


def test_june_is_listed_with_the_figures_behind_it(command: CommandLine) -> None:
    rows = command.done("exceptions", "list", "--run", "bill-2026-06-20260702-1", "--json").json
    found = {row["code"]: row["detail"] for row in rows}
    assert set(found) == {"high_use", "large_change", "top_amount"}
    assert found["high_use"] == (
        "48.000 kWh a day; usual is 12.000 kWh (median of 4 bills), from 6.000 kWh to 24.000 kWh"
    )
    assert found["large_change"] == (
        "508.20 AUD; the last bill's amount a day gives 151.80 AUD over as many days, listed above 455.40 AUD"
    )


def test_the_status_puts_june_beside_may(command: CommandLine) -> None:
    (status,) = command.done("cycle", "status", "--json").json
    assert status["totals"] == [
        {"currency": "AUD", "bills": 1, "total_minor": 50820, "last_bills": 1, "last_total_minor": 15686,
         "last_cycle": "2026-05"}
    ]  # fmt: skip
    assert status["funnel"] == {
        "due": 1, "read": 1, "estimated": 0, "billed": 1, "parked": 0, "held": 0, "kept_out": 0
    }  # fmt: skip
    text = command.done("cycle", "status").out
    assert "total AUD  508.20      156.86    +224.0 %" in text  # 351.34 more than 156.86


def test_the_control_sheet_lists_what_to_look_at(command: CommandLine) -> None:
    sheet = command.done("run", "show", "bill-2026-06-20260702-1", "--json").json
    assert [(row["severity"], row["code"], row["listed"], row["example"]) for row in sheet["review"]] == [
        ("warn", "high_use", 1, BILL), ("warn", "large_change", 1, BILL), ("info", "top_amount", 1, BILL)
    ]  # fmt: skip
