"""Parties and places: customers, accounts, premises, service points, meters, channels, agreements, cycles.

The tables hold what a utility sends. The control database adds `recorded_at` and `superseded_at` to each, so
that what was known at any time can be read again.
"""

from __future__ import annotations

from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.codes import Commodity, Measure
from model.metering import ChannelLinks, Outages, QualityGates
from model.schema import column


class Branches(pa.DataFrameModel):
    """Branches of the utility, each with its own invoice series. Grain: branch_id."""

    branch_id: str = column("Branch", str_length={"min_value": 1})
    name: str = column("Name as printed on bills")

    class Config:
        strict = True
        metadata = {"grain": ["branch_id"]}


class BillCycles(pa.DataFrameModel):
    """The calendar: which group is billed for which period, in which window. Grain: cycle_id."""

    cycle_id: str = column("Cycle, for example `2026-10-C01`", str_length={"min_value": 1})
    bill_group: str = column("Group of accounts that this cycle bills")
    period_start_date: pl.Date = column("First day billed, in the customer's zone")
    period_end_date: pl.Date = column("Day after the last day billed")
    window_open_date: pl.Date = column("First business date on which the cycle may be billed")
    window_close_date: pl.Date = column("Day after the last such business date")
    branch_id: str = column("Only accounts of this branch; null for all", nullable=True)
    read_from_date: pl.Date = column("First day on which meters are read for it", nullable=True)
    read_to_date: pl.Date = column("Day after the last such day", nullable=True)
    estimate_date: pl.Date = column(
        "Business date from which bills may rest on estimates; null: from the window's first day", nullable=True
    )
    bill_date: pl.Date = column("Business date on which most of it is to be billed", nullable=True)
    due_date: pl.Date = column("Day by which its bills are to be paid; null: the account's payment days", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["cycle_id"]}


class Routes(pa.DataFrameModel):
    """Reading routes that are billed as a group, whatever their accounts say. Grain: route."""

    route: str = column("Reading route", str_length={"min_value": 1})
    bill_group: str = column("Group of the accounts whose service points are on it; see the calendar")

    class Config:
        strict = True
        metadata = {"grain": ["route"]}


class Customers(pa.DataFrameModel):
    """People and companies. Personal data: not shown to analysts. Grain: customer_id."""

    customer_id: str = column("Customer", str_length={"min_value": 1})
    name: str = column("Name as printed on bills")

    class Config:
        strict = True
        metadata = {"grain": ["customer_id"]}


class Accounts(pa.DataFrameModel):
    """Who pays: one bill per account and cycle. Grain: account_id."""

    account_id: str = column("Account", str_length={"min_value": 1})
    customer_id: str = column("Customer who pays")
    branch_id: str = column("Branch that bills")
    bill_group: str = column("Group of accounts billed together; see the calendar")
    currency: str = column("ISO 4217 code")
    revenue_class: str = column("Class of revenue: residential, commercial, industrial, public")
    payment_days: pl.Int32 = column("Days from issue to due date", unit="day", ge=0)

    class Config:
        strict = True
        metadata = {"grain": ["account_id"]}


class Premises(pa.DataFrameModel):
    """Places that are supplied. The address is personal data. Grain: premise_id."""

    premise_id: str = column("Premise", str_length={"min_value": 1})
    branch_id: str = column("Branch in whose area it lies")
    address: str = column("Street and number")
    city: str = column("City")
    postcode: str = column("Postcode")

    class Config:
        strict = True
        metadata = {"grain": ["premise_id"]}


class ServicePoints(pa.DataFrameModel):
    """Points of supply: one commodity at one premise. Grain: service_point_id."""

    service_point_id: str = column("Service point; NMI, ESIID, MPAN in files", str_length={"min_value": 1})
    premise_id: str = column("Premise that it supplies")
    commodity: str = column("What is supplied", isin=[item.value for item in Commodity])
    tz_name: str = column(
        "Zone whose civil days its reads and periods follow, for example Australia/Sydney; Europe/Berlin@06:00 has gas "
        "days, from six to six"
    )
    route: str = column("Reading route")
    route_sequence: pl.Int32 = column("Place on the route", ge=0)

    class Config:
        strict = True
        metadata = {"grain": ["service_point_id"]}


class Meters(pa.DataFrameModel):
    """Meters, where and when they hang. An exchange is two rows. Grain: meter_id, installed_date."""

    meter_id: str = column("Meter's serial number", str_length={"min_value": 1})
    service_point_id: str = column("Service point at which it hangs")
    installed_date: pl.Date = column("First day at this point")
    removed_date: pl.Date = column("Day of removal, not included; null while it hangs", nullable=True)
    dials: pl.Int32 = column("Digits of the register in whole printed units; it rolls over at 10^dials", ge=1, le=12)
    multiplier: pl.Int64 = column("Factor of the register's reading (transformers), 1 for most", ge=1, le=10**9)

    class Config:
        strict = True
        metadata = {"grain": ["meter_id", "installed_date"]}


class Channels(pa.DataFrameModel):
    """What is measured at a service point. Grain: channel_id."""

    channel_id: str = column("Channel, for example `6001000001/E1`", str_length={"min_value": 1})
    service_point_id: str = column("Service point")
    suffix: str = column("The file's name of the channel: NMI suffix E1, register code, or `consumption`")
    measure: str = column("What it measures; fixes the smallest unit", isin=[item.value for item in Measure])
    interval_minutes: pl.Int32 = column(
        "Length of its intervals; 0 is a register read", unit="min", isin=[0, 5, 10, 15, 30, 60]
    )
    start_date: pl.Date = column("First day on which it is read; null when it always was", nullable=True)
    end_date: pl.Date = column("Day after the last day on which it is read; null while it is", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["channel_id"]}


class Agreements(pa.DataFrameModel):
    """Which account pays for which service point on which tariff, and when. Grain: agreement_id.

    A change of tariff or of account ends one agreement and begins another.
    """

    agreement_id: str = column("Service agreement", str_length={"min_value": 1})
    account_id: str = column("Account that pays")
    service_point_id: str = column("Service point supplied")
    tariff_id: str = column("Tariff applied")
    start_date: pl.Date = column("First day supplied")
    end_date: pl.Date = column("Day after the last day supplied; null while it runs", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id"]}


class AgreementAttributes(pa.DataFrameModel):
    """What a contract says that its tariff asks for. It may be personal: not shown to analysts.

    Grain: agreement_id, name, valid_from.
    """

    agreement_id: str = column("Service agreement", str_length={"min_value": 1})
    name: str = column("Attribute, as tariffs name it, for example `contract_kw`")
    value: str = column("Decimal text where the tariff asks for a number; else a text, for example `5/8`")
    valid_from: pl.Date = column("First day on which it holds")
    valid_to: pl.Date = column("Day after the last; null until the next value of the attribute", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "name", "valid_from"]}


class ServicePointAttributes(pa.DataFrameModel):
    """What a place has for whoever is supplied there; the same attribute of an agreement wins over it.

    Grain: service_point_id, name, valid_from.
    """

    service_point_id: str = column("Service point", str_length={"min_value": 1})
    name: str = column("Attribute, as tariffs name it, for example `meter_size`")
    value: str = column("Decimal text where the tariff asks for a number; else a text, for example `5/8`")
    valid_from: pl.Date = column("First day on which it holds")
    valid_to: pl.Date = column("Day after the last; null until the next value of the attribute", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["service_point_id", "name", "valid_from"]}


class EarlierQuantities(pa.DataFrameModel):
    """Quantities of periods that were billed before Billmill, for ratchets and averages over cycles.

    Grain: service_point_id, quantity_id, period_start_date.
    """

    service_point_id: str = column("Service point", str_length={"min_value": 1})
    quantity_id: str = column("Quantity, as tariffs name it, for example `peak_kw`")
    period_start_date: pl.Date = column("First day of the period")
    period_end_date: pl.Date = column("Day after the last")
    quantity: Annotated[pl.Decimal, 28, 9] = column("Value in `unit`")
    unit: str = column(
        "Unit, as the tariff prints it: kWh, kW, m3; any text, or null, for a quantity by formula", nullable=True
    )

    class Config:
        strict = True
        metadata = {"grain": ["service_point_id", "quantity_id", "period_start_date"]}


class ChannelNumbers(pa.DataFrameModel):
    """Channels as the reads know them: numbered in branch, group, route order. Grain: channel_no."""

    channel_no: pl.Int32 = column("Number of the channel; reads are sorted by it", ge=1)
    channel_id: str = column("Channel")
    service_point_id: str = column("Service point")
    suffix: str = column("The file's name of the channel")
    measure: str = column("What it measures")
    interval_minutes: pl.Int32 = column("Length of its intervals; 0 is a register read", unit="min")
    start_date: pl.Date = column("First day on which it is read; null when it always was", nullable=True)
    end_date: pl.Date = column("Day after the last day on which it is read; null while it is", nullable=True)
    tz_name: str = column("Zone of its civil days")
    commodity: str = column("What is supplied")
    branch_id: str = column("Branch of its premise")

    class Config:
        strict = True
        metadata = {"grain": ["channel_no"]}


class OpeningDates(pa.DataFrameModel):
    """Up to which day an agreement was billed before Billmill: its first bill starts there. Grain: agreement_id.

    The registers' readings of that day land like others.
    """

    agreement_id: str = column("Service agreement")
    billed_to_date: pl.Date = column("Day after the last day billed")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id"]}


class OpeningBanks(pa.DataFrameModel):
    """What an agreement carries into its first cycle here. Grain: agreement_id, bank_id, tou."""

    agreement_id: str = column("Service agreement")
    bank_id: str = column("Bank, as the tariff names it")
    tou: str = column("Time-of-use period; `*` for all")
    balance: pl.Int64 = column("What is carried: smallest units of a quantity, or minor units of money")
    as_of_date: pl.Date = column("Day from which it is carried: the day after the last that counts in it")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "bank_id", "tou"]}


# What `accounts import` takes, in the order in which references point back.
IMPORTED: dict[str, type[pa.DataFrameModel]] = {
    "branches": Branches,
    "cycles": BillCycles,
    "routes": Routes,
    "customers": Customers,
    "accounts": Accounts,
    "premises": Premises,
    "service_points": ServicePoints,
    "meters": Meters,
    "channels": Channels,
    "agreements": Agreements,
    "agreement_attributes": AgreementAttributes,
    "service_point_attributes": ServicePointAttributes,
    "history": EarlierQuantities,
    "opening_dates": OpeningDates,
    "opening_banks": OpeningBanks,
    "outages": Outages,
    "channel_links": ChannelLinks,
    "quality_gates": QualityGates,
}
