"""What publishing a run that takes bills back does beside them: what stands no longer, is settled, is carried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.reversal import SUFFIX, settle_reversals
from model.control import ReversedBills
from model.errors import ControlError
from model.ledger import Allocations, OpenItems
from model.rating import BankBalances
from model.schema import arranged, grain
from store.control import Connection, insert, query
from store.facts import record_facts, retract_facts
from store.lake import LakeFile, write_lake_file
from store.standing import standing_bills
from store.workspace import Workspace


@dataclass(frozen=True)
class TakenBack:
    """Rows that make bills no longer stand, and settle what they left open."""

    reversed_bills: DataFrame[ReversedBills]
    allocations: DataFrame[Allocations]


def take_back(
    connection: Connection, run_id: str, taken: pl.DataFrame, open_items: pl.DataFrame, booked_date: date
) -> TakenBack:
    """Return what takes bills back (`taken`: model.corrections.Reversals); `open_items` are those of the run.

    Raises:
        ControlError: one of them does not stand any more.
    """
    gone = taken.join(standing_bills(connection), on="bill_id", how="anti").sort("bill_id")
    if gone.height:
        raise ControlError(
            f"run `{run_id}`: {gone.height} of its bills have been taken back since it was planned; first: "
            f"`{gone['bill_id'][0]}`",
            hint=f"billmill cycle abandon {run_id}, then plan again",
        )
    wanted = query(connection, "SELECT * FROM open_item").join(taken, on="bill_id", how="semi")
    mine = open_items.filter(pl.col("bill_id").str.ends_with(SUFFIX))
    allocated = query(
        connection,
        """SELECT item_id, sum(amount_minor)::BIGINT AS amount_minor FROM (
               SELECT credit_item_id AS item_id, amount_minor FROM allocation
               UNION ALL SELECT debit_item_id, amount_minor FROM allocation)
           GROUP BY item_id""",
    )
    settled = settle_reversals(arranged(OpenItems, mine), arranged(OpenItems, wanted), allocated, booked_date)
    rows = taken.with_columns(pl.lit(run_id).alias("run_id")).sort("bill_id")
    return TakenBack(arranged(ReversedBills, rows), settled)


def write_taken_back(workspace: Workspace, run_id: str, back: TakenBack) -> list[LakeFile]:
    """Write the rows to the lake, so that the books can be made again from it."""
    folder = f"runs/{run_id}/tables"
    return [
        write_lake_file(workspace, "reversed_bills", folder, back.reversed_bills),
        write_lake_file(workspace, "allocations", folder, back.allocations),
    ]


def record_taken_back(connection: Connection, back: TakenBack) -> None:
    """Make bills no longer stand. Call it inside the transaction that publishes their reversals."""
    insert(connection, "reversed_bill", back.reversed_bills)
    insert(connection, "allocation", back.allocations)


def record_carried(
    connection: Connection, folder: Path, history: pl.DataFrame, banks: pl.DataFrame, at: datetime
) -> None:
    """Record what a run leaves to later ones, `history` and `banks`; what it takes back is held true no longer.

    Balances of several cycles of a bank are learned one after another, so that each can be asked for later.
    """
    planned = folder / "plan"
    for table, name in (("quantity_history", "dropped_history"), ("bank_balance", "dropped_banks")):
        if (planned / f"{name}.parquet").is_file():
            retract_facts(connection, table, pl.read_parquet(planned / f"{name}.parquet", glob=False), recorded_at=at)
    record_facts(connection, "quantity_history", history, recorded_at=at)
    restored = planned / "restored_banks.parquet"
    if restored.is_file():
        record_facts(connection, "bank_balance", pl.read_parquet(restored, glob=False), recorded_at=at)
    key = grain(BankBalances)
    # A later bill that stays has left a balance of a later day: it is what is held true in the end.
    newest = banks.group_by(key).agg(pl.col("as_of_date").max().alias("newest_date"))
    opening = pl.read_parquet(planned / "banks.parquet", glob=False)
    stays = opening.join(newest, on=key, how="inner", validate="1:1").filter(
        pl.col("as_of_date") > pl.col("newest_date")
    )
    banks = pl.concat([banks, stays.select(banks.columns)])
    placed = banks.sort(*key, "as_of_date").with_columns(pl.int_range(pl.len()).over(key).alias("place"))
    for _, step in sorted(placed.partition_by("place", as_dict=True).items()):
        record_facts(connection, "bank_balance", step.drop("place"), recorded_at=at)
