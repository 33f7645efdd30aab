"""Attributes: what holds on a day, where a due period is cut, and rows that cannot be taken."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from test_accounts_import import load, write

from accounts.attributes import cut_at_attributes
from store.control import control
from store.facts import facts
from store.workspace import Workspace, create_workspace

OF_AGREEMENT = {
    "agreement_id": pl.String, "name": pl.String, "value": pl.String, "valid_from": pl.Date, "valid_to": pl.Date,
}  # fmt: skip
OF_POINT = {"service_point_id": pl.String} | {key: OF_AGREEMENT[key] for key in list(OF_AGREEMENT)[1:]}
HEADER = "agreement_id,name,value,valid_from,valid_to\n"
Row = tuple[str, str, str, date, date | None]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "books", name="x")


def june(day: int) -> date:
    return date(2026, 6, day)


def asked_by(*tariffs: str, names: set[str]) -> pl.DataFrame:
    rows = [(tariff, name) for tariff in tariffs for name in sorted(names)]
    return pl.DataFrame(rows, schema={"tariff_id": pl.String, "name": pl.String}, orient="row")


def cut(of_agreements: list[Row], of_points: list[Row] | None = None) -> tuple[list[object], list[object]]:
    """Cut June of agreement G1 at point S1 and of G2 at S2; return the periods, and the attributes with first days."""
    due = pl.DataFrame({
        "agreement_id": ["G1", "G2"], "service_point_id": ["S1", "S2"],
        "start_date": [june(1)] * 2, "end_date": [date(2026, 7, 1)] * 2, "tariff_id": ["a", "b"],
    })  # fmt: skip
    periods, attributes = cut_at_attributes(
        due,
        pl.DataFrame(of_agreements, schema=OF_AGREEMENT, orient="row"),
        pl.DataFrame(of_points or [], schema=OF_POINT, orient="row"),
        asked_by("a", "b", names={row[1] for row in [*of_agreements, *(of_points or [])]} - {"unasked"}),
    )
    assert periods.columns == due.columns or set(periods.columns) == set(due.columns)
    spans = periods.filter(pl.col("agreement_id") == "G1").select("start_date", "end_date").rows()
    assert periods.filter(pl.col("agreement_id") == "G2").height == 1, "another agreement's periods stay whole"
    return [(a.day, b.day if b.month == 6 else 31) for a, b in spans], attributes.select(
        pl.col("start_date").dt.day(), "name", "number", "text"
    ).rows()


def test_without_attributes_nothing_is_cut() -> None:
    assert cut([]) == ([(1, 31)], [])


def test_an_attribute_that_the_tariff_does_not_ask_for_cuts_nothing() -> None:
    rows: list[Row] = [("G1", "unasked", "1", june(11), None), ("G1", "care", "1", june(21), None)]
    assert cut(rows) == ([(1, 21), (21, 31)], [(21, "care", Decimal(1), "1")])


def test_what_another_tariff_asks_for_cuts_nothing() -> None:
    due = pl.DataFrame({
        "agreement_id": ["G1", "G2"], "service_point_id": ["S1", "S2"],
        "start_date": [june(1)] * 2, "end_date": [date(2026, 7, 1)] * 2, "tariff_id": ["a", "b"],
    })  # fmt: skip
    rows = [("G1", "care", "1", june(11), None), ("G2", "care", "1", june(11), None)]
    periods, attributes = cut_at_attributes(
        due, pl.DataFrame(rows, schema=OF_AGREEMENT, orient="row"), pl.DataFrame(schema=OF_POINT),
        asked_by("b", names={"care"}),
    )  # fmt: skip
    assert periods.select("agreement_id", "start_date").rows() == [("G1", june(1)), ("G2", june(1)), ("G2", june(11))]
    assert attributes["agreement_id"].to_list() == ["G2"]


@pytest.mark.parametrize(
    ("rows", "spans", "texts"),
    [
        # Since before June, without an end.
        ([("G1", "care", "1", date(2020, 1, 1), None)], [(1, 31)], [(1, "1")]),
        # It begins on the first day: no cut; on the second: a cut; on the first of July: nothing.
        ([("G1", "care", "1", june(1), None)], [(1, 31)], [(1, "1")]),
        ([("G1", "care", "1", june(2), None)], [(1, 2), (2, 31)], [(2, "1")]),
        ([("G1", "care", "1", date(2026, 7, 1), None)], [(1, 31)], []),
        # It ends on the first day (not included): nothing; in the middle: a cut.
        ([("G1", "care", "1", date(2020, 1, 1), june(1))], [(1, 31)], []),
        ([("G1", "care", "1", date(2020, 1, 1), june(16))], [(1, 16), (16, 31)], [(1, "1")]),
        # Without an end it holds until the next value.
        (
            [("G1", "care", "1", date(2020, 1, 1), None), ("G1", "care", "0", june(16), None)],
            [(1, 16), (16, 31)],
            [(1, "1"), (16, "0")],
        ),
        # The same value again cuts nothing.
        ([("G1", "care", "1", date(2020, 1, 1), june(16)), ("G1", "care", "1", june(16), None)], [(1, 31)], [(1, "1")]),
        # Three values, the middle one for a day.
        (
            [
                ("G1", "care", "1", date(2020, 1, 1), None),
                ("G1", "care", "2", june(10), None),
                ("G1", "care", "1", june(11), None),
            ],
            [(1, 10), (10, 11), (11, 31)],
            [(1, "1"), (10, "2"), (11, "1")],
        ),
    ],
)
def test_a_period_is_cut_where_what_holds_becomes_another(
    rows: list[Row], spans: list[object], texts: list[object]
) -> None:
    found, attributes = cut(rows)
    assert found == spans
    assert [(row[0], row[3]) for row in attributes] == texts  # type: ignore[index]


def test_an_agreement_hides_what_its_point_says_and_changes_behind_it() -> None:
    of_point = [
        ("S1", "care", "9", date(2020, 1, 1), None),
        ("S1", "care", "8", june(20), None),
        ("S1", "size", "5/8", date(2020, 1, 1), None),
    ]
    found, attributes = cut([("G1", "care", "1", june(11), None)], of_point)
    # Until the 11th the point's 9, then the agreement's 1; the point's change on the 20th is hidden.
    assert found == [(1, 11), (11, 31)]
    assert attributes == [
        (1, "care", Decimal("9.000000000000"), "9"),
        (1, "size", None, "5/8"),
        (11, "care", Decimal("1.000000000000"), "1"),
        (11, "size", None, "5/8"),
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [("12.5", "12.5"), ("-3", "-3"), ("0.000000000001", "0.000000000001"), ("0.0000000000001", None), ("1e3", None)],
)
def test_a_number_is_what_decimals_hold_without_loss(text: str, number: str | None) -> None:
    _, attributes = cut([("G1", "kw", text, june(1), None)])
    assert attributes == [(1, "kw", Decimal(number) if number else None, text)]


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        ("G1,care,1,2026-06-01,\n", []),
        ("G1,Care,1,2026-06-01,\n", [(2, "value_not_allowed")]),
        ("G9,care,1,2026-06-01,\n", [(2, "unknown_reference")]),
        ("G1,care,,2026-06-01,\n", [(2, "value_missing")]),
        ("G1,care,1,2026-06-01,2026-06-01\n", [(2, "dates_reversed")]),
        ("G1,care,1,2026-06-01,2026-06-02\nG1,care,2,2026-06-02,\n", []),
        ("G1,care,1,2026-06-01,2026-06-03\nG1,care,2,2026-06-02,\n", [(2, "overlap"), (3, "overlap")]),
        ("G1,care,1,2026-06-01,\nG1,care,2,2026-06-02,\n", []),
        ("G1,care,1,2026-06-01,2026-06-03\nG1,size,2,2026-06-02,\n", []),
        ("G1,care,1,2026-06-01,\nG1,care,2,2026-06-01,\n", [(3, "key_doubled")]),
    ],
)
def test_rows_that_cannot_be_taken_are_named(
    workspace: Workspace, tmp_path: Path, rows: str, reasons: list[tuple[int, str]]
) -> None:
    report = load(workspace, write(tmp_path / "in", agreement_attributes=HEADER + rows))
    assert report.rejects.select("line", "reason").rows() == reasons


def test_a_new_row_cannot_reach_over_a_recorded_one_and_the_recorded_one_may_come_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    load(workspace, write(tmp_path / "in", agreement_attributes=HEADER + "G1,care,1,2026-06-10,2026-06-20\n"))
    again = HEADER + "G1,care,1,2026-06-10,2026-06-20\nG1,care,2,2026-06-01,2026-06-11\nG1,care,3,2026-06-19,\n"
    report = load(workspace, write(tmp_path / "again", agreement_attributes=again))
    assert report.rejects.select("line", "reason").rows() == [(3, "overlap"), (4, "overlap")]
    shorter = HEADER + "G1,care,1,2026-06-10,2026-06-19\nG1,care,3,2026-06-19,\n"
    assert load(workspace, write(tmp_path / "shorter", agreement_attributes=shorter)).rejects.is_empty()
    with control(workspace, purpose="test") as connection:
        assert facts(connection, "agreement_attributes").select("value", "valid_to").rows() == [
            ("1", date(2026, 6, 19)),
            ("3", None),
        ]
