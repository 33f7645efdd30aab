"""Bills: the lines of an account and cycle, added up."""

from __future__ import annotations

from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.post import summed_minor
from ledger.rows import first_of_each
from model.bills import Bills
from model.rating import BillLines, DueAgreements
from model.schema import arranged

_OF_ACCOUNT = ["bill_id", "account_id", "customer_id", "branch_id", "revenue_class", "cycle_id", "currency"]


def build_bills(
    lines: DataFrame[BillLines], due: DataFrame[DueAgreements], issue_date: date, due_date: date | None = None
) -> DataFrame[Bills]:
    """Add up the lines of each bill; one row per bill, in order of branch, account and bill.

    Nothing is rounded here: the lines are. The period runs from the first to the last day of the agreements that
    have lines. The due date is `due_date`, that of the cycle, otherwise `issue_date` and the account's payment days.
    Amounts are in minor units.

    Raises:
        AssertionError: a line belongs to no due agreement, or the agreements of a bill do not share an account.
    """
    summed = _sums(lines)
    keys = ["bill_id", "agreement_id"]
    billed = due.join(first_of_each(lines, keys), how="semi", on=keys)
    headers = billed.group_by(*_OF_ACCOUNT, "payment_days").agg(
        pl.col("start_date").min().alias("period_start_date"), pl.col("end_date").max().alias("period_end_date")
    )
    assert headers.height == headers["bill_id"].n_unique(), "the agreements of a bill do not share one account"
    bills = headers.join(summed, how="inner", on="bill_id", validate="1:1").with_columns(
        issue_date=pl.lit(issue_date),
        due_date=pl.lit(issue_date) + pl.duration(days="payment_days") if due_date is None else pl.lit(due_date),
    )
    assert bills.height == summed.height, "lines without a due agreement"
    return arranged(Bills, bills.sort("branch_id", "account_id", "bill_id"))


def _sums(lines: pl.DataFrame) -> pl.DataFrame:
    is_tax = pl.col("category") == "tax"
    split = lines.with_columns(
        net_minor=pl.when(is_tax).then(0).otherwise(pl.col("amount_minor")),
        tax_minor=pl.when(is_tax).then(pl.col("amount_minor")).otherwise(0),
        total_minor=pl.col("amount_minor"),
    )
    return split.group_by("bill_id").agg(
        summed_minor("net_minor"),
        summed_minor("tax_minor"),
        summed_minor("total_minor"),
        pl.len().alias("line_count"),
        pl.col("is_estimated").any(),
    )
