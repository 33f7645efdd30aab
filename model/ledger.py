"""Double entry: journals whose legs sum to zero, and the open items they leave."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from model.schema import column


class JournalLines(pa.DataFrameModel):
    """Legs of journals: positive is debit, negative is credit. Grain: journal_id, leg_no."""

    journal_id: str = column("Journal: one per bill")
    leg_no: pl.Int32 = column("Leg, from 1", ge=1)
    kind: str = column("What is booked: bill")
    bill_id: str = column("Bill")
    account_id: str = column("Account")
    branch_id: str = column("Branch whose books it is in")
    gl_account: str = column("Ledger account: 142 receivable, 440 electricity, 241 tax payable")
    commodity: str = column("What was supplied; null on the receivable", nullable=True)
    tax_code: str = column("Tax code of a tax leg", nullable=True)
    amount_minor: pl.Int64 = column("Debit above zero, credit below", unit="minor")
    currency: str = column("ISO 4217 code")
    booked_date: pl.Date = column("Business date of the run")

    class Config:
        strict = True
        metadata = {"grain": ["journal_id", "leg_no"]}


class OpenItems(pa.DataFrameModel):
    """What an account owes, one item per bill. Grain: item_id."""

    item_id: str = column("Open item")
    bill_id: str = column("Bill that made it")
    account_id: str = column("Account that owes")
    branch_id: str = column("Branch")
    currency: str = column("ISO 4217 code")
    amount_minor: pl.Int64 = column("Amount billed; below zero is a credit", unit="minor")
    due_date: pl.Date = column("Day by which it is to be paid")

    class Config:
        strict = True
        metadata = {"grain": ["item_id"]}
