"""Between run and publish, through the commands: bills that a check stops, that somebody keeps out, accounts on hold.

June of `books_by_hand`: A1 owes 265.10 (electricity 360 kWh x 0.30 + 30 days = 138.00, water 50 kL x 2.00 + 30 x 0.10
= 103.00, GST 10 % of each), A2 owes 61.60 (120 kWh x 0.30 + 20 days = 56.00, GST 5.60), A3 waits for a reading.
The workspace stops the largest bill of each branch, so that A1's bill waits for somebody.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from books_by_hand import CommandLine, june_ready, write_file

from model.errors import ControlError
from store.audit import broken_entries
from store.control import control, query
from store.workspace import open_workspace

RUN = "bill-2026-06-20260702-1"
A1, A2 = "A1.2026-06.r0", "A2.2026-06.r0"
TOP = f"{A1}/top_amount"
STOPS = '\n[review]\ntop = 1\n[review.severity]\ntop_amount = "stop"\n'
WHY = ("--why", "seen", "--by")


def to_validated(command: CommandLine, sequence: int = 1) -> None:
    plan = ("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--sequence", sequence, "--partitions", 1)
    command.done(*plan, "--by", "ops")
    run = RUN[:-1] + str(sequence)
    command.done("cycle", "run", run, "--workers", 1, "--parked-limit", 100, "--by", "ops")


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("june")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    with (folder / "books" / "billmill.toml").open("a", encoding="utf-8") as config:
        config.write(STOPS)
    to_validated(command)
    return folder / "books"


@pytest.fixture
def command(validated: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(validated, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def totals(command: CommandLine) -> dict[str, int]:
    sql = "SELECT account_id, sum(total_minor)::BIGINT AS total FROM invoices GROUP BY ALL ORDER BY ALL"
    rows = command.done("query", sql, "--format", "json").json
    return {row["account_id"]: row["total"] for row in rows}


def test_a_stopped_bill_stays_out_and_its_account_is_due_again(command: CommandLine) -> None:
    stopped = command.done("exceptions", "list", "--severity", "stop", "--json").json
    assert [(row["exception_id"], row["amount_minor"], row["kept_out"]) for row in stopped] == [(TOP, 26510, True)]
    assert command.done("cycle", "approve", RUN, "--by", "mira", "--json").json["approved"] == ["N"]
    done = command.done("cycle", "publish", RUN, "--by", "ops", "--json").json
    assert (done["invoices"], done["total_minor"]) == (1, 6160)
    assert totals(command) == {"A2": 6160}
    row = command.done("run", "show", RUN, "--json").json
    assert (row["selected"], row["billed"]) == (4, 1)
    assert [(item["reason"], item["agreements"]) for item in row["parked"]] == [
        ("excluded", 2),
        ("end_read_missing", 1),
    ]
    parked = command.done("exceptions", "list", "--json").json
    assert {(item["agreement_id"], item["code"]) for item in parked} == {
        ("S1", "excluded"), ("S2", "excluded"), ("S4", "end_read_missing")
    }  # fmt: skip
    legs = command.done("query", "SELECT sum(amount_minor)::BIGINT AS zero FROM journal_lines", "--format", "json").json
    assert legs == [{"zero": 0}]
    to_validated(command, 2)
    again = command.done("run", "show", RUN[:-1] + "2", "--json").json
    assert (again["selected"], again["billed"], again["total_minor"]) == (3, 2, 26510)


def test_an_accepted_bill_goes_out(command: CommandLine) -> None:
    command.done("exceptions", "accept", TOP, *WHY, "lena")
    assert command.done("exceptions", "list", "--severity", "stop", "--json").json == []
    command.done("cycle", "approve", RUN, "--by", "mira")
    command.done("cycle", "publish", RUN, "--by", "ops")
    assert totals(command) == {"A1": 26510, "A2": 6160}
    past = command.done("exceptions", "list", "--state", "all", "--code", "top_amount", "--json").json
    assert [row["state"] for row in past] == ["accepted"]


def test_what_is_decided_after_an_approval_makes_it_void(command: CommandLine) -> None:
    command.done("cycle", "approve", RUN, "--by", "mira")
    told = command.done("exceptions", "accept", TOP, *WHY, "lena")
    assert "approval is void, to be given again: N" in told.err
    refused = command("cycle", "publish", RUN, "--by", "ops")
    assert refused.code == 4 and "is validated; it cannot become published now" in refused.err
    command.done("cycle", "approve", RUN, "--by", "mira")
    told = command.done("cycle", "exclude", RUN, "--account", "A2", *WHY, "lena")
    assert told.out == "1 bill kept out\n" and "void" in told.err
    assert (
        command.done("cycle", "exclude", RUN, "--account", "A2", *WHY, "lena").out
        == "0 bills kept out, 1 were before\n"
    )
    command.done("cycle", "approve", RUN, "--by", "mira")
    command.done("cycle", "publish", RUN, "--by", "ops")
    assert totals(command) == {"A1": 26510}
    with control(open_workspace(command.workspace), purpose="test") as connection:
        states = query(connection, "SELECT state FROM approval ORDER BY recorded_at, state")["state"].to_list()
        assert broken_entries(connection) == []
    assert states == ["approved", "void", "approved", "void", "approved"]


def test_who_decided_about_a_bill_cannot_approve_its_branch(command: CommandLine) -> None:
    command.done("exceptions", "accept", TOP, *WHY, "mira")
    refused = command("cycle", "approve", RUN, "--by", "mira")
    assert refused.code == 4
    assert f"branch `N` of run `{RUN}`: mira decided about its bills; who makes cannot approve" in refused.err
    refused = command("cycle", "approve", RUN, "--by", "ops")
    assert refused.code == 4 and "was planned by ops; the same person cannot approve it" in refused.err
    command.done("cycle", "approve", RUN, "--by", "ben")


def test_something_else_than_was_approved_is_not_published(command: CommandLine) -> None:
    command.done("exceptions", "accept", TOP, *WHY, "lena")
    command.done("cycle", "approve", RUN, "--by", "mira")
    with control(open_workspace(command.workspace), purpose="test") as connection:
        connection.execute("UPDATE exception_decision SET state = 'open'")  # behind the back of every command
    refused = command("cycle", "publish", RUN, "--by", "ops")
    assert refused.code == 4 and f"run `{RUN}`: branch `N` is not what was approved" in refused.err


def test_an_excluded_bill_is_included_again(command: CommandLine) -> None:
    listed = write_file(command.workspace.parent / "list.csv", "account_id,note\nA1,a\nA2,b\n")
    assert command.done("cycle", "exclude", RUN, "--list", listed, *WHY, "lena").out == "2 bills kept out\n"
    assert command.done("cycle", "include", RUN, "--bill", A2, *WHY, "lena").out == "1 bill let in again\n"
    history = command.done("exceptions", "show", TOP, "--json").json["history"]
    assert [item["state"] for item in history] == ["excluded"]
    command.done("exceptions", "release", TOP, *WHY, "lena")
    command.done("cycle", "approve", RUN, "--by", "mira")
    command.done("cycle", "publish", RUN, "--by", "ops")
    assert totals(command) == {"A2": 6160}  # no longer excluded, A1's bill is still stopped


def test_a_publish_that_is_cut_ends_the_same_when_it_is_repeated(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise ControlError("the power went")

    command.done("cycle", "approve", RUN, "--by", "mira")
    with monkeypatch.context() as patch:
        patch.setattr("cycles.publishing.publish.register_files", cut)
        assert command("cycle", "publish", RUN, "--by", "ops").code == 4
    folder = open_workspace(command.workspace).runs / RUN
    released = (folder / "released.json").read_bytes()
    command.done("exceptions", "accept", TOP, *WHY, "lena")
    assert not (folder / "released.json").exists()  # it was of another list
    command.done("exceptions", "release", TOP, *WHY, "lena")
    command.done("cycle", "approve", RUN, "--by", "mira")
    command.done("cycle", "publish", RUN, "--by", "ops")
    assert (folder / "released.json").read_bytes() == released
    assert totals(command) == {"A2": 6160}
    use = command.done("query", "SELECT bill_id FROM bill_use", "--format", "json").json
    found = command.done("query", "SELECT code FROM bill_findings WHERE severity = 'stop'", "--format", "json").json
    assert (use, found) == ([{"bill_id": A2}], [{"code": "top_amount"}])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cycle", "exclude", RUN, "--account", "A3", *WHY, "lena"), "account `A3` has no bill in run"),
        (("cycle", "exclude", RUN, "--account", "A1", "--by", "lena"), "option --why: expected a reason"),
        (("cycle", "exclude", RUN, *WHY, "lena"), "expected bills or accounts, found none"),
        (("cycle", "exclude", "bill-x", "--account", "A1", *WHY, "lena"), "run `bill-x` is not known"),
        (("exceptions", "accept", "A9", *WHY, "lena"), "exception `A9` is not known"),
        (("exceptions", "exclude", "S4/", *WHY, "lena"), "it has no bill to keep out"),
        (("exceptions", "release", TOP, *WHY, "lena"), "nothing was decided about it"),
        (("exceptions", "accept", TOP, "--code", "x", *WHY, "lena"), "found both"),
        (("cycle", "hold", "--account", "A9", *WHY, "lena"), "account `A9` is not known"),
        (("cycle", "approve", RUN, "--branch", "S", "--by", "mira"), "branch `S` is not in run"),
    ],
)
def test_what_cannot_be_decided_says_why(validated: Path, words: tuple[str, ...], message: str) -> None:
    refused = CommandLine(validated)(*words)
    assert refused.code == 2 and message in " ".join(refused.err.split())


def test_a_held_account_parks_until_it_is_free(command: CommandLine) -> None:
    command.done("cycle", "abandon", RUN, "--by", "ops")
    listed = write_file(command.workspace.parent / "held.csv", "account_id\nA2\n")
    hold = ("cycle", "hold", "--list", listed, "--why", "complaint 7", "--by", "lena")
    assert command.done(*hold).out == "1 account held\n"
    assert command.done(*hold).out == "0 accounts held, 1 were before\n"
    to_validated(command, 2)
    parked = command.done("exceptions", "list", "--code", "held", "--json").json
    assert [(row["account_id"], row["owner"], row["detail"]) for row in parked] == [
        ("A2", "accounts", "held by lena: complaint 7")
    ]
    assert command.done("run", "show", RUN[:-1] + "2", "--json").json["billed"] == 2
    command.done("cycle", "abandon", RUN[:-1] + "2", "--by", "ops")
    assert command.done("cycle", "unhold", "--account", "A2", *WHY, "lena").out == "1 account free\n"
    to_validated(command, 3)
    assert command.done("run", "show", RUN[:-1] + "3", "--json").json["billed"] == 3


def test_exceptions_are_given_to_somebody_in_bulk(command: CommandLine) -> None:
    words = ("exceptions", "assign", "--code", "end_read_missing", "--owner", "zoe", "--by", "ops")
    told = command.done(*words)
    assert "1 of 1 exception would be given to zoe; nothing is recorded" in told.out
    command.done(*words, "--yes")
    mine = command.done("exceptions", "list", "--owner", "zoe", "--json").json
    assert [row["exception_id"] for row in mine] == ["S4/2026-06-01/end_read_missing"]
    csv = command.done("exceptions", "list", "--owner", "zoe", "--csv").out.splitlines()
    assert len(csv) == 2 and csv[1].startswith("S4/2026-06-01/end_read_missing,parked,end_read_missing")
