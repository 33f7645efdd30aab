"""The reads around findings, as they came and as they are used, for charts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from ingest.rules.rules import DEFAULT_RULES
from ingest.vee.lake import overlapping
from ingest.versions import current_days
from model.codes import Quality
from model.reads import INTERVAL_LENGTHS, read_days_schema, slot_columns
from model.zones import slot_clock_minutes
from outputs.day_curves import DayCurve, DayStory
from store.control import Connection
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

LIKE_DAYS = DEFAULT_RULES.like_days
LIKE_DAYS_WITHIN = DEFAULT_RULES.like_days_within
Rows = Mapping[tuple[int, date], Mapping[str, Any]]


def day_stories(
    workspace: Workspace, connection: Connection, findings: pl.DataFrame, *, judged_seq: int, used_seq: int | None
) -> dict[str, DayStory]:
    """Return the story of each interval finding, by id: reads up to load `judged_seq`, VEE's rows up to `used_seq`.

    `findings` has the columns of the work list.
    """
    stories: dict[str, DayStory] = {}
    for minutes in INTERVAL_LENGTHS:
        own = findings.filter((pl.col("interval_minutes") == minutes) & pl.col("first_slot").is_not_null())
        if own.is_empty():
            continue
        landed = _days(workspace, connection, own, minutes, judged_seq=judged_seq, used_seq=0)
        used = _days(workspace, connection, own, minutes, judged_seq=judged_seq, used_seq=used_seq)
        for row in own.iter_rows(named=True):  # as many as are shown
            stories[row["finding_id"]] = _story(row, landed, used, minutes)
    return stories


def _days(
    workspace: Workspace, connection: Connection, own: pl.DataFrame, minutes: int, *, judged_seq: int,
    used_seq: int | None,
) -> Rows:  # fmt: skip
    """Return the days that count around the findings, by channel and day; with `used_seq` 0 as they landed."""
    channels = own["channel_no"].unique().sort()
    first, last = own.select(first=pl.col("day").min(), last=pl.col("day").max()).row(0)
    around = timedelta(days=LIKE_DAYS_WITHIN)
    period = (first - around, last + around + timedelta(days=1))
    some = pl.col("channel_no").is_in(channels.implode()) & pl.col("day").is_between(*period, closed="left")
    bounds = (int(channels[0]), int(channels[-1]), *period)
    files = overlapping(lake_files(connection, f"reads_day_{minutes}"), *bounds)
    vee_files = overlapping(lake_files(connection, f"vee_day_{minutes}"), *bounds)
    # A channel that was never read can have days that somebody edited.
    landed = scan_lake(workspace, files) if files else pl.LazyFrame(schema=read_days_schema(minutes))
    scan = landed.filter(some & (pl.col("seq") <= judged_seq))
    vee = scan_lake(workspace, vee_files).filter(some) if vee_files and used_seq != 0 else None
    if vee is not None and used_seq is not None:
        vee = vee.filter(pl.col("seq") <= used_seq)
    rows = current_days(scan, vee, minutes)
    return {(row["channel_no"], row["day"]): row for row in rows.iter_rows(named=True)}


def _story(row: Mapping[str, Any], landed: Rows, used: Rows, minutes: int) -> DayStory:
    channel, day, tz_name = row["channel_no"], row["day"], row["tz_name"]
    clocks = slot_clock_minutes(tz_name, day, minutes)
    step = timedelta(days=1)
    return DayStory(
        interval_minutes=minutes,
        unit=row["unit"],
        day=day,
        clocks=clocks,
        found=_values(landed.get((channel, day)), len(clocks), minutes),
        used=_values(used.get((channel, day)), len(clocks), minutes),
        first_slot=row["first_slot"],
        last_slot=row["last_slot"],
        before=_curve(used, channel, day - step, tz_name, minutes),
        after=_curve(used, channel, day + step, tz_name, minutes),
        like=_like_days(used, channel, day, tz_name, minutes),
    )


def _values(row: Mapping[str, Any] | None, slots: int, minutes: int) -> tuple[int | None, ...]:
    if row is None:
        return (None,) * slots
    flags = row["flags"] or bytes([row["worst"]]) * slots
    names = slot_columns(minutes)[:slots]
    return tuple(
        None if flag == Quality.MISSING else row[name] for name, flag in zip(names, flags, strict=False)
    ) if len(flags) >= slots else tuple(row[name] for name in names)  # fmt: skip


def _curve(rows: Rows, channel: int, day: date, tz_name: str, minutes: int) -> DayCurve | None:
    row = rows.get((channel, day))
    if row is None:
        return None
    clocks = slot_clock_minutes(tz_name, day, minutes)
    return DayCurve(day, clocks, _values(row, len(clocks), minutes))


def _like_days(rows: Rows, channel: int, day: date, tz_name: str, minutes: int) -> tuple[DayCurve, ...]:
    """Return the days that an estimate from like days (E02) takes: whole days that were read, of the same kind.

    Earlier ones come first, the nearest first; where there is none of the kind, any kind will do.
    """
    steps = [*range(-1, -LIKE_DAYS_WITHIN - 1, -1), *range(1, LIKE_DAYS_WITHIN + 1)]
    near = [day + timedelta(days=step) for step in steps]
    read = [other for other in near if _is_read(rows.get((channel, other)))]
    alike = [other for other in read if _kind(other) == _kind(day)]
    curves = [_curve(rows, channel, other, tz_name, minutes) for other in (alike or read)[:LIKE_DAYS]]
    return tuple(curve for curve in curves if curve is not None)


def _is_read(row: Mapping[str, Any] | None) -> bool:
    return row is not None and (row["worst"] <= Quality.FINAL_SUBSTITUTED or row["worst"] == Quality.CUSTOMER)


def _kind(day: date) -> int:
    """Return the class within which days are alike: Monday to Friday, Saturday, Sunday, holidays."""
    return 9 if day in DEFAULT_RULES.holidays else max(5, day.isoweekday())
