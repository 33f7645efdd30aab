"""Bills and invoices: sums, due dates, gapless numbers, taxes with their base."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sample_books import ISSUE_DATE, daily, due_frame, due_row, line, lines_frame, tax

from ledger.invariants import numbers_are_gapless
from outputs import invoices
from outputs.bills import build_bills
from outputs.invoices import number_invoices


def test_a_bill_adds_up_its_lines() -> None:
    bills = build_bills(lines_frame(), due_frame(), ISSUE_DATE)
    columns = ["bill_id", "branch_id", "net_minor", "tax_minor", "total_minor", "line_count", "is_estimated"]
    assert bills.select(columns).rows() == [
        ("A1.C.r0", "north", 6000, 600, 6600, 3, False),
        ("A2.C.r0", "south", 2500, 0, 2500, 1, True),
    ]


@pytest.mark.parametrize(
    ("payment_days", "issued", "due"),
    [
        (0, date(2026, 11, 2), date(2026, 11, 2)),
        (14, date(2026, 11, 2), date(2026, 11, 16)),
        (28, date(2024, 2, 1), date(2024, 2, 29)),  # a leap day
        (29, date(2024, 2, 1), date(2024, 3, 1)),
    ],
)
def test_the_due_date_follows_the_payment_days(payment_days: int, issued: date, due: date) -> None:
    bills = build_bills(lines_frame([line()]), due_frame([due_row(payment_days=payment_days)]), issued)
    assert bills["due_date"].to_list() == [due]


def test_the_period_spans_the_agreements_that_have_lines() -> None:
    due = due_frame(
        [
            due_row(start_date=date(2026, 10, 5)),
            due_row(agreement_id="S9", end_date=date(2026, 10, 20)),
            due_row(agreement_id="S10", start_date=date(2026, 9, 1)),  # has no line
        ]
    )
    lines = lines_frame([line(period_start_date=date(2026, 10, 5)), line(agreement_id="S9")])
    bill = build_bills(lines, due, ISSUE_DATE).row(0, named=True)
    assert (bill["period_start_date"], bill["period_end_date"]) == (date(2026, 10, 1), date(2026, 11, 1))


def test_no_lines_make_no_bills_and_no_invoices() -> None:
    bills = build_bills(lines_frame([]), due_frame(), ISSUE_DATE)
    numbered = number_invoices(bills, lines_frame([]), {"north-2026": 7})
    assert bills.is_empty() and numbered.invoices.is_empty() and numbered.invoice_taxes.is_empty()
    assert numbered.next_numbers == {"north-2026": 7}


def test_lines_of_no_due_agreement_stop_the_work() -> None:
    with pytest.raises(AssertionError, match="lines without a due agreement"):
        build_bills(lines_frame(), due_frame([due_row()]), ISSUE_DATE)


def test_numbers_go_on_in_each_branch_and_year() -> None:
    lines = lines_frame()
    bills = build_bills(lines, due_frame(), ISSUE_DATE)
    numbered = number_invoices(bills, lines, {"north-2026": 41, "north-2025": 9})
    assert numbered.invoices.select("invoice_no", "bill_id", "total_minor").rows() == [
        ("north-2026-0000041", "A1.C.r0", 6600),
        ("south-2026-0000001", "A2.C.r0", 2500),
    ]
    assert numbered.next_numbers == {"north-2026": 42, "north-2025": 9, "south-2026": 2}


@pytest.mark.parametrize(
    ("next_number", "printed"),
    [(9_999_999, "north-2026-9999999"), (10_000_000, "north-2026-10000000")],
)
def test_a_number_with_more_digits_prints_whole(next_number: int, printed: str) -> None:
    lines = lines_frame([line()])
    bills = build_bills(lines, due_frame(), ISSUE_DATE)
    assert number_invoices(bills, lines, {"north-2026": next_number}).invoices["invoice_no"].to_list() == [printed]


def test_taxes_are_summed_by_code_and_rate_with_their_base() -> None:
    rows = [
        line(),
        daily(),
        tax(quantity=5000, amount_minor=500, period_end_date=date(2026, 10, 15)),
        tax(quantity=1000, amount_minor=100, period_start_date=date(2026, 10, 15)),
        tax(component_id="low", rate=Decimal(5), quantity=2000, amount_minor=100),
        tax(component_id="levy", kind="quantity", tax_code="LEVY", rate=Decimal("0.001"), quantity=250_000,
            amount_minor=25),
    ]  # fmt: skip
    lines = lines_frame(rows)
    numbered = number_invoices(build_bills(lines, due_frame(), ISSUE_DATE), lines, {})
    assert numbered.invoice_taxes.select("tax_code", "rate_percent", "base_minor", "tax_minor").rows() == [
        ("GST", Decimal(5), 2000, 100),
        ("GST", Decimal(10), 6000, 600),  # the price changed on the 15th: 500 on 5000 and 100 on 1000
        ("LEVY", Decimal(0), 0, 25),  # a tax by kWh has no base in money
    ]


@settings(max_examples=30, deadline=None)
@given(
    accounts=st.lists(
        st.tuples(st.sampled_from(["north", "south", "east"]), st.integers(1, 10**6)),
        min_size=1, max_size=25, unique_by=lambda pair: pair[1],
    ),
    first=st.integers(1, 500),
    seed=st.integers(0, 10),
)  # fmt: skip
def test_numbers_are_gapless_and_do_not_depend_on_row_order(
    accounts: list[tuple[str, int]], first: int, seed: int
) -> None:
    head = [
        {"bill_id": f"A{no}.C.r0", "account_id": f"A{no}", "branch_id": branch, "agreement_id": f"S{no}"}
        for branch, no in accounts
    ]
    lines = lines_frame([line(**row) for row in head])
    bills = build_bills(lines, due_frame([due_row(**row) for row in head]), ISSUE_DATE)
    numbered = number_invoices(bills, lines, {"north-2026": first})
    assert numbers_are_gapless(numbered.invoices, {"north-2026": first}).is_empty()
    assert numbered.invoices["account_id"].to_list() == [
        f"A{no}" for branch, no in sorted(accounts, key=lambda pair: (pair[0], f"A{pair[1]}"))
    ]
    shuffled = number_invoices(
        bills.sample(fraction=1, shuffle=True, seed=seed), lines.reverse(), {"north-2026": first}
    )
    assert_frame_equal(shuffled.invoices, numbered.invoices)
    assert shuffled.next_numbers == numbered.next_numbers


@given(numbered=st.lists(st.sampled_from("ABCDEFGH"), unique=True), taxed=st.lists(st.sampled_from("ABCDEFGHI")))
def test_each_tax_stands_beside_its_invoice_whatever_the_order(numbered: list[str], taxed: list[str]) -> None:
    numbers = pl.DataFrame(
        {"place": range(len(numbered)), "bill_id": numbered}, schema={"place": pl.UInt32, "bill_id": pl.String}
    )
    expected = sorted((bill, numbered.index(bill), tax) for tax, bill in enumerate(taxed) if bill in numbered)
    in_order = sorted(enumerate(taxed), key=lambda pair: pair[1])
    for pairs in (list(enumerate(taxed)), in_order):
        taxes = pl.DataFrame(
            {"tax": [tax for tax, _ in pairs], "bill_id": [bill for _, bill in pairs]},
            schema={"tax": pl.Int64, "bill_id": pl.String},
        )
        for given_numbers in (numbers, numbers.sort("bill_id")):
            found = invoices._beside(taxes, given_numbers)
            assert sorted(found.select("bill_id", "place", "tax").rows()) == expected
