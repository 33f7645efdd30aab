"""`cycle publish`: one transaction that makes a run's bills, journals and invoice numbers count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from cycles.books import refuse_closed
from cycles.books_controls import check_books
from cycles.carried import refuse_moved_banks
from cycles.folders import manifest_files, read_manifest, run_folder, run_table
from cycles.partition import plan_frame
from cycles.records import change_state, refused_state, the_run
from cycles.run import new_segment_keys
from ledger.invariants import invoices_equal_bills, numbers_are_gapless, taxes_equal_invoices
from model.codes import RunState
from model.control import SegmentKeys
from model.errors import ControlError
from model.schema import arranged
from outputs.analytics import build_analytics
from outputs.invoices import Numbered, number_invoices
from store.audit import record
from store.backup import keep_backup
from store.control import Connection, control, insert, query, transaction
from store.facts import record_facts
from store.lake import LakeFile, register_files, verify_file, write_lake_file
from store.workspace import Workspace


@dataclass(frozen=True)
class Published:
    """What a publish did. `is_new` is False when the run was published before."""

    run_id: str
    invoices: int
    total_minor: int
    is_new: bool


def publish_run(workspace: Workspace, run_id: str, *, at: datetime, actor: str) -> Published:
    """Publish an approved run; publishing it again only makes sure that the analysts' database is current.

    Invoice numbers are given here, in order of branch and account, contiguous in each series. A kill before the
    commit leaves the run approved, with files that nothing names; after it, everything counts.

    Raises:
        ControlError: the run is not approved, another run has billed one of its agreements, or controls do not meet.
    """
    folder = run_folder(workspace, run_id)
    with control(workspace, purpose="cycle publish") as connection:
        row = the_run(connection, run_id)
        state = RunState(row["state"])
        if state not in {RunState.APPROVED, RunState.PUBLISHED}:
            raise refused_state(run_id, state, RunState.PUBLISHED)
        is_new = state == RunState.APPROVED
        if is_new:
            refuse_closed(connection, row["business_date"], f"run `{run_id}`")
            _publish(workspace, connection, folder, run_id, at, actor)
        count, total = query(
            connection,
            "SELECT coalesce(sum(row_count), 0), (SELECT total_minor FROM run WHERE run_id = ?) "
            "FROM lake_file WHERE owner = ? AND table_name = 'invoices'",
            [run_id, run_id],
        ).row(0)
        connection.execute("CHECKPOINT")
        build_analytics(workspace, connection)
    keep_backup(workspace, run_id)
    return Published(run_id, int(count), int(total or 0), is_new)


def _publish(workspace: Workspace, connection: Connection, folder: Path, run_id: str, at: datetime, actor: str) -> None:
    manifest = read_manifest(folder)
    tables = sorted({item["table"] for item in manifest["files"]})
    files = [file for table in tables for file in manifest_files(manifest, table)]
    for file in files:
        verify_file(workspace, file)
    bills = run_table(workspace, manifest, "bills").collect()
    lines = run_table(workspace, manifest, "bill_lines").collect()
    parked = run_table(workspace, manifest, "parked").collect()
    keys = new_segment_keys(pl.read_parquet(folder / "plan" / "due.parquet", glob=False), parked)
    _refuse_billed_twice(connection, run_id, keys)
    carried = {"quantity_history": "history", "bank_balance": "banks"}  # table of the books -> table of the run
    left = {table: run_table(workspace, manifest, name).collect() for table, name in carried.items()}
    refuse_moved_banks(connection, run_id, plan_frame(folder, "banks"), left["bank_balance"])
    first_numbers = _next_numbers(connection)
    numbered = number_invoices(bills, lines, first_numbers)  # type: ignore[arg-type]  # read back from checked files
    _check_numbers(run_id, numbered, bills, first_numbers)
    files += _write_invoices(workspace, run_id, numbered)
    with transaction(connection):
        insert(connection, "segment_key", arranged(SegmentKeys, keys.with_columns(run_id=pl.lit(run_id))))
        register_files(connection, files, owner=run_id)
        insert(connection, "journal_line", run_table(workspace, manifest, "journal_lines").collect())
        insert(connection, "open_item", run_table(workspace, manifest, "open_items").collect())
        for table, frame in left.items():
            record_facts(connection, table, frame, recorded_at=at)
        _keep_numbers(connection, numbered.next_numbers)
        change_state(connection, run_id, RunState.PUBLISHED, published_at=at)
        detail = f"{numbered.invoices.height} invoices, digest {manifest['digest'][:16]}"
        record(connection, at=at, actor=actor, action="publish", subject=run_id, detail=detail)
        check_books(workspace, connection, run_id)


def _refuse_billed_twice(connection: Connection, run_id: str, keys: pl.DataFrame) -> None:
    stands = query(connection, "SELECT agreement_id, period_start_date, period_end_date, bill_id FROM segment_key")
    twice = (
        keys.join(stands, on="agreement_id", how="inner", suffix="_stands", validate="m:m")
        .filter(
            pl.col("period_start_date") < pl.col("period_end_date_stands"),
            pl.col("period_start_date_stands") < pl.col("period_end_date"),
        )
        .sort("agreement_id", "period_start_date", "period_start_date_stands")
    )
    if twice.height:
        first, count = twice.row(0, named=True), twice["agreement_id"].n_unique()
        raise ControlError(
            f"run `{run_id}`: {count} agreements have been billed since it was planned; first: "
            f"`{first['agreement_id']}` on bill `{first['bill_id_stands']}`",
            hint=f"billmill cycle abandon {run_id}, then plan again: what is billed is left out",
        )
    # Agreements may have been written anew under other ids; an account still gets each bill once.
    same = keys.join(stands, on="bill_id", how="semi").select("bill_id").unique().sort("bill_id")
    if same.height:
        raise ControlError(
            f"run `{run_id}`: {same.height} of its bills have been published since it was planned; first: "
            f"`{same.item(0, 0)}`",
            hint=f"billmill cycle abandon {run_id}, then plan again: what is billed is left out",
        )


def _next_numbers(connection: Connection) -> dict[str, int]:
    rows = query(connection, "SELECT series, last_no + 1 AS next_no FROM invoice_series ORDER BY series")
    return dict(zip(rows["series"].to_list(), rows["next_no"].to_list(), strict=True))


def _keep_numbers(connection: Connection, next_numbers: dict[str, int]) -> None:
    last = pl.DataFrame(
        {"series": list(next_numbers), "last_no": [number - 1 for number in next_numbers.values()]},
        schema={"series": pl.String, "last_no": pl.Int64},
    )
    connection.execute("DELETE FROM invoice_series")
    insert(connection, "invoice_series", last.sort("series"))


def _check_numbers(run_id: str, numbered: Numbered, bills: pl.DataFrame, first_numbers: dict[str, int]) -> None:
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


def _write_invoices(workspace: Workspace, run_id: str, numbered: Numbered) -> list[LakeFile]:
    folder = f"runs/{run_id}/tables"
    return [
        write_lake_file(workspace, "invoices", folder, numbered.invoices),
        write_lake_file(workspace, "invoice_taxes", folder, numbered.invoice_taxes),
    ]
