"""What each kind of posting books, worked by hand; it sums to zero whatever the amount."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_postings import BILL_LEGS, DAY, ITEMS, posting, postings

from ledger.posting import book_postings, settling
from ledger.templates import TEMPLATES
from model.ledger import JournalKind

K = JournalKind
# Branch, account, ledger account and amount of each leg, for a posting of 11.00.
LEGS: dict[JournalKind, list[tuple[str, str | None, str, int]]] = {
    K.PAYMENT: [("N", None, "131", 1100), ("N", "A1", "242", -1100)],
    K.SUSPENSE: [("N", None, "131", 1100), ("N", None, "242.9", -1100)],
    K.IDENTIFY: [
        ("N", None, "242.9", 1100), ("N", None, "234", -1100), ("S", "A2", "242", -1100), ("S", None, "146", 1100),
    ],
    # 11.00 of a bill of 165.00: 10000/16500, 5000/16500 and 1500/16500 of it are 6.666, 3.333 and 1.00.
    K.CREDIT_ADJUSTMENT: [
        ("N", "A1", "241", 100), ("N", "A1", "440", 667), ("N", "A1", "460", 333), ("N", "A1", "142", -1100),
    ],
    K.DEBIT_ADJUSTMENT: [
        ("N", "A1", "142", 1100), ("N", "A1", "241", -100), ("N", "A1", "440", -667), ("N", "A1", "460", -333),
    ],
    K.LATE_FEE: [("N", "A1", "142.1", 1100), ("N", "A1", "450", -1100)],
    K.WAIVER: [("N", "A1", "450", 1100), ("N", "A1", "142.1", -1100)],
    K.PROVISION: [("N", None, "904", 1100), ("N", None, "144", -1100)],
    K.WRITE_OFF: [("N", "A1", "144", 1100), ("N", "A1", "142", -1100)],
    K.RECOVERY: [("N", "A1", "142", 1100), ("N", "A1", "144", -1100)],
    K.DEPOSIT_BILLED: [("N", "A1", "142.2", 1100), ("N", "A1", "235.1", -1100)],
    K.DEPOSIT_CANCELLED: [("N", "A1", "235.1", 1100), ("N", "A1", "142.2", -1100)],
    K.DEPOSIT_INTEREST: [("N", "A1", "431", 1100), ("N", "A1", "237", -1100)],
    K.INTEREST_APPLIED: [("N", "A1", "237", 1100), ("N", "A1", "142", -1100)],
    K.DEPOSIT_APPLIED: [("N", "A1", "235", 1100), ("N", "A1", "142", -1100)],
    K.DEPOSIT_REFUND: [("N", "A1", "235", 1100), ("N", "A1", "242.1", -1100)],
    K.OPENING_BALANCE: [("N", "A1", "142", 1100), ("N", None, "184", -1100)],
    K.OPENING_CREDIT: [("N", None, "184", 1100), ("N", "A1", "242", -1100)],
    K.OPENING_DEPOSIT: [("N", None, "184", 1100), ("N", "A1", "235", -1100)],
    K.REFUND: [("N", "A1", "242", 1100), ("N", "A1", "242.1", -1100)],
    K.PAYOUT: [("N", "A1", "242.1", 1100), ("N", None, "131", -1100)],
    K.CASH_ROUNDING: [("N", "A1", "142", 1100), ("N", "A1", "421", -1100)],
    K.TRANSFER: [
        ("N", "A1", "142", -1100), ("N", None, "146", 1100), ("S", "A2", "142", 1100), ("S", None, "234", -1100),
    ],
    K.TAX_PAYMENT: [("N", None, "241", 1100), ("N", None, "131", -1100)],
}  # fmt: skip
# Account, control account and amount of each open item.
ITEMS_LEFT: dict[JournalKind, list[tuple[str, str, int]]] = {
    K.PAYMENT: [("A1", "242", -1100)], K.SUSPENSE: [], K.IDENTIFY: [("A2", "242", -1100)],
    K.CREDIT_ADJUSTMENT: [("A1", "142", -1100)], K.DEBIT_ADJUSTMENT: [("A1", "142", 1100)],
    K.LATE_FEE: [("A1", "142.1", 1100)], K.WAIVER: [("A1", "142.1", -1100)], K.PROVISION: [],
    K.WRITE_OFF: [("A1", "142", -1100)], K.RECOVERY: [("A1", "142", 1100)],
    K.DEPOSIT_BILLED: [("A1", "142.2", 1100)], K.DEPOSIT_CANCELLED: [("A1", "142.2", -1100)], K.DEPOSIT_INTEREST: [],
    K.INTEREST_APPLIED: [("A1", "142", -1100)],
    K.DEPOSIT_APPLIED: [("A1", "142", -1100)], K.DEPOSIT_REFUND: [], K.OPENING_BALANCE: [("A1", "142", 1100)],
    K.OPENING_CREDIT: [("A1", "242", -1100)], K.OPENING_DEPOSIT: [], K.REFUND: [("A1", "242", 1100)], K.PAYOUT: [],
    K.CASH_ROUNDING: [("A1", "142", 1100)], K.TRANSFER: [("A1", "142", -1100), ("A2", "142", 1100)],
    K.TAX_PAYMENT: [],
}  # fmt: skip


def test_every_template_is_worked_by_hand() -> None:
    assert set(TEMPLATES) == set(LEGS) == set(ITEMS_LEFT)


@pytest.mark.parametrize("kind", TEMPLATES, ids=lambda kind: kind.value)
def test_a_posting_books_the_legs_and_items_of_its_template(kind: JournalKind) -> None:
    posted = book_postings(postings(posting(kind)), ITEMS, BILL_LEGS)
    legs = posted.journal_lines.select("branch_id", "account_id", "gl_account", "amount_minor")
    assert legs.rows() == LEGS[kind]
    assert posted.journal_lines["leg_no"].to_list() == list(range(1, len(LEGS[kind]) + 1))
    assert posted.journal_lines["bill_id"].null_count() == len(LEGS[kind]), "a leg of a bill is booked by the bill"
    items = posted.open_items.select("account_id", "gl_account", "amount_minor")
    assert items.rows() == ITEMS_LEFT[kind]


@settings(max_examples=60, deadline=None)
@given(amounts=st.lists(st.integers(1, 10**15), min_size=len(TEMPLATES), max_size=len(TEMPLATES)))
def test_every_journal_sums_to_zero_in_each_branch(amounts: list[int]) -> None:
    rows = [posting(kind, amount) for kind, amount in zip(TEMPLATES, amounts, strict=True)]
    posted = book_postings(postings(*rows), ITEMS, BILL_LEGS)
    sums = posted.journal_lines.group_by("journal_id", "branch_id").agg(pl.col("amount_minor").sum())
    assert sums.height >= len(TEMPLATES)
    assert sums["amount_minor"].unique().to_list() == [0]
    control = posted.journal_lines.filter(pl.col("gl_account").is_in(["142", "142.1", "142.2", "242"]))
    assert control["amount_minor"].sum() == posted.open_items["amount_minor"].sum()


def test_an_adjustment_without_a_bill_falls_on_the_account_that_it_names() -> None:
    row = posting(K.CREDIT_ADJUSTMENT, bill_id=None, gl_account="451")
    legs = book_postings(postings(row), ITEMS, BILL_LEGS).journal_lines
    assert legs.select("gl_account", "amount_minor").rows() == [("451", 1100), ("142", -1100)]


def test_a_transfer_inside_a_branch_needs_no_due_to_and_from() -> None:
    legs = book_postings(postings(posting(K.TRANSFER, other_branch_id="N")), ITEMS, BILL_LEGS).journal_lines
    assert legs.select("account_id", "gl_account", "amount_minor").rows() == [("A1", "142", -1100), ("A2", "142", 1100)]


def test_cash_rounding_below_zero_turns_its_legs() -> None:
    posted = book_postings(postings(posting(K.CASH_ROUNDING, -2)), ITEMS, BILL_LEGS)
    assert posted.journal_lines.select("gl_account", "amount_minor").rows() == [("142", -2), ("421", 2)]
    assert posted.open_items["amount_minor"].to_list() == [-2]


def test_a_waiver_and_a_write_off_settle_the_item_that_they_are_about() -> None:
    found = settling(postings(posting(K.WAIVER), posting(K.WRITE_OFF), posting(K.PAYMENT)))
    assert found.rows() == [("waiver-1/I", "F1/I", 1100, DAY), ("write_off-1/I", "B1/I", 1100, DAY)]


def test_no_postings_book_nothing() -> None:
    posted = book_postings(postings(posting(K.PAYMENT)).clear(), ITEMS, BILL_LEGS)
    assert posted.journal_lines.is_empty() and posted.open_items.is_empty()
