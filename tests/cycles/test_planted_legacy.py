"""A legacy file with differences planted in plain Python: each is found, and given the class that was planted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from whole_night import prepare_books

from cycles.legacy.compare import Compared, CompareRequest, compare_run
from cycles.legacy.sums import service_classes
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import run_cycle
from demo.legacy import PLANTS, write_legacy
from demo.night import prepare
from model.progress import Silent
from store.workspace import Workspace

AT = datetime(2026, 11, 4, 1, tzinfo=UTC)
EACH = 3  # a price is believed when three bills share it


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    folder = tmp_path_factory.mktemp("parallel")
    files = prepare(folder / "incoming", 420, 5)
    workspace = prepare_books(folder / "books", files)
    request = PlanRequest(files.cycle_id, files.business_date, (), 1, 2, known_at=AT, actor="night")
    run = plan_cycle(workspace, request).run_id
    run_cycle(workspace, run, workers=1, progress=Silent(), at=AT, actor="night")
    return workspace, run


def compared(billed: tuple[Workspace, str], path: Path) -> Compared:
    return compare_run(billed[0], CompareRequest(billed[1], path, None, Decimal("0.01"), None, AT, "ana"))


def test_a_file_of_our_own_bills_is_equal_to_the_last_cent(billed: tuple[Workspace, str], tmp_path: Path) -> None:
    write_legacy(*billed, tmp_path / "clean.csv", each=0)
    found = compared(billed, tmp_path / "clean.csv")
    assert found.differences.is_empty()
    assert found.row["ours_minor"] == found.row["legacy_minor"] == found.legacy.total_minor > 0
    assert found.branches["lines"].sum() == found.branches["equal"].sum() == found.row["cells"]


def test_every_difference_planted_gets_the_class_that_was_planted(
    billed: tuple[Workspace, str], tmp_path: Path
) -> None:
    planted = write_legacy(*billed, tmp_path / "legacy.csv", each=EACH)
    kinds = planted.group_by("what").len()
    assert set(kinds["what"]) == {what for _, what, _ in PLANTS}
    found = compared(billed, tmp_path / "legacy.csv")
    classes = service_classes(found.differences).select(
        "account_id", "service_point_id", pl.col("cause").alias("found")
    )
    both = planted.join(classes, on=["account_id", "service_point_id"], how="full", coalesce=True)
    wrong = both.filter(pl.col("cause").ne_missing(pl.col("found")))
    assert wrong.is_empty(), wrong.rows()
    assert found.not_again == 0
