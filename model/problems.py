"""What `verify` finds: whatever is not as it was left."""

from __future__ import annotations

from enum import StrEnum

import pandera.polars as pa

from model.schema import column


class ProblemKind(StrEnum):
    """What is wrong with a thing."""

    ALTERED = "altered"
    MISSING = "missing"
    EXTRA = "extra"
    ROW = "row"
    """A row of a control table is not what the lake or the kept books hold."""
    LINK = "link"
    """Two things that name each other no longer agree."""


class Problems(pa.DataFrameModel):
    """Things that are not as they were left. Grain: kind, subject, found."""

    kind: str = column("altered, missing, extra, row or link", isin=[kind.value for kind in ProblemKind])
    subject: str = column("File below the workspace, table with its row, or entry of the audit")
    expected: str = column("What was left")
    found: str = column("What is there")
    next_step: str = column("What to do about it")

    class Config:
        strict = True
        metadata = {"grain": ["kind", "subject", "found"]}
