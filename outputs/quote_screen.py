"""What a quote looks like to a person: a bill a month, then what each price came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from outputs.console import print_facts, print_frame

_KEYS = ("component_id", "season", "tou", "tier", "unit", "rate")


def print_quote(sheet: Mapping[str, Any]) -> None:
    """Print a quote (`cycles.quotes.quote_sheet.quote_sheet`): months by charge, then prices with their quantities."""
    print_facts(_facts(sheet))
    priced = [month for month in sheet["months"] if month["parked"] is None]
    if priced:
        print()
        print_frame(_by_month(priced))
        print()
        print_frame(_by_price(priced), limit=200)
    for month in sheet["months"]:
        if month["parked"] is not None:
            print(f"{month['month']} cannot be priced: {month['parked']['reason']}: {month['parked']['detail']}")


def _facts(sheet: Mapping[str, Any]) -> dict[str, object]:
    reads = sheet["reads"]
    channels = ", ".join(
        f"{channel['channel']} ({channel['measure']}, {_length(channel['interval_minutes'])})"
        for channel in reads["channels"]
    )
    facts: dict[str, object] = {
        "tariff": f"{sheet['tariff']}, {sheet['title']}",
        "reads": f"{reads['file']}, {reads['format']}, {reads['zone']}",
        "channels": channels,
        "days": f"{sheet['from']} to {sheet['to']} (not included)",
    }
    if sheet["prices_of"] is not None:
        facts["prices of"] = f"{sheet['prices_of']}, for all days"
    for name in ("attributes", "factors"):
        if sheet[name]:
            facts[name] = ", ".join(f"{key} = {value}" for key, value in sheet[name].items())
    if reads["rejected"]:
        facts["not taken"] = f"{reads['rejected']:,} lines; first {reads['first_reject']}"
    if reads["notes"]:
        facts["note"] = "; ".join(reads["notes"])
    whole = "" if sheet["is_complete"] else " (not all months can be priced)"
    return facts | {"total": f"{Decimal(sheet['total']):,} {sheet['currency']}{whole}"}


def _length(minutes: int) -> str:
    return f"{minutes} min" if minutes else "register"


def _by_month(months: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return a row per month and for all of them, a column per charge."""
    charges = list(dict.fromkeys(line["component_id"] for month in months for line in month["lines"]))
    rows = []
    for month in months:
        sums = {charge: Decimal(0) for charge in charges}
        for line in month["lines"]:
            sums[line["component_id"]] += Decimal(line["amount"])
        days = "" if month["is_whole"] else f"part: {month['from']} to {month['to']}"
        rows.append({"month": month["month"], "days": days, **sums, "total": Decimal(month["total"])})
    everything = {name: sum((row[name] for row in rows), Decimal(0)) for name in [*charges, "total"]}
    frame = pl.DataFrame([*rows, {"month": "all", "days": "", **everything}], infer_schema_length=None)
    return frame.drop("days") if all(month["is_whole"] for month in months) else frame


def _by_price(months: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return a row per price: its quantity and amount over all months."""
    sums: dict[tuple[Any, ...], list[Decimal]] = {}
    for line in (line for month in months for line in month["lines"]):
        kept = sums.setdefault(tuple(line[name] for name in _KEYS), [Decimal(0), Decimal(0)])
        kept[0] += Decimal(line["quantity"])
        kept[1] += Decimal(line["amount"])
    rows = [
        {"charge": charge, "season": season, "tou": tou, "tier": tier or None, "quantity": f"{quantity.normalize():,f}",
         "unit": unit, "rate": rate, "amount": amount}
        for (charge, season, tou, tier, unit, rate), (quantity, amount) in sums.items()
    ]  # fmt: skip
    frame = pl.DataFrame(rows, infer_schema_length=None)
    empty = [name for name in ("season", "tou") if (frame[name] == "").all()]
    return frame.drop(*empty, *(["tier"] if frame["tier"].is_null().all() else []))


def print_comparison(told: Mapping[str, Any]) -> None:
    """Print a comparison (`cycles.quotes.compare.comparison`): a row per tariff, its charges as columns."""
    print_facts(_comparison_facts(told))
    if told["ranked"]:
        print()
        charges = list(dict.fromkeys(charge["charge"] for row in told["ranked"] for charge in row["charges"]))
        rows = []
        for row in told["ranked"]:
            amounts = {charge["charge"]: Decimal(charge["amount"]) for charge in row["charges"]}
            rows.append(
                {"rank": row["rank"], "tariff": row["tariff"], "": "present" if row["is_present"] else "",
                 "total": Decimal(row["total"]), "difference": Decimal(row["difference"]),
                 **{charge: amounts.get(charge) for charge in charges}}
            )  # fmt: skip
        print_frame(pl.DataFrame(rows, infer_schema_length=None), limit=1_000)
    if told["not_ranked"]:
        print()
        print_frame(pl.DataFrame(told["not_ranked"]), "Not ranked", limit=1_000)


def _comparison_facts(told: Mapping[str, Any]) -> dict[str, object]:
    facts: dict[str, object] = {}
    if told["account"] is not None:
        facts["account"] = f"{told['account']['account']}, agreement {told['account']['agreement']}"
    else:
        facts["reads"] = f"{told['reads']['file']}, {told['reads']['format']}, {told['reads']['zone']}"
    facts["days"] = f"{told['from']} to {told['to']} (not included)"
    if told["prices_of"] is not None:
        facts["prices of"] = f"{told['prices_of']}, for all days"
    if told["attributes"]:
        facts["attributes"] = ", ".join(f"{key} = {value}" for key, value in told["attributes"].items())
    facts["currency"] = told["currency"]
    if told["against"] is not None:
        which = "the present tariff" if told["against"]["is_present"] else "the cheapest"
        facts["difference to"] = f"{told['against']['tariff']}, {which}"
    return facts
