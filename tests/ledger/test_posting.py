"""Posting: journals and open items of bills."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sample_books import END, ISSUE_DATE, due_frame, due_row, line, lines_frame, tax

from ledger.post import post_bills
from model.bills import Bills
from model.schema import empty
from outputs.bills import build_bills

LEG_COLUMNS = ["journal_id", "leg_no", "gl_account", "commodity", "tax_code", "amount_minor"]


def _posted(rows: list[dict] | None = None):
    lines = lines_frame(rows)
    return post_bills(build_bills(lines, due_frame(), ISSUE_DATE), lines, ISSUE_DATE)


def test_a_bill_debits_the_receivable_and_credits_revenue_and_tax() -> None:
    legs = _posted().journal_lines.select(LEG_COLUMNS).rows()
    assert legs == [
        ("A1.C.r0/J", 1, "142", None, None, 6600),
        ("A1.C.r0/J", 2, "440", "electricity", None, -6000),  # energy 50.00 and supply charge 10.00
        ("A1.C.r0/J", 3, "241", None, "GST", -600),
        ("A2.C.r0/J", 1, "142", None, None, 2500),
        ("A2.C.r0/J", 2, "460", "water", None, -2500),
    ]


def test_a_bill_leaves_one_open_item_due_after_the_payment_days() -> None:
    items = _posted().open_items.select("item_id", "bill_id", "account_id", "amount_minor", "due_date").rows()
    assert items == [
        ("A1.C.r0/I", "A1.C.r0", "A1", 6600, date(2026, 11, 16)),
        ("A2.C.r0/I", "A2.C.r0", "A2", 2500, date(2026, 11, 16)),
    ]


def test_a_negative_bill_books_the_same_legs_with_the_signs_turned() -> None:
    legs = _posted([line(amount_minor=-5000), tax(quantity=-5000, amount_minor=-500)]).journal_lines
    assert legs.select(LEG_COLUMNS).rows() == [
        ("A1.C.r0/J", 1, "142", None, None, -5500),
        ("A1.C.r0/J", 2, "440", "electricity", None, 5000),
        ("A1.C.r0/J", 3, "241", None, "GST", 500),
    ]


@pytest.mark.parametrize(
    ("second_minor", "legs"),
    [
        (-5000, [("142", 0)]),  # revenue cancels out: only the receivable is left
        (-4999, [("142", 1), ("440", -1)]),  # a cent is enough to be booked
    ],
)
def test_a_bill_of_zero_keeps_its_receivable_leg(second_minor: int, legs: list[tuple[str, int]]) -> None:
    journal = _posted([line(), line(component_id="credit", amount_minor=second_minor)]).journal_lines
    assert journal.select("gl_account", "amount_minor").rows() == legs


def test_no_bills_leave_empty_books() -> None:
    posted = post_bills(empty(Bills), lines_frame([]), ISSUE_DATE)
    assert posted.journal_lines.is_empty()
    assert posted.open_items.is_empty()


def test_a_sum_beyond_int64_stops_instead_of_turning_its_sign() -> None:
    huge = 2**62
    rows = [line(component_id=name, amount_minor=huge) for name in ("a", "b")]  # sum is 2^63
    with pytest.raises(pl.exceptions.InvalidOperationError):
        build_bills(lines_frame(rows), due_frame(), ISSUE_DATE)


_LINES = st.lists(
    st.tuples(
        st.sampled_from(["A1", "A2", "A3"]),
        st.sampled_from(["440", "480", "460"]),
        st.sampled_from(["electricity", "gas"]),
        st.sampled_from([None, "GST", "LEVY"]),
        st.integers(-(10**9), 10**9),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(drawn=_LINES, seed=st.integers(0, 100))
def test_journals_sum_to_zero_for_any_lines_in_any_order(drawn: list[tuple], seed: int) -> None:
    rows = [
        line(
            line_id=str(place), bill_id=f"{account}.C.r0", account_id=account, agreement_id=f"S-{account}",
            gl_account=gl, commodity=commodity, category="tax" if code else "charge", tax_code=code,
            amount_minor=amount,
        )
        for place, (account, gl, commodity, code, amount) in enumerate(drawn)
    ]  # fmt: skip
    due = due_frame(
        [due_row(bill_id=f"{a}.C.r0", account_id=a, agreement_id=f"S-{a}", end_date=END) for a in ("A1", "A2", "A3")]
    )
    lines = lines_frame(rows)
    bills = build_bills(lines, due, ISSUE_DATE)
    posted = post_bills(bills, lines, ISSUE_DATE)

    sums = posted.journal_lines.group_by("journal_id").agg(pl.col("amount_minor").sum())
    assert sums.filter(pl.col("amount_minor") != 0).is_empty()
    assert set(posted.journal_lines["bill_id"]) == set(bills["bill_id"])
    shuffled = lines.sample(fraction=1, shuffle=True, seed=seed)
    again = post_bills(bills.reverse(), shuffled, ISSUE_DATE)
    assert_frame_equal(again.journal_lines, posted.journal_lines)
    assert_frame_equal(again.open_items, posted.open_items)
