"""Riders through the commands: added, approved and billed with their tariffs; who is parked while one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from books_by_hand import (
    ACCOUNTS,
    FLAT,
    JULY,
    JUNE,
    LONG_HEADER,
    CommandLine,
    bill,
    hourly,
    write_accounts,
    write_file,
)

WITH_FUEL = FLAT.replace('currency = "AUD"', 'currency = "AUD"\nriders = "fuel"').replace(
    'of = ["energy", "supply"]', 'of = ["energy", "supply", "taxable"]'
)
FUEL = """rider = true
tariff = "fuel"
title = "Fuel adjustment"
currency = "AUD"
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
[attributes]
on_fuel = { default = 1 }
[[versions]]
valid_from = 2026-06-16
source = "Order 7"
[versions.charges.fuel]
of = "kwh"
price = 0.05
when = "on_fuel == 1"
tags = ["taxable"]
text = "Fuel adjustment"
"""
# 30 days, 360 kWh, the last 15 days with the rider: 108.00 + 30.00 + 180 x 0.05 = 9.00; GST 10 % of 147.00.
EXAMPLE = """
[[examples]]
name = "June, 360 kWh"
period = [2026-06-01, 2026-07-01]
usage = { kwh = 360 }
expect = { energy = 108.00, fuel = 9.00, gst = 14.70, total = 161.70 }
source = "worked by hand"
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    kept = [line for line in ACCOUNTS["agreements.csv"].splitlines(keepends=True) if ",water," not in line]
    monkeypatch.setitem(ACCOUNTS, "agreements.csv", "".join(kept))
    command = CommandLine(tmp_path / "books")
    command.done("init", command.workspace, "--by", "ops")
    return command


def flat(folder: Path, text: str = WITH_FUEL + EXAMPLE) -> Path:
    return write_file(folder / "flat.toml", text)


def fuel(folder: Path, text: str = FUEL) -> Path:
    return write_file(folder / "fuel.toml", text)


def billed(command: CommandLine, folder: Path) -> dict[str, str]:
    """Bill June of E1 and E2; return the details of who is parked for a missing tariff version, by agreement."""
    command.done("accounts", "import", write_accounts(folder / "accounts"), "--all-or-nothing")
    reads = LONG_HEADER + hourly("E1", JUNE, JULY, "0.500") + hourly("E2", JUNE, JULY, "0.250")
    command.done("reads", "land", write_file(folder / "june.csv", reads))
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)
    bill(command, "2026-06", "2026-07-02")
    rows = command.done(
        "query", "SELECT agreement_id, detail FROM parked WHERE reason = 'no_tariff_version'", "--format", "json"
    ).json
    return {row["agreement_id"]: row["detail"] for row in rows}


def amounts(command: CommandLine, agreement: str) -> list[tuple[str, int]]:
    sql = (
        f"SELECT component_id, sum(amount_minor)::BIGINT AS minor FROM bill_lines WHERE agreement_id = '{agreement}' "
        "GROUP BY component_id ORDER BY min(line_no)"
    )
    return [(row["component_id"], row["minor"]) for row in command.done("query", sql, "--format", "json").json]


def test_a_rider_is_billed_from_its_day_in_the_middle_of_a_cycle_and_only_to_who_takes_part(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A2 opted out; it moved in on 11 June: 20 days, 120 kWh of 0.250 an hour.
    attributes = "agreement_id,name,value,valid_from,valid_to\nS3,on_fuel,0,2026-06-11,\n"
    monkeypatch.setitem(ACCOUNTS, "agreement_attributes.csv", attributes)
    command.done("tariff", "add", flat(tmp_path), fuel(tmp_path), "--by", "ana")
    command.done("tariff", "approve", "--all", "--by", "mira")
    assert billed(command, tmp_path) == {}
    # 360 x 0.30; 30 x 1.00; 180 x 0.05; 10 % of 147.00
    assert amounts(command, "S1") == [("energy", 108_00), ("supply", 30_00), ("fuel", 9_00), ("gst", 14_70)]
    # 120 x 0.30; 20 x 1.00; 10 % of 56.00
    assert amounts(command, "S3") == [("energy", 36_00), ("supply", 20_00), ("gst", 5_60)]


def test_a_tariff_whose_rider_is_not_approved_parks_its_accounts(command: CommandLine, tmp_path: Path) -> None:
    command.done("tariff", "add", flat(tmp_path), fuel(tmp_path), "--by", "ana")
    approved = command.done("tariff", "approve", "flat", "--by", "mira")
    assert approved.err == (
        "warning: tariff `flat`: rider `fuel` is not approved; who is billed by the tariff is parked until it is\n"
    )
    parked = billed(command, tmp_path)
    assert parked["S1"].endswith("; rider `fuel` is not approved: billmill tariff approve fuel")
    assert parked.keys() == {"S1", "S3"}


def test_an_agreement_on_a_rider_is_parked(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreements = ACCOUNTS["agreements.csv"].replace("S3,A2,E2,flat", "S3,A2,E2,fuel")
    monkeypatch.setitem(ACCOUNTS, "agreements.csv", agreements)
    command.done("tariff", "add", flat(tmp_path), fuel(tmp_path), "--by", "ana")
    command.done("tariff", "approve", "--all", "--by", "mira")
    parked = billed(command, tmp_path)
    assert parked["S3"].endswith("; it is a rider: tariffs attach it, and nobody is billed by it alone")
    assert parked.keys() == {"S3"}


def test_a_tariff_is_refused_without_its_rider_and_a_rider_that_breaks_a_worked_bill(
    command: CommandLine, tmp_path: Path
) -> None:
    refused = command("tariff", "add", flat(tmp_path), "--by", "ana")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: tariff `flat`: expected rider `fuel`, found none of that name\n  at flat.toml, riders\n"
        "hint: give the rider's file too\n"
    )
    command.done("tariff", "add", fuel(tmp_path), "--by", "ana")
    command.done("tariff", "add", flat(tmp_path), "--by", "ana")
    dearer = command("tariff", "add", fuel(tmp_path, FUEL.replace("0.05", "0.06")), "--by", "ana")
    assert dearer.code == 2
    assert "tariff `flat`: example `June, 360 kWh`: charge `fuel`: expected 9.00, found 10.80" in dearer.err
    other_unit = command("tariff", "add", fuel(tmp_path, FUEL.replace('"kWh"', '"MWh"')), "--by", "ana")
    assert (
        other_unit.code == 2 and "expected quantity `kwh` to be the same in the tariff and in rider" in other_unit.err
    )
    listed = command.done("tariff", "list", "--json").json
    assert [(row["tariff_id"], row["commodity"]) for row in listed] == [("flat", "electricity"), ("fuel", None)]


def test_check_finds_a_rider_in_the_workspace(command: CommandLine, tmp_path: Path) -> None:
    command.done("tariff", "add", fuel(tmp_path), "--by", "ana")
    (tmp_path / "fuel.toml").unlink()
    assert "all hold" in command.done("tariff", "check", flat(tmp_path)).out
    elsewhere = command("tariff", "check", flat(tmp_path), "--workspace", tmp_path)
    assert elsewhere.code == 2 and "expected rider `fuel`" in elsewhere.out


def test_another_price_of_a_rider_is_a_draft_until_it_is_approved(command: CommandLine, tmp_path: Path) -> None:
    command.done("tariff", "add", flat(tmp_path, WITH_FUEL), fuel(tmp_path), "--by", "ana")
    command.done("tariff", "approve", "--all", "--without-examples", "the story works them out", "--by", "mira")
    command.done("tariff", "add", fuel(tmp_path, FUEL.replace("0.05", "0.50")), "--by", "ana")
    assert billed(command, tmp_path) == {}
    assert ("fuel", 9_00) in amounts(command, "S1")
    # What a draft of the tariff would change is rated with the rider in force: 161.70 and 120 x 0.30 + 20 + 90 x 0.05,
    # with GST 66.55; 0.01 more a kWh of 480 kWh, with GST, is 5.28.
    command.done("tariff", "add", flat(tmp_path, WITH_FUEL.replace("0.30", "0.31")), "--by", "ana")
    impact = command.done("tariff", "diff", "flat", "--impact", "--cycle", "2026-06", "--json").json
    assert all(str(minor) in str(impact) for minor in (228_25, 233_53)), impact


def test_a_quote_prices_a_tariff_with_its_riders_and_no_rider_alone(command: CommandLine, tmp_path: Path) -> None:
    reads = write_file(tmp_path / "june.csv", LONG_HEADER + hourly("E1", JUNE, JULY, "0.500"))
    fuel(tmp_path)
    quoted = command.done("tariff", "quote", flat(tmp_path), "--reads", reads, "--json").json
    assert "16170" in str(quoted), quoted  # 161.70, as in the worked bill
    alone = command("tariff", "quote", fuel(tmp_path), "--reads", reads)
    assert alone.code == 2 and "expected a tariff, found rider `fuel`" in alone.err
