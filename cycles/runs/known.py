"""The facts from which cycles select what they bill: those of the whole base, or of the places of a few groups.

A night bills one group of twenty; reading the other nineteen would take longer than billing the one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from accounts.selection import SELECTED_FROM, Cycle
from store.control import Connection, query
from store.facts import facts

_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_KNOWN = "recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)"
# Accounts that can be in some groups: their own, one that a change gave them, or that of a route of their places.
_ACCOUNTS = f"""
    WITH asked AS (SELECT unnest(?) AS bill_group)
    SELECT account_id FROM accounts SEMI JOIN asked USING (bill_group) WHERE {_KNOWN}
    UNION SELECT account_id FROM group_change WHERE {_KNOWN}
    UNION SELECT account_id
    FROM (SELECT account_id, service_point_id FROM agreements WHERE {_KNOWN})
    SEMI JOIN (
        SELECT service_point_id FROM (SELECT service_point_id, route FROM service_points WHERE {_KNOWN})
        SEMI JOIN (SELECT route FROM routes SEMI JOIN asked USING (bill_group) WHERE {_KNOWN}) USING (route)
    ) USING (service_point_id)
"""
_PLACES = f"""
    SELECT DISTINCT service_point_id FROM agreements SEMI JOIN chosen_accounts USING (account_id) WHERE {_KNOWN}
    ORDER BY service_point_id
"""


def selectable(
    connection: Connection, cycles: Sequence[Cycle] | None = None, *, known_at: datetime | None = None
) -> dict[str, pl.DataFrame]:
    """Return the tables from which cycles select what is due (`accounts.selection.select_due`), as known at a time.

    Asked for some `cycles`, tables of accounts, agreements and places may hold only what these can bill, with all
    agreements of these places.
    """
    places = None if cycles is None else _places(connection, sorted({cycle.bill_group for cycle in cycles}), known_at)
    if places is None:
        return {table: facts(connection, table, known_at=known_at) for table in SELECTED_FROM}
    agreements = facts(connection, "agreements", known_at=known_at, among=places)
    known = {
        "agreements": agreements,
        "accounts": facts(connection, "accounts", known_at=known_at, among=agreements["account_id"]),
        "service_points": facts(connection, "service_points", known_at=known_at, among=places),
        "opening_dates": facts(connection, "opening_dates", known_at=known_at, among=agreements["agreement_id"]),
    }
    return known | {table: facts(connection, table, known_at=known_at) for table in SELECTED_FROM if table not in known}


def _places(connection: Connection, groups: Sequence[str], known_at: datetime | None) -> pl.Series | None:
    """Return the service points of all accounts that can be in these groups; None when these are most accounts."""
    at = known_at or _LATEST
    accounts = query(connection, _ACCOUNTS, [list(groups), *[at] * (_ACCOUNTS.count("?") - 1)])
    known = query(connection, f"SELECT count(*) FROM accounts WHERE {_KNOWN}", [at, at]).item()
    if 2 * accounts.height > known:
        return None
    connection.register("chosen_accounts", accounts.to_arrow())
    try:
        return query(connection, _PLACES, [at, at])["service_point_id"]
    finally:
        connection.unregister("chosen_accounts")
