"""Events from the command to the lines of the bill, each worked by hand."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from books_by_hand import LONG_HEADER, CommandLine, write_file
from events_by_hand import (
    books,
    days,
    event,
    half_hours,
    lines_of,
    parked_of,
    published,
    reads,
    staged,
)

from model.control import ReversedBills
from store.control import control, insert
from store.workspace import open_workspace

JUNE, MID, JULY, AUGUST = date(2026, 6, 1), date(2026, 6, 16), date(2026, 7, 1), date(2026, 8, 1)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    books(CommandLine(folder / "books"), folder / "files")
    return folder / "books"


@pytest.fixture
def command(ready: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(ready, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def test_a_move_in_begins_in_the_middle_of_the_period(command: CommandLine, tmp_path: Path) -> None:
    event(command, "move_in", "2026-06-16", point="G2", account="A2", tariff="home", reading=560)
    reads(command, tmp_path, "july.csv", "G2,1,M2,kWh,2026-07-01,650,regular,A\n")
    run = staged(command, "2026-06", "2026-07-02")
    new = "G2-20260616"
    # 650 - 560 = 90 kWh x 0.30; 15 days x 1.00; GST on 42.00. The 60 kWh before are nobody's.
    assert [line for line in lines_of(command, run) if line[0] == new] == [
        (new, "energy", MID, JULY, 90_000, 2700),
        (new, "supply", MID, JULY, 15, 1500),
        (new, "gst", MID, JULY, 4200, 420),
    ]


def test_a_final_bill_comes_at_once_and_the_cycle_leaves_its_days_out(command: CommandLine, tmp_path: Path) -> None:
    event(command, "move_out", "2026-06-16", agreement="S1", reading=1450)
    planned = command.done("bill", "final", "S1", "--business-date", "2026-06-17", "--json").json
    run = planned["run_id"]
    assert run.startswith("final-2026-06-20260617-1-")
    command.done("cycle", "run", run, "--workers", 1)
    # 1450 - 1300 = 150 kWh; 15 days; GST on 60.00
    expected = [
        ("S1", "energy", JUNE, MID, 150_000, 4500),
        ("S1", "supply", JUNE, MID, 15, 1500),
        ("S1", "gst", JUNE, MID, 6000, 600),
    ]
    assert lines_of(command, run) == expected
    published(command, run)
    refused = command("cycle", "plan", "2026-06", "--business-date", "2026-07-02")
    assert refused.code == 2 and "nothing is due" in refused.err


def test_an_agreement_that_goes_on_gets_no_final_bill(command: CommandLine) -> None:
    refused = command("bill", "final", "S1", "--business-date", "2026-06-17")
    assert refused.code == 2 and "agreement `S1` goes on; expected one that has ended" in refused.err


def test_a_change_of_owner_leaves_no_day_and_no_kwh_between_the_two(command: CommandLine, tmp_path: Path) -> None:
    done = event(command, "owner_change", "2026-06-16", agreement="S1", account="A2", reading=1450)
    assert done["agreements"] == ["S1", "G1-20260616"]
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1600,regular,A\n")
    found = lines_of(command, staged(command, "2026-06", "2026-07-02"))
    energy = [line for line in found if line[1] == "energy"]
    # 1300 to 1450 is the old owner's, 1450 to 1600 the new one's: 300 kWh in all.
    assert energy == [
        ("S1", "energy", JUNE, MID, 150_000, 4500),
        ("G1-20260616", "energy", MID, JULY, 150_000, 4500),
    ]


def test_a_change_of_owner_without_a_reading_shares_by_days(command: CommandLine, tmp_path: Path) -> None:
    event(command, "owner_change", "2026-06-11", agreement="S1", account="A2")
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1601,regular,A\n")
    found = lines_of(command, staged(command, "2026-06", "2026-07-02"))
    # 301 kWh in 30 days: floor(301000 x 10 / 30) = 100333, the rest 200667.
    assert [line[4] for line in found if line[1] == "energy"] == [100_333, 200_667]


def test_a_meter_exchange_is_one_segment_with_two_pairs_of_readings(command: CommandLine, tmp_path: Path) -> None:
    event(command, "meter_exchange", "2026-06-16", meter="M1", new_meter="N1", reading=1420, new_reading=7,
          multiplier=10)  # fmt: skip
    reads(command, tmp_path, "july.csv", "G1,1,N1,kWh,2026-07-01,19,regular,A\n")
    found = lines_of(command, staged(command, "2026-06", "2026-07-02"))
    # (1420 - 1300) x 1 + (19 - 7) x 10 = 240 kWh
    assert [line for line in found if line[1] == "energy"] == [("S1", "energy", JUNE, JULY, 240_000, 7200)]


def test_a_past_period_is_still_billed_from_the_removed_meter(command: CommandLine, tmp_path: Path) -> None:
    run = published(command, staged(command, "2026-05", "2026-06-02"))
    (bill,) = {line[0] for line in lines_of(command, run)}
    assert bill == "S1"
    event(command, "meter_exchange", "2026-06-16", meter="M1", new_meter="N1", reading=1420, new_reading=7)
    rated = command.done("bill", "rerate", "A1.2026-05.r0", "--json").json
    assert rated["reproduced"] and rated["same"] and rated["old_minor"] == rated["new_minor"]


def test_another_interval_length_after_an_exchange_keeps_the_highest_demand(
    command: CommandLine, tmp_path: Path
) -> None:
    event(command, "meter_exchange", "2026-07-16", meter="MD", new_meter="ND", interval_minutes=15, suffix="E9")
    old = half_hours("D1", "E1", 30, days(JULY, date(2026, 7, 16)), "0.5", {"2026-07-05T10:00": "3.0"})
    # Two quarters of 1.0 and 2.5 kWh make a half hour of 3.5 kWh: 7 kW, above the 6 kW of the old meter.
    new = half_hours("D1", "E9", 15, days(date(2026, 7, 16), AUGUST), "0.25",
                     {"2026-07-20T18:00": "1.0", "2026-07-20T18:15": "2.5"})  # fmt: skip
    command.done("reads", "land", write_file(tmp_path / "d.csv", LONG_HEADER + old + new))
    command.done("reads", "vee", "--from", JULY, "--to", AUGUST)
    reads(command, tmp_path, "g.csv", "G1,1,M1,kWh,2026-07-01,1600,regular,A\nG1,1,M1,kWh,2026-08-01,1700,regular,A\n")
    run = staged(command, "2026-07", "2026-08-02")
    assert parked_of(command, run) == []
    assert [line for line in lines_of(command, run) if line[:2] == ("S3", "energy")] == [
        ("S3", "energy", JULY, AUGUST, 7_000, 7000)
    ]


def test_a_meter_goes_on_at_another_point(command: CommandLine, tmp_path: Path) -> None:
    event(command, "removal", "2026-06-05", meter="M2", reading=510)
    event(command, "move_in", "2026-06-16", point="G2", account="A2", tariff="home")
    event(command, "relocation", "2026-06-16", meter="M1", to_point="G2", reading=1420)
    reads(command, tmp_path, "july.csv", "G2,1,M1,kWh,2026-07-01,1450,regular,A\n")
    run = staged(command, "2026-06", "2026-07-02")
    assert [line for line in lines_of(command, run) if line[:2] == ("G2-20260616", "energy")] == [
        ("G2-20260616", "energy", MID, JULY, 30_000, 900)
    ]
    assert parked_of(command, run) == [("S1", "end_read_missing")]


def test_another_multiplier_counts_from_its_day(command: CommandLine, tmp_path: Path) -> None:
    event(command, "reconfiguration", "2026-06-16", meter="M1", multiplier=40, reading=1400)
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1402,regular,A\n")
    found = lines_of(command, staged(command, "2026-06", "2026-07-02"))
    # (1400 - 1300) x 1 + (1402 - 1400) x 40 = 180 kWh
    assert [line[4] for line in found if line[1] == "energy"] == [180_000]


def test_a_multiplier_that_was_always_wrong_changes_past_bills(command: CommandLine) -> None:
    published(command, staged(command, "2026-05", "2026-06-02"))
    done = event(command, "reconfiguration", "2020-01-01", meter="M1", multiplier=2)
    assert done["billed"] == []  # nobody was supplied in 2020
    rated = command.done("bill", "rerate", "A1.2026-05.r0", "--json").json
    # 300 kWh x 0.30 = 90.00 become 180.00, and 9.00 of tax more
    assert rated["new_minor"] - rated["old_minor"] == 9000 + 900


def test_another_rate_holds_from_its_day(command: CommandLine, tmp_path: Path) -> None:
    event(command, "rate_change", "2026-06-21", agreement="S1", tariff="cheap", reading=1500)
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1600,regular,A\n")
    found = lines_of(command, staged(command, "2026-06", "2026-07-02"))
    day = date(2026, 6, 21)
    assert [line for line in found if line[1] != "gst"] == [
        ("G1-20260621", "energy", day, JULY, 100_000, 2000),
        ("G1-20260621", "supply", day, JULY, 10, 500),
        ("S1", "energy", JUNE, day, 200_000, 6000),
        ("S1", "supply", JUNE, day, 20, 2000),
    ]


def test_the_fixed_charge_stops_while_disconnected_and_the_fee_comes_once(command: CommandLine, tmp_path: Path) -> None:
    event(command, "disconnection", "2026-06-11", point="G1", reading=1400)
    done = event(command, "reconnection", "2026-06-21", point="G1", reading=1400, fee="45.50", tax_code="GST",
                 tax_percent=10)  # fmt: skip
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1500,regular,A\n")
    run = staged(command, "2026-06", "2026-07-02")
    found = lines_of(command, run)
    assert sum(line[4] for line in found if line[1] == "supply") == 20  # 10 days before, 10 after
    assert sum(line[4] for line in found if line[1] == "energy") == 200_000
    assert found[-2:] == [
        ("S1", "reconnection_fee", JUNE, JULY, 1, 4550),
        ("S1", "reconnection_fee.tax", JUNE, JULY, 4550, 455),
    ]
    published(command, run)
    # Billed once: the next month does not have it.
    reads(command, tmp_path, "august.csv", "G1,1,M1,kWh,2026-08-01,1600,regular,A\n")
    again = lines_of(command, staged(command, "2026-07", "2026-08-02"))
    assert not [line for line in again if line[1].startswith("reconnection")]
    story = command.done("event", "show", done["event_id"], "--json").json
    assert [bill["bill_id"] for bill in story["bills"]] == ["A1.2026-06.r0"]
    explained = command.done("bill", "explain", "A1.2026-06.r0").out
    assert "1 charge x 45.50 AUD/charge = 45.50 -> 45.50 AUD" in explained
    rated = command.done("bill", "rerate", "A1.2026-06.r0", "--json").json
    assert rated["reproduced"] and rated["same"]


def test_a_fee_comes_once_though_two_runs_were_planned_with_it(command: CommandLine, tmp_path: Path) -> None:
    event(command, "charge", "2026-06-10", agreement="S1", fee="20.00", text="Visit")
    rows = "G1,1,M1,kWh,2026-07-01,1500,regular,A\nG1,1,M1,kWh,2026-08-01,1600,regular,A\n"
    reads(command, tmp_path, "both.csv", rows)
    first, second = staged(command, "2026-06", "2026-07-02"), staged(command, "2026-07", "2026-08-02")
    assert [line[5] for run in (first, second) for line in lines_of(command, run) if line[1] == "charge"] == [
        2000,
        2000,
    ]
    published(command, first)
    command.done("cycle", "approve", second, "--by", "mira")
    refused = command("cycle", "publish", second, "--by", "ops")
    assert refused.code == 4 and "one-off charges have been billed since it was planned" in refused.err


def test_a_fee_comes_again_when_its_bill_was_taken_back(command: CommandLine, tmp_path: Path) -> None:
    event(command, "charge", "2026-06-10", agreement="S1", fee="20.00", text="Visit")
    rows = "G1,1,M1,kWh,2026-07-01,1500,regular,A\nG1,1,M1,kWh,2026-08-01,1600,regular,A\n"
    reads(command, tmp_path, "both.csv", rows)
    run = published(command, staged(command, "2026-06", "2026-07-02"))
    assert command.done("event", "check", "--json").json == []
    taken_back = ReversedBills.to_schema()
    row = {"bill_id": "A1.2026-06.r0", "reversal_id": "A1.2026-06.r0.x", "run_id": run, "reason": "story"}
    with control(open_workspace(command.workspace), purpose="test") as connection:
        insert(connection, "reversed_bill", pl.DataFrame([row]).select(list(taken_back.columns)))
    assert [line[1] for line in lines_of(command, staged(command, "2026-07", "2026-08-02"))][-1] == "charge"


def test_use_while_disconnected_is_billed_and_found(command: CommandLine, tmp_path: Path) -> None:
    command.done("reads", "rules", "add", "--standard", "--by", "mira")
    event(command, "disconnection", "2026-06-11", point="G1", reading=1400)
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1410,regular,A\n")
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)
    # 10 kWh in 20 days would be below the floor of 1 kWh a day: the second reading makes them 50.
    reads(command, tmp_path, "more.csv", "G1,1,M1,kWh,2026-07-11,1460,regular,A\n")
    command.done("reads", "vee", "--from", JULY, "--to", "2026-07-12")
    found = command.done("findings", "list", "--json").json
    assert [(row["rule"], row["reason"], row["day"], row["found"]) for row in found if row["rule"] == "V09"] == [
        ("V09", "disconnected_use", "2026-07-11", 50_000)
    ]
    energy = [line for line in lines_of(command, staged(command, "2026-06", "2026-07-02")) if line[1] == "energy"]
    assert sum(line[4] for line in energy) == 110_000


def test_the_owner_of_a_vacant_place_pays_for_use_alone(command: CommandLine, tmp_path: Path) -> None:
    event(command, "vacancy", "2026-06-16", point="G1", account="A2", reading=1450)
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1460,regular,A\n")
    found = [line for line in lines_of(command, staged(command, "2026-06", "2026-07-02")) if line[0] != "S1"]
    # 10 kWh x 0.30; no day of supply; GST on 3.00
    assert found == [
        ("G1-20260616", "energy", MID, JULY, 10_000, 300),
        ("G1-20260616", "gst", MID, JULY, 300, 30),
    ]


def test_a_meter_that_ran_fast_is_corrected_over_its_span(command: CommandLine, tmp_path: Path) -> None:
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1600,regular,A\n")
    event(command, "meter_test", "2026-07-01", meter="M1", error_percent="3.5", since="2026-06-01")
    found = lines_of(command, staged(command, "2026-06", "2026-07-02"))
    # 300,000 Wh / 1.035 = 289,855.07
    assert [line[4] for line in found if line[1] == "energy"] == [289_855]


def test_lost_use_is_billed_when_a_second_person_has_approved_it(command: CommandLine, tmp_path: Path) -> None:
    said = {"quantity": "120.5", "unit": "kWh", "price": "0.30", "from": "2026-03-01", "to": "2026-06-01"}
    done = event(command, "tamper", "2026-06-10", agreement="S1", **said)
    assert done["waits"]
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1600,regular,A\n")
    run = staged(command, "2026-06", "2026-07-02")
    assert not [line for line in lines_of(command, run) if line[1] == "assessed_use"]
    command.done("cycle", "abandon", run, "--by", "ops")
    own = command("event", "approve", done["event_id"], "--by", "ops")
    assert own.code == 4 and "the same person cannot approve its charge" in own.err
    command.done("event", "approve", done["event_id"], "--by", "mira")
    assert command.done("event", "approve", done["event_id"], "--by", "mira", "--json").json["decided"] == []
    found = lines_of(command, staged(command, "2026-06", "2026-07-02", 2))
    # 120.5 kWh x 0.30 = 36.15
    assert found[-1] == ("S1", "assessed_use", JUNE, JULY, 120_500, 3615)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("short", {"M-06": (JUNE, MID), "M-07": (MID, date(2026, 7, 16))}),
        ("long", {"M-07": (JUNE, date(2026, 7, 16))}),
    ],
)
def test_another_cycle_begins_short_or_long_and_leaves_no_day_out(
    command: CommandLine, tmp_path: Path, first: str, expected: dict[str, tuple[date, date]]
) -> None:
    event(command, "cycle_change", "2026-06-01", account="A1", bill_group="middle", first=first)
    reads(command, tmp_path, "m.csv", "G1,1,M1,kWh,2026-06-16,1450,regular,A\nG1,1,M1,kWh,2026-07-16,1750,regular,A\n")
    found: dict[str, tuple[date, date]] = {}
    may = lines_of(command, published(command, staged(command, "2026-05", "2026-06-02")))
    assert {line[2:4] for line in may} == {(date(2026, 5, 1), JUNE)}
    for cycle, day in (("M-06", "2026-06-17"), ("M-07", "2026-07-17")):
        planned = command("cycle", "plan", cycle, "--business-date", day, "--json")
        if planned.code == 2:
            continue
        run = planned.json["run_id"]
        command.done("cycle", "run", run, "--workers", 1, "--parked-limit", 100)
        (found[cycle],) = {line[2:4] for line in lines_of(command, run) if line[1] == "supply" and line[0] == "S1"}
        if not parked_of(command, run):
            published(command, run)
    assert found == expected


def test_the_same_event_again_changes_nothing(command: CommandLine) -> None:
    one = event(command, "move_out", "2026-06-16", agreement="S1", reading=1450)
    two = event(command, "move_out", "2026-06-16", agreement="S1", reading=1450)
    assert (one["is_new"], two["is_new"], one["event_id"]) == (True, False, two["event_id"])
    listed = command.done("event", "list", "--json").json
    assert len(listed) == 1 and listed[0]["recorded_by"] == "ops"


@pytest.mark.parametrize(
    ("kind", "said", "message"),
    [
        ("move_in", "point=G1 account=A2 tariff=home", "service point `G1` is under agreement `S1` from 2025-01-01"),
        ("move_in", "point=G2 account=A9 tariff=home", "account_id `A9` is not among the accounts"),
        ("move_out", "agreement=S1 reading=1299", "reading 1299 of meter `M1` is below 1300 of 2026-06-01"),
        ("move_out", "agreement=S1 reading=123456", "expected a reading of at most 5 digits, found 123456"),
        ("move_out", "agreement=S1 reading=many", "reading: expected a number of zero or more"),
        ("move_out", "agreement=S3", "agreement `S3` begins on 2026-07-01 and goes on; it cannot end then"),
        ("move_out", "point=G1", "expected agreement; it may say reading, rollover; found no `agreement`, `point`"),
        ("removal", "meter=M9 reading=1", "meter `M9` hangs nowhere on that day"),
        ("removal", "meter=M1", "expected the removal reading of meter `M1`, found none"),
        ("installation", "meter=M2 point=G1 dials=5 reading=0", "meter `M2` hangs at G2 from 2020-01-01"),
        ("reconnection", "point=G1", "service point `G1` is connected already"),
        ("cycle_change", "account=A1 bill_group=weekly", "bill group `weekly` has no cycle in the calendar"),
        ("meter_test", "meter=M1 error_percent=0 since=2026-01-01", "error_percent: expected"),
        ("meter_exchange", "meter=MD new_meter=ND interval_minutes=7", "interval_minutes: expected 5, 10, 15"),
        ("party", "agreement=S1", "kind: expected one of move_in"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_kept(ready: Path, kind: str, said: str, message: str) -> None:
    command = CommandLine(ready)
    words = [word for pair in said.split() for word in ("--set", pair)]
    refused = command("event", "add", kind, "--date", "2026-06-16", "--why", "story", *words)
    assert (refused.code, message in refused.err) == (2, True), refused.err
    assert command.done("event", "list", "--json").json == []


def test_a_register_may_go_past_its_last_digit_when_the_event_says_so(command: CommandLine) -> None:
    event(command, "move_out", "2026-06-16", agreement="S1", reading=12, rollover="yes")


def test_a_file_of_events_is_recorded_whole_or_not_at_all(command: CommandLine, tmp_path: Path) -> None:
    header = "event_id,kind,date,account,agreement,point,meter,details,why,evidence\n"
    good = "E1,move_out,2026-06-16,,S1,,,reading=1450,moved,form 7\n"
    follow = "E2,move_in,2026-06-20,A2,,G1,,tariff=home; reading=1455,moved,form 8\n"
    bad = "E3,move_in,2026-06-18,A2,,G1,,tariff=home,moved,\n"
    refused = command("event", "import", write_file(tmp_path / "bad.csv", header + good + follow + bad))
    assert refused.code == 2 and "bad.csv line 4: move_in on 2026-06-18" in refused.err
    assert command.done("event", "list", "--json").json == []
    file = write_file(tmp_path / "events.csv", header + good + follow)
    tried = command.done("event", "check", file, "--json").json
    assert [one["is_new"] for one in tried] == [True, True]
    assert command.done("event", "list", "--json").json == []
    assert [one["is_new"] for one in command.done("event", "import", file, "--json").json] == [True, True]
    assert [one["is_new"] for one in command.done("event", "import", file, "--json").json] == [False, False]
    loads = pl.DataFrame(command.done("event", "list", "--point", "G1", "--json").json)
    assert loads["event_id"].to_list() == ["E1", "E2"]


def test_the_first_bill_after_cutover_begins_where_the_old_system_stopped(command: CommandLine, tmp_path: Path) -> None:
    opening = write_file(tmp_path / "opening_dates.csv", "agreement_id,billed_to_date\nS1,2026-06-11\n")
    command.done("accounts", "import", opening)
    rows = "G1,1,M1,kWh,2026-06-11,1400,regular,A\nG1,1,M1,kWh,2026-07-01,1500,regular,A\n"
    reads(command, tmp_path, "cutover.csv", rows)
    found = lines_of(command, staged(command, "2026-06", "2026-07-02"))
    assert [line[2:5] for line in found if line[1] in {"energy", "supply"}] == [
        (date(2026, 6, 11), JULY, 100_000),
        (date(2026, 6, 11), JULY, 20),
    ]
