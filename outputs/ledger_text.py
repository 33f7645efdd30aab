"""Journals as text that other people's double-entry programs read: hledger and beancount.

Every journal is a transaction, with the customer's account beside its legs. At the end stand our own balances as
assertions, so that the reader's program proves them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal, get_args

import polars as pl

from model.money import CURRENCY_EXPONENT

LedgerFormat = Literal["hledger", "beancount"]
LEDGER_FORMATS: tuple[str, ...] = get_args(LedgerFormat)

_ROOTS = {"asset": "Assets", "liability": "Liabilities", "income": "Income", "expense": "Expenses"}


def ledger_text(legs: pl.DataFrame, chart: pl.DataFrame, format: LedgerFormat, *, title: str) -> str:
    """Return journals as the text of a ledger file; without legs one that holds nothing but its title.

    `legs`: model.ledger.JournalLines; `chart`: model.postings.LedgerAccounts. Accounts are the utility's numbers and
    names below the four roots, with a branch below each.
    """
    is_hledger = format == "hledger"
    head = f"; {_flat(title)}" if is_hledger else f'option "title" "{_quoted_text(_flat(title))}"'
    if legs.is_empty():
        return head + "\n"
    named = _with_names(legs, chart).sort("booked_date", "journal_id", "leg_no")
    declared = _hledger_head(named) if is_hledger else _beancount_head(named)
    transactions = _transactions(named, is_hledger=is_hledger)
    return "\n".join([head, *declared, "", *transactions, *_assertions(named, is_hledger=is_hledger)]) + "\n"


def _with_names(legs: pl.DataFrame, chart: pl.DataFrame) -> pl.DataFrame:
    accounts = {
        row["gl_account"]: (_ROOTS[row["account_type"]], f"{row['number']} {row['name']}")
        for row in chart.iter_rows(named=True)  # a row per ledger account
    }
    parts = _components({text for _, text in accounts.values()})
    branches = _components(set(legs["branch_id"].unique()))
    paths = {gl: f"{root}:{parts[text]}" for gl, (root, text) in accounts.items()}
    return legs.with_columns(
        path=pl.col("gl_account").replace_strict(paths) + ":" + pl.col("branch_id").replace_strict(branches),
        amount=minor_text("amount_minor", "currency"),
    )


def _components(texts: Iterable[str]) -> dict[str, str]:
    """Return a part of an account's name for each text: letters, digits and dashes, no two the same."""
    found: dict[str, str] = {}
    for text in sorted(texts):
        spelled = "-".join("".join(sign if sign.isalnum() else " " for sign in text).split()) or "X"
        capital = spelled[0].upper() + spelled[1:]
        first = capital if capital[0].isupper() or capital[0].isdecimal() else f"X{capital}"
        name, number = first, 2
        while name in found.values():
            name, number = f"{first}-{number}", number + 1
        found[text] = name
    return found


def minor_text(amount: str, currency: str) -> pl.Expr:
    """Return amounts of minor units as decimal text: -1234 USD -> -12.34; a yen has no decimals."""
    digits = pl.col(currency).replace_strict(CURRENCY_EXPONENT, return_dtype=pl.Int64)
    text = pl.col(amount).cast(pl.Int128).abs().cast(pl.String).str.pad_start(digits + 1, "0")
    whole, part = text.str.slice(0, text.str.len_chars() - digits), text.str.tail(digits)
    sign = pl.when(pl.col(amount) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return sign + pl.when(digits > 0).then(whole + "." + part).otherwise(text)


def _hledger_head(named: pl.DataFrame) -> list[str]:
    accounts = [f"account {path}" for path in sorted(set(named["path"]))]
    commodities = [
        f"commodity 1000.{'0' * CURRENCY_EXPONENT[currency]} {currency}" for currency in sorted(set(named["currency"]))
    ]
    return [*commodities, *accounts]


def _beancount_head(named: pl.DataFrame) -> list[str]:
    first = named["booked_date"].min()
    assert isinstance(first, date)
    currencies = sorted(set(named["currency"]))
    pairs = named.select("path", "currency").unique().group_by("path").agg(pl.col("currency").sort().str.join(","))
    opened = [f"{first:%Y-%m-%d} open {path} {held}" for path, held in pairs.sort("path").iter_rows()]
    return [*(f'option "operating_currency" "{currency}"' for currency in currencies), *opened]


def _transactions(named: pl.DataFrame, *, is_hledger: bool) -> list[str]:
    account = pl.col("account_id")
    line = pl.concat_str(pl.lit("  "), "path", pl.lit("  "), "amount", pl.lit(" "), "currency")
    if is_hledger:
        beside = pl.when(account.is_not_null()).then(pl.lit("  ; account: ") + _flattened(account))
        title = pl.concat_str("booked_date", pl.lit(" "), "kind", pl.lit(" | "), _flattened(pl.col("journal_id")))
    else:
        beside = pl.when(account.is_not_null()).then(pl.lit('\n    account: "') + _quoted(account) + '"')
        title = pl.concat_str(
            "booked_date", pl.lit(' * "'), "kind", pl.lit('" "'), _quoted(pl.col("journal_id")), pl.lit('"')
        )
    lined = named.with_columns(line=line + beside.fill_null(""), title=title)
    grouped = lined.group_by("journal_id", maintain_order=True).agg(
        pl.col("title").first(), pl.col("line").str.join("\n")
    )
    return grouped.select(text=pl.col("title") + "\n" + pl.col("line") + "\n")["text"].to_list()


def _assertions(named: pl.DataFrame, *, is_hledger: bool) -> list[str]:
    """Return our trial balance as assertions on the day after the last."""
    last = named["booked_date"].max()
    assert isinstance(last, date)
    sums = named.group_by("path", "currency").agg(pl.col("amount_minor").cast(pl.Int128).sum().cast(pl.Int64))
    balances = sums.with_columns(amount=minor_text("amount_minor", "currency")).sort("path", "currency")
    day = last + timedelta(days=1)
    rows = balances.select("path", "amount", "currency").iter_rows()  # a row per ledger account and branch
    if is_hledger:
        return [f"{day} balances", *(f"  {path}  0 {held} = {amount} {held}" for path, amount, held in rows)]
    return [f"{day} balance {path} {amount} {held}" for path, amount, held in rows]


def _flattened(text: pl.Expr) -> pl.Expr:
    # A semicolon begins a comment, a comma ends a tag; a line break would end the line.
    return text.str.replace_all(r"[\x00-\x1f;,]", " ")


def _quoted(text: pl.Expr) -> pl.Expr:
    flat = text.str.replace_all(r"[\x00-\x1f]", " ")
    return flat.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)


def _quoted_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _flat(text: str) -> str:
    return " ".join(text.split())
