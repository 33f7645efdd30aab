"""Routes may say in which group an account is billed."""

from __future__ import annotations

import polars as pl

from accounts.selection import grouped_accounts

KNOWN = {
    "accounts": pl.DataFrame({"account_id": ["A1", "A2", "A3"], "bill_group": ["G1", "G1", "G1"]}),
    "agreements": pl.DataFrame({"account_id": ["A1", "A2", "A2", "A3"], "service_point_id": ["P1", "P2", "P3", "P4"]}),
    "service_points": pl.DataFrame({"service_point_id": ["P1", "P2", "P3", "P4"], "route": ["R1", "R3", "R2", "R9"]}),
}


def groups(routes: dict[str, list[str]]) -> list[str]:
    schema = {"route": pl.String, "bill_group": pl.String}
    return grouped_accounts(KNOWN | {"routes": pl.DataFrame(routes, schema=schema)})["bill_group"].to_list()


def test_without_routes_accounts_say_their_group() -> None:
    assert groups({"route": [], "bill_group": []}) == ["G1", "G1", "G1"]


def test_an_account_goes_with_the_first_of_its_routes_that_has_a_group() -> None:
    assert groups({"route": ["R1", "R2", "R3"], "bill_group": ["G7", "G8", "G9"]}) == ["G7", "G8", "G1"]
