"""What is posted beside bills: payments, fees, adjustments, deposits; the chart of accounts; closed periods."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.ledger import JournalKind
from model.schema import column

# What has no posting of its own: bills and their reversals, allocations, the accrual of a month's end.
WITHOUT_POSTING = (
    JournalKind.BILL,
    JournalKind.REVERSAL,
    JournalKind.ALLOCATION,
    JournalKind.UNBILLED,
    JournalKind.UNBILLED_REVERSAL,
)


class PostingState(StrEnum):
    """Where a posting stands. Only booked ones have a journal."""

    PROPOSED = "proposed"
    BOOKED = "booked"
    REFUSED = "refused"


class AccountType(StrEnum):
    """Side of the books that a ledger account belongs to."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


class Postings(pa.DataFrameModel):
    """Postings that are no bill; each booked one has a journal `<posting>/J`. Grain: posting_id."""

    posting_id: str = column("Posting: kind, and a hash of channel, batch and reference")
    kind: str = column("What is posted", isin=[kind.value for kind in JournalKind if kind not in WITHOUT_POSTING])
    state: str = column("proposed, booked, refused", isin=[state.value for state in PostingState])
    account_id: str = column("Account; null when a branch as a whole is concerned, or it is not known", nullable=True)
    branch_id: str = column("Branch whose books it is in")
    currency: str = column("ISO 4217 code")
    amount_minor: pl.Int64 = column("Amount; below zero only for cash rounding", unit="minor")
    booked_date: pl.Date = column("Business date on which it counts")
    due_date: pl.Date = column("Day by which what it adds is to be paid; null for the booked date", nullable=True)
    bill_id: str = column("Bill that an adjustment shares its amount by", nullable=True)
    item_id: str = column("Open item that it is about: the fee waived, the debt written off", nullable=True)
    other_account_id: str = column("Account that takes over a debt", nullable=True)
    other_branch_id: str = column("Branch of that account", nullable=True)
    gl_account: str = column("Revenue account of an adjustment without a bill", nullable=True)
    channel: str = column("Where it came from: a bank, a lockbox, `ledger`, `late_fee`")
    batch: str = column("Batch of the channel")
    reference: str = column("Reference in the batch; with channel and batch it names the posting")
    why: str = column("Why, in the words of who posted it; empty for payments", nullable=True)
    made_by: str = column("Who posted it")
    approved_by: str = column("Who approved it: another person; null where nobody has to", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["posting_id"]}


class LedgerAccounts(pa.DataFrameModel):
    """The utility's own numbers and names of ledger accounts. Grain: gl_account."""

    gl_account: str = column("Account as journals name it")
    number: str = column("Number that the utility's own chart gives it")
    name: str = column("Name")
    account_type: str = column("asset, liability, income, expense", isin=[kind.value for kind in AccountType])

    class Config:
        strict = True
        metadata = {"grain": ["gl_account"]}


class ClosedPeriods(pa.DataFrameModel):
    """Months in which nothing is booked any more. Grain: period_id."""

    period_id: str = column("Month, such as 2026-10")
    end_date: pl.Date = column("Day after its last")
    legs: pl.Int64 = column("Legs booked in it", ge=0)
    debit_minor: pl.Int64 = column("Sum of its debits, over all currencies", unit="minor", ge=0)
    sha256: str = column("SHA-256 over its legs, in order of journal and leg")
    closed_by: str = column("Who closed it")
    closed_at: Annotated[pl.Datetime, "us", "UTC"] = column("When")

    class Config:
        strict = True
        metadata = {"grain": ["period_id"]}


class Unbilled(pa.DataFrameModel):
    """Revenue supplied and not billed at a month's end, by method.

    Grain: at_date, branch_id, revenue_class, commodity, gl_account, currency, method.
    """

    at_date: pl.Date = column("Last day of the month; booked on it, taken back on the next")
    branch_id: str = column("Branch")
    revenue_class: str = column("Class of revenue")
    commodity: str = column("What was supplied")
    gl_account: str = column("Revenue account")
    currency: str = column("ISO 4217 code")
    method: str = column("last_bill: the agreement's own; class_average: of its branch, class and commodity")
    agreements: pl.Int64 = column("Agreements", ge=0)
    days: pl.Int64 = column("Days supplied and not billed", unit="day", ge=0)
    amount_minor: pl.Int64 = column("Revenue without tax", unit="minor")

    class Config:
        strict = True
        metadata = {"grain": ["at_date", "branch_id", "revenue_class", "commodity", "gl_account", "currency", "method"]}


POSTED: dict[str, type[pa.DataFrameModel]] = {"posting": Postings, "ledger_account": LedgerAccounts}
