"""What a run is about to bill, as views of its files: compared with what stands, and inserted, without being held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from model.errors import ControlError
from outputs.views import file_list
from store.control import Connection, insert_rows, query

_BILLED_TWICE = """
    SELECT k.agreement_id, s.bill_id FROM incoming_key AS k
    JOIN (SELECT * FROM segment_key ANTI JOIN reversed_bill USING (bill_id) ANTI JOIN incoming_taken USING (bill_id))
    AS s ON s.agreement_id = k.agreement_id
         AND k.period_start_date < s.period_end_date AND s.period_start_date < k.period_end_date
    ORDER BY k.agreement_id, k.period_start_date, s.period_start_date
"""
_INSERTED = """
    SELECT agreement_id, period_start_date, period_end_date, revision, bill_id, $1 AS run_id FROM incoming_key
"""
_SAME_BILLS = "SELECT DISTINCT bill_id FROM incoming_key SEMI JOIN segment_key USING (bill_id) ORDER BY bill_id"


@contextmanager
def incoming(connection: Connection, folder: Path, parked: pl.LazyFrame, taken: pl.DataFrame) -> Iterator[None]:
    """Make `incoming_key` and `incoming_taken` known while the block lasts: what the run in a folder bills, takes back.

    `parked` are the run's (model.rating.Parked), `taken` the bills that it takes back.
    """
    connection.register("incoming_parked", parked.select("agreement_id").unique().collect().to_arrow())
    connection.register("incoming_taken", taken.select("bill_id").to_arrow())
    connection.execute(_keys(folder / "plan" / "due.parquet"))
    try:
        yield
    finally:
        connection.execute("DROP VIEW IF EXISTS incoming_key")
        connection.unregister("incoming_taken")
        connection.unregister("incoming_parked")


def _keys(due: Path) -> str:
    """Return the view of periods of agreements that were not parked: model.control.SegmentKeys, and their place."""
    return f"""
        CREATE OR REPLACE TEMP VIEW incoming_key AS
        SELECT d.agreement_id, d.start_date AS period_start_date, d.end_date AS period_end_date,
               split_part(d.bill_id, '.r', -1)::INTEGER AS revision, d.bill_id, d.service_point_id,
               d.branch_id, d.partition
        FROM {file_list([due.as_posix()])} AS d
        ANTI JOIN incoming_parked AS p ON p.agreement_id = d.agreement_id
    """


def refuse_billed_twice(connection: Connection, run_id: str) -> None:
    """Refuse a run that bills days, or makes bills, which stand by now.

    Raises:
        ControlError: names the first agreement or bill.
    """
    again = f"billmill cycle abandon {run_id}, then plan again: what is billed is left out"
    twice = query(connection, _BILLED_TWICE)
    if twice.height:
        first, count = twice.row(0, named=True), twice["agreement_id"].n_unique()
        raise ControlError(
            f"run `{run_id}`: {count} agreements have been billed since it was planned; first: "
            f"`{first['agreement_id']}` on bill `{first['bill_id']}`",
            hint=again,
        )
    # Agreements may have been written anew under other ids; an account still gets each bill once.
    same = query(connection, _SAME_BILLS)
    if same.height:
        raise ControlError(
            f"run `{run_id}`: {same.height} of its bills have been published since it was planned; first: "
            f"`{same.item(0, 0)}`",
            hint=again,
        )


def insert_keys(connection: Connection, run_id: str) -> None:
    """Insert the segment keys of the run. Call it inside the transaction that publishes it."""
    insert_rows(connection, "segment_key", _INSERTED, [run_id])
