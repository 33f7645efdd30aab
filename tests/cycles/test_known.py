"""A night reads the places of its groups alone: what is due is what reading the whole base says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from accounts.selection import SELECTED_FROM, Cycle, select_due
from cycles.runs.known import selectable
from cycles.runs.unbilled import calendar
from cycles.setup import init_workspace
from model.control import SegmentKeys
from model.facts import FACTS
from model.schema import arranged, empty, polars_schema
from store.control import Connection, control, transaction
from store.facts import facts, record_facts

AT = datetime(2026, 7, 1, tzinfo=UTC)
LATER = datetime(2026, 7, 9, tzinfo=UTC)
GROUPS = ("a", "b", "c", "d", "e")


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return arranged(FACTS[table], pl.DataFrame(rows, schema=polars_schema(FACTS[table])))


def base(seed: int, accounts: int) -> dict[str, pl.DataFrame]:
    """Draw accounts of five groups: some go with a route, some changed groups, some follow others in a place."""
    random, agreements, changes = Random(seed), [], []
    for number in range(accounts):
        for of in range(random.choice((1, 1, 2))):
            place = random.randrange(accounts)  # a place had others before, or has them after
            start = date(2025, random.randint(1, 12), 1)
            agreements.append(
                {"agreement_id": f"S{number}-{of}", "account_id": f"A{number}", "service_point_id": f"P{place}",
                 "tariff_id": "t", "start_date": start, "end_date": random.choice((None, date(2026, 6, 11)))}
            )  # fmt: skip
        if random.random() < 0.1:
            changes.append(
                {"account_id": f"A{number}", "from_date": date(2026, 6, 11), "from_group": "a", "to_group": "b",
                 "first_bill": random.choice(("short", "long"))}
            )  # fmt: skip
    return {
        "accounts": frame("accounts", [
            {"account_id": f"A{number}", "customer_id": "K", "branch_id": "N", "bill_group": random.choice(GROUPS),
             "currency": "AUD", "revenue_class": "residential", "payment_days": 14} for number in range(accounts)
        ]),
        "service_points": frame("service_points", [
            {"service_point_id": f"P{place}", "premise_id": "P", "commodity": "water", "tz_name": "Australia/Brisbane",
             "route": f"R{place % 12}", "route_sequence": 1} for place in range(accounts)
        ]),
        "agreements": frame("agreements", agreements),
        "group_change": frame("group_change", changes),
        "routes": frame("routes", [{"route": f"R{number}", "bill_group": GROUPS[number]} for number in range(3)]),
        "cycles": frame("cycles", [
            {"cycle_id": f"2026-{month:02}-{group}", "bill_group": group, "period_start_date": date(2026, month, 1),
             "period_end_date": date(2026, month + 1, 1), "window_open_date": date(2026, month + 1, 1),
             "window_close_date": date(2026, month + 1, 11), "branch_id": None, "read_from_date": None,
             "read_to_date": None, "estimate_date": None, "bill_date": None, "due_date": None}
            for month in (5, 6) for group in GROUPS
        ]),
    }  # fmt: skip


@contextmanager
def recorded(folder: Path, tables: dict[str, pl.DataFrame]) -> Iterator[Connection]:
    """A workspace that knows these facts, and from later on that every account is in group a."""
    workspace = init_workspace(folder / "books", name="known", at=AT, actor="ops")
    with control(workspace, purpose="test") as connection:
        with transaction(connection):
            for table, rows in tables.items():
                record_facts(connection, table, rows, recorded_at=AT)
            moved = tables["accounts"].with_columns(bill_group=pl.lit("a"))
            record_facts(connection, "accounts", moved, recorded_at=LATER)
        yield connection


@pytest.mark.parametrize("with_routes", [True, False])
def test_the_places_of_a_group_hold_all_that_is_due_in_it(tmp_path: Path, with_routes: bool) -> None:
    tables = base(7 + with_routes, 300)
    if not with_routes:
        tables["routes"] = tables["routes"].clear()
    none = empty(SegmentKeys)
    with recorded(tmp_path, tables) as connection:
        for row in calendar(connection).iter_rows(named=True):
            cycle = Cycle(**row)
            whole = {table: facts(connection, table, known_at=AT) for table in SELECTED_FROM}
            narrow = selectable(connection, (cycle,), known_at=AT)
            assert narrow["agreements"].height < whole["agreements"].height
            due = select_due(cycle, whole, none, ())
            assert due.height > 0
            assert select_due(cycle, narrow, none, ()).equals(due)


def test_others_of_its_places_are_there_so_their_bills_are_seen(tmp_path: Path) -> None:
    tables = base(3, 200)
    with recorded(tmp_path, tables) as connection:
        cycle = Cycle(**calendar(connection).filter(pl.col("cycle_id") == "2026-06-c").row(0, named=True))
        whole = {table: facts(connection, table, known_at=AT) for table in SELECTED_FROM}
        # All of May stands billed to whoever has a place first, so whoever follows there is not due for these days.
        firsts = whole["agreements"].sort("start_date", "agreement_id").unique("service_point_id", keep="first")
        billed = firsts.select("agreement_id").with_columns(
            period_start_date=date(2026, 6, 1), period_end_date=date(2026, 6, 8), bill_id=pl.lit("B")
        )
        due = select_due(cycle, whole, billed, ())
        assert due.height > 0
        assert not due.equals(select_due(cycle, whole, empty(SegmentKeys), ()))
        assert select_due(cycle, selectable(connection, (cycle,), known_at=AT), billed, ()).equals(due)


def test_most_of_the_base_is_read_whole_and_as_known_at_the_time(tmp_path: Path) -> None:
    with recorded(tmp_path, base(5, 60)) as connection:
        cycle = Cycle(**calendar(connection).filter(pl.col("cycle_id") == "2026-06-a").row(0, named=True))
        now, then = selectable(connection, (cycle,)), selectable(connection, (cycle,), known_at=AT)
        assert now["accounts"].height == 60
        assert set(now["accounts"]["bill_group"]) == {"a"}
        assert then["accounts"].height < 60
        assert set(then["accounts"]["bill_group"]) == set(GROUPS)
