"""What people decided about findings of VEE, and whose work they are. Reads themselves never change."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.codes import FindingState
from model.schema import column

DECIDED = [FindingState.OPEN, FindingState.ACCEPTED, FindingState.ESTIMATED, FindingState.EDITED]


class FindingDecisions(pa.DataFrameModel):
    """What was decided about a finding; a finding without a row is open. Grain: finding_id.

    The next run of VEE over the day follows it as long as the landed row that was judged still counts.
    """

    finding_id: str = column("Finding")
    channel_no: pl.Int32 = column("Channel's number", ge=1)
    day: pl.Date = column("Civil day")
    first_slot: pl.Int16 = column("First slot concerned, from 0; null for a register reading", nullable=True)
    last_slot: pl.Int16 = column("Last slot concerned", nullable=True)
    rule: str = column("Rule that found it")
    base_seq: pl.Int64 = column("The landed row that was judged; 0 when there was none", ge=0)
    state: str = column(
        "accepted (the value stands as it came), estimated (an estimate replaces it), edited (a value that somebody "
        "gave replaces it), open (what was decided before is taken back)",
        isin=[state.value for state in DECIDED],
    )
    slot_values: str = column(
        "Values of an edit, a slot each, smallest units, comma-joined; null for others", nullable=True
    )
    why: str = column("Why")
    decided_by: str = column("Who decided it")
    approved_by: str = column("Who approved an edit: another person; null while it waits", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["finding_id"]}


class FindingOwners(pa.DataFrameModel):
    """Whom a finding was given to; one without a row is its branch's. Grain: finding_id."""

    finding_id: str = column("Finding")
    owner: str = column("Who has to act")
    assigned_by: str = column("Who gave it to them")

    class Config:
        strict = True
        metadata = {"grain": ["finding_id"]}


class DecidedSlots(pa.DataFrameModel):
    """Decisions that a run of VEE follows, those of intervals. Grain: channel_no, day, base_seq, first_slot, rule."""

    channel_no: pl.Int32 = column("Channel's number", ge=1)
    day: pl.Date = column("Civil day")
    base_seq: pl.Int64 = column("The landed row that it is about; 0 when there was none", ge=0)
    first_slot: pl.Int16 = column("First slot concerned", ge=0)
    last_slot: pl.Int16 = column("Last slot concerned", ge=0)
    rule: str = column("Rule that found it")
    state: str = column("accepted, estimated, edited; open: taken back", isin=[state.value for state in DECIDED])
    slot_values: str = column("Values of an edit, comma-joined; null for others", nullable=True)
    recorded_at: Annotated[pl.Datetime, "us", "UTC"] = column("When it was decided")

    class Config:
        strict = True
        metadata = {"grain": ["channel_no", "day", "base_seq", "first_slot", "rule"]}


DECISIONS: dict[str, type[pa.DataFrameModel]] = {"finding_decision": FindingDecisions, "finding_owner": FindingOwners}
