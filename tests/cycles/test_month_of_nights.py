"""A month of nights: what each leaves, and that a month whose every night was killed leaves the same."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from month_by_hand import FIRST, NIGHTS, approve_in_the_morning, deliver, make_books, play_night

from cycles.nights.manifest import NightReport
from cycles.runs.unbilled import unbilled_at_close
from store.control import control, query
from store.files import file_sha256
from store.workspace import Workspace, open_workspace

sys.path.append(str(Path(__file__).parents[1] / "cli"))
from books_by_hand import FLAT, WATER

SEED = 20260701


class Killed(BaseException):
    """The process ends here."""


class Points:
    """Counts the places at which a night can die: before each sync, and around each statement."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.passed = 0
        self.dies_at = dies_at

    def pass_one(self) -> None:
        self.passed += 1
        if self.passed == self.dies_at:
            raise Killed


class Statements:
    """A connection whose statements are places to die at, before they run and after."""

    def __init__(self, connection: Any, points: Points) -> None:
        self._connection = connection
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, *words: Any) -> Any:
        self._points.pass_one()
        done = self._connection.execute(*words)
        self._points.pass_one()
        return done


@contextmanager
def counted(points: Points) -> Iterator[Points]:
    connect, sync = duckdb.connect, os.fsync

    def synced(handle: int) -> None:
        points.pass_one()
        sync(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", lambda *words, **options: Statements(connect(*words, **options), points))
        patch.setattr(os, "fsync", synced)
        yield points


def digest(workspace: Workspace) -> dict[str, str]:
    """Return a hash of every control table's rows, and of every file of the lake and of the nights."""
    found = {}
    with control(workspace, purpose="test") as connection:
        names = query(connection, "SELECT table_name FROM duckdb_tables() ORDER BY 1")["table_name"]
        for table in names:
            rows = sorted(map(repr, query(connection, f'SELECT * FROM "{table}"').rows()))
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    for folder in (workspace.lake, workspace.root / "nights"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                found[path.relative_to(workspace.root).as_posix()] = file_sha256(path)
    return found


def nights() -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(NIGHTS)]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    return make_books(folder / "w", {"flat.toml": FLAT, "water.toml": WATER}).root


@pytest.fixture(scope="module")
def month(books: Path) -> tuple[Workspace, dict[date, NightReport], dict[date, int]]:
    """The clean month: its reports, and how many places each night had to die at."""
    workspace = open_workspace(shutil.copytree(books, books.parent / "clean"))
    reports, places = {}, {}
    for night in nights():
        deliver(workspace, night)
        with counted(Points()) as points:
            reports[night] = play_night(workspace, night)
        places[night] = points.passed
        approve_in_the_morning(workspace, night)
    return workspace, reports, places


def billed(report: NightReport) -> dict[str, tuple[int, int]]:
    return {run["cycle_id"]: (run["billed"], run["parked"]) for run in report.content["runs"]}


def test_each_night_bills_what_is_there_and_tries_the_rest_again(month: Any) -> None:
    _, reports, _ = month
    told = {night.day: billed(report) for night, report in reports.items() if billed(report)}
    assert told[1] == {"2026-06-G1": (1, 2)}  # A1; the water of A2 and A3 is not read
    assert told[2] == {"2026-06-G1": (0, 2)}
    assert told[4] == {"2026-06-G1": (1, 1)}  # A2's reading has come
    assert told[6] == {"2026-06-G1": (0, 1), "2026-07-G2": (1, 2)}  # B1; B3 rests on an estimate
    assert told[9] == {"2026-07-G2": (0, 2)}  # G1 is closed
    assert told[10] == {"2026-07-G2": (1, 1)}  # from now on estimates are billed
    assert max(told) == 16


def test_what_cannot_have_changed_is_not_computed_again(month: Any) -> None:
    workspace, _, _ = month
    with control(workspace, purpose="test") as connection:
        runs = query(connection, "SELECT business_date FROM run WHERE cycle_id = '2026-06-G1' ORDER BY 1")
    # On the 3rd nothing is new; on the 5th the due accounts are fewer; on the 6th reads of the other group landed.
    assert [day.day for day in runs["business_date"]] == [1, 2, 4, 5]


def test_an_estimate_waits_for_its_date(month: Any) -> None:
    workspace, _, _ = month
    with control(workspace, purpose="test") as connection:
        bills = query(connection, "SELECT bill_id, run_id FROM segment_key ORDER BY bill_id")
    assert dict(bills.iter_rows()) == {
        "A1.2026-06-G1.r0": "bill-2026-06-G1-20260701-1",
        "A2.2026-06-G1.r0": "bill-2026-06-G1-20260704-1",
        "B1.2026-07-G2.r0": "bill-2026-07-G2-20260706-1",
        "B3.2026-07-G2.r0": "bill-2026-07-G2-20260710-1",
    }


def test_the_due_date_is_the_cycle_s_or_follows_the_payment_days(month: Any) -> None:
    workspace, _, _ = month
    due = duckdb.connect(str(workspace.analytics_path), read_only=True).execute(
        "SELECT bill_id, due_date FROM bills ORDER BY bill_id"
    )
    assert dict(due.fetchall()) == {
        "A1.2026-06-G1.r0": date(2026, 7, 22),
        "A2.2026-06-G1.r0": date(2026, 7, 22),
        "B1.2026-07-G2.r0": date(2026, 7, 20),  # billed on the 6th, 14 days to pay
        "B3.2026-07-G2.r0": date(2026, 7, 24),
    }


def test_what_is_unbilled_at_the_close_is_an_exception_with_an_owner(month: Any) -> None:
    workspace, reports, _ = month
    with control(workspace, purpose="test") as connection:
        kept = query(connection, 'SELECT subject, branch_id, cycle_id, owner, opened_on, closed_on FROM "exception"')
        found = unbilled_at_close(workspace, connection, date(2026, 7, 30))
    assert sorted(kept.rows()) == [
        ("A3", "W", "2026-06-G1", "metering", date(2026, 7, 9), None),
        ("B2", "S", "2026-07-G2", "metering", date(2026, 7, 17), None),
    ]
    assert found["subject"].to_list() == ["B2", "A3"]  # by branch
    assert len(reports[date(2026, 7, 9)].content["exceptions"]["opened"]) == 1


def test_a_month_of_killed_nights_ends_as_the_clean_one(month: Any, books: Path) -> None:
    clean, reports, places = month
    workspace = open_workspace(shutil.copytree(books, books.parent / "killed"))
    chance = random.Random(SEED)
    for night in nights():
        deliver(workspace, night)
        dies_at = chance.randint(1, places[night])
        with counted(Points(dies_at)), pytest.raises(Killed):
            play_night(workspace, night)
        report = play_night(workspace, night)
        assert report.content == reports[night].content, f"night {night}, killed at {dies_at} of {places[night]}"
        approve_in_the_morning(workspace, night)
    assert digest(workspace) == digest(clean), f"seed {SEED}"


def test_a_night_that_was_done_does_nothing_again(month: Any) -> None:
    clean, _, _ = month
    before = digest(clean)
    assert not play_night(clean, nights()[-1]).is_new
    assert not play_night(clean, nights()[16]).is_new  # long ago: what it left has been settled since, or not
    assert digest(clean) == before
