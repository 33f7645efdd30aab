"""`billmill tariff event` and `billmill tariff series`: what tariffs take from outside, interval by interval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    JsonOption,
    WorkspaceOption,
    command_group,
    now,
    open_books,
    print_result,
    who_acts,
)
from model.errors import ExitCode

if TYPE_CHECKING:
    from tariffs.dated_csv import RowsAdded

event_app = command_group("Events called outside the tariffs: critical peaks, system peaks.")
series_app = command_group("Price series that change by the hour or faster.")


@event_app.command("add")
def tariff_event_add(
    file: Annotated[Path, typer.Argument(help="CSV: event_series, start, end, source and, if need be, zone.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Add events, such as critical peaks, whose hours a tariff prices as a period of their own.

    A row for a start that is known replaces that event; an end `cancelled` calls it off.

    Example: `billmill tariff event add data/samples/tariffs/events.csv`
    """
    from tariffs.library import add_event_file

    _tell(add_event_file(open_books(workspace), file, at=now(), actor=who_acts(by)), json=json)


@event_app.command("list")
def tariff_event_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the series of events: how many, how many were called off, the first and the last.

    Example: `billmill tariff event list`
    """
    from outputs.console import print_frame
    from tariffs.library import known_events

    frame = known_events(open_books(workspace))
    print_result(json, frame, lambda: print_frame(frame, nothing="no events"))


@series_app.command("add")
def tariff_series_add(
    file: Annotated[
        Path, typer.Argument(help="CSV: series_id, start, value, source and, if need be, interval_minutes, zone.")
    ],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Add prices of intervals (60, 30, 15, 10 or 5 minutes), such as those of a day-ahead market.

    A row for a start that is known replaces its price; bills of before stay as they are.

    Example: `billmill tariff series add data/samples/tariffs/day-ahead.csv`
    """
    from tariffs.library import add_price_file

    _tell(add_price_file(open_books(workspace), file, at=now(), actor=who_acts(by)), json=json)


@series_app.command("list")
def tariff_series_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the price series: length of their intervals, number of prices, from when to when.

    Example: `billmill tariff series list`
    """
    from outputs.console import print_frame
    from tariffs.library import known_prices

    frame = known_prices(open_books(workspace))
    print_result(json, frame, lambda: print_frame(frame, nothing="no price series"))


def _tell(added: RowsAdded, *, json: bool) -> None:
    """Print what an addition did; exit code 3 when rows were rejected."""
    from outputs.screens import print_counts

    counts, rejects = {"new": added.new, "changed": added.changed, "same": added.same}, added.rejected
    print_result(json, {**counts, "rejects": rejects}, lambda: print_counts(counts, rejects))
    if rejects.height:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)
