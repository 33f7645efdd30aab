"""Rows of determinants reduced to one value."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from rating import aggregates
from rating.aggregates import aggregate
from rating.powers import mean_power

SCHEMA = {
    "due_no": pl.Int64(), "agg": pl.String(), "n": pl.Int32(), "distinct_days": pl.Boolean(), "quantity": pl.Int64(),
    "minutes": pl.Int64(), "peak_day": pl.Date(), "is_estimated": pl.Boolean(), "reads_seq": pl.Int64(),
    "split_method": pl.String(),
}  # fmt: skip


def reduced(*rows: tuple[int, int | None], agg: str, method: str = "interval", **given: Any) -> dict[str, Any]:
    """Aggregate (quantity, day of June) rows of one quantity."""
    row = {"due_no": 1, "agg": agg, "n": 1, "distinct_days": True, "minutes": None, "is_estimated": False,
           "reads_seq": 1, "split_method": method} | given  # fmt: skip
    days = [row | {"quantity": value, "peak_day": day and date(2026, 6, day)} for value, day in rows]
    return _one(pl.DataFrame(days, schema=SCHEMA))


def _one(frame: pl.DataFrame) -> dict[str, Any]:
    found = aggregate(frame, ["due_no"])
    assert found.columns[1:] == ["agg", "quantity", "peak_day", "is_estimated", "reads_seq", "split_method"]
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("agg", "given", "quantity", "day"),
    [
        ("sum", {}, 19, None),
        ("cost", {}, 19, None),
        ("max", {}, 7, 3),  # reached on the 3rd and the 9th: the earlier
        ("min", {}, 5, 4),
        ("nth", {"n": 2}, 7, 9),
        ("nth", {"n": 3}, 5, 4),
        ("nth", {"n": 9}, 5, 4),
        ("mean_of_n", {"n": 2}, 7, None),
        ("mean_of_n", {"n": 3}, 6, None),  # 19 / 3 = 6.33
        ("mean", {"minutes": 30}, 13, None),  # 19 Wh in 90 minutes: 12.67 W
    ],
)
def test_each_way_to_reduce(agg: str, given: dict[str, Any], quantity: int, day: int | None) -> None:
    found = reduced((7, 9), (7, 3), (5, 4), agg=agg, **given)
    assert (found["quantity"], found["peak_day"]) == (quantity, day and date(2026, 6, day))


def test_a_day_of_two_periods_counts_once_among_distinct_days() -> None:
    rows = [(8, 3), (6, 3), (2, 4)]
    assert reduced(*rows, agg="mean_of_n", n=2)["quantity"] == 5
    assert reduced(*rows, agg="mean_of_n", n=2, distinct_days=False)["quantity"] == 7


@pytest.mark.parametrize(("agg", "quantity"), [("max", -4), ("min", -6), ("mean_of_n", -5), ("nth", -6), ("sum", -10)])
def test_what_was_not_measured_does_not_count_beside_what_was(agg: str, quantity: int) -> None:
    row = {"due_no": 1, "agg": agg, "n": 2, "distinct_days": True, "is_estimated": False, "reads_seq": 1}
    rows = [row | {"quantity": value, "peak_day": date(2026, 6, day), "split_method": "interval"}
            for value, day in ((-4, 1), (-6, 2))]  # fmt: skip
    absent = row | {"quantity": 0, "peak_day": None, "split_method": "none"}
    assert _one(pl.DataFrame([*rows, absent], schema=SCHEMA))["quantity"] == quantity
    assert _one(pl.DataFrame([absent], schema=SCHEMA))["quantity"] == 0


def test_an_estimate_and_the_worst_way_of_cutting_mark_the_whole() -> None:
    row = {"due_no": 1, "agg": "sum", "n": 1, "distinct_days": True, "quantity": 5}
    rows = [
        row | {"is_estimated": False, "reads_seq": 9, "split_method": "interval"},
        row | {"is_estimated": True, "reads_seq": 2, "split_method": "days"},
    ]
    found = _one(pl.DataFrame(rows, schema=SCHEMA))
    assert (found["is_estimated"], found["reads_seq"], found["split_method"]) == (True, 9, "days")


@pytest.mark.parametrize(
    ("energy", "minutes", "power"),
    [(100, 15, 400), (1, 180, 0), (3, 120, 2), (-3, 120, -1), (1_000, 180, 333), (500, 180, 167)],
)
def test_power_is_energy_by_time_rounded_half_up(energy: int, minutes: int, power: int) -> None:
    assert pl.select(mean_power(pl.lit(energy, pl.Int64), pl.lit(minutes, pl.Int64))).item() == power


@pytest.mark.parametrize("method", ["interval", "none"])
def test_a_group_of_one_row_comes_to_what_any_group_comes_to(method: str) -> None:
    ways = [("sum", 5, None), ("cost", 5, None), ("max", 7, 3), ("min", 7, 3), ("nth", 7, 3), ("mean_of_n", 7, 3)]
    ways += [("mean", 90, None), ("mean", -90, None)]
    minutes = {"mean": 120}
    rows = [
        {"due_no": number, "agg": agg, "n": 1, "distinct_days": True, "quantity": value, "minutes": minutes.get(agg),
         "peak_day": day and date(2026, 6, day), "is_estimated": number % 2 == 0, "reads_seq": number,
         "split_method": method}
        for number, (agg, value, day) in enumerate([*ways, ("mean", 0, None)])
    ]  # fmt: skip
    rows[-1]["minutes"] = 0  # a mean over no time at all
    frame = pl.DataFrame(rows, schema=SCHEMA)
    alone = aggregate(frame, ["due_no"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregates, "_are_apart", lambda *_: False)
        assert alone.sort("due_no").equals(aggregate(frame, ["due_no"]).sort("due_no"))
    assert alone.filter(pl.col("agg") == "mean")["quantity"].to_list() == [45, -45, 0]
