"""`billmill reads estimate`: readings of registers that did not come."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from commands.context import HERE, ByOption, JsonOption, WorkspaceOption, now, open_books, print_result, talk, who_acts
from model.errors import ExitCode


def reads_estimate(
    on: Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="Day at whose start they should hold.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show; land nothing.")] = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Estimate the readings of registers that should be there on a day and are not.

    The rule set orders the methods: between two readings, from intervals beside, from last year, average daily use,
    that of the class. Done again after a reading came later, the estimate is made anew between both. Exit code 3 when
    some could not be estimated.

    Example: `billmill reads estimate --on 2026-11-01`
    """
    from ingest.estimates.register_estimates import estimate_registers
    from outputs.console import print_frame

    report = estimate_registers(open_books(workspace), on=on.date(), at=now(), actor=who_acts(by), is_trial=dry_run)
    counts = report.made.group_by("method").len("readings").sort("method")
    value = {"load": report.seq, "made": report.made, "refused": report.refused}
    print_result(json, value, lambda: print_frame(counts, nothing="no reading to estimate"))
    talk(None if dry_run or report.seq is None else f"landed as load {report.seq}")
    if report.refused.height:
        by_reason = report.refused.group_by("reason").len("readings").sort("reason")
        talk("not estimated: " + ", ".join(f"{count} {reason}" for reason, count in by_reason.iter_rows()))
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)
