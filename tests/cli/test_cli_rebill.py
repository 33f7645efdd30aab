"""Published bills become others by what is known now: found, planned, applied, and nothing is left to do.

June: A1 360 kWh x 0.30 = 108.00, supply 30.00, tax 13.80; water 103.00, tax 10.30: 265.10. A2 120 kWh: 61.60.
July: A1 31 days x 12 = 372 kWh: 111.60 + 31.00 + 14.26 = 156.86; water 45 kL: 90.00 + 3.10 + 9.31 = 102.41: 259.27.
A2 to 20 July: 20 x 6 = 120 kWh: 36.00 + 20.00 + 5.60 = 61.60. A3's water is parked in June: its reading comes late.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import (
    AUGUST,
    FLAT,
    JULY,
    JUNE,
    LONG_HEADER,
    REGISTER_HEADER,
    WATER_JULY,
    CommandLine,
    add_tariffs,
    bill,
    hourly,
    june_ready,
    write_file,
)

import cycles.publishing.publish
from model.errors import ExitCode
from store.control import control, query
from store.workspace import open_workspace

OPTIONS = ("--business-date", "2026-08-20", "--why", "order of the regulator", "--by", "ops")
LINES = (
    "SELECT account_id, cycle_id, component_id, agreement_id, period_start_date, tier, sum(quantity)::BIGINT AS q, "
    "sum(amount_minor)::BIGINT AS a FROM bill_lines GROUP BY ALL HAVING a <> 0 OR q <> 0 ORDER BY ALL"
)
DEARER = FLAT.replace("price = 0.30", "price = 0.35")


def two_months(command: CommandLine, folder: Path, *, flat: str = FLAT, corrected: str = "") -> None:
    june_ready(command, folder)
    if flat != FLAT:
        add_tariffs(command, write_file(folder / "flat.toml", flat))
    reads = LONG_HEADER + hourly("E1", JULY, AUGUST, "0.500") + hourly("E2", JULY, AUGUST, "0.250")
    registers = write_file(folder / "water-july.csv", REGISTER_HEADER + WATER_JULY)
    command.done("reads", "land", write_file(folder / "july.csv", reads), registers)
    if corrected:
        command.done("reads", "land", write_file(folder / "corrected.csv", corrected))
    command.done("reads", "vee", "--from", JUNE, "--to", AUGUST)
    bill(command, "2026-06", "2026-07-02")
    bill(command, "2026-07", "2026-08-02")


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in which June and July are published."""
    folder = tmp_path_factory.mktemp("rebill")
    two_months(CommandLine(folder / "books"), folder)
    return folder / "books"


@pytest.fixture
def command(billed: Path, tmp_path: Path) -> CommandLine:
    shutil.copytree(billed, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def asked(command: CommandLine, sql: str) -> list[tuple[object, ...]]:
    with control(open_workspace(command.workspace), purpose="test") as connection:
        return query(connection, sql).rows()


def lines(command: CommandLine) -> Any:
    return command.done("query", LINES, "--format", "json").json


def planned(command: CommandLine, *options: object) -> Any:
    return command.done("rebill", "plan", *options, *OPTIONS, "--json").json


def published(command: CommandLine, run: str) -> None:
    command.done("rebill", "apply", run, "--workers", 1, "--by", "ops")
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")


def test_nothing_changed_is_nothing_to_bill_again(command: CommandLine) -> None:
    assert planned(command)["run_id"] is None
    found = planned(command, "--all")
    assert found["run_id"] is None and {row["outcome"] for row in found["bills"]} == {"unchanged"}


def test_a_corrected_price_is_found_planned_and_applied_over_two_months(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER))
    found = planned(command)
    # 0.05 more and 10 % tax on it: June 360 and 120 kWh, July 372 and 120 kWh.
    apart = {row["bill_id"]: row["apart_minor"] for row in found["bills"]}
    assert apart == {
        "A1.2026-06.r0": 1980, "A2.2026-06.r0": 660, "A1.2026-07.r0": 2046, "A2.2026-07.r0": 660
    }  # fmt: skip
    causes = {(row["component_id"], row["cause"], row["apart_minor"]) for row in found["lines"] if row["apart_minor"]}
    assert causes == {
        ("energy", "tariff", 1800), ("gst", "tariff", 180), ("energy", "tariff", 600), ("gst", "tariff", 60),
        ("energy", "tariff", 1860), ("gst", "tariff", 186),
    }  # fmt: skip
    run = found["run_id"]
    assert planned(command)["run_id"] == run
    published(command, run)
    back = asked(command, "SELECT bill_id, reversal_id FROM reversed_bill ORDER BY bill_id")
    assert back[0] == ("A1.2026-06.r0", "A1.2026-06.r0.x") and len(back) == 4
    bills = "SELECT bill_id, replaces_id, total_minor FROM bills WHERE replaces_id IS NOT NULL ORDER BY bill_id"
    assert command.done("query", bills, "--format", "json").json[0] == {
        "bill_id": "A1.2026-06.r1", "replaces_id": "A1.2026-06.r0", "total_minor": 28490
    }  # fmt: skip
    assert planned(command)["run_id"] is None
    explained = command.done("bill", "explain", "A1.2026-07.r1", "--json").json
    assert explained["same"] and "in place of A1.2026-07.r0" in explained["text"][0]
    assert "by_branch" in command.done("run", "show", run, "--json").json


def test_billing_again_gives_what_billing_with_the_new_facts_at_once_gives(
    command: CommandLine, tmp_path: Path
) -> None:
    correction = LONG_HEADER + hourly("E1", date(2026, 6, 10), date(2026, 6, 12), "0.750")
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER))
    command.done("reads", "land", write_file(tmp_path / "late.csv", correction))
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)
    found = planned(command)
    # 2 days x 6 kWh more: energy changes by both, the rest by the price alone.
    told = {(row["new_id"], row["component_id"]): row["cause"] for row in found["lines"] if row["is_other"]}
    assert told["A1.2026-06.r1", "energy"] is None and told["A1.2026-07.r1", "energy"] == "tariff"
    published(command, found["run_id"])
    fresh = CommandLine(tmp_path / "fresh")
    (tmp_path / "other").mkdir()
    two_months(fresh, tmp_path / "other", flat=DEARER, corrected=correction)
    assert lines(command) == lines(fresh)


def test_a_plan_is_refused_once_what_it_rests_on_has_changed(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER))
    run = planned(command)["run_id"]
    text = LONG_HEADER + hourly("E1", date(2026, 6, 10), date(2026, 6, 11), "1.000")
    command.done("reads", "land", write_file(tmp_path / "late.csv", text))
    ended = command("rebill", "apply", run, "--workers", 1, "--by", "ops")
    assert ended.code == ExitCode.REFUSED and "reads of bill `A1.2026-06.r0` have changed" in ended.err


def test_a_plan_is_refused_once_its_tariff_has_changed_again(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER))
    run = planned(command)["run_id"]
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER.replace("0.35", "0.36")))
    ended = command("rebill", "apply", run, "--workers", 1, "--by", "ops")
    assert ended.code == ExitCode.REFUSED and "rests on (tariff) has changed" in ended.err


def test_a_removed_meter_is_used_when_a_past_period_is_billed_again(command: CommandLine, tmp_path: Path) -> None:
    # The meter that hung until 16 June was read 5 kL too high: 45 instead of 50 kL at 2.00, and the tax on it.
    text = REGISTER_HEADER + "W1,W,MW1,m3,2026-06-16,125.000,removal,A\n"
    command.done("reads", "land", write_file(tmp_path / "water.csv", text))
    found = planned(command)
    assert [(row["bill_id"], row["apart_minor"], row["causes"]) for row in found["bills"]] == [
        ("A1.2026-06.r0", -1100, "read")
    ]


def test_days_that_went_to_another_account_are_billed_there(command: CommandLine, tmp_path: Path) -> None:
    # E1 was A2's from 1 July on: A1's July loses 156.86 of electricity, A2's July gains it.
    text = (
        "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\n"
        "S1,A1,E1,flat,2025-01-01,2026-07-01\nS9,A2,E1,flat,2026-07-01,\n"
    )
    command.done("accounts", "import", write_file(tmp_path / "agreements.csv", text))
    found = planned(command)
    apart = {row["bill_id"]: (row["apart_minor"], row["causes"]) for row in found["bills"]}
    assert apart == {"A1.2026-07.r0": (-15686, "agreement"), "A2.2026-07.r0": (15686, "agreement")}
    published(command, found["run_id"])
    assert planned(command)["run_id"] is None


def test_a_publish_that_is_cut_leaves_nothing_and_is_done_again(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tariffs(command, write_file(tmp_path / "flat.toml", DEARER))
    run = planned(command, "--account", "A1")["run_id"]
    command.done("rebill", "apply", run, "--workers", 1, "--by", "ops")
    command.done("cycle", "approve", run, "--by", "mira")
    before = asked(command, "SELECT count(*) FROM journal_line")

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cycles.publishing.publish, "record_carried", cut)
        assert command("cycle", "publish", run, "--by", "ops").code == ExitCode.INTERRUPTED
    assert asked(command, "SELECT count(*) FROM journal_line") == before
    assert asked(command, "SELECT count(*) FROM reversed_bill") == [(0,)]
    command.done("cycle", "publish", run, "--by", "ops")
    assert asked(command, "SELECT count(*) FROM reversed_bill") == [(2,)]
    assert command.done("rebill", "apply", run, "--json").json["state"] == "published"


def test_a_bill_that_was_billed_again_is_billed_again_and_taken_back(command: CommandLine, tmp_path: Path) -> None:
    for price in ("0.35", "0.40"):
        add_tariffs(command, write_file(tmp_path / "flat.toml", FLAT.replace("price = 0.30", f"price = {price}")))
        published(command, planned(command, "--account", "A1", "--cycle", "2026-06")["run_id"])
    # 360 kWh x 0.40 = 144.00 + 30.00 + 17.40 = 191.40, and the water 113.30.
    totals = "SELECT total_minor FROM bills WHERE bill_id = 'A1.2026-06.r2'"
    assert command.done("query", totals, "--format", "json").json == [{"total_minor": 30470}]
    assert command.done("bill", "rerate", "A1.2026-06.r2", "--json").json["same"]
    run = command.done("bill", "cancel", "A1.2026-06.r2", *OPTIONS, "--json").json["run_id"]
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
    left = "SELECT sum(amount_minor)::INT AS a FROM bill_lines WHERE account_id = 'A1' AND cycle_id = '2026-06'"
    assert command.done("query", left, "--format", "json").json == [{"a": 0}]
    items = "SELECT sum(amount_minor)::INT FROM open_item WHERE bill_id LIKE 'A1.2026-06%'"
    assert asked(command, items) == [(0,)]
