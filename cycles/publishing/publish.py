"""`cycle publish`: one transaction that makes a run's bills, journals and invoice numbers count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.books.acts import refuse_closed
from cycles.books.controls import check_books
from cycles.publishing.billed_places import refuse_places_billed_twice
from cycles.publishing.carried import refuse_moved_banks
from cycles.publishing.incoming import incoming, insert_keys, refuse_billed_twice
from cycles.publishing.numbering import keep_numbers, number_run
from cycles.publishing.one_offs import billed_charges, is_one_off, refuse_charged_twice
from cycles.publishing.published import DERIVED_ROWS, keep_published
from cycles.publishing.taking_back import (
    TakenBack,
    record_carried,
    record_taken_back,
    take_back,
    write_taken_back,
)
from cycles.review.exclusions import kept_out
from cycles.review.release import released_manifest, released_review
from cycles.review.review import refuse_other_than_approved
from cycles.runners.tasks import lake_file_from
from cycles.runs.commit import verified, verify_files
from cycles.runs.controls import check_controls, taken_back
from cycles.runs.folders import checked_manifest, manifest_files, plan_frame, run_folder, run_table
from cycles.runs.plan import read_planned
from cycles.runs.records import change_state, refused_state, the_run
from cycles.runs.scope import refuse_strange_run
from model.codes import RunState
from model.events import BilledCharges
from model.schema import empty
from outputs.analytics import build_analytics
from store.audit import record
from store.backup import keep_backup
from store.books import keep_books
from store.control import Connection, checkpoint, control, insert, query, reader, transaction
from store.lake import LakeFile, register_files
from store.ledger_rows import show_ledger
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
    staged = checked_manifest(folder, row["manifest_sha256"])
    computed = [lake_file_from(item) for item in staged["files"]]
    with ExitStack() as open_views:
        with verified(workspace, computed):
            manifest, out, files = _checked(workspace, connection, folder, row, staged)
            taken = taken_back(folder)
            open_views.enter_context(incoming(connection, folder, run_table(workspace, manifest, "parked"), taken))
            refuse_billed_twice(connection, run_id)
            refuse_places_billed_twice(connection, run_id, folder)
            back = _taken_back(workspace, connection, manifest, taken, booked_date)
            history, banks = (run_table(workspace, manifest, name).collect() for name in ("history", "banks"))
            opening = plan_frame(folder, "banks")
            refuse_moved_banks(connection, run_id, opening, banks if back is None else pl.concat([opening, banks]))
            charged = _charged(workspace, connection, manifest)
            refuse_charged_twice(connection, run_id, charged, taken["bill_id"])
            numbered = number_run(workspace, connection, folder, manifest, is_whole=back is not None)
            files += numbered.files
            files += [] if back is None else write_taken_back(workspace, run_id, back)
        with transaction(connection):
            insert_keys(connection, run_id)
            insert(connection, "billed_charge", charged)
            register_files(connection, files, owner=run_id)
            if back is not None:
                record_taken_back(connection, back)
            record_carried(connection, folder, history, banks, at)
            keep_numbers(connection, numbered.next_numbers)
            totals = manifest["totals"]
            change_state(
                connection, run_id, RunState.PUBLISHED, published_at=at, billed=totals["billed"],
                parked=totals["parked"], net_minor=totals["net_minor"], tax_minor=totals["tax_minor"],
                total_minor=totals["bills_minor"],
            )  # fmt: skip
            detail = (
                f"{numbered.invoices} invoices, {out.height} bills kept out, manifest {row['manifest_sha256']}, "
                f"digest {manifest['digest']}"
            )
            record(connection, at=at, actor=actor, action="publish", subject=run_id, detail=detail)
            show_ledger(workspace.root, connection)  # the run's own rows with it
            check_books(workspace, connection, run_id)


def _taken_back(
    workspace: Workspace, connection: Connection, manifest: dict[str, Any], taken: pl.DataFrame, booked_date: date
) -> TakenBack | None:
    if taken.is_empty():
        return None
    items = run_table(workspace, manifest, "open_items").collect()
    return take_back(connection, manifest["run_id"], taken, items, booked_date)


def _charged(workspace: Workspace, connection: Connection, manifest: dict[str, Any]) -> DataFrame[BilledCharges]:
    """Return the one-off charges that the bills of a run take up; one that takes another back takes up none."""
    if query(connection, "SELECT 1 FROM one_off_charge LIMIT 1").is_empty():  # then no line can be one
        return empty(BilledCharges)
    lines = run_table(workspace, manifest, "bill_lines").filter(is_one_off()).select("bill_id", "kind", "determinant")
    reversals = run_table(workspace, manifest, "bills").filter(pl.col("reverses_id").is_not_null()).select("bill_id")
    made = lines.collect().join(reversals.collect(), on="bill_id", how="anti")
    return billed_charges(made, manifest["run_id"])


def _checked(
    workspace: Workspace, connection: Connection, folder: Path, row: dict[str, Any], staged: dict[str, Any]
) -> tuple[dict[str, Any], pl.DataFrame, list[LakeFile]]:
    """Return what is published of a run, what is kept out, and its files: what was approved.

    The files that were `staged` are verified by the caller, the others here.
    """
    run_id = row["run_id"]
    read_planned(workspace, row, f"billmill cycle abandon {run_id}, then plan it again with a higher --sequence")
    refuse_other_than_approved(workspace, connection, run_id)
    out = kept_out(workspace, connection, run_id)
    manifest = released_manifest(workspace, staged, out)
    tables = sorted({item["table"] for item in manifest["files"]})
    files = [file for table in tables for file in manifest_files(manifest, table)]
    files += released_review(workspace, run_id, out)
    verify_files(workspace, set(files) - {lake_file_from(item) for item in staged["files"]})
    if out.height:
        check_controls(workspace, connection, folder, manifest)
    return manifest, out, files
