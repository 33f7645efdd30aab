"""No day of a service point stands on two bills, whoever's agreements they are."""

from __future__ import annotations

import polars as pl

from model.errors import ControlError
from store.control import Connection, query

_NAMED = 5  # service points that a message names
# An agreement stands for the place that it was for when its run was planned: that is what was billed.
_TWICE = """
    WITH stands AS (
        SELECT a.service_point_id, k.agreement_id, k.period_start_date, k.period_end_date, k.bill_id
        FROM segment_key AS k ANTI JOIN reversed_bill USING (bill_id) ANTI JOIN incoming_taken USING (bill_id)
        JOIN run AS r USING (run_id)
        JOIN agreements AS a ON a.agreement_id = k.agreement_id AND a.recorded_at <= r.known_at
             AND (a.superseded_at IS NULL OR a.superseded_at > r.known_at)
        WHERE a.service_point_id IN (SELECT service_point_id FROM incoming_places)
        UNION ALL SELECT * FROM incoming_places)
    SELECT p.service_point_id, p.bill_id, s.bill_id AS other_id,
           greatest(p.period_start_date, s.period_start_date) AS from_date,
           least(p.period_end_date, s.period_end_date) AS to_date
    FROM incoming_places AS p JOIN stands AS s ON s.service_point_id = p.service_point_id
         AND s.period_start_date < p.period_end_date AND p.period_start_date < s.period_end_date
         AND s.agreement_id <> p.agreement_id
    ORDER BY ALL
"""


def refuse_places_billed_twice(
    connection: Connection, run_id: str, keys: pl.DataFrame, due: pl.DataFrame, taken: pl.DataFrame
) -> None:
    """Refuse a run that bills days of a service point which stand on a bill of another agreement.

    It happens where an agreement changed between plan and publish. `keys`: what the run bills
    (model.control.SegmentKeys), `due`: model.rating.DueAgreements of its plan, `taken`: the bills that it takes back.

    Raises:
        ControlError: names the service points.
    """
    places = due.select("agreement_id", "service_point_id").unique()
    placed = keys.join(places, on="agreement_id", how="inner", validate="m:1").select(
        "service_point_id", "agreement_id", "period_start_date", "period_end_date", "bill_id"
    )
    connection.register("incoming_places", placed.to_arrow())
    connection.register("incoming_taken", taken.select("bill_id").to_arrow())
    twice = query(connection, _TWICE)
    connection.unregister("incoming_places")
    connection.unregister("incoming_taken")
    if twice.height:
        points = twice["service_point_id"].unique(maintain_order=True)
        first = twice.row(0, named=True)
        raise ControlError(
            f"run `{run_id}`: days of {points.len()} service points would stand on two bills; first: "
            f"`{first['service_point_id']}` from {first['from_date']} to {first['to_date']} on `{first['bill_id']}` "
            f"and on `{first['other_id']}`; concerns " + ", ".join(f"`{point}`" for point in points.head(_NAMED)),
            hint=f"an agreement has changed since it was planned: billmill cycle abandon {run_id}, then plan again",
        )
