"""The tariff commands on a workspace: files in, shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from model.codes import TariffState
from model.errors import ConfigError, InputError
from store.audit import record
from store.control import control, transaction
from store.files import read_bytes
from store.workspace import Workspace
from tariffs.catalogue import add_tariff, files_about_riders, known_texts, load_riders, load_tariff
from tariffs.dated_csv import RowsAdded
from tariffs.events import add_events, list_events
from tariffs.factors import add_factors
from tariffs.file import parse_tariff
from tariffs.interval_prices import add_prices, list_prices
from tariffs.lifecycle import Prove
from tariffs.riders import attached_or_refused, missing_riders
from tariffs.sheet import TariffFile
from tariffs.show import TariffPage, describe
from tariffs.states import VersionState, version_states

# Opened only when it is needed; raises `ConfigError` where there is none.
Opener = Callable[[], Workspace]


def add_tariff_files(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    at: datetime,
    actor: str,
    prove: Prove,
) -> list[dict[str, Any]]:
    """Check and add tariff files in one transaction: all of them, or none.

    A tariff is proved with its riders, which are among the files or in the catalogue; so is again each tariff of the
    catalogue that attaches one of the files.

    `prove` rates the examples of all of them: rating stands above this package.

    Raises:
        TariffError: a file cannot be used, a rider is missing or does not go with a tariff, or an example fails.
    """
    added = []
    texts = [(path, tariff_text(path)) for path in sorted(paths)]
    with control(workspace, purpose="tariff add") as connection:
        known, about_riders = known_texts(connection), files_about_riders(connection)
    # What is in the catalogue was proved when it was added.
    new = [(path.name, parse_tariff(text, path.name)) for path, text in texts if text not in known]
    for refused in prove([(file, name) for name, file in _whole(new, about_riders)]):
        if refused is not None:
            raise refused
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


def _whole(
    new: Sequence[tuple[str, TariffFile]], about_riders: Sequence[tuple[str, TariffFile]]
) -> list[tuple[str, TariffFile]]:
    """Return what is to be proved, with riders attached: new files, and known tariffs that attach one of them."""
    ids = {file.tariff for _, file in new}
    kept = [(name, file) for name, file in about_riders if file.tariff not in ids]
    riders = [file for _, file in [*new, *kept] if file.rider or file.tariff in ids]
    touched = [(name, file) for name, file in kept if not ids.isdisjoint(file.riders)]
    return [(name, attached_or_refused(file, riders, name)) for name, file in [*new, *touched]]


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


def whole_tariff(
    file: TariffFile, path: Path, *, given: Sequence[TariffFile] = (), workspace: Opener | None = None
) -> TariffFile:
    """Return a tariff file with its riders attached: those given, those beside it as ID.toml, those of the workspace.

    The workspace is opened when a rider is found nowhere else; there need not be one.

    Raises:
        InputError: a rider's file cannot be read.
        TariffError: a rider is missing, cannot be used, or does not go with the tariff.
    """
    riders = [rider for rider in given if rider.tariff in file.riders]
    for name in missing_riders(file, riders):
        if (beside := path.parent / f"{name}.toml").is_file():
            riders.append(parse_tariff(tariff_text(beside), beside.name))
    if (missing := missing_riders(file, riders)) and workspace is not None:
        with suppress(ConfigError), control(workspace(), purpose="tariff check") as connection:
            riders += [rider for rider in load_riders(connection) if rider.tariff in missing]
    return attached_or_refused(file, riders, path.name)


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
