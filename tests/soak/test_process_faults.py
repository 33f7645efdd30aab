"""A seeded share of the soak: faults at named points, kills, full disks, commands at once; and what a point costs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

if sys.platform != "linux":
    pytest.skip("commands are forked and their disks are limited as Linux does it", allow_module_level=True)

from concurrency import at_once
from process_faults import PARTS, month_played, tried
from scenario import STEPS, Month
from trials import all_points, matrix

from store import failpoints

SEED = 20261122
SHARE = {"points x faults": 4, "points of a rebill, killed": 3, "random kills": 1, "full disks": 2}
ENOUGH = 300.0  # seconds, on a machine that does other things as well


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    with month_played() as played:
        yield played


def test_there_are_points_on_the_path_of_every_command_that_writes(month: Month) -> None:
    points = all_points(month)
    assert len({name for _, name, _ in points}) >= 40
    for step in STEPS:
        is_written = any("commit" in name or "rename" in name for of, name, _ in points if of == step)
        # What was corrected is good: judged again, it leaves nothing to write. All others leave something.
        assert is_written == (step.name != "vee again"), step.name
    assert len({(step.name, job.point, job.fault) for step, job in matrix(month, Random(1))}) == 4 * len(points)


@pytest.mark.parametrize("part", PARTS, ids=[what for what, _, _ in PARTS])
def test_a_command_that_was_hurt_ends_as_one_that_was_not(month: Month, part: tuple[str, object, float]) -> None:
    what, trials, _ = part
    count = tried(month, what, trials, SEED, ENOUGH, SHARE[what])  # type: ignore[arg-type]
    assert (count.done, count.unexplained) == (SHARE[what], 0), count.note


def test_of_commands_at_once_one_wins_and_the_others_are_told(month: Month) -> None:
    count = at_once(month, SEED, ENOUGH, 4)
    assert (count.done, count.unexplained) == (4, 0), count.note


def test_a_point_is_named_by_the_kind_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    run = tmp_path / "lake" / "runs" / "bill-2026-10-20261104-1"
    named = {
        tmp_path / "control.duckdb": "control.duckdb",
        run / "manifest.json": "bill/manifest.json",
        run / "plan" / ".due.parquet.4711.tmp": "plan/a table",
        run / "tables" / "bills-0123456789abcdef.parquet": "tables/a table",
        tmp_path / "backups" / "objects" / "ab" / ("ab" * 32): "objects/a table",
    }
    assert {path: failpoints.kind_of(path) for path in named} == named


def test_a_fault_comes_at_the_hit_it_is_armed_for() -> None:
    failpoints.arm("landing: before commit of the transaction", "full", hit=2)
    try:
        with failpoints.during("landing"):
            failpoints.reached("before commit of", "the transaction")
            failpoints.reached("after commit of", "the transaction")
            with pytest.raises(Exception, match="No space left on device"):
                failpoints.reached("before commit of", "the transaction")
            failpoints.reached("before commit of", "the transaction")
    finally:
        failpoints.listen(None)
