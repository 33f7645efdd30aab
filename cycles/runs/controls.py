"""What must meet in a partition, and over a whole run, before it can be published; its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.publishing.published_rows import published_rows
from cycles.runners.tasks import Receipt
from cycles.runs.folders import manifest_files, plan_frame, run_table
from cycles.runs.keys import key_offenders
from ledger.invariants import Books, Violations, check_all
from ledger.reversal import inexact_reversals
from model.corrections import Reversals
from model.errors import ControlError
from model.ids import content_hash
from model.rating import DueAgreements
from model.schema import arranged, checked, empty, polars_schema
from store.control import Connection
from store.csv_text import csv_for_people
from store.files import write_bytes_atomic
from store.lake import scan_lake
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
    files = [dict(vars(file)) for receipt in receipts for file in receipt.files]
    return {
        "run_id": run_id,
        "plan_sha256": plan_sha256,
        "files": files,
        "receipts": [sha256(receipt.as_json()).hexdigest() for receipt in receipts],
        "digest": content_hash(*(file["sha256"] for file in files)),
        "totals": totals,
        "unmet": [number for number, receipt in enumerate(receipts) if receipt.offenders != 0],
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


def partition_offenders(due: DataFrame[DueAgreements], tables: Mapping[str, pl.DataFrame]) -> DataFrame[Violations]:
    """Return what does not meet within a partition: journals, bills with their lines and items, counts, energy.

    A bill is on one partition (`cycles.runs.keys`), and sums that are equal in each are equal over all: so a run of
    whose partitions nothing is returned meets as a whole.
    """
    energy = tables["energy_controls"]
    sums = {
        name: energy.select("branch_id", "measure", pl.col(name).alias("quantity"))
        for name in ("read", "billed", "parked", "unpriced")
    }
    books = Books(
        due=due,
        lines=tables["bill_lines"],
        parked=tables["parked"],
        bills=tables["bills"],
        journal_lines=tables["journal_lines"],
        open_items=tables["open_items"],
        energy_read=sums["read"],
        energy_billed=pl.concat([sums["billed"], sums["unpriced"]]),
        energy_parked=sums["parked"],
    )
    return check_all(books)


def check_controls(workspace: Workspace, connection: Connection, folder: Path, manifest: dict[str, Any]) -> None:
    """Compare what must meet over the whole run.

    Each partition compared its own rows when it left its receipt; here only those are read again of which something did
    not meet, and what is between partitions, or between the run and what stands, is compared.

    Raises:
        ControlError: something does not meet; the offenders are written to controls.csv in the run's folder.
    """
    taken = taken_back(folder)
    parked = run_table(workspace, manifest, "parked")
    offenders = pl.concat([
        _again(workspace, folder, manifest), _totals_apart(folder, manifest),
        *key_offenders(connection, folder, parked, taken), _not_negated(workspace, manifest, taken),
        _not_as_shown(workspace, folder, manifest),
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


def _again(workspace: Workspace, folder: Path, manifest: dict[str, Any]) -> DataFrame[Violations]:
    """Compare the rows of the partitions that do not say that theirs meet."""
    files = {table: manifest_files(manifest, table) for table in CONTROLLED}
    numbers = manifest.get("unmet", range(len(files["bills"])))  # before receipts said it, nobody had looked
    if not numbers:
        return empty(Violations)
    tables = {
        table: scan_lake(workspace, [files[table][number] for number in numbers]).select(columns).collect()
        for table, columns in CONTROLLED.items()
    }
    due = plan_frame(folder, "due", pl.col("partition").is_in(list(numbers)))
    return partition_offenders(checked(DueAgreements, due), tables)


def _totals_apart(folder: Path, manifest: dict[str, Any]) -> DataFrame[Violations]:
    """The sums that partitions left are equal over all of them, and what they were to bill is what was planned."""
    totals = manifest["totals"]
    due = pl.scan_parquet(folder / "plan" / "due.parquet", glob=False).select(pl.len()).collect().item()
    pairs = (
        ("due_rows", totals["rows_due"], due),
        ("lines_minor", totals["lines_minor"], totals["bills_minor"]),
        ("net_and_tax_minor", totals["net_minor"] + totals["tax_minor"], totals["bills_minor"]),
        ("debits_minor", totals["debits_minor"], totals["credits_minor"]),
    )
    apart = [
        ("run_totals_meet", name, str(expected), str(found)) for name, found, expected in pairs if found != expected
    ]
    return arranged(Violations, pl.DataFrame(apart, schema=polars_schema(Violations), orient="row"))


def taken_back(folder: Path) -> pl.DataFrame:
    """Return the bills that a run takes back (model.corrections.Reversals); none when it takes none."""
    path = folder / "plan" / "reversals.parquet"
    return pl.read_parquet(path, glob=False) if path.is_file() else empty(Reversals)


def _not_negated(workspace: Workspace, manifest: dict[str, Any], taken: pl.DataFrame) -> DataFrame[Violations]:
    """A journal that takes another back negates it leg by leg."""
    legs = run_table(workspace, manifest, "journal_lines").filter(pl.col("reverses_id").is_not_null()).collect()
    originals = legs.clear() if taken.is_empty() else published_rows(workspace, taken, "journal_lines")
    found = inexact_reversals(legs, originals).select(
        pl.lit("reversal_negates_its_journal").alias("invariant"),
        pl.col("reverses_id").alias("subject_id"),
        pl.col("expected", "found").cast(pl.String).fill_null("nothing"),
    )
    return arranged(Violations, found)


def _not_as_shown(workspace: Workspace, folder: Path, manifest: dict[str, Any]) -> DataFrame[Violations]:
    """A bill that is made anew comes to what its plan showed."""
    path = folder / "plan" / "changes.parquet"
    if not path.is_file():
        return empty(Violations)
    shown = pl.read_parquet(path, glob=False).filter(pl.col("outcome") == "changed", pl.col("after_lines") > 0)
    bills = run_table(workspace, manifest, "bills").filter(pl.col("reverses_id").is_null())
    made = bills.select(pl.col("bill_id").alias("new_id"), "total_minor").collect()
    both = shown.select("new_id", "after_minor").join(made, on="new_id", how="full", coalesce=True, validate="1:1")
    apart = both.filter(pl.col("after_minor").ne_missing(pl.col("total_minor")))
    found = apart.select(
        pl.lit("bill_is_as_planned").alias("invariant"),
        pl.col("new_id").alias("subject_id"),
        pl.col("after_minor").cast(pl.String).fill_null("nothing").alias("expected"),
        pl.col("total_minor").cast(pl.String).fill_null("nothing").alias("found"),
    )
    return arranged(Violations, found)
