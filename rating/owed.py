"""What accounts owe, for whoever compares amounts: rated as ever, without the tables that explain each line."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from model.rating import Parked, RatingInput
from model.schema import empty
from rating.parking import parked_table
from rating.profiles import ByKind
from rating.stages import Work, priced

_LINE = {"account_id": pl.String, "component_id": pl.String, "line_text": pl.String, "amount_minor": pl.Int64}
_BILL_ORDER = ["agreement_no", "position", "component_id", "period_start_date"]


@dataclass(frozen=True)
class Owed:
    """What was rated. `totals`: account_id, amount_minor of accounts that have lines; `parked`: model.rating.Parked."""

    totals: pl.DataFrame
    parked: DataFrame[Parked]
    work: Work | None

    def lines_of(self, accounts: pl.DataFrame) -> pl.DataFrame:
        """Return the lines of some accounts in order of the bill: account_id, component_id, line_text, amount_minor."""
        if self.work is None or self.work.lines is None:
            return pl.DataFrame(schema=_LINE)
        mine = self.work.due.join(accounts, on="account_id", how="semi").select("due_no", "agreement_no", "account_id")
        charges = self.work.components.select("version_id", "component_id", "line_text", "position", "category")
        lines = self.work.lines.join(mine, on="due_no", how="inner", validate="m:1").join(
            charges, on=["version_id", "component_id"], how="left", validate="m:1"
        )
        return lines.sort(_BILL_ORDER).select("account_id", "component_id", "line_text", _counted())


def owed(given: RatingInput, extremes: ByKind | None = None) -> Owed:
    """Return what `rating.stages.rate` comes to for each account, or with `extremes` what `rate_profiled` does.

    One-off charges are not in it.

    Raises:
        TariffError: the rate book would rate wrongly (see `rating.ratebook.check_book`).
        AssertionError: a table of `given` is not what it promises.
    """
    work = priced(given, extremes)
    if work is None:
        return Owed(pl.DataFrame(schema={"account_id": pl.String, "amount_minor": pl.Int64}), empty(Parked), None)
    assert work.lines is not None, "rating ran no stage"
    assert len(work.due) + len(work.parked) == len(work.all_due), "an agreement is billed or parked, never both"
    memos = work.components.filter(pl.col("category") == "memo").select(
        "version_id", "component_id", category="category"
    )
    by_charge = work.lines.group_by("due_no", "version_id", "component_id").agg(pl.col("amount_minor").sum())
    counted = by_charge.join(memos, on=["version_id", "component_id"], how="left", validate="m:1")
    by_agreement = counted.group_by("due_no").agg(_counted().sum())
    accounts = work.due.select("due_no", "account_id")
    totals = (
        by_agreement.join(accounts, on="due_no", how="inner", validate="1:1")
        .group_by("account_id")
        .agg(pl.col("amount_minor").sum())
    )
    return Owed(totals, parked_table(work.all_due, work.parked), work)


def _counted() -> pl.Expr:
    """Return what a line adds to the bill: memos show an amount and add nothing."""
    is_memo = (pl.col("category") == "memo").fill_null(value=False)
    return pl.when(is_memo).then(0).otherwise("amount_minor").cast(pl.Int64).alias("amount_minor")
