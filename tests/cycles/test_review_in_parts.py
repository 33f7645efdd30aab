"""A run that is reviewed in parts is reviewed as a whole: the same findings, the same use, the same past."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median_low

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from storage_faults import copied
from whole_night import PLANNED, request

import cycles.review.bill_findings
from cycles.publishing.publish import publish_run
from cycles.review.bill_findings import bill_findings, review_files, review_run
from cycles.review.parts import parts_of
from cycles.review.review import approve_run
from cycles.review.standing_use import past_of_parts
from cycles.review.whole_run import counted_use, largest_bills, whole_run
from cycles.runs.folders import read_manifest, run_folder
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from demo.night import DemoFiles
from model.progress import Silent
from store.control import control
from store.lake import scan_lake
from store.workspace import Workspace, open_workspace

DAYS = 30
_use = st.tuples(st.sampled_from(["home", "shop"]), st.sampled_from(["Wh", "L", ""]), st.integers(0, 9))


@given(parts=st.lists(st.lists(_use, max_size=6), min_size=1, max_size=4))
def test_the_median_of_a_class_is_that_of_all_its_supplies(parts: list[list[tuple[str, str, int]]]) -> None:
    schema = {"revenue_class": pl.String, "unit": pl.String, "use_day": pl.Int64}
    frames = [
        pl.DataFrame(part, schema=schema, orient="row").with_columns(
            commodity=pl.lit("any"), quantity=pl.col("use_day") * DAYS, period_start_date=PLANNED.date(),
            period_end_date=PLANNED.date() + timedelta(days=DAYS),
        )
        for part in parts
    ]  # fmt: skip
    nothing = pl.DataFrame(
        schema={"branch_id": pl.String, "currency": pl.String, "bill_id": pl.String, "total_minor": pl.Int64}
    )
    found = whole_run([counted_use(frame) for frame in frames], [largest_bills(nothing, 1)], 1).classes
    expected: dict[tuple[str, str], list[int]] = {}
    for revenue_class, unit, use_day in (one for part in parts for one in part):
        if unit:
            expected.setdefault((revenue_class, unit), []).append(use_day)
    assert {(row["revenue_class"], row["unit"]): (row["usual"], row["peers"]) for row in found.to_dicts()} == {
        key: (median_low(values), len(values)) for key, values in expected.items()
    }


def test_the_largest_bills_are_those_of_all_parts() -> None:
    def bills(*rows: tuple[str, str, int]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema=["branch_id", "bill_id", "total_minor"], orient="row").with_columns(
            currency=pl.lit("AUD")
        )

    # Of North C has 9, A and D 5: the earlier id first. Of South there is one bill with something to pay.
    parts = [bills(("N", "A", 5), ("N", "B", 4), ("S", "E", 0)), bills(("N", "D", 5), ("N", "C", 9), ("S", "F", 1))]
    nobody = pl.DataFrame(schema={"revenue_class": pl.String, "commodity": pl.String, "unit": pl.String,
                                  "use_day": pl.Int64, "supplies": pl.Int64})  # fmt: skip
    found = whole_run([nobody], [largest_bills(part, 3) for part in parts], 3).largest
    assert found.rows() == [("C", 1), ("A", 2), ("D", 3), ("F", 1)]


_bill = st.tuples(st.sampled_from("NS"), st.sampled_from(["AUD", "EUR"]), st.integers(-2, 4))


@given(rows=st.lists(_bill, max_size=12), top=st.integers(0, 4))
def test_the_largest_bills_are_those_of_a_plain_list(rows: list[tuple[str, str, int]], top: int) -> None:
    bills = [(branch, currency, f"B{no}", total) for no, (branch, currency, total) in enumerate(rows)]
    schema = {"branch_id": pl.String, "currency": pl.String, "bill_id": pl.String, "total_minor": pl.Int64}
    expected = []
    for branch, currency in sorted({bill[:2] for bill in bills}):
        own = [bill for bill in bills if bill[:2] == (branch, currency) and bill[3] > 0]
        ordered = sorted(own, key=lambda bill: (-bill[3], bill[2]))[:top]
        expected += [(*bill, place) for place, bill in enumerate(ordered, 1)]
    assert largest_bills(pl.DataFrame(bills, schema=schema, orient="row"), top).rows() == expected


def _reviewed(workspace: Workspace, run: str) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return the findings and the use of a run, and how many files they are in."""
    files = review_files(run_folder(workspace, run))
    use = scan_lake(workspace, [file for file in files if file.table == "bill_use"]).collect()
    return bill_findings(workspace, run), use.sort("bill_id", "agreement_id"), len(files)


@pytest.fixture(scope="module")
def in_parts(books: Path, files: DemoFiles, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """Return a run whose three partitions were reviewed one by one."""
    workspace = copied(open_workspace(books), tmp_path_factory.mktemp("in_parts") / "w")
    run = plan_cycle(workspace, request(files, partitions=3)).run_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycles.review.bill_findings, "parts_of", partial(parts_of, supplies_each=1))
        run_cycle(workspace, run, workers=1, progress=Silent(), at=PLANNED, actor="night")
    return workspace, run


def test_parts_come_to_what_the_whole_comes_to(in_parts: tuple[Workspace, str]) -> None:
    workspace, run = in_parts
    folder: Path = run_folder(workspace, run)
    findings, use, files = _reviewed(workspace, run)
    assert (findings.height > 0, files) == (True, 6)  # of each of three partitions its use, and its findings
    (folder / "review.json").rename(folder / "in_parts.json")
    plan = json.loads((folder / "plan" / "plan.json").read_bytes())
    with control(workspace, purpose="test") as connection:
        review_run(workspace, connection, plan, read_manifest(folder))
    whole, whole_use, files = _reviewed(workspace, run)
    assert files == 4  # findings of all are one
    assert_frame_equal(findings, whole)
    assert_frame_equal(use, whole_use)
    counts = [json.loads((folder / name).read_bytes())["counts"] for name in ("in_parts.json", "review.json")]
    assert counts[0] == counts[1]
    (folder / "in_parts.json").rename(folder / "review.json")


def test_each_part_is_told_the_past_of_its_own_accounts(in_parts: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, run = in_parts
    approve_run(workspace, run, at=PLANNED, actor="mira")
    publish_run(workspace, run, at=PLANNED, actor="night")
    folder = run_folder(workspace, run)
    manifest = read_manifest(folder)
    later, since = PLANNED + timedelta(days=30), PLANNED.date() - timedelta(days=90)
    told = {}
    with control(workspace, purpose="test") as connection:
        for supplies_each in (1, 10**9):
            parts = parts_of(folder, manifest, supplies_each)
            with past_of_parts(workspace, connection, parts, tmp_path / "aside", known_at=later, since=since) as past:
                told[len(parts)] = [past(place) for place in range(len(parts))]
            assert not (tmp_path / "aside").exists()
    assert all(part.height for part in told[3])
    assert_frame_equal(pl.concat(told[3]).sort("bill_id", "agreement_id"), told[1][0])
    for part, files in zip(told[3], parts_of(folder, manifest, 1), strict=True):
        assert set(part["account_id"]) == set(files.headers(workspace).collect()["account_id"])
