"""The comparison of a run with a legacy system's bills: its lines, what differs and why, explanations and sign-off."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.schema import column


class Cause(StrEnum):
    """Why a line differs: what alone, reckoned otherwise, brings the legacy system's amount."""

    EQUAL = "equal"
    ROUNDING = "rounding"
    PRORATION = "proration"
    TARIFF = "tariff"
    READ = "read"
    TAX = "tax"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    SEVERAL = "several"
    """Two causes together."""
    UNEXPLAINED = "unexplained"


class LegacyLines(pa.DataFrameModel):
    """Lines of a legacy system's bills as its file has them. Grain: row, code."""

    row: pl.Int64 = column("Row of the file, the header being the first", ge=1)
    account_id: str = column("Account")
    service_point_id: str = column("Service point; empty on a line of the whole bill")
    period_start_date: pl.Date = column("First day")
    period_end_date: pl.Date = column("Day after the last")
    code: str = column("Code of the line, as the file has it; `tax` for its column of taxes")
    quantity_e6: pl.Int64 = column("Quantity x 10^6 in printed units; null when the file has none", nullable=True)
    amount_minor: pl.Int64 = column("Amount", unit="minor")

    class Config:
        strict = True
        metadata = {"grain": ["row", "code"]}


class Comparisons(pa.DataFrameModel):
    """Comparisons of a run with a legacy file; the same files and options are the same one. Grain: comparison_id."""

    comparison_id: str = column("Comparison: hash of run, file, mapping and tolerance")
    run_id: str = column("Run compared")
    legacy_name: str = column("Name of the legacy file")
    legacy_sha256: str = column("SHA-256 of its bytes")
    mapping_sha256: str = column("SHA-256 of the mapping; empty without one")
    tolerance_minor: pl.Int64 = column("Differences up to this are within tolerance", unit="minor", ge=0)
    currency: str = column("ISO 4217 code")
    cells: pl.Int64 = column("Lines compared", ge=0)
    differing: pl.Int64 = column("Lines that differ", ge=0)
    open_cells: pl.Int64 = column("Lines beyond tolerance, or unexplained, for which nobody has said why", ge=0)
    ours_minor: pl.Int64 = column("Sum of our lines", unit="minor")
    legacy_minor: pl.Int64 = column("Sum of the legacy lines", unit="minor")
    result_sha256: str = column("SHA-256 over the differences")
    made_by: str = column("Who compared")
    made_at: Annotated[pl.Datetime, "us", "UTC"] = column("When it was first compared")

    class Config:
        strict = True
        metadata = {"grain": ["comparison_id"]}


class Differences(pa.DataFrameModel):
    """Lines that differ from the legacy system's. Grain: difference_id."""

    difference_id: str = column("Difference: hash of comparison, account, service point, period and line")
    comparison_id: str = column("Comparison")
    account_id: str = column("Account")
    branch_id: str = column("Branch; empty for an account that is not known")
    service_point_id: str = column("Service point; empty for a line of the whole bill")
    period_start_date: pl.Date = column("First day of what is compared")
    period_end_date: pl.Date = column("Day after the last")
    line: str = column("Line compared: our components, or the legacy code that none of them matches")
    bill_id: str = column("Our bill; null without one", nullable=True)
    ours_minor: pl.Int64 = column("Our amount; null where we have no such line", unit="minor", nullable=True)
    legacy_minor: pl.Int64 = column("Legacy amount; null where it has none", unit="minor", nullable=True)
    ours_quantity: pl.Int64 = column("Our quantity in smallest units; null without one", nullable=True)
    legacy_quantity: pl.Int64 = column("Legacy quantity in smallest units; null without one", nullable=True)
    cause: str = column("Class", isin=[cause.value for cause in Cause])
    variants: str = column("What was reckoned otherwise, comma-joined")
    also: str = column("Other classes that bring the same amounts, comma-joined")
    is_within: pl.Boolean = column("Within tolerance")
    explanation: str = column("What it is, in words")

    class Config:
        strict = True
        metadata = {"grain": ["difference_id"]}


class DifferenceReasons(pa.DataFrameModel):
    """What people say of differences: of one, or of a class. Grain: comparison_id, subject."""

    comparison_id: str = column("Comparison")
    subject: str = column("Class, or the id of one difference")
    code: str = column("Code of the explanation, as the utility names it")
    why: str = column("Why")
    said_by: str = column("Who says so")

    class Config:
        strict = True
        metadata = {"grain": ["comparison_id", "subject"]}


class SignOffs(pa.DataFrameModel):
    """Comparisons that a second person signed. Grain: comparison_id, signed_sha256."""

    comparison_id: str = column("Comparison")
    signed_sha256: str = column("SHA-256 over the differences and what people said of them: what was signed")
    signed_by: str = column("Who signed: neither who compared nor who explained")
    signed_at: Annotated[pl.Datetime, "us", "UTC"] = column("When")

    class Config:
        strict = True
        metadata = {"grain": ["comparison_id", "signed_sha256"]}


COMPARED: dict[str, type[pa.DataFrameModel]] = {
    "comparison": Comparisons,
    "difference": Differences,
    "comparison_sign_off": SignOffs,
}
SAID: dict[str, type[pa.DataFrameModel]] = {"difference_reason": DifferenceReasons}
