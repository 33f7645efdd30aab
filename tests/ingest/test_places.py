"""What is known of channels beside their reads comes out of the control database as numbers and dates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from vee_frames import channel_numbers

from ingest.checks.checks import Checks
from ingest.checks.places import Places, known_places
from ingest.rules.rules import DEFAULT_RULES
from ingest.vee.lake import supplied_spans
from ingest.vee.readings import landed_readings
from model.accounts import Accounts, Agreements, ChannelNumbers, Meters, ServicePointAttributes
from model.schema import arranged
from store.control import Connection, control, insert, transaction
from store.facts import record_facts
from store.workspace import Workspace, create_workspace

START, END, NOW = date(2026, 10, 1), date(2026, 11, 1), datetime(2026, 11, 2, tzinfo=UTC)
CHANNELS = channel_numbers((1, 2, 3)).with_columns(
    end_date=pl.when(pl.col("channel_no") == 2).then(date(2026, 10, 20)).otherwise(None)
)
# agreement, account, place, first day, day after the last
AGREEMENTS = [
    ("A1", "HOME", "SP1", date(2026, 1, 1), date(2026, 10, 11)),
    ("A2", "SHOP", "SP1", date(2026, 10, 11), None),
    ("A3", "WORKS", "SP1", END, None),  # begins after the period
    ("A4", "HOME", "SP2", date(2026, 5, 1), None),
    ("A5", "SHOP", "SP2", date(2026, 5, 1), None),  # of two that begin on one day the account's name decides
    ("A6", "WORKS", "SP3", date(2026, 1, 1), START),  # ended with the day before the period
]
# meter, place, first day, day of removal, factor
METERS = [
    ("M1", "SP1", date(2026, 1, 1), date(2026, 10, 5), 1),
    ("M2", "SP1", date(2026, 10, 5), None, 1),
    ("M3", "SP3", date(2025, 1, 1), date(2026, 1, 1), 40),
    ("M3", "SP2", date(2026, 6, 1), None, 1),
]


@pytest.fixture
def books(tmp_path: Path) -> Workspace:
    made = create_workspace(tmp_path / "utility", name="test")
    with control(made, purpose="test") as connection, transaction(connection):
        insert(connection, "channel_number", arranged(ChannelNumbers, CHANNELS))
        _record(connection, "agreements", Agreements, ["agreement_id", "account_id", "service_point_id", "start_date",
            "end_date"], AGREEMENTS, tariff_id="T")  # fmt: skip
        _record(connection, "meters", Meters, ["meter_id", "service_point_id", "installed_date", "removed_date",
            "multiplier"], METERS, dials=5)  # fmt: skip
        classes = [("HOME", "residential"), ("SHOP", "commercial"), ("WORKS", "industrial")]
        _record(connection, "accounts", Accounts, ["account_id", "revenue_class"], classes, **_ACCOUNT)
        said = [
            ("SP1", "capacity_kw", "13.8", date(2026, 1, 1), None),
            ("SP1", "supply", "off", date(2026, 9, 1), None),
            ("SP1", "supply", "on", date(2026, 9, 3), None),
            ("SP3", "check_suffix", "B1", END, None),  # not yet
        ]
        _record(connection, "service_point_attributes", ServicePointAttributes,
            ["service_point_id", "name", "value", "valid_from", "valid_to"], said)  # fmt: skip
    return made


_ACCOUNT = {"customer_id": "C", "branch_id": "B", "bill_group": "G", "currency": "AUD", "payment_days": 14}


def _record(
    connection: Connection, name: str, table: Any, columns: list[str], rows: list[tuple[Any, ...]], **same: object
) -> None:
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        **{key: pl.lit(it) for key, it in same.items()}
    )
    record_facts(connection, name, arranged(table, frame), recorded_at=NOW)


def known(books: Workspace, channels: pl.DataFrame = CHANNELS) -> Places:
    with control(books, purpose="test") as connection:
        return known_places(connection, channels, START, END)


def test_the_class_is_that_of_the_agreement_of_the_period_that_began_last(books: Workspace) -> None:
    found = known(books).channels
    assert found["revenue_class"].to_list() == ["commercial", "commercial", None]
    assert found["capacity_w"].to_list() == [13_800, None, None]
    assert found["check_suffix"].to_list() == [None, None, None]


def test_spans_are_those_of_the_places_of_channels(books: Workspace) -> None:
    found = known(books)
    assert found.hung.rows() == [
        (1, date(2026, 1, 1), date(2026, 10, 5)), (1, date(2026, 10, 5), None), (2, date(2026, 6, 1), None),
        (3, date(2025, 1, 1), date(2026, 1, 1)),
    ]  # fmt: skip
    assert found.supplied.filter(pl.col("channel_no") == 1).rows() == [
        (1, date(2026, 1, 1), date(2026, 10, 11)), (1, date(2026, 10, 11), None), (1, END, None),
    ]  # fmt: skip
    assert found.off.rows() == [(1, date(2026, 9, 1), date(2026, 9, 3))]
    few = known(books, CHANNELS.filter(pl.col("channel_no") == 2))
    assert few.channels.rows() == found.channels.filter(pl.col("channel_no") == 2).rows()
    assert few.hung.rows() == [(2, date(2026, 6, 1), None)]


def test_reads_are_due_while_an_agreement_runs_a_meter_hangs_and_the_channel_is_read(books: Workspace) -> None:
    with control(books, purpose="test") as connection:
        spans = supplied_spans(connection, arranged(ChannelNumbers, CHANNELS))
    inside = spans.filter(pl.col("from_date") < pl.col("to_date").fill_null(date(9999, 1, 1))).rows()
    expected = [
        (start, end)
        for _, _, place, first, after in AGREEMENTS
        for _, hung_at, hung, removed, _ in METERS
        if place == hung_at == "SP1"
        for start, end in [(max(first, hung), min((day for day in (after, removed) if day), default=None))]
        if end is None or start < end
    ]
    assert [row[1:] for row in inside if row[0] == 1] == sorted(expected)
    assert [row for row in inside if row[0] == 2] == [(2, date(2026, 6, 1), date(2026, 10, 20))] * 2


def test_readings_of_some_channels_ask_for_their_meters_wherever_these_hung(books: Workspace, tmp_path: Path) -> None:
    some = arranged(ChannelNumbers, CHANNELS.filter(pl.col("channel_no") == 2))
    checks = Checks(DEFAULT_RULES, known(books, some), START, END)
    with control(books, purpose="test") as connection:
        meters = landed_readings(books, connection, some, checks, [2]).meters
    assert meters.select("meter_id", "service_point_id", "multiplier").rows() == [("M3", "SP3", 40), ("M3", "SP2", 1)]
