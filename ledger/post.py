"""Posting: one balanced journal and one open item per bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.chart import GL_RECEIVABLE
from model.bills import Bills
from model.ledger import JournalKind, JournalLines, OpenItems
from model.rating import BillLines
from model.schema import arranged
from rating.segments import place_in

_LEG_ORDER = ["journal_id", "side", "gl_account", "commodity", "tax_code", "currency"]


@dataclass(frozen=True)
class Posted:
    """What bills leave in the books."""

    journal_lines: DataFrame[JournalLines]
    open_items: DataFrame[OpenItems]


def post_bills(bills: DataFrame[Bills], lines: DataFrame[BillLines], booked_date: date) -> Posted:
    """Book each bill: debit the receivable with its total, credit revenue and taxes with its lines.

    Revenue is credited by ledger account and commodity, taxes by ledger account and tax code; a bill below zero
    books the same legs with the signs turned. Legs that come to zero are left out, except the receivable: a bill of
    zero keeps that one leg, so that every bill has a journal. The debit comes from the bill and the credits from
    the lines, so a bill that does not add up shows as a journal that does not (`ledger.invariants`).

    Amounts are in minor units of the bill's currency. Rows come back in order of journal and leg, whatever the
    order of the input.
    """
    legs = pl.concat([_receivable_legs(bills), _credit_legs(lines)], how="vertical")
    booked = bills.select("bill_id", "account_id", "branch_id")
    journal_lines = (
        legs.join(booked, how="left", on="bill_id", validate="m:1")
        .with_columns(
            journal_id=pl.col("bill_id") + "/J",
            kind=pl.lit(JournalKind.BILL.value),
            booked_date=pl.lit(booked_date),
        )
        .sort(_LEG_ORDER, nulls_last=False)
        .with_columns(leg_no=place_in("journal_id"))
    )
    return Posted(arranged(JournalLines, journal_lines), _open_items(bills))


def summed_minor(column: str) -> pl.Expr:
    """Return the sum of an Int64 column, taken in 128 bits so that it cannot wrap.

    The cast back to Int64 is strict: a sum that does not fit stops the work instead of turning its sign.
    """
    return pl.col(column).cast(pl.Int128).sum().cast(pl.Int64)


def _receivable_legs(bills: pl.DataFrame) -> pl.DataFrame:
    return bills.select(
        "bill_id",
        side=pl.lit(0),
        gl_account=pl.lit(GL_RECEIVABLE),
        commodity=pl.lit(None, dtype=pl.String),
        tax_code=pl.lit(None, dtype=pl.String),
        currency=pl.col("currency"),
        amount_minor=pl.col("total_minor"),
    )


def _credit_legs(lines: pl.DataFrame) -> pl.DataFrame:
    is_tax = pl.col("category") == "tax"
    credits = lines.select(
        "bill_id",
        side=pl.when(is_tax).then(2).otherwise(1),
        gl_account=pl.col("gl_account"),
        # A tax is owed to the authority by code, whatever was supplied.
        commodity=pl.when(is_tax).then(None).otherwise(pl.col("commodity")),
        tax_code=pl.when(is_tax).then(pl.col("tax_code")).otherwise(None),
        currency=pl.col("currency"),
        amount_minor=pl.col("amount_minor"),
    )
    keys = [name for name in credits.columns if name != "amount_minor"]
    summed = credits.group_by(keys).agg(-summed_minor("amount_minor"))
    return summed.filter(pl.col("amount_minor") != 0)


def _open_items(bills: pl.DataFrame) -> DataFrame[OpenItems]:
    items = bills.select(
        "bill_id",
        "account_id",
        "branch_id",
        "currency",
        "due_date",
        item_id=pl.col("bill_id") + "/I",
        amount_minor=pl.col("total_minor"),
        gl_account=pl.lit(GL_RECEIVABLE),
    )
    return arranged(OpenItems, items.sort("item_id"))
