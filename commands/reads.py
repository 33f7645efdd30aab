"""`reads`: inspect and land files, validate and estimate, report; edits, routes and rules beside it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.context import (
    HERE,
    AddressOption,
    ByOption,
    JsonOption,
    MappingOption,
    RunnerOption,
    WorkspaceOption,
    command_group,
    now,
    open_books,
    print_result,
    progress_shown,
    reading_of,
    who_acts,
    workers_asked,
)
from commands.edits import reads_edit
from commands.estimates import reads_estimate
from commands.inspect import reads_inspect
from commands.routes import route_app
from commands.rules import rules_app
from commands.vee_array import reads_vee_block, reads_vee_commit, reads_vee_plan
from model.codes import RunnerName

reads_app = command_group("Meter reads: inspect and land files, validate and estimate, edit.")
reads_app.add_typer(route_app, name="route")
reads_app.command("edit")(reads_edit)
reads_app.command("estimate")(reads_estimate)
reads_app.add_typer(rules_app, name="rules")


@reads_app.command("land")
def reads_land(
    files: Annotated[list[Path], typer.Argument(help="Meter files of any format, or .zip and .gz of them.")],
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    mapping: MappingOption = None,
    carry: Annotated[
        bool,
        typer.Option("--carry", help="Carry what is finer than the smallest unit to the next interval of the day."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Land meter files: parse, match to channels, store. Landing a file again changes nothing.

    Bad lines go to quarantine with file, line and reason. Exit code 3 when there were any, 2 when no file was usable.
    A file lands again when it is read otherwise: by another mapping, or with `--carry`.

    Example: `billmill reads land reads/*.csv`
    """
    from commands.landing import land_and_tell

    land_and_tell(
        files, open_books(workspace), by=who_acts(by), json=json, reading=reading_of(mapping), is_carried=carry
    )


reads_app.command("inspect")(reads_inspect)


@reads_app.command("vee")
def reads_vee(
    from_date: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day judged.")],
    to_date: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Day after the last.")],
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, show_default="cores", help="Threads; on Ray, processes.")
    ] = None,
    runner: RunnerOption = RunnerName.LOCAL,
    address: AddressOption = None,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Validate intervals, estimate gaps, keep the findings. What was good is never written again.

    Example: `billmill reads vee --from 2026-10-01 --to 2026-11-01`
    """
    from cycles.runners.chosen import runner_asked
    from cycles.runners.vee_blocks import judging
    from ingest.vee.run import run_vee
    from outputs.reads_report import vee_figures, vee_findings
    from outputs.screens import print_vee

    first, after, opened = from_date.date(), to_date.date(), open_books(workspace)
    asked = runner_asked(runner, address)
    with progress_shown(json) as progress, judging(opened, asked, progress) as judge:
        progress.about(f"{first}..{after}")
        report = run_vee(
            opened,
            from_date=first,
            to_date=after,
            received_at=now(),
            progress=progress,
            actor=who_acts(by),
            workers=workers_asked(workers),
            judge=judge,
        )
    print_result(json, {**vee_figures(report), "findings": vee_findings(report)}, lambda: print_vee(report))


reads_app.command("vee-plan")(reads_vee_plan)
reads_app.command("vee-block")(reads_vee_block)
reads_app.command("vee-commit")(reads_vee_commit)


@reads_app.command("report")
def reads_report(
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    run: Annotated[int | None, typer.Option("--run", help="Run of VEE, by its load.", show_default="the last")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write a run of VEE as one page: counts, shares by day, the worst findings with plots, channels with trouble.

    The file loads nothing from outside; it opens in any browser, light or dark, and prints on A4.

    Example: `billmill reads report --out vee.html`
    """
    from cycles.work.vee_report import vee_report
    from outputs.vee_html import vee_page
    from store.files import write_bytes_atomic

    page = vee_page(vee_report(open_books(workspace), run, now().date()))
    write_bytes_atomic(out.resolve(), page.encode())
    print(out)
