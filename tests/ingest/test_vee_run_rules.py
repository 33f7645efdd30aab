"""Runs of VEE under a rule set of the workspace: what checks refuse is estimated, thresholds follow class and date."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
import test_vee_run
from test_vee_run import NOW, OCTOBER, after, lake, land, month, run
from vee_frames import slots_of, steady

from ingest.rules.rule_file import STANDARD_FILE
from ingest.rules.rule_store import add_rule_sets
from model.accounts import Accounts, ServicePointAttributes
from model.reads import RegisterReads
from model.schema import arranged
from store.control import control, transaction
from store.facts import record_facts
from store.lake import register_files, write_lake_file
from store.workspace import Workspace

workspace = test_vee_run.workspace  # the fixture
HEAD = 'rule_set = "wattle"\nversion = 1\n'


def add(workspace: Workspace, text: str, version: int = 1) -> None:
    path = workspace.root / "rules.toml"
    path.write_text(text.replace("version = 1", f"version = {version}"), encoding="utf-8")
    add_rule_sets(workspace, [path], at=NOW, actor="mira")


def add_facts(workspace: Workspace, table: str, frame: pl.DataFrame) -> None:
    with control(workspace, purpose="test") as connection, transaction(connection):
        record_facts(connection, table, frame, recorded_at=NOW)


def capacity(workspace: Workspace, point: str, kilowatts: str) -> None:
    row = {"service_point_id": point, "name": "capacity_kw", "value": kilowatts, "valid_from": date(2020, 1, 1)}
    add_facts(workspace, "service_point_attributes", arranged(ServicePointAttributes, pl.DataFrame([row])))


def found(workspace: Workspace) -> pl.DataFrame:
    return lake(workspace, "findings").sort("channel_no", "day", "first_slot", "reason")


def test_slots_above_the_capacity_are_estimated_and_raw_stays(workspace: Workspace) -> None:
    days = month((1,))
    days[1, after(9)] = [10] * 10 + [5_000, 6_000] + [10] * 12  # a spike, too
    land(workspace, days | month((2, 3)))
    capacity(workspace, "SP1", "0.5")
    add(workspace, HEAD + '[[rules]]\ncheck = "over_capacity"\n')
    report = run(workspace)
    assert report.findings == {("over_capacity", "fail"): 1}
    row = found(workspace).row(0, named=True)
    assert (row["rule"], row["first_slot"], row["last_slot"], row["found"], row["used"]) == ("V12", 10, 11, 11_000, 20)
    assert (row["method"], row["rule_set"]) == ("linear", "wattle.v1")
    assert row["detail"] == "power up to 6,000 W, the connection carries 500 W; estimated by a straight line"
    edited = lake(workspace, "vee_day_60")
    assert slots_of(edited, 1, after(9)) == [10] * 24
    raw = lake(workspace, "reads_day_60").filter((pl.col("channel_no") == 1) & (pl.col("day") == after(9)))
    assert raw["v10"].item() == 5_000
    assert run(workspace).seq is None


def test_without_a_reference_refused_slots_stay_empty_and_say_so(workspace: Workspace) -> None:
    land(workspace, {(1, OCTOBER): [5_000] * 24} | month((2, 3)))
    capacity(workspace, "SP1", "0.5")
    add(workspace, HEAD + '[[rules]]\ncheck = "over_capacity"\n')
    run(workspace)
    row = found(workspace).filter(pl.col("reason") == "over_capacity").row(0, named=True)
    assert (row["found"], row["used"], row["method"]) == (120_000, None, "none")
    assert row["detail"].endswith("; no day to estimate from, left empty")


@pytest.mark.parametrize("channels_per_block", [1, 2, 5_000])
def test_any_division_into_blocks_finds_the_same(workspace: Workspace, channels_per_block: int) -> None:
    land(workspace, month((1, 2, 3)) | steady(2, after(3), 8, 0))
    text = HEAD + '[[rules]]\ncheck = "zero_use"\n[[rules]]\ncheck = "stuck_value"\nclasses = ["public"]\n'
    add(workspace, text)
    report = run(workspace, channels_per_block)
    assert report.findings == {("zero_use", "warn"): 1}
    assert (report.days_judged, report.days_complete) == (93, 93)


def test_thresholds_follow_the_class_of_the_account(workspace: Workspace) -> None:
    days = month((1, 2, 3))
    for channel in (1, 2):
        days[channel, after(9)] = [10] * 10 + [2_000] + [10] * 13
    land(workspace, days)
    row = {
        "account_id": "ACC", "customer_id": "C", "branch_id": "B1", "bill_group": "G", "currency": "AUD",
        "revenue_class": "industrial", "payment_days": 14,
    }  # fmt: skip
    add_facts(workspace, "accounts", arranged(Accounts, pl.DataFrame([row])))
    spike = '[[rules]]\ncheck = "spike"\nwarn_percent = 100000\nfail_ratio = 500\n'
    add(workspace, HEAD + spike + 'classes = ["industrial"]\nfrom = 2026-10-05\n')
    assert run(workspace).findings == {}  # 200 times, below 500; warned above 1,000 times
    add(workspace, HEAD + spike + 'classes = ["public"]\n', version=2)
    assert run(workspace).findings == {("spike", "fail"): 2}


def test_core_thresholds_that_change_in_the_period_judge_their_days(workspace: Workspace) -> None:
    days = month((1, 2, 3))
    days[1, after(4)] = [10] * 10 + [2_000] + [10] * 13
    days[2, after(20)] = [20] * 10 + [4_000] + [20] * 13
    land(workspace, days)
    later = '[[rules]]\ncheck = "spike"\nwarn_percent = 100000\nfail_ratio = 500\nfrom = 2026-10-15\n'
    add(workspace, HEAD + later)
    report = run(workspace)
    assert report.findings == {("spike", "fail"): 1}
    assert found(workspace)["day"].to_list() == [after(4)]
    assert (report.days_judged, report.days_complete, report.days_estimated) == (93, 92, 1)


def test_a_value_that_came_twice_is_compared_with_the_one_before(workspace: Workspace) -> None:
    land(workspace, month((1, 2, 3)))
    land(workspace, {(1, after(4)): [200] * 24, (2, after(4)): [25] * 24})
    add(workspace, HEAD + '[[rules]]\ncheck = "replaced"\nfloor = 100\n')
    run(workspace)
    assert found(workspace).select("channel_no", "found", "detail").rows() == [
        (1, 4_800, "4,800 instead of 240 that came before")
    ]


def test_a_register_is_compared_with_the_intervals_of_its_point(workspace: Workspace) -> None:
    with control(workspace, purpose="test") as connection, transaction(connection):
        connection.execute("UPDATE channel_number SET service_point_id = 'SP1' WHERE channel_no = 4")
        connection.execute("UPDATE meters SET dials = 9 WHERE service_point_id = 'SP1'")
    rows = [
        {
            "channel_no": 4, "meter_id": "MSP1", "read_date": when, "read_kind": "regular", "reading": reading,
            "quality": 0, "seq": 1,
        }
        for when, reading in ((OCTOBER, 1_000_000), (after(10), 1_000_000 + 240_000 + 1_300))
    ]  # fmt: skip
    land(workspace, {key: [1_000] * 24 for key in month((1,))} | month((2, 3)))
    with control(workspace, purpose="test") as connection, transaction(connection):
        file = write_lake_file(workspace, "register_reads", "registers", arranged(RegisterReads, pl.DataFrame(rows)))
        register_files(connection, [file], owner="load:1")
    add(workspace, HEAD + '[[rules]]\ncheck = "sum_check"\nper_mille = 1\n')
    assert run(workspace).findings == {("sum_check", "warn"): 1}
    assert found(workspace)["detail"].to_list() == [
        "register 241,300 from 2026-10-01 to 2026-10-11, intervals of channel 1 add up to 240,000"
    ]


def test_the_standard_set_says_nothing_of_a_plain_month(workspace: Workspace) -> None:
    days = {key: [100 + (slot * 7 + key[1].day) % 13 for slot in range(24)] for key in month((1, 2, 3))}
    land(workspace, days)
    add_rule_sets(workspace, [STANDARD_FILE], at=NOW, actor="mira")
    assert run(workspace).findings == {}
