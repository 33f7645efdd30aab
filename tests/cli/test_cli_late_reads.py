"""Reads that come after the bill: the bills whose days they change are told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from books_by_hand import LONG_HEADER, REGISTER_HEADER, CommandLine, bill, hourly, june_ready, write_file

FIRST, SECOND = date(2026, 6, 10), date(2026, 6, 11)


def test_a_correction_names_the_bill_that_it_touches_and_an_estimate_touches_none(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    before = write_file(tmp_path / "early.csv", LONG_HEADER + hourly("E1", date(2026, 5, 30), date(2026, 5, 31), "1"))
    assert command.done("reads", "land", before, "--json").json["touched_bills"] == []
    bill(command, "2026-06", "2026-07-02")
    guess = LONG_HEADER + hourly("E1", FIRST, date(2026, 6, 13), "9").replace(",A,", ",E,")
    assert (
        command.done("reads", "land", write_file(tmp_path / "guess.csv", guess), "--json").json["touched_bills"] == []
    )
    text = LONG_HEADER + hourly("E1", FIRST, date(2026, 6, 12), "0.75") + hourly("E2", FIRST, SECOND, "0.75")
    ended = command.done("reads", "land", write_file(tmp_path / "correction.csv", text), "--json")
    # A2 moved in on 11 June: the day before is on no bill of it.
    assert ended.json["touched_bills"] == [
        {"account_id": "A1", "bill_id": "A1.2026-06.r0", "first_day": "2026-06-10", "last_day": "2026-06-11", "days": 2}
    ]
    shown = command.done("reads", "land", write_file(tmp_path / "again.csv", text.replace("0.75", "0.80")))
    assert "Published bills whose days have changed" in shown.out
    assert "A1.2026-06.r0" in shown.out


def test_a_corrected_reading_touches_the_bill_that_ends_with_it(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    bill(command, "2026-06", "2026-07-02")
    text = REGISTER_HEADER + "W1,W,MW1B,m3,2026-07-01,21.000,regular,A\n"
    ended = command.done("reads", "land", write_file(tmp_path / "water.csv", text), "--json")
    assert ended.json["touched_bills"] == [
        {"account_id": "A1", "bill_id": "A1.2026-06.r0", "first_day": "2026-07-01", "last_day": "2026-07-01", "days": 1}
    ]
