"""What a partition of a run that takes bills back computes: their reversals, and beside them the bills made anew."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from cycles.publishing.published_rows import published_rows
from cycles.runners.tasks import Receipt, Task
from cycles.runs.folders import plan_frame
from cycles.runs.partition import leave_receipt, work_on
from ledger.reversal import Reversed, reverse_bills
from model.bills import Bills
from model.controls import EnergyControls
from model.ledger import JournalLines, OpenItems
from model.rating import BankBalances, BillLines, Determinants, DueAgreements, History, Parked
from model.schema import arranged, empty
from store.workspace import Workspace, open_workspace


def compute_cancel(task: Task) -> Receipt:
    """Compute a partition of a run that takes bills back, and leave its receipt."""
    workspace = open_workspace(Path(task.workspace))
    tables = nothing_billed() | reversal_tables(workspace, task)
    return leave_receipt(workspace, task, tables, due=empty(DueAgreements), is_reviewed=False)


def nothing_billed() -> dict[str, pl.DataFrame]:
    """Return the tables of a partition that bills nobody."""
    return {
        "bill_lines": empty(BillLines), "bills": empty(Bills), "determinants": empty(Determinants),
        "energy_controls": empty(EnergyControls), "journal_lines": empty(JournalLines), "open_items": empty(OpenItems),
        "parked": empty(Parked), "history": empty(History), "banks": empty(BankBalances),
    }  # fmt: skip


def reversal_tables(workspace: Workspace, task: Task) -> dict[str, pl.DataFrame]:
    """Return the rows that take back the bills of a partition, by table."""
    work = work_on(workspace, task.run_id, pl.lit(True))
    taken = plan_frame(work.folder, "reversals").filter(pl.col("partition") == task.partition)
    if taken.is_empty():
        return {}
    back = reversed_rows(workspace, taken, date.fromisoformat(work.plan["business_date"]))
    return {
        "bills": back.bills, "bill_lines": back.lines, "journal_lines": back.journal_lines,
        "open_items": back.open_items,
    }  # fmt: skip


def reversed_rows(workspace: Workspace, taken: pl.DataFrame, booked_date: date) -> Reversed:
    """Return what takes published bills (bill_id, run_id) back."""
    rows = {
        table: published_rows(workspace, taken, table)
        for table in ("bills", "bill_lines", "journal_lines", "open_items")
    }
    return reverse_bills(
        arranged(Bills, rows["bills"]),
        arranged(BillLines, rows["bill_lines"]),
        arranged(JournalLines, rows["journal_lines"]),
        arranged(OpenItems, rows["open_items"]),
        booked_date,
    )
