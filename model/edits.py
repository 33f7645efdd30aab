"""Edits of reads: what a person wants changed, who decided about it, and the values. Raw reads never change."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.schema import column


class EditKind(StrEnum):
    """What an edit does."""

    VALUE = "value"
    """Values known from elsewhere: read on site, calculated by hand."""
    AGREED = "agreed"
    """Values agreed with the customer."""
    CUSTOMER = "customer"
    """A register reading told by the customer."""
    ZERO = "zero"
    ESTIMATE = "estimate"
    """The values are set aside; VEE estimates in their place."""
    RESTORE = "restore"
    """As landed again: undoes earlier edits."""


class EditState(StrEnum):
    """Where an edit stands. Only approved ones change what is billed."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


class ReadEdits(pa.DataFrameModel):
    """Edits, who proposed them, why, and what a second person decided. Grain: edit_id."""

    edit_id: str = column("Content id: channel, kind, values, what had landed")
    channel_no: pl.Int32 = column("Channel's number", ge=1)
    kind: str = column("What it does", isin=[item.value for item in EditKind])
    from_date: pl.Date = column("First day concerned")
    to_date: pl.Date = column("Day after the last; of a register the day of the reading")
    meter_id: str = column("Meter of a register reading; null for intervals", nullable=True)
    reason: str = column("Why, as the proposer wrote it", str_length={"min_value": 1})
    proposed_by: str = column("Who proposed it")
    proposed_at: Annotated[pl.Datetime, "us", "UTC"] = column("When")
    state: str = column("Where it stands", isin=[item.value for item in EditState])
    decided_by: str = column("Who decided: another person than who proposed it", nullable=True)
    decided_at: Annotated[pl.Datetime, "us", "UTC"] = column("When that was", nullable=True)
    note: str = column("What the second person wrote", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["edit_id"]}


class ReadEditValues(pa.DataFrameModel):
    """What an edit puts in each slot. Grain: edit_id, day, slot."""

    edit_id: str = column("Edit")
    day: pl.Date = column("Civil day; of a register the day of the reading")
    slot: pl.Int16 = column("Slot of the day, from 0; 0 for a register", ge=0)
    base_seq: pl.Int64 = column("Landed row that the proposer saw: what lands later is not changed", ge=0)
    value: pl.Int64 = column("Value in smallest units; null when the kind says it", nullable=True)
    value_before: pl.Int64 = column("What stood there when it was proposed; null for nothing", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["edit_id", "day", "slot"]}


EDITS: dict[str, type[pa.DataFrameModel]] = {"read_edit": ReadEdits, "read_edit_value": ReadEditValues}
