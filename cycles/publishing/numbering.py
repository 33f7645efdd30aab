"""The invoices of a run: numbered some branches at a time, so that the bills of millions are never held at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from cycles.runs.folders import manifest_files
from cycles.runs.split import plan_rows
from ledger.invariants import invoices_equal_bills, numbers_are_gapless, taxes_equal_invoices
from model.errors import ControlError
from outputs.invoices import TAX_COLUMNS, Numbered, number_invoices, told_on_invoices
from store.control import Connection, insert, query
from store.lake import LakeFile, scan_lake, write_lake_file
from store.workspace import Workspace

# Bills that are numbered, and written to a file, at a time; a branch is never cut.
_TOGETHER = 1_000_000


@dataclass
class NumberedRun:
    """The invoices of a run as files, how many there are, and where each series goes on."""

    next_numbers: dict[str, int]
    files: list[LakeFile] = field(default_factory=list)
    invoices: int = 0


def number_run(
    workspace: Workspace, connection: Connection, folder: Path, manifest: dict[str, Any], *, is_whole: bool
) -> NumberedRun:
    """Number the bills of a run and write its invoices and their taxes to the lake.

    `is_whole`: bills are on other partitions than what is due of their branches, so all are numbered at once.

    Raises:
        ControlError: the numbers do not meet the bills.
    """
    run_id = str(manifest["run_id"])
    numbered = NumberedRun(_next_numbers(connection))
    for branches, numbers in _batches(folder, manifest, is_whole=is_whole):
        bills, lines = (
            _of_branches(workspace, manifest, table, branches, numbers) for table in ("bills", "bill_lines")
        )
        taxes = lines.filter(told_on_invoices()).select(TAX_COLUMNS)
        mine = bills.collect()
        some = number_invoices(mine, taxes.collect(), numbered.next_numbers)  # type: ignore[arg-type]  # checked files
        _refuse_wrong_numbers(run_id, some, mine, numbered.next_numbers)
        numbered.next_numbers = some.next_numbers
        numbered.invoices += some.invoices.height
        tables: dict[str, pl.DataFrame] = {"invoices": some.invoices, "invoice_taxes": some.invoice_taxes}
        where = f"runs/{run_id}/tables"
        numbered.files += [write_lake_file(workspace, table, where, frame) for table, frame in tables.items()]
    return numbered


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


def _batches(folder: Path, manifest: dict[str, Any], *, is_whole: bool) -> Iterator[tuple[list[str], list[int]]]:
    """Cut a run into branches that are numbered together, in order, each with the partitions that they are on.

    No branches are all of them.
    """
    partitions = range(len(manifest_files(manifest, "bills")))
    due = plan_rows(folder, "due", ["branch_id", "partition"])
    counted = due.group_by("branch_id", "partition").agg(pl.len().alias("rows")).collect(engine="streaming")
    if is_whole or int(counted["rows"].sum()) <= _TOGETHER:
        yield [], list(partitions)
        return
    branches: list[str] = []
    rows = 0
    sizes = counted.group_by("branch_id").agg(pl.col("rows").sum()).sort("branch_id")
    for branch, size in sizes.iter_rows():  # a row per branch
        if branches and rows + size > _TOGETHER:
            yield branches, _places(counted, branches)
            branches, rows = [], 0
        branches, rows = [*branches, branch], rows + size
    yield branches, _places(counted, branches)


def _places(counted: pl.DataFrame, branches: list[str]) -> list[int]:
    return counted.filter(pl.col("branch_id").is_in(branches))["partition"].unique().sort().to_list()


def _of_branches(
    workspace: Workspace, manifest: dict[str, Any], table: str, branches: list[str], numbers: list[int]
) -> pl.LazyFrame:
    files = manifest_files(manifest, table)
    rows = scan_lake(workspace, [files[number] for number in numbers])
    return rows.filter(pl.col("branch_id").is_in(branches)) if branches else rows


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
