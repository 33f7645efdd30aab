"""A quote as plain values: every line with its exact and its rounded amount, months, totals, what cannot be priced."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from cycles.quotes.offers import Offer, Opener, find_offers, on_days
from cycles.quotes.quote import Quoted, Terms, Use, quote
from ingest.curves.read import LoadCurve, read_curve
from model.money import CURRENCY_EXPONENT

_LINE = [
    "component_id", "line_text", "kind", "category", "season", "tou", "tier", "period_start_date", "period_end_date",
]  # fmt: skip
# What stands above other charges counts their amounts.
_OVER_BASES = ("percent", "minimum", "maximum", "rounding")


def use_of(curve: LoadCurve) -> Use:
    """Return what a load curve says as what is priced."""
    return Use(curve.tz_name, curve.commodity.value, curve.channels, curve.days, curve.usage)


def quote_file(
    workspace: Opener, tariff: str, reads: Path, *, terms: Mapping[str, Any], zone: str | None = None,
    year: int | None = None, meter_point: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Price the load of a file by a tariff; `terms` are those of `cycles.quotes.quote.Terms`, days may be None.

    Without days it is the whole file. Returned is what `--json` shows.

    Raises:
        BillmillError: the tariff, the file or an option cannot be used.
    """
    offers = find_offers([tariff], workspace)
    offer = offers.items[0]
    curve = read_curve(
        reads, offer.commodity, zone or offer.tz_name, is_own_zone=zone is not None, year=year, meter_point=meter_point
    )
    use, agreed = use_of(curve), terms_of(terms, curve)
    offers = on_days(offers, workspace, use.tz_name, agreed.start_date, agreed.end_date)
    quoted = quote(offers, use, agreed)
    return quote_sheet(offer, quoted) | {"reads": curve_facts(curve)}


def terms_of(terms: Mapping[str, Any], curve: LoadCurve) -> Terms:
    """Return the terms of a quote; days that are not given are those of the file."""
    return Terms(**(dict(terms) | {
        "start_date": terms["start_date"] or curve.start_date, "end_date": terms["end_date"] or curve.end_date,
    }))  # fmt: skip


def curve_facts(curve: LoadCurve) -> dict[str, Any]:
    """Return what was read of a file."""
    rejects = curve.rejects
    return {
        "file": curve.name,
        "format": curve.file_format,
        "zone": curve.tz_name,
        "from": curve.start_date,
        "to": curve.end_date,
        "channels": [
            {"channel": row["channel_id"], "measure": row["measure"], "interval_minutes": row["interval_minutes"]}
            for row in curve.channels.iter_rows(named=True)
        ],
        "notes": list(curve.notes),
        "rejected": rejects.height,
        "first_reject": f"line {rejects['line'][0]}: {rejects['detail'][0]}" if rejects.height else None,
    }


def quote_sheet(offer: Offer, quoted: Quoted) -> dict[str, Any]:
    """Return the bills of one tariff as plain values. Amounts are decimal text; `_minor` are whole minor units."""
    lines = quoted.lines.filter(pl.col("tariff_id") == offer.tariff_id)
    parked = quoted.parked.filter(pl.col("tariff_id") == offer.tariff_id)
    reasons = {row["month"]: (row["reason"], row["detail"]) for row in parked.iter_rows(named=True)}
    months = [_month(row, lines, reasons, offer.currency) for row in quoted.months.iter_rows(named=True)]
    total = int(lines["amount_minor"].sum())
    return {
        "tariff": offer.tariff_id,
        "title": offer.title,
        "commodity": offer.commodity.value,
        "currency": offer.currency,
        "from": quoted.terms.start_date,
        "to": quoted.terms.end_date,
        "prices_of": quoted.terms.prices_of,
        "attributes": dict(quoted.terms.attributes),
        "factors": {name: str(value) for name, value in quoted.terms.factors.items()},
        "is_complete": not reasons,
        "total": money(total, offer.currency),
        "total_minor": total,
        "months": months,
    }


def money(minor: int, currency: str) -> str:
    """Return an amount as decimal text without separators: 123450 AUD is `1234.50`."""
    exponent = CURRENCY_EXPONENT[currency]
    return f"{Decimal(minor).scaleb(-exponent):.{exponent}f}"


def _month(
    month: Mapping[str, Any], lines: pl.DataFrame, reasons: Mapping[str, tuple[str, str]], currency: str
) -> dict[str, Any]:
    mine = lines.filter(pl.col("cycle_id") == month["month"]).sort("line_no")
    reason, detail = reasons.get(month["month"], (None, None))
    total = None if reason is not None else int(mine["amount_minor"].sum())
    return {
        "month": month["month"],
        "from": month["start_date"],
        "to": month["end_date"],
        "is_whole": month["is_whole"],
        "parked": None if reason is None else {"reason": reason, "detail": detail},
        "total": None if total is None else money(total, currency),
        "total_minor": total,
        "lines": [_line(row, currency) for row in mine.iter_rows(named=True)],
    }


def _line(row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    is_base = row["kind"] in _OVER_BASES
    quantity = money(row["quantity"], currency) if is_base else f"{Decimal(row['quantity']) / row['unit_size']:f}"
    minor = row["amount_minor"] if row["memo_minor"] is None else row["memo_minor"]
    told = {name: row[name] for name in _LINE}
    return told | {
        "quantity": quantity,
        "unit": row["unit"],
        "rate": f"{row['rate'].normalize():f}",
        "amount_exact": f"{row['amount_exact'].normalize():f}",
        "amount": money(minor, currency),
        "amount_minor": minor,
        "is_memo": row["memo_minor"] is not None,
    }
