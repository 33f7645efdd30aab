"""A reversal is the exact negation of its bill, and settles what is still open of it."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from sample_books import books

from ledger.reversal import inexact_reversals, reverse_bills, settle_reversals
from model.bills import Bills
from model.ledger import JournalKind, JournalLines, OpenItems
from model.rating import BillLines
from model.schema import arranged

DAY = date(2026, 12, 1)
NOTHING = pl.DataFrame(schema={"item_id": pl.String, "amount_minor": pl.Int64})


def taken_back():
    own = books()
    back = reverse_bills(
        arranged(Bills, own["bills"]), arranged(BillLines, own["lines"]), arranged(JournalLines, own["journal_lines"]),
        arranged(OpenItems, own["open_items"]), DAY,
    )  # fmt: skip
    return own, back


def test_each_line_leg_and_item_is_negated_one_by_one() -> None:
    own, back = taken_back()
    for name, frame, key in (
        ("lines", back.lines, ["bill_id", "line_no"]), ("journal_lines", back.journal_lines, ["bill_id", "leg_no"]),
        ("open_items", back.open_items, ["bill_id"]),
    ):  # fmt: skip
        mine = {tuple(row[k] for k in key): row["amount_minor"] for row in own[name].to_dicts()}
        theirs = {
            tuple(str(row[k]).removesuffix(".x") if k == "bill_id" else row[k] for k in key): row["amount_minor"]
            for row in frame.to_dicts()
        }
        assert theirs == {key: -amount for key, amount in mine.items()}
    assert set(back.journal_lines["kind"]) == {JournalKind.REVERSAL.value}
    assert back.bills["reverses_id"].to_list() == own["bills"]["bill_id"].to_list()


def test_a_reversal_falls_due_as_many_days_after_its_issue_as_the_bill_did() -> None:
    own, back = taken_back()
    days = {row["bill_id"]: row["due_date"] - row["issue_date"] for row in own["bills"].to_dicts()}
    assert all(row["due_date"] == DAY + days[row["reverses_id"]] for row in back.bills.to_dicts())
    assert all(isinstance(span, timedelta) for span in days.values())


@pytest.mark.parametrize(
    ("amount", "settled", "expected"),
    [
        (10_000, 0, [("A.r0.x/I", "A.r0/I", 10_000)]),
        (10_000, 9_999, [("A.r0.x/I", "A.r0/I", 1)]),
        (10_000, 10_000, []),  # paid: the reversal stands open as a credit
        (-700, 0, [("A.r0/I", "A.r0.x/I", 700)]),  # a bill in credit: the reversal owes
        (-700, 200, [("A.r0/I", "A.r0.x/I", 500)]),
        (0, 0, []),
    ],
)
def test_what_is_open_of_a_bill_is_settled_and_no_more(
    amount: int, settled: int, expected: list[tuple[str, str, int]]
) -> None:
    def item(name: str, minor: int):
        row = {
            "item_id": f"{name}/I", "bill_id": name, "account_id": "A", "branch_id": "N", "currency": "EUR",
            "amount_minor": minor, "due_date": DAY,
        }  # fmt: skip
        return arranged(OpenItems, pl.DataFrame([row]))

    allocated = pl.DataFrame({"item_id": ["A.r0/I"], "amount_minor": [settled]}) if settled else NOTHING
    found = settle_reversals(item("A.r0.x", -amount), item("A.r0", amount), allocated, DAY)
    assert found.select("credit_item_id", "debit_item_id", "amount_minor").rows() == expected


def test_a_journal_that_does_not_negate_its_bill_is_found() -> None:
    own, back = taken_back()
    assert inexact_reversals(back.journal_lines, own["journal_lines"]).is_empty()
    first = back.journal_lines["journal_id"][0]
    is_first = (pl.col("journal_id") == first) & (pl.col("leg_no") == 1)
    wrong = back.journal_lines.with_columns(
        pl.when(is_first).then(pl.col("amount_minor") + 1).otherwise("amount_minor").alias("amount_minor")
    )
    lost = back.journal_lines.filter(~is_first)
    for changed in (wrong, lost):
        assert inexact_reversals(changed, own["journal_lines"])["reverses_id"].to_list() == [
            first.replace(".x/J", "/J")
        ]
