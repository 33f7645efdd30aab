"""Bills and invoices. A bill is what a run computes; an invoice is its numbered document."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.schema import column


class Bills(pa.DataFrameModel):
    """Bills of an account and cycle. Grain: bill_id."""

    bill_id: str = column("Bill: account, cycle, revision")
    account_id: str = column("Account that pays")
    customer_id: str = column("Customer of the account")
    branch_id: str = column("Branch that bills")
    revenue_class: str = column("Class of revenue")
    cycle_id: str = column("Cycle")
    period_start_date: pl.Date = column("First day billed")
    period_end_date: pl.Date = column("Day after the last")
    currency: str = column("ISO 4217 code")
    net_minor: pl.Int64 = column("Sum of the charge lines", unit="minor")
    tax_minor: pl.Int64 = column("Sum of the tax lines", unit="minor")
    total_minor: pl.Int64 = column("Net and tax", unit="minor")
    line_count: pl.Int32 = column("Lines on the bill", ge=1)
    is_estimated: pl.Boolean = column("True when any line rests on an estimate")
    issue_date: pl.Date = column("Business date of the run")
    due_date: pl.Date = column("Due date of the cycle, otherwise the issue date and the account's payment days")
    reverses_id: str = column(
        "Bill that this one takes back, line by line; its document is a credit note", nullable=True
    )
    replaces_id: str = column("Bill, taken back in the same run, whose days this one bills again", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["bill_id"]}


class Invoices(pa.DataFrameModel):
    """Invoices, numbered without gaps in each branch's series, in order of account. Grain: invoice_no."""

    invoice_no: str = column("Number as printed: branch, year of issue, number in the series")
    series: str = column("Series: branch and year of issue; `CR` between them for credit notes")
    series_no: pl.Int64 = column("Number in the series, from 1, without gaps", ge=1)
    bill_id: str = column("Bill that it documents")
    account_id: str = column("Account that pays")
    branch_id: str = column("Branch that bills")
    cycle_id: str = column("Cycle")
    issue_date: pl.Date = column("Day of issue")
    due_date: pl.Date = column("Day by which it is to be paid")
    currency: str = column("ISO 4217 code")
    net_minor: pl.Int64 = column("Sum of the charges", unit="minor")
    tax_minor: pl.Int64 = column("Sum of the taxes", unit="minor")
    total_minor: pl.Int64 = column("Amount due", unit="minor")
    reverses_id: str = column("Bill that this document takes back: it is a credit note", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["invoice_no"]}


class InvoiceTaxes(pa.DataFrameModel):
    """Taxes of invoices by category. Grain: invoice_no, tax_code, rate_percent."""

    invoice_no: str = column("Invoice")
    bill_id: str = column("Bill")
    tax_code: str = column("Tax code")
    rate_percent: Annotated[pl.Decimal, 18, 9] = column("Rate in percent")
    base_minor: pl.Int64 = column("Amount that is taxed", unit="minor")
    tax_minor: pl.Int64 = column("Tax", unit="minor")

    class Config:
        strict = True
        metadata = {"grain": ["invoice_no", "tax_code", "rate_percent"]}
