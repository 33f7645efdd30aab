"""Review: what a run's bills make one look twice at, and what people decided about it before the run was published."""

from __future__ import annotations

from enum import StrEnum

import pandera.polars as pa
import polars as pl

from model.schema import column


class BillCheck(StrEnum):
    """What a bill is listed for."""

    SHOCK_BILL = "shock_bill"
    """Far above its own past, by a sum that hurts."""
    CREDIT_ABOVE_LIMIT = "credit_above_limit"
    HIGH_USE = "high_use"
    LOW_USE = "low_use"
    HIGH_FOR_CLASS = "high_for_class"
    """High beside its class; for a supply without a past of its own."""
    ZERO_USE = "zero_use"
    ZERO_BILL = "zero_bill"
    NEGATIVE_BILL = "negative_bill"
    LARGE_CHANGE = "large_change"
    CONSECUTIVE_ESTIMATES = "consecutive_estimates"
    SHORT_PERIOD = "short_period"
    LONG_PERIOD = "long_period"
    NEW_TARIFF = "new_tariff"
    FIRST_BILL = "first_bill"
    FINAL_BILL = "final_bill"
    TOP_AMOUNT = "top_amount"


class ReviewSeverity(StrEnum):
    """What a listed bill has to wait for."""

    STOP = "stop"
    """The bill is held out of the run until somebody accepts it."""
    WARN = "warn"
    """Somebody should look before the run is approved."""
    INFO = "info"
    OFF = "off"
    """Not looked for."""


class ReviewState(StrEnum):
    """Where a listed bill, a parked agreement or another exception stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    EXCLUDED = "excluded"
    PAST = "past"
    """Its bill is published, or the agreement is billed: nothing is left to decide."""


class BillUse(pa.DataFrameModel):
    """What a bill took and cost, agreement by agreement: what later bills are compared with.

    Grain: bill_id, agreement_id.
    """

    bill_id: str = column("Bill")
    account_id: str = column("Account that pays")
    branch_id: str = column("Branch that bills")
    revenue_class: str = column("Class of revenue of the account")
    agreement_id: str = column("Service agreement")
    service_point_id: str = column("Service point supplied")
    commodity: str = column("What is supplied")
    tariff_id: str = column("Tariff of its first line")
    period_start_date: pl.Date = column("First day billed")
    period_end_date: pl.Date = column("Day after the last")
    quantity: pl.Int64 = column(
        "The largest quantity that one charge prices, in smallest units; 0 when none prices a quantity"
    )
    unit: str = column("Smallest unit of the quantity; empty when no charge prices one")
    is_estimated: pl.Boolean = column("True when any line rests on an estimate")
    amount_minor: pl.Int64 = column("Sum of its lines, taxes among them", unit="minor")
    currency: str = column("ISO 4217 code")

    class Config:
        strict = True
        metadata = {"grain": ["bill_id", "agreement_id"]}


class BillFindings(pa.DataFrameModel):
    """Bills of a run that somebody should look at, and the figures behind it. Grain: finding_id."""

    finding_id: str = column("Bill, check and, where it is about one supply, its agreement")
    bill_id: str = column("Bill")
    account_id: str = column("Account that pays")
    branch_id: str = column("Branch that bills")
    agreement_id: str = column("Service agreement; null when it is about the whole bill", nullable=True)
    code: str = column("What it is listed for", isin=[code.value for code in BillCheck])
    severity: str = column("stop, warn or info", isin=["stop", "warn", "info"])
    amount_minor: pl.Int64 = column("Total of the bill", unit="minor")
    currency: str = column("ISO 4217 code")
    found: pl.Int64 = column("Figure of this bill, in `unit`", nullable=True)
    usual: pl.Int64 = column("Figure that it is compared with", nullable=True)
    low: pl.Int64 = column("Lowest figure that is not listed", nullable=True)
    high: pl.Int64 = column("Highest figure that is not listed", nullable=True)
    unit: str = column("Unit of the figures: Wh/day, minor/day, minor, day, bill; empty without figures")
    compared: pl.Int32 = column("Bills that it was compared with", ge=0)
    detail: str = column("One sentence with the figures")

    class Config:
        strict = True
        metadata = {"grain": ["finding_id"]}


class ExceptionDecisions(pa.DataFrameModel):
    """What was decided about an exception; one without a row is open. Grain: exception_id."""

    exception_id: str = column("Exception: a bill's finding, a parked agreement, or one of the calendar")
    run_id: str = column("Run that it was decided in; empty for none")
    branch_id: str = column("Branch")
    state: str = column("accepted, or open when a decision was taken back", isin=["accepted", "open"])
    why: str = column("Why")
    decided_by: str = column("Who decided it")

    class Config:
        strict = True
        metadata = {"grain": ["exception_id"]}


class ExceptionOwners(pa.DataFrameModel):
    """Whom an exception was given to; one without a row is its branch's desk. Grain: exception_id."""

    exception_id: str = column("Exception")
    owner: str = column("Who has to act")
    assigned_by: str = column("Who gave it to them")

    class Config:
        strict = True
        metadata = {"grain": ["exception_id"]}


class BillExclusions(pa.DataFrameModel):
    """Bills that a run is published without; their accounts stay due. Grain: run_id, bill_id."""

    run_id: str = column("Run")
    bill_id: str = column("Bill that is kept out")
    account_id: str = column("Account, which stays due")
    branch_id: str = column("Branch")
    state: str = column("excluded, or included again", isin=["excluded", "included"])
    why: str = column("Why")
    decided_by: str = column("Who decided it; they cannot approve the branch")

    class Config:
        strict = True
        metadata = {"grain": ["run_id", "bill_id"]}


class AccountHolds(pa.DataFrameModel):
    """Accounts that are not billed until somebody lets them go: they park with reason `held`. Grain: account_id."""

    account_id: str = column("Account")
    state: str = column("held, or free again", isin=["held", "free"])
    why: str = column("Why")
    decided_by: str = column("Who decided it")

    class Config:
        strict = True
        metadata = {"grain": ["account_id"]}


class Approvals(pa.DataFrameModel):
    """Who approved which branch of a run, and exactly what. Grain: run_id, branch_id, currency."""

    run_id: str = column("Run")
    branch_id: str = column("Branch")
    currency: str = column("ISO 4217 code")
    state: str = column("approved; void when something changed afterwards", isin=["approved", "void"])
    digest: str = column("Hash of what was approved: the run's files, its findings, the bills kept out")
    bills: pl.Int64 = column("Bills approved", ge=0)
    kept_out: pl.Int64 = column("Bills of the branch that are kept out", ge=0)
    total_minor: pl.Int64 = column("Their total", unit="minor")
    largest_minor: pl.Int64 = column("The largest of them, above or below zero", unit="minor")
    approved_by: str = column("Who approved it")
    role: str = column("Under which role; empty in a workspace without roles")
    makers: str = column("Who planned, edited or decided what is in it, none of whom may approve it; comma-joined")

    class Config:
        strict = True
        metadata = {"grain": ["run_id", "branch_id", "currency"]}


# Facts in two times: what people decided stays readable after it was taken back.
REVIEW: dict[str, type[pa.DataFrameModel]] = {
    "exception_decision": ExceptionDecisions,
    "exception_owner": ExceptionOwners,
    "bill_exclusion": BillExclusions,
    "account_hold": AccountHolds,
    "approval": Approvals,
}
