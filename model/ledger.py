"""Double entry: journals whose legs sum to zero, the open items they leave, and what settles them."""

from __future__ import annotations

from enum import StrEnum

import pandera.polars as pa
import polars as pl

from model.schema import column


class JournalKind(StrEnum):
    """What a journal books."""

    BILL = "bill"
    REVERSAL = "reversal"
    """The exact negation of a bill's journal."""


class JournalLines(pa.DataFrameModel):
    """Legs of journals: positive is debit, negative is credit. Grain: journal_id, leg_no."""

    journal_id: str = column("Journal: one per bill, and one per posting that is no bill")
    leg_no: pl.Int32 = column("Leg, from 1", ge=1)
    kind: str = column("What is booked", isin=[kind.value for kind in JournalKind])
    bill_id: str = column("Bill; null on what is booked without one", nullable=True)
    account_id: str = column("Account; null on what concerns a branch as a whole", nullable=True)
    branch_id: str = column("Branch whose books it is in")
    gl_account: str = column("Ledger account: 142 receivable, 440 electricity, 241 tax payable")
    commodity: str = column("What was supplied; null on the receivable", nullable=True)
    tax_code: str = column("Tax code of a tax leg", nullable=True)
    amount_minor: pl.Int64 = column("Debit above zero, credit below", unit="minor")
    currency: str = column("ISO 4217 code")
    booked_date: pl.Date = column("Business date on which it counts")
    reverses_id: str = column("Journal that this one negates, leg by leg", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["journal_id", "leg_no"]}


class OpenItems(pa.DataFrameModel):
    """What an account owes (above zero) or is owed (below), one item per bill or posting. Grain: item_id."""

    item_id: str = column("Open item")
    bill_id: str = column("Bill that made it; null when none did", nullable=True)
    account_id: str = column("Account that owes")
    branch_id: str = column("Branch")
    currency: str = column("ISO 4217 code")
    amount_minor: pl.Int64 = column("Amount billed; below zero is a credit", unit="minor")
    due_date: pl.Date = column("Day by which it is to be paid")

    class Config:
        strict = True
        metadata = {"grain": ["item_id"]}


class Allocations(pa.DataFrameModel):
    """What settles what: a credit item against a debit item of the same account. Grain: credit_item_id, debit_item_id.

    An open item stands open with its amount less what is allocated to it; a balance is always a sum.
    """

    credit_item_id: str = column("Item below zero that is used up")
    debit_item_id: str = column("Item above zero that is settled")
    amount_minor: pl.Int64 = column("Amount settled", unit="minor", ge=0)
    booked_date: pl.Date = column("Business date on which it counts")

    class Config:
        strict = True
        metadata = {"grain": ["credit_item_id", "debit_item_id"]}
