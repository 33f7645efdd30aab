"""What a run is published as when bills are kept out: the tables of their partitions written again without them.

What is left is a function of the run's files and of the list of bills, whoever writes it and however often. The files
that the run computed stay beside it; nothing counts them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from cycles.review.bill_findings import review_files
from cycles.runners.tasks import Receipt, read_receipt
from cycles.runs.controls import control_totals, manifest_of, partition_offenders
from cycles.runs.folders import RELEASED, plan_frame, run_folder
from cycles.runs.listed import listing_text, read_listing
from model.codes import ParkReason
from model.controls import EnergyControls
from model.rating import DueAgreements
from model.schema import arranged, checked
from rating.aside import with_parked, without_days
from store.files import write_bytes_atomic
from store.lake import LakeFile, scan_lake, write_lake_file
from store.workspace import Workspace

_OF_BILLS = ("bills", "bill_lines", "journal_lines", "open_items")
_OF_AGREEMENTS = ("determinants", "banks")
_MOVED = ["billed", "unpriced"]


def released_manifest(workspace: Workspace, manifest: dict[str, Any], kept_out: pl.DataFrame) -> dict[str, Any]:
    """Return the manifest of a run without the bills of `kept_out` (bill_id, detail), and write what it lists.

    Without such bills it is the run's own. The receipts are read again from the run's folder.
    """
    if kept_out.is_empty():
        return manifest
    run_id = str(manifest["run_id"])
    folder = run_folder(workspace, run_id)
    due = plan_frame(folder, "due")
    touched = due.join(kept_out, on="bill_id", how="semi")["partition"].unique().to_list()
    receipts = []
    for partition in due["partition"].unique().sort().to_list():
        receipt = read_receipt(folder, partition)
        assert receipt is not None, f"partition {partition} has no receipt"
        receipts.append(_without(workspace, receipt, due, kept_out) if partition in touched else receipt)
    released = manifest_of(run_id, manifest["plan_sha256"], int(manifest["totals"]["selected"]), receipts)
    released |= {"released_from": manifest["digest"], "kept_out": kept_out.height}
    write_bytes_atomic(folder / RELEASED, listing_text(folder, released))
    return read_listing(folder / RELEASED)


def released_review(workspace: Workspace, run_id: str, kept_out: pl.DataFrame) -> list[LakeFile]:
    """Return the files of a run's review as they are published: findings as they are, use without what is kept out."""
    files = review_files(run_folder(workspace, run_id))
    if kept_out.is_empty():
        return files
    used = [file for file in files if file.table == "bill_use"]
    left = [file for file in files if file.table != "bill_use"]
    for file in used:
        frame = scan_lake(workspace, [file]).collect().join(kept_out, on="bill_id", how="anti", maintain_order="left")
        left.append(write_lake_file(workspace, "bill_use", f"runs/{run_id}/tables", frame))
    return left


def _without(workspace: Workspace, receipt: Receipt, due: pl.DataFrame, kept_out: pl.DataFrame) -> Receipt:
    """Return what the receipt of a partition would be without the bills, and write its tables so."""
    tables = {file.table: scan_lake(workspace, [file]).collect() for file in receipt.files}
    mine = due.filter(pl.col("partition") == receipt.partition)
    aside = mine.join(kept_out.select("bill_id", "detail"), on="bill_id", how="inner", validate="m:1")
    for name in _OF_BILLS:
        tables[name] = tables[name].join(aside, on="bill_id", how="anti", maintain_order="left")
    for name in _OF_AGREEMENTS:
        tables[name] = tables[name].join(aside, on="agreement_id", how="anti", maintain_order="left")
    tables["history"] = without_days(tables["history"], aside)
    new = aside.join(tables["parked"], on=["agreement_id", "start_date"], how="anti")
    tables["parked"] = with_parked(tables["parked"], new, ParkReason.EXCLUDED, "review")
    tables["energy_controls"] = _energy(workspace, receipt, tables["energy_controls"], kept_out)
    folder = f"runs/{receipt.run_id}/tables"
    files = tuple(write_lake_file(workspace, table, folder, frame) for table, frame in sorted(tables.items()))
    counts = {table: frame.height for table, frame in tables.items()} | {"due": receipt.counts["due"]}
    offenders = partition_offenders(checked(DueAgreements, mine), tables).height
    return replace(receipt, files=files, counts=counts, totals=control_totals(tables), offenders=offenders)


def _energy(workspace: Workspace, receipt: Receipt, controls: pl.DataFrame, kept_out: pl.DataFrame) -> pl.DataFrame:
    """Move the energy of the bills from billed and unpriced to parked: it is rated again for them alone."""
    from cycles.runs.partition import STEPS, work_on  # noqa: PLC0415  # slow to load; few runs keep bills out

    is_out = (pl.col("partition") == receipt.partition) & pl.col("bill_id").is_in(kept_out["bill_id"].implode())
    work = work_on(workspace, receipt.run_id, is_out, receipt.partition)
    for step in STEPS:
        if step.name in {"gather", "rate", "count"}:
            step.run(work)
    keys = ["partition", "branch_id", "measure"]
    theirs = work.tables["energy_controls"].select(*keys, *(pl.col(name).alias(f"{name}_out") for name in _MOVED))
    joined = controls.join(theirs, on=keys, how="left", validate="1:1", maintain_order="left").with_columns(
        pl.col(f"{name}_out").fill_null(0) for name in _MOVED
    )
    moved = joined.with_columns(
        *(pl.col(name) - pl.col(f"{name}_out") for name in _MOVED),
        parked=pl.col("parked") + sum((pl.col(f"{name}_out") for name in _MOVED), pl.lit(0)),
    )
    return arranged(EnergyControls, moved.select(controls.columns))
