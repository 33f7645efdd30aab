"""Days of bills that were taken back and that stand on no bill since: somebody has to bill them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from accounts.membership import FAR_DATE
from accounts.selection import without_billed_days
from cycles.publishing.published_rows import planned_due
from store.control import Connection, query
from store.standing import standing_keys
from store.workspace import Workspace

_TAKEN = """
    SELECT k.agreement_id, k.period_start_date AS start_date, k.period_end_date AS end_date, k.bill_id, k.run_id,
           k.revision, b.reversal_id, b.reason, r.planned_at AS taken_at
    FROM segment_key AS k JOIN reversed_bill AS b USING (bill_id) JOIN run AS r ON r.run_id = b.run_id
    ORDER BY k.bill_id, k.agreement_id, k.period_start_date
"""


def was_any_taken_back(connection: Connection) -> bool:
    """Return whether any bill was ever taken back."""
    return bool(query(connection, "SELECT EXISTS (SELECT 1 FROM reversed_bill)").item())


def days_taken_back(connection: Connection, agreements: pl.DataFrame) -> pl.DataFrame:
    """Return the days that bills had which were taken back, and that an agreement of today is there to be billed for.

    `agreements`: model.accounts.Agreements. agreement_id, bill_id, run_id, revision, reversal_id, reason, taken_at, the
    day on which the agreement began on the bill (`billed_from`), service_point_id, start_date, end_date. Of days that
    are owed in several pieces the first.
    """
    places = agreements.select("agreement_id", "service_point_id")
    taken = (
        query(connection, _TAKEN)
        .with_columns(pl.col("start_date").alias("billed_from"))
        .join(places, on="agreement_id", how="inner", validate="m:1", maintain_order="left")
        .with_row_index("piece")
    )
    if taken.is_empty():
        return taken.drop("piece")
    stands = (
        standing_keys(connection)
        .join(places, on="agreement_id", how="inner", validate="m:1")
        .join(taken.select("piece", "service_point_id"), on="service_point_id", how="inner", validate="m:m")
        .select("piece", "period_start_date", "period_end_date")
    )
    owed = without_billed_days(taken, stands, "piece")
    supplied = (
        owed.join(agreements.select("service_point_id", "start_date", "end_date"), on="service_point_id", how="inner",
                  suffix="_supplied", validate="m:m")
        .filter(pl.col("start_date_supplied") < pl.col("end_date"),
                pl.col("start_date") < pl.col("end_date_supplied").fill_null(FAR_DATE))
    )  # fmt: skip
    return owed.join(supplied, on="piece", how="semi", maintain_order="left").drop("piece")


def due_again(
    workspace: Workspace, connection: Connection, known: Mapping[str, pl.DataFrame], business_date: date
) -> pl.DataFrame:
    """Return the owed days whose cycle no longer bills them, as `planned_due` of the bills that were taken back.

    A cycle whose window is open on the business date bills them by itself. Days that several bills had come once.
    """
    owed = days_taken_back(connection, known["agreements"])
    open_cycles = known["cycles"].filter(pl.col("window_close_date") > business_date)
    cut = owed.select("bill_id", "agreement_id", "revision", "billed_from", "start_date", "end_date")
    again = planned_due(workspace, owed.select("bill_id", "run_id").unique()).join(
        cut, left_on=["bill_id", "agreement_id", "start_date"], right_on=["bill_id", "agreement_id", "billed_from"],
        how="inner", suffix="_owed", validate="1:1",
    )  # fmt: skip
    columns = [name for name in again.columns if name not in {"revision", "start_date_owed", "end_date_owed"}]
    return (
        again.with_columns(pl.col("start_date_owed").alias("start_date"), pl.col("end_date_owed").alias("end_date"))
        .join(open_cycles, on="cycle_id", how="anti")
        .sort("agreement_id", "cycle_id", "start_date", "revision", descending=[False, False, False, True])
        .unique(["agreement_id", "cycle_id", "start_date"], keep="first", maintain_order=True)
        .select(columns)
    )
