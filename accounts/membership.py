"""Which days of an account a cycle bills: those on which it is in the cycle's group, also when it changes groups."""

from __future__ import annotations

from datetime import date

import polars as pl

FAR_DATE = date(9999, 12, 31)
NEAR_DATE = date(1, 1, 1)


def members(
    bill_group: str, period_start: date, accounts: pl.DataFrame, changes: pl.DataFrame, calendar: pl.DataFrame
) -> pl.DataFrame:
    """Return the accounts of a group with the days that its cycle from `period_start` bills: member_from, member_to.

    `changes`: model.events.GroupChanges; `calendar`: model.accounts.BillCycles. A cycle that an account enters in the
    middle bills it from then on; where its first bill is to be long, that cycle leaves it out, and the next one
    begins on the day of the change.
    """
    spans = _spans(accounts.select("account_id", "bill_group"), changes).filter(pl.col("bill_group") == bill_group)
    starts = calendar.filter(pl.col("bill_group") == bill_group).select("period_start_date", "period_end_date")
    first = pl.lit(period_start)
    placed = spans.with_columns(
        pl.lit(starts.filter(pl.col("period_start_date") < period_start)["period_start_date"].max(), pl.Date).alias(
            "earlier_start"
        ),
        pl.lit(starts.filter(pl.col("period_start_date") == period_start)["period_end_date"].max(), pl.Date).alias(
            "end"
        ),
    )
    # The account enters within this cycle, or within the one before.
    is_entered = (pl.col("entered") > first) & (pl.col("entered") < pl.col("end"))
    is_after = (pl.col("entered") < first) & (pl.col("entered") > pl.col("earlier_start")).fill_null(value=False)
    is_long = pl.col("first_bill") == "long"
    begin = (
        pl.when(is_long & is_entered).then(pl.lit(FAR_DATE))
        .when(is_long & is_after).then(pl.col("entered"))
        .otherwise(pl.max_horizontal(first, "entered"))
    )  # fmt: skip
    dated = placed.select("account_id", begin.alias("member_from"), pl.col("left").alias("member_to"))
    kept = dated.filter(pl.col("member_from") < pl.col("member_to"), pl.col("member_to") > period_start)
    return accounts.join(kept, on="account_id", how="inner", validate="1:m")


def _spans(accounts: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """Return the groups of each account and when: account_id, bill_group, entered, left, first_bill."""
    last = changes.sort("account_id", "from_date")
    first = last.unique("account_id", keep="first", maintain_order=True).select(
        "account_id", pl.col("from_group").alias("bill_group"), pl.lit(NEAR_DATE).alias("entered"),
        pl.lit("short").alias("first_bill"),
    )  # fmt: skip
    later = last.select("account_id", pl.col("to_group").alias("bill_group"), pl.col("from_date").alias("entered"),
                        "first_bill")  # fmt: skip
    moved = pl.concat([first, later]).sort("account_id", "entered").with_columns(
        pl.col("entered").shift(-1).over("account_id").fill_null(FAR_DATE).alias("left")
    )  # fmt: skip
    # Most never change: they are left out of all that is asked account by account.
    steady = accounts.join(changes, on="account_id", how="anti").select(
        "account_id", "bill_group", pl.lit(NEAR_DATE).alias("entered"), pl.lit("short").alias("first_bill"),
        pl.lit(FAR_DATE).alias("left"),
    )  # fmt: skip
    return pl.concat([steady, moved])
