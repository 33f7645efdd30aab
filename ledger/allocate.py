"""Allocation: which credit settles which debt, in order, never more than is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.chart import (
    GL_CREDITS,
    GL_DEPOSITS,
    GL_DEPOSITS_BILLED,
    GL_DUE_FROM,
    GL_DUE_TO,
    GL_RECEIVABLE,
    GL_RECEIVABLE_DEPOSIT,
    GL_RECEIVABLE_FEE,
)
from model.ledger import Allocations, JournalKind, JournalLines
from model.schema import arranged

# What an open debt is called in a workspace's settings.
DEBT_CLASSES = {"bill": GL_RECEIVABLE, "fee": GL_RECEIVABLE_FEE, "deposit": GL_RECEIVABLE_DEPOSIT}
_OF_ONE = ["account_id", "currency"]


def allocate(
    open_items: pl.DataFrame, booked_date: date, *, settle_first: Sequence[str] = ()
) -> DataFrame[Allocations]:
    """Let the credits of each account and currency settle its debts: the oldest due first, a tie by item.

    `open_items`: item_id, account_id, currency, gl_account, due_date, open_minor (above zero owed, below a credit;
    zero is left out). A refund takes its credit before any debt does; then classes of `settle_first` in their order
    ("fee", "bill", "deposit"), then all others together. Neither side is used beyond what it has open, so one of
    both is used up. Rows come back by credit and debit item.
    """
    first = [GL_CREDITS, *(DEBT_CLASSES[name] for name in settle_first)]
    ranks = {gl_account: rank for rank, gl_account in enumerate(first)}
    rank = pl.col("gl_account").replace_strict(ranks, default=len(ranks), return_dtype=pl.Int64)
    order = [*_OF_ONE, "rank", "due_date", "item_id"]
    # Amounts on a line from zero: a piece between two ends belongs to the first credit and debt that reach so far.
    credits = _ends(open_items.filter(pl.col("open_minor") < 0).with_columns(rank=pl.lit(0)), order, "credit_item_id")
    debts = _ends(open_items.filter(pl.col("open_minor") > 0).with_columns(rank=rank), order, "debit_item_id")
    both = pl.concat([credits, debts], how="diagonal").sort(*_OF_ONE, "end_minor")
    pieces = both.with_columns(
        pl.col("credit_item_id", "debit_item_id").backward_fill().over(_OF_ONE),
        amount_minor=pl.col("end_minor") - pl.col("end_minor").shift(1, fill_value=0).over(_OF_ONE),
    )
    settled = pieces.filter(
        pl.col("amount_minor") > 0, pl.col("credit_item_id").is_not_null(), pl.col("debit_item_id").is_not_null()
    )
    rows = settled.with_columns(booked_date=pl.lit(booked_date)).sort("credit_item_id", "debit_item_id")
    return arranged(Allocations, rows)


def _ends(items: pl.DataFrame, order: Sequence[str], name: str) -> pl.DataFrame:
    total = pl.col("open_minor").abs().cast(pl.Int128).cum_sum().over(_OF_ONE).alias("end_minor")
    return items.sort(order).select(*_OF_ONE, pl.col("item_id").alias(name), total)


def allocation_journals(allocations: DataFrame[Allocations], items: pl.DataFrame) -> DataFrame[JournalLines]:
    """Book allocations between items of different control accounts or branches; the others move nothing.

    Debit the credit's account, credit the debt's; across branches each keeps its own balance by what it owes the
    other. A deposit that is paid becomes one that is held. `items`: item_id, account_id, branch_id, currency,
    gl_account of all items that are named.
    """
    sides = {
        side: items.select(
            pl.col("item_id").alias(f"{side}_item_id"), pl.col("account_id"), "currency",
            pl.col("branch_id").alias(f"{side}_branch"), pl.col("gl_account").alias(f"{side}_gl"),
        )
        for side in ("credit", "debit")
    }  # fmt: skip
    placed = allocations.join(sides["credit"], how="left", on="credit_item_id", validate="m:1").join(
        sides["debit"].drop("account_id", "currency"), how="left", on="debit_item_id", validate="m:1"
    )
    across = pl.col("credit_branch") != pl.col("debit_branch")
    moved = placed.filter(across | (pl.col("credit_gl") != pl.col("debit_gl")))
    to_deposit = moved.filter(pl.col("debit_gl") == GL_RECEIVABLE_DEPOSIT)
    legs = pl.concat([
        _legs(moved, 1, "credit_gl", "credit_branch", 1),
        _legs(moved, 2, "debit_gl", "debit_branch", -1),
        _legs(moved.filter(across), 3, GL_DUE_TO, "credit_branch", -1, of_account=False),
        _legs(moved.filter(across), 4, GL_DUE_FROM, "debit_branch", 1, of_account=False),
        _legs(to_deposit, 5, GL_DEPOSITS_BILLED, "debit_branch", 1),
        _legs(to_deposit, 6, GL_DEPOSITS, "debit_branch", -1),
    ])  # fmt: skip
    sorted_legs = legs.sort("journal_id", "place")
    return arranged(JournalLines, sorted_legs.with_columns(leg_no=pl.int_range(1, pl.len() + 1).over("journal_id")))


def release_journals(releases: DataFrame[Allocations], items: pl.DataFrame) -> DataFrame[JournalLines]:
    """Book what is released, negating the journals of allocations leg by leg; `items`: see `allocation_journals`."""
    legs = allocation_journals(releases, items)
    original = pl.col("journal_id")
    return arranged(JournalLines, legs.with_columns(original + "/R", original.alias("reverses_id")))


def _legs(
    moved: pl.DataFrame, place: int, gl_account: str, branch: str, side: int, *, of_account: bool = True
) -> pl.DataFrame:
    named = gl_account if gl_account.endswith("_gl") else None
    return moved.select(
        pl.concat_str("credit_item_id", pl.lit(">"), "debit_item_id").alias("journal_id"),
        pl.lit(JournalKind.ALLOCATION.value).alias("kind"),
        pl.col("account_id") if of_account else pl.lit(None, dtype=pl.String).alias("account_id"),
        pl.col(branch).alias("branch_id"),
        (pl.col(named) if named else pl.lit(gl_account)).alias("gl_account"),
        (pl.col("amount_minor") * side).alias("amount_minor"),
        "currency", "booked_date",
        pl.lit(place).alias("place"),
    )  # fmt: skip
