"""`billmill tariff diff --impact`: what a change does to a cycle's bills, beside what the bills then are.

June: A1 uses 360 kWh in 30 days: 108.00, 30.00, tax 13.80, 151.80.
A2 uses 120 kWh in 20 days: 36.00, 20.00, tax 5.60, 61.60.
At 0.35 a kWh: 126.00, 30.00, 15.60, 171.60 and 42.00, 20.00, 6.20, 68.20.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from books_by_hand import FLAT, CommandLine, add_tariffs, bill, june_ready, write_file

from cycles.quotes.impact_sums import deciles, histogram
from outputs.impact_screen import histogram_lines

DEARER = FLAT.replace("0.30", "0.35")
# Who uses much pays less: 0.20 a kWh, 2.50 a day. A1: 72.00, 75.00, 14.70; A2: 24.00, 50.00, 7.40.
TURNED = FLAT.replace("0.30", "0.20").replace("1.00", "2.50")
FROM_2027 = "2027-01-01"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    june_ready(CommandLine(folder / "books"), folder)
    return folder / "books"


@pytest.fixture
def books(ready: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(ready, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def with_version(old: str, new: str, valid_from: str = FROM_2027) -> str:
    """Return the old file with a second version: that of the new one, from another day."""
    version = new[new.index("[[versions]]") :].replace("valid_from = 2020-01-01", f"valid_from = {valid_from}")
    return old + version


def impact(command: CommandLine, *words: object) -> Any:
    return command.done("tariff", "diff", *words, "--impact", "--json").json["impact"]


def billed_minor(command: CommandLine, tariff: str) -> int:
    """Return what the published lines of a tariff come to."""
    with duckdb.connect(str(command.workspace / "analytics.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT sum(amount) FROM bill_lines WHERE tariff_id = ?", [tariff]).fetchone()
    assert found is not None
    return int(found[0] * 100)


def test_a_draft_of_next_year_is_shown_on_the_bills_of_the_last_cycle(books: CommandLine, tmp_path: Path) -> None:
    bill(books, "2026-06", "2026-07-02")
    books.done("tariff", "add", write_file(tmp_path / "flat.toml", with_version(FLAT, DEARER)), "--by", "ops")
    told = impact(books, "flat")
    assert (told["old"], told["new"]) == ("approved version from 2020-01-01", "draft from 2027-01-01")
    assert (told["cycle"], told["from"], told["to"]) == ("2026-06", "2026-06-01", "2026-07-01")
    assert told["totals"] == {
        "accounts": 2, "up": 2, "down": 0, "unchanged": 0, "old_minor": 21340, "new_minor": 23980, "change_minor": 2640,
    }  # fmt: skip
    first = told["largest_rises"][0]
    assert (first["account_id"], first["old_minor"], first["new_minor"]) == ("A1", 15180, 17160)
    charges = {row["component_id"]: (row["old_minor"], row["new_minor"]) for row in first["charges"]}
    assert charges == {"energy": (10800, 12600), "supply": (3000, 3000), "gst": (1380, 1560)}
    assert told["by_branch"] == [{"branch_id": "N"} | told["totals"]]
    assert told["by_revenue_class"] == [{"revenue_class": "residential"} | told["totals"]]


@pytest.mark.parametrize("text", [DEARER, TURNED])
def test_sums_are_those_of_the_runs_that_bill_either_way(ready: Path, tmp_path: Path, text: str) -> None:
    command = CommandLine(tmp_path / "old")
    shutil.copytree(ready, command.workspace)
    file = write_file(tmp_path / "new.toml", text)
    bill(command, "2026-06", "2026-07-02")
    told = impact(command, "flat", file)
    other = CommandLine(tmp_path / "new")
    shutil.copytree(ready, other.workspace)
    add_tariffs(other, file)
    bill(other, "2026-06", "2026-07-02")
    assert told["totals"]["old_minor"] == billed_minor(command, "flat")
    assert told["totals"]["new_minor"] == billed_minor(other, "flat")


def test_rises_and_falls_are_counted_and_shown(books: CommandLine, tmp_path: Path) -> None:
    file = write_file(tmp_path / "turned.toml", TURNED)
    told = impact(books, "flat", file, "--cycle", "2026-06")
    # A1: 161.70 beside 151.80, +6.5 %; A2: 81.40 beside 61.60, +32 %.
    assert [(row["change"], row["accounts"]) for row in told["histogram"] if row["accounts"]] == [
        ("+5 to +10 %", 1), ("+20 % or more", 1),
    ]  # fmt: skip
    assert [row["account_id"] for row in told["largest_rises"]] == ["A2", "A1"]
    assert told["deciles"][0] == {"percent": 0, "change_minor": 990}
    assert told["deciles"][-1] == {"percent": 100, "change_minor": 1980}
    shown = books.done("tariff", "diff", "flat", file, "--impact", "--cycle", "2026-06").out
    assert "charge `energy`, price: 0.30 -> 0.20" in shown
    assert "2 up + 0 down + 0 unchanged" in shown and "29.70 AUD (+13.92 %)" in shown


def test_who_could_no_longer_be_billed_is_told(books: CommandLine, tmp_path: Path) -> None:
    asking = FLAT.replace("[[versions]]", "[attributes]\nunits = {}\n[[versions]]").replace(
        'per = "day"\nprice = 1.00', 'per = "day"\ntimes = "units"\nprice = 1.00'
    )  # fmt: skip
    told = impact(books, "flat", write_file(tmp_path / "asking.toml", asking), "--cycle", "2026-06")
    assert (told["totals"]["accounts"], told["deciles"]) == (0, [])
    (parked,) = told["parked"]
    assert (parked["side"], parked["reason"], parked["accounts"]) == ("new", "attribute_missing", 2)


def test_two_days_name_two_versions_and_nothing_is_posted(books: CommandLine, tmp_path: Path) -> None:
    add_tariffs(books, write_file(tmp_path / "flat.toml", with_version(FLAT, DEARER)))
    before = (books.workspace / "control.duckdb").read_bytes()
    told = impact(books, "flat", "--from", "2026-06-01", "--to", "2027-06-01", "--cycle", "2026-06")
    assert told["totals"]["change_minor"] == 2640
    assert (books.workspace / "control.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["flat", "--cycle", "2026-06"], "options --cycle and --branch are of --impact"),
        (["flat", "--impact", "--cycle", "2026-06"], "expected two versions to compare, found one"),
        (["flat", "water", "--impact", "--cycle", "2099-01"], "cycle `2099-01` is not in the calendar"),
        (["flat", "water", "--impact", "--cycle", "2026-06", "--branch", "X"], "branch `X` is not known"),
        (
            ["flat", "water", "--impact", "--cycle", "2026-06"],
            "expected two tariffs of one commodity, found electricity",
        ),
    ],
)
def test_what_cannot_be_compared_says_why(books: CommandLine, words: list[str], message: str) -> None:
    ended = books("tariff", "diff", *words)
    assert (ended.code, message in ended.err) == (2, True), ended


def test_deciles_are_changes_of_real_accounts() -> None:
    import polars as pl

    found = {row["percent"]: row["change_minor"] for row in deciles(pl.Series([5, 1, 3], dtype=pl.Int64))}
    # The smallest change that 10, 20 and 30 % do not exceed is the first of three; 40 to 60 % the second.
    assert found == {0: 1, 10: 1, 20: 1, 30: 1, 40: 3, 50: 3, 60: 3, 70: 5, 80: 5, 90: 5, 100: 5}


@pytest.mark.parametrize(
    ("old", "change", "name"),
    [
        (10000, 0, "unchanged"),
        (0, 0, "unchanged"),
        (0, 5, "nothing before"),
        (10000, 1, "0 to +2 %"),
        (10000, 199, "0 to +2 %"),
        (10000, 200, "+2 to +5 %"),  # exactly at the edge: a rise begins the class above
        (10000, -200, "-5 to -2 %"),  # a fall ends the class below
        (10000, -199, "-2 to 0 %"),
        (10000, 2000, "+20 % or more"),
        (10000, -2000, "-20 % or less"),
        (-10000, 500, "+5 to +10 %"),  # a credit that shrinks is a rise
    ],
)
def test_classes_of_change_have_edges(old: int, change: int, name: str) -> None:
    import polars as pl

    frame = pl.DataFrame({"old_minor": [old], "change_minor": [change]})
    assert [row["change"] for row in histogram(frame) if row["accounts"]] == [name]


def test_bars_are_as_long_as_their_share_and_never_empty_for_somebody() -> None:
    lines = histogram_lines(
        [{"change": "a", "accounts": 1000}, {"change": "b", "accounts": 1}, {"change": "c", "accounts": 0}]
    )
    assert lines == [f"  a  1,000  {'#' * 40}", "  b      1  #", "  c      0"]
