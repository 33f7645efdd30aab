"""What each kind of posting books: its legs, debit or credit, and the open item it leaves.

A template is a value, so a reader sees the whole bookkeeping on one page. Amounts are above zero; a posting of cash
rounding may be below, which turns every leg.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ledger.chart import (
    GL_ALLOWANCE,
    GL_BANK,
    GL_CREDITS,
    GL_CUTOVER,
    GL_DEPOSIT_INTEREST,
    GL_DEPOSITS,
    GL_DEPOSITS_BILLED,
    GL_DUE_FROM,
    GL_DUE_TO,
    GL_INTEREST,
    GL_LATE_FEES,
    GL_RECEIVABLE,
    GL_RECEIVABLE_DEPOSIT,
    GL_RECEIVABLE_FEE,
    GL_REFUNDS,
    GL_ROUNDING,
    GL_SUSPENSE,
    GL_TAX,
    GL_UNCOLLECTIBLE,
)
from model.ledger import JournalKind

OF_ITEM = "of the item"
"""Stands for the control account of the open item that the posting is about."""
SHARED = "shared"
"""Stands for the revenue and tax accounts of the bill, each with its share; without a bill for the account named."""
DEBIT, CREDIT = 1, -1


class Holder(StrEnum):
    """Whose a leg or an item is."""

    OWN = "own"
    OTHER = "other"
    """The account that takes over a debt."""
    BRANCH = "branch"
    """The account's branch as a whole."""
    OTHER_BRANCH = "other_branch"


@dataclass(frozen=True)
class Leg:
    """A leg with the posting's amount."""

    gl_account: str
    side: int
    holder: Holder = Holder.BRANCH
    only_across: bool = False
    """True of a leg that is booked only where the two accounts belong to different branches."""


@dataclass(frozen=True)
class Item:
    """An open item with the posting's amount: above zero is owed."""

    gl_account: str
    side: int
    holder: Holder = Holder.OWN
    suffix: str = "/I"


@dataclass(frozen=True)
class Template:
    """What a kind of posting books."""

    legs: tuple[Leg, ...]
    items: tuple[Item, ...] = ()
    settles: bool = False
    """True when its credit settles the item that it is about, and no other."""
    needs_account: bool = True
    needs_approval: bool = False
    """True when a second person approves it whatever the amount."""
    is_cash: int = 0
    """1 when money comes in, -1 when it goes out."""
    about: tuple[str, ...] = field(default=())
    """Columns of the posting that must be filled, beside its account."""


def _own(gl_account: str, side: int) -> Leg:
    return Leg(gl_account, side, Holder.OWN)


_DUE_CREDIT = (_own(GL_RECEIVABLE, CREDIT),)
_CREDIT_ITEM = (Item(GL_RECEIVABLE, CREDIT),)
_DEBT_ITEM = (Item(GL_RECEIVABLE, DEBIT),)

TEMPLATES: dict[JournalKind, Template] = {
    JournalKind.PAYMENT: Template(
        (Leg(GL_BANK, DEBIT), _own(GL_CREDITS, CREDIT)), (Item(GL_CREDITS, CREDIT),), is_cash=1
    ),
    JournalKind.SUSPENSE: Template(
        (Leg(GL_BANK, DEBIT), Leg(GL_SUSPENSE, CREDIT)), needs_account=False, is_cash=1
    ),
    JournalKind.IDENTIFY: Template(
        (
            Leg(GL_SUSPENSE, DEBIT),
            Leg(GL_DUE_TO, CREDIT, only_across=True),
            Leg(GL_CREDITS, CREDIT, Holder.OTHER),
            Leg(GL_DUE_FROM, DEBIT, Holder.OTHER_BRANCH, only_across=True),
        ),
        (Item(GL_CREDITS, CREDIT, Holder.OTHER),), needs_account=False, about=("other_account_id",),
    ),
    JournalKind.CREDIT_ADJUSTMENT: Template((_own(SHARED, DEBIT), *_DUE_CREDIT), _CREDIT_ITEM),
    JournalKind.DEBIT_ADJUSTMENT: Template((_own(GL_RECEIVABLE, DEBIT), _own(SHARED, CREDIT)), _DEBT_ITEM),
    JournalKind.LATE_FEE: Template(
        (_own(GL_RECEIVABLE_FEE, DEBIT), _own(GL_LATE_FEES, CREDIT)), (Item(GL_RECEIVABLE_FEE, DEBIT),)
    ),
    JournalKind.WAIVER: Template(
        (_own(GL_LATE_FEES, DEBIT), _own(GL_RECEIVABLE_FEE, CREDIT)),
        (Item(GL_RECEIVABLE_FEE, CREDIT),), settles=True, about=("item_id",),
    ),
    JournalKind.PROVISION: Template((Leg(GL_UNCOLLECTIBLE, DEBIT), Leg(GL_ALLOWANCE, CREDIT)), needs_account=False),
    JournalKind.WRITE_OFF: Template(
        (_own(GL_ALLOWANCE, DEBIT), _own(OF_ITEM, CREDIT)),
        (Item(OF_ITEM, CREDIT),), settles=True, needs_approval=True, about=("item_id",),
    ),
    JournalKind.RECOVERY: Template((_own(GL_RECEIVABLE, DEBIT), _own(GL_ALLOWANCE, CREDIT)), _DEBT_ITEM),
    JournalKind.DEPOSIT_BILLED: Template(
        (_own(GL_RECEIVABLE_DEPOSIT, DEBIT), _own(GL_DEPOSITS_BILLED, CREDIT)), (Item(GL_RECEIVABLE_DEPOSIT, DEBIT),)
    ),
    JournalKind.DEPOSIT_CANCELLED: Template(
        (_own(GL_DEPOSITS_BILLED, DEBIT), _own(GL_RECEIVABLE_DEPOSIT, CREDIT)),
        (Item(GL_RECEIVABLE_DEPOSIT, CREDIT),), settles=True, about=("item_id",),
    ),
    JournalKind.DEPOSIT_INTEREST: Template((_own(GL_INTEREST, DEBIT), _own(GL_DEPOSIT_INTEREST, CREDIT))),
    JournalKind.INTEREST_APPLIED: Template((_own(GL_DEPOSIT_INTEREST, DEBIT), *_DUE_CREDIT), _CREDIT_ITEM),
    JournalKind.DEPOSIT_APPLIED: Template((_own(GL_DEPOSITS, DEBIT), *_DUE_CREDIT), _CREDIT_ITEM),
    JournalKind.DEPOSIT_REFUND: Template(
        (_own(GL_DEPOSITS, DEBIT), _own(GL_REFUNDS, CREDIT)), needs_approval=True
    ),
    JournalKind.OPENING_BALANCE: Template((_own(GL_RECEIVABLE, DEBIT), Leg(GL_CUTOVER, CREDIT)), _DEBT_ITEM),
    JournalKind.OPENING_CREDIT: Template(
        (Leg(GL_CUTOVER, DEBIT), _own(GL_CREDITS, CREDIT)), (Item(GL_CREDITS, CREDIT),)
    ),
    JournalKind.OPENING_DEPOSIT: Template((Leg(GL_CUTOVER, DEBIT), _own(GL_DEPOSITS, CREDIT))),
    JournalKind.REFUND: Template(
        (_own(GL_CREDITS, DEBIT), _own(GL_REFUNDS, CREDIT)), (Item(GL_CREDITS, DEBIT),), needs_approval=True
    ),
    JournalKind.PAYOUT: Template((_own(GL_REFUNDS, DEBIT), Leg(GL_BANK, CREDIT)), is_cash=-1),
    JournalKind.CASH_ROUNDING: Template((_own(GL_RECEIVABLE, DEBIT), _own(GL_ROUNDING, CREDIT)), _DEBT_ITEM),
    JournalKind.TRANSFER: Template(
        (
            _own(GL_RECEIVABLE, CREDIT),
            Leg(GL_DUE_FROM, DEBIT, Holder.BRANCH, only_across=True),
            Leg(GL_RECEIVABLE, DEBIT, Holder.OTHER),
            Leg(GL_DUE_TO, CREDIT, Holder.OTHER_BRANCH, only_across=True),
        ),
        (Item(GL_RECEIVABLE, CREDIT), Item(GL_RECEIVABLE, DEBIT, Holder.OTHER, "/T")),
        about=("other_account_id",),
    ),
    JournalKind.TAX_PAYMENT: Template(
        (Leg(GL_TAX, DEBIT), Leg(GL_BANK, CREDIT)), needs_account=False, is_cash=-1
    ),
}  # fmt: skip
