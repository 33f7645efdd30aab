"""What publishing a run that takes bills back does beside them: what stands no longer, is settled, is carried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.allocate import release_journals
from ledger.reversal import SUFFIX, released, settle_reversals
from ledger.templates import TEMPLATES
from model.control import ReversedBills
from model.errors import ControlError
from model.ledger import Allocations, JournalLines, OpenItems
from model.rating import BankBalances
from model.schema import arranged, grain
from store.control import Connection, insert, query
from store.facts import record_facts, retract_facts
from store.lake import LakeFile, write_lake_file
from store.standing import standing_bills
from store.workspace import Workspace

# A waiver, a write-off is about its item: it settles it whatever becomes of the bill.
_ABOUT_ITEMS = [kind.value for kind, template in TEMPLATES.items() if template.settles]
_PAID = """
    SELECT a.credit_item_id, a.debit_item_id, sum(a.amount_minor)::BIGINT AS amount_minor
    FROM allocation AS a SEMI JOIN incoming_items AS i ON i.item_id = a.debit_item_id
    ANTI JOIN (SELECT posting_id FROM posting WHERE superseded_at IS NULL AND list_contains(?, kind)) AS p
    ON a.credit_item_id = p.posting_id || '/I'
    GROUP BY ALL HAVING sum(a.amount_minor) > 0 ORDER BY ALL
"""
_PLACES = """
    SELECT item_id, account_id, branch_id, currency, coalesce(gl_account, '142') AS gl_account FROM open_item
    WHERE list_contains(?, item_id) ORDER BY item_id
"""


@dataclass(frozen=True)
class TakenBack:
    """Rows that make bills no longer stand, and settle what they left open."""

    reversed_bills: DataFrame[ReversedBills]
    allocations: DataFrame[Allocations]
    journal_lines: DataFrame[JournalLines]
    """Of what is released"""


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
    wanted = query(connection, "SELECT * FROM open_item SEMI JOIN incoming_taken USING (bill_id) ORDER BY item_id")
    mine = open_items.filter(pl.col("bill_id").str.ends_with(SUFFIX))
    connection.register("incoming_items", wanted.select("item_id").to_arrow())
    paid = query(connection, _PAID, [_ABOUT_ITEMS])
    connection.unregister("incoming_items")
    named = pl.concat([paid["credit_item_id"], paid["debit_item_id"]]).unique().sort()
    places = query(connection, _PLACES, [named.to_list()])
    free = released(paid, booked_date)
    allocated = query(
        connection,
        """SELECT item_id, sum(amount_minor)::BIGINT AS amount_minor FROM (
               SELECT credit_item_id AS item_id, amount_minor FROM allocation
               UNION ALL SELECT debit_item_id, amount_minor FROM allocation)
           GROUP BY item_id""",
    )
    given_back = free.select(pl.col("debit_item_id").alias("item_id"), "amount_minor")
    left = pl.concat([allocated, given_back]).group_by("item_id").agg(pl.col("amount_minor").sum())
    settled = settle_reversals(arranged(OpenItems, mine), arranged(OpenItems, wanted), left, booked_date)
    rows = taken.with_columns(pl.lit(run_id).alias("run_id")).sort("bill_id")
    return TakenBack(
        arranged(ReversedBills, rows), arranged(Allocations, pl.concat([free, settled])), release_journals(free, places)
    )


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
    insert(connection, "posted_line", back.journal_lines)


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
