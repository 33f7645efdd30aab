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
    PAYMENT = "payment"
    SUSPENSE = "suspense"
    """A payment whose account is not known yet."""
    IDENTIFY = "identify"
    """A payment in suspense whose account was found."""
    ALLOCATION = "allocation"
    """A credit used up by a debt of another control account or branch."""
    CREDIT_ADJUSTMENT = "credit_adjustment"
    DEBIT_ADJUSTMENT = "debit_adjustment"
    LATE_FEE = "late_fee"
    WAIVER = "waiver"
    """A late fee taken back."""
    PROVISION = "provision"
    WRITE_OFF = "write_off"
    RECOVERY = "recovery"
    """A debt that was written off and is owed again, for somebody pays it."""
    DEPOSIT_BILLED = "deposit_billed"
    DEPOSIT_CANCELLED = "deposit_cancelled"
    """A deposit that was billed and is no longer asked for."""
    DEPOSIT_INTEREST = "deposit_interest"
    INTEREST_APPLIED = "interest_applied"
    DEPOSIT_APPLIED = "deposit_applied"
    DEPOSIT_REFUND = "deposit_refund"
    OPENING_BALANCE = "opening_balance"
    """What an account owed in the books that these replace."""
    OPENING_CREDIT = "opening_credit"
    OPENING_DEPOSIT = "opening_deposit"
    REFUND = "refund"
    PAYOUT = "payout"
    """Money that leaves the bank for refunds."""
    CASH_ROUNDING = "cash_rounding"
    TRANSFER = "transfer"
    """A debt that another account takes over."""
    TAX_PAYMENT = "tax_payment"
    UNBILLED = "unbilled"
    """Revenue of days supplied and not billed at a month's end."""
    UNBILLED_REVERSAL = "unbilled_reversal"


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
    gl_account: str = column("Control account that it stands in; null is 142, what bills leave", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["item_id"]}


class Allocations(pa.DataFrameModel):
    """What settles what: a credit item against a debit item of the same account. Grain: credit_item_id, debit_item_id,
    amount_minor.

    An open item stands open with its amount less what is allocated to it; a balance is always a sum. When a bill is
    taken back, what settled it is released: the same row again, below zero.
    """

    credit_item_id: str = column("Item below zero that is used up")
    debit_item_id: str = column("Item above zero that is settled")
    amount_minor: pl.Int64 = column("Amount settled; below zero: released", unit="minor")
    booked_date: pl.Date = column("Business date on which it counts")

    class Config:
        strict = True
        metadata = {"grain": ["credit_item_id", "debit_item_id", "amount_minor"]}
