"""A partition reads its part of the frames by service point: its own rows, and those that several partitions need."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

from cycles.runs.inputs import _in_order_of_partition
from cycles.runs.partition import _frame_of_partition

DUE = pl.DataFrame(
    {"service_point_id": ["E1", "E2", "E3", "E3", "E4"], "partition": [1, 0, 0, 2, 2]},
    schema={"service_point_id": pl.String, "partition": pl.Int32},
)
METERS = pl.DataFrame({"service_point_id": ["E4", "E1", "E3", "E2", "E1"], "meter_id": ["M4", "M1", "M3", "M2", "M9"]})


def test_rows_lie_in_order_of_their_partition_and_those_of_several_last() -> None:
    ordered, places = _in_order_of_partition(METERS, DUE)
    assert ordered["meter_id"].to_list() == ["M2", "M1", "M9", "M4", "M3"]
    assert places == [0, 1, 3, 4, 5]  # of partitions 0, 1, 2; of E3, which two of them need; all rows


def test_a_frame_without_rows_has_places_too() -> None:
    assert _in_order_of_partition(METERS.clear(), DUE)[1] == [0, 0, 0, 0, 0]


def test_each_partition_gets_the_rows_of_its_points(tmp_path: Path) -> None:
    ordered, places = _in_order_of_partition(METERS, DUE)
    (tmp_path / "plan").mkdir()
    ordered.write_parquet(tmp_path / "plan" / "meters.parquet", row_group_size=2)
    plan = {"places": {"meters": places}, "files": {"meters.parquet": ""}}
    for number, expected in enumerate([["M2", "M3"], ["M1", "M9"], ["M3", "M4"]]):
        points = DUE.filter(pl.col("partition") == number)["service_point_id"]
        keep = pl.col("service_point_id").is_in(points.implode())
        frame = partial(_frame_of_partition, tmp_path, plan, number)
        assert sorted(frame("meters", keep)["meter_id"]) == expected
        assert sorted(frame("meters")["meter_id"]) == ["M1", "M2", "M3", "M4", "M9"]
