"""What landing and VEE did, as tables for a person and for JSON."""

from __future__ import annotations

import polars as pl

from ingest.landing.report import LandReport
from ingest.vee.report import VeeReport
from model.units import READABLE_UNIT, readable_amount


def landed_files(report: LandReport) -> pl.DataFrame:
    """Return a row per file: format, status, what landed, exact energy, first and last day."""
    rows = [
        {
            "file": file.name, "format": file.file_format, "status": file.status.value, "load": file.seq,
            "channel_days": file.days, "readings": file.readings, "unchanged": file.unchanged,
            "rejected": file.rejected,
            "energy": ", ".join(f"{amount} {unit}" for unit, amount in (file.energy or {}).items()),
            "first_day": file.first_day, "last_day": file.last_day, "message": file.message,
        }
        for file in report.files
    ]  # fmt: skip
    columns = {
        "file": pl.String, "format": pl.String, "status": pl.String, "load": pl.Int64, "channel_days": pl.Int64,
        "readings": pl.Int64, "unchanged": pl.Int64, "rejected": pl.Int64, "energy": pl.String, "first_day": pl.Date,
        "last_day": pl.Date, "message": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=columns)


def rejected_lines(report: LandReport) -> pl.DataFrame:
    """Return the count of rejects by file and reason, and where they lie."""
    rows = [
        {"file": file.name, "reason": reason, "count": count, "quarantine": file.quarantine and file.quarantine.name}
        for file in report.files
        for reason, count in (file.reasons or {}).items()
    ]
    columns = {"file": pl.String, "reason": pl.String, "count": pl.Int64, "quarantine": pl.String}
    return pl.DataFrame(rows, schema=columns)


def unfit_lines(report: LandReport) -> pl.DataFrame:
    """Return the count of readings that landed and that VEE will refuse, by file and reason."""
    rows = [
        {"file": file.name, "reason": reason, "count": count}
        for file in report.files
        for reason, count in (file.unfit or {}).items()
    ]
    return pl.DataFrame(rows, schema={"file": pl.String, "reason": pl.String, "count": pl.Int64})


def in_readable_units(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `cycles.rebill.late_reads.rebill_candidates` with quantities as people read them: kWh, m3, all digits."""
    shown = [
        pl.Series(
            name, [str(readable_amount(n, unit)) for n, unit in frame.select(name, "unit").iter_rows()], pl.String
        )
        for name in ("before", "after", "delta")
    ]  # a row per bill and channel, as many as are shown to a person
    return frame.with_columns(*shown, pl.col("unit").replace_strict(READABLE_UNIT, return_dtype=pl.String))


def vee_figures(report: VeeReport) -> dict[str, int | None]:
    """Return the figures of a VEE run by name; quantities name their measure and smallest unit."""
    figures: dict[str, int | None] = {
        "load": report.seq,
        "channel_days": report.days_judged,
        "complete": report.days_complete,
        "estimated": report.days_estimated,
        "missing": report.days_missing,
        "rows_written": report.rows_written,
    }
    figures |= {f"slots_{method}": count for method, count in sorted(report.slots_by_method.items())}
    for measure, unit in sorted(report.units.items()):
        figures[f"{measure}_{unit}_before"] = report.quantity_before[measure]
        figures[f"{measure}_{unit}_after"] = report.quantity_after[measure]
    return figures


def vee_findings(report: VeeReport) -> pl.DataFrame:
    """Return what VEE found for the first time, counted by reason and severity."""
    rows = [
        {"reason": reason, "severity": severity, "count": count}
        for (reason, severity), count in sorted(report.findings.items())
    ]
    return pl.DataFrame(rows, schema={"reason": pl.String, "severity": pl.String, "count": pl.Int64})
