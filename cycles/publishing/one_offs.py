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


def due_charges(
    connection: Connection, due: pl.DataFrame, known_at: datetime, replaced: pl.DataFrame | None = None
) -> DataFrame[OneOffCharges]:
    """Return the charges that the bills of due agreements take up, in order.

    A bill that was published takes up those that it has, whatever has become of it; a new one those that are approved
    and owed by its last day, and that stand on no bill. `replaced` names the bills that make others anew (new_id) and
    those others (bill_id), whose charges they take over.
    """
    charges = facts(connection, "one_off_charge", known_at=known_at)
    if charges.is_empty():
        return arranged(OneOffCharges, charges)
    billed = query(connection, "SELECT charge_id, bill_id FROM billed_charge")
    stands = _standing(connection)
    published = query(connection, "SELECT DISTINCT bill_id FROM segment_key")
    spans = due.group_by("agreement_id").agg(pl.col("bill_id").first(), pl.col("end_date").max())
    owed = charges.join(spans, on="agreement_id", how="inner", validate="m:1")
    had = owed.join(billed.select("charge_id", "bill_id"), on=["charge_id", "bill_id"], how="semi")
    names = pl.DataFrame(schema={"bill_id": pl.String, "new_id": pl.String}) if replaced is None else replaced
    over = stands.join(names.select("bill_id", "new_id"), on="bill_id", how="inner", validate="m:1")
    moved = owed.join(over, left_on=["charge_id", "bill_id"], right_on=["charge_id", "new_id"], how="semi")
    new = (
        owed.filter(pl.col("state") == ChargeState.APPROVED.value, pl.col("charge_date") <= pl.col("end_date"))
        .join(published, on="bill_id", how="anti")
        .join(stands, on="charge_id", how="anti")
    )
    return arranged(OneOffCharges, pl.concat([had, moved, new]).sort("charge_id"))


def is_one_off() -> pl.Expr:
    """Tell the bill lines that are one-off charges."""
    return pl.col("kind") == KIND


def billed_charges(lines: pl.DataFrame, run_id: str) -> DataFrame[BilledCharges]:
    """Return which charges the lines of a run took up."""
    taken = lines.filter(is_one_off()).select(
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
    stands = _standing(connection).rename({"bill_id": "other_bill"})
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


def _standing(connection: Connection) -> pl.DataFrame:
    """Return the charges on bills that stand: charge_id, bill_id."""
    return query(
        connection,
        "SELECT charge_id, bill_id FROM billed_charge ANTI JOIN reversed_bill USING (bill_id) ORDER BY charge_id",
    )
