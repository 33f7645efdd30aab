"""What a cycle leaves to the next ones: a bank moves once, from the balance that its run was planned with."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from model.errors import ControlError
from model.metering import EVERY
from model.rating import BankBalances
from model.schema import arranged, column_names, grain
from store.control import Connection, query
from store.facts import facts


def opening_banks(connection: Connection, due: pl.DataFrame, known_at: datetime | None) -> pl.DataFrame:
    """Return what due agreements carry, as the last cycle that was published left it.

    It need not be the cycle before theirs: `as_of_date` says from which day a balance is.
    """
    mine = facts(connection, "bank_balance", known_at=known_at).join(due, on="agreement_id", how="semi")
    return arranged(
        BankBalances,
        pl.concat([mine, arranged(BankBalances, _brought(connection, due, mine, known_at))]).sort(grain(BankBalances)),
    )


def _brought(connection: Connection, due: pl.DataFrame, moved: pl.DataFrame, known_at: datetime | None) -> pl.DataFrame:
    """Return what due agreements bring from before Billmill, of banks that no cycle has moved yet."""
    brought = facts(connection, "opening_banks", known_at=known_at).join(due, on="agreement_id", how="semi")
    named = brought.with_columns(pl.when(pl.col("tou") == EVERY).then(pl.lit("")).otherwise("tou").alias("tou"))
    return named.join(moved, on=grain(BankBalances), how="anti")


def banks_before(connection: Connection, due: pl.DataFrame, known_at: datetime) -> pl.DataFrame:
    """Return what agreements carried into days that are billed already, as known at a time.

    The balance that counts is the last one that was learned of the latest day not after their first.
    """
    columns = ", ".join(column_names(BankBalances))
    learned = query(connection, f"SELECT {columns}, recorded_at FROM bank_balance WHERE recorded_at <= ?", [known_at])
    firsts = due.group_by("agreement_id").agg(pl.col("start_date").min())
    latest = (
        learned.join(firsts, on="agreement_id", how="inner", validate="m:1")
        .filter(pl.col("as_of_date") <= pl.col("start_date"))
        .sort("as_of_date", "recorded_at", "balance")
        .unique(grain(BankBalances), keep="last", maintain_order=True)
    )
    brought = _brought(connection, firsts, latest, known_at)
    return arranged(BankBalances, pl.concat([arranged(BankBalances, latest), arranged(BankBalances, brought)])
                    .sort(grain(BankBalances)))  # fmt: skip


def refuse_moved_banks(connection: Connection, run_id: str, opening: pl.DataFrame, closing: pl.DataFrame) -> None:
    """Refuse a run whose banks have moved since it was planned: another run would be undone, or counted twice.

    `opening` are the balances (model.rating.BankBalances) of the run's plan, `closing` those that it leaves.

    Raises:
        ControlError: names the first agreement whose bank is not what the plan says.
    """
    columns = [*grain(BankBalances), "balance", "as_of_date"]
    mine = closing.select("agreement_id").unique()
    now, planned = (
        frame.join(mine, on="agreement_id", how="semi").select(columns)
        for frame in (opening_banks(connection, mine, None), opening)
    )
    moved = pl.concat([
        now.join(planned, on=columns, how="anti"), planned.join(now, on=columns, how="anti")
    ]).sort(columns)  # fmt: skip
    if moved.height:
        raise ControlError(
            f"run `{run_id}`: banks of {moved['agreement_id'].n_unique()} agreements have moved since it was planned; "
            f"first: bank `{moved['bank_id'][0]}` of `{moved['agreement_id'][0]}`",
            hint=f"billmill cycle abandon {run_id}, then plan again: the balance of today is carried",
        )
