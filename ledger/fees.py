"""Late fees: what a debt that is overdue costs, by the rule of the utility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl

from ledger.chart import GL_RECEIVABLE

_MILLIONTHS = 1_000_000


@dataclass(frozen=True)
class FeeStep:
    """A step of the rule: from so many days after the due date a fee is owed once, an amount or a percentage."""

    after_days: int
    amount_minor: int | None = None
    percent: Decimal | None = None
    """Of what the item has open on the business date, with at most six decimals."""
    minimum_minor: int = 0


def late_fees(open_items: pl.DataFrame, steps: Sequence[FeeStep], business_date: date) -> pl.DataFrame:
    """Return the fees that are due on a date: a row for each overdue debt of a bill and each step it has reached.

    `open_items`: item_id, account_id, branch_id, currency, gl_account, due_date, open_minor. Fees, deposits and
    credits bear no fee. A percentage is rounded half away from zero, once, to the minor unit; a fee that comes to
    zero is left out. Columns: item_id, account_id, branch_id, currency, step (from 1), amount_minor.
    """
    debts = open_items.filter((pl.col("gl_account") == GL_RECEIVABLE) & (pl.col("open_minor") > 0))
    late_days = (pl.lit(business_date) - pl.col("due_date")).dt.total_days()
    reached = [
        debts.filter(late_days > step.after_days).select(
            "item_id", "account_id", "branch_id", "currency", pl.lit(number).alias("step"), amount_minor=_fee(step)
        )
        for number, step in enumerate(steps, start=1)
    ]
    return pl.concat(reached).filter(pl.col("amount_minor") > 0).sort("item_id", "step")


def _fee(step: FeeStep) -> pl.Expr:
    if step.percent is None:
        return pl.lit(step.amount_minor, dtype=pl.Int64)
    micro = int(step.percent * _MILLIONTHS)
    assert micro == step.percent * _MILLIONTHS, "a percentage has at most six decimals"
    divisor = 100 * _MILLIONTHS
    rounded = (pl.col("open_minor").cast(pl.Int128) * micro + divisor // 2) // divisor  # what is open is above zero
    return pl.max_horizontal(rounded, pl.lit(step.minimum_minor, dtype=pl.Int128)).cast(pl.Int64)
