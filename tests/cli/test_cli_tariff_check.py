"""`billmill tariff check` and the worked bills that `tariff add` asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from books_by_hand import FLAT, CommandLine, write_file

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "tariffs"
# 100 x 0.30 = 30.00; 30 x 1.00 = 30.00; 10 % of 60.00 = 6.00.
JUNE = """
[[examples]]
name = "June, 100 kWh"
period = [2026-06-01, 2026-07-01]
usage = { kwh = 100 }
expect = { energy = 30.00, supply = 30.00, gst = 6.00, total = 66.00 }
source = "worked by hand"
"""


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "books")


def test_every_sample_holds_to_the_cent(command: CommandLine) -> None:
    # A rider's own bills are in the tariffs that attach it.
    files = [path for path in sorted(SAMPLES.glob("*.toml")) if path.stem != "green-energy"]
    reports = command.done("tariff", "check", *files, "--json").json
    assert [report["file"] for report in reports] == [path.name for path in files]
    assert all(report["holds"] and report["examples"] for report in reports), reports
    amounts = [amount for report in reports for example in report["examples"] for amount in example["amounts"]]
    assert all(amount["expected_minor"] is not None for amount in amounts), "an amount of a sample is not stated"


def test_a_bill_that_holds_is_shown_charge_by_charge(command: CommandLine, tmp_path: Path) -> None:
    out = command.done("tariff", "check", write_file(tmp_path / "flat.toml", FLAT + JUNE)).out
    assert out == (
        "flat.toml: tariff `flat`, 1 version, 1 example: all hold\n"
        "  June, 100 kWh: holds\n"
        "    2026-06-01 to 2026-07-01, worked by hand\n"
        "    charge  expected  found  apart\n"
        "    energy     30.00  30.00\n"
        "    supply     30.00  30.00\n"
        "    gst         6.00   6.00\n"
        "    total      66.00  66.00\n"
    )


def test_a_cent_is_apart(command: CommandLine, tmp_path: Path) -> None:
    wrong = write_file(tmp_path / "flat.toml", FLAT + JUNE.replace("energy = 30.00", "energy = 30.01"))
    ended = command("tariff", "check", wrong)
    assert ended.code == 2 and "1 of 1 files" in ended.err
    assert "    energy     30.01  30.00  -0.01\n" in ended.out
    assert "1 example: 1 do not hold" in ended.out


def test_one_file_of_several_fails_and_all_are_told(command: CommandLine, tmp_path: Path) -> None:
    good = write_file(tmp_path / "good.toml", FLAT + JUNE)
    broken = write_file(tmp_path / "broken.toml", FLAT.replace("price = 0.30", "prise = 0.30"))
    ended = command("tariff", "check", broken, tmp_path / "none.toml", good, "--json")
    assert ended.code == 2
    assert [report["holds"] for report in ended.json] == [False, False, True]
    assert "expected no key `prise`" in ended.json[0]["problem"] and "none.toml" in ended.json[1]["problem"]


def test_a_tariff_without_examples_can_be_used(command: CommandLine, tmp_path: Path) -> None:
    out = command.done("tariff", "check", write_file(tmp_path / "flat.toml", FLAT)).out
    assert out == "flat.toml: tariff `flat`, 1 version, 0 examples: nothing was worked out\n"


def test_a_charge_that_is_not_stated_is_shown_and_the_total_still_judged(command: CommandLine, tmp_path: Path) -> None:
    text = FLAT + JUNE.replace("energy = 30.00, supply = 30.00, gst = 6.00, ", "")
    report = command.done("tariff", "check", write_file(tmp_path / "flat.toml", text), "--json").json[0]
    amounts = {row["charge"]: (row["expected_minor"], row["found_minor"]) for row in report["examples"][0]["amounts"]}
    assert amounts == {"energy": (None, 3000), "supply": (None, 3000), "gst": (None, 600), "total": (6600, 6600)}


def test_a_tariff_is_added_only_when_its_examples_hold(command: CommandLine, tmp_path: Path) -> None:
    command.done("init", tmp_path / "books")
    path = write_file(tmp_path / "flat.toml", FLAT + JUNE.replace("total = 66.00", "total = 66.01"))
    ended = command("tariff", "add", path)
    assert ended.code == 2
    told = "tariff `flat`: example `June, 100 kWh`: charge `total`: expected 66.01, found 66.00"
    assert told in ended.err and "at flat.toml, examples[0].expect.total" in ended.err and "hint:" in ended.err
    assert command.done("tariff", "list", "--json").json == []
    write_file(path, FLAT + JUNE)
    command.done("tariff", "add", path)
    assert [row["tariff_id"] for row in command.done("tariff", "list", "--json").json] == ["flat"]
