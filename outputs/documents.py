"""The document of a bill: what a customer gets, as text and as a page.

Both forms are made from the same `Statement`, so they cannot differ. They work on one bill at a time; nothing in
them takes part in a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from model.money import format_minor
from model.rating import BillLines
from model.schema import empty
from outputs.bill_page import html_page
from outputs.bill_text import text_page
from outputs.statement import (
    NO_INVOICE,
    PrintedLine,
    Section,
    Statement,
    long_date,
    period_text,
    printed_line,
    section_days,
)

USAGE_SCHEMA = {
    "service_point_id": pl.String(),
    "day": pl.Date(),
    "quantity": pl.Int64(),
    "unit": pl.String(),
    "is_estimated": pl.Boolean(),
}


@dataclass(frozen=True)
class BillDocument:
    """All that a printed bill shows."""

    customer_name: str
    address_lines: tuple[str, ...]
    branch_name: str
    bill: Mapping[str, Any]
    """A row of model.bills.Bills."""
    invoice: Mapping[str, Any] | None = None
    """A row of model.bills.Invoices; None before the run is published."""
    lines: DataFrame[BillLines] = field(default_factory=lambda: empty(BillLines))
    usage: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=USAGE_SCHEMA))
    """Daily use: service_point_id, day, quantity (smallest unit), unit, is_estimated; one row per point and day."""
    meters: Mapping[str, str] = field(default_factory=dict)
    """Service point -> meter or meters, as printed."""
    supply_addresses: Mapping[str, str] = field(default_factory=dict)
    """Service point -> address that it supplies, as printed."""
    messages: tuple[str, ...] = ()


def render_text(document: BillDocument) -> str:
    """Return the bill as text of at most 80 columns, for a terminal or a plain letter."""
    return text_page(state(document))


def render_html(document: BillDocument) -> str:
    """Return the bill as one HTML file without outside resources; it prints on A4. All text is escaped."""
    return html_page(state(document))


def state(document: BillDocument) -> Statement:
    """Return what the bill says, in words. Money is printed with the decimals of its currency."""
    bill = document.bill
    currency = str(bill["currency"])
    charges = document.lines.filter(pl.col("category") != "tax").sort("line_no", "line_id")
    taxes = document.lines.filter(pl.col("category") == "tax").sort("tax_code", "line_no", "line_id")
    places = (
        charges.sort("commodity", "service_point_id")
        .select("commodity", "service_point_id")
        .unique(maintain_order=True)
    )
    return Statement(
        branch_name=document.branch_name,
        customer_name=document.customer_name,
        address_lines=document.address_lines,
        facts=_facts(document),
        currency=currency,
        due_label=_due_label(bill),
        total=format_minor(bill["total_minor"], currency),
        sections=tuple(_section(document, charges, commodity, point) for commodity, point in places.iter_rows()),
        net=format_minor(bill["net_minor"], currency),
        taxes=_tax_lines(taxes, bill, several=places.height > 1),
        tax_total=format_minor(bill["tax_minor"], currency),
        is_estimated=bool(bill["is_estimated"]),
        messages=document.messages,
        kind="Bill" if bill["reverses_id"] is None else "Credit note",
    )


def _facts(document: BillDocument) -> tuple[tuple[str, str], ...]:
    bill, invoice = document.bill, document.invoice
    links = {"Takes back": bill["reverses_id"], "In place of": bill["replaces_id"]}
    return (
        ("Account", str(bill["account_id"])),
        ("Invoice number", NO_INVOICE if invoice is None else str(invoice["invoice_no"])),
        ("Bill", str(bill["bill_id"])),
        ("Issued", long_date(bill["issue_date"])),
        ("Period", period_text(bill["period_start_date"], bill["period_end_date"])),
        *((label, str(other)) for label, other in links.items() if other is not None),
    )


def _due_label(bill: Mapping[str, Any]) -> str:
    if bill["total_minor"] > 0:
        return f"To pay by {long_date(bill['due_date'])}"
    return "Credit on your account" if bill["total_minor"] < 0 else "Nothing to pay"


def _section(document: BillDocument, charges: pl.DataFrame, commodity: str, service_point_id: str) -> Section:
    own = charges.filter((pl.col("service_point_id") == service_point_id) & (pl.col("commodity") == commodity))
    start, end = own["period_start_date"].min(), own["period_end_date"].max()
    days, unit = section_days(document.usage, service_point_id)
    return Section(
        commodity=commodity,
        service_point_id=service_point_id,
        address=document.supply_addresses.get(service_point_id, ""),
        meter=document.meters.get(service_point_id, ""),
        period=period_text(start, end),  # type: ignore[arg-type]  # a section has a line, so neither is None
        lines=tuple(printed_line(row, (start, end)) for row in own.iter_rows(named=True)),  # type: ignore[arg-type]
        subtotal=format_minor(int(own["amount_minor"].sum()), str(document.bill["currency"])),
        days=days,
        unit=unit,
    )


def _tax_lines(taxes: pl.DataFrame, bill: Mapping[str, Any], *, several: bool) -> tuple[PrintedLine, ...]:
    """Return the taxes in order of code; with several sections each says which one it belongs to."""
    period = (bill["period_start_date"], bill["period_end_date"])
    printed = []
    for row in taxes.iter_rows(named=True):  # the tax lines of one bill
        place = f", {row['commodity']} {row['service_point_id']}" if several else ""
        printed.append(printed_line(row | {"line_text": f"{row['line_text']}{place}"}, period))
    return tuple(printed)
