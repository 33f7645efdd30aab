"""`run`: what runs there are, and one of them."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.context import HERE, JsonOption, WorkspaceOption, command_group, open_books, print_result

run_app = command_group("Runs: list, show, and the partitions of one.")


@run_app.command("list")
def run_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the runs.

    Example: `billmill run list`
    """
    from cycles.status import all_runs
    from outputs.console import print_frame

    frame = all_runs(open_books(workspace))
    nothing = "no runs yet: billmill cycle plan CYCLE --business-date DATE"
    print_result(json, frame, lambda: print_frame(frame.drop("total_minor"), nothing=nothing))


@run_app.command("show")
def run_show(
    run: Annotated[str, typer.Argument(help="Run.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show a run: control totals by branch and commodity, what is parked and why.

    Example: `billmill run show bill-2026-10-20261104-1`
    """
    from cycles.status import run_details
    from outputs.screens import print_run

    found = run_details(open_books(workspace), run)
    sheet = found.summary.named() if found.summary else {}
    print_result(json, found.row | sheet, lambda: print_run(found.facts, found.summary))


@run_app.command("partitions")
def run_partitions(
    run: Annotated[str, typer.Argument(help="Run, as `cycle plan` named it.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show the partitions of a run: computed or not, by whom and where, how long, how often tried and why.

    Example: `billmill run partitions bill-2026-10-20261104-1`
    """
    from cycles.runs.partitions import partitions_of
    from outputs.console import print_frame

    frame = partitions_of(open_books(workspace), run)
    print_result(json, frame, lambda: print_frame(frame, nothing="the plan has no partitions"))
