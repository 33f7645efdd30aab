"""Views over the wide days: intervals one row each, and use by day, from the version of each day that counts.

Which version counts is the rule of `ingest.versions`. Days that have several versions are few, so the keys of those
that do not count are kept in small tables (`lake.superseded_*`) and left out by an anti-join; days are never
ranked when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.codes import Quality
from model.reads import slot_columns
from outputs.views import View, ViewColumn, file_list

_KEY = "channel_no, day, seq"
# Better first; the same order as ingest.versions: rank of the worst slot, the provider's later update, the later load.
_RANK = (
    f"CASE WHEN worst <= {int(Quality.FINAL_SUBSTITUTED)} THEN 0 WHEN worst < {int(Quality.MISSING)} THEN 1 ELSE 2 END"
)
_BEST_FIRST = f"{_RANK}, updated_at DESC NULLS LAST, seq DESC"
_IS_ESTIMATED = f"BETWEEN {int(Quality.SUBSTITUTED)} AND {int(Quality.SUSPECT)}"
_ESTIMATED_DIGITS = "".join(str(code) for code in range(Quality.SUBSTITUTED, Quality.SUSPECT + 1))

_INTERVAL_COLUMNS = (
    ViewColumn("channel_id", "VARCHAR", "Channel"),
    ViewColumn("service_point_id", "VARCHAR", "Service point"),
    ViewColumn("measure", "VARCHAR", "What it measures"),
    ViewColumn("start_utc", "TIMESTAMP", "Start of the interval in UTC, included"),
    ViewColumn("day", "DATE", "Civil day in the service point's zone"),
    ViewColumn("slot", "INTEGER", "Interval of the day, from 0, as the clock on the wall ran through it"),
    ViewColumn("value", "BIGINT", "Quantity in the smallest unit; null when it is missing"),
    ViewColumn("quality", "UTINYINT", "0 actual, 1 edited, 2 substituted, 3 final substituted, 4 estimated, "
               "5 forecast, 6 customer, 7 suspect, 8 missing"),
    ViewColumn("is_estimated", "BOOLEAN", "True when it is substituted, estimated or otherwise not as read (2 to 7)"),
    ViewColumn("unit", "VARCHAR", "Smallest unit of the measure: Wh, varh, L, kJ"),
    ViewColumn("interval_minutes", "INTEGER", "Length of the interval [min]"),
)  # fmt: skip
_DAILY_COLUMNS = (
    ViewColumn("channel_id", "VARCHAR", "Channel"),
    ViewColumn("service_point_id", "VARCHAR", "Service point"),
    ViewColumn("commodity", "VARCHAR", "What is supplied"),
    ViewColumn("measure", "VARCHAR", "What it measures"),
    ViewColumn("day", "DATE", "Civil day in the service point's zone"),
    ViewColumn("quantity", "BIGINT", "Sum of the slots that are there, in the smallest unit; null when none is"),
    ViewColumn("unit", "VARCHAR", "Smallest unit of the measure: Wh, varh, L, kJ"),
    ViewColumn("slots", "INTEGER", "Intervals that the day really has: 92, 96 or 100 at 15 minutes"),
    ViewColumn("estimated_slots", "INTEGER", "Slots that are substituted, estimated or otherwise not as read"),
    ViewColumn("missing_slots", "INTEGER", "Slots without a value"),
    ViewColumn("quality", "UTINYINT", "Worst quality of the day's slots; 8 when one is missing"),
)


@dataclass(frozen=True)
class DayFiles:
    """Registered files of one interval length, as absolute paths."""

    interval_minutes: int
    landed: tuple[str, ...]
    vee: tuple[str, ...]
    repeated: tuple[str, ...]
    """Landed files in which a channel's day may stand more than once, in the same file or another."""


def superseded_statements(files: DayFiles) -> list[str]:
    """Return the statements that fill the tables of landed and VEE rows that do not count."""
    minutes = files.interval_minutes
    landed, vee = f"lake.superseded_{minutes}", f"lake.superseded_vee_{minutes}"
    empty = "SELECT NULL::INTEGER AS channel_no, NULL::DATE AS day, NULL::BIGINT AS seq WHERE false"
    statements = [
        f"CREATE TABLE {landed} AS {_beaten(files.repeated) if files.repeated else empty}",
        f"CREATE TABLE {vee} AS {empty}",
    ]
    if files.vee:
        counting = (
            f"SELECT {_KEY} FROM {file_list(files.landed)} AS l SEMI JOIN judged USING (channel_no, day) "
            f"ANTI JOIN {landed} USING (channel_no, day, seq)"
            if files.landed
            else empty
        )
        statements += [
            f"CREATE TEMP TABLE judged AS SELECT {_KEY}, base_seq FROM {file_list(files.vee)}",
            f"CREATE TEMP TABLE counting AS {counting}",
            "CREATE TEMP TABLE edited AS SELECT j.channel_no, j.day, max(j.seq) AS seq FROM judged AS j "
            "LEFT JOIN counting AS c ON c.channel_no = j.channel_no AND c.day = j.day "
            "WHERE j.base_seq = coalesce(c.seq, 0) GROUP BY ALL",
            f"INSERT INTO {landed} SELECT {_KEY} FROM counting SEMI JOIN edited USING (channel_no, day)",
            f"INSERT INTO {vee} SELECT {_KEY} FROM judged ANTI JOIN edited USING (channel_no, day, seq)",
            *(f"DROP TABLE {name}" for name in ("judged", "counting", "edited")),
        ]
    return statements


def current_days(files: DayFiles, *, has_superseded: bool, has_superseded_vee: bool) -> str:
    """Return the SELECT of the days that count: key columns, quality and slots."""
    slots = ", ".join(slot_columns(files.interval_minutes))
    columns = f"channel_no, day, n, worst, flags, {slots}"
    parts = []
    for paths, table, is_needed in (
        (files.landed, f"lake.superseded_{files.interval_minutes}", has_superseded),
        (files.vee, f"lake.superseded_vee_{files.interval_minutes}", has_superseded_vee),
    ):
        anti = f" ANTI JOIN {table} USING (channel_no, day, seq)" if is_needed else ""
        if paths:
            parts.append(f"SELECT {columns} FROM {file_list(paths)}{anti}")
    return " UNION ALL ".join(parts)


def intervals_view(minutes: Sequence[int]) -> View:
    """Return the view of intervals, one row each, over `lake.days_*` of these interval lengths."""
    selects = [_intervals_select(length) for length in minutes]
    comment = (
        "Intervals one row each, the version that counts. Grain: channel_id, start_utc. Filter by day and channel."
    )
    return View("intervals", comment, _INTERVAL_COLUMNS, " UNION ALL ".join(selects) or None)


def usage_daily_view(minutes: Sequence[int]) -> View:
    """Return the view of use by channel and day, over `lake.days_*` of these interval lengths."""
    selects = [_daily_select(length) for length in minutes]
    comment = "Use by channel and civil day, of interval channels, the version that counts. Grain: channel_id, day."
    return View("usage_daily", comment, _DAILY_COLUMNS, " UNION ALL ".join(selects) or None)


def _beaten(paths: Sequence[str]) -> str:
    """Select the landed rows that another version of the same channel and day beats."""
    rows = file_list(paths)
    return (
        f"WITH repeated AS (SELECT channel_no, day FROM {rows} GROUP BY channel_no, day HAVING count(*) > 1) "
        f"SELECT {_KEY} FROM {rows} SEMI JOIN repeated USING (channel_no, day) "
        f"QUALIFY row_number() OVER (PARTITION BY channel_no, day ORDER BY {_BEST_FIRST}) > 1"
    )


def _slot_list(minutes: int) -> str:
    return f"[{', '.join(slot_columns(minutes))}]"


def _intervals_select(minutes: int) -> str:
    slots = len(slot_columns(minutes))
    # hex() gives two digits a byte; a quality is below 16, so the second digit is the quality of the slot.
    flag = "CAST(nullif(substr(hex(d.flags), 2 * d.slot + 2, 1), '') AS UTINYINT)"
    quality = f"CASE WHEN d.value IS NULL THEN {int(Quality.MISSING)} ELSE coalesce({flag}, d.worst) END"
    # Joined before the days are unrolled: once a day instead of once an interval.
    placed = (
        "SELECT c.channel_id, c.service_point_id, c.measure, c.unit, s.start_utc AS day_start_utc, d.day, d.n, "
        f"d.worst, d.flags, unnest({_slot_list(minutes)}) AS value, unnest(range({slots})) AS slot "
        f"FROM lake.days_{minutes} AS d JOIN lake.channels AS c USING (channel_no) "
        "JOIN lake.day_starts AS s ON s.tz_name = c.tz_name AND s.day = d.day"
    )
    return (
        f"SELECT d.channel_id, d.service_point_id, d.measure, "
        f"d.day_start_utc + to_minutes(d.slot * {minutes}) AS start_utc, d.day, CAST(d.slot AS INTEGER) AS slot, "
        f"CAST(d.value AS BIGINT) AS value, CAST({quality} AS UTINYINT) AS quality, "
        f"{quality} {_IS_ESTIMATED} AS is_estimated, d.unit, {minutes} AS interval_minutes "
        f"FROM ({placed}) AS d WHERE d.slot < d.n"
    )


def _daily_select(minutes: int) -> str:
    slots = _slot_list(minutes)
    digits = "substr(hex(d.flags), 1, 2 * d.n)"
    of_flags = f"length({digits}) - length(translate({digits}, '{_ESTIMATED_DIGITS}', ''))"
    estimated = f"CASE WHEN d.flags IS NOT NULL THEN {of_flags} WHEN d.worst {_IS_ESTIMATED} THEN d.n ELSE 0 END"
    return (
        f"SELECT c.channel_id, c.service_point_id, c.commodity, c.measure, d.day, "
        f"CAST(list_sum({slots}) AS BIGINT) AS quantity, c.unit, CAST(d.n AS INTEGER) AS slots, "
        f"CAST({estimated} AS INTEGER) AS estimated_slots, "
        f"CAST(d.n - list_count({slots}) AS INTEGER) AS missing_slots, d.worst AS quality "
        f"FROM lake.days_{minutes} AS d JOIN lake.channels AS c USING (channel_no)"
    )
