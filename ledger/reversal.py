"""Reversal: a bill is taken back by a bill of its own, negated line by line and leg by leg; nothing is overwritten.

Sums over lines, journals and items then stay right everywhere without anybody knowing of reversals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.post import summed_minor
from model.bills import Bills
from model.ledger import Allocations, JournalKind, JournalLines, OpenItems
from model.rating import BillLines
from model.schema import arranged

SUFFIX = ".x"
# What a line adds to a sum; a price per unit stays what it is.
_NEGATED = ("quantity", "fixed", "amount_exact", "amount_minor", "memo_minor")


@dataclass(frozen=True)
class Reversed:
    """What takes bills back: as many rows as they had, each with its sign turned."""

    bills: DataFrame[Bills]
    lines: DataFrame[BillLines]
    journal_lines: DataFrame[JournalLines]
    open_items: DataFrame[OpenItems]


def reversal_id(name: str = "bill_id") -> pl.Expr:
    """Return the id of the bill that takes back the one in a column."""
    return pl.col(name) + SUFFIX


def reverse_bills(
    bills: DataFrame[Bills],
    lines: DataFrame[BillLines],
    journal_lines: DataFrame[JournalLines],
    open_items: DataFrame[OpenItems],
    booked_date: date,
) -> Reversed:
    """Return the bills that take `bills` back, issued and booked on `booked_date`, with their journals and items.

    `lines`, `journal_lines` and `open_items` are those of `bills`. A credit falls due as the bill did, so many days
    after it is issued. Nothing is computed anew: each figure is the negated one, so bill and reversal come to zero in
    every line, ledger account, tax and currency. Source of the rule: a cancelled bill is the exact negation of every
    leg, with a link to what it negates.
    """
    assert bills["reverses_id"].null_count() == bills.height, "a reversal is never taken back"
    days = pl.col("due_date") - pl.col("issue_date")
    taken_back = bills.with_columns(
        reversal_id(),
        -pl.col("net_minor", "tax_minor", "total_minor"),
        pl.lit(booked_date).alias("issue_date"),
        (pl.lit(booked_date) + days).alias("due_date"),
        pl.col("bill_id").alias("reverses_id"),
        pl.lit(None, pl.String).alias("replaces_id"),
    )
    rest_of_id = pl.col("line_id").str.slice(pl.col("bill_id").str.len_chars())
    negated = lines.with_columns(
        reversal_id(), (reversal_id() + rest_of_id).alias("line_id"), *(-pl.col(name) for name in _NEGATED)
    )
    legs = journal_lines.with_columns(
        reversal_id(),
        _of_reversal("journal_id"),
        -pl.col("amount_minor"),
        pl.lit(JournalKind.REVERSAL.value).alias("kind"),
        pl.lit(booked_date).alias("booked_date"),
        pl.col("journal_id").alias("reverses_id"),
    )
    due_dates = taken_back.select("bill_id", "due_date")
    items = (
        open_items.drop("due_date")
        .with_columns(reversal_id(), _of_reversal("item_id"), -pl.col("amount_minor"))
        .join(due_dates, on="bill_id", how="left", validate="1:1")
    )
    return Reversed(
        arranged(Bills, taken_back.sort("branch_id", "account_id", "bill_id")),
        arranged(BillLines, negated.sort("bill_id", "line_no")),
        arranged(JournalLines, legs.sort("journal_id", "leg_no")),
        arranged(OpenItems, items.sort("item_id")),
    )


def settle_reversals(
    items: DataFrame[OpenItems], originals: DataFrame[OpenItems], allocated: pl.DataFrame, booked_date: date
) -> DataFrame[Allocations]:
    """Return what the items of reversals settle: of each bill what still stands open, and no more.

    `items` are those of reversals, `originals` the items of the bills that they take back, `allocated` (item_id,
    amount_minor) what is settled of these already and stays so. Of a bill in credit it is the reversal that owes, and
    the bill that settles it.
    """
    pairs = (
        items.select(pl.col("bill_id").str.strip_suffix(SUFFIX), "item_id", "amount_minor")
        .join(originals.select("bill_id", "item_id", "amount_minor"), on="bill_id", how="inner", suffix="_of_bill",
              validate="1:1")
        .join(allocated.select(pl.col("item_id").alias("item_id_of_bill"), pl.col("amount_minor").alias("settled")),
              on="item_id_of_bill", how="left", validate="m:1")
        .with_columns((pl.col("amount_minor_of_bill").abs() - pl.col("settled").fill_null(0)).alias("open"))
        .filter(pl.col("open") > 0)
    )  # fmt: skip
    owes = pl.col("amount_minor_of_bill") > 0
    settled = pairs.select(
        pl.when(owes).then("item_id").otherwise("item_id_of_bill").alias("credit_item_id"),
        pl.when(owes).then("item_id_of_bill").otherwise("item_id").alias("debit_item_id"),
        pl.col("open").alias("amount_minor"),
        pl.lit(booked_date).alias("booked_date"),
    )
    return arranged(Allocations, settled.sort("credit_item_id", "debit_item_id"))


def released(settled: pl.DataFrame, booked_date: date) -> DataFrame[Allocations]:
    """Return what takes allocations back (`settled`: credit_item_id, debit_item_id, amount_minor): the same below zero.

    What paid a bill that is taken back is an open credit again, and settles what is owed by the usual rule.
    """
    rows = settled.with_columns(-pl.col("amount_minor"), pl.lit(booked_date).alias("booked_date"))
    return arranged(Allocations, rows.sort("credit_item_id", "debit_item_id"))


def inexact_reversals(journal_lines: pl.DataFrame, originals: pl.DataFrame) -> pl.DataFrame:
    """Return journals that do not negate their original leg by leg: journal_id, expected and found legs.

    `journal_lines` are those of a run, `originals` those of the journals that they say they negate.
    """
    key = ["reverses_id", "leg_no", "gl_account", "commodity", "tax_code", "currency"]
    negating = journal_lines.filter(pl.col("reverses_id").is_not_null()).select(*key, "amount_minor")
    negated = originals.select(pl.col("journal_id").alias("reverses_id"), *key[1:], "amount_minor")
    both = negating.join(
        negated, on=key, how="full", nulls_equal=True, coalesce=True, suffix="_of_bill", validate="1:1"
    )
    apart = both.filter((pl.col("amount_minor") + pl.col("amount_minor_of_bill")).fill_null(1) != 0)
    return (
        apart.group_by("reverses_id")
        .agg((-summed_minor("amount_minor_of_bill")).alias("expected"), summed_minor("amount_minor").alias("found"))
        .sort("reverses_id")
    )


def _of_reversal(name: str) -> pl.Expr:
    """Return an id that begins with its bill's, for the reversal."""
    rest = pl.col(name).str.slice(pl.col("bill_id").str.len_chars())
    return (reversal_id() + rest).alias(name)
