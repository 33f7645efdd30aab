"""Rating: what is due, its segments and slices, determinants, bill lines, and what is parked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.events import OneOffCharges
from model.metering import QualityGates
from model.schema import column, empty
from model.tariff import AGGREGATES, RateBook


class DueAgreements(pa.DataFrameModel):
    """Agreements that a run bills, one row per agreement and period. Grain: agreement_id, start_date.

    An agreement whose attributes change inside the cycle is due for several periods that follow each other.
    """

    bill_id: str = column("Bill that will hold its lines: account, cycle, revision")
    account_id: str = column("Account that pays")
    customer_id: str = column("Customer of the account")
    branch_id: str = column("Branch that bills")
    revenue_class: str = column("Class of revenue of the account")
    payment_days: pl.Int32 = column("Days from issue to due date", unit="day")
    currency: str = column("Currency of the account")
    agreement_id: str = column("Service agreement")
    service_point_id: str = column("Service point supplied")
    premise_id: str = column("Premise of the service point")
    commodity: str = column("What is supplied")
    tz_name: str = column("Zone of its civil days")
    tariff_id: str = column("Tariff applied")
    start_date: pl.Date = column(
        "First day billed: cycle and agreement cut with each other, and where an attribute changes"
    )
    end_date: pl.Date = column("Day after the last day billed")
    cycle_id: str = column("Cycle")
    cycle_start_date: pl.Date = column("First day of the cycle")
    cycle_end_date: pl.Date = column("Day after the last day of the cycle")
    partition: pl.Int32 = column("Partition of the run that computes it; an account is never split", ge=0)

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "start_date"]}


class DueChannels(pa.DataFrameModel):
    """Channels of the agreements that are due. Grain: agreement_id, channel_no."""

    agreement_id: str = column("Service agreement")
    channel_no: pl.Int32 = column("Channel's number")
    channel_id: str = column("Channel, as people name it")
    measure: str = column("What it measures")
    interval_minutes: pl.Int32 = column("Length of its intervals; 0 is a register read", unit="min")
    from_date: pl.Date = column("First day on which the channel is read; null when it always was", nullable=True)
    to_date: pl.Date = column("Day after the last day on which it is read; null while it is", nullable=True)
    partition: pl.Int32 = column("Partition of the run")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "channel_no"]}


class DueAttributes(pa.DataFrameModel):
    """What the contract says of a due period: connected load, meter size, dwelling units.

    Grain: agreement_id, start_date, name.
    """

    agreement_id: str = column("Service agreement")
    start_date: pl.Date = column("First day of the due period in which it holds")
    name: str = column("Attribute, as tariffs name it")
    number: Annotated[pl.Decimal, 38, 12] = column("Its value, when that is a number", nullable=True)
    text: str = column("Its value, when that is not a number", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "start_date", "name"]}


class History(pa.DataFrameModel):
    """Quantities of earlier periods, for ratchets and averages over cycles.

    Grain: service_point_id, quantity_id, period_start_date.
    """

    service_point_id: str = column("Service point")
    quantity_id: str = column("Quantity, as tariffs name it")
    period_start_date: pl.Date = column("First day of the period")
    period_end_date: pl.Date = column("Day after the last")
    quantity: pl.Int64 = column("Value in smallest units: Wh, varh, L, kJ, or W for a maximum")
    unit_size: pl.Int64 = column("Smallest units in one printed unit", ge=1)
    is_estimated: pl.Boolean = column("True when it rests on an estimate")
    source: str = column("bill: found by a run; import: from before Billmill", isin=["bill", "import"])

    class Config:
        strict = True
        metadata = {"grain": ["service_point_id", "quantity_id", "period_start_date"]}


class BankBalances(pa.DataFrameModel):
    """What an agreement carries from cycle to cycle: energy or money. Grain: agreement_id, bank_id, tou."""

    agreement_id: str = column("Service agreement")
    bank_id: str = column("Bank, as the tariff names it")
    tou: str = column("Time-of-use period; empty for all")
    balance: pl.Int64 = column("What is carried: smallest units of a quantity, or minor units of money")
    as_of_date: pl.Date = column("Day from which it is carried: the day after the last that counts in it")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "bank_id", "tou"]}


class Segments(pa.DataFrameModel):
    """Parts of a due period under one tariff version. Grain: agreement_id, segment_no."""

    agreement_id: str = column("Service agreement")
    segment_no: pl.Int32 = column("Number within the agreement's due period, from 1", ge=1)
    version_id: str = column("Tariff version in force")
    start_date: pl.Date = column("First day")
    end_date: pl.Date = column("Day after the last")
    days: pl.Int32 = column("Days of the segment", unit="day", ge=1)
    cycle_days: pl.Int32 = column("Days of the whole cycle: the denominator of every share", unit="day", ge=1)

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "segment_no"]}


class Slices(pa.DataFrameModel):
    """Segments cut where the season, or a factor that the version uses, changes.

    Grain: agreement_id, segment_no, slice_no.
    """

    agreement_id: str = column("Service agreement")
    segment_no: pl.Int32 = column("Segment")
    slice_no: pl.Int32 = column("Number within the segment, from 1", ge=1)
    version_id: str = column("Tariff version")
    season: str = column("Season; empty when the version has none")
    start_date: pl.Date = column("First day")
    end_date: pl.Date = column("Day after the last")
    days: pl.Int32 = column("Days of the slice", unit="day", ge=1)

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "segment_no", "slice_no"]}


class Determinants(pa.DataFrameModel):
    """Billed quantities. Grain: agreement_id, segment_no, slice_no, quantity_id, tou, rank."""

    agreement_id: str = column("Service agreement")
    segment_no: pl.Int32 = column("Segment")
    slice_no: pl.Int32 = column("Slice")
    quantity_id: str = column("Quantity of the tariff version")
    tou: str = column("Time-of-use period; every quantity is kept by period, '' when the version has none")
    agg: str = column("How it was measured: see model.tariff.Quantities", isin=list(AGGREGATES))
    rank: pl.Int32 = column("Place of a power among the highest, from 1; null unless nth or mean_of_n", nullable=True)
    quantity: pl.Int64 = column(
        "Value in smallest units: Wh, varh, L, kJ, or W for a power; of `mean` the energy, of `cost` 10^-9 major units "
        "of the currency, rounded half away from zero"
    )
    minutes: pl.Int64 = column(
        "Time of the energy of a `mean`: its power is quantity x 60 / minutes; null for others",
        unit="min",
        nullable=True,
    )
    peak_day: pl.Date = column("Day of a power (the earliest); null for others", nullable=True)
    is_estimated: pl.Boolean = column("True when any slot or reading in it is substituted or estimated")
    split_method: str = column(
        "interval (cut exactly), register (two readings), days (shared between readings by days), "
        "weights (shared by the weights of days, for example degree days)"
    )
    reads_seq: pl.Int64 = column("Highest load sequence of the reads in it")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "segment_no", "slice_no", "quantity_id", "tou", "rank"]}


class BillLines(pa.DataFrameModel):
    """Lines of bills, with all that explains them. Grain: line_id."""

    line_id: str = column("Natural key: bill, agreement, component, piece, time-of-use period, tier")
    bill_id: str = column("Bill: account, cycle, revision")
    line_no: pl.Int32 = column("Place on the bill, from 1", ge=1)
    account_id: str = column("Account that pays")
    branch_id: str = column("Branch that bills")
    agreement_id: str = column("Service agreement")
    service_point_id: str = column("Service point")
    commodity: str = column("What is supplied")
    cycle_id: str = column("Cycle")
    period_start_date: pl.Date = column("First day that the line covers")
    period_end_date: pl.Date = column("Day after the last")
    tariff_id: str = column("Tariff")
    version_id: str = column("Tariff version")
    component_id: str = column("Charge of the tariff")
    kind: str = column("quantity, daily, cycle, amount, percent, minimum, maximum, rounding; one_off of no tariff")
    category: str = column("charge, tax, or memo: shown for information, no part of the bill")
    tax_code: str = column("Tax code of a tax line", nullable=True)
    line_text: str = column("Text printed on the bill")
    season: str = column("Season of the price; empty when it has none")
    tou: str = column("Time-of-use period; empty for all")
    tier: pl.Int32 = column("Tier, from 1; 0 when the price has no tiers", ge=0)
    determinant: str = column("Quantity priced, `days`, `cycle`, or the components a percentage counts")
    quantity: pl.Int64 = column(
        "Smallest units priced; days; 1 for a cycle; the base in minor units for percent and minimum"
    )
    unit: str = column("Printed unit of the rate: kWh, kW, m3, day, cycle, %")
    unit_size: pl.Int64 = column("Smallest units in one printed unit; 1 for days and cycles", ge=1)
    rate: Annotated[pl.Decimal, 18, 9] = column(
        "Price per printed unit as the sheet prints it; percent for percentages"
    )
    factor_id: str = column("Dated factor that was the price", nullable=True)
    fixed: Annotated[pl.Decimal, 18, 9] = column("Owed once the tier is reached, beside the rate, in major units")
    share_part: pl.Int64 = column(
        "Part of `share_whole` that a price of a whole period is shared by, for example days; null when it is whole",
        nullable=True,
    )
    share_whole: pl.Int64 = column("What `share_part` is a part of", nullable=True)
    amount_exact: Annotated[pl.Decimal, 38, 15] = column("Amount before rounding, in major units of the currency")
    amount_minor: pl.Int64 = column(
        "Amount on the bill, in minor units, rounded once as the tariff states; 0 for a memo"
    )
    memo_minor: pl.Int64 = column("Amount of a memo, rounded the same way; null for others", nullable=True)
    currency: str = column("ISO 4217 code")
    split_method: str = column("How its quantity was cut: interval, register, weights, days, none")
    is_estimated: pl.Boolean = column("True when its quantity rests on an estimate")
    reads_seq: pl.Int64 = column("Highest load sequence of the reads used; 0 when no read was", ge=0)
    gl_account: str = column("Ledger account that is credited")
    party: str = column("Who supplies it when it is not the biller", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["line_id"]}


class Parked(pa.DataFrameModel):
    """What cannot be billed, with a reason; tried again each night of the window.

    Grain: agreement_id, start_date.
    """

    account_id: str = column("Account that is not billed")
    branch_id: str = column("Branch that owns the work")
    agreement_id: str = column("Service agreement")
    service_point_id: str = column("Service point")
    commodity: str = column("What is supplied")
    start_date: pl.Date = column("First day of the period")
    end_date: pl.Date = column("Day after the last")
    stage: str = column("Stage that parked it: segments, determinants, charges, taxes, bills, hold, review")
    reason: str = column("Stable code", isin=[item.value for item in ParkReason])
    detail: str = column("What was expected and what was found")
    owner: str = column("Queue that has to act: metering, tariffs, accounts, billing")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "start_date"]}


@dataclass(frozen=True)
class RatingInput:
    """All that rating needs for one partition. Nothing else reaches the amounts."""

    due: DataFrame[DueAgreements]
    channels: DataFrame[DueChannels]
    days: dict[int, pl.DataFrame]
    """Interval length in minutes -> wide days (model.reads.ReadDays and slots), one row per channel and day."""
    usage: pl.DataFrame
    """Register use between readings (model.reads.RegisterUsage)."""
    book: RateBook
    attributes: DataFrame[DueAttributes] = field(default_factory=lambda: empty(DueAttributes))
    history: DataFrame[History] = field(default_factory=lambda: empty(History))
    """Quantities of earlier periods of the service points that are due."""
    banks: DataFrame[BankBalances] = field(default_factory=lambda: empty(BankBalances))
    """What the due agreements carry into this cycle; a bank without a row is empty."""
    gates: DataFrame[QualityGates] = field(default_factory=lambda: empty(QualityGates))
    """How much of what is billed may be estimated or edited; no row, no limit."""
    estimates_from: date | None = None
    """Business date, yet to come, from which estimates are billed: until then they are waited for. None: billed now."""
    charges: DataFrame[OneOffCharges] = field(default_factory=lambda: empty(OneOffCharges))
    """What the due agreements owe once, beside their tariffs."""


@dataclass(frozen=True)
class Rated:
    """What rating gives back: every due agreement is either in `lines` or in `parked`."""

    segments: DataFrame[Segments]
    slices: DataFrame[Slices]
    determinants: DataFrame[Determinants]
    lines: DataFrame[BillLines]
    parked: DataFrame[Parked]
    history: DataFrame[History] = field(default_factory=lambda: empty(History))
    """Quantities of this cycle to which later cycles can look back."""
    banks: DataFrame[BankBalances] = field(default_factory=lambda: empty(BankBalances))
    """What the agreements carry into the next cycle."""
