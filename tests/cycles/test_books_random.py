"""Random events over small books: whatever happens, in whatever order, every invariant holds.

So many events as BILLMILL_EVENTS says, drawn from the seed BILLMILL_SEED; a failure names its seed and batch.
"""

from __future__ import annotations

import os
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sample_ledger import AT, row
from sample_workspace import new_workspace

from cycles.books.acts import LedgerRules, book, posting_rows
from cycles.books.controls import offenders_of, prepare_checks
from cycles.books.periods import changed_periods, period_digest
from cycles.books.queries import CHECKS
from ledger.templates import TEMPLATES
from model.ledger import Allocations, JournalKind, JournalLines, OpenItems
from model.postings import ClosedPeriods
from model.schema import arranged
from store.control import Connection, control, insert, query, transaction

EVENTS = int(os.environ.get("BILLMILL_EVENTS", "300"))
SEED = int(os.environ.get("BILLMILL_SEED", "20261122"))
BATCH = 100
START = date(2026, 1, 1)
ACCOUNTS = [f"A{number}" for number in range(12)]
BRANCHES = ["north", "south", "west"]
# What an event adds to what its account owes, over all control accounts; a transfer and an identified payment fall on
# the other account too.
OWED = {
    "payment": -1, "suspense": 0, "identify": 0, "credit_adjustment": -1, "debit_adjustment": 1, "late_fee": 1,
    "provision": 0, "recovery": 1, "deposit_billed": 1, "deposit_interest": 0, "interest_applied": -1,
    "opening_balance": 1, "opening_credit": -1, "opening_deposit": 0, "cash_rounding": 1, "transfer": -1,
    "tax_payment": 0, "payout": 0,
}  # fmt: skip
SETTLED = {"waiver": -1, "write_off": -1, "deposit_cancelled": -1, "refund": 1, "deposit_applied": -1}
AT_ONCE = ("waiver", "write_off", "deposit_cancelled", "refund", "deposit_applied", "deposit_refund")
"""Kinds that need something to be open or held; they are drawn from what is."""


class World:
    """The books, what each account owes by a plain sum beside them, and the draw."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.draw = random.Random(SEED)
        self.owes = dict.fromkeys(ACCOUNTS, 0)
        self.events = 0

    def branch_of(self, account: str) -> str:
        return BRANCHES[int(account[1:]) % len(BRANCHES)]

    def posting(self, day: date) -> dict[str, Any]:
        kind = self.draw.choice(list(OWED))
        account, other = self.draw.sample(ACCOUNTS, 2)
        amount = self.draw.randint(1, 20_000)
        given: dict[str, Any] = {"branch_id": self.branch_of(account)}
        if TEMPLATES[JournalKind(kind)].needs_account:
            given["account_id"] = account
        if kind in {"credit_adjustment", "debit_adjustment"}:
            given["gl_account"] = "451"
        if kind in {"transfer", "identify"}:
            given |= {"other_account_id": other, "other_branch_id": self.branch_of(other)}
            self.owes[other] += amount if kind == "transfer" else -amount
        if kind == "cash_rounding":
            amount = self.draw.choice([-2, -1, 1, 2])
        self.owes[account] += OWED[kind] * amount
        return row(self.name(), kind, amount, day, **given)

    def name(self) -> str:
        self.events += 1
        return f"{self.events:07}"

    def bill(self, day: date) -> None:
        """A bill of revenue and tax; one in five takes an earlier one back, with a credit note."""
        account = self.draw.choice(ACCOUNTS)
        net, name = self.draw.randint(1, 30_000), f"{account}.{self.name()}"
        tax, branch = net // 10, self.branch_of(account)
        self._journal(name, "bill", account, branch, day, net, tax, 1)
        self.owes[account] += net + tax
        if self.draw.random() < 0.2:
            self._journal(f"{name}.x", "reversal", account, branch, day, net, tax, -1, reverses=f"{name}/J")
            reversed_bill = {"bill_id": [name], "reversal_id": [f"{name}.x"], "run_id": ["R"], "reason": [""]}
            insert(self.connection, "reversed_bill", pl.DataFrame(reversed_bill))
            allocation = pl.DataFrame(
                [(f"{name}.x/I", f"{name}/I", net + tax, day)],
                orient="row",
                schema=["credit_item_id", "debit_item_id", "amount_minor", "booked_date"],
            )
            insert(self.connection, "allocation", arranged(Allocations, allocation))
            self.owes[account] -= net + tax

    def _journal(self, bill: str, kind: str, account: str, branch: str, day: date, net: int, tax: int, side: int,
                 reverses: str | None = None) -> None:  # fmt: skip
        legs = [("142", None, None, net + tax), ("440", "electricity", None, -net), ("241", None, "GST", -tax)]
        rows = [
            {"journal_id": f"{bill}/J", "leg_no": number, "kind": kind, "bill_id": bill, "account_id": account,
             "branch_id": branch, "gl_account": gl, "commodity": commodity, "tax_code": code,
             "amount_minor": side * amount, "currency": "AUD", "booked_date": day, "reverses_id": reverses}
            for number, (gl, commodity, code, amount) in enumerate(legs, start=1)
        ]  # fmt: skip
        frame = pl.DataFrame(rows, schema_overrides={"commodity": pl.String, "tax_code": pl.String})
        insert(self.connection, "posted_line", arranged(JournalLines, frame))
        item = {
            "item_id": f"{bill}/I",
            "bill_id": bill,
            "account_id": account,
            "branch_id": branch,
            "currency": "AUD",
            "amount_minor": side * (net + tax),
            "due_date": day + timedelta(days=14),
        }
        insert(self.connection, "posted_item", arranged(OpenItems, pl.DataFrame([item])))

    def possible(self, kind: str, day: date) -> list[dict[str, Any]]:
        """Draw a posting that needs something open or held; none when nothing is."""
        if kind.startswith("deposit_") and kind != "deposit_cancelled":
            sql = (
                "SELECT account_id, branch_id, -sum(amount_minor)::BIGINT AS held FROM journal_line "
                "WHERE gl_account = '235' GROUP BY ALL HAVING sum(amount_minor) < 0 ORDER BY ALL"
            )
        else:
            wanted = {
                "waiver": "gl_account = '142.1' AND open_minor > 0",
                "write_off": "gl_account IN ('142', '142.1') AND open_minor > 0",
                "deposit_cancelled": "gl_account = '142.2' AND open_minor > 0",
                "refund": "open_minor < 0",
            }[kind]
            sql = f"SELECT item_id, account_id, branch_id, open_minor FROM open_amount WHERE {wanted} ORDER BY item_id"
        rows = query(self.connection, sql).rows(named=True)
        return [self._of(kind, self.draw.choice(rows), day)] if rows else []

    def _of(self, kind: str, chosen: dict[str, Any], day: date) -> dict[str, Any]:
        amount = self.draw.randint(1, abs(chosen.get("open_minor") or chosen["held"]))
        account = chosen["account_id"]
        given = {"account_id": account, "branch_id": chosen["branch_id"]}
        if kind in {"waiver", "write_off", "deposit_cancelled"}:
            given["item_id"] = chosen["item_id"]
        self.owes[account] += SETTLED.get(kind, 0) * amount
        return row(self.name(), kind, amount, day, **given)


def close_month(connection: Connection, before: date, end: date) -> None:
    digest = period_digest(connection, before, end)
    kept = {"period_id": f"{before:%Y-%m}", "end_date": end, "closed_by": "ops", "closed_at": AT} | digest
    insert(connection, "closed_period", arranged(ClosedPeriods, pl.DataFrame([kept])))


def end_month(connection: Connection, day: date) -> None:
    """Close the month before once the next has begun."""
    month = day.replace(day=1)
    last = query(connection, "SELECT coalesce(max(end_date), ?) FROM closed_period", [START]).item()
    if month > last:
        with transaction(connection):
            close_month(connection, last, month)


def live(world: World, day: date) -> None:
    """A batch of bills, of postings all at once, and of what can only be done with what is open."""
    for _ in range(BATCH // 10):
        world.bill(day)
    at_once = aud([world.posting(day) for _ in range(BATCH - BATCH // 5)])
    book(world.connection, at_once, LedgerRules(), recorded_at=AT)
    for kind in AT_ONCE:
        for some in world.possible(kind, day):
            book(world.connection, aud([some]), LedgerRules(("fee",)), recorded_at=AT)


def test_whatever_happens_the_invariants_hold(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "w")
    with control(workspace, purpose="test") as connection:
        world, day, batch = World(connection), START, 0
        while world.events < EVENTS:
            day, batch = day + timedelta(days=3), batch + 1
            with transaction(connection):
                live(world, day)
            end_month(connection, day)
            prepare_checks(workspace, connection, None)
            offenders = pl.concat([offenders_of(connection, check) for check in CHECKS])
            assert offenders.rows() == [], f"seed {SEED}, batch {batch}"
        assert changed_periods(connection).is_empty()
        owed = query(
            connection,
            "SELECT account_id, sum(amount_minor)::BIGINT FROM journal_line "
            "WHERE gl_account IN ('142', '142.1', '142.2', '242') GROUP BY ALL",
        )
        assert dict(owed.rows()) == world.owes, f"seed {SEED}"


def aud(rows: list[dict[str, Any]]) -> Any:
    return posting_rows([given | {"currency": "AUD"} for given in rows])
