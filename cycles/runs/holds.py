"""Accounts that somebody holds: they are due, they are rated, and they park with reason `held` until they are free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from model.errors import ConfigError
from model.review import AccountHolds
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts, record_facts
from store.roles import refuse_strange
from store.workspace import Workspace


@dataclass(frozen=True)
class Held:
    """What holding or freeing did: accounts for which it is new, and those for which it was so before."""

    accounts: int
    new: int
    same: int


def hold_accounts(
    workspace: Workspace, accounts: Sequence[str], *, why: str, is_held: bool, at: datetime, actor: str
) -> Held:
    """Hold accounts from the next plan on, or free them. All of them or none.

    Raises:
        ConfigError: there is no reason given, or an account is not known.
    """
    if not why.strip():
        raise ConfigError("option --why: expected a reason, found nothing", hint="say in a sentence why")
    asked = pl.DataFrame({"account_id": sorted(set(accounts))}, schema={"account_id": pl.String})
    if asked.is_empty():
        raise ConfigError("expected accounts, found none", hint="--account A1, or --list FILE.csv")
    with control(workspace, purpose="cycle hold") as connection:
        known = facts(connection, "accounts").select("account_id", "branch_id")
        strange = asked.join(known, on="account_id", how="anti")
        if strange.height:
            raise ConfigError(
                f"account `{strange.item(0, 0)}` is not known; {strange.height} of {asked.height} are not",
                hint="nothing was recorded; check the list",
            )
        chosen = asked.join(known, on="account_id", how="inner", validate="1:1")
        refuse_strange(workspace, chosen["branch_id"].unique().to_list(), f"account `{chosen.item(0, 0)}`")
        rows = chosen.with_columns(
            state=pl.lit("held" if is_held else "free"), why=pl.lit(why.strip()), decided_by=pl.lit(str(actor))
        )
        if not is_held:  # who was never held is free
            rows = rows.join(facts(connection, "account_hold"), on="account_id", how="semi")
        with transaction(connection):
            counts = record_facts(connection, "account_hold", arranged(AccountHolds, rows), recorded_at=at)
            new = counts.new + counts.changed
            if new:
                first = ", ".join(asked["account_id"].head(3)) + (f" and {new - 3} more" if new > 3 else "")
                action = "hold" if is_held else "release_hold"
                record(connection, at=at, actor=actor, action=action, subject=first, detail=why.strip())
        return Held(asked.height, new, counts.same)


def held_accounts(connection: Connection, due: pl.DataFrame, *, known_at: datetime) -> dict[str, str]:
    """Return the due accounts (model.rating.DueAgreements) that are held, as known at a time, each with who and why."""
    held = facts(connection, "account_hold", known_at=known_at).filter(pl.col("state") == "held")
    mine = held.join(due.select("account_id").unique(), on="account_id", how="semi").sort("account_id")
    told = mine.select("account_id", pl.format("held by {}: {}", "decided_by", "why"))
    return dict(told.iter_rows())


def list_holds(connection: Connection) -> pl.DataFrame:
    """Return the accounts that are held now: account_id, branch_id, since, why, held_by."""
    return query(
        connection,
        """SELECT h.account_id, a.branch_id, h.recorded_at AS since, h.why, h.decided_by AS held_by
           FROM account_hold AS h LEFT JOIN (SELECT * FROM accounts WHERE superseded_at IS NULL) AS a USING (account_id)
           WHERE h.superseded_at IS NULL AND h.state = 'held' ORDER BY h.account_id""",
    )
