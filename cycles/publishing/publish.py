"""`cycle publish`: one transaction that makes a run's bills, journals and invoice numbers count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from cycles.books.acts import refuse_closed
from cycles.books.controls import check_books
from cycles.publishing.billed_places import refuse_places_billed_twice
from cycles.publishing.carried import refuse_moved_banks
from cycles.publishing.one_offs import billed_charges, is_one_off, refuse_charged_twice
from cycles.publishing.published import DERIVED_ROWS, keep_published
from cycles.publishing.taking_back import record_carried, record_taken_back, take_back, write_taken_back
from cycles.review.exclusions import kept_out
from cycles.review.release import released_manifest, released_review
from cycles.review.review import refuse_other_than_approved
from cycles.runners.tasks import lake_file_from
from cycles.runs.controls import check_controls, taken_back
from cycles.runs.keys import new_segment_keys
from cycles.runs.folders import checked_manifest, manifest_files, plan_frame, run_folder, run_table
from cycles.runs.plan import read_planned
from cycles.runs.records import change_state, refused_state, the_run
from cycles.runs.scope import refuse_strange_run
from ledger.invariants import invoices_equal_bills, numbers_are_gapless, taxes_equal_invoices
from model.codes import RunState
from model.control import SegmentKeys
from model.errors import ControlError
from model.schema import arranged
from outputs.analytics import build_analytics
from outputs.invoices import Numbered, number_invoices, told_on_invoices
from store.audit import record
from store.backup import keep_backup
from store.books import keep_books
from store.control import Connection, checkpoint, control, insert, insert_files, query, reader, transaction
from store.lake import LakeFile, register_files, verify_file, write_lake_file
from store.standing import bills_made, standing_keys
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
        refuse_strange_run(workspace, row)
        state = RunState(row["state"])
        if state not in {RunState.APPROVED, RunState.PUBLISHED}:
            raise refused_state(run_id, state, RunState.PUBLISHED)
        is_new = state == RunState.APPROVED
        if is_new:
            refuse_closed(connection, row["business_date"], f"run `{run_id}`")
            _publish(workspace, connection, folder, row, at, actor)
        count, total = query(
            connection,
            "SELECT coalesce(sum(row_count), 0), (SELECT total_minor FROM run WHERE run_id = ?) "
            "FROM lake_file WHERE owner = ? AND table_name = 'invoices'",
            [run_id, run_id],
        ).row(0)
        keep_published(workspace, connection, run_id)
        checkpoint(connection)
        # Both only read what is committed, so they work side by side: each has a connection, and a core, of its own.
        with reader(connection) as other, ThreadPoolExecutor(1) as beside:
            kept = beside.submit(keep_books, workspace.books, other, DERIVED_ROWS)
            build_analytics(workspace, connection, whole=not is_new)
            kept.result()
    keep_backup(workspace, run_id)
    return Published(run_id, int(count), int(total or 0), is_new)


def _publish(
    workspace: Workspace, connection: Connection, folder: Path, row: dict[str, Any], at: datetime, actor: str
) -> None:
    run_id, booked_date = row["run_id"], row["business_date"]
    stands = standing_keys(connection)
    manifest, out, files = _checked(workspace, connection, folder, row, stands)
    legs = manifest_files(manifest, "journal_lines")
    bills = run_table(workspace, manifest, "bills").collect()
    lines = run_table(workspace, manifest, "bill_lines").filter(told_on_invoices() | is_one_off()).collect()
    parked = run_table(workspace, manifest, "parked").collect()
    open_items = run_table(workspace, manifest, "open_items").collect()
    due = plan_frame(folder, "due")
    keys = new_segment_keys(due, parked)
    taken = taken_back(folder)
    _refuse_billed_twice(connection, stands, run_id, keys, taken)
    refuse_places_billed_twice(connection, run_id, keys, due, taken)
    back = take_back(connection, run_id, taken, open_items, booked_date) if taken.height else None
    history, banks = (run_table(workspace, manifest, name).collect() for name in ("history", "banks"))
    opening = plan_frame(folder, "banks")
    refuse_moved_banks(connection, run_id, opening, banks if back is None else pl.concat([opening, banks]))
    made = bills.filter(pl.col("reverses_id").is_null())
    charged = billed_charges(lines.join(made, on="bill_id", how="semi"), run_id)
    refuse_charged_twice(connection, run_id, charged, taken["bill_id"])
    first_numbers = _next_numbers(connection)
    numbered = number_invoices(bills, lines, first_numbers)  # type: ignore[arg-type]  # read back from checked files
    _check_numbers(run_id, numbered, bills, first_numbers)
    files += _write_invoices(workspace, run_id, numbered)
    files += [] if back is None else write_taken_back(workspace, run_id, back)
    with transaction(connection):
        insert(connection, "segment_key", arranged(SegmentKeys, keys.with_columns(run_id=pl.lit(run_id))))
        insert(connection, "billed_charge", charged)
        register_files(connection, files, owner=run_id)
        insert_files(connection, "journal_line", [workspace.root / file.path for file in legs])
        insert(connection, "open_item", open_items)
        if back is not None:
            record_taken_back(connection, back)
        record_carried(connection, folder, history, banks, at)
        _keep_numbers(connection, numbered.next_numbers)
        totals = manifest["totals"]
        change_state(
            connection, run_id, RunState.PUBLISHED, published_at=at, billed=totals["billed"], parked=totals["parked"],
            net_minor=totals["net_minor"], tax_minor=totals["tax_minor"], total_minor=totals["bills_minor"],
        )  # fmt: skip
        detail = (
            f"{numbered.invoices.height} invoices, {out.height} bills kept out, manifest {row['manifest_sha256']}, "
            f"digest {manifest['digest']}"
        )
        record(connection, at=at, actor=actor, action="publish", subject=run_id, detail=detail)
        check_books(workspace, connection, run_id)


def _checked(
    workspace: Workspace, connection: Connection, folder: Path, row: dict[str, Any], stands: pl.DataFrame
) -> tuple[dict[str, Any], pl.DataFrame, list[LakeFile]]:
    """Return what is published of a run, what is kept out, and its files, all of them the bytes that were approved."""
    run_id = row["run_id"]
    read_planned(workspace, row, f"billmill cycle abandon {run_id}, then plan it again with a higher --sequence")
    staged = checked_manifest(folder, row["manifest_sha256"])
    computed = [lake_file_from(item) for item in staged["files"]]
    for file in computed:
        verify_file(workspace, file)
    refuse_other_than_approved(workspace, connection, run_id)
    out = kept_out(workspace, connection, run_id)
    manifest = released_manifest(workspace, staged, out)
    tables = sorted({item["table"] for item in manifest["files"]})
    files = [file for table in tables for file in manifest_files(manifest, table)]
    files += released_review(workspace, run_id, out)
    for file in set(files) - set(computed):
        verify_file(workspace, file)
    if out.height:
        check_controls(workspace, connection, folder, manifest)
    return manifest, out, files


def _refuse_billed_twice(
    connection: Connection, stands: pl.DataFrame, run_id: str, keys: pl.DataFrame, taken: pl.DataFrame
) -> None:
    stands = stands.join(taken, on="bill_id", how="anti")
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
    same = (
        keys.filter(pl.col("bill_id").is_in(bills_made(connection).implode()))
        .select("bill_id")
        .unique()
        .sort("bill_id")
    )
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
