"""A bill rated again: as known when it was billed it is the same; as known now it differs by what was learned since.

A1 of June: 30 days x 12 kWh = 360 kWh x 0.30 = 108.00, fuel 360 x 0.01 = 3.60, supply 30.00, tax 14.16;
water 103.00 and 10.30.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import (
    FLAT,
    JULY,
    JUNE,
    LONG_HEADER,
    CommandLine,
    add_tariffs,
    bill,
    hourly,
    june_ready,
    write_file,
)

from store.control import control, query
from store.workspace import open_workspace

BILL = "A1.2026-06.r0"
WITH_FUEL = FLAT.replace(
    "[versions.charges.supply]",
    '[versions.charges.fuel]\nof = "kwh"\nprice = { factor = "fuel" }\nwhen = "units > 0"\ntext = "Fuel"\n'
    "[versions.charges.supply]",
).replace('["energy", "supply"]', '["energy", "fuel", "supply"]')
WITH_FUEL = WITH_FUEL.replace("[quantities]", "[attributes]\nunits = { default = 1 }\n[quantities]")
FACTORS = "factor_id,valid_from,valid_to,value,source\nfuel,2026-01-01,,0.01,sheet\n"
AGREEMENTS = "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\n"
Told = dict[tuple[str, str], tuple[int | None, int | None, str | None]]


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in which June is published."""
    folder = tmp_path_factory.mktemp("billed")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    add_tariff(command, folder, WITH_FUEL)
    command.done("tariff", "factor", "add", write_file(folder / "factors.csv", FACTORS))
    bill(command, "2026-06", "2026-07-02")
    return folder / "books"


@pytest.fixture
def command(billed: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(billed, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def add_tariff(command: CommandLine, folder: Path, text: str) -> None:
    add_tariffs(command, write_file(folder / "flat.toml", text))


def rerated(command: CommandLine, *options: str) -> Any:
    return command.done("bill", "rerate", BILL, *options, "--json").json


def told(result: Any) -> Told:
    """Return the lines that differ, by charge and first day: old, new (minor units) and cause."""
    return {
        (line["component_id"], line["period_start_date"][5:]): (line["old_minor"], line["new_minor"], line["cause"])
        for line in result["lines"]
        if line["old_minor"] != line["new_minor"]
    }


def as_billed(command: CommandLine) -> str:
    """Return the time as of which June was billed."""
    runs = command.done("run", "list", "--json").json
    return str(command.done("run", "show", runs[0]["run_id"], "--json").json["known_at"])


def later_price(command: CommandLine, folder: Path) -> Told:
    # 360 x 0.35 = 126.00; tax 10 % of 126.00 + 3.60 + 30.00.
    add_tariff(command, folder, WITH_FUEL.replace("price = 0.30", "price = 0.35"))
    return {("energy", "06-01"): (10800, 12600, "tariff"), ("gst", "06-01"): (1416, 1596, "tariff")}


def later_factor(command: CommandLine, folder: Path) -> Told:
    # 15 days x 12 kWh = 180 kWh at 0.01, then 180 at 0.02; tax 10 % of 108.00 + 5.40 + 30.00.
    text = FACTORS.splitlines()[0] + "\nfuel,2026-06-16,,0.02,sheet of July\n"
    command.done("tariff", "factor", "add", write_file(folder / "factors.csv", text))
    return {
        ("fuel", "06-01"): (360, 180, "factor"),
        ("fuel", "06-16"): (None, 360, "factor"),
        ("gst", "06-01"): (1416, 1434, "factor"),
    }


def corrected_day(command: CommandLine, folder: Path) -> Told:
    # 12 kWh more on the 10th: 372 x 0.30 = 111.60, 372 x 0.01 = 3.72; tax 10 % of 145.32, half up.
    text = LONG_HEADER + hourly("E1", date(2026, 6, 10), date(2026, 6, 11), "1.000")
    command.done("reads", "land", write_file(folder / "corrected.csv", text))
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)
    return {
        ("energy", "06-01"): (10800, 11160, "read"),
        ("fuel", "06-01"): (360, 372, "read"),
        ("gst", "06-01"): (1416, 1453, "read"),
    }


def earlier_end(command: CommandLine, folder: Path) -> Told:
    # 15 days: 180 x 0.30, 180 x 0.01, 15.00; tax 10 % of 70.80.
    text = AGREEMENTS + "S1,A1,E1,flat,2025-01-01,2026-06-16\n"
    command.done("accounts", "import", write_file(folder / "agreements.csv", text))
    return {
        ("energy", "06-01"): (10800, 5400, "agreement"),
        ("fuel", "06-01"): (360, 180, "agreement"),
        ("supply", "06-01"): (3000, 1500, "agreement"),
        ("gst", "06-01"): (1416, 708, "agreement"),
    }


def other_payer(command: CommandLine, folder: Path) -> Told:
    # The electricity was another account's all along: the bill has the water alone.
    text = AGREEMENTS + "S1,A2,E1,flat,2025-01-01,\n"
    command.done("accounts", "import", write_file(folder / "agreements.csv", text))
    charges = {"energy": 10800, "fuel": 360, "supply": 3000, "gst": 1416}
    return {(charge, "06-01"): (amount, None, "agreement") for charge, amount in charges.items()}


def later_attribute(command: CommandLine, folder: Path) -> Told:
    # Two parts of 15 days: the amounts are the same in sum; the tax is of the whole bill and stays.
    text = "agreement_id,name,value,valid_from,valid_to\nS1,units,2,2026-06-16,\n"
    command.done("accounts", "import", write_file(folder / "agreement_attributes.csv", text))
    halves = {"energy": (10800, 5400), "fuel": (360, 180), "supply": (3000, 1500)}
    first = {(charge, "06-01"): (old, new, "agreement") for charge, (old, new) in halves.items()}
    return first | {(charge, "06-16"): (None, new, "agreement") for charge, (_, new) in halves.items()}


LEARNED = [later_price, later_factor, corrected_day, earlier_end, other_payer, later_attribute]


@pytest.mark.parametrize("learn", LEARNED)
def test_what_was_learned_since_is_told_and_then_it_was_the_same(
    command: CommandLine, tmp_path: Path, learn: Any
) -> None:
    expected = learn(command, tmp_path)
    then = rerated(command, "--as-known-at", as_billed(command))
    assert (then["same"], then["reproduced"], then["changed_inputs"], told(then)) == (True, True, [], {})

    now = rerated(command)
    # The water of the account has the same names of charges but S2; nothing of it may differ.
    assert {line["agreement_id"] for line in now["lines"] if line["apart_minor"]} == {"S1"}
    assert told(now) == expected
    cause = next(iter(expected.values()))[2]
    assert (now["same"], now["reproduced"], now["changed_inputs"]) == (False, True, [cause])
    apart = sum((new or 0) - (old or 0) for old, new, _ in expected.values())
    assert now["apart_minor"] == now["new_minor"] - now["old_minor"] == apart


def test_rating_again_writes_nothing(command: CommandLine, tmp_path: Path) -> None:
    later_price(command, tmp_path)
    before = tables(command)
    rerated(command)
    assert tables(command) == before


def tables(command: CommandLine) -> dict[str, str]:
    """Return the rows of every control table, as text, and the files of the lake."""
    workspace = open_workspace(command.workspace)
    with control(workspace, purpose="test") as connection:
        names = query(connection, "SELECT table_name FROM duckdb_tables()")["table_name"].to_list()
        found = {name: repr(sorted(map(repr, query(connection, f'SELECT * FROM "{name}"').rows()))) for name in names}
    return found | {str(path): "" for path in workspace.lake.rglob("*")}


def test_two_causes_are_not_told_as_one(command: CommandLine, tmp_path: Path) -> None:
    later_price(command, tmp_path)
    corrected_day(command, tmp_path)
    now = rerated(command)
    # 372 x 0.35 = 130.20; fuel is of the reads alone; tax 10 % of 130.20 + 3.72 + 30.00, half up.
    assert told(now) == {
        ("energy", "06-01"): (10800, 13020, None),
        ("fuel", "06-01"): (360, 372, "read"),
        ("gst", "06-01"): (1416, 1639, None),
    }
    assert now["changed_inputs"] == ["tariff", "read"]


def test_a_time_between_knows_what_was_learned_until_then(command: CommandLine, tmp_path: Path) -> None:
    expected = later_price(command, tmp_path)
    between = command.done("bill", "rerate", BILL, "--json").json["known_at"]
    corrected_day(command, tmp_path)
    found = rerated(command, "--as-known-at", between)
    assert told(found) == expected and found["changed_inputs"] == ["tariff"]


def test_a_bill_that_cannot_be_made_as_known_says_why(command: CommandLine, tmp_path: Path) -> None:
    points = AGREEMENTS + "S1,A1,E1,nowhere,2025-01-01,\n"
    command.done("accounts", "import", write_file(tmp_path / "agreements.csv", points))
    now = rerated(command)
    assert now["new_minor"] == 0
    assert any("no_tariff_version: tariff nowhere has no version" in text for text in now["parked"])
    shown = command.done("bill", "rerate", BILL).out
    assert "cannot be billed as known then: S1: no_tariff_version" in shown


def test_a_person_reads_the_difference(command: CommandLine, tmp_path: Path) -> None:
    assert "The same 7 lines." in command.done("bill", "rerate", BILL).out
    later_price(command, tmp_path)
    text = command.done("bill", "rerate", BILL).out
    assert "inputs that changed  tariff" in text
    assert "108.00" in text and "126.00" in text and "18.00" in text
    bad = command("bill", "rerate", BILL, "--as-known-at", "yesterday")
    assert bad.code == 2 and "expected a time, found `yesterday`" in bad.err


def test_before_anything_was_known_the_bill_has_no_lines(command: CommandLine) -> None:
    found = rerated(command, "--as-known-at", "2020-01-01")
    assert (found["new_minor"], found["parked"]) == (0, [])
    assert {line["new_minor"] for line in found["lines"]} == {None}
    assert found["changed_inputs"] == ["agreement", "tariff", "factor", "read"]
