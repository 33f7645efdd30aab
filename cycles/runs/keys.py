"""Which days a run bills: of every agreement, each day on one bill, beside all that stands."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.runs.split import on_several_partitions, plan_rows, rows_of_repeated
from ledger.invariants import Violations, segments_do_not_overlap
from model.schema import arranged
from store.control import Connection, query

_KEY = ["agreement_id", "period_start_date", "period_end_date"]
# Only what stands on days that the run bills too: the books of years are not read for a month.
_STANDS = """
    SELECT k.agreement_id, k.period_start_date, k.period_end_date
    FROM segment_key AS k ANTI JOIN reversed_bill USING (bill_id) ANTI JOIN incoming_taken USING (bill_id)
    SEMI JOIN read_parquet($1) AS d ON d.agreement_id = k.agreement_id
         AND d.start_date < k.period_end_date AND k.period_start_date < d.end_date
    ORDER BY ALL
"""


def new_segment_keys(due: pl.DataFrame, parked: pl.DataFrame) -> pl.DataFrame:
    """Return what a run bills: the due agreements that were not parked, with period and bill."""
    billed = due.join(parked.select("agreement_id"), on="agreement_id", how="anti")
    return billed.select(
        "agreement_id",
        pl.col("start_date").alias("period_start_date"),
        pl.col("end_date").alias("period_end_date"),
        pl.col("bill_id").str.extract(r"\.r(\d+)$", 1).cast(pl.Int32).alias("revision"),
        "bill_id",
    ).sort("agreement_id", "period_start_date")


def key_offenders(
    connection: Connection, folder: Path, parked: pl.LazyFrame, taken: pl.DataFrame
) -> list[DataFrame[Violations]]:
    """Return bills that are on several partitions of a run, and days that would stand on two bills.

    `parked` are the run's (model.rating.Parked), `taken` the bills that it takes back. Rows are read where there can be
    a fault: of agreements that are due several times, or whose days stand already.
    """
    due = plan_rows(folder, "due", ["bill_id", "agreement_id", "start_date", "end_date", "partition"])
    stays = standing_beside(connection, folder, taken)
    several = rows_of_repeated(due, "agreement_id").collect(engine="streaming")
    beside = due.filter(pl.col("agreement_id").is_in(stays["agreement_id"].unique().implode())).collect(
        engine="streaming"
    )
    aside = parked.select("agreement_id").unique().collect()
    keys = new_segment_keys(pl.concat([several, beside]).unique(), aside)
    return [_on_one_partition(due), segments_do_not_overlap(pl.concat([stays, keys.select(_KEY)]))]


def standing_beside(connection: Connection, folder: Path, taken: pl.DataFrame) -> pl.DataFrame:
    """Return what stands billed of the days that a run is about (`_KEY`), beside the bills that it takes back."""
    connection.register("incoming_taken", taken.select("bill_id").to_arrow())
    try:
        return query(connection, _STANDS, [(folder / "plan" / "due.parquet").as_posix()])
    finally:
        connection.unregister("incoming_taken")


def _on_one_partition(due: pl.LazyFrame) -> DataFrame[Violations]:
    """What must meet within a bill is compared in its partition, so a bill is on one."""
    return arranged(Violations, on_several_partitions(due, "bill_id").select(
        invariant=pl.lit("bill_is_on_one_partition"), subject_id="bill_id", expected=pl.lit("1"),
        found=pl.col("partitions").cast(pl.String),
    ))  # fmt: skip
