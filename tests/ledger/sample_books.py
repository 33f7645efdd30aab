"""A small run, by hand: two branches, three accounts. Tests change it and look at what follows."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from ledger.post import post_bills
from model.rating import BillLines, DueAgreements, Parked
from model.schema import arranged, empty
from outputs.bills import build_bills

ISSUE_DATE = date(2026, 11, 2)
START, END = date(2026, 10, 1), date(2026, 11, 1)


def line(**given: Any) -> dict[str, Any]:
    """A line of bill `A1.C.r0`: 250 kWh at 0.20, 50.00, unless told otherwise."""
    row: dict[str, Any] = {
        "bill_id": "A1.C.r0",
        "line_no": 1,
        "account_id": "A1",
        "branch_id": "north",
        "agreement_id": "S1",
        "service_point_id": "SP1",
        "commodity": "electricity",
        "cycle_id": "C",
        "period_start_date": START,
        "period_end_date": END,
        "tariff_id": "RES",
        "version_id": "RES@2026",
        "component_id": "energy",
        "kind": "quantity",
        "category": "charge",
        "line_text": "Energy",
        "season": "",
        "tou": "",
        "tier": 0,
        "determinant": "energy",
        "quantity": 250_000,
        "unit": "kWh",
        "unit_size": 1000,
        "rate": Decimal("0.2"),
        "fixed": Decimal(0),
        "amount_exact": Decimal("50"),
        "amount_minor": 5000,
        "currency": "USD",
        "split_method": "interval",
        "is_estimated": False,
        "reads_seq": 3,
        "gl_account": "440",
    }
    row |= given
    parts = ("bill_id", "agreement_id", "component_id", "tou", "tier", "period_start_date")
    row.setdefault("line_id", "/".join(str(row[part]) for part in parts))
    return row


def tax(**given: Any) -> dict[str, Any]:
    """A tax line: 10 % of 60.00 is 6.00."""
    of_tax = {
        "line_no": 3, "component_id": "gst", "kind": "percent", "category": "tax", "tax_code": "GST",
        "line_text": "GST", "quantity": 6000, "unit": "%", "unit_size": 1, "rate": Decimal(10),
        "amount_exact": Decimal(6), "amount_minor": 600, "gl_account": "241", "determinant": "energy, daily",
        "split_method": "none",
    }  # fmt: skip
    return line(**(of_tax | given))


def daily(**given: Any) -> dict[str, Any]:
    """A standing charge: 31 days at 0.3226 is 10.00."""
    of_day = {
        "line_no": 2, "component_id": "daily", "kind": "daily", "line_text": "Supply charge", "quantity": 31,
        "unit": "day", "unit_size": 1, "rate": Decimal("0.3226"), "amount_exact": Decimal("10.0006"),
        "amount_minor": 1000, "determinant": "days", "split_method": "none", "reads_seq": 0,
    }  # fmt: skip
    return line(**(of_day | given))


def water(**given: Any) -> dict[str, Any]:
    """Of account A2 in the south: 12.5 m3 of water at 2.00 is 25.00, estimated."""
    return line(**(_A2 | {
        "component_id": "volume", "line_text": "Water", "quantity": 12_500, "unit": "m3", "rate": Decimal(2),
        "amount_exact": Decimal(25), "amount_minor": 2500, "is_estimated": True, "split_method": "register",
        "gl_account": "460",
    } | given))  # fmt: skip


_A2: dict[str, Any] = {
    "bill_id": "A2.C.r0", "account_id": "A2", "branch_id": "south", "agreement_id": "S2", "service_point_id": "SP2",
    "commodity": "water",
}  # fmt: skip


def lines_frame(rows: list[dict[str, Any]] | None = None) -> pl.DataFrame:
    """A1 pays 66.00 (60.00 and 6.00 of GST), A2 pays 25.00 without tax."""
    given = [line(), daily(), tax(), water()] if rows is None else rows
    return arranged(BillLines, pl.DataFrame(given, infer_schema_length=None)) if given else empty(BillLines)


def due_row(**given: Any) -> dict[str, Any]:
    return {
        "bill_id": "A1.C.r0", "account_id": "A1", "customer_id": "K1", "branch_id": "north",
        "revenue_class": "residential", "payment_days": 14, "currency": "USD", "agreement_id": "S1",
        "service_point_id": "SP1", "premise_id": "P1", "commodity": "electricity", "tz_name": "America/Chicago",
        "tariff_id": "RES", "start_date": START, "end_date": END, "cycle_id": "C", "cycle_start_date": START,
        "cycle_end_date": END, "partition": 0,
    } | given  # fmt: skip


def due_frame(rows: list[dict[str, Any]] | None = None) -> pl.DataFrame:
    """S1 (A1, north) and S2 (A2, south) are billed, S3 (A3, south) is parked."""
    given = [
        due_row(),
        due_row(**_A2, customer_id="K2", premise_id="P2"),
        due_row(
            bill_id="A3.C.r0", account_id="A3", customer_id="K3", branch_id="south", agreement_id="S3",
            service_point_id="SP3",
        ),
    ] if rows is None else rows  # fmt: skip
    return arranged(DueAgreements, pl.DataFrame(given)) if given else empty(DueAgreements)


def parked_frame() -> pl.DataFrame:
    row = {
        "account_id": "A3", "branch_id": "south", "agreement_id": "S3", "service_point_id": "SP3",
        "commodity": "electricity", "start_date": START, "end_date": END, "stage": "determinants",
        "reason": "intervals_missing", "detail": "expected 2976 intervals, found 2880", "owner": "metering",
    }  # fmt: skip
    return arranged(Parked, pl.DataFrame([row]))


def books() -> dict[str, pl.DataFrame]:
    """The frames of the run, as `ledger.invariants.Books` names them."""
    lines, due = lines_frame(), due_frame()
    bills = build_bills(lines, due, ISSUE_DATE)
    posted = post_bills(bills, lines, ISSUE_DATE)
    return {
        "due": due, "lines": lines, "parked": parked_frame(), "bills": bills,
        "journal_lines": posted.journal_lines, "open_items": posted.open_items,
    }  # fmt: skip
