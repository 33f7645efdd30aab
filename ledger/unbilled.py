"""Month-end unbilled revenue: days supplied and not billed, at what the last bills came to a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.chart import GL_UNBILLED
from model.ledger import JournalKind, JournalLines
from model.postings import Unbilled
from model.schema import arranged, polars_schema

LAST_BILL = "last_bill"
CLASS_AVERAGE = "class_average"
_CLASS = ["branch_id", "revenue_class", "commodity", "currency"]
_GROUP = ["branch_id", "revenue_class", "commodity", "gl_account", "currency", "method"]


@dataclass(frozen=True)
class UnbilledFound:
    """The estimate, and what could not be estimated: agreements of a class in which nothing was ever billed."""

    rows: DataFrame[Unbilled]
    unknown: pl.DataFrame
    """agreement_id, branch_id, revenue_class, commodity, days."""


def estimate_unbilled(supplied: pl.DataFrame, billed: pl.DataFrame, at_date: date) -> UnbilledFound:
    """Estimate the revenue of days supplied and not billed up to the end of `at_date`.

    `supplied`: agreement_id, branch_id, revenue_class, commodity, currency, days (not billed). `billed`: agreement_id,
    branch_id, revenue_class, commodity, currency, gl_account, billed_days, amount_minor: the charges of the last bill
    that stands, without tax. An agreement with a bill goes on at its own amount a day; one without at the average of
    its branch, class and commodity, over all days and amounts there. Each is rounded half away from zero, once, for
    an agreement and revenue account; sums are sums of these.
    """
    daily_own = billed.select(
        "agreement_id", "gl_account", pl.col("amount_minor").alias("part"), pl.col("billed_days").alias("whole")
    )
    own = supplied.join(daily_own, how="inner", on="agreement_id", validate="1:m").with_columns(
        method=pl.lit(LAST_BILL)
    )
    without = supplied.join(daily_own, how="anti", on="agreement_id")
    days = billed.select(*_CLASS, "agreement_id", "billed_days").unique().group_by(_CLASS).agg(
        pl.col("billed_days").sum().alias("whole")
    )  # fmt: skip
    sums = billed.group_by(*_CLASS, "gl_account").agg(pl.col("amount_minor").cast(pl.Int128).sum().alias("part"))
    daily_class = sums.join(days, how="inner", on=_CLASS, validate="m:1")
    by_class = without.join(daily_class, how="inner", on=_CLASS, validate="m:m").with_columns(
        method=pl.lit(CLASS_AVERAGE)
    )
    unknown = without.join(days, how="anti", on=_CLASS)
    both = pl.concat([own, by_class], how="diagonal_relaxed").with_columns(amount_minor=_share())
    rows = both.group_by(_GROUP).agg(
        pl.len().cast(pl.Int64).alias("agreements"), pl.col("days").sum(), pl.col("amount_minor").sum()
    )
    summed = rows.with_columns(at_date=pl.lit(at_date)).sort(_GROUP)
    columns = ["agreement_id", "branch_id", "revenue_class", "commodity", "days"]
    return UnbilledFound(arranged(Unbilled, summed), unknown.select(columns).sort("agreement_id"))


def _share() -> pl.Expr:
    """Return part × days / whole, rounded half away from zero: in 128 bits, in whole numbers."""
    part, whole = pl.col("part").cast(pl.Int128), pl.col("whole").cast(pl.Int128)
    sign = pl.when(part < 0).then(-1).otherwise(1).cast(pl.Int128)
    doubled = part.abs() * pl.col("days").cast(pl.Int128) * 2
    return (sign * ((doubled + whole) // (whole * 2))).cast(pl.Int64)


def unbilled_journals(rows: DataFrame[Unbilled], at_date: date) -> DataFrame[JournalLines]:
    """Book the estimate on `at_date`, debit 173 and credit revenue, and take it back on the next day.

    One journal for each branch and currency, and its exact negation.
    """
    of_journal = ["branch_id", "currency"]
    name = pl.concat_str(pl.lit(f"unbilled-{at_date}-"), "branch_id", pl.lit("-"), "currency")
    credits = rows.group_by(*of_journal, "gl_account", "commodity").agg(-pl.col("amount_minor").sum())
    debits = rows.group_by(of_journal).agg(pl.col("amount_minor").sum()).with_columns(
        gl_account=pl.lit(GL_UNBILLED), commodity=pl.lit(None, dtype=pl.String)
    )  # fmt: skip
    legs = (
        pl.concat([debits, credits], how="diagonal")
        .filter(pl.col("amount_minor") != 0)
        .with_columns(journal_id=name + "/J", kind=pl.lit(JournalKind.UNBILLED.value), booked_date=pl.lit(at_date))
        .sort("journal_id", "gl_account", "commodity", nulls_last=False)
        .with_columns(leg_no=pl.int_range(1, pl.len() + 1).over("journal_id"))
    )
    accrued = arranged(JournalLines, legs.cast({"leg_no": polars_schema(JournalLines)["leg_no"]}))
    taken_back = accrued.with_columns(
        journal_id=pl.col("journal_id").str.replace(r"/J$", "/R"),
        kind=pl.lit(JournalKind.UNBILLED_REVERSAL.value),
        amount_minor=-pl.col("amount_minor"),
        booked_date=pl.lit(at_date + timedelta(days=1)),
        reverses_id=pl.col("journal_id"),
    )
    return arranged(JournalLines, pl.concat([accrued, taken_back]).sort("journal_id", "leg_no"))
