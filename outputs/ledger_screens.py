"""What the commands of the ledger print: amounts in major units, as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from model.money import format_minor
from outputs.console import print_facts, print_frame

_ROWS_SHOWN = 200


def money_shown(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with each amount in minor units as text in major ones, named without `_minor`."""
    amounts = [name for name in frame.columns if name.endswith("_minor")]
    texts = [
        pl.Series(
            name.removesuffix("_minor"),
            [None if value is None else format_minor(value, currency) for value, currency in pairs],
            dtype=pl.String,
        )
        for name in amounts
        for pairs in [frame.select(name, "currency").iter_rows()]
    ]
    shown = frame.with_columns(texts)
    order = [name.removesuffix("_minor") if name in amounts else name for name in frame.columns]
    return shown.select(order)


def print_money(frame: pl.DataFrame, *, nothing: str) -> None:
    """Print a frame with amounts as a table."""
    shown = money_shown(frame.head(_ROWS_SHOWN))
    print_frame(shown, limit=_ROWS_SHOWN, nothing=nothing)
    if frame.height > _ROWS_SHOWN:
        print(f"... {frame.height - _ROWS_SHOWN:,} more; all of them with --json")


def print_posting(made: Mapping[str, Any]) -> None:
    """Print what posting or deciding did."""
    amount = f"{format_minor(made['amount_minor'], made['currency'])} {made['currency']}"
    state = made["state"] if made["is_new"] else f"{made['state']} before; nothing changed"
    print_facts({"posting": made["posting_id"], "state": state, "amount": amount})


def print_imported(done: Mapping[str, Any]) -> None:
    """Print what an import took and what it rejected."""
    facts = {name.replace("_", " "): done[name] for name in ("booked", "proposed", "known", "in_suspense")}
    print_facts(facts | {"taken": totals_text(done["total"])})
    if done["rejects"].height:
        print_frame(done["rejects"], f"\nRejected: {done['rejects'].height:,} rows")


def print_fees(done: Mapping[str, Any]) -> None:
    """Print what charging late fees did."""
    print_facts({
        "overdue items": done["overdue"], "fees charged": done["charged"], "charged before": done["known"],
        "total": totals_text(done["total"]),
    })  # fmt: skip


def print_unbilled(rows: pl.DataFrame, unknown: pl.DataFrame, *, is_booked: bool, is_new: bool) -> None:
    """Print the estimate by branch and class, and what could not be estimated."""
    print_money(rows, nothing="every day supplied is billed")
    if unknown.height:
        print_frame(unknown, f"\nNot estimated: {unknown.height:,} agreements of classes that have no bill yet")
    totals = dict(rows.group_by("currency").agg(pl.col("amount_minor").sum()).sort("currency").rows())
    state = "booked" if is_new else "booked before; nothing changed" if is_booked else "not booked"
    print_facts({"unbilled": totals_text(totals), "state": state})


def print_checks(checks: pl.DataFrame, offenders: pl.DataFrame) -> None:
    """Print each invariant with the count of its offenders, then the offenders."""
    print_frame(checks, limit=checks.height)
    if offenders.height:
        print_frame(offenders, f"\nOffenders: {offenders.height:,}")


def totals_text(totals: Mapping[str, int]) -> str:
    """Return sums by currency in a line."""
    return ", ".join(f"{format_minor(value, currency)} {currency}" for currency, value in totals.items()) or "nothing"
