"""`tariff compare`: which tariff costs what for one load, cheapest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from accounts.selection import Cycle
from cycles.quotes.offers import Offer, Offers, Opener, find_offers, on_days
from cycles.quotes.quote import Quoted, Terms, Use, quote
from cycles.quotes.quote_sheet import curve_facts, money, terms_of, use_of
from cycles.quotes.unplanned import gather_unplanned
from ingest.curves.read import read_curve
from model.codes import Commodity
from model.errors import ConfigError
from model.rating import RatingInput
from model.reads import RegisterUsage
from model.schema import arranged
from store.control import Connection, control
from store.facts import facts
from store.workspace import Workspace

_MONTHS = 12


@dataclass(frozen=True)
class Asked:
    """Which tariffs are compared, on what terms (those of `cycles.quotes.quote.Terms`; days may be None)."""

    tariffs: Sequence[str]
    every: bool
    terms: Mapping[str, Any]


def compare_file(
    workspace: Opener, asked: Asked, reads: Path, *, commodity: Commodity | None = None, zone: str | None = None,
    year: int | None = None, meter_point: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Rank tariffs by what the load of a file costs. Without a commodity it is that of the first tariff named.

    Raises:
        BillmillError: a tariff, the file or an option cannot be used.
    """
    offers = find_offers(asked.tariffs, workspace, every=asked.every)
    first = _first(offers, commodity)
    curve = read_curve(
        reads, first.commodity, zone or first.tz_name, is_own_zone=zone is not None, year=year, meter_point=meter_point
    )
    use, terms = use_of(curve), terms_of(asked.terms, curve)
    offers = on_days(offers, workspace, use.tz_name, terms.start_date, terms.end_date)
    quoted = quote(offers, use, terms)
    return comparison(offers, quoted, first, None) | {"reads": curve_facts(curve), "account": None}


def compare_account(workspace: Workspace, asked: Asked, account: str, known_at: datetime) -> dict[str, Any]:
    """Rank tariffs by what the reads of an account cost, beside its present tariff.

    `account` is an account with one agreement, or an agreement. Without days it is the twelve whole months before
    `known_at`, or those of them that have reads. Attributes are those of the contract on the last day; given ones win.

    Raises:
        BillmillError: there is no such account, it has no reads, or a tariff or option cannot be used.
    """
    with control(workspace, purpose="tariff compare") as connection:
        present = _agreement(connection, account, known_at)
        start, end = _days(asked.terms, known_at.date())
        given = _reads_of(connection, workspace, present, start, end, known_at)
    offers = find_offers([present["tariff_id"], *asked.tariffs], lambda: workspace, every=asked.every)
    own = offers.items[0]
    # Reads of days on which another account was supplied are not its own.
    first, after = given.due.select(pl.col("start_date").min(), pl.col("end_date").max()).row(0)
    start, end = max(start, first), min(end, after)
    start, end = (start, end) if asked.terms["start_date"] else _days_read(given, start, end)
    attributes = _known_attributes(given, offers) | dict(asked.terms["attributes"])
    terms = Terms(**(dict(asked.terms) | {"start_date": start, "end_date": end, "attributes": attributes}))
    use = _use(given, present)
    offers = on_days(offers, lambda: workspace, use.tz_name, start, end)
    quoted = quote(offers, use, terms)
    told = {"account": present["account_id"], "agreement": present["agreement_id"]}
    return comparison(offers, quoted, own, own) | {"reads": None, "account": told}


def comparison(offers: Offers, quoted: Quoted, first: Offer, present: Offer | None) -> dict[str, Any]:
    """Return tariffs by total, each with its difference to the present one, or to the cheapest when there is none.

    Ranked are those of the commodity and currency of `first` that price every month.
    """
    totals = quoted.lines.group_by("tariff_id").agg(pl.col("amount_minor").sum())
    by_tariff = dict(totals.iter_rows())
    why = _why_not(offers, quoted, first)
    ranked = sorted(
        (offer for offer in offers.items if offer.tariff_id not in why),
        key=lambda offer: (by_tariff.get(offer.tariff_id, 0), offer.tariff_id),
    )
    against = present if present in ranked else (ranked[0] if ranked else None)
    base = by_tariff.get(against.tariff_id, 0) if against is not None else 0
    rows = []
    for rank, offer in enumerate(ranked, start=1):
        total = by_tariff.get(offer.tariff_id, 0)
        rows.append(
            {"rank": rank, "tariff": offer.tariff_id, "title": offer.title, "is_present": offer == present,
             "total": money(total, first.currency), "total_minor": total,
             "difference": money(total - base, first.currency), "difference_minor": total - base,
             "charges": _charges(quoted, offer)}
        )  # fmt: skip
    return {
        "commodity": first.commodity.value,
        "currency": first.currency,
        "from": quoted.terms.start_date,
        "to": quoted.terms.end_date,
        "prices_of": quoted.terms.prices_of,
        "attributes": dict(quoted.terms.attributes),
        "against": None if against is None else {"tariff": against.tariff_id, "is_present": against == present},
        "ranked": rows,
        "not_ranked": [{"tariff": name, "reason": reason, "detail": detail} for name, (reason, detail) in why.items()],
    }


def _first(offers: Offers, commodity: Commodity | None) -> Offer:
    """Return the offer whose commodity, currency and zone the comparison has."""
    fit = [offer for offer in offers.items if commodity in (None, offer.commodity)]
    if not fit:
        said = "a tariff" if commodity is None else f"a tariff of {commodity.value}"
        raise ConfigError(f"expected {said} to compare, found none", hint="name tariffs, or --all of the workspace")
    return fit[0]


def _why_not(offers: Offers, quoted: Quoted, first: Offer) -> dict[str, tuple[str, str]]:
    """Return why a tariff is not ranked: another commodity or currency, or the first month that it cannot price."""
    parked = quoted.parked.unique("tariff_id", keep="first", maintain_order=True)
    why = {
        row["tariff_id"]: (row["reason"], f"{row['month']}: {row['detail']}") for row in parked.iter_rows(named=True)
    }
    for offer in offers.items:
        if offer.commodity is not first.commodity:
            why[offer.tariff_id] = ("other_commodity", f"it prices {offer.commodity.value}")
        elif offer.currency != first.currency:
            why[offer.tariff_id] = ("other_currency", f"its amounts are {offer.currency}, not {first.currency}")
    return {offer.tariff_id: why[offer.tariff_id] for offer in offers.items if offer.tariff_id in why}


def _charges(quoted: Quoted, offer: Offer) -> list[dict[str, Any]]:
    sums = (
        quoted.lines.filter((pl.col("tariff_id") == offer.tariff_id) & pl.col("memo_minor").is_null())
        .group_by("component_id", maintain_order=True)
        .agg(pl.col("line_text").first(), pl.col("amount_minor").sum())
    )
    return [
        {"charge": charge, "text": text, "amount": money(minor, offer.currency), "amount_minor": minor}
        for charge, text, minor in sums.iter_rows()
    ]


def _agreement(connection: Connection, account: str, known_at: datetime) -> dict[str, Any]:
    """Return the latest agreement of an account that has one at a time, or an agreement by its own name."""
    named = (pl.col("account_id") == account) | (pl.col("agreement_id") == account)
    begun = pl.col("start_date") <= known_at.date()
    found = facts(connection, "agreements", known_at=known_at).filter(named & begun).sort("start_date", "agreement_id")
    if found.is_empty():
        raise ConfigError(f"account `{account}`: expected an account or agreement that has begun, found none")
    latest = found.unique("service_point_id", keep="last", maintain_order=True)
    if latest.height > 1:
        told = ", ".join(f"{row['agreement_id']} ({row['tariff_id']})" for row in latest.iter_rows(named=True))
        raise ConfigError(
            f"account `{account}`: expected one place that is supplied, found agreements {told}",
            hint=f"name one of them: --account {latest['agreement_id'][0]}",
        )
    return latest.row(0, named=True)


def _days(terms: Mapping[str, Any], today: date) -> tuple[date, date]:
    end = terms["end_date"] or today.replace(day=1)
    before = end.replace(year=end.year - 1) if (end.month, end.day) != (2, 29) else date(end.year - 1, 2, 28)
    return terms["start_date"] or before, end


def _reads_of(
    connection: Connection, workspace: Workspace, present: Mapping[str, Any], start: date, end: date,
    known_at: datetime,
) -> RatingInput:  # fmt: skip
    """Return reads, attributes and history of the agreement's service point."""
    accounts = facts(connection, "accounts", known_at=known_at).filter(pl.col("account_id") == present["account_id"])
    cycle = Cycle("compare", accounts["bill_group"][0], start, end, start, end)
    mine = (pl.col("service_point_id") == present["service_point_id"]) & (pl.col("account_id") == present["account_id"])
    gathered = gather_unplanned(connection, workspace, cycle, mine, (), known_at)
    if gathered is None:
        raise ConfigError(f"account `{present['account_id']}` was not supplied from {start} to {end}")
    (only,) = gathered.partitions  # an account is never split
    return gathered.rating_input(only)


def _days_read(given: RatingInput, start: date, end: date) -> tuple[date, date]:
    """Return the days asked for, cut to those from the first to the last that was read."""
    spans = [frame.select(pl.col("day").min(), pl.col("day").max().dt.offset_by("1d").alias("after"))
             for frame in given.days.values() if frame.height]  # fmt: skip
    if given.usage.height:
        spans.append(given.usage.select(pl.col("from_date").min().alias("day"), pl.col("to_date").max().alias("after")))
    if not spans:
        raise ConfigError(f"expected reads from {start} to {end}, found none", hint="choose other days: --from, --to")
    first, after = pl.concat(spans).select(pl.col("day").min(), pl.col("after").max()).row(0)
    return max(start, first), min(end, after)


def _known_attributes(given: RatingInput, offers: Offers) -> dict[str, str]:
    """Return what the contract says on its last day and some tariff asks for."""
    asked = offers.book.attributes["name"].unique().implode()
    latest = given.attributes.filter(pl.col("name").is_in(asked)).sort("start_date").unique("name", keep="last")
    return {row["name"]: row["text"] or str(row["number"].normalize()) for row in latest.iter_rows(named=True)}


def _use(given: RatingInput, present: Mapping[str, Any]) -> Use:
    due = given.due.row(0, named=True)
    usage = arranged(RegisterUsage, given.usage)
    channels = given.channels.unique("channel_no", keep="first").sort("channel_no")
    return Use(
        due["tz_name"], due["commodity"], channels, given.days, usage,
        given.history.filter(pl.col("service_point_id") == present["service_point_id"]),
    )  # fmt: skip
