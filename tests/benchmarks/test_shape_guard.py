"""The guard of shape: counts of a small month, never times, so that work that grows where it must not fails here.

Two sizes of the same books are compared. Each guard is shown to fire on a slowdown that is planted.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from benchmarks.month import copy_books
from benchmarks.month_data import DRAWN_AT, DrawnBooks, draw_books
from benchmarks.month_stages import APPROVER, PLANNER
from benchmarks.shape import Shape, counted
from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runners.attempts import Compute
from cycles.runners.tasks import Receipt, Task
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import COMPUTE, run_cycle
from ingest.vee.run import run_vee
from model.codes import RunKind
from model.progress import SILENT
from model.reads import slot_columns
from store.control import control, query
from store.workspace import open_workspace

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bytes are counted by /proc")

# What one account or channel more may cost in calls. None is made for each; a few hundred come with what a larger base
# has more kinds of (reasons to park, tariffs, estimates), and the findings of VEE get their ids one by one.
CALLS_PER_ACCOUNT = 3.0  # of four stages the highest is 1.9
CALLS_PER_CHANNEL = 12.0  # 8.5
# The files of reads are read once, and their keys (channel, day, version) once more.
PASSES = 1.4
# Channel-days, and those that VEE wrote again. A row per interval would be 96 times as many.
ROWS_PER_CHANNEL_DAY = 1.5
SLOTS = slot_columns(15)
# Slow work on books, planted to be found.
Plant = Callable[[Path], object]


@dataclass(frozen=True)
class Books:
    """A small month: as landed and as judged, with its branches by their number of points."""

    drawn: DrawnBooks
    judged: Path
    branches: list[str]
    channels: list[int]
    reads_bytes: int

    @property
    def channel_days(self) -> int:
        """Days of all channels, about: some channels begin or end in the month."""
        return len(self.channels) * (self.drawn.period_end_date - self.drawn.period_start_date).days


@dataclass(frozen=True)
class Counts:
    """What stages did at one size, and how many of its kind there were: accounts, or channels."""

    things: int
    stages: dict[str, Shape]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    folder = tmp_path_factory.mktemp("shape")
    drawn = draw_books(folder, 1, 31, 7, 1, lambda _: None)
    with control(open_workspace(drawn.root), purpose="test") as connection:
        numbers = query(connection, "SELECT channel_no FROM channel_number WHERE interval_minutes > 0 ORDER BY 1")
        by_size = query(
            connection,
            "SELECT branch_id FROM premises JOIN service_points USING (premise_id) GROUP BY 1 ORDER BY count(*), 1",
        )["branch_id"].to_list()
    judged = copy_books(drawn.root, folder / "judged")
    _judge(drawn, judged, None)
    reads = sum(path.stat().st_size for path in (drawn.root / "lake" / "reads_day_15").rglob("*.parquet"))
    return Books(drawn, judged, by_size, numbers["channel_no"].to_list(), reads)


@pytest.fixture(scope="module")
def billed(books: Books, tmp_path_factory: pytest.TempPathFactory) -> tuple[Counts, Counts]:
    """Three branches with few accounts, then the five with the most; before, one that loads what is loaded once."""
    root = copy_books(books.judged, tmp_path_factory.mktemp("billed") / "books")
    _bill(books, root, books.branches[:1])
    return _bill(books, root, books.branches[1:4]), _bill(books, root, books.branches[4:])


def _judge(drawn: DrawnBooks, root: Path, only: list[int] | None) -> None:
    start, end = drawn.period_start_date, drawn.period_end_date
    run_vee(open_workspace(root), from_date=start, to_date=end, received_at=DRAWN_AT, progress=SILENT, only=only)


def _judged(books: Books, root: Path, channels: int, plant: Plant) -> Counts:
    """Judge the first channels on a copy of the landed books, with what is planted, and count."""
    copy = copy_books(books.drawn.root, root)
    only = books.channels[:channels]
    with counted() as shape:
        _judge(books.drawn, copy, only)
        plant(copy)
    shutil.rmtree(copy)
    return Counts(channels, {"vee": shape})


def _run(books: Books, root: Path, branches: list[str]) -> tuple[str, Counts]:
    """Plan and run the month of some branches, and count."""
    workspace, drawn = open_workspace(root), books.drawn
    at, stages = DRAWN_AT, {}
    request = PlanRequest(drawn.cycle_id, drawn.business_date, tuple(branches), 1, 1, known_at=at, actor=PLANNER)
    with counted() as stages["plan"]:
        run_id = plan_cycle(workspace, request).run_id
    with counted() as stages["run"]:
        totals = run_cycle(workspace, run_id, workers=1, progress=SILENT, at=at, actor=PLANNER).totals
    return run_id, Counts(totals["selected"], stages)


def _bill(books: Books, root: Path, branches: list[str]) -> Counts:
    """Plan, run, approve and publish the month of some branches, and count."""
    workspace = open_workspace(root)
    run_id, counts = _run(books, root, branches)
    with counted() as approved:
        approve_run(workspace, run_id, at=DRAWN_AT, actor=APPROVER)
    with counted() as published:
        publish_run(workspace, run_id, at=DRAWN_AT, actor=PLANNER)
    return Counts(counts.things, counts.stages | {"approve": approved, "publish": published})


def _refuse_calls_for_each(small: Counts, large: Counts, limit: float) -> None:
    """Refuse stages whose calls grow with what they work on."""
    for name, stage in large.stages.items():
        more = (stage.calls - small.stages[name].calls) / (large.things - small.things)
        assert more <= limit, f"{name}: {more:.2f} calls for each account or channel more; {limit} are allowed"


def _refuse_statements_for_each(small: Counts, large: Counts) -> None:
    """Refuse stages that ask the database more often about more accounts."""
    for name, stage in large.stages.items():
        asked = (small.stages[name].sql_calls, stage.sql_calls)
        assert asked[1] <= asked[0] + 5, f"{name}: {asked[0]} statements for few accounts, {asked[1]} for many"


def _refuse_second_pass(stage: Shape, reads_bytes: int) -> None:
    """Refuse a stage that reads the files of reads more than once."""
    assert stage.scanned_bytes is not None
    passes = stage.scanned_bytes / reads_bytes
    assert passes <= PASSES, f"{passes:.2f} times the bytes of all reads were read; {PASSES} are allowed"


def _refuse_long_rows(stage: Shape, channel_days: int) -> None:
    """Refuse a stage that makes rows of intervals."""
    height = stage.tallest / channel_days
    assert height <= ROWS_PER_CHANNEL_DAY, f"a frame of {stage.tallest} rows over {channel_days} channel-days"


def _nothing(_: Path) -> None:
    """Plant nothing."""


def _reads(root: Path) -> pl.LazyFrame:
    return pl.scan_parquet(root / "lake" / "reads_day_15" / "**" / "*.parquet")


def _second_pass(root: Path) -> None:
    _reads(root).select(pl.col(SLOTS).sum()).collect()


def _long_rows(root: Path) -> None:
    _reads(root).select("channel_no", pl.concat_list(SLOTS).alias("wh")).collect().explode("wh").group_by(
        "channel_no"
    ).agg(pl.col("wh").sum())


def _loop_over_days(root: Path) -> None:
    sums: dict[int, int] = {}
    for channel_no, count in _reads(root).select("channel_no", "n").collect().iter_rows():
        sums[channel_no] = sums.get(channel_no, 0) + count


class TestVee:
    def test_judging_calls_nothing_for_each_channel_and_reads_each_read_once(
        self, books: Books, tmp_path: Path
    ) -> None:
        _judged(books, tmp_path / "first", 5, _nothing)  # loads what is loaded once
        small = _judged(books, tmp_path / "small", len(books.channels) // 4, _nothing)
        large = _judged(books, tmp_path / "large", len(books.channels), _nothing)
        _refuse_calls_for_each(small, large, CALLS_PER_CHANNEL)
        _refuse_second_pass(large.stages["vee"], books.reads_bytes)
        _refuse_long_rows(large.stages["vee"], books.channel_days)

    def test_slow_shapes_are_refused(self, books: Books, tmp_path: Path) -> None:
        small = _judged(books, tmp_path / "small", 5, _nothing)
        looped = _judged(books, tmp_path / "looped", len(books.channels), _loop_over_days)
        with pytest.raises(AssertionError, match="calls for each"):
            _refuse_calls_for_each(small, looped, CALLS_PER_CHANNEL)
        twice = _judged(books, tmp_path / "twice", 5, _second_pass)
        with pytest.raises(AssertionError, match="times the bytes"):
            _refuse_second_pass(twice.stages["vee"], books.reads_bytes)
        long = _judged(books, tmp_path / "long", 5, _long_rows)
        with pytest.raises(AssertionError, match="a frame of"):
            _refuse_long_rows(long.stages["vee"], books.channel_days)


class TestBilling:
    def test_no_stage_calls_anything_for_each_account(self, billed: tuple[Counts, Counts]) -> None:
        small, large = billed
        assert large.things > 3 * small.things
        _refuse_calls_for_each(small, large, CALLS_PER_ACCOUNT)
        _refuse_statements_for_each(small, large)

    def test_rating_reads_each_read_once_and_makes_no_rows_of_intervals(
        self, books: Books, billed: tuple[Counts, Counts]
    ) -> None:
        stage = billed[1].stages["run"]
        _refuse_second_pass(stage, books.reads_bytes)
        _refuse_long_rows(stage, books.channel_days)

    @pytest.mark.parametrize("planted", [_loop_over_days, _second_pass, _long_rows])
    def test_slow_shapes_of_a_partition_are_refused(
        self,
        books: Books,
        billed: tuple[Counts, Counts],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        planted: Plant,
    ) -> None:
        monkeypatch.setitem(COMPUTE, RunKind.BILL, _with(COMPUTE[RunKind.BILL], planted))
        _, slow = _run(books, copy_books(books.judged, tmp_path / "books"), books.branches[4:])
        if planted is _loop_over_days:
            with pytest.raises(AssertionError, match="calls for each"):
                _refuse_calls_for_each(billed[0], slow, CALLS_PER_ACCOUNT)
        elif planted is _second_pass:
            with pytest.raises(AssertionError, match="times the bytes"):
                _refuse_second_pass(slow.stages["run"], books.reads_bytes)
        else:
            with pytest.raises(AssertionError, match="a frame of"):
                _refuse_long_rows(slow.stages["run"], books.channel_days)

    def test_a_statement_for_each_bill_is_refused(self, books: Books, billed: tuple[Counts, Counts]) -> None:
        with control(open_workspace(books.judged), purpose="test") as connection, counted() as shape:
            for channel_no in books.channels[:50]:
                query(connection, "SELECT channel_id FROM channel_number WHERE channel_no = ?", [channel_no])
        slow = Counts(billed[1].things, {"publish": shape})
        shape.sql_calls += billed[1].stages["publish"].sql_calls
        with pytest.raises(AssertionError, match="statements"):
            _refuse_statements_for_each(billed[0], slow)


def _with(compute: Compute, planted: Plant) -> Compute:
    """Return a partition's work with something slow beside it."""

    def slow(task: Task) -> Receipt:
        planted(Path(task.workspace))
        return compute(task)

    return slow
