"""`billmill tariff import-urdb`: the sample records become files that pass `tariff check` and bill what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from books_by_hand import CommandLine, write_file

RECORDS = Path(__file__).parents[2] / "data" / "samples" / "urdb" / "records.json"
# August has 31 days. 1200 kWh: 500 x 0.098 = 49.00; 500 x 0.112 = 56.00; 200 x 0.131 = 26.20; fixed 11.25.
AUGUST = """
[[examples]]
name = "August, 1200 kWh"
period = [2026-08-01, 2026-09-01]
usage = { kwh = 1200 }
expect = { energy = 131.20, fixed = 11.25, total = 142.45 }
source = "worked by hand"
"""


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "books")


def test_records_become_files_that_can_be_checked(command: CommandLine, tmp_path: Path) -> None:
    out = tmp_path / "tariffs"
    ended = command.done("tariff", "import-urdb", RECORDS, "--out", out, "--timezone", "America/Chicago")
    assert ended.out.endswith("2 of 2 records became tariff files, 0 were refused\n")
    files = sorted(out.iterdir())
    assert [path.name for path in files] == [
        "urdb-000000000000000000000001.toml",
        "urdb-000000000000000000000002.toml",
    ]
    command.done("tariff", "check", *files)
    worked = write_file(tmp_path / "worked.toml", files[1].read_text() + AUGUST)
    assert "all hold" in command.done("tariff", "check", worked).out


def test_without_a_folder_the_file_is_printed_and_the_talk_is_apart(command: CommandLine, tmp_path: Path) -> None:
    ended = command.done("tariff", "import-urdb", RECORDS, "--rate", "000000000000000000000002")
    assert 'timezone  = "America/New_York"   # the record does not say: check it' in ended.out
    assert "1 of 1 records became tariff files" in ended.err
    command.done("tariff", "check", write_file(tmp_path / "printed.toml", ended.out))


def test_refused_records_are_told_by_exit_code_and_json(command: CommandLine, tmp_path: Path) -> None:
    good = json.loads(RECORDS.read_text())["items"][1]
    bad = good | {"label": "bad", "fixedchargeunits": "$/week"}
    path = tmp_path / "records.json"
    write_file(path, json.dumps([good, bad]))
    ended = command("tariff", "import-urdb", path, "--json")
    assert ended.code == 3
    assert [record["refusals"] for record in ended.json] == [
        [],
        [{"tag": "unknown_fixed_unit", "key": "fixedchargeunits", "expected": "one of $/month, $/day, $/year",
          "found": "`$/week`"}],
    ]  # fmt: skip
    write_file(path, json.dumps([bad]))
    assert command("tariff", "import-urdb", path).code == 2
