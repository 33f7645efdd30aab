"""What `reads inspect` says of files made by hand."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from meter_files import nem12, nem12_day

import cli
from ingest.describe.facts import FileFacts, describe
from ingest.formats.detect import read_files
from outputs.next_steps import NEXT_STEPS

LONG = "meter_point,channel,unit,start,value,quality"
REGISTERS = "meter_point,channel,meter,unit,read_date,reading,kind,quality"


def facts(text: str | bytes, name: str = "f.csv") -> FileFacts:
    found = [describe(records) for records in read_files(name, text if isinstance(text, bytes) else text.encode())]
    assert len(found) == 1
    return found[0]


def test_days_that_come_twice_and_units_that_nobody_bills_are_counted() -> None:
    text = nem12(
        "200,N,V1,1,V1,N1,M,V,30,",
        nem12_day(values=["240.1"] * 48),
        nem12_day(values=["0.000000001"] * 48, tail="V,,,,"),
        "400,1,24,N,,",
        "400,25,48,S14,32,",
    )
    (channel,) = facts(text).channels
    assert (channel.readings, channel.total, channel.unit) == (96, "11524.800000048", "V")  # 48 x 240.1 + 48e-9
    assert channel.quality == {"actual": 48, "substituted": 24, "missing": 24}
    assert channel.codes == {"A": 48, "V": 48}
    assert (channel.first, channel.last) == ("2024-10-01T00:00:00", "2024-10-02T00:00:00")


def test_instants_are_told_in_utc_and_their_length_is_the_shortest_step() -> None:
    rows = [
        f"N,E1,kWh,2026-07-01T0{hour}:00:00+10:00,{value}" for hour, value in ((0, "1.25,A"), (1, ",E"), (3, "x,A"))
    ]
    found = facts("\n".join([LONG, *rows, "N,E1,kWh,2026-07-01T05:00:00+10:00,2,?"]))
    (channel,) = found.channels
    assert (channel.readings, channel.total, channel.interval_minutes) == (3, "3.25", 60)
    assert (channel.first, channel.last) == ("2026-06-30T14:00:00Z", "2026-06-30T20:00:00Z")
    assert channel.quality == {"actual": 1, "missing": 1, "unknown": 1}
    assert found.rejects.select("line", "reason").rows() == [(4, "bad_number")]


@pytest.mark.parametrize(("width", "minutes"), [(24, 60), (48, 30), (92, 15), (100, 15), (288, 5)])
def test_a_wide_file_of_whole_days_shows_its_interval_length(width: int, minutes: int) -> None:
    columns = 1500 // minutes
    header = "meter_point,channel,unit,date,quality," + ",".join(f"v{number}" for number in range(1, columns + 1))
    cells = ",".join(["0.1"] * width + [""] * (columns - width))
    (channel,) = facts(f"{header}\nN,E1,kWh,2026-07-01,A,{cells}").channels
    assert (channel.readings, channel.interval_minutes) == (width, minutes)


def test_register_readings_are_added_up_where_no_quantity_is_stated() -> None:
    rows = ["W,R,M1,kL,2026-10-01,5.5,regular,A", "W,R,M1,kL,2026-11-01,7,estimate,"]
    (channel,) = facts("\n".join([REGISTERS, *rows])).channels
    assert (channel.readings, channel.total, channel.interval_minutes) == (2, "12.5", 0)
    assert channel.quality == {"actual": 1, "estimated": 1}


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.app(["reads", "inspect", *arguments])
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def test_the_command_tells_each_file_and_ends_by_what_could_be_used(tmp_path: Path) -> None:
    good, page, missing = tmp_path / "good.gz", tmp_path / "page.csv", tmp_path / "missing.csv"
    good.write_bytes(gzip.compress(nem12("200,N,E1,1,E1,N1,M,kWh,30,", nem12_day()).encode()))
    page.write_text("<!doctype html><p>Sign in")
    code, out, _ = command(str(good), "--json")
    (told,) = json.loads(out)
    assert (code, told["format"], told["file"]) == (0, "nem12", str(good))
    assert told["channels"] == [
        {
            "meter_point": "N", "channel": "E1", "unit": "kWh", "interval_minutes": 30, "readings": 48, "total": "48",
            "first": "2024-10-01T00:00:00", "last": "2024-10-02T00:00:00", "quality": {"actual": 48},
            "codes": {"A": 48}, "raw_total": "48", "power_of_ten": 0,
        }
    ]  # fmt: skip
    code, out, _ = command(str(good), str(page), str(missing))
    assert code == 3
    assert "good.gz: nem12, 1 channel, 48 readings" in out
    assert "html_page" in out
    assert command(str(page), str(missing))[0] == 2


def test_a_file_that_cannot_be_used_is_told_with_what_was_found_and_what_to_do(tmp_path: Path) -> None:
    strange, page = tmp_path / "strange.csv", tmp_path / "page.csv"
    strange.write_text("start,value\n2026-10-01,1\n")
    page.write_text("<!doctype html><p>Sign in")
    code, out, err = command(str(strange), str(page))
    assert (code, out) == (
        2,
        f"{strange}: cannot be used\n"
        "expected a format of docs/formats.md, found `start,value` in line 1 (unknown_format)\n"
        "hint: say in a mapping file which columns hold what: docs/mapping.md, then add --mapping FILE.toml\n\n"
        f"{page}: cannot be used\n"
        "expected meter reads, found a web page: the download was answered with a message or a sign-in form "
        "(html_page)\n"
        "hint: fetch it again, signed in; what came is the message of the site\n",
    )
    assert err == ("0 of 2 files can be used: 0 readings, 0 lines to look at\nerror: no file could be used\n")


def test_each_reason_for_which_a_whole_file_is_refused_has_a_next_step() -> None:
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    whole = text.split("has one reject, at line 0: ")[1].split("All other rejects")[0]
    named = set(re.findall(r"`([a-z_]+)`", whole)) - {"bad_xml", "bad_interchange"}  # these speak for themselves
    assert len(named) >= 7 and named <= set(NEXT_STEPS)
