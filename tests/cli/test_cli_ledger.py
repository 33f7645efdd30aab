"""A month of an accountant, through the command line: what is posted, refused, reported and handed on."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from books_by_hand import CommandLine, bill, june_ready, write_file

HEADER = "channel,batch,reference,account_id,amount,booked_date,branch_id\n"


@pytest.fixture(scope="module")
def june(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    bill(command, "2026-06", "2026-07-02")
    return command.workspace


@pytest.fixture
def command(june: Path, tmp_path: Path) -> Iterator[CommandLine]:
    shutil.copytree(june, tmp_path / "books")
    yield CommandLine(tmp_path / "books")


def post(
    command: CommandLine, kind: str, *words: object, by: str = "ops", day: str = "2026-07-20"
) -> dict[str, object]:
    made = command.done("ledger", "post", kind, *words, "--business-date", day, "--by", by, "--json").json
    assert isinstance(made, dict)
    return made


def open_amounts(command: CommandLine, account: str) -> list[tuple[str, int]]:
    rows = command.done("ledger", "items", "--account", account, "--json").json
    return [(row["gl_account"], row["open_minor"]) for row in rows]


def total(command: CommandLine, account: str) -> int:
    return sum(amount for _, amount in open_amounts(command, account))


def test_a_file_of_payments_is_taken_once(command: CommandLine, tmp_path: Path) -> None:
    # A1, 30 days: energy 24 x 0.5 x 30 x 0.30 = 108.00, supply 30.00, GST 13.80; water 50 x 2.00 and 30 x 0.10,
    # GST 10.30: 151.80 + 113.30 = 265.10.
    assert open_amounts(command, "A1") == [("142", 26_510)]
    rows = "bank,1,R1,A1,300.00,2026-07-10,\nbank,1,R2,NOBODY,20.00,2026-07-10,N\n"
    file = write_file(tmp_path / "payments.csv", HEADER + rows)
    done = command.done("ledger", "import", file, "--control-total", "320.00", "--json").json
    assert (done["booked"], done["in_suspense"], done["total"]) == (2, 1, {"AUD": 32_000})
    assert open_amounts(command, "A1") == [("242", -3_490)]
    again = command.done("ledger", "import", file, "--json").json
    assert (again["booked"], again["known"]) == (0, 2)
    assert open_amounts(command, "A1") == [("242", -3_490)]
    post(command, "identify", "--to-account", "A2", "--amount", "20.00", "--why", "the payer called")
    balance = command.done("ledger", "trial-balance", "--json").json
    assert {row["account"]: row["balance_minor"] for row in balance}["242.9"] == 0


BAD = {
    "bank,1,R1,A9,1.00,2026-07-10,": "branch_unknown",
    "bank,1,,A1,1.00,2026-07-10,": "key_missing",
    "bank,1,R1,A1,1.005,2026-07-10,": "amount_wrong",
    "bank,1,R1,A1,-1.00,2026-07-10,": "amount_wrong",
    "bank,1,R1,A1,1.00,10.7.2026,": "date_wrong",
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_row_is_rejected_with_its_reason_and_the_good_one_taken(
    command: CommandLine, tmp_path: Path, line: str
) -> None:
    file = write_file(tmp_path / "payments.csv", f"{HEADER}{line}\nbank,1,R2,A1,5.00,2026-07-10,\n")
    ended = command("ledger", "import", file, "--json")
    assert ended.code == 3
    assert [(row["line"], row["reason"]) for row in ended.json["rejects"]] == [(2, BAD[line])]
    assert ended.json["booked"] == 1


def test_a_key_with_another_content_is_rejected(command: CommandLine, tmp_path: Path) -> None:
    command.done("ledger", "import", write_file(tmp_path / "a.csv", f"{HEADER}bank,1,R1,A1,5.00,2026-07-10,\n"))
    ended = command(
        "ledger", "import", write_file(tmp_path / "b.csv", f"{HEADER}bank,1,R1,A1,6.00,2026-07-10,\n"), "--json"
    )
    assert [row["reason"] for row in ended.json["rejects"]] == ["key_taken"]
    assert total(command, "A1") == 26_510 - 500


def test_a_control_total_that_does_not_meet_keeps_the_file_out(command: CommandLine, tmp_path: Path) -> None:
    file = write_file(tmp_path / "payments.csv", f"{HEADER}bank,1,R1,A1,5.00,2026-07-10,\n")
    ended = command("ledger", "import", file, "--control-total", "5.01")
    assert ended.code == 4
    assert "its amounts sum to 5.00, the control total is 5.01" in ended.err
    assert total(command, "A1") == 26_510


def test_an_adjustment_falls_on_revenue_and_tax_of_its_bill(command: CommandLine) -> None:
    # 26.51 is a tenth of the bill: 13.80 of electricity's revenue, 10.30 of water's and 2.41 of GST.
    made = post(command, "credit_adjustment", "--account", "A1", "--bill", "A1.2026-06.r0", "--amount", "26.51",
                "--why", "meter fault")  # fmt: skip
    again = post(command, "credit_adjustment", "--account", "A1", "--bill", "A1.2026-06.r0", "--amount", "26.51",
                 "--why", "meter fault")  # fmt: skip
    assert (made["state"], again["posting_id"], again["is_new"]) == ("booked", made["posting_id"], False)
    rows = command.done("query", "SELECT gl_account, amount_minor FROM ledger_lines WHERE kind = 'credit_adjustment' "
                        "ORDER BY gl_account", "--format", "csv").out  # fmt: skip
    assert list(csv.reader(io.StringIO(rows)))[1:] == [
        ["142", "-2651"],
        ["241", "241"],
        ["440", "1380"],
        ["460", "1030"],
    ]
    assert open_amounts(command, "A1") == [("142", 26_510 - 2_651)]


def test_a_write_off_waits_for_another_person(command: CommandLine) -> None:
    made = post(command, "write_off", "--account", "A1", "--item", "A1.2026-06.r0/I", "--why", "bankrupt")
    assert made["state"] == "proposed"
    assert total(command, "A1") == 26_510, "what is proposed is not booked"
    own = command("ledger", "approve", made["posting_id"], "--by", "ops")
    assert own.code == 4
    assert "the same person cannot approve it" in own.err
    command.done("ledger", "approve", made["posting_id"], "--by", "mira")
    command.done("ledger", "approve", made["posting_id"], "--by", "mira")
    assert open_amounts(command, "A1") == []
    command.done("ledger", "check", "--business-date", "2026-07-05")


def test_a_posting_that_was_refused_is_never_booked(command: CommandLine) -> None:
    made = post(command, "write_off", "--account", "A1", "--item", "A1.2026-06.r0/I", "--why", "bankrupt")
    command.done("ledger", "approve", made["posting_id"], "--refuse", "--why", "they paid", "--by", "mira")
    ended = command("ledger", "approve", made["posting_id"], "--by", "mira")
    assert ended.code == 2
    assert "is refused; it can no longer become booked" in ended.err


def test_postings_above_the_limit_wait(command: CommandLine) -> None:
    path = command.workspace / "billmill.toml"
    write_file(path, path.read_text() + '[ledger]\napprove_above = "50.00"\n')
    small = post(command, "debit_adjustment", "--account", "A1", "--gl", "451", "--amount", "50.00", "--why", "visit")
    large = post(command, "debit_adjustment", "--account", "A1", "--gl", "451", "--amount", "50.01", "--why", "visit")
    paid = post(command, "payment", "--account", "A1", "--amount", "900.00")
    assert [made["state"] for made in (small, large, paid)] == ["booked", "proposed", "booked"]


REFUSED = {
    "no such kind": (("bonus", "--account", "A1", "--amount", "1"), "posting `bonus` is not known"),
    "no account": (("payment", "--amount", "1"), "expected an account, found none"),
    "another's item": (
        ("write_off", "--account", "A2", "--item", "A1.2026-06.r0/I", "--why", "x"), "is none of account `A2`",
    ),
    "more than is open": (
        ("write_off", "--account", "A1", "--item", "A1.2026-06.r0/I", "--amount", "265.11", "--why", "x"),
        "265.10 is open on item `A1.2026-06.r0/I`",
    ),
    "a bill is not waived": (
        ("waiver", "--account", "A1", "--item", "A1.2026-06.r0/I", "--why", "x"), "waiver is for items in 142.1",
    ),
    "a refund of nothing": (
        ("refund", "--account", "A1", "--amount", "1", "--why", "x"), "0.00 is in credits of account `A1`",
    ),
    "a deposit that nobody paid": (
        ("deposit_applied", "--account", "A1", "--amount", "1", "--why", "x"), "0.00 is in ledger account 235",
    ),
    "no reason": (("late_fee", "--account", "A1", "--amount", "1"), "option --why: expected a reason"),
    "nothing to share by": (
        ("credit_adjustment", "--account", "A1", "--amount", "1", "--why", "x"),
        "it needs a bill to share its amount by",
    ),
    "another's bill": (
        ("credit_adjustment", "--account", "A2", "--bill", "A1.2026-06.r0", "--amount", "1", "--why", "x"),
        "is no published bill of account `A2` that stands",
    ),
    "too many decimals": (("payment", "--account", "A1", "--amount", "1.005"), "expected at most 2 decimals of AUD"),
    "no amount": (("payment", "--account", "A1", "--amount", "lots"), "expected an amount, found `lots`"),
    "below zero": (("payment", "--account", "A1", "--amount", "-1"), "expected an amount above zero, found -1.00"),
    "to itself": (
        ("transfer", "--account", "A1", "--to-account", "A1", "--amount", "1", "--why", "x"),
        "expected another account",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_posted_is_refused_and_changes_nothing(june: Path, case: str) -> None:
    words, message = REFUSED[case]
    command = CommandLine(june)
    ended = command("ledger", "post", *words, "--business-date", "2026-07-20")
    assert ended.code == 2
    assert message in ended.err
    assert command.done("ledger", "postings", "--json").json == []


def test_late_fees_are_charged_once_a_step(command: CommandLine) -> None:
    path = command.workspace / "billmill.toml"
    steps = '[late_fee]\nsteps = [{ after_days = 10, amount = "5.00" }, { after_days = 20, percent = "1.5" }]\n'
    write_file(path, path.read_text() + steps)
    # Due on 16 July: the eleventh day after is the 27th.
    assert command.done("ledger", "fees", "--business-date", "2026-07-26", "--json").json["charged"] == 0
    first = command.done("ledger", "fees", "--business-date", "2026-07-27", "--json").json
    assert (first["charged"], first["total"]) == (2, {"AUD": 1_000})
    assert command.done("ledger", "fees", "--business-date", "2026-07-28", "--json").json["charged"] == 0
    command.done("ledger", "fees", "--business-date", "2026-08-06")
    # 1.5 % of 265.10 is 3.9765.
    assert open_amounts(command, "A1") == [("142", 26_510), ("142.1", 500), ("142.1", 398)]


def test_a_closed_month_takes_nothing_more(command: CommandLine) -> None:
    closed = command.done("--clock", "2026-08-03T00:00:00", "ledger", "close", "2026-07", "--by", "ops", "--json").json
    assert (closed["is_new"], len(closed["sha256"])) == (True, 64)
    again = command.done("--clock", "2026-08-03T00:00:00", "ledger", "close", "2026-07", "--json").json
    assert again == closed | {"is_new": False}
    ended = command("ledger", "post", "payment", "--account", "A1", "--amount", "1", "--business-date", "2026-07-31")
    assert ended.code == 4
    assert "hint: book it on 2026-08-01 or later" in ended.err
    run = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-09", "--by", "ops", "--json").json[
        "run_id"
    ]
    command.done("cycle", "run", run, "--workers", 1, "--parked-limit", 100, "--by", "ops")
    command.done("cycle", "approve", run, "--by", "mira")
    refused = command("cycle", "publish", run, "--by", "ops")
    assert refused.code == 4
    assert "2026-07-09 is in a closed period" in refused.err


def test_a_month_that_has_not_ended_is_not_closed(command: CommandLine) -> None:
    ended = command("--clock", "2026-07-31T00:00:00", "ledger", "close", "2026-07")
    assert ended.code == 2
    assert "it cannot be closed before" in ended.err
    assert command("ledger", "close", "July").code == 2


def test_unbilled_revenue_is_booked_once_and_taken_back(command: CommandLine) -> None:
    shown = command.done("ledger", "unbilled", "--at", "2026-07-31", "--json").json
    # Electricity: A1 138.00 in 30 days, 31 more are 142.60; A2 24 x 0.25 x 20 x 0.30 + 20.00 = 56.00 in 20 days, and
    # 20 days until it moves out are 56.00. Water: A1 103.00 in 30 days, 31 more are 106.43; A3 has no bill: it counts
    # at the average of its class, 103.00 in 30 days, over the 61 days since June began: 209.43.
    rows = [(row["gl_account"], row["method"], row["days"], row["amount_minor"]) for row in shown["rows"]]
    assert rows == [
        ("440", "last_bill", 51, 14_260 + 5_600), ("460", "class_average", 61, 20_943),
        ("460", "last_bill", 31, 10_643),
    ]  # fmt: skip
    posted = command.done("ledger", "unbilled", "--at", "2026-07-31", "--post", "--json").json
    assert (posted["booked"], posted["new"]) == (True, True)
    assert command.done("ledger", "unbilled", "--at", "2026-07-31", "--post", "--json").json["new"] is False
    at = {
        day: command.done("ledger", "trial-balance", "--at", day, "--json").json for day in ("2026-07-31", "2026-08-01")
    }
    accrued = [{row["account"]: row["balance_minor"] for row in rows}["173"] for rows in at.values()]
    assert accrued == [14_260 + 5_600 + 20_943 + 10_643, 0]


def test_reports_roll_forward_and_meet(command: CommandLine) -> None:
    post(command, "payment", "--account", "A1", "--amount", "100.00", day="2026-08-05")
    rows = command.done("ledger", "roll-forward", "--from", "2026-08-01", "--to", "2026-09-01", "--json").json
    # A2's bill: 20 days, 36.00 + 20.00 and GST 5.60: 61.60.
    assert [(row["opening_minor"], row["debits_minor"], row["credits_minor"], row["closing_minor"], row["meets"])
            for row in rows] == [(26_510 + 6_160, 0, 10_000, 22_670, True)]  # fmt: skip
    assert all(row["meets"] for row in command.done("ledger", "reconcile", "--json").json)
    statement = command.done("ledger", "statement", "A1", "--json").json
    assert [row["balance_minor"] for row in statement] == [26_510, 16_510]
    assert command.done("ledger", "balance", "A1", "--json").json[0]["balance_minor"] == 16_510


def test_the_chart_is_the_utilitys_own(command: CommandLine) -> None:
    command.done("ledger", "accounts", "set", "142", "--number", "1200", "--name", "Trade debtors")
    assert "was so before" in command.done("ledger", "accounts", "set", "142", "--number", "1200").out
    taken = command("ledger", "accounts", "set", "440", "--number", "1200")
    assert taken.code == 2
    assert "number `1200` is that of ledger account `142` already" in taken.err
    assert "1200" in {row["account"] for row in command.done("ledger", "trial-balance", "--json").json}
    assert "Assets:1200-Trade-debtors:N" in command.done("ledger", "export", "--format", "hledger").out


def with_every_sign(command: CommandLine) -> dict[str, int]:
    """Post this and that; return our trial balance, by number of ledger account."""
    command.done("ledger", "accounts", "set", "451", "--name", 'Fees; "misc" \\ services')
    post(command, "debit_adjustment", "--account", "A1", "--gl", "451", "--amount", "12.34", "--why", "visit")
    post(command, "payment", "--account", "A1", "--amount", "300.00", day="2026-08-05")
    command.done("ledger", "unbilled", "--at", "2026-07-31", "--post")
    rows = command.done("ledger", "trial-balance", "--json").json
    return {row["account"]: row["balance_minor"] for row in rows if row["balance_minor"]}


@pytest.mark.parametrize("since", [(), ("--from", "2026-08-01")], ids=["whole", "from August"])
def test_hledger_accepts_the_export_and_has_our_balances(
    command: CommandLine, tmp_path: Path, since: tuple[str, ...]
) -> None:
    hledger = shutil.which("hledger")
    if hledger is None:
        pytest.skip("hledger is not installed: apt-get install hledger")
    ours, file = with_every_sign(command), tmp_path / "books.hledger"
    command.done("ledger", "export", "--format", "hledger", "--out", file, *since)
    subprocess.run([hledger, "-f", file, "check", "--strict"], check=True)
    told = subprocess.run(
        [hledger, "-f", file, "balance", "--flat", "--no-total", "-O", "csv"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert theirs(list(csv.reader(io.StringIO(told)))[1:]) == ours


@pytest.mark.parametrize("since", [(), ("--from", "2026-08-01")], ids=["whole", "from August"])
def test_beancount_accepts_the_export_and_has_our_balances(
    command: CommandLine, tmp_path: Path, since: tuple[str, ...]
) -> None:
    loader = pytest.importorskip("beancount.loader", reason="beancount is not installed: pip install beancount")
    ours, file = with_every_sign(command), tmp_path / "books.beancount"
    command.done("ledger", "export", "--format", "beancount", "--out", file, *since)
    entries, errors, _ = loader.load_file(str(file))
    assert errors == []
    postings = [posting for entry in entries for posting in getattr(entry, "postings", None) or ()]
    assert theirs([[posting.account, f"{posting.units.number} AUD"] for posting in postings]) == ours


def theirs(rows: list[list[str]]) -> dict[str, int]:
    """Return balances by number, as another program's rows of account and amount tell them."""
    sums: dict[str, int] = {}
    for account, amount in rows:
        name = account.split(":")[1]
        number = next(text for text in ("142-1", "242-1") if name.startswith(text)) if "-1-" in name else name[:3]
        minor = int(Decimal(amount.split()[0]) * 100)
        sums[number.replace("-", ".")] = sums.get(number.replace("-", "."), 0) + minor
    return {number: minor for number, minor in sums.items() if minor}
