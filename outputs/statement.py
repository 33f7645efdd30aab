"""What a bill says, as text: the words and figures that every printed form of it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from model.money import CURRENCY_EXPONENT, format_minor

NO_INVOICE = "to be assigned"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_PRINTED = {"m3": "m³"}


@dataclass(frozen=True)
class PrintedLine:
    """A line of the bill. `factor` is what is multiplied, for example `250 kWh × 0.20`."""

    text: str
    note: str
    factor: str
    amount: str
    is_estimated: bool


@dataclass(frozen=True)
class Day:
    """Use of one day, in smallest units."""

    day: date
    quantity: int
    is_estimated: bool


@dataclass(frozen=True)
class Section:
    """What one service point was supplied with, and what it costs before tax."""

    commodity: str
    service_point_id: str
    address: str
    meter: str
    period: str
    lines: tuple[PrintedLine, ...]
    subtotal: str
    days: tuple[Day, ...]
    unit: str
    """Smallest unit of `days`, for example Wh."""


@dataclass(frozen=True)
class Statement:
    """A bill in words: sections, taxes, totals."""

    branch_name: str
    customer_name: str
    address_lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    """Label and value: account, invoice number, bill, issue date, period."""
    currency: str
    due_label: str
    total: str
    sections: tuple[Section, ...]
    net: str
    taxes: tuple[PrintedLine, ...]
    tax_total: str
    is_estimated: bool
    messages: tuple[str, ...]
    kind: str = "Bill"
    """What the document is called."""


def long_date(day: date) -> str:
    """Return a day in words, the same in every country: 2 November 2026."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def short_date(day: date) -> str:
    """Return a day without its year: 2 Nov."""
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def period_text(start_date: date, end_date: date) -> str:
    """Return a half-open period as people read it, the last day included, with its count of days.

    >>> period_text(date(2026, 10, 1), date(2026, 11, 1))
    '1 October 2026 to 31 October 2026 (31 days)'
    """
    days = (end_date - start_date).days
    last = end_date - timedelta(days=1)
    return f"{long_date(start_date)} to {long_date(last)} ({days} {'day' if days == 1 else 'days'})"


def unit_text(unit: str, quantity: Decimal = Decimal(0)) -> str:
    """Return a unit as printed: m³, days."""
    if unit in {"day", "cycle"}:
        return unit if quantity == 1 else f"{unit}s"
    return _PRINTED.get(unit, unit)


def number_text(value: Decimal, *, decimals_min: int = 0) -> str:
    """Return a number with thousands apart and without idle zeros.

    >>> number_text(Decimal("1250.500"))
    '1,250.5'
    >>> number_text(Decimal("0.2"), decimals_min=2)
    '0.20'
    """
    plain = f"{value.normalize():f}"
    decimals = len(plain.partition(".")[2])
    return f"{value:,.{max(decimals, decimals_min)}f}"


def printed_line(row: Mapping[str, Any], period: tuple[date, date]) -> PrintedLine:
    """Return a bill line (model.rating.BillLines, as a mapping) in words.

    `period` is what its section shows; a line that covers another period says so.
    """
    parts = [row["season"], row["tou"], f"tier {row['tier']}" if row["tier"] else ""]
    qualifiers = ", ".join(part.replace("_", " ") for part in parts if part)
    notes = []
    if (row["period_start_date"], row["period_end_date"]) != period:
        last = row["period_end_date"] - timedelta(days=1)
        notes.append(f"{short_date(row['period_start_date'])} to {short_date(last)}")
    if row["share_part"] is not None:
        notes.append(share_text(row["share_part"], row["share_whole"]))
    if row["party"] is not None:
        notes.append(f"supplied by {row['party']}")
    if row["memo_minor"] is not None:
        notes.append("for information, no part of the total")
    return PrintedLine(
        text=f"{row['line_text']} ({qualifiers})" if qualifiers else row["line_text"],
        note=", ".join(notes),
        factor=_factor(row),
        amount=format_minor(row["amount_minor"] if row["memo_minor"] is None else row["memo_minor"], row["currency"]),
        is_estimated=row["is_estimated"],
    )


def share_text(part: int, whole: int) -> str:
    """Return the share of a price of a whole period as printed; parts of months and of 30.4167 days come x 10^4.

    >>> share_text(14, 30), share_text(290000, 304167), share_text(10151, 10000)
    ('14 of 30 days', '29 of 30.4167 days', '1.0151 months')
    """
    scale = Decimal(10**4)
    if whole == scale:
        return f"{number_text(part / scale)} months"
    if whole > scale:
        unit = "months" if whole % scale == 0 else "days"
        return f"{number_text(part / scale)} of {number_text(whole / scale)} {unit}"
    return f"{part} of {whole} days"


def _factor(row: Mapping[str, Any]) -> str:
    currency = row["currency"]
    if row["kind"] in {"amount", "rounding"}:
        return ""
    if row["kind"] == "percent":
        return f"{number_text(row['rate'])} % of {format_minor(row['quantity'], currency)}"
    rate = number_text(row["rate"], decimals_min=CURRENCY_EXPONENT[currency])
    if row["kind"] in {"minimum", "maximum"}:
        return f"{row['kind']} {rate}, charges {format_minor(row['quantity'], currency)}"
    # Exact: a printed unit is a power of ten of smallest units (model.units).
    quantity = Decimal(row["quantity"]) / Decimal(row["unit_size"])
    fixed = f" + {number_text(row['fixed'], decimals_min=CURRENCY_EXPONENT[currency])}" if row["fixed"] else ""
    if fixed and not row["rate"]:
        return fixed.removeprefix(" + ")
    return f"{number_text(quantity)} {unit_text(row['unit'], quantity)} × {rate}{fixed}"


def section_days(usage: pl.DataFrame, service_point_id: str) -> tuple[tuple[Day, ...], str]:
    """Return the days of a service point in order, and their smallest unit."""
    own = usage.filter(pl.col("service_point_id") == service_point_id).sort("day")
    if own.is_empty():
        return (), ""
    columns = (own[name].to_list() for name in ("day", "quantity", "is_estimated"))
    return tuple(Day(day, quantity or 0, bool(mark)) for day, quantity, mark in zip(*columns, strict=True)), own[
        "unit"
    ][0]
