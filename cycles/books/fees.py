"""`ledger fees` and `ledger allocate`: what falls due by itself on a business date, once however often it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from cycles.books.acts import (
    book,
    decimal_of,
    ledger_act,
    ledger_rules,
    refuse_closed,
    settle_accounts,
)
from cycles.books.post import minor_of, posting_id
from ledger.fees import FeeStep, late_fees
from model.errors import ConfigError
from model.ledger import JournalKind
from model.postings import Postings, PostingState
from model.schema import arranged
from store.audit import record
from store.control import query
from store.workspace import Workspace, workspace_settings

_STEP_KEYS = {"after_days", "amount", "percent", "minimum"}


@dataclass(frozen=True)
class FeesCharged:
    """What charging fees did."""

    overdue: int
    """Items that bear at least one fee by now."""
    charged: int
    known: int
    total: dict[str, int]
    """Currency -> sum of the fees charged now, in minor units."""


def charge_late_fees(workspace: Workspace, *, business_date: date, at: datetime, actor: str) -> FeesCharged:
    """Charge the late fees that are due on a date, by `[late_fee]` of billmill.toml: each step of an item once.

    Raises:
        ConfigError: the workspace states no rule, or one that cannot be read.
        ControlError: the period is closed.
    """
    rules = ledger_rules(workspace)
    with ledger_act(workspace, purpose="ledger fees") as connection:
        refuse_closed(connection, business_date, "late fees")
        items = query(connection, "SELECT * FROM open_amount WHERE open_minor > 0 AND due_date < ?", [business_date])
        found = pl.concat([
            late_fees(items.filter(pl.col("currency") == currency), fee_steps(workspace, currency), business_date)
            for currency in sorted(set(items["currency"])) or ["USD"]
        ])  # fmt: skip
        fees = _fee_postings(found, business_date, actor)
        known = query(connection, "SELECT posting_id FROM posting WHERE superseded_at IS NULL AND kind = 'late_fee'")
        new = arranged(Postings, fees.join(known, how="anti", on="posting_id"))
        book(connection, new, rules, recorded_at=at)
        totals = dict(new.group_by("currency").agg(pl.col("amount_minor").sum()).sort("currency").rows())
        if new.height:
            record(
                connection, at=at, actor=actor, action="late_fees", subject=str(business_date),
                detail=f"{new.height} fees on {found['item_id'].n_unique()} overdue items",
            )  # fmt: skip
    return FeesCharged(found["item_id"].n_unique(), new.height, fees.height - new.height, totals)


def _fee_postings(found: pl.DataFrame, business_date: date, actor: str) -> pl.DataFrame:
    kind = JournalKind.LATE_FEE.value
    ids = [posting_id(kind, "late_fee", item, str(step)) for item, step in found.select("item_id", "step").iter_rows()]
    return arranged(Postings, found.with_columns(
        posting_id=pl.Series(ids, dtype=pl.String), kind=pl.lit(kind), state=pl.lit(PostingState.BOOKED.value),
        booked_date=pl.lit(business_date), channel=pl.lit("late_fee"), batch=pl.col("item_id"),
        reference=pl.col("step").cast(pl.String), why=pl.lit("overdue, by the rule of the workspace"),
        made_by=pl.lit(actor),
    ))  # fmt: skip


def fee_steps(workspace: Workspace, currency: str) -> list[FeeStep]:
    """Return the steps of the rule for late fees in a currency.

    Raises:
        ConfigError: there is no rule, or a step is not one.
    """
    steps = workspace_settings(workspace, "late_fee", ("steps",)).get("steps", [])
    if not steps:
        raise ConfigError(
            "billmill.toml: [late_fee] states no steps",
            hint='for example steps = [{ after_days = 10, amount = "5.00" }, { after_days = 40, percent = "1.5" }]',
        )
    return [_step(number, step, currency) for number, step in enumerate(steps, start=1)]


def _step(number: int, step: Any, currency: str) -> FeeStep:
    where = f"[late_fee] step {number}"
    if not isinstance(step, dict) or set(step) - _STEP_KEYS or ("amount" in step) == ("percent" in step):
        raise ConfigError(f"billmill.toml: {where}: expected after_days and either amount or percent, found {step}")
    days = step.get("after_days")
    if not isinstance(days, int) or days < 0:
        raise ConfigError(f"billmill.toml: {where}: expected after_days as days of grace, found {days!r}")
    minimum = minor_of(decimal_of(step.get("minimum", "0"), f"{where} minimum"), currency)
    if "amount" in step:
        return FeeStep(days, minor_of(decimal_of(step["amount"], f"{where} amount"), currency))
    percent = decimal_of(step["percent"], f"{where} percent")
    if percent != round(percent, 6) or percent > Decimal(100):
        raise ConfigError(f"billmill.toml: {where}: expected a percentage with at most 6 decimals, found {percent}")
    return FeeStep(days, percent=percent, minimum_minor=minimum)


def allocate_open(workspace: Workspace, *, business_date: date, at: datetime, actor: str) -> int:
    """Let all credits that are open settle debts, on a business date; return how many allocations that made.

    Raises:
        ControlError: the period is closed.
    """
    rules = ledger_rules(workspace)
    with ledger_act(workspace, purpose="ledger allocate") as connection:
        refuse_closed(connection, business_date, "allocation")
        accounts = query(connection, "SELECT DISTINCT account_id FROM open_amount WHERE open_minor < 0")["account_id"]
        made = settle_accounts(connection, accounts, rules, booked_date=business_date)
        if made.height:
            detail = f"{made.height} allocations on {business_date}"
            record(connection, at=at, actor=actor, action="allocate", subject=str(business_date), detail=detail)
    return made.height
