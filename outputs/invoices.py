"""Invoices: bills numbered without gaps, and their taxes by code and rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.post import summed_minor
from model.bills import Bills, Invoices, InvoiceTaxes
from model.rating import BillLines
from model.schema import arranged

# Printed with leading zeros to this width, so that numbers of a series sort as text; a longer number prints whole.
NUMBER_DIGITS = 7
CREDIT_SERIES = "CR"


@dataclass(frozen=True)
class Numbered:
    """The invoices of a run, and where each series goes on."""

    invoices: DataFrame[Invoices]
    invoice_taxes: DataFrame[InvoiceTaxes]
    next_numbers: dict[str, int]
    """Series -> the next number to give; holds the series it was given as well."""


# What `number_invoices` looks at of the bills.
BILL_COLUMNS = (
    "bill_id", "account_id", "branch_id", "cycle_id", "currency", "net_minor", "tax_minor", "total_minor",
    "issue_date", "due_date", "reverses_id",
)  # fmt: skip
# What `number_invoices` looks at of the lines of taxes.
TAX_COLUMNS = (
    "bill_id", "category", "kind", "tax_code", "component_id", "rate", "quantity", "amount_minor",
)  # fmt: skip


def told_on_invoices() -> pl.Expr:
    """Tell the bill lines that `number_invoices` needs: taxes."""
    return pl.col("category") == "tax"


def number_invoices(bills: DataFrame[Bills], lines: DataFrame[BillLines], next_numbers: Mapping[str, int]) -> Numbered:
    """Number one invoice for each bill, in each branch's series of the year, in order of account and bill.

    What takes a bill back is a credit note, numbered in a series of its own (`north-CR-2026`). `next_numbers` maps a
    series (`north-2026`) to its next number; a series that is not named starts at 1. The
    caller holds the control database's transaction, so the numbers that come back are contiguous and given once. Of the
    bills `BILL_COLUMNS` are enough, of the lines `TAX_COLUMNS`.
    """
    numbered = (
        bills.with_columns(_series(bills))
        .sort("branch_id", "series", "account_id", "bill_id")
        .join(_starts(next_numbers), how="left", on="series", validate="m:1", maintain_order="left")
        .with_columns(series_no=pl.col("next_no").fill_null(1) + pl.int_range(pl.len()).over("series"))
        .with_columns(invoice_no=_printed_number())
    )
    last = numbered.group_by("series", maintain_order=True).agg(pl.col("series_no").max())
    given = dict(zip(last["series"].to_list(), last["series_no"].to_list(), strict=True))
    following = dict(next_numbers) | {series: number + 1 for series, number in given.items()}
    taxes = _taxes(numbered, lines)
    return Numbered(arranged(Invoices, numbered), arranged(InvoiceTaxes, taxes), following)


def count_series(bills: pl.DataFrame) -> dict[str, int]:
    """Return how many invoices `number_invoices` makes of bills in each series."""
    return dict(_series(bills).value_counts().sort("series").iter_rows())  # a row per series


def _series(bills: pl.DataFrame) -> pl.Series:
    """Return the series of each bill. Bills of one stand together, so its name is made once for each stretch."""
    told = bills.select("branch_id", year=pl.col("issue_date").dt.year(), is_credit=pl.col("reverses_id").is_not_null())
    changes = pl.any_horizontal(pl.all().ne_missing(pl.all().shift(1)))
    stretch = told.select(changes.cum_sum().alias("stretch"))["stretch"]
    first = told.filter((stretch != stretch.shift(1)).fill_null(value=True))
    kind = pl.when("is_credit").then(pl.lit(f"-{CREDIT_SERIES}-")).otherwise(pl.lit("-"))
    names = first.select(series=pl.col("branch_id") + kind + pl.col("year").cast(pl.String))["series"]
    return names.gather(stretch - stretch.first()) if bills.height else names


def _starts(next_numbers: Mapping[str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"series": list(next_numbers), "next_no": list(next_numbers.values())},
        schema={"series": pl.String, "next_no": pl.Int64},
    )


def _printed_number() -> pl.Expr:
    return pl.col("series") + "-" + pl.col("series_no").cast(pl.String).str.zfill(NUMBER_DIGITS)


def _taxes(invoices: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Sum the tax lines by invoice, code and rate.

    The base of a percentage is the line's quantity, in minor units. A tax by unit (a levy per kWh) has neither a
    percentage nor a base in money: it is listed with rate 0 and base 0, and its amount.
    """
    is_percent = pl.col("kind") == "percent"
    taxed = lines.filter(told_on_invoices()).select(
        "bill_id",
        pl.col("tax_code").fill_null(pl.col("component_id")),
        rate_percent=pl.when(is_percent).then(pl.col("rate")).otherwise(pl.lit(0, dtype=pl.Decimal(18, 9))),
        base_minor=pl.when(is_percent).then(pl.col("quantity")).otherwise(0),
        tax_minor=pl.col("amount_minor"),
    )
    # Rows are sorted and added up by the place of their invoice, which is sooner done than by texts.
    numbers = invoices.select("bill_id", "invoice_no").sort("invoice_no").with_row_index("place")
    keys = ["place", "tax_code", "rate_percent"]
    placed = _beside(taxed, numbers).sort(keys)
    is_again = pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift(1)) for key in keys)
    if not placed.select(is_again.any()).item():
        return placed
    sums = [summed_minor("base_minor"), summed_minor("tax_minor"), pl.col("bill_id", "invoice_no").first()]
    return placed.group_by(keys, maintain_order=True).agg(sums)


def _beside(taxed: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """Return the taxes, each with the place and the number of its invoice."""
    if not (taxed["bill_id"].is_sorted() and numbers["bill_id"].is_sorted()):
        return taxed.join(numbers, how="inner", on="bill_id", validate="m:1")
    # Both in order, one walk finds for each tax the last invoice that is not behind it: its own, if it has one.
    last = taxed.join_asof(numbers.with_columns(own_id="bill_id"), on="bill_id", strategy="backward")
    return last.filter(pl.col("own_id") == pl.col("bill_id")).drop("own_id")
