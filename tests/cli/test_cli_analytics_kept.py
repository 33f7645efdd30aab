"""The analysts' database is made of what has changed since the last one; it says what one made whole would say."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from books_by_hand import CommandLine, bill, june_ready, write_file

from outputs import analytics_making
from outputs.analytics import build_analytics
from store.control import control, query
from store.open_amounts import prepare_open_amounts
from store.workspace import open_workspace

_VIEWS = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' ORDER BY 1"
_COMMENTS = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE schema_name = 'main' ORDER BY ALL"
_PAYMENT = "channel,batch,reference,account_id,amount,booked_date,branch_id\nbank,1,R1,A1,300.00,2026-07-10,\n"


def told(path: Path) -> dict[str, object]:
    """Return all rows of all views, their columns and comments."""
    with duckdb.connect(str(path), read_only=True) as analytics:
        names = [name for (name,) in analytics.execute(_VIEWS).fetchall()]
        found: dict[str, object] = {
            name: analytics.execute(f'SELECT t::VARCHAR FROM "{name}" AS t ORDER BY ALL').fetchall() for name in names
        }
        return found | {"": analytics.execute(_COMMENTS).fetchall()}


def made_whole(command: CommandLine) -> dict[str, object]:
    """Return what the database says once it is made without the one before."""
    workspace = open_workspace(command.workspace)
    with control(workspace, purpose="test") as connection:
        build_analytics(workspace, connection, whole=True)
    return told(workspace.analytics_path)


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    bill(command, "2026-06", "2026-07-02")
    return command


def test_what_is_taken_over_and_made_anew_is_what_is_made_whole(command: CommandLine, tmp_path: Path) -> None:
    analytics = command.workspace / "analytics.duckdb"
    seen = [told(analytics)]
    assert seen[0] == made_whole(command)
    # A payment changes the ledger; an import before it changes accounts, which the next build takes up as well.
    accounts = (tmp_path / "accounts" / "accounts.csv").read_text().replace("AUD,residential", "AUD,commercial", 1)
    command.done("accounts", "import", write_file(tmp_path / "accounts.csv", accounts), "--by", "ops")
    command.done("ledger", "import", write_file(tmp_path / "payments.csv", _PAYMENT))
    seen.append(told(analytics))
    assert seen[1] == made_whole(command)
    run = next(iter(row.name for row in (command.workspace / "lake" / "runs").iterdir()))
    why = ("--why", "wrong meter", "--business-date", "2026-07-03", "--by", "ops")
    cancelled = str(command.done("bill", "cancel", "A1.2026-06.r0", *why, "--json").json["run_id"])
    command.done("cycle", "approve", cancelled, "--by", "mira")
    command.done("cycle", "publish", cancelled, "--by", "ops")
    seen.append(told(analytics))
    assert run != cancelled and seen[2] == made_whole(command)
    differ = [{name for name in now if now[name] != before[name]} for before, now in pairwise(seen)]
    assert {"accounts", "postings", "open_amounts"} <= differ[0] and "bills" not in differ[0]
    assert {"bills", "bill_lines", "invoices", "open_amounts", "runs"} <= differ[1]
    # Most of what is open is read from the runs' files: a payment and a bill that is taken back show all the same.
    with duckdb.connect(str(analytics), read_only=True) as opened:
        shown = opened.execute("SELECT item_id, open_minor FROM open_amounts ORDER BY item_id").fetchall()
    with control(open_workspace(command.workspace), purpose="test") as connection:
        prepare_open_amounts(connection)
        books = "SELECT item_id, open_minor FROM open_amount WHERE open_minor <> 0 ORDER BY item_id"
        assert shown == query(connection, books).rows() != []


def test_a_payment_copies_the_ledger_and_no_accounts(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    original = analytics_making.Making._copy
    monkeypatch.setattr(
        analytics_making.Making, "_copy",
        lambda making, name, frame: (copied.append(name), original(making, name, frame))[1],
    )  # fmt: skip
    command.done("ledger", "import", write_file(tmp_path / "payments.csv", _PAYMENT))
    assert copied == ["posted_lines", "settled_items", "open_amounts", "allocations", "postings", "made_of"]


@pytest.mark.parametrize("damage", ["cut", "emptied", "gone", "no marks"])
def test_a_database_that_cannot_be_gone_on_from_is_made_whole(
    command: CommandLine, tmp_path: Path, damage: str
) -> None:
    analytics = command.workspace / "analytics.duckdb"
    analytics.chmod(0o600)
    if damage == "cut":
        os.truncate(analytics, 5_000)
    elif damage == "emptied":
        os.truncate(analytics, 0)
    elif damage == "gone":
        analytics.unlink()
    else:
        with duckdb.connect(str(analytics)) as opened:
            opened.execute("DROP TABLE lake.made_of")
    command.done("ledger", "import", write_file(tmp_path / "payments.csv", _PAYMENT))
    assert told(analytics) == made_whole(command)


def test_publishing_again_mends_what_was_changed_by_hand(command: CommandLine) -> None:
    analytics = command.workspace / "analytics.duckdb"
    was = told(analytics)
    analytics.chmod(0o600)
    with duckdb.connect(str(analytics)) as opened:
        opened.execute("UPDATE lake.accounts SET currency = 'XXX'")
    assert told(analytics) != was
    run = next(iter(row.name for row in (command.workspace / "lake" / "runs").iterdir()))
    command.done("cycle", "publish", run, "--by", "ops")
    assert told(analytics) == was
