"""Booking postings that are no bill: legs and open items by their templates, many at once."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.chart import GL_RECEIVABLE
from ledger.post import Posted
from ledger.split import shared_minor
from ledger.templates import OF_ITEM, SHARED, TEMPLATES, Holder, Item, Leg
from model.ledger import Allocations, JournalKind, JournalLines, OpenItems
from model.postings import Postings
from model.schema import arranged, empty

ACCOUNT_OF = {Holder.OWN: "account_id", Holder.OTHER: "other_account_id"}
BRANCH_OF = {
    Holder.OWN: "branch_id",
    Holder.BRANCH: "branch_id",
    Holder.OTHER: "other_branch_id",
    Holder.OTHER_BRANCH: "other_branch_id",
}


def book_postings(postings: DataFrame[Postings], items: pl.DataFrame, bill_legs: pl.DataFrame) -> Posted:
    """Return the journals and open items of postings, each by the template of its kind.

    `items`: item_id and gl_account of the items that they are about; `bill_legs`: the journal lines of the bills that
    adjustments share their amount by. An adjustment of a bill falls on its revenue and taxes in proportion, so the
    tax part has the bill's own rate; what does not divide goes to the largest remainders. Amounts in minor units.
    """
    known = items.select("item_id", pl.col("gl_account").alias("item_gl"))
    rows = postings.join(known, how="left", on="item_id", validate="m:1")
    legs, kept = [pl.DataFrame(schema={"commodity": pl.String, "tax_code": pl.String})], []
    for (kind,), some in rows.partition_by("kind", as_dict=True, maintain_order=True).items():
        template = TEMPLATES[JournalKind(kind)]
        for place, leg in enumerate(template.legs):
            legs.append(
                _shared_leg(some, leg, place, bill_legs) if leg.gl_account == SHARED else _leg(some, leg, place)
            )
        kept += [_item(some, item) for item in template.items]
    if rows.is_empty():
        return Posted(empty(JournalLines), empty(OpenItems))
    order = ["journal_id", "place", "gl_account", "commodity", "tax_code"]
    lines = pl.concat(legs, how="diagonal").filter(pl.col("amount_minor") != 0).sort(order, nulls_last=False)
    numbered = lines.with_columns(
        leg_no=pl.int_range(1, pl.len() + 1).over("journal_id"),
        # The bill that an adjustment is about stands on its posting; legs name the bill that is billed by them.
        bill_id=pl.lit(None, dtype=pl.String),
    )
    open_items = pl.concat(kept).sort("item_id") if kept else empty(OpenItems)
    return Posted(arranged(JournalLines, numbered), arranged(OpenItems, open_items))


def settling(postings: pl.DataFrame) -> DataFrame[Allocations]:
    """Return the allocations of postings that settle the very item they are about: waivers and write-offs."""
    kinds = [kind.value for kind, template in TEMPLATES.items() if template.settles]
    rows = postings.filter(pl.col("kind").is_in(kinds)).select(
        (pl.col("posting_id") + "/I").alias("credit_item_id"),
        pl.col("item_id").alias("debit_item_id"),
        "amount_minor",
        "booked_date",
    )
    return arranged(Allocations, rows)


def _leg(rows: pl.DataFrame, leg: Leg, place: int) -> pl.DataFrame:
    chosen = rows.filter(pl.col("branch_id") != pl.col("other_branch_id")) if leg.only_across else rows
    return _head(chosen, leg, place).with_columns(
        gl_account=pl.col("item_gl") if leg.gl_account == OF_ITEM else pl.lit(leg.gl_account),
        amount_minor=pl.col("amount_minor") * leg.side,
    ).drop("item_gl")  # fmt: skip


def _shared_leg(rows: pl.DataFrame, leg: Leg, place: int, bill_legs: pl.DataFrame) -> pl.DataFrame:
    """Return the legs of adjustments on the accounts of their bills; without a bill on the account they name."""
    plain = _head(rows.filter(pl.col("bill_id").is_null()), leg, place, "gl_account").drop("item_gl")
    weights = bill_legs.filter(pl.col("gl_account") != GL_RECEIVABLE).select(
        "bill_id", "gl_account", "commodity", "tax_code", (-pl.col("amount_minor")).alias("weight_minor")
    )
    joined = _head(rows, leg, place).drop("item_gl").join(weights, how="inner", on="bill_id", validate="m:m")
    order = ["gl_account", "commodity", "tax_code"]
    shared = shared_minor(joined, by="journal_id", whole="amount_minor", weight="weight_minor", order=order)
    parts = shared.with_columns(amount_minor=pl.col("part_minor")).drop("weight_minor", "part_minor")
    both = pl.concat([plain, parts], how="diagonal")
    return both.with_columns(amount_minor=pl.col("amount_minor") * leg.side)


def _head(rows: pl.DataFrame, leg: Leg, place: int, *more: str) -> pl.DataFrame:
    account = ACCOUNT_OF.get(leg.holder)
    return rows.select(
        (pl.col("posting_id") + "/J").alias("journal_id"),
        "kind", "bill_id", "currency", "booked_date", "amount_minor", "item_gl", *more,
        account_id=pl.col(account) if account else pl.lit(None, dtype=pl.String),
        branch_id=pl.col(BRANCH_OF[leg.holder]),
        place=pl.lit(place),
    )  # fmt: skip


def _item(rows: pl.DataFrame, item: Item) -> pl.DataFrame:
    return rows.select(
        (pl.col("posting_id") + item.suffix).alias("item_id"),
        pl.lit(None, dtype=pl.String).alias("bill_id"),
        pl.col(ACCOUNT_OF[item.holder]).alias("account_id"),
        pl.col(BRANCH_OF[item.holder]).alias("branch_id"),
        "currency",
        (pl.col("amount_minor") * item.side).alias("amount_minor"),
        pl.coalesce("due_date", "booked_date").alias("due_date"),
        (pl.col("item_gl") if item.gl_account == OF_ITEM else pl.lit(item.gl_account)).alias("gl_account"),
    )
