"""Charges of a record that no quantity makes: fixed and minimum; and those that no file can bill."""

from __future__ import annotations

from decimal import Decimal

from model.money import RATE_DECIMALS
from tariffs.urdb.charges import Charge
from tariffs.urdb.findings import Findings
from tariffs.urdb.record import MONTHS, Record, as_price, read_number

_MONTH, _DAY, _YEAR = "$/month", "$/day", "$/year"
# A month of the record is a cycle of the utility.
_PER = {_MONTH: "cycle", _DAY: "day"}
_KNOWN = ", ".join((_MONTH, _DAY, _YEAR))
_NINE_DECIMALS = Decimal(1).scaleb(-RATE_DECIMALS)


def fixed_charge(record: Record, findings: Findings) -> Charge | None:
    """Return the charge for the first meter; None when there is none or it is 0."""
    amount = read_number(record, "fixedchargefirstmeter", findings)
    units = str(record.get("fixedchargeunits", _MONTH))
    if amount is None:
        amount, units = read_number(record, "fixedmonthlycharge", findings), _MONTH
    if not amount:
        return None
    if units not in {*_PER, _YEAR}:
        findings.refuse("unknown_fixed_unit", "fixedchargeunits", f"one of {_KNOWN}", f"`{units}`")
        return None
    if units == _YEAR:
        findings.choose("fixed_per_year", f"The fixed charge is a twelfth of {amount} $ a year in each cycle.")
        amount, units = (amount / MONTHS).quantize(_NINE_DECIMALS), _MONTH
    price = as_price(amount, "fixedchargefirstmeter", findings)
    return Charge("fixed", {"per": _PER[units], "price": price, "text": "Customer charge"})


def minimum_charges(record: Record, of: list[str], findings: Findings) -> list[Charge]:
    """Return the minimums: what the charges `of` come to is topped up."""
    stated = [("mincharge", str(record.get("minchargeunits", _MONTH)))]
    stated += [("minmonthlycharge", _MONTH), ("annualmincharge", _YEAR)]
    found: list[Charge] = []
    for key, units in stated:
        amount = read_number(record, key, findings)
        if not amount or amount < 0:
            continue
        if units == _YEAR:
            expected = "a minimum per month or day: the record does not say when a year is settled"
            findings.refuse("min_per_year", key, expected, f"{amount} {units}")
            continue
        if units not in _PER:
            findings.refuse("unknown_minimum_unit", "minchargeunits", f"one of {_KNOWN}", f"`{units}`")
            continue
        price = as_price(amount, key, findings)
        name = "minimum" if not found else f"minimum_{_PER[units]}"
        findings.choose("minimum", "The record does not say what counts towards the minimum: here all charges do.")
        found.append(Charge(name, {"at_least": price, "per": _PER[units], "of": of, "text": "Minimum charge"}))
    return found


def leave_out_unbilled(record: Record, findings: Findings) -> None:
    """Note the charges of the record that no determinant of its own can bill."""
    if reactive := read_number(record, "demandreactivepowercharge", findings):
        text = f"Reactive power at {reactive} $/kvar is not billed: the record does not say above which power factor."
        findings.leave_out("reactive_power", text)
    if "coincidentratestructure" in record:
        text = "Coincident demand is not billed: the hours of the system's peak are not in the record."
        findings.leave_out("coincident", text)
    if further := read_number(record, "fixedchargeeaaddl", findings):
        findings.leave_out("fixed_each_addl_meter", f"{further} $ for each further meter are not billed.")
    if window := read_number(record, "demandwindow", findings):
        text = f"Demand is that of the meter's own intervals; the record names {window} minutes."
        findings.choose("demand_window", text)
