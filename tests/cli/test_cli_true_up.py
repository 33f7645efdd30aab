"""A bill on an estimate, and the reading that came late: the tariff says whether the bill becomes another.

W3 was billed on 7.742 kL: 15.48 + 3.00, tax 1.85: 20.33. Read are 12.345 kL: 24.69 + 3.00, tax 2.77: 30.46.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from books_by_hand import REGISTER_HEADER, WATER, WATER_LATE, CommandLine, add_tariffs, bill, june_ready, write_file
from test_cli_rebill import planned

from model.errors import ExitCode


@pytest.mark.parametrize(
    ("says", "outcome", "after"), [("rebill", "changed", 3046), ("self_correct", "self_correct", 2033)]
)
def test_the_tariff_chooses_how_an_estimate_is_put_right(tmp_path: Path, says: str, outcome: str, after: int) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    water = WATER.replace('title = "Water"', f'title = "Water"\ntrue_up = "{says}"')
    add_tariffs(command, write_file(tmp_path / "water.toml", water))
    command.done("reads", "estimate", "--on", "2026-07-01")
    bill(command, "2026-06", "2026-07-02")
    command.done("reads", "land", write_file(tmp_path / "late.csv", REGISTER_HEADER + WATER_LATE))
    found = planned(command)
    (row,) = found["bills"]
    assert (row["bill_id"], row["outcome"], row["before_minor"], row["after_minor"]) == (
        "A3.2026-06.r0", outcome, 2033, after
    )  # fmt: skip
    assert (found["run_id"] is None) == (says == "self_correct")


def test_a_choice_that_there_is_not_is_refused(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    command.done("init", command.workspace, "--name", "Story")
    wrong = WATER.replace('title = "Water"', 'title = "Water"\ntrue_up = "later"')
    ended = command("tariff", "add", write_file(tmp_path / "water.toml", wrong))
    assert ended.code == ExitCode.REFUSED and "true_up" in ended.err
