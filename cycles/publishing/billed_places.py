"""No day of a service point stands on two bills, whoever's agreements they are."""

from __future__ import annotations

from pathlib import Path

from cycles.runs.split import plan_columns, rows_of_repeated
from model.errors import ControlError
from store.control import Connection, query

_NAMED = 5  # service points that a message names
# An agreement stands for the place that it was for when its run was planned: that is what was billed.
# Only what stands on days near those of the run is looked at; of the run itself places that it bills several times. Its
# rows are not named as a whole, which DuckDB would copy to memory first.
_TWICE = """
    WITH stands AS (
        SELECT a.service_point_id, k.agreement_id, k.period_start_date, k.period_end_date, k.bill_id
        FROM segment_key AS k ANTI JOIN reversed_bill USING (bill_id) ANTI JOIN incoming_taken USING (bill_id)
        JOIN run AS r USING (run_id)
        JOIN agreements AS a ON a.agreement_id = k.agreement_id AND a.recorded_at <= r.known_at
             AND (a.superseded_at IS NULL OR a.superseded_at > r.known_at)
        WHERE k.period_end_date > (SELECT min(start_date) FROM read_parquet($1))),
    pairs AS (
        SELECT service_point_id, p.agreement_id, p.period_start_date, p.period_end_date, p.bill_id,
               s.agreement_id AS other_agreement, s.period_start_date AS other_start,
               s.period_end_date AS other_end, s.bill_id AS other_id
        FROM incoming_key AS p JOIN stands AS s USING (service_point_id)
        UNION ALL
        SELECT service_point_id, p.agreement_id, p.period_start_date, p.period_end_date, p.bill_id,
               s.agreement_id, s.period_start_date, s.period_end_date, s.bill_id
        FROM (SELECT * FROM incoming_key SEMI JOIN incoming_repeated USING (service_point_id)) AS p
        JOIN (SELECT * FROM incoming_key SEMI JOIN incoming_repeated USING (service_point_id)) AS s
        USING (service_point_id))
    SELECT service_point_id, bill_id, other_id, greatest(period_start_date, other_start) AS from_date,
           least(period_end_date, other_end) AS to_date
    FROM pairs
    WHERE other_start < period_end_date AND period_start_date < other_end AND other_agreement <> agreement_id
    ORDER BY ALL
"""


def refuse_places_billed_twice(connection: Connection, run_id: str, folder: Path) -> None:
    """Refuse a run that bills days of a service point which stand on a bill of another agreement.

    It happens where an agreement changed between plan and publish. Call it inside `cycles.publishing.incoming`.

    Raises:
        ControlError: names the service points.
    """
    due = plan_columns(folder, "due", ["service_point_id"])
    repeated = rows_of_repeated(due, "service_point_id").unique().collect(engine="streaming")
    connection.register("incoming_repeated", repeated.to_arrow())
    try:
        twice = query(connection, _TWICE, [(folder / "plan" / "due.parquet").as_posix()])
    finally:
        connection.unregister("incoming_repeated")
    if twice.height:
        points = twice["service_point_id"].unique(maintain_order=True)
        first = twice.row(0, named=True)
        raise ControlError(
            f"run `{run_id}`: days of {points.len()} service points would stand on two bills; first: "
            f"`{first['service_point_id']}` from {first['from_date']} to {first['to_date']} on `{first['bill_id']}` "
            f"and on `{first['other_id']}`; concerns " + ", ".join(f"`{point}`" for point in points.head(_NAMED)),
            hint=f"an agreement has changed since it was planned: billmill cycle abandon {run_id}, then plan again",
        )
