"""Attributes of a contract through the commands: a due period is cut where one changes, and is billed whole."""

from __future__ import annotations

from pathlib import Path

from books_by_hand import FLAT, WATER, CommandLine, add_tariffs, bill, june_ready, write_file

HEADER = "agreement_id,name,value,valid_from,valid_to\n"
LINES = (
    "SELECT component_id, CAST(period_start_date AS TEXT) AS first, CAST(period_end_date AS TEXT) AS after, "
    "CAST(amount AS TEXT) AS amount FROM bill_lines WHERE agreement_id = 'S1' ORDER BY component_id, first"
)
UNITS = "[attributes]\ndwelling_units = { default = 1 }\n[quantities]"
PER_UNIT = '[versions.charges.units]\namount = "0.10 * dwelling_units * days"\n[versions.charges.gst]'


def ready(command: CommandLine, folder: Path) -> None:
    """Make the workspace of June with tariffs that ask for dwelling units."""
    june_ready(command, folder)
    for name, text in (("flat", FLAT), ("water", WATER)):
        asking = text.replace("[quantities]", UNITS).replace("[versions.charges.gst]", PER_UNIT)
        add_tariffs(command, write_file(folder / f"{name}.toml", asking))


def test_an_attribute_that_changes_in_the_cycle_cuts_the_bill_and_bills_each_day_once(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    ready(command, tmp_path)
    rows = "S1,dwelling_units,2,2025-01-01,\nS1,dwelling_units,3,2026-06-11,\n"
    command.done("accounts", "import", write_file(tmp_path / "agreement_attributes.csv", HEADER + rows))
    run = bill(command, "2026-06", "2026-07-02")

    # 10 days x 24 h x 0.500 kWh = 120 kWh x 0.30 = 36.00, 10 x 1.00; then 20 days: 72.00 and 20.00.
    # The tax is computed once, on the whole bill: 138.00 x 10 %.
    assert [tuple(row.values()) for row in command.done("query", LINES, "--format", "json").json] == [
        ("energy", "2026-06-01", "2026-06-11", "36.00"),
        ("energy", "2026-06-11", "2026-07-01", "72.00"),
        ("gst", "2026-06-01", "2026-07-01", "13.80"),
        ("supply", "2026-06-01", "2026-06-11", "10.00"),
        ("supply", "2026-06-11", "2026-07-01", "20.00"),
        ("units", "2026-06-01", "2026-06-11", "2.00"),
        ("units", "2026-06-11", "2026-07-01", "6.00"),
    ]
    shown = command.done("run", "show", run, "--json").json
    # Four agreements, one of them due for two periods; the water of A3 waits for its reading.
    assert (shown["selected"], shown["billed"]) == (4, 3)
    assert [(row["reason"], row["agreements"]) for row in shown["parked"]] == [("end_read_missing", 1)]
    assert command.done("bill", "explain", "A1.2026-06.r0", "--json").json["same"] is True
    # 265.10 without the units; those of the water are 0.10 x 1 x 30.
    assert "276.10" in command.done("bill", "show", "A1.2026-06.r0").out

    # Another day of change is learned afterwards: what is billed is not due again.
    late = "S1,dwelling_units,4,2026-06-21,\n"
    command.done("accounts", "import", write_file(tmp_path / "agreement_attributes.csv", HEADER + late))
    planned = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-05", "--json").json
    assert planned["selected"] == 1


def test_a_parked_period_keeps_the_whole_agreement_back(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    ready(command, tmp_path)
    # The water of A3 has no reading after 1 June: the second part cannot be billed, so the first is not either.
    rows = "S4,dwelling_units,2,2025-01-01,\nS4,dwelling_units,3,2026-06-11,\n"
    command.done("accounts", "import", write_file(tmp_path / "agreement_attributes.csv", HEADER + rows))
    run = bill(command, "2026-06", "2026-07-02")
    shown = command.done("run", "show", run, "--json").json
    assert (shown["selected"], shown["billed"]) == (4, 3)
    assert sum(row["agreements"] for row in shown["parked"]) == 1
    waiting = "SELECT count(*) AS n FROM parked WHERE agreement_id = 'S4'"
    assert command.done("query", waiting, "--format", "json").json == [{"n": 2}]
    # It is tried again, whole.
    planned = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-05", "--json").json
    assert planned["selected"] == 1
