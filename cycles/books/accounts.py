"""`ledger accounts`: the utility's own chart of accounts."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from cycles.books.acts import ledger_act
from cycles.books.reports import chart
from model.errors import ConfigError
from model.postings import LedgerAccounts
from model.schema import arranged
from store.audit import record
from store.control import control
from store.facts import record_facts
from store.workspace import Workspace


def ledger_accounts(workspace: Workspace) -> pl.DataFrame:
    """Return the chart: ours, the utility's number and name, and the type of each account."""
    with control(workspace, purpose="ledger accounts") as connection:
        return chart(connection)


def set_account(
    workspace: Workspace, gl_account: str, *, number: str | None, name: str | None, account_type: str | None,
    at: datetime, actor: str,
) -> bool:  # fmt: skip
    """Give a ledger account a number, name or type; what is left out stays. Returns False when it was so already.

    Raises:
        ConfigError: nothing is said of the account, it is new and its name or type is missing, or the number is another
            account's.
    """
    if number is None and name is None and account_type is None:
        raise ConfigError(
            f"ledger account `{gl_account}`: nothing is said of it", hint="--number TEXT, --name TEXT or --type TYPE"
        )
    with ledger_act(workspace, purpose="ledger accounts") as connection:
        known = chart(connection)
        before = known.filter(pl.col("gl_account") == gl_account)
        if before.is_empty() and (name is None or account_type is None):
            raise ConfigError(
                f"ledger account `{gl_account}` is new: it needs a name and a type",
                hint="--name TEXT --type asset|liability|income|expense",
            )
        row = {"number": gl_account} if before.is_empty() else before.row(0, named=True)
        given = {"gl_account": gl_account, "number": number, "name": name, "account_type": account_type}
        after = row | {key: value for key, value in given.items() if value is not None}
        taken = known.filter((pl.col("number") == after["number"]) & (pl.col("gl_account") != gl_account))
        if taken.height:
            raise ConfigError(
                f"number `{after['number']}` is that of ledger account `{taken.item(0, 'gl_account')}` already"
            )
        counts = record_facts(
            connection, "ledger_account", arranged(LedgerAccounts, pl.DataFrame([after])), recorded_at=at
        )
        is_new = bool(counts.new or counts.changed)
        if is_new:
            detail = f"{after['number']} {after['name']}, {after['account_type']}"
            record(connection, at=at, actor=actor, action="set_account", subject=gl_account, detail=detail)
    return is_new
