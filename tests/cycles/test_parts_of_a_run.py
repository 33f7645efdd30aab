"""What is on several partitions of a run, or comes twice, is found without comparing texts with each other."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cycles.runs.commit import verified
from cycles.runs.split import on_several_partitions, rows_of_repeated
from model.errors import ControlError
from store.lake import LakeFile
from store.workspace import Workspace


def rows(placed: list[tuple[str, int]]) -> pl.LazyFrame:
    schema = {"bill_id": pl.String, "partition": pl.Int32}
    return pl.LazyFrame(placed, schema=schema, orient="row")


@given(placed=st.lists(st.tuples(st.sampled_from(["A1.r0", "A2.r0", "B.r0", ""]), st.integers(0, 20_000)), max_size=12))
def test_a_bill_on_two_partitions_is_told_with_how_many(placed: list[tuple[str, int]]) -> None:
    on = {bill: {partition for name, partition in placed if name == bill} for bill, _ in placed}
    expected = sorted((bill, len(numbers)) for bill, numbers in on.items() if len(numbers) > 1)
    assert on_several_partitions(rows(placed), "bill_id").rows() == expected


@given(placed=st.lists(st.tuples(st.sampled_from("abcd"), st.just(0)), max_size=8))
def test_no_repeated_value_is_missed(placed: list[tuple[str, int]]) -> None:
    names = [name for name, _ in placed]
    repeated = sorted(name for name in names if names.count(name) > 1)
    assert sorted(rows_of_repeated(rows(placed), "bill_id").collect()["bill_id"]) == repeated


def test_damage_to_a_file_is_told_before_what_was_made_of_it(tmp_path: Path) -> None:
    (tmp_path / "bills.parquet").write_bytes(b"changed")
    file = LakeFile("bills", "bills.parquet", "0" * 64, 1, 7, None, None, None, None, 0)
    workspace = Workspace(tmp_path, "w")
    with pytest.raises(ControlError, match="is not the one that was registered"), verified(workspace, [file]):
        raise ValueError("nonsense was read")
    with pytest.raises(ControlError, match="is not the one that was registered"), verified(workspace, [file]):
        pass  # nothing was read of it, and it is told all the same
