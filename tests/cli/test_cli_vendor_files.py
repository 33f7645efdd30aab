"""A new vendor's file and a handheld's route, through the commands."""

from __future__ import annotations

from pathlib import Path

from books_by_hand import CommandLine, june_ready, write_file

MAPPING = """
minutes = 60
meter_point = { column = "Meter" }
channel = { constant = "E1" }
unit = { constant = "kWh" }
stamp = { column = "Ende", format = "%d.%m.%Y %H:%M", marks = "end", clock = "Australia/Brisbane" }
value = { column = "Wert", decimal_comma = true }
csv = { separator = ";" }
"""
# The last hour of July and the first of August, in Brisbane, by their ends.
USAGE = "Meter;Ende;Wert\nE1;01.08.2026 00:00;0,5\nE1;01.08.2026 01:00;0,75\n"


def test_a_vendors_file_is_inspected_and_landed_by_its_mapping(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    usage = write_file(tmp_path / "usage.csv", USAGE)
    mapping = write_file(tmp_path / "acme.toml", MAPPING)
    assert command("reads", "inspect", usage).code == 2  # no format knows it

    (shown,) = command.done("reads", "inspect", usage, "--mapping", mapping, "--json").json
    (channel,) = shown["channels"]
    assert (shown["format"], channel["meter_point"], channel["readings"], channel["total"]) == (
        "mapped",
        "E1",
        2,
        "1.25",
    )

    landed = command.done("reads", "land", usage, "--mapping", mapping, "--json").json
    assert landed["files"][0]["format"] == "mapped"
    assert landed["files"][0]["energy"] == "1.250 kWh"


def test_a_mapping_that_cannot_be_used_is_named_with_its_key(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    usage = write_file(tmp_path / "usage.csv", USAGE)
    wrong = write_file(tmp_path / "acme.toml", MAPPING.replace("minutes = 60", "minutes = 61"))
    ended = command("reads", "inspect", usage, "--mapping", wrong)
    assert ended.code == 2
    assert ended.err == (
        "error: mapping `acme.toml`: expected `minutes` one of 5, 10, 15, 30, 60, found 61\n"
        "hint: docs/mapping.md lists the keys\n"
    )
    assert "cannot be read" in command("reads", "inspect", usage, "--mapping", tmp_path / "none.toml").err


def test_a_route_goes_out_and_comes_back(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    sheet = tmp_path / "r1.txt"
    written = command.done("reads", "route", "out", sheet, "--route", "R1", "--date", "2026-08-01", "--json").json
    assert (written["records"], written["aside"]) == (2, [])
    records = sheet.read_text().splitlines()[1:-1]
    # The last readings of June: W1 has 20 m3 on its new meter since 16 June, W3 10 m3 (its reading of July is late).
    assert [(record[21:23], record[49:53].strip(), int(record[73:85])) for record in records] == [
        ("W1", "MW1B", 20),
        ("W3", "MW3", 10),
    ]

    # The handheld fills in: W1 was read, at W3 there was a dog.
    keys = [record[:71] for record in records]
    back = [f"{keys[0]}{65:012d}08010930K  ", f"{keys[1]}{'':12}08010935 02"]
    head = sheet.read_text().splitlines()[0]
    came = write_file(tmp_path / "r1.dat", "\r\n".join([head, *back, "TRL000002", ""]))
    landed = command("reads", "land", came, "--json")
    assert landed.code == 3
    (file,), (rejected,) = landed.json["files"], landed.json["rejected"]
    assert (file["format"], file["readings"]) == ("route", 1)
    assert (rejected["reason"], rejected["count"]) == ("not_read", 1)


def test_a_route_of_another_layout_comes_back_with_its_date(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    line = f"00000002{'W1':<15}{'W':<9}{'m3':<6}{'MW1B':<10}{'65':>10}0801{'R':<2}"
    came = write_file(tmp_path / "r1.dat", line + "\n")
    ended = command("reads", "route", "in", came, "--layout", "autoread")
    assert ended.code == 2
    landed = command.done("reads", "route", "in", came, "--layout", "autoread", "--date", "2026-08-01", "--json").json
    assert landed["files"][0]["readings"] == 1


def test_a_route_needs_a_route_or_a_cycle_and_a_layout_that_is_there(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    sheet = tmp_path / "r1.txt"
    ended = command("reads", "route", "out", sheet, "--date", "2026-08-01")
    assert (ended.code, ended.err) == (
        2, "error: neither a route nor a cycle is named\nhint: use --route or --cycle\n",
    )  # fmt: skip
    gone = command("reads", "route", "out", sheet, "--route", "R1", "--date", "2026-08-01", "--layout", tmp_path / "x")
    assert (gone.code, sheet.exists()) == (2, False)
    cycle = command.done("reads", "route", "out", sheet, "--cycle", "2026-07", "--date", "2026-08-01")
    assert cycle.out == f"{sheet}: 2 records\n"


def test_a_file_lands_again_by_a_mapping_that_was_mended(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    usage = write_file(tmp_path / "usage.csv", USAGE)
    wrong = write_file(tmp_path / "wrong.toml", MAPPING.replace("decimal_comma", "factor = 2, decimal_comma"))
    mended = write_file(tmp_path / "acme.toml", MAPPING)

    def landed(mapping: Path) -> tuple[str, int, str]:
        (file,) = command.done("reads", "land", usage, "--mapping", mapping, "--json").json["files"]
        return file["status"], file["load"], file["energy"]

    assert landed(wrong)[::2] == ("landed", "2.500 kWh")
    status, load, energy = landed(mended)
    assert (status, energy) == ("landed", "1.250 kWh")
    assert landed(mended) == ("already_landed", load, "")


FINE = "Meter Number,Reading Date," + ",".join(f"{n // 2:02}:{n % 2 * 30:02}" for n in range(48))


def test_values_finer_than_a_watt_hour_land_when_they_are_carried(tmp_path: Path) -> None:
    """48 half hours of 1.0004 kWh are 48.0192 kWh: 48.019 when the day is rounded once."""
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    points = {
        "premises.csv": "premise_id,branch_id,address,city,postcode\nP9,N,9 High Street,London,E1\n",
        "service_points.csv": "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
        "17,P9,electricity,Europe/London,R9,1\n",
        "channels.csv": "channel_id,service_point_id,suffix,measure,interval_minutes\n17/kWh,17,kWh,import_energy,30\n",
    }
    (tmp_path / "london").mkdir()
    command.done("accounts", "import", *[write_file(tmp_path / "london" / name, text) for name, text in points.items()])
    usage = write_file(tmp_path / "usage.csv", "\n".join([FINE, "17,2026-07-01," + ",".join(["1.0004"] * 48), ""]))
    refused = command("reads", "land", usage, "--json")
    assert (refused.code, refused.json["rejected"][0]["reason"]) == (3, "too_precise")
    landed = command.done("reads", "land", usage, "--carry", "--json").json
    assert (landed["files"][0]["status"], landed["files"][0]["energy"]) == ("landed", "48.019 kWh")


def test_a_route_that_nobody_walks_is_refused_and_no_file_is_written(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    sheet = tmp_path / "r9.txt"
    ended = command("reads", "route", "out", sheet, "--route", "R9", "--date", "2026-08-01")
    assert (ended.code, sheet.exists()) == (2, False)
    assert ended.err == "error: route `R9`: expected a route of the service points, found none\nhint: known are R1\n"
    early = command("reads", "route", "out", sheet, "--route", "R1", "--date", "2019-01-01")
    assert (early.code, sheet.exists()) == (2, False)
    assert early.err == (
        "error: expected registers to read on 2019-01-01, found none\n"
        "hint: check the day, and when meters and channels begin and end\n"
    )


def test_channels_that_nobody_knows_are_counted_with_what_to_do(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    strange = write_file(tmp_path / "usage.csv", USAGE.replace("E1;", "X1;"))
    ended = command("reads", "land", strange, "--mapping", write_file(tmp_path / "acme.toml", MAPPING))
    assert (ended.code, ended.err) == (
        3,
        "1 channel of the files is not known: add to channels.csv, billmill accounts import, "
        "then land the files again\n",
    )
