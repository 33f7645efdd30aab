"""Dated events at a service point or on an account, and the facts that only events make.

An event changes the tables that it implies (agreements, meters, channels, attributes) in the same transaction; what
none of them can say stands here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pandera.polars as pa
import polars as pl

from model.schema import column


class EventKind(StrEnum):
    """What happened."""

    MOVE_IN = "move_in"
    MOVE_OUT = "move_out"
    OWNER_CHANGE = "owner_change"
    METER_EXCHANGE = "meter_exchange"
    INSTALLATION = "installation"
    REMOVAL = "removal"
    RELOCATION = "relocation"
    RECONFIGURATION = "reconfiguration"
    """Another multiplier, or other dials, of a meter that hangs on."""
    RATE_CHANGE = "rate_change"
    DISCONNECTION = "disconnection"
    RECONNECTION = "reconnection"
    VACANCY = "vacancy"
    OCCUPANCY = "occupancy"
    METER_TEST = "meter_test"
    TAMPER = "tamper"
    CYCLE_CHANGE = "cycle_change"
    CHARGE = "charge"
    """Something owed once, for example a visit."""


class ChargeState(StrEnum):
    """Where a one-off charge stands. Only approved ones are billed."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


class SupplyEvents(pa.DataFrameModel):
    """Events as they were recorded. Grain: event_id."""

    event_id: str = column("Event; from its content unless a file names it", str_length={"min_value": 1})
    kind: str = column("What happened", isin=[item.value for item in EventKind])
    event_date: pl.Date = column("Day at whose start it takes effect, in the service point's zone")
    account_id: str = column("Account concerned", nullable=True)
    agreement_id: str = column("Agreement concerned", nullable=True)
    service_point_id: str = column("Service point concerned", nullable=True)
    meter_id: str = column("Meter concerned", nullable=True)
    details: str = column("What else it says, as `key=value` in order of the keys, with `; ` between them")
    why: str = column("Why, in the words of who recorded it", str_length={"min_value": 1})
    evidence: str = column("Where the proof is: a form, a work order, a photograph", nullable=True)
    recorded_by: str = column("Who recorded it")

    class Config:
        strict = True
        metadata = {"grain": ["event_id"]}


class OneOffCharges(pa.DataFrameModel):
    """Charges owed once: fees of events, assessed use. Billed with the next bill of the agreement. Grain: charge_id."""

    charge_id: str = column("Charge: its event")
    agreement_id: str = column("Agreement on whose bill it comes")
    charge_date: pl.Date = column("Day from which it is owed: bills of days before leave it out")
    component_id: str = column("What it is, as analysts group it: `reconnection_fee`, `assessed_use`")
    line_text: str = column("Text printed on the bill")
    quantity: pl.Int64 = column("Smallest units charged; 1 for a fee", ge=0)
    unit: str = column("Printed unit of the price: kWh, m3; `charge` for a fee")
    unit_size: pl.Int64 = column("Smallest units in one printed unit; 1 for a fee", ge=1)
    price_e9: pl.Int64 = column("Price x 10^9 in major units of the currency per printed unit")
    tax_code: str = column("Tax code; null when it is not taxed", nullable=True)
    tax_percent: Annotated[pl.Decimal, 18, 9] = column("Tax in percent of its rounded amount", nullable=True)
    currency: str = column("ISO 4217 code of the account")
    gl_account: str = column("Ledger account that is credited")
    state: str = column("Where it stands", isin=[item.value for item in ChargeState])
    proposed_by: str = column("Who recorded the event")
    decided_by: str = column("Who approved or refused it, where that needs a second person", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["charge_id"]}


class UsageCorrections(pa.DataFrameModel):
    """Spans in which a meter measured too much or too little, found by a test. Grain: channel_id, from_date."""

    channel_id: str = column("Channel that it measured")
    from_date: pl.Date = column("First day corrected")
    to_date: pl.Date = column("Day after the last")
    error_percent: Annotated[pl.Decimal, 9, 4] = column(
        "Error that the test found: above zero it measured too much; use counts as 100 / (100 + error)", unit="%"
    )
    event_id: str = column("Test of the meter")

    class Config:
        strict = True
        metadata = {"grain": ["channel_id", "from_date"]}


class GroupChanges(pa.DataFrameModel):
    """Accounts that went from one bill group to another. Grain: account_id, from_date."""

    account_id: str = column("Account")
    from_date: pl.Date = column("First day that the new group bills; the old one bills the days before")
    from_group: str = column("Bill group before")
    to_group: str = column("Bill group from then on")
    first_bill: str = column(
        "short: the cycle that holds `from_date` bills the rest of its days; long: the cycle after it bills them too",
        isin=["short", "long"],
    )

    class Config:
        strict = True
        metadata = {"grain": ["account_id", "from_date"]}


class BilledCharges(pa.DataFrameModel):
    """Which bill took up a one-off charge; it stands while the bill does. Grain: charge_id, bill_id."""

    charge_id: str = column("Charge")
    bill_id: str = column("Bill")
    run_id: str = column("Run that published it")

    class Config:
        strict = True
        metadata = {"grain": ["charge_id", "bill_id"]}


EVENTS: dict[str, type[pa.DataFrameModel]] = {
    "event": SupplyEvents,
    "one_off_charge": OneOffCharges,
    "usage_correction": UsageCorrections,
    "group_change": GroupChanges,
}
