"""Blocks of VEE as tasks of a runner: what threads of one process find, also when the first validation was killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from whole_night import PLANNED, RECEIVED

from cycles.nights.bill import NightRequest
from cycles.nights.night import run_night
from cycles.runners.attempts import Came, attempts
from cycles.runners.chosen import LOCAL, Runner
from cycles.runners.runner import run_locally
from cycles.runners.tasks import ASIDE, Task
from cycles.runners.vee_blocks import judging
from cycles.runners.watch import UNWATCHED, Watch
from demo.night import DemoFiles
from ingest.vee.block import JudgedBlock
from ingest.vee.blocks import Judge, judged_blocks
from ingest.vee.run import run_vee
from model.codes import RunnerName
from model.errors import ControlError, StaleError
from model.progress import Silent
from store.control import control, query
from store.workspace import Workspace

HERE = Runner(RunnerName.ARRAY, run_locally)
Left = dict[str, Any]


def validated(workspace: Workspace, judge: Judge) -> None:
    """Validate October in blocks of 8 channels."""
    run_vee(
        workspace, from_date=date(2026, 10, 1), to_date=date(2026, 11, 1), received_at=RECEIVED, channels_per_block=8,
        judge=judge,
    )  # fmt: skip


def kept(judge: Judge, found: list[JudgedBlock]) -> Judge:
    """Return what judges as `judge` does and keeps the blocks."""

    def judged(reads: Sequence[Any], *given: Any) -> Iterator[Any]:
        for lake, block in judge(reads, *given):
            found.append(block)
            yield lake, block

    return judged


def same(one: JudgedBlock, other: JudgedBlock) -> bool:
    frames = ("edited", "findings", "estimates")
    equal: Callable[[str], bool] = lambda name: getattr(one, name).equals(getattr(other, name))  # noqa: E731
    return all(map(equal, frames)) and one.totals == other.totals


def test_a_runner_that_turns_blocks_round_finds_what_threads_find_in_their_order(workspace: Workspace) -> None:
    def turned(
        compute: Callable[[Task], Came], tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED
    ) -> Iterator[Came]:
        yield from [compute(task) for task in reversed(tasks)]

    by_threads, by_runner = list[JudgedBlock](), list[JudgedBlock]()
    validated(workspace, kept(judged_blocks, by_threads))
    with judging(workspace, replace(HERE, run=turned)) as judge:
        validated(workspace, kept(judge, by_runner))
    assert len(by_threads) == len(by_runner) > 2
    assert all(map(same, by_threads, by_runner))
    assert not (workspace.root / ASIDE).exists()


def test_a_validation_that_was_killed_goes_on_with_the_blocks_that_have_a_receipt(workspace: Workspace) -> None:
    given: list[int] = []

    def killed(
        compute: Callable[[Task], Came], tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED
    ) -> Iterator[Came]:
        yield from islice(map(compute, tasks), 2)
        raise KeyboardInterrupt

    def counted(
        compute: Callable[[Task], Came], tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED
    ) -> Iterator[Came]:
        given.extend(task.partition for task in tasks)
        yield from run_locally(compute, tasks, workers=workers, watch=watch)

    with pytest.raises(KeyboardInterrupt), judging(workspace, replace(HERE, run=killed)) as judge:
        validated(workspace, judge)
    (left,) = (workspace.root / ASIDE).iterdir()
    assert [note.partition for note in attempts(left)] == [0, 1]
    with judging(workspace, replace(HERE, run=counted)) as judge:
        validated(workspace, judge)
    assert given == list(range(2, 2 + len(given)))
    assert given


def test_what_was_left_aside_and_changed_is_not_read(workspace: Workspace) -> None:
    def spoiling(
        compute: Callable[[Task], Came], tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED
    ) -> Iterator[Came]:
        for came in map(compute, tasks):
            (workspace.root / came.receipt.files[0].path).write_bytes(b"else")
            yield came

    with (
        pytest.raises(ControlError, match=r"judged-00000-.* is not what was written there"),
        judging(workspace, replace(HERE, run=spoiling)) as judge,
    ):
        validated(workspace, judge)


def test_a_machine_with_another_version_of_the_code_judges_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cycles.runners.attempts.code_version", lambda: "0" * 64)
    with pytest.raises(StaleError, match="has another version of Billmill"), judging(workspace, HERE) as judge:
        validated(workspace, judge)
    assert not list(Path(workspace.root / ASIDE).rglob("judged-*"))


def test_this_machine_judges_by_threads(tmp_path: Path) -> None:
    with judging(Workspace(tmp_path, "w"), LOCAL) as judge:
        assert judge is judged_blocks


def test_a_night_has_its_blocks_and_its_partitions_computed_by_the_runner_it_was_given(
    workspace: Workspace, files: DemoFiles
) -> None:
    given: list[bool] = []

    def counted(
        compute: Callable[[Task], Came], tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED
    ) -> Iterator[Came]:
        given.extend(task.is_aside for task in tasks)
        yield from run_locally(compute, tasks, workers=1, watch=watch)

    asked = NightRequest(files.business_date, (), 1, PLANNED, "night", replace(HERE, run=counted))
    report = run_night(workspace, asked, Silent())
    assert report.is_new
    assert set(given) == {True, False}, "blocks of VEE, then partitions"
    with control(workspace, purpose="test") as connection:
        assert query(connection, "SELECT state FROM run")["state"].to_list() == ["validated"]
