"""`bill late`: bills that rest on reads which changed since, and by how much."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from books_by_hand import LONG_HEADER, REGISTER_HEADER, WATER_LATE, CommandLine, bill, hourly, june_ready, write_file

FIFTH, SIXTH = date(2026, 6, 5), date(2026, 6, 6)


def test_late_actuals_list_the_bills_that_they_touch_with_the_difference(tmp_path: Path) -> None:
    """W3 was billed on 7.742 m3 and read 12.345; E1's 5 June was 12 kWh and is corrected to 18, the 6th is the same."""
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    command.done("reads", "estimate", "--on", "2026-07-01")
    bill(command, "2026-06", "2026-07-02")
    assert command.done("bill", "late", "--json").json == []
    reads = LONG_HEADER + hourly("E1", FIFTH, SIXTH, "0.750") + hourly("E1", SIXTH, date(2026, 6, 7), "0.500")
    late = write_file(tmp_path / "late.csv", REGISTER_HEADER + WATER_LATE)
    command.done("reads", "land", write_file(tmp_path / "again.csv", reads), late)
    found = [
        (
            row["bill_id"],
            row["channel_id"],
            row["days"],
            row["estimated_days"],
            row["before"],
            row["after"],
            row["delta"],
        )
        for row in command.done("bill", "late", "--json").json
    ]
    assert found == [
        ("A1.2026-06.r0", "E1/E1", 1, 0, 12_000, 18_000, 6_000),
        ("A3.2026-06.r0", "W3/W", 30, 30, 7_742, 12_345, 4_603),
    ]


def test_an_edit_after_billing_is_a_candidate_too(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    bill(command, "2026-06", "2026-07-02")
    words = ("--channel", "E1/E1", "--from", "2026-06-05", "--to", "2026-06-06", "--kind", "zero", "--reason", "outage")
    (edit,) = command.done("reads", "edit", *words, "--by", "tom", "--json").json
    assert command.done("bill", "late", "--json").json == []
    command.done("reads", "edit", "--approve", edit["edit_id"], "--by", "mira")
    (row,) = command.done("bill", "late", "--json").json
    assert (row["bill_id"], row["delta"], row["estimated_days"]) == ("A1.2026-06.r0", -12_000, 0)
