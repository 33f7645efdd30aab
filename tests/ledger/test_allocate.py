"""Allocation: in order, never more than is open; beside a twin that goes item by item."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.allocate import allocate, allocation_journals

DAY = date(2026, 11, 20)
SCHEMA = {
    "item_id": pl.String, "account_id": pl.String, "branch_id": pl.String, "currency": pl.String,
    "gl_account": pl.String, "due_date": pl.Date, "open_minor": pl.Int64,
}  # fmt: skip
Row = tuple[str, str, str, str, str, date, int]


def items(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def item(name: str, open_minor: int, *, gl: str = "142", due: int = 0, account: str = "A1", branch: str = "N") -> Row:
    return (name, account, branch, "AUD", gl, DAY + timedelta(days=due), open_minor)


def settled(frame: pl.DataFrame, **given: object) -> list[tuple[str, str, int]]:
    return allocate(frame, DAY, **given).select("credit_item_id", "debit_item_id", "amount_minor").rows()  # type: ignore[arg-type]


def test_a_payment_settles_the_oldest_due_first_and_the_rest_stays() -> None:
    frame = items(item("P", -150, gl="242"), item("new", 100, due=9), item("old", 100, due=1))
    assert settled(frame) == [("P", "new", 50), ("P", "old", 100)]


def test_two_payments_settle_one_debt_and_the_last_keeps_what_is_left() -> None:
    frame = items(item("P1", -60, gl="242"), item("P2", -60, gl="242", due=1), item("B", 100))
    assert settled(frame) == [("P1", "B", 60), ("P2", "B", 40)]


@pytest.mark.parametrize(("first", "expected"), [
    ((), [("P", "bill", 10)]),                 # the bill is due before
    (("fee",), [("P", "fee", 10)]),
    (("deposit", "fee"), [("P", "deposit", 10)]),
])  # fmt: skip
def test_classes_that_are_settled_first_come_before_older_debts(
    first: tuple[str, ...], expected: list[tuple[str, str, int]]
) -> None:
    frame = items(
        item("P", -10, gl="242"), item("bill", 10, due=-5), item("fee", 10, gl="142.1"), item("deposit", 10, gl="142.2")
    )
    assert settled(frame, settle_first=first) == expected


def test_a_refund_takes_its_credit_before_any_debt() -> None:
    frame = items(item("P", -10, gl="242"), item("bill", 10, due=-5), item("R", 10, gl="242"))
    assert settled(frame, settle_first=("fee",)) == [("P", "R", 10)]


def test_accounts_do_not_pay_for_each_other() -> None:
    assert settled(items(item("P", -10, gl="242"), item("B", 10, account="A2"))) == []


def test_an_account_without_credit_or_debt_settles_nothing() -> None:
    assert settled(items(item("B", 10))) == settled(items(item("P", -10))) == settled(items()) == []


def twin(frame: pl.DataFrame) -> list[tuple[str, str, int]]:
    """Walk through credits and debts of each account, one by one."""
    found = []
    for account in sorted(set(frame["account_id"])):
        rows = sorted(frame.filter(pl.col("account_id") == account).rows(), key=lambda row: (row[5], row[0]))
        debts = [[row[0], row[6]] for row in rows if row[6] > 0]
        for name, amount in [(row[0], -row[6]) for row in rows if row[6] < 0]:
            left = amount
            for debt in debts:
                part = min(left, debt[1])
                if part:
                    found.append((name, debt[0], part))
                    debt[1] -= part
                    left -= part
    return sorted(found)


ROWS = st.lists(
    st.tuples(st.sampled_from(["A1", "A2"]), st.integers(-50, 50), st.integers(0, 5)), min_size=0, max_size=14
)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_allocation_is_that_of_the_twin(rows: list[tuple[str, int, int]]) -> None:
    frame = items(*(item(f"I{no:02}", amount, due=due, account=name) for no, (name, amount, due) in enumerate(rows)))
    assert settled(frame) == twin(frame)


def test_an_allocation_between_accounts_of_the_ledger_is_booked() -> None:
    frame = items(item("P", -30, gl="242"), item("B", 30))
    legs = allocation_journals(allocate(frame, DAY), frame)
    assert legs.select("journal_id", "account_id", "gl_account", "amount_minor").rows() == [
        ("P>B", "A1", "242", 30), ("P>B", "A1", "142", -30),
    ]  # fmt: skip


def test_a_credit_note_settles_its_bill_without_a_journal() -> None:
    frame = items(item("C", -30), item("B", 30))
    assert allocation_journals(allocate(frame, DAY), frame).is_empty()


def test_each_branch_keeps_its_balance_when_an_account_has_moved() -> None:
    frame = items(item("P", -30, gl="242", branch="S"), item("B", 30, branch="N"))
    legs = allocation_journals(allocate(frame, DAY), frame)
    assert legs.select("branch_id", "gl_account", "amount_minor").rows() == [
        ("S", "242", 30), ("N", "142", -30), ("S", "234", -30), ("N", "146", 30),
    ]  # fmt: skip


def test_a_deposit_that_is_paid_is_held() -> None:
    frame = items(item("P", -30, gl="242"), item("D", 30, gl="142.2"))
    legs = allocation_journals(allocate(frame, DAY), frame)
    assert legs.select("gl_account", "amount_minor").rows() == [
        ("242", 30), ("142.2", -30), ("235.1", 30), ("235", -30),
    ]  # fmt: skip
