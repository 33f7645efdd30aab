"""What the commands print for a person: counts that add up, units beside quantities, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from accounts.importing import ImportReport
from ingest.landing.report import ABOVE_DIALS, METER_UNKNOWN, LandedFile, LandReport, LandStatus
from ingest.vee.report import VeeReport
from model.codes import Measure
from model.money import format_minor
from model.units import READABLE_UNIT, SMALLEST_UNIT, readable_amount
from outputs.console import ROWS_SHOWN, print_facts, print_frame
from outputs.next_steps import next_step
from outputs.reads_report import rejected_lines, unfit_lines, vee_findings
from outputs.summary import RunSummary


def imported_rows(report: ImportReport) -> pl.DataFrame:
    """Return what an import recorded: table, new, changed, same."""
    rows = [{"table": table, "new": c.new, "changed": c.changed, "same": c.same} for table, c in report.counts.items()]
    return pl.DataFrame(rows, schema={"table": pl.String, "new": pl.Int64, "changed": pl.Int64, "same": pl.Int64})


def print_import(report: ImportReport) -> None:
    """Print what an import recorded and what it rejected."""
    if report.is_recorded:
        print_frame(imported_rows(report))
    if report.rejects.height:
        print_frame(report.rejects, f"\nRejected: {report.rejects.height:,} rows")


def print_counts(counts: Mapping[str, object], rejects: pl.DataFrame) -> None:
    """Print counts, and what was rejected."""
    print_facts(counts)
    if rejects.height:
        print_frame(rejects, f"\nRejected: {rejects.height:,} rows")


def print_run(facts: Mapping[str, object], summary: RunSummary | None) -> None:
    """Print a run and, once it is staged, its control sheet."""
    print_facts(facts)
    for title, frame in summary.tables().items() if summary else ():
        print_frame(frame, f"\n{title}")


def print_landing(report: LandReport, quarantine: Path) -> None:
    """Print what landed, file by file; when there are many, the files that need a look come first."""
    print_facts(_landing_facts(report))
    files = sorted(report.files, key=_needs_no_look) if len(report.files) > ROWS_SHOWN else report.files
    names = _short_names([file.name for file in files])
    print()
    print_frame(pl.DataFrame([_file_row(file, names[file.name]) for file in files], infer_schema_length=None))
    reasons = rejected_lines(report)
    if reasons.height:
        named = reasons.with_columns(pl.col("file").replace_strict(names, return_dtype=pl.String))
        print_frame(named, f"\nRejected lines by reason; the lines are in {quarantine}")
    if report.touched_bills.height:
        print_frame(report.touched_bills, "\nPublished bills whose days have changed")


def unusable_files(report: LandReport) -> str:
    """Return the error when not one file could be used: the first of them and what was expected of it."""
    first, others = report.files[0], len(report.files) - 1
    more = f"; so with {others} more" if others else ""
    reason = next(iter(first.reasons or {}), "")
    return f"error: `{first.name}` cannot be used: {first.message}{more}; nothing landed\nhint: {next_step(reason)}"


# What VEE will refuse although it landed, and what is to be done about it.
_UNFIT = {
    METER_UNKNOWN: "the meter does not hang at the point on that day; correct meters.csv and import it, or record the "
    "exchange: billmill event add meter_exchange",
    ABOVE_DIALS: "the register has fewer dials; correct meters.csv and import it, or the reading: billmill reads edit",
}


def landing_next(report: LandReport) -> str | None:
    """Return what follows a landing: channels to be made known first, then VEE; None when nothing does."""
    unknown = sum((file.reasons or {}).get("unknown_channel", 0) for file in report.files)
    told = []
    if unknown:
        channels = "1 channel of the files is" if unknown == 1 else f"{unknown:,} channels of the files are"
        told.append(f"{channels} not known: add to channels.csv, billmill accounts import, then land the files again")
    unfit = unfit_lines(report)
    for reason, what in _UNFIT.items():
        count = int(unfit.filter(pl.col("reason") == reason)["count"].sum())
        if count:
            told.append(f"{count:,} readings landed of which nothing is billed, {reason}: {what}")
    days = [(file.first_day, file.last_day) for file in report.files if file.days and file.first_day and file.last_day]
    if days:
        first, last = min(day for day, _ in days), max(day for _, day in days)
        told.append(f"next: billmill reads vee --from {first} --to {last + timedelta(days=1)}")
    return "\n".join(told) or None


def print_vee(report: VeeReport) -> None:
    """Print what VEE judged, estimated and found."""
    methods = ", ".join(f"{count:,} {method.replace('_', ' ')}" for method, count in report.slots_by_method.items())
    facts = {
        "channel-days": f"{report.days_judged:,} judged = {report.days_complete:,} complete + "
        f"{report.days_estimated:,} estimated or edited + {report.days_missing:,} missing",
        "estimates": f"{methods} slots" if methods else "none",
        "written": "nothing new"
        if report.seq is None
        else f"{report.rows_written:,} channel-days as load {report.seq}",
    }
    print_facts(facts)
    quantities = [_quantity_row(report, measure) for measure in sorted(report.quantity_before)]
    if quantities:
        print()
        print_frame(pl.DataFrame(quantities))
    findings = vee_findings(report)
    if findings.height:
        print_frame(findings, "\nFindings, new")


def describe_plan(content: Mapping[str, Any]) -> dict[str, object]:
    """Return a plan as names and values for a person."""
    cycle = content["cycle"]
    return {
        "run": content["run_id"],
        "cycle": f"{cycle['cycle_id']}, {cycle['period_start_date']} to {cycle['period_end_date']} (not included)",
        "business date": content["business_date"],
        "branches": ", ".join(content["branches"]) or "all",
        "due": f"{content['selected']:,} agreements of {content['accounts']:,} accounts",
        "reads up to load": content["seq_max"],
        "partitions": content["partitions"],
        "fingerprint": content["fingerprint"],
    }


def describe_result(
    run_id: str, state: str, totals: Mapping[str, int], currency: str | None, computed: int
) -> dict[str, object]:
    """Return what a computed run came to; without one currency its totals are not added up."""
    facts: dict[str, object] = {
        "run": run_id,
        "state": state,
        "agreements": f"{totals['selected']:,} due = {totals['billed']:,} billed + {totals['parked']:,} parked",
        "bills": totals["rows_bills"],
    }
    for name in ("net", "tax"):
        facts[name] = money_text(totals[f"{name}_minor"], currency)
    facts["total"] = money_text(totals["bills_minor"], currency) + " = lines = debits = credits"
    return facts | {"partitions": f"{computed} computed now"}


def money_text(amount_minor: int, currency: str | None) -> str:
    """Return an amount in major units with its currency: 123456 AUD is `1,234.56 AUD`."""
    return "in several currencies" if currency is None else f"{format_minor(amount_minor, currency)} {currency}"


def _landing_facts(report: LandReport) -> dict[str, object]:
    counts = [f"{report.count(status)} {status.value.replace('_', ' ')}" for status in LandStatus]
    energy = ", ".join(f"{Decimal(amount):,} {unit}" for unit, amount in report.energy.items())
    landed = f"{report.days:,} channel-days, {report.readings:,} readings"
    return {
        "files": f"{len(report.files)} = {' + '.join(counts)}",
        "landed": landed + (f"; {energy}" if energy else ""),
        "unchanged": f"{report.unchanged:,} channel-days and readings said what was known",
        "rejected": f"{report.rejected:,} lines",
    }


def _needs_no_look(file: LandedFile) -> bool:
    return file.status != LandStatus.UNUSABLE and not file.rejected


def _short_names(names: list[str]) -> dict[str, str]:
    """Return each path without the folders that all of them share."""
    folders = {Path(name).parent for name in names}
    return {name: Path(name).name if len(folders) == 1 else name for name in names}


def _file_row(file: LandedFile, name: str) -> dict[str, object]:
    energy = ", ".join(f"{Decimal(amount):,} {unit}" for unit, amount in (file.energy or {}).items())
    is_here = file.status == LandStatus.LANDED
    told = {LandStatus.LANDED: energy, LandStatus.ALREADY_LANDED: "", LandStatus.UNUSABLE: file.message}
    return {
        "file": name,
        "status": file.status.value.replace("_", " "),
        "format": "" if file.status == LandStatus.ALREADY_LANDED else file.file_format,
        "load": file.seq,
        "days": file.days if is_here else None,
        "readings": file.readings if is_here else None,
        "unchanged": file.unchanged if is_here else None,
        "rejected": None if file.status == LandStatus.ALREADY_LANDED else file.rejected,
        "first": file.first_day,
        "last": file.last_day,
        "landed": told[file.status],
    }


def _quantity_row(report: VeeReport, measure: str) -> dict[str, object]:
    before, after = report.quantity_before[measure], report.quantity_after[measure]
    unit = SMALLEST_UNIT[Measure(measure)]
    return {
        "measure": measure,
        "as landed": readable_amount(before, unit),
        "as used": readable_amount(after, unit),
        "difference": readable_amount(after - before, unit),
        "unit": READABLE_UNIT[unit],
    }
