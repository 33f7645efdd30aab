"""Tables of the control database that steer: loads, lake files, runs, segment keys, approvals, audit."""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.codes import RunKind, RunState, TariffState
from model.events import BilledCharges
from model.parallel import COMPARED
from model.postings import ClosedPeriods, Unbilled
from model.schema import column


class Loads(pa.DataFrameModel):
    """The load ledger: landed files, VEE runs, edited registers; its seq orders what was learned. Grain: seq."""

    seq: pl.Int64 = column("Sequence of the load, from 1", ge=1)
    kind: str = column("land, vee or edit", isin=["land", "vee", "edit"])
    source_name: str = column("File as named on the command line, the period of the VEE run, or the edit")
    sha256: str = column("SHA-256 of the file's bytes; for VEE of what it wrote")
    received_at: Annotated[pl.Datetime, "us", "UTC"] = column("When it was received")
    rows: pl.Int64 = column("Channel-days or register reads taken", ge=0)
    rejected: pl.Int64 = column("Lines not taken", ge=0)
    detail: str = column("Format and totals in a sentence")
    read_by: str = column(
        "What told how the file is read beside its content: the mapping or layout with its SHA-256, `carry`; else empty"
    )

    class Config:
        strict = True
        metadata = {"grain": ["seq"]}


class LakeFiles(pa.DataFrameModel):
    """Parquet files that count. Grain: path."""

    table_name: str = column("Table that the file holds rows of")
    path: str = column("Path below the workspace, with forward slashes")
    sha256: str = column("SHA-256 of the file's bytes")
    row_count: pl.Int64 = column("Rows", ge=0)
    byte_count: pl.Int64 = column("Bytes", ge=0)
    channel_min: pl.Int32 = column("Lowest channel number in it", nullable=True)
    channel_max: pl.Int32 = column("Highest channel number in it", nullable=True)
    day_min: pl.Date = column("First day in it", nullable=True)
    day_max: pl.Date = column("Last day in it, included", nullable=True)
    seq_max: pl.Int64 = column("Highest load sequence in it; 0 when it holds none", ge=0)
    owner: str = column("Load (`load:17`) or run that wrote it")

    class Config:
        strict = True
        metadata = {"grain": ["path"]}


class Runs(pa.DataFrameModel):
    """Runs and how far they are. Grain: run_id."""

    run_id: str = column("Run: kind, cycle, business date, sequence")
    kind: str = column("bill, final, rebill or cancel", isin=[kind.value for kind in RunKind])
    cycle_id: str = column("Cycle; empty for a run over bills of several")
    branches: str = column("Branches, comma-joined; empty for all")
    business_date: pl.Date = column("Business date, an argument and never the clock")
    sequence: pl.Int32 = column("Sequence of the run on that date", ge=1)
    fingerprint: str = column("Hash of reads, tariffs, accounts, rules and code that the run uses")
    plan_sha256: str = column("Hash of the plan file")
    manifest_sha256: str = column("Hash of the manifest, once the run is staged", nullable=True)
    state: str = column("planned, staged, validated, approved, published, abandoned", isin=[s.value for s in RunState])
    known_at: Annotated[pl.Datetime, "us", "UTC"] = column("Facts as known at this time are used")
    seq_max: pl.Int64 = column("Reads up to this load sequence are used", ge=0)
    partitions: pl.Int32 = column("Partitions", ge=0)
    selected: pl.Int64 = column("Agreements due", ge=0)
    billed: pl.Int64 = column("Agreements billed", nullable=True)
    parked: pl.Int64 = column("Agreements parked", nullable=True)
    net_minor: pl.Int64 = column("Sum of the charges", unit="minor", nullable=True)
    tax_minor: pl.Int64 = column("Sum of the taxes", unit="minor", nullable=True)
    total_minor: pl.Int64 = column("Net and tax", unit="minor", nullable=True)
    planned_by: str = column("Who planned it")
    approved_by: str = column("Who approved it: another person", nullable=True)
    planned_at: Annotated[pl.Datetime, "us", "UTC"] = column("When it was planned")
    published_at: Annotated[pl.Datetime, "us", "UTC"] = column("When it was published", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["run_id"]}


class SegmentKeys(pa.DataFrameModel):
    """What has been billed. Grain: agreement_id, period_start_date, revision.

    Those whose bill is not in `reversed_bill` stand: no day of an agreement stands twice.
    """

    agreement_id: str = column("Service agreement")
    period_start_date: pl.Date = column("First day billed")
    period_end_date: pl.Date = column("Day after the last")
    revision: pl.Int32 = column("0 for the first bill of the period", ge=0)
    bill_id: str = column("Bill")
    run_id: str = column("Run that published it")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "period_start_date", "revision"]}


class ReversedBills(pa.DataFrameModel):
    """Bills that were taken back; they no longer stand. Grain: bill_id."""

    bill_id: str = column("Bill that was taken back")
    reversal_id: str = column("Bill that negates it, line by line")
    run_id: str = column("Run that published the reversal")
    reason: str = column("Why, in the words of who asked for it")

    class Config:
        strict = True
        metadata = {"grain": ["bill_id"]}


class InvoiceSeries(pa.DataFrameModel):
    """Last number given in each invoice series. Grain: series."""

    series: str = column("Branch and year of issue; `CR` between them for credit notes")
    last_no: pl.Int64 = column("Last number given; the next is one more", ge=0)

    class Config:
        strict = True
        metadata = {"grain": ["series"]}


class Audit(pa.DataFrameModel):
    """Who did what, chained by hash: each entry's hash covers the one before. Grain: entry_no."""

    entry_no: pl.Int64 = column("Entry, from 1", ge=1)
    at_utc: Annotated[pl.Datetime, "us", "UTC"] = column("When")
    actor: str = column("Who")
    role: str = column("Under which roles, comma-joined; empty in a workspace without roles")
    action: str = column(
        "What: init, import, add_tariff, approve_tariff, retire_tariff, land, vee, propose_edit, estimate, "
        "approve_edit, refuse_edit, event, decide_charge, decide_finding, assign_finding, calendar, plan, stage, "
        "approve, publish, abandon, exclude, include, hold, release_hold, decide_exception, assign_exception, "
        "close_window, close_exceptions, compare, explain_difference, sign_comparison, set_account, post, "
        "approve_posting, refuse_posting, import_postings, allocate, late_fees, unbilled, close_period"
    )
    subject: str = column("On what")
    detail: str = column("Figures in a sentence")
    entry_hash: str = column("SHA-256 over the entry and the hash before it")

    class Config:
        strict = True
        metadata = {"grain": ["entry_no"]}


class TariffStates(pa.DataFrameModel):
    """What was decided about versions of tariffs, in two times; a version without a row is a draft.

    Grain: tariff_id, valid_from, recorded_at.
    """

    tariff_id: str = column("Tariff")
    valid_from: pl.Date = column("First day of the version")
    content_hash: str = column("SHA-256 of the tariff file that states it")
    state: str = column("approved or retired", isin=[TariffState.APPROVED.value, TariffState.RETIRED.value])
    end_date: pl.Date = column("Day from which a retired version no longer holds", nullable=True)
    approved_by: str = column("Who approved it: another person than who added the file")
    approved_at: Annotated[pl.Datetime, "us", "UTC"] = column("When it was approved")
    reason: str = column("Why it was retired, or approved without worked bills", nullable=True)
    recorded_at: Annotated[pl.Datetime, "us", "UTC"] = column("When this was decided")
    superseded_at: Annotated[pl.Datetime, "us", "UTC"] = column("When something else was decided", nullable=True)
    recorded_by: str = column("Who decided it")

    class Config:
        strict = True
        metadata = {"grain": ["tariff_id", "valid_from", "recorded_at"]}


CONTROL: dict[str, type[pa.DataFrameModel]] = {
    "load": Loads,
    "lake_file": LakeFiles,
    "run": Runs,
    "segment_key": SegmentKeys,
    "reversed_bill": ReversedBills,
    "billed_charge": BilledCharges,
    "invoice_series": InvoiceSeries,
    "closed_period": ClosedPeriods,
    "unbilled": Unbilled,
    "audit": Audit,
} | COMPARED
