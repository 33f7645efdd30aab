"""All about one finding: its row of the work list, its day beside others, register readings, what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from cycles.work.finding_days import day_stories
from cycles.work.finding_decisions import decision_history
from cycles.work.findings import Asked, work_list_of
from ingest.versions import current_registers
from model.reads import Estimates, RegisterReads
from model.schema import arranged, column_names, empty
from outputs.day_curves import DayStory
from store.control import Connection, control
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

READINGS_SHOWN = 8


@dataclass(frozen=True)
class FindingPage:
    """What `findings show` tells."""

    row: dict[str, Any]
    story: DayStory | None
    """The day of an interval finding."""
    readings: pl.DataFrame
    """The register's last readings up to the one after it: read_date, meter_id, reading, quality; empty for others."""
    estimates: pl.DataFrame
    """How the slots of the finding are estimated now: model.reads.Estimates, first slot first; empty for others."""
    history: pl.DataFrame
    """at_utc, state, by, approved_by, why, slot_values; the first first."""

    def as_dict(self) -> dict[str, object]:
        """Return the page as JSON has it."""
        story = self.story
        days = None if story is None else {
            "clock_minutes": story.clocks,
            "found": story.found,
            "used": story.used,
            "like_days": [curve.day for curve in story.like],
        }  # fmt: skip
        return {
            **self.row,
            "slots": days,
            "readings": self.readings,
            "estimates": self.estimates,
            "history": self.history,
        }


def finding_page(workspace: Workspace, finding: str, business_date: date) -> FindingPage:
    """Return the page of a finding, named by its id or the beginning of it.

    Raises:
        ConfigError: there is no such finding, or there are several.
    """
    with control(workspace, purpose="findings show") as connection:
        rows = work_list_of(workspace, connection, Asked(ids=(finding,)), business_date)
        row = rows.row(0, named=True)
        stories = day_stories(workspace, connection, rows, judged_seq=row["seq"], used_seq=None)
        return FindingPage(
            row=row,
            story=stories.get(row["finding_id"]),
            readings=_readings(workspace, connection, row),
            estimates=_estimates(workspace, connection, row),
            history=decision_history(connection, row["finding_id"]),
        )


def _estimates(workspace: Workspace, connection: Connection, row: dict[str, Any]) -> pl.DataFrame:
    """Return the estimates in the slots of an interval finding, of the run that wrote its day last."""
    files = lake_files(connection, "estimates") if row["interval_minutes"] else []
    if not files:
        return empty(Estimates)
    of_day = (pl.col("channel_no") == row["channel_no"]) & (pl.col("day") == row["day"])
    made = scan_lake(workspace, files).filter(of_day & (pl.col("base_seq") == row["base_seq"])).collect()
    written = scan_lake(workspace, lake_files(connection, f"vee_day_{row['interval_minutes']}"))
    last = written.filter(of_day & (pl.col("base_seq") == row["base_seq"])).select(pl.col("seq").max()).collect().item()
    if last is None:
        return empty(Estimates)
    meets = (pl.col("first_slot") <= row["last_slot"]) & (pl.col("last_slot") >= row["first_slot"])
    return arranged(Estimates, made.filter(meets & (pl.col("seq") == last)).sort("first_slot"))


def _readings(workspace: Workspace, connection: Connection, row: dict[str, Any]) -> pl.DataFrame:
    """Return the readings of a register around the finding's day, the last first of each day and kind."""
    shown = ["read_date", "meter_id", "reading", "quality"]
    files = lake_files(connection, "register_reads") if row["interval_minutes"] == 0 else []
    if not files:
        return pl.DataFrame(schema=dict.fromkeys(shown))
    scan = scan_lake(workspace, files).filter(pl.col("channel_no") == row["channel_no"])
    reads = current_registers(scan.select(column_names(RegisterReads)).collect()).sort("read_date", "meter_id")
    until = reads.filter(pl.col("read_date") <= row["day"]).tail(READINGS_SHOWN - 1)
    after = reads.filter(pl.col("read_date") > row["day"]).head(1)
    return pl.concat([until, after]).select(shown)
