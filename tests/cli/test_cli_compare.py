"""`billmill tariff compare`: tariffs ranked by what a load or an account's reads cost."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import FLAT, JULY, JUNE, WATER, CommandLine, add_tariffs, june_ready, write_file
from loads_by_hand import write_curve

# 0.20 a kWh and 2.00 a day: 360 kWh in June are 72.00, 60.00, tax 13.20.
CHEAP_ENERGY = FLAT.replace('"flat"', '"steady"').replace("0.30", "0.20").replace("1.00", "2.00")
# 0.40 a kWh and nothing a day: 144.00, tax 14.40.
NO_SUPPLY = FLAT.replace('"flat"', '"free-supply"').replace("0.30", "0.40").replace("price = 1.00", "price = 0")
DOLLARS = FLAT.replace('"flat"', '"dollars"').replace("AUD", "USD")
ASKING = FLAT.replace('"flat"', '"asking"').replace("[[versions]]", "[attributes]\nunits = {}\n[[versions]]").replace(
    'per = "day"\nprice = 1.00', 'per = "day"\ntimes = "units"\nprice = 1.00'
)  # fmt: skip


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    add_tariffs(command, write_file(folder / "steady.toml", CHEAP_ENERGY))
    return folder / "books"


@pytest.fixture
def books(ready: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(ready, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def totals(told: Any) -> list[tuple[str, str, str]]:
    return [(row["tariff"], row["total"], row["difference"]) for row in told["ranked"]]


def test_tariffs_are_ranked_and_those_that_cannot_be_say_why(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "nowhere")
    texts = {"flat": FLAT, "steady": CHEAP_ENERGY, "free": NO_SUPPLY, "usd": DOLLARS, "water": WATER, "ask": ASKING}
    files = [write_file(tmp_path / f"{name}.toml", text) for name, text in texts.items()]
    reads = write_curve(tmp_path / "house.csv", JUNE, JULY, "0.5")
    told = command.done("tariff", "compare", *files, "--reads", reads, "--json").json
    assert totals(told) == [
        ("steady", "145.20", "0.00"),
        ("flat", "151.80", "6.60"),
        ("free-supply", "158.40", "13.20"),
    ]
    assert told["against"] == {"tariff": "steady", "is_present": False}
    charges = {charge["charge"]: charge["amount"] for charge in told["ranked"][0]["charges"]}
    assert charges == {"energy": "72.00", "supply": "60.00", "gst": "13.20"}
    reasons = {row["tariff"]: row["reason"] for row in told["not_ranked"]}
    assert reasons == {"dollars": "other_currency", "water": "other_commodity", "asking": "attribute_missing"}
    # Two dwellings: 108.00, 60.00, tax 16.80.
    told = command.done("tariff", "compare", *files, "--reads", reads, "--attribute", "units=2", "--json").json
    assert totals(told)[-1] == ("asking", "184.80", "39.60")
    assert "other_commodity" in command.done("tariff", "compare", *files, "--reads", reads).out


def test_a_new_file_stands_beside_what_is_approved(books: CommandLine, tmp_path: Path) -> None:
    dearer = write_file(tmp_path / "new.toml", FLAT.replace("0.30", "0.35"))
    reads = write_curve(tmp_path / "house.csv", JUNE, JULY, "0.5")
    # 126.00, 30.00, tax 15.60.
    told = books.done("tariff", "compare", "flat", dearer, "--reads", reads, "--json").json
    assert totals(told) == [("flat", "151.80", "0.00"), ("flat (new.toml)", "171.60", "19.80")]


def test_an_account_is_compared_with_its_present_tariff(books: CommandLine) -> None:
    told = books.done("tariff", "compare", "--all", "--account", "S1", "--from", JUNE, "--to", JULY, "--json").json
    assert totals(told) == [("steady", "145.20", "-6.60"), ("flat", "151.80", "0.00")]
    assert told["against"] == {"tariff": "flat", "is_present": True}
    assert told["account"] == {"account": "A1", "agreement": "S1"}
    assert [row["tariff"] for row in told["not_ranked"]] == ["water"]
    assert "present" in books.done("tariff", "compare", "--all", "--account", "S1", "--from", JUNE, "--to", JULY).out


@pytest.mark.parametrize("days", [(), ("--from", JUNE)])
def test_days_of_an_account_are_those_that_have_reads(books: CommandLine, days: tuple[object, ...]) -> None:
    # A2 moved in on 11 June: 20 days x 6 kWh = 120 kWh: 36.00 and 20.00, tax 5.60, 61.60.
    told = books.done("tariff", "compare", "flat", "--account", "A2", *days, "--to", JULY, "--json").json
    assert (told["from"], told["to"], totals(told)) == ("2026-06-11", "2026-07-01", [("flat", "61.60", "0.00")])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--all"], "expected either --reads or --account"),
        (["--account", "A2"], "expected tariffs to compare, or --all"),
        (["--all", "--account", "A1"], "expected one place that is supplied, found agreements S1 (flat), S2 (water)"),
        (["--all", "--account", "A9"], "expected an account or agreement that has begun, found none"),
        (["--all", "--account", "A2", "--zone", "UTC"], "are of --reads, not of --account"),
        (["--all", "--account", "S1", "--to", "2026-02-01"], "expected reads from 2025-02-01"),
        (["nothing", "--account", "A2", "--from", "2026-06-01", "--to", "2026-07-01"], "tariff `nothing`: expected"),
        (["--all", "--reads", "house.csv", "--commodity", "steam"], "option --commodity: expected one of electricity"),
    ],
)
def test_what_cannot_be_compared_says_why(books: CommandLine, words: list[str], message: str) -> None:
    ended = books("tariff", "compare", *words)
    assert (ended.code, message in ended.err) == (2, True), ended


def test_a_commodity_chooses_among_all_tariffs(books: CommandLine, tmp_path: Path) -> None:
    header = "meter_point,channel,meter,unit,read_date,reading,kind,quality\n"
    text = header + "W1,W,M,m3,2026-06-01,100.000,regular,A\nW1,W,M,m3,2026-07-01,150.000,regular,A\n"
    reads = write_file(tmp_path / "water.csv", text)
    told = books.done("tariff", "compare", "--all", "--reads", reads, "--commodity", "water", "--json").json
    assert totals(told) == [("water", "113.30", "0.00")]
    assert date.fromisoformat(told["from"]) == JUNE
