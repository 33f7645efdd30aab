"""Quantities from before Billmill: units, and which of them a cycle can look back to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from test_accounts_import import load, write

from accounts.history import history_before
from model.rating import History
from model.schema import polars_schema
from store.control import control
from store.facts import facts
from store.workspace import Workspace, create_workspace

HEADER = "service_point_id,quantity_id,period_start_date,period_end_date,quantity,unit\n"
DUE = pl.DataFrame({"service_point_id": ["S1", "S1"], "cycle_start_date": [date(2026, 6, 1)] * 2})
NONE_FOUND = pl.DataFrame(schema=polars_schema(History))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "books", name="x")


def imported(workspace: Workspace, tmp_path: Path, rows: str) -> pl.DataFrame:
    """Import rows that must all be good; return what is kept."""
    assert load(workspace, write(tmp_path / "in", history=HEADER + rows)).rejects.is_empty()
    with control(workspace, purpose="test") as connection:
        return facts(connection, "history")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("S1,kwh,2026-05-01,2026-06-01,412.5,kWh", (412_500, 1_000)),
        ("S1,kw,2026-05-01,2026-06-01,0.001,kW", (1, 1_000)),
        ("S1,big,2026-05-01,2026-06-01,-2,MWh", (-2_000_000, 1_000_000)),
        ("S1,kgal,2026-05-01,2026-06-01,6.9,kgal", (6_900_000, 10**6)),
        ("S1,ratio,2026-05-01,2026-06-01,6.9,points", (6_900_000_000, 10**9)),
        ("S1,ratio,2026-05-01,2026-06-01,0.000000001,", (1, 10**9)),
    ],
)
def test_a_value_is_kept_in_smallest_units(
    workspace: Workspace, tmp_path: Path, row: str, expected: tuple[int, int]
) -> None:
    kept = imported(workspace, tmp_path, row + "\n")
    found = history_before(DUE, kept, NONE_FOUND)
    assert found.select("quantity", "unit_size").rows() == [expected]
    assert found.select("is_estimated", "source").rows() == [(False, "import")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("S1,kwh,2026-05-01,2026-06-01,0.0005,kWh", "too_precise"),
        ("S1,kwh,2026-05-01,2026-06-01,1000000000000.001,kWh", "value_too_large"),
        ("S1,kwh,2026-05-01,2026-06-01,0.0000000001,kWh", "bad_value"),
        ("S1,kwh,2026-05-01,2026-06-01,1e3,kWh", "bad_value"),
        ("S1,kwh,2026-05-01,2026-05-01,1,kWh", "dates_reversed"),
        ("S9,kwh,2026-05-01,2026-06-01,1,kWh", "unknown_reference"),
    ],
)
def test_a_value_that_cannot_be_exact_is_named(workspace: Workspace, tmp_path: Path, row: str, reason: str) -> None:
    report = load(workspace, write(tmp_path / "in", history=f"{HEADER}{row}\n"))
    assert report.rejects.select("line", "reason").rows() == [(2, reason)]


def test_a_cycle_looks_back_to_its_own_points_and_to_periods_before_it(workspace: Workspace, tmp_path: Path) -> None:
    points = "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
    points += "S1,P1,electricity,America/Chicago,R1,1\nS2,P1,electricity,America/Chicago,R1,2\n"
    rows = "".join(
        f"{point},kwh,{first},{after},{number},kWh\n"
        for point, first, after, number in [
            ("S1", "2026-04-01", "2026-05-01", 1),
            ("S1", "2026-05-01", "2026-06-01", 2),
            ("S1", "2026-06-01", "2026-07-01", 3),  # this cycle
            ("S2", "2026-05-01", "2026-06-01", 4),  # not due
        ]
    )
    folder = write(tmp_path / "in", history=HEADER + rows, service_points=points)
    assert load(workspace, folder).rejects.is_empty()
    with control(workspace, purpose="test") as connection:
        kept = facts(connection, "history")
    # A run found May anew: its value counts.
    row = ("S1", "kwh", date(2026, 5, 1), date(2026, 6, 1), 2_500, 1_000, True, "bill")
    by_run = pl.DataFrame([row], schema=polars_schema(History), orient="row")
    found = history_before(DUE, kept, by_run)
    assert found.select("period_start_date", "quantity", "source").rows() == [
        (date(2026, 4, 1), 1_000, "import"),
        (date(2026, 5, 1), 2_500, "bill"),
    ]
