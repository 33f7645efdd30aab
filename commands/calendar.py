"""`cycle calendar`, `list` and `ready`: a year of cycles, where each stands, whether one can be billed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    JsonOption,
    WorkspaceOption,
    now,
    open_books,
    print_result,
    talk,
    who_acts,
)
from model.errors import ConfigError, ExitCode

BranchesOption = Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; may be repeated.")]
DateOption = Annotated[
    datetime | None,
    typer.Option("--business-date", formats=["%Y-%m-%d"], help="Date to look from.", show_default="today"),
]


def cycle_calendar(
    year: Annotated[int, typer.Option("--year", min=1990, max=2200, help="Year of the cycles.")],
    groups: Annotated[int | None, typer.Option("--groups", min=1, help="So many groups: G01, G02, ...")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group by its name; may be repeated.")] = None,
    branch: Annotated[
        list[str] | None, typer.Option("--branch", help="Cycles for this branch alone; may be repeated.")
    ] = None,
    holidays: Annotated[
        Path | None, typer.Option("--holidays", help="CSV file: date, name and perhaps branch.")
    ] = None,
    by_month: Annotated[
        bool, typer.Option("--by-month", help="Bill calendar months, not from reading day to reading day.")
    ] = False,
    read_days: Annotated[int, typer.Option("--read-days", min=1, help="Working days on which meters are read.")] = 2,
    open_after: Annotated[
        int, typer.Option("--open-after", min=0, help="Working days from the reading day to the window.")
    ] = 1,
    window_days: Annotated[int, typer.Option("--window-days", min=1, help="Working days of the window.")] = 6,
    estimate_after: Annotated[
        int, typer.Option("--estimate-after", min=0, help="Working days of the window without estimates.")
    ] = 3,
    bill_after: Annotated[
        int, typer.Option("--bill-after", min=0, help="Working days from the window's first to the bill date.")
    ] = 0,
    due_days: Annotated[
        int | None, typer.Option("--due-days", min=0, show_default="payment days", help="Days from bill to due date.")
    ] = None,
    weekend: Annotated[str, typer.Option("--weekend", help="Days on which nobody works.")] = "sat,sun",
    out: Annotated[Path | None, typer.Option("--out", help="Write it as a cycles.csv to look over and import.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Take it into the books.")] = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Make a year of cycles around weekends and holidays; the same rules make the same calendar.

    Shows it, unless `--out` writes it or `--apply` takes it into the books. Groups are spread over the working days of
    a month.

    Example: `billmill cycle calendar --year 2027 --groups 20 --holidays holidays.csv --out cycles.csv`
    """
    from accounts.calendar import CalendarRules, group_names, make_calendar, weekdays_of
    from accounts.holidays import read_holidays
    from outputs.console import print_frame
    from store.files import write_bytes_atomic

    if (groups is None) == (not group):
        raise ConfigError("expected either --groups NUMBER or --group NAME", hint="for example --groups 20")
    rules = CalendarRules(
        year, tuple(group) if group else group_names(groups or 0), tuple(branch or ()), by_month, read_days, open_after,
        estimate_after, bill_after, window_days, due_days, weekdays_of([day for day in weekend.split(",") if day]),
    )  # fmt: skip
    cycles = make_calendar(rules, read_holidays(holidays)) if holidays else make_calendar(rules)
    if out is not None:
        write_bytes_atomic(out.resolve(), cycles.write_csv().encode())
        talk(f"written to {out}; next: billmill accounts import {out}")
    if apply:
        from cycles.nights.calendar import keep_calendar

        counts = keep_calendar(open_books(workspace), cycles, at=now(), actor=who_acts(by))
        talk(f"{counts.new} cycles new, {counts.changed} changed, {counts.same} known already")
    print_result(json, cycles, lambda: print_frame(cycles, limit=cycles.height))
    if out is None and not apply:
        talk("shown only; --out FILE writes it, --apply takes it into the books")


def cycle_list(
    business_date: DateOption = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="upcoming, open or closed; may be repeated.")
    ] = None,
    branch: BranchesOption = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """List the calendar with what each cycle has come to: accounts billed, waiting for approval, parked, unbilled.

    Cycles that closed more than two months before are listed with `--state closed`.

    Example: `billmill cycle list --state open --business-date 2026-11-04`
    """
    from cycles.nights.calendar import list_cycles, nothing_listed
    from outputs.console import print_frame

    for word in state or ():
        if word not in {"upcoming", "open", "closed"}:
            raise ConfigError(f"--state: expected upcoming, open or closed, found `{word}`")
    day = (business_date or now()).date()
    opened = open_books(workspace)
    frame = list_cycles(opened, day, branches=tuple(branch or ()), states=tuple(state or ()))
    shown = frame.drop("estimate_date", "bill_date", "due_date")
    nothing = "" if frame.height else nothing_listed(opened, day)
    print_result(json, frame, lambda: print_frame(shown, nothing=nothing))


def cycle_ready(
    cycle: Annotated[str, typer.Option("--cycle", help="Cycle of the calendar.")],
    business_date: DateOption = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Check what a cycle needs before its night: window, reads, validation, tariffs, approvals.

    Exit code 3 when something is missing; the night bills what it can and parks the rest.

    Example: `billmill cycle ready --cycle 2026-10 --business-date 2026-11-04`
    """
    from cycles.nights.ready import cycle_ready as checked_cycle
    from outputs.console import print_frame

    frame = checked_cycle(open_books(workspace), cycle, (business_date or now()).date())
    print_result(json, frame, lambda: print_frame(frame))
    if not frame["is_ready"].all():
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)
