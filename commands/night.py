"""`cycle night`: what is due on a business date, for cron, systemd and Airflow."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.context import (
    HERE,
    AddressOption,
    ByOption,
    JsonOption,
    RunnerOption,
    WorkspaceOption,
    now,
    open_books,
    progress_shown,
    talk,
    who_acts,
    workers_asked,
)
from model.codes import RunnerName
from model.errors import ExitCode

if TYPE_CHECKING:
    from cycles.nights.manifest import NightReport


def cycle_night(
    business_date: Annotated[
        datetime, typer.Option("--business-date", formats=["%Y-%m-%d"], help="Date of the night; never the clock's.")
    ],
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only this branch; may be repeated.")] = None,
    inbox: Annotated[
        Path | None, typer.Option("--inbox", help="Folder of meter files.", show_default="inbox in the workspace")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, show_default="cores", help="Processes.")] = None,
    runner: RunnerOption = RunnerName.LOCAL,
    address: AddressOption = None,
    max_exceptions: Annotated[
        int | None, typer.Option("--max-exceptions", min=0, help="Exit code 3 when more accounts are parked or left.")
    ] = None,
    skip_code: Annotated[
        int | None, typer.Option("--skip-code", min=1, max=255, help="Exit code when there was nothing to do.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Do all that is due on a date: publish what was approved, land the inbox, validate, plan and run open cycles.

    Approves nothing: what waits for a person stays waiting and is told of on stderr. Parked accounts are tried again;
    what a closed window left unbilled becomes an exception. Called again it does nothing; killed, it goes on.
    The last line of stdout is the summary; `nights/DATE/run.json` holds all of it.

    Exit codes: 0 done; 3 more exceptions than --max-exceptions; 4 controls do not meet; 20 stopped by SIGTERM, call it
    again; 75 another night is running.

    Example: `billmill cycle night --business-date 2026-11-04 --inbox /var/spool/meters --json`
    """
    from cycles.nights.bill import NightRequest
    from cycles.nights.night import run_night
    from cycles.nights.stop import stopped_by_signal
    from cycles.runners.chosen import runner_asked

    books = open_books(workspace)
    request = NightRequest(
        business_date.date(), tuple(sorted(branch or ())), workers_asked(workers), now(), who_acts(by),
        runner_asked(runner, address),
    )  # fmt: skip
    with progress_shown(json) as shown, stopped_by_signal(shown) as progress:
        report = run_night(books, request, progress, inbox=inbox)
    _tell(report, as_json=json)
    code = report.exit_code(max_exceptions)
    if code != ExitCode.DONE:
        raise typer.Exit(code)
    if skip_code is not None and not report.is_new:
        raise typer.Exit(skip_code)


def _tell(report: NightReport, *, as_json: bool) -> None:
    from outputs.night_summary import night_line, night_notes

    for note in night_notes(report.content):
        talk(note)
    print(night_line(report.content, report.path, is_new=report.is_new, as_json=as_json))
