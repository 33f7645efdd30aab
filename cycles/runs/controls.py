"""What must meet over a whole run before it can be published; its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.publishing.published_rows import published_rows
from cycles.runners.tasks import Receipt
from cycles.runs.folders import run_table
from ledger.invariants import Books, Violations, check_all
from ledger.reversal import inexact_reversals
from model.corrections import Reversals
from model.errors import ControlError
from model.ids import content_hash
from model.schema import arranged, empty
from store.csv_text import csv_for_people
from store.files import write_bytes_atomic
from store.workspace import Workspace

# What the controls compare. Of lines that is a sixth; the rest explains them.
CONTROLLED: dict[str, pl.Expr | list[str]] = {
    "bill_lines": ["bill_id", "agreement_id", "branch_id", "period_start_date", "category", "currency", "amount_minor"],
    "bills": pl.all(), "energy_controls": pl.all(), "journal_lines": pl.all(), "open_items": pl.all(),
    "parked": pl.all(),
}  # fmt: skip


def manifest_of(run_id: str, plan_sha256: str, selected: int, receipts: Sequence[Receipt]) -> dict[str, Any]:
    """Return the manifest over the receipts of all partitions; `selected` agreements were due."""
    totals: dict[str, int] = {"selected": selected}
    for receipt in receipts:
        for name, value in (receipt.totals | {f"rows_{table}": rows for table, rows in receipt.counts.items()}).items():
            totals[name] = totals.get(name, 0) + value
    files = [asdict(file) for receipt in receipts for file in receipt.files]
    return {
        "run_id": run_id,
        "plan_sha256": plan_sha256,
        "files": files,
        "receipts": [sha256(receipt.as_json()).hexdigest() for receipt in receipts],
        "digest": content_hash(*(file["sha256"] for file in files)),
        "totals": totals,
    }


def control_totals(tables: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    """Return the sums that must meet after the run; agreements on bills that are taken back are not billed."""
    lines, bills, legs = tables["bill_lines"], tables["bills"], tables["journal_lines"]
    made = bills.filter(pl.col("reverses_id").is_null())["bill_id"].implode()
    return {
        "lines_minor": int(lines["amount_minor"].sum()),
        "bills_minor": int(bills["total_minor"].sum()),
        "net_minor": int(bills["net_minor"].sum()),
        "tax_minor": int(bills["tax_minor"].sum()),
        "debits_minor": int(legs.filter(pl.col("amount_minor") > 0)["amount_minor"].sum()),
        "credits_minor": -int(legs.filter(pl.col("amount_minor") < 0)["amount_minor"].sum()),
        "billed": lines.filter(pl.col("bill_id").is_in(made))["agreement_id"].n_unique(),
        "parked": tables["parked"]["agreement_id"].n_unique(),
    }


def check_controls(workspace: Workspace, folder: Path, manifest: dict[str, Any], stands: pl.DataFrame) -> None:
    """Compare what must meet over the whole run.

    Raises:
        ControlError: something does not; the offenders are written to controls.csv in the run's folder.
    """
    due = pl.read_parquet(folder / "plan" / "due.parquet", glob=False)
    taken = taken_back(folder)
    frames = {
        table: run_table(workspace, manifest, table).select(columns).collect() for table, columns in CONTROLLED.items()
    }
    energy = frames["energy_controls"]
    sums = {
        name: energy.select("branch_id", "measure", pl.col(name).alias("quantity"))
        for name in ("read", "billed", "parked", "unpriced")
    }
    keys = new_segment_keys(due, frames["parked"])
    stays = stands.join(taken, on="bill_id", how="anti").select(keys.columns)
    books = Books(
        due=due,
        lines=frames["bill_lines"],
        parked=frames["parked"],
        bills=frames["bills"],
        journal_lines=frames["journal_lines"],
        open_items=frames["open_items"],
        segment_keys=pl.concat([stays, keys]),
        energy_read=sums["read"],
        energy_billed=pl.concat([sums["billed"], sums["unpriced"]]),
        energy_parked=sums["parked"],
    )
    offenders = pl.concat([
        check_all(books), _not_negated(workspace, taken, frames["journal_lines"]),
        _not_as_shown(folder, frames["bills"]),
    ])  # fmt: skip
    if offenders.height:
        path = folder / "controls.csv"
        write_bytes_atomic(path, csv_for_people(offenders).encode())
        first = offenders.row(0, named=True)
        raise ControlError(
            f"run `{manifest['run_id']}`: {offenders.height} controls do not meet; first: {first['invariant']} of "
            f"`{first['subject_id']}`: expected {first['expected']}, found {first['found']}",
            hint=f"all of them are in {path}; nothing can be published from this run",
        )


def taken_back(folder: Path) -> pl.DataFrame:
    """Return the bills that a run takes back (model.corrections.Reversals); none when it takes none."""
    path = folder / "plan" / "reversals.parquet"
    return pl.read_parquet(path, glob=False) if path.is_file() else empty(Reversals)


def _not_negated(workspace: Workspace, taken: pl.DataFrame, journal_lines: pl.DataFrame) -> DataFrame[Violations]:
    """A journal that takes another back negates it leg by leg."""
    found = _reversals_apart(workspace, taken, journal_lines).select(
        pl.lit("reversal_negates_its_journal").alias("invariant"),
        pl.col("reverses_id").alias("subject_id"),
        pl.col("expected", "found").cast(pl.String).fill_null("nothing"),
    )
    return arranged(Violations, found)


def _not_as_shown(folder: Path, bills: pl.DataFrame) -> DataFrame[Violations]:
    """A bill that is made anew comes to what its plan showed."""
    path = folder / "plan" / "changes.parquet"
    if not path.is_file():
        return empty(Violations)
    shown = pl.read_parquet(path, glob=False).filter(pl.col("outcome") == "changed", pl.col("after_lines") > 0)
    made = bills.filter(pl.col("reverses_id").is_null()).select(pl.col("bill_id").alias("new_id"), "total_minor")
    both = shown.select("new_id", "after_minor").join(made, on="new_id", how="full", coalesce=True, validate="1:1")
    apart = both.filter(pl.col("after_minor").ne_missing(pl.col("total_minor")))
    found = apart.select(
        pl.lit("bill_is_as_planned").alias("invariant"),
        pl.col("new_id").alias("subject_id"),
        pl.col("after_minor").cast(pl.String).fill_null("nothing").alias("expected"),
        pl.col("total_minor").cast(pl.String).fill_null("nothing").alias("found"),
    )
    return arranged(Violations, found)


def new_segment_keys(due: pl.DataFrame, parked: pl.DataFrame) -> pl.DataFrame:
    """Return what a run bills: the due agreements that were not parked, with period and bill."""
    billed = due.join(parked.select("agreement_id"), on="agreement_id", how="anti")
    return billed.select(
        "agreement_id",
        pl.col("start_date").alias("period_start_date"),
        pl.col("end_date").alias("period_end_date"),
        pl.col("bill_id").str.extract(r"\.r(\d+)$", 1).cast(pl.Int32).alias("revision"),
        "bill_id",
    ).sort("agreement_id", "period_start_date")


def _reversals_apart(workspace: Workspace, taken: pl.DataFrame, journal_lines: pl.DataFrame) -> pl.DataFrame:
    """Return the journals of a run that do not negate their originals: see `ledger.reversal.inexact_reversals`."""
    if taken.is_empty():
        return inexact_reversals(journal_lines, journal_lines.clear())
    return inexact_reversals(journal_lines, published_rows(workspace, taken, "journal_lines"))
