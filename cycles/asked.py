"""What an operator asked to see: a filter that names nothing there is a slip, not an empty list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from model.errors import ConfigError
from store.control import Connection, query

_KNOWN = {
    "account": "SELECT DISTINCT account_id AS name FROM accounts",
    "branch": "SELECT DISTINCT branch_id AS name FROM branches",
    "cycle": "SELECT DISTINCT cycle_id AS name FROM cycles UNION SELECT cycle_id FROM run",
    "run": "SELECT run_id AS name FROM run",
    "service point": "SELECT DISTINCT service_point_id AS name FROM service_points",
    "tariff": "SELECT DISTINCT tariff_id AS name FROM tariff_file UNION SELECT tariff_id FROM agreements",
}
_NAMED_MOST = 20


def check_option(option: str, asked: Iterable[str], allowed: Iterable[str]) -> None:
    """Check that values of an option are among those it has.

    Raises:
        ConfigError: names the first that is not, and all that are.
    """
    names = list(allowed)
    for value in asked:
        if value not in names:
            raise ConfigError(f"option {option}: expected one of {', '.join(names)}, found `{value}`")


def check_known(connection: Connection, what: str, asked: Iterable[str]) -> None:
    """Check that accounts, branches, cycles, runs, service points or tariffs were ever known.

    Raises:
        ConfigError: names the first that was not.
    """
    values = list(asked)
    if not values:
        return
    names = query(connection, _KNOWN[what])["name"].drop_nulls().unique().sort()
    for value in values:
        if value not in names:
            listed = ", ".join(names.head(_NAMED_MOST).to_list()) or "none"
            many = "branches" if what == "branch" else f"{what}s"
            more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
            raise ConfigError(f"{what} `{value}` is not known", hint=f"known {many}: {listed}{more}")


def check_order(first: date | None, after: date | None) -> None:
    """Check that the days from `first` to the one before `after` are not empty.

    Raises:
        ConfigError: they are.
    """
    if first is not None and after is not None and after <= first:
        raise ConfigError(f"the days from {first} to {after} are empty", hint="--to is the day after the last")


def check_why(why: str) -> None:
    """Check that a reason is given.

    Raises:
        ConfigError: it is blank.
    """
    if not why.strip():
        raise ConfigError("option --why: expected a reason, found none", hint="say it in a sentence; it is kept")
