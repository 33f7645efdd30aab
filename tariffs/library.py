"""The tariff commands on a workspace: files in, shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from model.codes import TariffState
from model.errors import InputError
from store.audit import record
from store.control import control, transaction
from store.files import read_bytes
from store.workspace import Workspace
from tariffs.catalogue import add_tariff, known_texts, load_tariff
from tariffs.dated_csv import RowsAdded
from tariffs.events import add_events, list_events
from tariffs.factors import add_factors
from tariffs.file import parse_tariff
from tariffs.interval_prices import add_prices, list_prices
from tariffs.sheet import TariffFile
from tariffs.show import TariffPage, describe
from tariffs.states import VersionState, version_states


def add_tariff_files(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    at: datetime,
    actor: str,
    prove: Callable[[TariffFile, str], None],
) -> list[dict[str, Any]]:
    """Check and add tariff files in one transaction: all of them, or none.

    `prove` rates the examples of a tariff (it is given the file's name for messages) and raises when one fails:
    rating stands above this package.

    Raises:
        TariffError: a file cannot be used, or one of its examples fails.
    """
    added = []
    texts = [(path, tariff_text(path)) for path in sorted(paths)]
    with control(workspace, purpose="tariff add") as connection:
        known = known_texts(connection)
    for path, text in texts:
        if text not in known:  # what is in the catalogue was proved when it was added
            prove(parse_tariff(text, path.name), path.name)
    with control(workspace, purpose="tariff add") as connection, transaction(connection):
        for path, text in texts:
            outcome = add_tariff(connection, text, path.name, recorded_at=at, recorded_by=actor)
            versions, warnings = ", ".join(outcome.version_ids), "; ".join(outcome.warnings)
            added.append(
                {"file": path.name, "tariff": outcome.tariff_id, "outcome": outcome.outcome, "versions": versions,
                 "warnings": warnings}
            )  # fmt: skip
            if outcome.outcome != "unchanged":
                record(connection, at=at, actor=actor, action="add_tariff", subject=outcome.tariff_id, detail=versions)
    return added


def add_factor_file(workspace: Workspace, path: Path, *, at: datetime, actor: str) -> RowsAdded:
    """Add the values of a CSV file of dated factors.

    Raises:
        InputError: the file is not such a CSV.
    """
    data = read_bytes(path)
    with control(workspace, purpose="tariff factor add") as connection, transaction(connection):
        added = add_factors(connection, data, path.name, recorded_at=at, recorded_by=actor)
        if added.new or added.changed:
            record(connection, at=at, actor=actor, action="add_factors", subject=path.name, detail=added.detail)
    return added


def add_event_file(workspace: Workspace, path: Path, *, at: datetime, actor: str) -> RowsAdded:
    """Add the events of a CSV file.

    Raises:
        InputError: the file is not such a CSV.
    """
    return _add_feed(workspace, path, add_events, "add_events", at=at, actor=actor)


def add_price_file(workspace: Workspace, path: Path, *, at: datetime, actor: str) -> RowsAdded:
    """Add the interval prices of a CSV file.

    Raises:
        InputError: the file is not such a CSV.
    """
    return _add_feed(workspace, path, add_prices, "add_prices", at=at, actor=actor)


def _add_feed(
    workspace: Workspace, path: Path, add: Callable[..., RowsAdded], action: str, *, at: datetime, actor: str
) -> RowsAdded:
    data = read_bytes(path)
    with control(workspace, purpose=action.replace("_", " ")) as connection, transaction(connection):
        added = add(connection, data, path.name, recorded_at=at)
        if added.new or added.changed:
            record(connection, at=at, actor=actor, action=action, subject=path.name, detail=added.detail)
    return added


def known_events(workspace: Workspace) -> pl.DataFrame:
    """Return the series of events: see `tariffs.events.list_events`."""
    with control(workspace, purpose="tariff event list") as connection:
        return list_events(connection)


def known_prices(workspace: Workspace) -> pl.DataFrame:
    """Return the price series: see `tariffs.interval_prices.list_prices`."""
    with control(workspace, purpose="tariff series list") as connection:
        return list_prices(connection)


def describe_file(path: Path) -> TariffPage:
    """Return a tariff file as a page for a person; it need not be in a workspace.

    Raises:
        TariffError: the file cannot be used.
    """
    return describe(parse_tariff(tariff_text(path), path.name))


def describe_tariff(workspace: Workspace, tariff_id: str) -> TariffPage:
    """Return a tariff of the workspace as a page for a person: the file added last, and where its versions stand.

    Raises:
        TariffError: there is no such tariff.
    """
    with control(workspace, purpose="tariff show") as connection:
        file = load_tariff(connection, tariff_id)
        states = version_states(connection, tariffs=[tariff_id])
    return describe(file, {one.valid_from: _state_text(one) for one in states})


def _state_text(one: VersionState) -> str:
    match one.state:
        case TariffState.APPROVED:
            return f"approved by {one.approved_by}"
        case TariffState.RETIRED:
            return f"retired from {one.own_end}: {one.reason}"
        case _:
            return f"draft, added by {one.added_by}"


def tariff_text(path: Path) -> str:
    """Return the text of a tariff file.

    Raises:
        InputError: the file cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"tariff file `{path.name}`: expected UTF-8 text, found another byte at {error.start}"
        raise InputError(message, hint="save it as UTF-8") from error
