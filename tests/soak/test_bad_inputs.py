"""The person with the wrong file: every wrong input ends in its exit code with a message that names the thing.

Nothing good is lost: what a refused command found in the books is there afterwards, and beside bad rows good ones are
taken. The whole catalogue runs in `make soak`; here half of it, and what needs more than one command.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bad_inputs import CATALOGUE, copied, counts, make_books, wrong_with
from bad_kinds import ACCOUNT_HEADER, GOOD_ACCOUNT, PLANNED, PUBLISHED, Place, Wrong
from books_by_hand import REGISTER_HEADER, CommandLine, june_ready

from store.lock import hold

HERE = [
    pytest.param(case, id=f"{group}: {case.what}"[:120]) for group, cases in CATALOGUE.items() for case in cases[::2]
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_books(tmp_path_factory.mktemp("original"))


@pytest.fixture(scope="module")
def before(original: Path) -> dict[str, int]:
    return counts(original)


@pytest.fixture
def place(original: Path, tmp_path: Path) -> Iterator[Place]:
    yield copied(original, tmp_path)
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("case", HERE)
def test_wrong_input_is_told_and_nothing_is_lost(
    case: Wrong, original: Path, before: dict[str, int], tmp_path: Path
) -> None:
    assert wrong_with(case, copied(original, tmp_path, with_backups=case.is_damage), original, before) == []
    shutil.rmtree(tmp_path)


def test_the_catalogue_is_large_and_no_case_stands_twice() -> None:
    names = [f"{group}: {case.what}" for group, cases in CATALOGUE.items() for case in cases]
    assert len(names) >= 600 and len(HERE) >= 300
    assert len(set(names)) == len(names)


def test_the_good_rows_beside_a_bad_one_are_recorded(place: Place) -> None:
    rows = ACCOUNT_HEADER + "A5,K9,N,monthly,AUD,residential,14\n" + GOOD_ACCOUNT
    ended = CommandLine(place.books)("accounts", "import", place.file("accounts.csv", rows), "--json")
    assert ended.code == 3
    assert ended.json["counts"] == [{"table": "accounts", "new": 1, "changed": 0, "same": 0}]
    assert [(row["line"], row["reason"]) for row in ended.json["rejects"]] == [(2, "unknown_reference")]


def test_the_good_readings_beside_a_bad_one_land(place: Place) -> None:
    lines = REGISTER_HEADER + "W1,W,MW1B,m3,2026-08-01,-1,regular,A\nW3,W,MW3,m3,2026-08-01,30.000,regular,A\n"
    ended = CommandLine(place.books)("reads", "land", place.file("r.csv", lines), "--json")
    assert ended.code == 3
    assert [(file["status"], file["readings"], file["rejected"]) for file in ended.json["files"]] == [("landed", 1, 1)]


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Hold a lock as another process would: on a handle of its own."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    "words", [("cycle", "status"), ("tariff", "list"), ("cycle", "publish", PUBLISHED)], ids=" ".join
)
def test_a_locked_workspace_says_so_and_to_try_later(
    words: tuple[str, ...], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hold.__wrapped__.__kwdefaults__, "wait_seconds", 0.0)  # type: ignore[attr-defined]
    with taken(place.books / ".lock"):
        ended = CommandLine(place.books)(*words)
    assert ended.code == 75 and "is in use" in ended.err and "run the same command again" in ended.err


def test_a_run_that_another_process_drives_is_left_to_it(place: Place) -> None:
    driver = place.books / "lake" / "runs" / PLANNED / ".driver"
    with taken(driver):
        ended = CommandLine(place.books)("cycle", "run", PLANNED, "--workers", 1)
    assert ended.code == 75 and "is in use" in ended.err


def test_who_planned_a_run_cannot_approve_it_and_another_can(place: Place) -> None:
    command = CommandLine(place.books)
    command.done("cycle", "run", PLANNED, "--workers", 1)
    refused = command("cycle", "approve", PLANNED, "--by", "ops")
    assert refused.code == 4 and f"billmill cycle approve {PLANNED} --by NAME" in refused.err
    early = command("cycle", "publish", PLANNED)
    assert early.code == 4 and f"billmill cycle approve {PLANNED}" in early.err
    command.done("cycle", "approve", PLANNED, "--by", "mira")
    command.done("cycle", "publish", PLANNED, "--by", "ops")


def test_names_from_files_are_text_on_the_page_and_on_the_screen(place: Place) -> None:
    name = "=cmd|' /C calc'!A0 <script>alert(1)</script> [red]"
    command = CommandLine(place.books)
    command.done("accounts", "import", place.file("customers.csv", f'customer_id,name\nK1,"{name}"\n'))
    assert name in command.done("bill", "show", "A1.2026-06.r0").out
    command.done("bill", "show", "A1.2026-06.r0", "--html", place.folder / "bill.html")
    page = (place.folder / "bill.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_parked_above_the_limit_is_told_by_the_exit_code(place: Place) -> None:
    command = CommandLine(place.books)
    shutil.rmtree(place.books)
    june_ready(command, place.folder)
    run = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--json").json["run_id"]
    # One of four agreements is parked: a quarter.
    above = command("cycle", "run", run, "--workers", 1, "--parked-limit", "24.9")
    assert above.code == 3 and "1 of 4 agreements are parked" in above.err
    command.done("cycle", "run", run, "--workers", 1, "--parked-limit", "25")
