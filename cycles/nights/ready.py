"""Before a cycle is billed: is what it needs there? A short list with what is missing."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from accounts.selection import Cycle, select_due
from cycles.nights.calendar import find_cycle
from cycles.runs.known import selectable
from ingest.versions import current_registers
from model.reads import INTERVAL_LENGTHS
from store.control import Connection, control, query
from store.lake import lake_files, scan_lake
from store.standing import standing_keys
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book

_SCHEMA = {"check": pl.String, "is_ready": pl.Boolean, "found": pl.String, "next": pl.String}


def cycle_ready(workspace: Workspace, cycle_id: str, business_date: date) -> pl.DataFrame:
    """Return what a cycle needs on a business date: check, is_ready, found, next (what to do; null when ready).

    Checks: window, reads (every channel has all its days, or a reading near the period's end), validation (nothing
    landed or was edited since the last VEE of the period), tariffs (each is approved for every day), approvals.

    Raises:
        ConfigError: the cycle is not in the calendar.
    """
    with control(workspace, purpose="cycle ready") as connection:
        cycle = find_cycle(connection, cycle_id)
        due = select_due(cycle, selectable(connection, (cycle,)), standing_keys(connection), ())
        rows = [
            _window(cycle, business_date),
            ("accounts", due.height > 0, f"{due['account_id'].n_unique():,} accounts due", "nothing is left to bill"),
            _reads(workspace, connection, cycle, due),
            _validation(connection, cycle),
            _tariffs(connection, cycle, due),
            _approvals(connection, cycle),
        ]
    told = [(check, ready, found, None if ready else what) for check, ready, found, what in rows]
    return pl.DataFrame(told, schema=_SCHEMA, orient="row")


_Row = tuple[str, bool, str, str]


def _window(cycle: Cycle, business_date: date) -> _Row:
    is_open = cycle.window_open_date <= business_date < cycle.window_close_date
    last = cycle.window_close_date - timedelta(days=1)
    estimates = "allowed" if cycle.estimates_allowed(business_date) else f"from {cycle.estimate_date}"
    found = f"{cycle.window_open_date} to {last}; estimates {estimates}"
    return "window", is_open, found, f"choose a business date inside, not {business_date}"


def _reads(workspace: Workspace, connection: Connection, cycle: Cycle, due: pl.DataFrame) -> _Row:
    """Count channels with a landed row on each of their days, or a reading on or after the last day billed."""
    numbers = query(connection, "SELECT channel_no, service_point_id, interval_minutes FROM channel_number")
    spans = due.select("service_point_id", "start_date", "end_date")
    wanted = numbers.join(spans, on="service_point_id", how="inner", validate="m:m")
    read = pl.concat([
        pl.DataFrame(schema={"channel_no": pl.Int32, "days": pl.Int64}),
        *(_interval_days(workspace, connection, wanted, minutes, cycle) for minutes in INTERVAL_LENGTHS),
        _readings(workspace, connection, wanted),
    ])  # fmt: skip
    days = pl.when(pl.col("interval_minutes") > 0).then((pl.col("end_date") - pl.col("start_date")).dt.total_days())
    asked = wanted.with_columns(days.otherwise(1).alias("asked")).group_by("channel_no").agg(pl.col("asked").sum())
    both = asked.join(read, on="channel_no", how="left", validate="1:1")
    missing = both.filter(pl.col("days").fill_null(0) < pl.col("asked")).height
    found = f"{both.height - missing:,} of {both.height:,} channels are complete"
    return "reads", not missing, found, "billmill reads land FILES; what is still missing is estimated or parked"


def _interval_days(
    workspace: Workspace, connection: Connection, wanted: pl.DataFrame, minutes: int, cycle: Cycle
) -> pl.DataFrame:
    nothing = pl.DataFrame(schema={"channel_no": pl.Int32, "days": pl.Int64})
    files = lake_files(connection, f"reads_day_{minutes}")
    own = wanted.filter(pl.col("interval_minutes") == minutes)
    if not files or own.is_empty():
        return nothing
    in_period = pl.col("day").is_between(cycle.period_start_date, cycle.period_end_date, closed="left")
    found = scan_lake(workspace, files).filter(in_period).select("channel_no", "day").unique().collect()
    spans = own.select("channel_no", "start_date", "end_date")
    placed = found.join(spans, on="channel_no", how="inner", validate="m:m").filter(
        pl.col("day").is_between("start_date", "end_date", closed="left")
    )
    return placed.group_by("channel_no").agg(pl.len().cast(pl.Int64).alias("days"))


def _readings(workspace: Workspace, connection: Connection, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return registers that were read on or after their last day billed."""
    files = lake_files(connection, "register_reads")
    own = wanted.filter(pl.col("interval_minutes") == 0)
    if not files or own.is_empty():
        return pl.DataFrame(schema={"channel_no": pl.Int32, "days": pl.Int64})
    last = (
        current_registers(scan_lake(workspace, files).collect()).group_by("channel_no").agg(pl.col("read_date").max())
    )
    ends = own.group_by("channel_no").agg(pl.col("end_date").max(), pl.len().cast(pl.Int64).alias("days"))
    return (
        ends.join(last, on="channel_no", how="inner", validate="1:1")
        .filter(pl.col("read_date") >= pl.col("end_date"))
        .select("channel_no", "days")
    )


def _validation(connection: Connection, cycle: Cycle) -> _Row:
    first, after = cycle.period_start_date, cycle.period_end_date
    sql = (
        "SELECT (SELECT coalesce(max(seq), 0) FROM load WHERE kind <> 'vee') AS learned, "
        "(SELECT coalesce(max(seq_max), -1) FROM night_step WHERE step = 'vee' AND subject = ?) AS noted, "
        "(SELECT coalesce(max(seq), -1) FROM load WHERE kind = 'vee' AND source_name = ?) AS judged"
    )
    learned, noted, judged = query(connection, sql, [f"{first}..{after}", f"{first}..{after}"]).row(0)
    found = (
        "the last load is validated" if max(noted, judged) >= learned else f"loads up to {learned} are not validated"
    )
    return "validation", max(noted, judged) >= learned, found, f"billmill reads vee --from {first} --to {after}"


def _tariffs(connection: Connection, cycle: Cycle, due: pl.DataFrame) -> _Row:
    """Count tariffs of which an approved version holds on the first day billed."""
    used = due.group_by("tariff_id").agg(pl.col("start_date").min())
    versions = load_rate_book(connection).versions.select("tariff_id", "valid_from", "valid_to")
    held = used.join(versions, on="tariff_id", how="inner", validate="1:m").filter(
        pl.col("valid_from") <= pl.col("start_date"),
        pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("start_date")),
    )
    missing = used.join(held, on="tariff_id", how="anti")["tariff_id"].sort().to_list()
    found = f"{used.height - len(missing)} of {used.height} tariffs are approved"
    return "tariffs", not missing, found, f"billmill tariff approve {' '.join(missing[:3])}"


def _approvals(connection: Connection, cycle: Cycle) -> _Row:
    rows = query(
        connection,
        "SELECT run_id FROM run WHERE cycle_id = ? AND state = 'validated' ORDER BY run_id", [cycle.cycle_id],
    )  # fmt: skip
    waiting = rows["run_id"].to_list()
    found = f"{len(waiting)} runs wait for approval" if waiting else "nothing waits for approval"
    return "approvals", not waiting, found, f"billmill cycle approve {waiting[0] if waiting else ''}".rstrip()
