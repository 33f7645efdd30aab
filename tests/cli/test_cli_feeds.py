"""A tariff with critical peaks, market prices and a levy by area, billed through the commands and rated again.

E1 uses 0.5 kWh in each hour of June: 360 kWh. An event of two hours takes 1 kWh: 1 x 1.00 and 359 x 0.20 = 71.80. The
market price is 0.05 in 719 hours and -1.00 in one: 719 x 0.5 x 0.05 - 0.5 x 1.00 = 17.475. The levy is 360 x 0.01.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import CommandLine, add_tariffs, bill, june_ready, write_file

from store.audit import broken_entries
from store.control import control, query
from store.workspace import open_workspace

MARKET = """tariff = "flat"
title = "Market"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Brisbane"
rounding = { line = "half_up 0.01" }
[windows]
critical = { event = "peaks" }
normal = { else = "critical" }
[attributes]
area = { values = ["north", "south"], default = "north" }
[factors]
levy_rate = { series = "levy", by = "area" }
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
cost = { measure = "import_energy", agg = "cost", series = "spot", unit = "kWh" }
[[versions]]
valid_from = 2020-01-01
source = "price sheet of the story"
[versions.charges.energy]
of = "kwh"
by = "tou"
price = { critical = 1.00, normal = 0.20 }
[versions.charges.market]
of = "cost"
price = 1
[versions.charges.levy]
amount = "kwh * levy_rate"
"""
EVENTS = (
    "event_series,start,end,source,zone\n"
    "peaks,2026-06-10T16:00,2026-06-10T18:00,notice 1,Australia/Brisbane\n"
    "peaks,2026-06-10T17:00+10:00,2026-06-10T19:00+10:00,notice 2,\n"
)
FACTORS = (
    "factor_id,valid_from,valid_to,value,source\nlevy.north,2026-01-01,,0.01,sheet\nlevy.south,2026-01-01,,9,sheet\n"
)
BILL = "A1.2026-06.r0"


def prices(start: str, count: int, **at: str) -> str:
    first = datetime.fromisoformat(start)
    hours = [(first + timedelta(hours=number)).isoformat() for number in range(count)]
    rows = [f"spot,{hour},{at.get(hour[5:13].replace('-', '').replace('T', 'h'), '0.05')},exchange" for hour in hours]
    return "series_id,start,value,source\n" + "\n".join(rows) + "\n"


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    return command


def charges(lines: Any) -> dict[str, int]:
    return {
        f"{line['component_id']}.{line['tou']}": line["old_minor"] for line in lines if line["agreement_id"] == "S1"
    }


def rerated(command: CommandLine) -> Any:
    return command.done("bill", "rerate", BILL, "--json").json


def test_events_prices_and_factors_by_text_reach_the_bill_and_corrections_are_told(
    command: CommandLine, tmp_path: Path
) -> None:
    sheet = write_file(tmp_path / "market.toml", MARKET)
    added = command.done("tariff", "add", sheet, "--by", "ops", "--json").json[0]["warnings"]
    assert added.split("; ") == [
        "tariff `flat`: factor `levy.north` has no values yet", "add them before the first bill",
        "tariff `flat`: factor `levy.south` has no values yet", "add them before the first bill",
        "tariff `flat`: event series `peaks` was never added", "bills count no events of it",
        "tariff `flat`: price series `spot` was never added", "who is billed for a day without its prices is parked",
    ]  # fmt: skip
    events = command("tariff", "event", "add", write_file(tmp_path / "events.csv", EVENTS), "--json", "--by", "ops")
    assert (events.code, events.json["new"]) == (3, 0)
    assert [row["reason"] for row in events.json["rejects"]] == ["overlap", "overlap"]
    once = EVENTS.rsplit("\n", 2)[0] + "\n"
    done = command.done("tariff", "event", "add", write_file(tmp_path / "events.csv", once), "--json", "--by", "ops")
    assert done.json["new"] == 1
    spot = write_file(tmp_path / "spot.csv", prices("2026-06-01T00:00:00+10:00", 720, **{"0615h12": "-1.00"}))
    assert command.done("tariff", "series", "add", spot, "--json", "--by", "ops").json["new"] == 720
    command.done("tariff", "factor", "add", write_file(tmp_path / "factors.csv", FACTORS), "--by", "ops")
    assert not command.done("tariff", "add", sheet, "--by", "ops", "--json").json[0]["warnings"]
    add_tariffs(command, sheet)
    bill(command, "2026-06", "2026-07-02")
    same = rerated(command)
    assert same["same"] and same["reproduced"] and same["changed_inputs"] == []
    assert charges(same["lines"]) == {
        "energy.critical": 100, "energy.normal": 7_180, "market.": 1_748, "levy.": 360,
    }  # fmt: skip
    load = ("--reads", tmp_path / "june.csv", "--meter-point", "E1", "--zone", "Australia/Brisbane")
    assert command.done("tariff", "quote", "flat", *load, "--json").json["total_minor"] == 9_388
    # The levy of the south is 9 a kWh: 3,240.00 instead of 3.60.
    south = command.done("tariff", "quote", "flat", *load, "--attribute", "area=south", "--json").json
    assert south["total_minor"] == 9_388 - 360 + 324_000
    correction = prices("2026-06-15T12:00:00+10:00", 2, **{"0615h12": "-2.00"})
    off = "event_series,start,end,source\npeaks,2026-06-10T06:00Z,cancelled,notice 3\n"
    command.done("tariff", "series", "add", write_file(tmp_path / "spot.csv", correction), "--by", "ops")
    command.done("tariff", "event", "add", write_file(tmp_path / "off.csv", off), "--by", "ops")
    corrected = rerated(command)
    assert corrected["changed_inputs"] == ["event", "price"]
    # 719 x 0.5 x 0.05 - 0.5 x 2.00 = 16.975; without the event 360 x 0.20.
    told = {
        f"{line['component_id']}.{line['tou']}": (line["old_minor"], line["new_minor"], line["cause"])
        for line in corrected["lines"]
        if line["old_minor"] != line["new_minor"]
    }
    assert told == {
        "energy.critical": (100, None, "event"), "energy.normal": (7_180, 7_200, "event"),
        "market.": (1_748, 1_698, "price"),
    }  # fmt: skip


def test_a_day_without_prices_parks_who_is_billed_by_them(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, write_file(tmp_path / "market.toml", MARKET))
    spot = write_file(tmp_path / "spot.csv", prices("2026-06-01T00:00:00+10:00", 719))
    command.done("tariff", "series", "add", spot)
    command.done("tariff", "factor", "add", write_file(tmp_path / "factors.csv", FACTORS))
    bill(command, "2026-06", "2026-07-02")
    asked = "SELECT agreement_id, detail FROM parked WHERE reason = 'no_factor'"
    told = {row["agreement_id"]: row["detail"] for row in command.done("query", asked, "--format", "json").json}
    assert told["S1"] == "price series spot is not whole on 1 days, the first is 2026-06-30"


def test_what_was_added_is_listed_and_audited(command: CommandLine, tmp_path: Path) -> None:
    assert command.done("tariff", "event", "list").out == "no events\n"
    assert command.done("tariff", "series", "list").out == "no price series\n"
    once = write_file(tmp_path / "events.csv", EVENTS.rsplit("\n", 2)[0] + "\n")
    spot = write_file(tmp_path / "spot.csv", prices("2026-06-01T00:00:00+10:00", 48))
    for _ in range(2):
        command.done("tariff", "event", "add", once, "--by", "ana")
        command.done("tariff", "series", "add", spot, "--by", "ana")
    (events,) = command.done("tariff", "event", "list", "--json").json
    assert (events["event_series"], events["events"], events["called_off"]) == ("peaks", 1, 0)
    (listed,) = command.done("tariff", "series", "list", "--json").json
    assert (listed["series_id"], listed["interval_minutes"], listed["prices"]) == ("spot", 60, 48)
    with control(open_workspace(command.workspace), purpose="test") as connection:
        audit = query(connection, "SELECT actor, action, subject, detail FROM audit WHERE actor = 'ana'").rows()
        assert broken_entries(connection) == []
    assert audit == [
        ("ana", "add_events", "events.csv", "1 new, 0 changed, 0 same, 0 rejected"),
        ("ana", "add_prices", "spot.csv", "48 new, 0 changed, 0 same, 0 rejected"),
    ]
