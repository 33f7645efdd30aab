"""Two months of a small utility through the commands: move-in, meter exchange, a late reading, move-out."""

from __future__ import annotations

from pathlib import Path

from books_by_hand import (
    AUGUST,
    JULY,
    LONG_HEADER,
    REGISTER_HEADER,
    WATER_JULY,
    WATER_LATE,
    CommandLine,
    bill,
    hourly,
    june_ready,
    write_file,
)

# One bill a row: invoice, bill, period, net, tax, total.
# June, A1: 30 days x 24 h x 0.500 kWh = 360 kWh x 0.30 = 108.00, supply 30 x 1.00 = 30.00, tax 13.80;
#           water 130 - 100 = 30 m3 on the old meter, 20 - 0 = 20 m3 on the new, 50 kL x 2.00 = 100.00,
#           supply 30 x 0.10 = 3.00, tax 10.30. Net 241.00, tax 24.10.
# June, A2: from 11 June 20 days x 24 h x 0.250 kWh = 120 kWh x 0.30 = 36.00, supply 20.00, tax 5.60.
JUNE_FIRST = [
    ("N-2026-0000001", "A1.2026-06.r0", "2026-06-01", "2026-07-01", "241.00", "24.10", "265.10"),
    ("N-2026-0000002", "A2.2026-06.r0", "2026-06-11", "2026-07-01", "56.00", "5.60", "61.60"),
]
# June, A3: 22.345 - 10.000 = 12.345 kL x 2.00 = 24.69, supply 3.00, tax 2.769 -> 2.77.
JUNE_LATE = [("N-2026-0000003", "A3.2026-06.r0", "2026-06-01", "2026-07-01", "27.69", "2.77", "30.46")]
# July, A1: 31 x 24 x 0.500 = 372 kWh x 0.30 = 111.60, supply 31.00, tax 14.26;
#           water 65 - 20 = 45 kL x 2.00 = 90.00, supply 3.10, tax 9.31. Net 235.70, tax 23.57.
# July, A2: until 21 July, not included, 20 x 24 x 0.400 = 192 kWh x 0.30 = 57.60, supply 20.00, tax 7.76.
# July, A3: 30.000 - 22.345 = 7.655 kL x 2.00 = 15.31, supply 3.10, tax 1.841 -> 1.84.
JULY_ALL = [
    ("N-2026-0000004", "A1.2026-07.r0", "2026-07-01", "2026-08-01", "235.70", "23.57", "259.27"),
    ("N-2026-0000005", "A2.2026-07.r0", "2026-07-01", "2026-07-21", "77.60", "7.76", "85.36"),
    ("N-2026-0000006", "A3.2026-07.r0", "2026-07-01", "2026-08-01", "18.41", "1.84", "20.25"),
]
INVOICES = (
    "SELECT i.invoice_no, i.bill_id, CAST(b.period_start_date AS TEXT) AS first, "
    "CAST(b.period_end_date AS TEXT) AS after, "
    "i.net, i.tax, i.total FROM invoices AS i JOIN bills AS b USING (bill_id) ORDER BY i.invoice_no"
)


def invoices(command: CommandLine) -> list[tuple[str, ...]]:
    """Return every invoice as analysts see it."""
    return [tuple(row.values()) for row in command.done("query", INVOICES, "--format", "json").json]


def test_two_months_of_a_small_utility(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)

    # 2 July: the water of A3 has no reading at the end of June yet. It waits; everyone else is billed.
    first_run = bill(command, "2026-06", "2026-07-02")
    assert invoices(command) == JUNE_FIRST
    shown = command.done("run", "show", first_run, "--json").json
    assert [(row["reason"], row["example"]) for row in shown["parked"]] == [("end_read_missing", "S4")]

    # 5 July, inside the window: the reading has come. Only A3 is due.
    late = write_file(tmp_path / "late.csv", REGISTER_HEADER + WATER_LATE)
    assert "1 readings" in command.done("reads", "land", late).out
    planned = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-05", "--by", "ops", "--json").json
    assert planned["selected"] == 1
    bill(command, "2026-06", "2026-07-05")
    assert invoices(command) == JUNE_FIRST + JUNE_LATE

    # 10 July, the last day of the window: nothing is left of June; on the 11th it is closed.
    nothing = command("cycle", "plan", "2026-06", "--business-date", "2026-07-10")
    assert nothing.code == 2 and "nothing is due" in nothing.err
    closed = command("cycle", "plan", "2026-06", "--business-date", "2026-07-11")
    assert closed.code == 2 and "outside its window" in closed.err

    # July: reads of July and nothing of June again. A2 leaves on the 21st; its point is read until the end.
    july = LONG_HEADER + hourly("E1", JULY, AUGUST, "0.500") + hourly("E2", JULY, AUGUST, "0.400")
    registers = write_file(tmp_path / "water-july.csv", REGISTER_HEADER + WATER_JULY)
    command.done("reads", "land", write_file(tmp_path / "july.csv", july), registers)
    command.done("reads", "vee", "--from", JULY, "--to", AUGUST)
    bill(command, "2026-07", "2026-08-03")
    assert invoices(command) == JUNE_FIRST + JUNE_LATE + JULY_ALL

    # Each agreement's days follow one another: July begins where June ended, and A2 has only the days supplied.
    spans = (
        "SELECT agreement_id, CAST(min(period_start_date) AS TEXT) AS first, "
        "CAST(max(period_end_date) AS TEXT) AS after "
        "FROM bill_lines WHERE category <> 'tax' GROUP BY agreement_id, cycle_id ORDER BY agreement_id, first"
    )
    assert [tuple(row.values()) for row in command.done("query", spans, "--format", "json").json] == [
        ("S1", "2026-06-01", "2026-07-01"),
        ("S1", "2026-07-01", "2026-08-01"),
        ("S2", "2026-06-01", "2026-07-01"),
        ("S2", "2026-07-01", "2026-08-01"),
        ("S3", "2026-06-11", "2026-07-01"),
        ("S3", "2026-07-01", "2026-07-21"),
        ("S4", "2026-06-01", "2026-07-01"),
        ("S4", "2026-07-01", "2026-08-01"),
    ]

    # The books hold what was invoiced: 265.10 + 61.60 + 30.46 + 259.27 + 85.36 + 20.25 = 722.04.
    owed = command.done("query", "SELECT sum(total) AS owed FROM invoices", "--format", "json").json
    assert owed == [{"owed": "722.04"}]

    # Every bill can be explained, and computing it again gives the same.
    assert command.done("bill", "explain", "N-2026-0000001", "--json").json["same"] is True
    text = command.done("bill", "show", "A2.2026-07.r0").out
    assert "85.36" in text and "1 July 2026 to 20 July 2026" in text
