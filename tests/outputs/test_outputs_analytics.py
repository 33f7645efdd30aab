"""The analysts' database: what its views show, that they are described, and that it can be replaced while read."""

import random
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from sample_workspace import (
    add_finding,
    day_row,
    land,
    new_workspace,
    number_channels,
    record_accounts,
    stage_run,
)

from ingest.versions import current_days
from model.reads import VeeDays
from outputs.analytics import RUN_VIEWS, build_analytics
from outputs.query import analytics_frame
from store.control import control
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

DAY = date(2026, 10, 2)
ASKED = ["bill_lines", "bills", "invoices", "journal_lines", "intervals", "usage_daily", "parked", "findings", "runs"]


def _build(workspace: Workspace) -> None:
    with control(workspace, purpose="test") as connection:
        build_analytics(workspace, connection)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "w")


def test_an_empty_workspace_has_every_view_without_rows(workspace: Workspace) -> None:
    _build(workspace)
    for name in ASKED:
        assert analytics_frame(workspace, f"SELECT count(*) AS n FROM {name}").item() == 0
    assert sorted(path.name for path in workspace.root.glob("*analytics*")) == ["analytics.duckdb"]
    assert list(workspace.root.glob(".*tmp*")) == []


def test_an_empty_view_has_the_types_of_a_full_one(workspace: Workspace) -> None:
    describe = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name IN ('{}') ORDER BY ALL"
    names = "','".join([*RUN_VIEWS, "intervals", "usage_daily", "findings"])
    _build(workspace)
    empty = analytics_frame(workspace, describe.format(names))
    _fill(workspace)
    _build(workspace)
    assert empty.height > 100
    assert analytics_frame(workspace, describe.format(names)).rows() == empty.rows()


def _fill(workspace: Workspace) -> None:
    number_channels(workspace)
    record_accounts(workspace)
    stage_run(workspace, "bill-C-1", "published")
    land(workspace, [day_row(1, DAY, [100] * 24), day_row(3, DAY, [7] * 24)])
    add_finding(workspace)


@pytest.mark.parametrize("is_filled", [False, True])
def test_every_view_and_column_has_a_comment(workspace: Workspace, is_filled: bool) -> None:
    if is_filled:
        _fill(workspace)
    _build(workspace)
    views = analytics_frame(
        workspace, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
    )
    assert set(ASKED) <= set(views["view_name"])
    assert views.filter(pl.col("comment").fill_null("") == "").is_empty()
    bare = analytics_frame(
        workspace,
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE NOT internal AND schema_name = 'main' AND coalesce(comment, '') = ''",
    )
    assert bare.rows() == []


def test_comments_name_the_unit(workspace: Workspace) -> None:
    _build(workspace)
    found = analytics_frame(
        workspace,
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'bills' AND column_name IN ('net_minor', 'net') "
        "ORDER BY column_name",
    )
    assert found["comment"].to_list() == [
        "Sum of the charge lines [major units of the currency]",
        "Sum of the charge lines [minor]",
    ]


def test_only_published_runs_count(workspace: Workspace) -> None:
    record_accounts(workspace)
    stage_run(workspace, "bill-C-1", "published")
    stage_run(workspace, "bill-C-2", "approved")
    _build(workspace)
    bills = analytics_frame(workspace, "SELECT bill_id, total_minor, total, run_id FROM bills ORDER BY bill_id")
    assert bills.rows() == [
        ("A1.C.r0", 6600, Decimal("66.00"), "bill-C-1"),
        ("A2.C.r0", 2500, Decimal("25.00"), "bill-C-1"),
    ]
    assert analytics_frame(workspace, "SELECT run_id, state FROM runs ORDER BY 1").rows() == [
        ("bill-C-1", "published"),
        ("bill-C-2", "approved"),
    ]


@pytest.mark.parametrize(("currency", "expected"), [("USD", "66.00"), ("KWD", "66.00"), ("JPY", "66.00")])
def test_major_units_follow_the_bill_not_the_account(workspace: Workspace, currency: str, expected: str) -> None:
    # The bills are in USD; an account in dinars asks for three decimals, one in yen for none, at least two are kept.
    record_accounts(workspace, currency)
    stage_run(workspace, "bill-C-1", "published")
    _build(workspace)
    total = analytics_frame(workspace, "SELECT total FROM bills WHERE account_id = 'A1'").item()
    assert total == Decimal(expected)


def test_names_of_customers_are_not_in_it(workspace: Workspace) -> None:
    _fill(workspace)
    _build(workspace)
    assert b"Ada Example" not in workspace.analytics_path.read_bytes()
    names = analytics_frame(
        workspace, "SELECT DISTINCT column_name FROM duckdb_columns() WHERE table_name = 'accounts'"
    )
    assert "name" not in names["column_name"].to_list()


def test_a_day_of_25_hours_has_100_intervals_that_follow_each_other(workspace: Workspace) -> None:
    day = date(2022, 11, 6)
    number_channels(workspace, minutes=15)
    land(workspace, [day_row(1, day, list(range(100)), minutes=15)], minutes=15)
    _build(workspace)
    rows = analytics_frame(workspace, "SELECT * FROM intervals ORDER BY start_utc")
    assert rows.height == 100
    # Midnight in Chicago is 05:00 UTC before the change and 06:00 after: 25 hours lie between.
    assert rows["start_utc"][0] == datetime(2022, 11, 6, 5)
    assert rows["start_utc"][-1] == datetime(2022, 11, 7, 5, 45)
    assert rows["start_utc"].diff().drop_nulls().unique().dt.total_minutes().to_list() == [15]
    assert rows["value"].to_list() == list(range(100))
    daily = analytics_frame(workspace, "SELECT quantity, unit, slots, missing_slots FROM usage_daily")
    assert daily.rows() == [(4950, "Wh", 100, 0)]  # 0 + 1 + ... + 99


@pytest.mark.parametrize(
    ("tz_name", "day", "hours", "start"),
    [
        ("America/Chicago", date(2022, 3, 13), 23, datetime(2022, 3, 13, 6)),
        ("Australia/Sydney", date(2026, 10, 4), 23, datetime(2026, 10, 3, 14)),
        ("Australia/Sydney", date(2024, 2, 29), 24, datetime(2024, 2, 28, 13)),
    ],
)
def test_days_start_at_midnight_of_their_zone(
    workspace: Workspace, tz_name: str, day: date, hours: int, start: datetime
) -> None:
    number_channels(workspace, tz_name=tz_name)
    land(workspace, [day_row(1, day, [1] * hours)])
    _build(workspace)
    rows = analytics_frame(workspace, "SELECT min(start_utc), count(*) FROM intervals").rows()
    assert rows == [(start, hours)]


def test_quality_of_a_slot_comes_from_its_flag_and_missing_stays_missing(workspace: Workspace) -> None:
    number_channels(workspace)
    flags = bytes([0, 2, 4, 8, 7] + [0] * 19)
    land(workspace, [day_row(1, DAY, [10, 20, 30, None, 50] + [1] * 19, worst=8, flags=flags)])
    _build(workspace)
    slots = analytics_frame(
        workspace, "SELECT value, quality, is_estimated FROM intervals ORDER BY slot LIMIT 5"
    ).rows()
    assert slots == [(10, 0, False), (20, 2, True), (30, 4, True), (None, 8, False), (50, 7, True)]
    daily = analytics_frame(
        workspace, "SELECT quantity, slots, estimated_slots, missing_slots, quality FROM usage_daily"
    )
    assert daily.rows() == [(129, 24, 3, 1, 8)]  # 10 + 20 + 30 + 50 and 19 slots of 1


def test_a_day_without_flags_has_its_worst_quality_in_every_slot(workspace: Workspace) -> None:
    number_channels(workspace)
    land(workspace, [day_row(1, DAY, [1] * 24, worst=4), day_row(2, DAY, [None] * 24, worst=8)])
    _build(workspace)
    daily = analytics_frame(
        workspace, "SELECT quantity, estimated_slots, missing_slots FROM usage_daily ORDER BY channel_id"
    )
    assert daily.rows() == [(24, 24, 0), (None, 0, 24)]


_HOURS = [datetime(2026, 11, 1, 1), datetime(2026, 11, 1, 2), None]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_views_show_the_versions_that_rating_uses(seed: int, workspace: Workspace) -> None:
    # 300 versions of 90 channel-days, in two landed files and one of VEE: every way in which they can compete.
    draw = random.Random(seed)
    number_channels(workspace, points=30)
    landed: tuple[list[dict], list[dict]] = ([], [])
    vee = []
    for seq in range(1, 301):
        channel_no, day = draw.randint(1, 30), date(2026, 10, draw.randint(1, 3))
        worst, updated_at = draw.choice([0, 3, 4, 7, 8]), draw.choice(_HOURS)
        row = day_row(channel_no, day, [seq] * 24, worst=worst, seq=seq, updated_at=updated_at)
        if draw.random() < 0.3:
            known = [other["seq"] for other in (*landed[0], *landed[1])
                     if (other["channel_no"], other["day"]) == (channel_no, day)]  # fmt: skip
            vee.append(row | {"base_seq": draw.choice([0, *known, *known]), "methods": bytes(24)})
        else:
            landed[draw.randint(0, 1)].append(row)
    files = [*landed]
    for rows in files:
        land(workspace, rows)
    land(workspace, vee, table=VeeDays)
    _build(workspace)
    shown = analytics_frame(
        workspace,
        "SELECT c.channel_no, u.day, quantity FROM usage_daily AS u JOIN channels AS c USING (channel_id) ORDER BY ALL",
    )
    with control(workspace, purpose="test") as connection:
        of_vee = lake_files(connection, "vee_day_60")
        of_landed = lake_files(connection, "reads_day_60")
    rated = current_days(scan_lake(workspace, of_landed), scan_lake(workspace, of_vee), 60).select(
        "channel_no", "day", (pl.col("v00").cast(pl.Int64) * 24).alias("quantity")
    )
    assert shown.rows() == rated.sort("channel_no", "day").rows()


def test_two_loads_in_one_file_count_once(workspace: Workspace) -> None:
    number_channels(workspace)
    land(workspace, [day_row(1, DAY, [1] * 24, seq=1), day_row(1, DAY, [2] * 24, seq=2)])
    _build(workspace)
    assert analytics_frame(workspace, "SELECT quantity FROM usage_daily").rows() == [(48,)]


def test_findings_name_their_channel(workspace: Workspace) -> None:
    _fill(workspace)
    _build(workspace)
    found = analytics_frame(workspace, "SELECT channel_id, service_point_id, reason FROM findings").rows()
    assert found == [("SP1/E1", "SP1", "missing")]


_READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("SELECT count(*) FROM bills").fetchone()[0], flush=True)
sys.stdin.readline()
print(connection.execute("SELECT count(*) FROM bills").fetchone()[0], flush=True)
"""


def test_it_is_replaced_while_another_process_reads_it(workspace: Workspace) -> None:
    record_accounts(workspace)
    _build(workspace)
    reader = subprocess.Popen(
        [sys.executable, "-c", _READER, str(workspace.analytics_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdin is not None and reader.stdout is not None
    try:
        assert reader.stdout.readline() == "0\n"
        stage_run(workspace, "bill-C-1", "published")
        _build(workspace)
        assert analytics_frame(workspace, "SELECT count(*) FROM bills").item() == 2
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "0\n"  # who has the old file open keeps reading it
    finally:
        reader.communicate(timeout=20)


def test_what_a_killed_build_left_is_swept(workspace: Workspace) -> None:
    for name in (".analytics.duckdb.1.tmp", ".analytics.duckdb.1.tmp.wal"):
        (workspace.root / name).write_bytes(b"half")
    _build(workspace)
    assert list(workspace.root.glob(".analytics*")) == []


def test_building_twice_shows_the_same(workspace: Workspace) -> None:
    _fill(workspace)
    _build(workspace)
    first = analytics_frame(workspace, "SELECT * FROM bill_lines ORDER BY line_id")
    _build(workspace)
    assert analytics_frame(workspace, "SELECT * FROM bill_lines ORDER BY line_id").equals(first)


def test_it_opens_without_billmill(workspace: Workspace) -> None:
    _fill(workspace)
    _build(workspace)
    with duckdb.connect(str(workspace.analytics_path), read_only=True) as connection:
        assert connection.execute("SELECT sum(total) FROM bills").fetchone() == (Decimal("91.00"),)


def test_older_clients_can_open_it(workspace: Workspace) -> None:
    _build(workspace)
    header = workspace.analytics_path.read_bytes()[:20]
    # DuckDB's main header: a checksum of 8 bytes, the letters DUCK, the storage version. DuckDB 1.2 reads up to 65.
    assert header[8:12] == b"DUCK" and int.from_bytes(header[12:20], "little") <= 65
