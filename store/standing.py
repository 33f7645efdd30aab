"""What stands billed: the segment keys whose bill was not taken back. No day of an agreement stands twice."""

from __future__ import annotations

from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import RunState
from model.control import SegmentKeys
from model.schema import arranged
from store.control import Connection, query


def standing_keys(connection: Connection, *, ending_after: date | None = None) -> DataFrame[SegmentKeys]:
    """Return what is billed and was not taken back, sorted by agreement and first day.

    `ending_after` leaves out periods that end on this day or earlier: the books of years are not read for a month.
    """
    rows = query(
        connection,
        """SELECT key.* FROM segment_key AS key ANTI JOIN reversed_bill USING (bill_id)
           WHERE ?::DATE IS NULL OR period_end_date > ?::DATE
           ORDER BY agreement_id, period_start_date, revision, period_end_date, bill_id, run_id""",
        [ending_after, ending_after],
    )
    return arranged(SegmentKeys, rows)


def standing_bills(connection: Connection) -> pl.DataFrame:
    """Return the bills that stand: bill_id, run_id, sorted by bill."""
    return query(
        connection,
        "SELECT DISTINCT bill_id, run_id FROM segment_key ANTI JOIN reversed_bill USING (bill_id) ORDER BY bill_id",
    )


def bills_made(connection: Connection, cycle_id: str | None = None) -> pl.Series:
    """Return the ids of all bills ever published, or of a cycle's, those taken back among them: an id is given once."""
    named = "" if cycle_id is None else f".{cycle_id}.r"
    sql = "SELECT DISTINCT bill_id FROM segment_key WHERE contains(bill_id, ?) ORDER BY bill_id"
    return query(connection, sql, [named])["bill_id"]


def known_loads_of(connection: Connection) -> pl.DataFrame:
    """Return the loads that each published run rests on: run_id, seq_max."""
    return query(connection, "SELECT run_id, seq_max FROM run WHERE state = ?", [RunState.PUBLISHED.value])
