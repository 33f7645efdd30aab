"""The chart of accounts. Numbers follow the Uniform System of Accounts, 18 CFR parts 101, 201 and 367.

Journals always name these numbers. A utility's own numbers and names are a table beside them, applied where books
are shown or handed on: what was booked never changes because a chart did. Sub-accounts have a dot and a digit.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from model.postings import AccountType, LedgerAccounts
from model.schema import arranged

GL_BANK = "131"
GL_RECEIVABLE = "142"  # customer accounts receivable: what bills leave
GL_RECEIVABLE_FEE = "142.1"
GL_RECEIVABLE_DEPOSIT = "142.2"
GL_ALLOWANCE = "144"
GL_DUE_FROM = "146"
GL_UNBILLED = "173"
GL_CUTOVER = "184"
GL_DUE_TO = "234"
GL_DEPOSITS = "235"
GL_DEPOSITS_BILLED = "235.1"
GL_DEPOSIT_INTEREST = "237"
GL_TAX = "241"
GL_CREDITS = "242"  # what customers paid and no debt has used up
GL_REFUNDS = "242.1"
GL_SUSPENSE = "242.9"
GL_ROUNDING = "421"
GL_INTEREST = "431"
GL_LATE_FEES = "450"
GL_UNCOLLECTIBLE = "904"

# Accounts that open items stand in: the sum of each is what its items have open.
CONTROL_ACCOUNTS = (GL_RECEIVABLE, GL_RECEIVABLE_FEE, GL_RECEIVABLE_DEPOSIT, GL_CREDITS)

_ASSETS = {
    GL_BANK: "Cash and bank clearing",
    GL_RECEIVABLE: "Customer accounts receivable",
    GL_RECEIVABLE_FEE: "Late fees receivable",
    GL_RECEIVABLE_DEPOSIT: "Deposits receivable",
    GL_ALLOWANCE: "Allowance for uncollectible accounts",
    GL_DUE_FROM: "Due from other branches",
    GL_UNBILLED: "Accrued unbilled revenue",
    GL_CUTOVER: "Cutover clearing",
}
_LIABILITIES = {
    GL_DUE_TO: "Due to other branches",
    GL_DEPOSITS: "Customer deposits",
    GL_DEPOSITS_BILLED: "Deposits billed and not received",
    GL_DEPOSIT_INTEREST: "Interest accrued on deposits",
    GL_TAX: "Taxes collected and payable",
    GL_CREDITS: "Customer credits not used up",
    GL_REFUNDS: "Refunds payable",
    GL_SUSPENSE: "Payments in suspense",
}
_INCOME = {
    GL_ROUNDING: "Cash rounding",
    "440": "Residential electricity sales",
    "442": "Commercial and industrial electricity sales",
    "444": "Public street lighting",
    "445": "Other sales to public authorities",
    GL_LATE_FEES: "Late fees",
    "451": "Miscellaneous service revenue",
    "456": "Other electricity revenue",
    "460": "Water sales",
    "462": "Heat sales",
    "480": "Residential gas sales",
    "481": "Commercial and industrial gas sales",
}
_EXPENSES = {GL_INTEREST: "Interest on deposits", GL_UNCOLLECTIBLE: "Uncollectible accounts"}


def default_chart() -> DataFrame[LedgerAccounts]:
    """Return the accounts that journals name, each under its own number."""
    typed = (
        (AccountType.ASSET, _ASSETS),
        (AccountType.LIABILITY, _LIABILITIES),
        (AccountType.INCOME, _INCOME),
        (AccountType.EXPENSE, _EXPENSES),
    )
    rows = [
        {"gl_account": number, "number": number, "name": name, "account_type": kind.value}
        for kind, names in typed
        for number, name in names.items()
    ]
    return arranged(LedgerAccounts, pl.DataFrame(rows).sort("gl_account"))


def chart_of(own: DataFrame[LedgerAccounts], used: pl.Series) -> DataFrame[LedgerAccounts]:
    """Return the chart: what the utility set, the defaults, and accounts that a tariff names and nobody described.

    Those last come under their own number as income, for tariffs credit revenue. `used`: gl_account of journals.
    """
    defaults = default_chart().join(own, how="anti", on="gl_account")
    known = pl.concat([own, defaults])
    strangers = (
        pl.DataFrame({"gl_account": used.unique().cast(pl.String)})
        .join(known, how="anti", on="gl_account")
        .with_columns(number="gl_account", name=pl.lit("Revenue"), account_type=pl.lit(AccountType.INCOME.value))
    )
    return arranged(LedgerAccounts, pl.concat([known, strangers.select(known.columns)]).sort("gl_account"))
