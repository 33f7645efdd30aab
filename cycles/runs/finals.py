"""Final bills: an agreement that has ended is billed at once, and not only when its cycle's window opens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from model.errors import ConfigError
from store.control import control
from store.facts import facts
from store.workspace import Workspace


def ended_agreements(
    due: pl.DataFrame, agreements: pl.DataFrame, asked: Sequence[str], business_date: date
) -> pl.DataFrame:
    """Return the due agreements that have ended by a date: those that are asked for, or all when none is.

    Raises:
        ConfigError: one that is asked for goes on, or has no day left to bill in the cycle.
    """
    ended = agreements.filter(pl.col("end_date") <= business_date)
    found = due.join(ended, on="agreement_id", how="semi")
    missing = [name for name in asked if name not in set(found["agreement_id"])]
    if missing:
        row = agreements.filter(pl.col("agreement_id") == missing[0])
        is_ended = missing[0] in set(ended["agreement_id"])
        why = "has no day left to bill in this cycle" if is_ended else f"has not ended by {business_date}"
        known = f"it {why}" if row.height else "it is not known"
        raise ConfigError(
            f"agreement `{missing[0]}` gets no final bill: {known}",
            hint="record its end first: billmill event add move_out --set agreement=" + missing[0],
        )
    return found.filter(pl.col("agreement_id").is_in(list(asked))) if asked else found


def cycle_of_end(workspace: Workspace, agreement_ids: Sequence[str]) -> str:
    """Return the cycle in whose period agreements end, which bills their last days.

    Raises:
        ConfigError: one is not known or goes on, the calendar has no such cycle, or they end in several.
    """
    with control(workspace, purpose="bill final") as connection:
        agreements, accounts, calendar = (facts(connection, table) for table in ("agreements", "accounts", "cycles"))
    found = set()
    for agreement_id in agreement_ids:  # a handful, named by hand
        rows = agreements.filter(pl.col("agreement_id") == agreement_id)
        if rows.is_empty() or rows["end_date"][0] is None:
            why = "is not known" if rows.is_empty() else "goes on"
            raise ConfigError(
                f"agreement `{agreement_id}` {why}; expected one that has ended",
                hint=f"record its end: billmill event add move_out --set agreement={agreement_id}",
            )
        end, account_id = rows["end_date"][0], rows["account_id"][0]
        group = accounts.filter(pl.col("account_id") == account_id)["bill_group"][0]
        holding = calendar.filter(
            pl.col("bill_group") == group, pl.col("period_start_date") < end, pl.col("period_end_date") >= end
        )
        if holding.is_empty():
            raise ConfigError(
                f"agreement `{agreement_id}` ends on {end}, in no cycle of group `{group}`",
                hint="add the cycle to cycles.csv and import it",
            )
        found.add(str(holding["cycle_id"][0]))
    if len(found) != 1:
        raise ConfigError(
            f"the agreements end in the cycles {', '.join(sorted(found))}; expected one", hint="bill them one by one"
        )
    return found.pop()
