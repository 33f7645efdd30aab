"""The catalogue of bad inputs, and what one of them must leave: `soak` tries them all in an order of its own."""

from __future__ import annotations

import filecmp
import random
import shutil
import tempfile
import time
from itertools import chain
from pathlib import Path

from bad_accounts import ACCOUNTS
from bad_cycles import CYCLES
from bad_decisions import DECISIONS
from bad_kinds import PUBLISHED, Place, Wrong
from bad_money import COMPARISONS, CORRECTIONS, EVENTS, LEDGER
from bad_queries import QUERIES
from bad_reads import READS
from bad_tariffs import TARIFFS
from bad_workspaces import WORKSPACES
from books_by_hand import REGISTER_HEADER, WATER_LATE, CommandLine, bill, june_ready
from counts import Count

from model.errors import ExitCode
from store.control import control, query
from store.workspace import open_workspace

CATALOGUE: dict[str, list[Wrong]] = {
    "workspace": WORKSPACES, "accounts": ACCOUNTS, "tariff": TARIFFS, "reads": READS, "cycle": CYCLES,
    "decision": DECISIONS, "ledger": LEDGER, "correction": CORRECTIONS, "event": EVENTS, "compare": COMPARISONS,
    "query": QUERIES,
}  # fmt: skip
# Who was refused may be on record.
_NOT_COUNTED = "audit"


def make_books(folder: Path) -> Path:
    """Make books with a published run of June and a planned one for the account that waited."""
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    assert bill(command, "2026-06", "2026-07-02") == PUBLISHED
    (folder / "late.csv").write_text(REGISTER_HEADER + WATER_LATE)
    command.done("reads", "land", folder / "late.csv")
    command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-05", "--by", "ops")
    return folder / "books"


def copied(books: Path, folder: Path, *, with_backups: bool = True) -> Place:
    """Return a place with a copy of the books and an empty folder."""
    shutil.copytree(books, folder / "books", ignore=None if with_backups else shutil.ignore_patterns("backups"))
    (folder / "files").mkdir()
    return Place(folder / "files", folder / "books")


def counts(books: Path) -> dict[str, int]:
    """Return how many rows each control table has."""
    with control(open_workspace(books), purpose="test") as connection:
        tables = query(connection, "SELECT table_name FROM duckdb_tables() ORDER BY table_name")["table_name"].to_list()
        each = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS n FROM \"{name}\"" for name in tables)
        return {name: n for name, n in query(connection, each).iter_rows() if name != _NOT_COUNTED}


def wrong_with(case: Wrong, place: Place, books: Path, before: dict[str, int]) -> list[str]:
    """Run a case on a copy of `books`; return what is not as it must be: exit code, words, and what it left in the books."""
    words = case.words(place)
    ended = CommandLine(place.books)(*words)
    told = " ".join((ended.err + ended.out).split())
    found = [] if ended.code == case.code else [f"exit code {ended.code} in place of {case.code}: {told[:300]}"]
    found += [f"`{part}` is not told: {told[:300]}" for part in case.says if part not in told]
    if case.is_damage:
        return found
    is_untouched = filecmp.cmp(place.books / "control.duckdb", books / "control.duckdb", shallow=False)
    after = before if is_untouched else counts(place.books)
    changed = {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)}
    if case.code in {ExitCode.REFUSED, ExitCode.BLOCKED_BY_CONTROL} and changed:
        found.append(f"refused, and yet the books changed: {changed}")
    if case.taken is not None and {name: changed.get(name, 0) for name in case.taken} != case.taken:
        found.append(f"expected {case.taken} taken, found {changed}")
    return found


def soak(seed: int, seconds: float) -> list[Count]:
    """Try the catalogue in an order drawn from `seed`, until it ends or the time is up."""
    until, done, failed = time.monotonic() + seconds, 0, list[str]()
    cases = list(chain.from_iterable(CATALOGUE.values()))
    random.Random(seed).shuffle(cases)
    with tempfile.TemporaryDirectory() as folder:
        books = make_books(Path(folder))
        before = counts(books)
        for number, case in enumerate(cases):
            if time.monotonic() > until:
                break
            done += 1
            place = copied(books, Path(folder) / str(number), with_backups=case.is_damage)
            if wrong_with(case, place, books, before):
                failed.append(case.what)
            shutil.rmtree(Path(folder) / str(number))
    return [Count("bad inputs", done, len(failed), f"of {len(cases)}; " + "; ".join(failed))]
