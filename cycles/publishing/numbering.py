"""The invoices of a run: numbered part by part, so that the bills of millions are never held at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from cycles.runs.folders import manifest_files
from cycles.runs.split import plan_columns
from ledger.invariants import invoices_equal_bills, numbers_are_gapless, taxes_equal_invoices
from model.errors import ControlError
from outputs.invoices import (
    BILL_COLUMNS,
    TAX_COLUMNS,
    Numbered,
    count_series,
    number_invoices,
    told_on_invoices,
)
from store.control import Connection, insert, query
from store.lake import LakeFile, scan_lake, write_lake_file
from store.workspace import Workspace

# Due agreements whose bills are numbered, and written to a file, at a time.
_TOGETHER = 500_000
_AT_A_TIME = 2  # parts that are numbered beside each other
_READ = ("bills", "bill_lines")
_SAMPLED_EVERY = 997  # rows of a large branch, to cut its accounts into about equal parts


@dataclass(frozen=True)
class _Batch:
    """Bills that are numbered together: of branches (all when None), or of a branch from an account to another."""

    partitions: list[int]
    branches: list[str] | None = None
    first: str | None = None
    after: str | None = None

    def of(self, workspace: Workspace, files: Sequence[LakeFile]) -> pl.LazyFrame:
        """Return its rows of a table that names branch and account; `files`: those of the table, by partition."""
        rows = scan_lake(workspace, [files[number] for number in self.partitions])
        if self.branches is not None:
            rows = rows.filter(pl.col("branch_id").is_in(self.branches))
        if self.first is not None:
            rows = rows.filter(pl.col("account_id") >= self.first)
        return rows if self.after is None else rows.filter(pl.col("account_id") < self.after)


@dataclass(frozen=True)
class _Run:
    """A run whose bills are numbered: its files of bills and of lines, by partition, listed once for all batches."""

    workspace: Workspace
    run_id: str
    bills: list[LakeFile]
    lines: list[LakeFile]


@dataclass(frozen=True)
class NumberedRun:
    """The invoices of a run as files, how many there are, and where each series goes on."""

    next_numbers: dict[str, int]
    files: list[LakeFile]
    invoices: int


def number_run(
    workspace: Workspace, connection: Connection, folder: Path, manifest: dict[str, Any], *, is_whole: bool
) -> NumberedRun:
    """Number the bills of a run and write its invoices and their taxes to the lake.

    `is_whole`: bills are on other partitions than what is due of their branches, so all are numbered at once. Otherwise
    two parts are worked on at a time: a part counts its bills as soon as it has them, and tells the next one where its
    numbers begin.

    Raises:
        ControlError: the numbers do not meet the bills.
    """
    batches = list(_batches(folder, manifest, is_whole=is_whole))
    run = _Run(workspace, str(manifest["run_id"]), *(manifest_files(manifest, table) for table in _READ))
    # The next number of each series, before each batch and after the last: known when the batches before are counted.
    following: list[Future[dict[str, int]]] = [Future() for _ in range(len(batches) + 1)]
    following[0].set_result(_next_numbers(connection))
    files: list[LakeFile] = []
    invoices = 0
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for own, count in pool.map(partial(_number_batch, run), batches, following, following[1:]):
            files += own
            invoices += count
    return NumberedRun(following[-1].result(), files, invoices)


def _number_batch(
    run: _Run, batch: _Batch, begin: Future[dict[str, int]], end: Future[dict[str, int]]
) -> tuple[list[LakeFile], int]:
    """Number the bills of a batch from where the one before ends; return its files and how many invoices they hold."""
    try:
        bills, lines = (batch.of(run.workspace, files) for files in (run.bills, run.lines))
        mine = bills.select(BILL_COLUMNS).collect()
        counted = count_series(mine)
        first = begin.result()
        after = first | {name: first.get(name, 1) + count for name, count in counted.items()}
    except BaseException as error:
        end.set_exception(error)  # who waits for it would wait for ever
        raise
    end.set_result(after)
    taxes = lines.filter(told_on_invoices()).select(TAX_COLUMNS).collect()
    some = number_invoices(mine, taxes, first)  # type: ignore[arg-type]  # checked files
    _refuse_wrong_numbers(run.run_id, some, mine, first)
    assert some.next_numbers == after, "what was counted is what was numbered"
    tables: dict[str, pl.DataFrame] = {"invoices": some.invoices, "invoice_taxes": some.invoice_taxes}
    where = f"runs/{run.run_id}/tables"
    return [
        write_lake_file(run.workspace, table, where, frame) for table, frame in tables.items()
    ], some.invoices.height


def keep_numbers(connection: Connection, next_numbers: dict[str, int]) -> None:
    """Keep the last number of each series. Call it inside the transaction that publishes the invoices."""
    last = pl.DataFrame(
        {"series": list(next_numbers), "last_no": [number - 1 for number in next_numbers.values()]},
        schema={"series": pl.String, "last_no": pl.Int64},
    )
    connection.execute("DELETE FROM invoice_series")
    insert(connection, "invoice_series", last.sort("series"))


def _next_numbers(connection: Connection) -> dict[str, int]:
    rows = query(connection, "SELECT series, last_no + 1 AS next_no FROM invoice_series ORDER BY series")
    return dict(zip(rows["series"].to_list(), rows["next_no"].to_list(), strict=True))


def _batches(folder: Path, manifest: dict[str, Any], *, is_whole: bool) -> Iterator[_Batch]:
    """Cut a run into what is numbered together, in the order of its numbers.

    A run that takes nothing back has one series a branch, in order of account: so a large branch can be cut.
    """
    due = plan_columns(folder, "due", ["branch_id", "partition", "account_id"])
    counted = due.group_by("branch_id", "partition").agg(pl.len().alias("rows")).collect(engine="streaming")
    if is_whole or int(counted["rows"].sum()) <= _TOGETHER:
        yield _Batch(list(range(len(manifest_files(manifest, "bills")))))
        return
    branches: list[str] = []
    rows = 0
    sizes = counted.group_by("branch_id").agg(pl.col("rows").sum()).sort("branch_id")
    for branch, size in sizes.iter_rows():  # a row per branch
        if branches and rows + size > _TOGETHER:
            yield from _parts(due, counted, branches, rows)
            branches, rows = [], 0
        branches, rows = [*branches, branch], rows + size
    yield from _parts(due, counted, branches, rows)


def _parts(due: pl.LazyFrame, counted: pl.DataFrame, branches: list[str], rows: int) -> Iterator[_Batch]:
    """Return branches as a batch; one that is larger than a batch in parts of about equal size, by account."""
    partitions = counted.filter(pl.col("branch_id").is_in(branches))["partition"].unique().sort().to_list()
    parts = -(-rows // _TOGETHER)
    if parts == 1 or len(branches) > 1:
        yield _Batch(partitions, branches)
        return
    mine = due.filter(pl.col("branch_id") == branches[0])
    sample = mine.select("account_id").gather_every(_SAMPLED_EVERY).collect(engine="streaming")["account_id"].sort()
    cuts = [None, *dict.fromkeys(sample[number * len(sample) // parts] for number in range(1, parts)), None]
    spans = mine.group_by("partition").agg(
        pl.col("account_id").min().alias("low"), pl.col("account_id").max().alias("high")
    )
    reach = spans.sort("partition").collect(engine="streaming")
    for first, after in pairwise(cuts):
        holds = (pl.lit(True) if first is None else pl.col("high") >= first) & (
            pl.lit(True) if after is None else pl.col("low") < after
        )
        yield _Batch(reach.filter(holds)["partition"].to_list(), branches, first, after)


def _refuse_wrong_numbers(run_id: str, numbered: Numbered, bills: pl.DataFrame, first_numbers: dict[str, int]) -> None:
    offenders = pl.concat([
        numbers_are_gapless(numbered.invoices, first_numbers),
        invoices_equal_bills(numbered.invoices, bills),
        taxes_equal_invoices(numbered.invoice_taxes, numbered.invoices),
    ])  # fmt: skip
    if offenders.height:
        first = offenders.row(0, named=True)
        raise ControlError(
            f"run `{run_id}`: {first['invariant']} of `{first['subject_id']}`: expected {first['expected']}, "
            f"found {first['found']}",
            hint="nothing was published; report this with the run's folder",
        )
