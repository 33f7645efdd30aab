"""Which one-off charges a bill takes up: each comes on one bill that stands, and again when that bill is taken back."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from pandera.typing.polars import DataFrame

from model.errors import ControlError
from model.events import BilledCharges, ChargeState, OneOffCharges
from model.schema import arranged
from rating.one_offs import KIND
from store.control import Connection, query
from store.facts import facts

_STANDING = "bill_id NOT IN (SELECT bill_id FROM reversed_bill)"


def due_charges(connection: Connection, due: pl.DataFrame, known_at: datetime) -> DataFrame[OneOffCharges]:
    """Return the charges that the bills of due agreements take up, in order.

    A bill that was published takes up those that it has, whatever has become of it; a new one those that are approved
    and owed by its last day, and that stand on no bill.
    """
    charges = facts(connection, "one_off_charge", known_at=known_at)
    if charges.is_empty():
        return arranged(OneOffCharges, charges)
    billed = query(connection, f"SELECT charge_id, bill_id, {_STANDING} AS stands FROM billed_charge")
    published = query(connection, "SELECT DISTINCT bill_id FROM segment_key")
    spans = due.group_by("agreement_id").agg(pl.col("bill_id").first(), pl.col("end_date").max())
    owed = charges.join(spans, on="agreement_id", how="inner", validate="m:1")
    had = owed.join(billed.select("charge_id", "bill_id"), on=["charge_id", "bill_id"], how="semi")
    new = (
        owed.filter(pl.col("state") == ChargeState.APPROVED.value, pl.col("charge_date") <= pl.col("end_date"))
        .join(published, on="bill_id", how="anti")
        .join(billed.filter("stands"), on="charge_id", how="anti")
    )
    return arranged(OneOffCharges, pl.concat([had, new]).sort("charge_id"))


def billed_charges(lines: pl.DataFrame, run_id: str) -> DataFrame[BilledCharges]:
    """Return which charges the lines of a run took up."""
    taken = lines.filter(pl.col("kind") == KIND).select(
        pl.col("determinant").alias("charge_id"), "bill_id", pl.lit(run_id).alias("run_id")
    )
    return arranged(BilledCharges, taken.sort("charge_id", "bill_id"))


def refuse_charged_twice(
    connection: Connection, run_id: str, taken: DataFrame[BilledCharges], taken_back: pl.Series | None = None
) -> None:
    """Refuse a run that would charge again what stands on another bill.

    `taken_back`: bills that the run itself takes back; None for none.

    Raises:
        ControlError: names the first charge and the bill that has it.
    """
    stands = query(connection, f"SELECT charge_id, bill_id AS other_bill FROM billed_charge WHERE {_STANDING}")
    if taken_back is not None:
        stands = stands.filter(~pl.col("other_bill").is_in(taken_back.implode()))
    twice = taken.join(stands, on="charge_id", how="inner", validate="m:m").sort("charge_id", "other_bill")
    if twice.height:
        first = twice.row(0, named=True)
        raise ControlError(
            f"run `{run_id}`: {twice['charge_id'].n_unique()} one-off charges have been billed since it was planned; "
            f"first: `{first['charge_id']}` on bill `{first['other_bill']}`",
            hint=f"billmill cycle abandon {run_id}, then plan again: what is billed is left out",
        )
