"""`reads estimate`: a reading that did not come is estimated, billed, and gives way to the one that comes."""

from __future__ import annotations

from pathlib import Path

from books_by_hand import REGISTER_HEADER, WATER_LATE, CommandLine, bill, june_ready, write_file

LINE = (
    "SELECT quantity, is_estimated, CAST(amount AS TEXT) AS amount FROM bill_lines "
    "WHERE agreement_id = 'S4' AND component_id = 'energy'"
)


def test_a_late_reading_is_estimated_and_billed_as_an_estimate(tmp_path: Path) -> None:
    """W3 used 8 m3 in the 31 days of May: 30 days are 7.742 m3, at 2.00 that is 15.48."""
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    tried = command.done("reads", "estimate", "--on", "2026-07-01", "--dry-run", "--json").json
    assert [(row["meter_id"], row["reading"], row["method"]) for row in tried["made"]] == [("MW3", 17_742, "daily_use")]
    assert tried["load"] is None
    done = command.done("reads", "estimate", "--on", "2026-07-01", "--by", "ops")
    assert "landed as load" in done.err
    assert "landed" not in command.done("reads", "estimate", "--on", "2026-07-01").err
    bill(command, "2026-06", "2026-07-02")
    (line,) = command.done("query", LINE, "--format", "json").json
    assert (line["quantity"], line["is_estimated"], line["amount"]) == (7_742, True, "15.48")


def test_the_reading_that_comes_counts_before_the_estimate(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    command.done("reads", "estimate", "--on", "2026-07-01")
    command.done("reads", "land", write_file(tmp_path / "late.csv", REGISTER_HEADER + WATER_LATE))
    assert command.done("reads", "estimate", "--on", "2026-07-01", "--json").json["made"] == []
    bill(command, "2026-06", "2026-07-02")
    (line,) = command.done("query", LINE, "--format", "json").json
    assert (line["quantity"], line["is_estimated"]) == (12_345, False)


def test_a_reading_of_a_later_day_makes_the_estimate_anew(tmp_path: Path) -> None:
    """10.000 on 1 June and 19.500 on 9 July: 30 of 38 days are 7.500."""
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    command.done("reads", "estimate", "--on", "2026-07-01")
    late = REGISTER_HEADER + "W3,W,MW3,m3,2026-07-09,19.500,regular,A\n"
    command.done("reads", "land", write_file(tmp_path / "late.csv", late))
    (made,) = command.done("reads", "estimate", "--on", "2026-07-01", "--json").json["made"]
    assert (made["method"], made["reading"], made["next_date"]) == ("linear", 17_500, "2026-07-09")
    assert command.done("reads", "estimate", "--on", "2026-07-01", "--json").json["load"] is None
    bill(command, "2026-06", "2026-07-10")
    (line,) = command.done("query", LINE, "--format", "json").json
    assert line["quantity"] == 7_500


def test_what_cannot_be_estimated_ends_with_exit_code_3(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    ended = command("reads", "estimate", "--on", "2026-12-01")
    assert (ended.code, ended.err) == (3, "not estimated: 2 too_long\n")
