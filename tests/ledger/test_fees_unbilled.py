"""Late fees and unbilled revenue, worked by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from ledger.fees import FeeStep, late_fees
from ledger.unbilled import estimate_unbilled, unbilled_journals

DUE, AT = date(2026, 11, 10), date(2026, 11, 30)


def debt(open_minor: int = 10_033, gl_account: str = "142") -> pl.DataFrame:
    return pl.DataFrame(
        [("I1", "A1", "N", "AUD", gl_account, DUE, open_minor)],
        schema=["item_id", "account_id", "branch_id", "currency", "gl_account", "due_date", "open_minor"],
        orient="row",
    )


@pytest.mark.parametrize(("day", "fees"), [
    (date(2026, 11, 20), []),                       # ten days of grace: the tenth day after is still free
    (date(2026, 11, 21), [(1, 500)]),
    (date(2026, 12, 10), [(1, 500)]),               # thirty days
    (date(2026, 12, 11), [(1, 500), (2, 150)]),     # 1.5 % of 100.33 is 1.50495, the nearest cent 1.50
])  # fmt: skip
def test_fees_come_after_the_days_of_grace(day: date, fees: list[tuple[int, int]]) -> None:
    steps = [FeeStep(10, 500), FeeStep(30, percent=Decimal("1.5"))]
    assert late_fees(debt(), steps, day).select("step", "amount_minor").rows() == fees


@pytest.mark.parametrize(("open_minor", "fee"), [
    (10_000, 150),
    (10_033, 150),      # 150.495
    (10_034, 151),      # 150.51
    (10_100, 152),      # 151.5: half away from zero
    (1_000, 50),        # 15 would be owed, the minimum is 50
])  # fmt: skip
def test_a_percentage_is_rounded_once_and_has_a_minimum(open_minor: int, fee: int) -> None:
    step = FeeStep(0, percent=Decimal("1.5"), minimum_minor=50)
    assert late_fees(debt(open_minor), [step], AT)["amount_minor"].to_list() == [fee]


@pytest.mark.parametrize("gl_account", ["142.1", "142.2", "242"])
def test_fees_and_deposits_bear_no_fee(gl_account: str) -> None:
    assert late_fees(debt(gl_account=gl_account), [FeeStep(0, 500)], AT).is_empty()


def test_a_credit_bears_no_fee() -> None:
    assert late_fees(debt(-100), [FeeStep(0, 500)], AT).is_empty()


CLASS = {"branch_id": "N", "revenue_class": "residential", "commodity": "electricity", "currency": "AUD"}


def billed(name: str, days: int, amount: int, gl: str = "440") -> dict[str, object]:
    return {"agreement_id": name, "gl_account": gl, "billed_days": days, "amount_minor": amount} | CLASS


def supplied(name: str, days: int, **given: str) -> dict[str, object]:
    return {"agreement_id": name, "days": days} | CLASS | given


def test_days_not_billed_go_on_at_what_the_last_bill_came_to_a_day() -> None:
    bills = pl.DataFrame([billed("S1", 31, 10_000), billed("S1", 31, -310, gl="456"), billed("S2", 30, 3_001)])
    days = pl.DataFrame([supplied("S1", 30), supplied("S2", 15)])
    found = estimate_unbilled(days, bills, AT)
    # S1: 10000 x 30 / 31 = 9677.42, and its credit -300; S2: 3001 x 15 / 30 = 1500.5, away from zero 1501.
    rows = found.rows.select("gl_account", "method", "agreements", "days", "amount_minor").rows()
    assert rows == [("440", "last_bill", 2, 45, 9_677 + 1_501), ("456", "last_bill", 1, 30, -300)]


def test_an_agreement_without_a_bill_counts_at_the_average_of_its_class() -> None:
    bills = pl.DataFrame([billed("S1", 31, 10_000), billed("S2", 30, 3_000)])
    days = pl.DataFrame([supplied("S3", 10), supplied("S4", 10, revenue_class="public")])
    found = estimate_unbilled(days, bills, AT)
    # 13000 over 61 days: 213.11 a day, 2131.15 in ten.
    assert found.rows.select("method", "amount_minor").rows() == [("class_average", 2_131)]
    assert found.unknown["agreement_id"].to_list() == ["S4"], "a class that was never billed is not guessed"


def test_unbilled_revenue_is_booked_and_taken_back_the_next_day() -> None:
    bills = pl.DataFrame([billed("S1", 30, 3_000), billed("S1", 30, -300, gl="456")])
    found = estimate_unbilled(pl.DataFrame([supplied("S1", 10)]), bills, AT)
    legs = unbilled_journals(found.rows, AT).select("journal_id", "booked_date", "gl_account", "amount_minor")
    assert legs.rows() == [
        ("unbilled-2026-11-30-N-AUD/J", AT, "173", 900),
        ("unbilled-2026-11-30-N-AUD/J", AT, "440", -1_000),
        ("unbilled-2026-11-30-N-AUD/J", AT, "456", 100),
        ("unbilled-2026-11-30-N-AUD/R", date(2026, 12, 1), "173", -900),
        ("unbilled-2026-11-30-N-AUD/R", date(2026, 12, 1), "440", 1_000),
        ("unbilled-2026-11-30-N-AUD/R", date(2026, 12, 1), "456", -100),
    ]
