"""What a cycle leaves to the next ones: a bank moves once, from the balance that its run was planned with."""

from __future__ import annotations

import polars as pl

from model.errors import ControlError
from model.rating import BankBalances
from model.schema import grain
from store.control import Connection
from store.facts import facts


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
        for frame in (facts(connection, "bank_balance"), opening)
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
