"""Meter data: landed days, register reads, VEE's output, findings, rejects.

Intervals land wide: one row per channel and local civil day, a column per slot. Slot i is the i-th interval
of the civil day as the clock on the wall ran through it, so a day of 23 hours has fewer slots and one of 25
hours more: `n` counts the real ones. A null slot is missing, never zero.
"""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.codes import ReadKind, Severity
from model.schema import column, polars_schema

INTERVAL_LENGTHS = (5, 10, 15, 30, 60)
MINUTES_LONGEST_DAY = 25 * 60


def slot_count(interval_minutes: int) -> int:
    """Return how many slot columns the table of this interval length has: those of a day of 25 hours."""
    return MINUTES_LONGEST_DAY // interval_minutes


def slot_columns(interval_minutes: int) -> list[str]:
    """Return the names of the slot columns: v00..v99 for 15 minutes, v000..v299 for 5.

    >>> slot_columns(60)[-1]
    'v24'
    """
    count = slot_count(interval_minutes)
    width = max(2, len(str(count - 1)))
    return [f"v{slot:0{width}d}" for slot in range(count)]


class ReadDays(pa.DataFrameModel):
    """Landed intervals, without the slot columns (Int32, smallest unit). Grain: channel_no, day, seq."""

    channel_no: pl.Int32 = column("Channel's number", ge=1)
    day: pl.Date = column("Civil day in the service point's zone")
    n: pl.Int16 = column("Slots that this day really has: 92, 96 or 100 at 15 minutes", ge=0)
    worst: pl.UInt8 = column("Worst quality of the day's slots; 8 when one is missing", le=8)
    flags: pl.Binary = column("Quality of each slot, one byte a slot; null when all slots are `worst`", nullable=True)
    raw_code: str = column("Quality code of the day as the file wrote it, for example V, F55, A", nullable=True)
    seq: pl.Int64 = column("Load that brought it: the higher, the later it was learned", ge=0)
    updated_at: Annotated[pl.Datetime, "us", None] = column("The provider's update time, as written", nullable=True)

    class Config:
        strict = False  # the slot columns follow; their number depends on the interval length
        metadata = {"grain": ["channel_no", "day", "seq"]}


class VeeDays(ReadDays):
    """Channel-days that VEE estimated or edited; whole days, slot columns as in ReadDays.

    It stands for the landed row whose seq is `base_seq` (0: nothing had landed); a later landed row beats it.
    Grain: channel_no, day, seq.
    """

    base_seq: pl.Int64 = column("The landed row that was judged; 0 when there was none", ge=0)
    methods: pl.Binary = column("Method of each slot's estimate, one byte a slot (model.codes.Method)")

    class Config:
        strict = False
        metadata = {"grain": ["channel_no", "day", "seq"]}


class RegisterReads(pa.DataFrameModel):
    """Register readings as landed. Grain: channel_no, meter_id, read_date, read_kind, seq."""

    channel_no: pl.Int32 = column("Channel's number", ge=1)
    meter_id: str = column("Meter that was read")
    read_date: pl.Date = column("Day at whose start the reading holds, in the service point's zone")
    read_kind: str = column("Why it was read", isin=[item.value for item in ReadKind])
    reading: pl.Int64 = column("What the register showed, in smallest units, before the multiplier", ge=0)
    quality: pl.UInt8 = column("Canonical quality", le=8)
    raw_code: str = column("Quality code as the file wrote it", nullable=True)
    seq: pl.Int64 = column("Load that brought it", ge=0)
    updated_at: Annotated[pl.Datetime, "us", None] = column("The provider's update time, as written", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["channel_no", "meter_id", "read_date", "read_kind", "seq"]}


class RegisterUsage(pa.DataFrameModel):
    """Use between two successive readings of one meter, rollover and multiplier applied.

    The rows of a channel follow each other in time; at an exchange the removed meter's last row ends where the
    new meter's first begins. Grain: channel_no, from_date.
    """

    channel_no: pl.Int32 = column("Channel's number", ge=1)
    meter_id: str = column("Meter")
    from_date: pl.Date = column("Day of the earlier reading")
    to_date: pl.Date = column("Day of the later reading")
    quantity: pl.Int64 = column("Use between the two, in smallest units", ge=0)
    quality: pl.UInt8 = column("Worse quality of the two readings", le=8)
    is_rejected: pl.Boolean = column("True when VEE refuses the pair (see findings): nothing is billed from it")
    seq: pl.Int64 = column("Later load of the two readings", ge=0)

    class Config:
        strict = True
        metadata = {"grain": ["channel_no", "from_date"]}


class Findings(pa.DataFrameModel):
    """What VEE found and did. Grain: finding_id."""

    finding_id: str = column("Content id of the finding")
    channel_no: pl.Int32 = column("Channel's number", ge=1)
    day: pl.Date = column("Civil day")
    first_slot: pl.Int16 = column("First slot concerned, from 0", nullable=True)
    last_slot: pl.Int16 = column("Last slot concerned", nullable=True)
    rule: str = column(
        "Rule of the rule set: V01 identity, V03 missing, V07 negative, V10 spike, V15 high, V18 rollover, "
        "V19 decreased, V20 multiplier and others, H01 and up learned from history: see docs/vee.md"
    )
    reason: str = column(
        "Stable code: missing, missing_day, negative, spike, set_aside, too_much_missing, register_below_intervals, "
        "usage_high, rollover, read_decreased, gap_too_long"
    )
    severity: str = column(
        "info, warn, fail or terminate; the last two mean that the value was not used",
        isin=[item.value for item in Severity],
    )
    found: pl.Int64 = column("Value found, smallest unit; null for a gap", nullable=True)
    used: pl.Int64 = column("Value used instead, summed over the slots; null when nothing was replaced", nullable=True)
    method: str = column("Method of the estimate, by its name in model.codes.Method: linear, like_day, none")
    detail: str = column("One sentence for a person")
    rule_set: str = column("Rule set and version that judged")
    seq: pl.Int64 = column("Sequence of the VEE run that found it")

    class Config:
        strict = True
        metadata = {"grain": ["finding_id"]}


class Estimates(pa.DataFrameModel):
    """How an estimate was made: a row for each run of slots of a day with one method.

    It belongs to the row of VeeDays with the same channel_no, day and seq. Grain: channel_no, day, first_slot, seq.
    """

    channel_no: pl.Int32 = column("Channel's number", ge=1)
    day: pl.Date = column("Civil day")
    base_seq: pl.Int64 = column("The landed row that was judged; 0 when there was none", ge=0)
    first_slot: pl.Int16 = column("First slot, from 0", ge=0)
    last_slot: pl.Int16 = column("Last slot", ge=0)
    method: str = column("Method, by its name in model.codes.Method")
    shape: str = column("Method that gave the shape before it was scaled to a register; else the same as `method`")
    quantity: pl.Int64 = column("Sum of the estimates, smallest unit", ge=0)
    refs: str = column("Days, or the span of register readings, that it rests on; empty when neighbours say it all")
    low: pl.Int64 = column(
        "Sum of the same slots on the lowest reference, or at the lower end of the line; null: no spread known",
        nullable=True,
    )
    high: pl.Int64 = column(
        "Sum of the same slots on the highest reference, or at the higher end of the line; null as `low`",
        nullable=True,
    )
    seq: pl.Int64 = column("Load of the VEE run that made it", ge=0)

    class Config:
        strict = True
        metadata = {"grain": ["channel_no", "day", "first_slot", "seq"]}


class RuleSets(pa.DataFrameModel):
    """Rule sets of VEE as a meter-data analyst wrote them; the one added last is in force. Grain: rule_set, version."""

    rule_set: str = column("Rule set, for example `standard`", str_length={"min_value": 1})
    version: pl.Int32 = column("Version: a changed threshold is a new one", ge=1)
    content_hash: str = column("SHA-256 of the text")
    file_name: str = column("File as named on the command line")
    text: str = column("The file's text (TOML)")
    added_by: str = column("Who added it")

    class Config:
        strict = True
        metadata = {"grain": ["rule_set", "version"]}


RULES: dict[str, type[pa.DataFrameModel]] = {"rule_set": RuleSets}


class Rejects(pa.DataFrameModel):
    """Lines of files that were not taken. Grain: file_sha256, line, reason."""

    file_name: str = column("File as named on the command line")
    file_sha256: str = column("SHA-256 of the file's bytes")
    line: pl.Int64 = column("Line in the file, from 1; 0 is the whole file", ge=0)
    reason: str = column("Stable code, for example unknown_channel, bad_number, wrong_slot_count")
    detail: str = column("What was expected and what was found")
    text: str = column("Start of the line", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["file_sha256", "line", "reason"]}


def read_days_schema(interval_minutes: int, table: type[ReadDays] = ReadDays) -> dict[str, pl.DataType]:
    """Return the full schema of a wide table: key columns, then the slots as Int32."""
    keys = polars_schema(table)
    return {**keys, **{name: pl.Int32() for name in slot_columns(interval_minutes)}}
