"""One-off charges that events bring: fees, and use that is assessed where a meter was tampered with."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from accounts.events import Event
from model.errors import InputError
from model.events import ChargeState
from model.units import PRINTED_UNITS

# Miscellaneous service revenues. Source: Uniform System of Accounts, 18 CFR part 101, account 451.
GL_SERVICES = "451"
AMOUNT_MAX = 10**9  # major units of one charge; far below 2^63 x 10^-9
QUANTITY_MAX = 10**12  # smallest units of one charge


def decimal_of(event: Event, key: str, decimals: int) -> Decimal:
    """Return a decimal that an event says, exactly.

    Raises:
        InputError: it is none, or has more decimals than `decimals`.
    """
    text = event.said[key]
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _no_number(event, key, decimals) from None
    if not value.is_finite() or abs(value) >= AMOUNT_MAX or value != value.quantize(Decimal(1).scaleb(-decimals)):
        raise _no_number(event, key, decimals)
    return value


def _no_number(event: Event, key: str, decimals: int) -> InputError:
    text = event.said[key]
    return event.refused(f"{key}: expected a number below 10^9 with at most {decimals} decimals, found `{text}`")


def day_of(event: Event, key: str) -> date:
    """Return a day that an event says.

    Raises:
        InputError: it is none.
    """
    try:
        return date.fromisoformat(event.said[key])
    except ValueError:
        raise event.refused(f"{key}: expected a day like 2026-06-15, found `{event.said[key]}`") from None


def fee_of(event: Event, agreement_id: str, currency: str, component_id: str, text: str) -> dict[str, Any]:
    """Return the fee that an event states, approved: whoever records the event states the price list's amount."""
    price = decimal_of(event, "fee", 9)
    return _charge(event, agreement_id, currency) | {
        "component_id": component_id, "line_text": event.said.get("text", text), "quantity": 1, "unit": "charge",
        "unit_size": 1, "price_e9": int(price.scaleb(9)), "state": ChargeState.APPROVED.value,
    }  # fmt: skip


def assessed_use(event: Event, agreement_id: str, currency: str) -> dict[str, Any]:
    """Return use that was lost, as somebody assessed it: billed once a second person has approved it."""
    first, after = day_of(event, "from"), day_of(event, "to")
    if after <= first:
        raise event.refused(f"to {after} is not after from {first}")
    unit = event.said["unit"]
    if unit not in PRINTED_UNITS:
        raise event.refused(f"unit: expected one of {', '.join(PRINTED_UNITS)}; found `{unit}`")
    size = PRINTED_UNITS[unit][1]
    smallest = decimal_of(event, "quantity", 9) * size
    if smallest != int(smallest) or not 0 < smallest <= QUANTITY_MAX:
        raise event.refused(
            f"quantity: expected a whole number of smallest units above 0, found {event.said['quantity']} {unit}"
        )
    price = decimal_of(event, "price", 9)
    if price < 0 or price * smallest / size >= AMOUNT_MAX:
        raise event.refused(f"price: expected 0 or more, and less than 10^9 {currency} in all, found {price}")
    text = event.said.get("text", "Assessed use")
    return _charge(event, agreement_id, currency) | {
        "component_id": "assessed_use", "line_text": f"{text} {first} to {after}", "quantity": int(smallest),
        "unit": unit, "unit_size": size, "price_e9": int(price.scaleb(9)), "state": ChargeState.PROPOSED.value,
    }  # fmt: skip


def _charge(event: Event, agreement_id: str, currency: str) -> dict[str, Any]:
    has_code, has_percent = "tax_code" in event.said, "tax_percent" in event.said
    if has_code != has_percent:
        raise event.refused("expected tax_code and tax_percent together, found one of them")
    return {
        "charge_id": event.event_id, "agreement_id": agreement_id, "charge_date": event.day, "currency": currency,
        "tax_code": event.said.get("tax_code"),
        "tax_percent": decimal_of(event, "tax_percent", 4) if has_percent else None,
        "gl_account": event.said.get("gl_account", GL_SERVICES), "decided_by": None,
    }  # fmt: skip
