"""What is asked once of rows that stand together."""

from __future__ import annotations

import polars as pl
import pytest

from ledger.rows import first_of_each
from rating.segments import place_in


@pytest.mark.parametrize(
    ("bills", "expected"),
    [
        ([], []),
        (["A"], ["A"]),
        (["A", "A", "B", "B", "B"], ["A", "B"]),
        ([None, None, "A"], [None, "A"]),  # a first row without a value is a row
        (["A", "B", "A"], ["A", "B", "A"]),  # apart, a value comes again
    ],
)
def test_rows_that_stand_together_come_once(bills: list[str | None], expected: list[str | None]) -> None:
    rows = pl.DataFrame(
        {"bill_id": bills, "line_no": range(len(bills))}, schema={"bill_id": pl.String, "line_no": pl.Int32}
    )
    assert first_of_each(rows, ["bill_id"])["bill_id"].to_list() == expected


def test_a_change_in_any_column_is_told() -> None:
    rows = pl.DataFrame({"bill_id": ["A", "A", "A", "B"], "agreement_id": ["1", "1", "2", "2"]})
    assert first_of_each(rows, ["bill_id", "agreement_id"]).rows() == [("A", "1"), ("A", "2"), ("B", "2")]


def test_places_begin_anew_with_each_value() -> None:
    rows = pl.DataFrame({"journal_id": ["A", "A", "A", "B", "C", "C"]})
    assert rows.select(place_in("journal_id")).to_series().to_list() == [1, 2, 3, 1, 1, 2]
