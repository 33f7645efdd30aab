"""Days older than the limit cost nobody more; what was billed too much is given back however old it is.

The price rises from 0.30 to 0.35. The limit is one month before 20 August: days before 20 July are older.
June is older as a whole: A1 rises by 360 x 0.05 = 18.00 and tax 1.80, all taken off again; A2 by 6.00 and 0.60.
July, A1: 372 x 0.05 = 18.60 and 1.86, of which 19 of 31 days are older: 11.40 and 1.14. A2 has 20 days, 19 of them
older: 6.00 x 19/20 = 5.70 and 0.57.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from books_by_hand import FLAT, CommandLine, add_tariffs, write_file
from test_cli_rebill import DEARER, asked, planned, published, two_months

from model.errors import ExitCode


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limit")
    two_months(CommandLine(folder / "books"), folder)
    return folder / "books"


@pytest.fixture
def command(billed: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(billed, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def limited(command: CommandLine, rule: str) -> None:
    path = command.workspace / "billmill.toml"
    path.write_text(path.read_text() + f"\n[back_billing]\n{rule}\n")


def test_the_rise_of_older_days_is_taken_off_by_a_line(command: CommandLine, tmp_path: Path) -> None:
    limited(command, 'months = 1\nclasses = ["residential"]')
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER))
    found = planned(command)
    apart = {row["bill_id"]: row["apart_minor"] for row in found["bills"]}
    assert apart == {
        "A1.2026-06.r0": 0, "A2.2026-06.r0": 0, "A1.2026-07.r0": 2046 - 1254, "A2.2026-07.r0": 660 - 627
    }  # fmt: skip
    published(command, found["run_id"])
    off = asked(command, "SELECT bill_id, sum(amount_minor)::INT FROM journal_line WHERE gl_account = '449.1' "
                         "GROUP BY bill_id ORDER BY bill_id")  # fmt: skip
    assert off == [("A1.2026-06.r1", 1800), ("A1.2026-07.r1", 1140), ("A2.2026-06.r1", 600), ("A2.2026-07.r1", 570)]
    shown = command.done("bill", "show", "A1.2026-07.r1").out
    assert "Not billed: supplied more than 1 month ago" in " ".join(shown.split()) and "-11.40" in shown
    explained = command.done("bill", "explain", "A1.2026-07.r1", "--json").json
    assert explained["same"] and any("the rise of service point E1 for 19 of 31 days" in t for t in explained["text"])
    assert planned(command)["run_id"] is None


def test_a_credit_is_never_limited_and_other_classes_have_no_limit(command: CommandLine, tmp_path: Path) -> None:
    limited(command, 'months = 1\nclasses = ["residential"]')
    add_tariffs(command, write_file(tmp_path / "flat.toml", FLAT.replace("price = 0.30", "price = 0.25")))
    found = planned(command)
    assert {row["bill_id"]: row["apart_minor"] for row in found["bills"]}["A1.2026-06.r0"] == -1980
    assert not [row for row in found["lines"] if row["component_id"] == "back_billing_limit"]


def test_a_limit_for_another_class_or_branch_takes_nothing_off(command: CommandLine, tmp_path: Path) -> None:
    limited(command, 'months = 1\nclasses = ["industrial"]')
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER))
    assert {row["bill_id"]: row["apart_minor"] for row in planned(command)["bills"]}["A1.2026-06.r0"] == 1980


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("months = 0", "[back_billing] months: expected a number from 1, found `0`"),
        ('months = 12\nclasses = "residential"', "[back_billing] classes: expected a list of names"),
        ("month = 12", "table [back_billing] has the key `month`"),
    ],
)
def test_a_rule_that_is_none_is_refused(command: CommandLine, rule: str, message: str) -> None:
    limited(command, rule)
    ended = command("rebill", "plan", "--business-date", "2026-08-20", "--why", "x")
    assert ended.code == ExitCode.REFUSED and message in ended.err
