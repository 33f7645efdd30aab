"""Roles through the commands: every command says what it asks for, and keeps to the branches of who gives it.

Two branches: A1 in N (electricity, 360 kWh in June), A2 in S (120 kWh in 20 days): 151.80 and 61.60 AUD.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from books_by_hand import (
    ACCOUNTS,
    FLAT,
    JULY,
    JUNE,
    LONG_HEADER,
    CommandLine,
    Ended,
    add_tariffs,
    hourly,
    write_file,
)

import cli
from commands.acts import NEEDS, need_of
from commands.context import Command, Group
from docs import generate
from model.roles import Act, Reach
from store.control import control, query
from store.workspace import open_workspace

WHOLE, NORTH = "bill-2026-06-20260702-1", "N"
ROLES = """
[roles]
trusted_users = ["cron"]
[roles.north]
users = ["nora", "nils"]
branches = ["N"]
may = ["plan", "run", "review", "approve", "publish"]
approve_up_to = "151.79"
[roles.south]
users = ["sam"]
branches = ["S"]
may = ["approve", "review"]
[roles.chief]
users = ["mira"]
may = ["all"]
[roles.planner]
users = ["paul"]
may = ["plan", "run", "publish"]
"""


def test_every_command_says_what_it_asks_for() -> None:
    root = typer.main.get_command(cli.app)
    found = set()
    for path in generate._paths(root, ()):
        command = root
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]
        if not getattr(command, "commands", None):
            found.add(" ".join(path))
    assert found - set(NEEDS) == set(), "add them to commands/acts.py"


def test_a_command_that_is_not_listed_asks_for_everything() -> None:
    assert need_of("cycle plan").act is Act.PLAN
    assert (need_of("no such command").act, need_of("no such command").reach) == (Act.ALL, Reach.WHOLE)


def test_every_command_and_group_is_checked_before_it_runs() -> None:
    def unchecked(command: object, path: str) -> list[str]:
        inside = getattr(command, "commands", {})
        found = [name for key, item in inside.items() for name in unchecked(item, f"{path} {key}".strip())]
        is_checked = isinstance(command, Command | Group) or not path  # the root itself opens no workspace
        return found if is_checked else [path, *found]

    assert unchecked(typer.main.get_command(cli.app), "") == []


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    command = CommandLine(folder / "books")
    tables = ACCOUNTS | {
        "branches.csv": "branch_id,name\nN,North\nS,South\n",
        "accounts.csv": ACCOUNTS["accounts.csv"].replace("A2,K2,N", "A2,K2,S"),
    }
    tables["agreements.csv"] = "".join(
        f"{line}\n" for line in tables["agreements.csv"].splitlines() if "water" not in line
    )
    (folder / "accounts").mkdir()
    for name, text in tables.items():
        write_file(folder / "accounts" / name, text)
    command.done("init", command.workspace, "--name", "Two", "--by", "ops")
    command.done("accounts", "import", folder / "accounts", "--all-or-nothing", "--by", "ops")
    add_tariffs(command, write_file(folder / "flat.toml", FLAT))
    reads = LONG_HEADER + hourly("E1", JUNE, JULY, "0.500") + hourly("E2", JUNE, JULY, "0.250")
    command.done("reads", "land", write_file(folder / "june.csv", reads))
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)
    with (folder / "books" / "billmill.toml").open("a", encoding="utf-8") as config:
        config.write(ROLES)
    return folder / "books"


class Person:
    """Gives commands as one user of the system."""

    def __init__(self, command: CommandLine, name: str) -> None:
        self._command, self.name = command, name

    def __call__(self, *words: object) -> Ended:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("store.roles.login_name", lambda: self.name)
            return self._command(*words)

    def done(self, *words: object) -> Ended:
        ended = self(*words)
        assert ended.code == 0, (words, ended)
        return ended


@pytest.fixture
def command(books: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(books, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def to_validated(person: Person) -> str:
    planned = person.done("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--partitions", 1, "--json").json
    person.done("cycle", "run", planned["run_id"], "--workers", 1)
    return str(planned["run_id"])


def test_a_plan_is_of_the_planner_s_branches_only(command: CommandLine) -> None:
    nora = Person(command, "nora")
    planned = nora.done("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--json").json
    assert planned["accounts"] == 1 and planned["run_id"] != WHOLE
    refused = nora("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--branch", "S")
    assert refused.code == 4 and "branch `S`: nora may plan in N only" in refused.err


def test_branches_are_approved_one_by_one_within_limits(command: CommandLine) -> None:
    run = to_validated(Person(command, "paul"))
    refused = Person(command, "nora")("cycle", "approve", run)
    assert refused.code == 4
    assert "the largest bill 151.80: more than nora (north) may approve" in refused.err
    assert "hint: a role that may: chief (mira)" in refused.err
    told = Person(command, "sam").done("cycle", "approve", run)
    assert told.out == f"{run} approved by sam: S\n" and "waiting: N" in told.err
    refused = Person(command, "paul")("cycle", "publish", run)
    assert refused.code == 4 and "is validated" in refused.err
    refused = Person(command, "mira")("cycle", "approve", run, "--branch", "S")
    assert refused.code == 0 and "approved by mira before" in refused.out
    Person(command, "mira").done("cycle", "approve", run)
    Person(command, "paul").done("cycle", "publish", run)
    with control(open_workspace(command.workspace), purpose="test") as connection:
        rows = query(connection, "SELECT branch_id, approved_by, role, total_minor FROM approval ORDER BY branch_id")
        audit = query(
            connection, "SELECT actor, role FROM audit WHERE action IN ('approve', 'publish') ORDER BY entry_no"
        )
    assert rows.rows() == [("N", "mira", "chief", 15180), ("S", "sam", "south", 6160)]
    assert audit.rows() == [("sam", "south"), ("mira", "chief"), ("paul", "planner")]


def test_lists_show_own_branches_only(command: CommandLine) -> None:
    run = to_validated(Person(command, "paul"))
    sam = Person(command, "sam")
    listed = sam.done("exceptions", "list", "--state", "all", "--json").json
    assert {row["branch_id"] for row in listed} == {"S"}
    shown = sam.done("run", "show", run, "--json").json
    assert [row["branch_id"] for row in shown["by_branch"]] == ["S", "all"]
    assert {row["bill_id"] for row in shown["top_bills"]} == {"A2.2026-06.r0"}
    assert sam("bill", "show", "A2.2026-06.r0", "--run", run).code == 0
    refused = sam("bill", "show", "A1.2026-06.r0", "--run", run)
    assert refused.code == 4 and "bill `A1.2026-06.r0` is about branch `N`; yours: S" in refused.err
    refused = sam("cycle", "exclude", run, "--account", "A1", "--why", "x")
    assert refused.code == 4 and "is about branch `N`" in refused.err


def test_nobody_acts_for_others_but_a_trusted_account(command: CommandLine) -> None:
    plan = ("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--by", "paul")
    refused = Person(command, "nora")(*plan)
    assert refused.code == 4 and "nora cannot act for somebody else" in refused.err
    Person(command, "cron").done(*plan)


@pytest.mark.parametrize(
    ("user", "words", "told"),
    [
        ("nora", ("accounts", "import", "x.csv"), "nora (north) may not import here"),
        ("nora", ("query", "SELECT 1"), "nora (north) may not export here"),
        ("eve", ("run", "list"), "eve (no role) may not look here"),
        (
            "sam",
            ("reads", "report", "--out", "x.html"),
            "this command is about the whole utility; sam may look in S only",
        ),
    ],
)
def test_a_command_that_no_role_allows_does_nothing(books: Path, user: str, words: tuple[str, ...], told: str) -> None:
    refused = Person(CommandLine(books), user)(*words)
    assert refused.code == 4 and told in refused.err


def test_roles_are_shown(books: Path) -> None:
    person = Person(CommandLine(books), "nora")
    assert [row["role"] for row in person.done("roles", "show", "--json").json] == [
        "chief",
        "north",
        "planner",
        "south",
    ]
    allowed = person.done("roles", "check", "nora", "--json").json
    assert [row["act"] for row in allowed] == ["look", "plan", "run", "review", "approve", "publish"]
    assert {
        "act": "approve",
        "role": "north",
        "branches": "N",
        "bill_up_to": "151.79",
        "branch_up_to": "any amount",
    } in (allowed)
